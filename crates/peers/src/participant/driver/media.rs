//! Datagrams, audio and data packets.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use livekit_protocol as proto;
use prost::Message as _;
use proto::data_packet::Value;

use super::super::event::{Cause, ParticipantEvent};
use super::super::peer::{AudioPacket, PeerOutput};
use super::super::tap::TapHandle;
use super::Driver;

impl Driver {
    pub(super) fn received(
        &mut self,
        read: io::Result<(usize, SocketAddr)>,
        buffer: &[u8],
    ) -> Result<(), Cause> {
        // An error here is an ICMP message about something sent before; ICE notices by itself.
        let Ok((length, from)) = read else { return Ok(()) };
        if let Err(error) = self.peer.receive(Instant::now(), from, &buffer[..length]) {
            tracing::debug!(%error, "a datagram the media engine refused");
        }
        Ok(())
    }

    /// Sends what is due of the microphone.
    pub(super) fn speak(&mut self, now: Instant) {
        let Some(mouth) = self.mouth.as_mut().filter(|_| self.peer.may_speak()) else { return };
        mouth.start(now);
        while let Some(due) = mouth.next_timeout().filter(|due| *due <= now) {
            let number = mouth.upcoming();
            let Some(frame) = mouth.frame(now) else { continue };
            self.peer.send_audio(now, &frame);
            if let Some(TapHandle(tap)) = &self.config.tap {
                tap.spoke(now, number, now - due);
            }
        }
    }

    /// Does all the connection wants done; when it wants to be woken.
    pub(super) async fn drain(&mut self, now: Instant) -> Result<Instant, Cause> {
        let failed = |error: super::super::peer::PeerError| Cause::SignalLost(error.to_string());
        self.peer.handle_timeout(now).map_err(failed)?;
        self.pass(now).await;
        loop {
            match self.peer.poll_output().map_err(failed)? {
                PeerOutput::Wait(at) => return Ok(at),
                PeerOutput::Transmit { to, data } => self.send(now, to, &data).await,
                PeerOutput::Connected => self.event(ParticipantEvent::Connected),
                PeerOutput::DataReady => self.event(ParticipantEvent::DataReady),
                PeerOutput::Closed => self.event(ParticipantEvent::MediaLost),
                PeerOutput::Audio(packet) => self.audio(now, &packet),
                PeerOutput::Data { reliable, data } => self.data(reliable, &data),
            }
        }
    }

    async fn send(&mut self, now: Instant, to: SocketAddr, data: &[u8]) {
        match self.path.as_mut().filter(|_| rtp::is_media(data)) {
            Some(path) => path.push(now, to, data),
            // A full socket buffer is a lost datagram, as anywhere on the way.
            None => drop(self.socket.send_to(data, to).await),
        }
    }

    /// Sends what has come through the bad network.
    async fn pass(&mut self, now: Instant) {
        while let Some((to, data)) = self.path.as_mut().and_then(|path| path.pop(now)) {
            let _ = self.socket.send_to(&data, to).await;
        }
    }

    fn audio(&mut self, now: Instant, packet: &AudioPacket) {
        let ear = self.sections.get(&packet.mid).and_then(|track| self.ears.get_mut(track));
        let Some(ear) = ear else { return };
        if let Some(event) = ear.packet(now, packet, &self.config) {
            self.event(event);
        }
    }

    fn data(&mut self, reliable: bool, data: &[u8]) {
        let packet = match proto::DataPacket::decode(data) {
            Ok(packet) => packet,
            Err(error) => return tracing::debug!(%error, "a data packet that does not decode"),
        };
        let event = match &packet.value {
            Some(Value::SipDtmf(dtmf)) => ParticipantEvent::Digit {
                identity: self.sender(&packet),
                digit: dtmf.digit.clone(),
                code: dtmf.code,
            },
            Some(Value::RpcResponse(response)) => return self.rpcs.response(response),
            Some(Value::RpcAck(_)) => return,
            _ => ParticipantEvent::Data { reliable, packet: Box::new(packet) },
        };
        self.event(event);
    }

    fn sender(&self, packet: &proto::DataPacket) -> String {
        match packet.participant_identity.as_str() {
            "" => self.roster.identity(&packet.participant_sid).unwrap_or_default().to_owned(),
            identity => identity.to_owned(),
        }
    }
}
