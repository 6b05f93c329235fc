//! One peer connection of a client, in simulated time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::net::{Protocol, Receive, Transmit};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

pub(crate) struct Leg {
    pub(crate) rtc: Rtc,
    pub(crate) address: SocketAddr,
    pub(crate) due: Instant,
    failed: bool,
}

impl Leg {
    /// A connection that negotiates these codecs, Opus redundantly if `red`.
    pub(crate) fn new(now: Instant, address: SocketAddr, codecs: &[room::Codec], red: bool) -> Self {
        use room::Codec::{G722, Opus, Pcma, Pcmu};
        let mut rtc = RtcConfig::new()
            .set_rtp_mode(true)
            .set_stats_interval(Some(Duration::from_secs(1)))
            .clear_codecs()
            .enable_opus(codecs.contains(&Opus), red)
            .enable_pcmu(codecs.contains(&Pcmu), false)
            .enable_pcma(codecs.contains(&Pcma), false)
            .enable_g722(codecs.contains(&G722), false)
            .enable_comfort_noise(codecs.contains(&Pcmu) || codecs.contains(&Pcma))
            .enable_vp8(true)
            .enable_h264(true)
            .build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        Self { rtc, address, due: now, failed: false }
    }

    pub(crate) fn receive(&mut self, now: Instant, source: SocketAddr, data: &[u8]) {
        if let Ok(packet) = Receive::new(Protocol::Udp, source, self.address, data) {
            self.rtc.handle_input(Input::Receive(now, packet)).unwrap();
        }
    }

    pub(crate) fn timeout(&mut self, now: Instant) {
        if self.due <= now {
            self.failed |= self.rtc.handle_input(Input::Timeout(now)).is_err();
        }
    }

    /// What it wants sent, and what happened.
    pub(crate) fn poll(&mut self) -> (Vec<Transmit>, Vec<Event>) {
        let (mut packets, mut events) = (Vec::new(), Vec::new());
        if self.failed {
            self.due += Duration::from_secs(3600);
            return (packets, events);
        }
        loop {
            let Ok(output) = self.rtc.poll_output() else {
                // Its handshake timed out: nothing comes of it any more.
                self.failed = true;
                return (packets, events);
            };
            match output {
                Output::Timeout(at) => {
                    self.due = at;
                    return (packets, events);
                }
                Output::Transmit(transmit) => packets.push(transmit),
                Output::Event(event) => events.push(event),
            }
        }
    }
}
