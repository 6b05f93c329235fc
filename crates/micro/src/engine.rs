//! The WebRTC engine alone, as a room's peer uses it: what of a packet's cost is not the room's.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use peers::prepared::Coding;
use str0m::change::SdpOffer;
use str0m::net::{Protocol, Receive};
use str0m::rtp::{Extension, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

use crate::benches::{MOST, Operation};
use crate::client::Client;
use crate::talk;
use crate::world::{CLIENT, FRAME, SERVER, STEPS};

/// G.711's payload type (RFC 3551).
const PCMU: u8 = 0;

/// The server's end of a connection, and a client that publishes and listens.
struct Pair {
    rtc: Rtc,
    client: Client,
    now: Instant,
    due: Instant,
    connected: bool,
    /// Packets of audio that came.
    heard: usize,
}

/// One packet after the other to the client.
pub(crate) fn send() -> anyhow::Result<Operation> {
    let mut pair = Pair::connected()?;
    let mid = pair.client.ear.context("the client wants nothing")?;
    let payloads = talk::hum(Coding::PCMU)?;
    let payload: Arc<[u8]> = payloads.first().context("no sound")?.as_slice().into();
    let mut seq = 1_000_u64;
    Ok(Box::new(move || {
        seq += 1;
        let (now, timestamp) = (pair.now, seq as u32 * 160);
        if let Some(tx) = pair.rtc.direct_api().stream_tx_by_mid(mid, None) {
            tx.write_rtp(RtpWrite::new(PCMU.into(), seq.into(), timestamp, now, Arc::clone(&payload)));
        }
        let sent = pair.timeout();
        sent + pair.pass(FRAME)
    }))
}

/// One packet after the other from the client.
pub(crate) fn receive() -> anyhow::Result<Operation> {
    let mut pair = Pair::connected()?;
    let payloads = talk::voice(talk::FULL_BAND)?;
    let mut packets = Vec::with_capacity(MOST);
    for (index, payload) in payloads.iter().cycle().take(MOST).enumerate() {
        let at = pair.now + FRAME * u32::try_from(index)?;
        packets.push(pair.client.speak(at, 1_000 + index as u64, payload)?);
    }
    let mut packets = packets.into_iter();
    Ok(Box::new(move || {
        let Some(packet) = packets.next() else { return 0 };
        pair.receive(&packet, |data| drop(black_box(data)));
        pair.pass(FRAME);
        std::mem::take(&mut pair.heard)
    }))
}

impl Pair {
    fn connected() -> anyhow::Result<Self> {
        let now = Instant::now();
        let mut rtc = RtcConfig::new()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .enable_pcmu(true, false)
            .enable_pcma(true, false)
            .clear_extension_map()
            .set_extension(1, Extension::AudioLevel)
            .set_extension(4, Extension::RtpMid)
            .build(now);
        rtc.add_local_candidate(Candidate::host(SERVER, "udp")?);
        let mut client = Client::new(now, CLIENT)?;
        let offer = SdpOffer::from_sdp_string(&client.offer()?.sdp)?;
        client.answered(&rtc.sdp_api().accept_offer(offer)?.to_sdp_string())?;
        let mut pair = Self { rtc, client, now, due: now, connected: false, heard: 0 };
        pair.come_up()?;
        Ok(pair)
    }

    fn come_up(&mut self) -> anyhow::Result<()> {
        for _ in 0..STEPS {
            if self.connected && self.client.connected {
                return Ok(());
            }
            let mut sent = Vec::new();
            for (_, data) in self.client.poll(self.now)? {
                self.receive(&data, |data| sent.push(data));
            }
            self.rtc.handle_input(Input::Timeout(self.now))?;
            self.poll(|data| sent.push(data));
            for data in sent {
                self.client.receive(self.now, SERVER, &data)?;
            }
            self.now += Duration::from_millis(1);
        }
        bail!("the connection did not come up")
    }

    fn receive(&mut self, data: &[u8], send: impl FnMut(Vec<u8>)) {
        let Ok(packet) = Receive::new(Protocol::Udp, CLIENT, SERVER, data) else { return };
        // A refusal shows in what comes out.
        let _ = self.rtc.handle_input(Input::Receive(self.now, packet));
        self.poll(send);
    }

    /// Lets the engine do what is due or queued; returns how many datagrams came of it.
    fn timeout(&mut self) -> usize {
        let _ = self.rtc.handle_input(Input::Timeout(self.now));
        let mut sent = 0;
        self.poll(|data| {
            black_box(data);
            sent += 1;
        });
        sent
    }

    fn pass(&mut self, time: Duration) -> usize {
        let until = self.now + time;
        let mut sent = 0;
        while self.due <= until {
            self.now = self.due.max(self.now);
            sent += self.timeout();
        }
        self.now = until;
        sent
    }

    fn poll(&mut self, mut send: impl FnMut(Vec<u8>)) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    self.due = at;
                    return;
                }
                Ok(Output::Transmit(transmit)) => send(transmit.contents.into()),
                Ok(Output::Event(Event::Connected)) => self.connected = true,
                Ok(Output::Event(event)) => self.heard += usize::from(matches!(event, Event::RtpPacket(_))),
                Err(_) => return,
            }
        }
    }
}
