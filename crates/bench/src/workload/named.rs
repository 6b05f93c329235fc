//! The workloads that have a name, so that others can repeat them.

use std::time::Duration;

use peers::path::Trouble;

use super::{AgentCodec, Kind, PhoneCodec, Workload};

/// A workload with its description.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: &'static str,
    /// What it is, for whoever wants to repeat it.
    pub(crate) about: &'static str,
    /// How it differs from the first one.
    shape: fn(&mut Workload),
}

impl Named {
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        NAMED.iter().find(|named| named.name == name)
    }

    pub(crate) fn workload(&self) -> Workload {
        let mut workload = Workload { name: self.name, ..Workload::default() };
        (self.shape)(&mut workload);
        workload
    }
}

const fn named(name: &'static str, about: &'static str, shape: fn(&mut Workload)) -> Named {
    Named { name, about, shape }
}

/// All of them. The first is what the others vary.
pub(crate) static NAMED: [Named; 20] = [
    named(
        "steady",
        "8 rooms, each with one phone (G.711) and one participant who publishes Opus, full band, 32 kbit/s; \
         both speak without pause and hear one another",
        |_| {},
    ),
    named("narrowband", "steady, with Opus made from 8 kHz at 24 kbit/s", |w| {
        w.agent = AgentCodec::Narrowband
    }),
    named("pcmu", "steady, with participants who publish G.711", |w| w.agent = AgentCodec::Pcmu),
    named(
        "pauses",
        "steady, both sides speaking 45 % of the time (1.8 s of 4 s); in its pauses the phone sends noise at -66 dBFS, \
         the participant one packet every 400 ms (DTX)",
        |w| w.pauses = true,
    ),
    named("unheard", "steady, with participants who subscribe to nothing", |w| w.subscribed = false),
    named("krisp", "steady, with voice isolation asked for (krisp_enabled)", |w| w.krisp = true),
    named("srtp", "steady, with phones and a trunk that take SRTP only", |w| w.srtp = true),
    named("g722-phones", "steady, with phones that take G.722 only", |w| {
        w.phone_codec = Some(PhoneCodec::G722);
    }),
    named("opus-phones", "steady, with phones that take Opus only, full band, 32 kbit/s", |w| {
        w.phone_codec = Some(PhoneCodec::Opus);
    }),
    named("conference", "one room with 10 phones and one participant, all speaking", |w| {
        (w.rooms, w.phones) = (1, 10);
    }),
    named("audience", "one room with one phone, one participant who speaks and 100 who listen", |w| {
        (w.rooms, w.listeners, w.rate) = (1, 100, 20.0);
    }),
    named(
        "bursty",
        "steady, with participants whose audio comes in bursts: 7 frames at once every 140 ms (livekit/sip#727)",
        |w| w.bursty = true,
    ),
    named(
        "loss-1",
        "steady; 1 % of the audio packets of both sides are lost, the rest come up to 20 ms late",
        |w| {
            w.trouble = trouble(0.01, 20);
        },
    ),
    named("loss-5", "the same with 5 % and 40 ms", |w| w.trouble = trouble(0.05, 40)),
    named("loss-10", "the same with 10 % and 60 ms", |w| w.trouble = trouble(0.10, 60)),
    named(
        "storm",
        "200 calls a second for 30 s, each lasting 2 s, into rooms that are there, each with a participant who listens; \
         8 calls as in steady stay all the time",
        |w| {
            (w.kind, w.rate, w.steady) = (Kind::Storm, 200.0, Duration::from_secs(30));
            w.ring = Duration::ZERO;
        },
    ),
    named(
        "fresh-storm",
        "calls of 2 s, each into a new room that a new participant joins first; 5 a second for 8 s, then half as many \
         again and so on until one fails or setting up takes longer than 2 s",
        |w| {
            (w.kind, w.rate, w.steady) = (Kind::FreshStorm, 5.0, Duration::from_secs(8));
            w.ring = Duration::ZERO;
        },
    ),
    named("idle-rooms", "1,000 rooms made by the API, with nobody in them", |w| {
        (w.kind, w.rooms, w.phones, w.rate) = (Kind::IdleRooms, 1000, 0, 500.0);
    }),
    named("idle-participants", "200 rooms, each with a participant who neither speaks nor hears", |w| {
        (w.kind, w.rooms, w.phones, w.rate) = (Kind::IdleParticipants, 200, 0, 50.0);
    }),
    named("long", "steady for 10 minutes, with memory and CPU of each minute", |w| {
        w.steady = Duration::from_secs(600);
    }),
];

fn trouble(loss: f64, jitter_ms: u64) -> Option<Trouble> {
    Some(Trouble { loss, jitter: Duration::from_millis(jitter_ms) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once_and_gives_its_workload() {
        for named in &NAMED {
            let found = Named::find(named.name).unwrap();
            assert!(std::ptr::eq(found, named), "{} is there twice", named.name);
            assert_eq!(named.workload().name, named.name);
        }
        assert_eq!(Named::find("audience").unwrap().workload().listeners, 100);
        assert!(Named::find("nothing").is_none());
    }
}
