//! Stories of encrypted calls: two sessions, each the other's phone.

use std::collections::HashSet;
use std::time::SystemTime;

use super::*;
use crate::sdp::{self, Encryption, LocalAudio};
use rtp::srtp::LocalKeys;

struct Call {
    ours: RtpSession,
    theirs: RtpSession,
    local: LocalAudio,
    remote: LocalAudio,
    now: Instant,
}

fn side(rtp: &str, seed: u64) -> LocalAudio {
    LocalAudio {
        rtp: addr(rtp),
        session_id: seed,
        version: 1,
        codecs: AudioCodec::G711.to_vec(),
        dtmf: true,
        comfort_noise: false,
        direction: Direction::SendRecv,
        encryption: Encryption::Required(LocalKeys::generate(&mut StdRng::seed_from_u64(seed))),
    }
}

impl Call {
    fn new() -> Self {
        let now = Instant::now();
        let (local, remote) = (side("192.0.2.10:40000", 1), side("198.51.100.5:9000", 2));
        let mut call = Self { ours: new_session(1, now), theirs: new_session(2, now), local, remote, now };
        call.negotiate();
        call
    }

    /// An offer of the phone's, answered by us.
    fn negotiate(&mut self) {
        let offered = sdp::offer(&self.remote);
        let (answered, terms) = sdp::answer(&offered, &self.local).unwrap();
        self.ours.negotiate(&terms, self.now);
        self.theirs.negotiate(&sdp::accept_answer(&offered, &answered).unwrap(), self.now);
    }

    /// A frame of the phone's as it is on the wire.
    fn speak(&mut self) -> Vec<u8> {
        self.now += FRAME;
        let mut out = Vec::new();
        self.theirs.send_audio(self.now, &SILENCE, &mut out).unwrap();
        out
    }

    fn hear(&mut self, packet: &[u8]) -> bool {
        let from = self.remote.rtp;
        matches!(
            self.ours.handle_rtp(self.now, from, packet),
            Received::Audio { payload, .. } if payload == SILENCE
        )
    }
}

#[test]
fn what_is_said_is_heard_and_is_not_on_the_wire() {
    let mut call = Call::new();
    for _ in 0..100 {
        let packet = call.speak();
        assert!(!packet.windows(20).any(|bytes| bytes == [0xff; 20]));
        assert!(call.hear(&packet));
        let mut out = Vec::new();
        call.ours.send_audio(call.now, &SILENCE, &mut out).unwrap();
        let from = call.local.rtp;
        assert!(heard(call.theirs.handle_rtp(call.now, from, &out)).is_some());
    }
    assert_eq!(call.ours.stats().dropped.total(), 0);
}

#[test]
fn plain_forged_and_repeated_packets_are_dropped_and_latch_nobody() {
    let mut call = Call::new();
    let stranger = addr("203.0.113.66:6000");
    assert_eq!(call.ours.handle_rtp(call.now, stranger, &voice(0)), Received::Nothing);
    let packet = call.speak();
    assert!(call.hear(&packet), "the stranger's packet has latched nobody");
    assert!(!call.hear(&packet));
    let mut forged = call.speak();
    forged[20] ^= 1;
    assert!(!call.hear(&forged));
    let dropped = call.ours.stats().dropped;
    assert_eq!((dropped.not_authentic, dropped.duplicate), (2, 1));
    assert_eq!(call.ours.remote(), Some(call.remote.rtp));
}

#[test]
fn digits_and_reports_are_encrypted_too() {
    let mut call = Call::new();
    let mut sender = dtmf::Sender::new();
    sender.push(&"5#".parse().unwrap()).unwrap();
    let mut digits = String::new();
    let mut out = Vec::new();
    for _ in 0..400 {
        call.now += FRAME;
        let sent = match sender.step() {
            dtmf::SenderStep::Event(event) => call.theirs.send_event(call.now, &event, &mut out),
            _ => call.theirs.send_audio(call.now, &SILENCE, &mut out),
        };
        assert!(sent.is_some());
        if let Received::Digit(event) = call.ours.handle_rtp(call.now, call.remote.rtp, &out) {
            digits.push(event.digit.as_char());
        }
        if let Some(to) = call.ours.poll_rtcp(call.now, SystemTime::UNIX_EPOCH, &mut out) {
            assert_eq!(to, call.remote.rtp, "multiplexed");
            assert_eq!(call.theirs.handle_rtp(call.now, call.local.rtp, &out), Received::Nothing);
        }
    }
    assert_eq!(digits, "5#");
    assert!(call.theirs.stats().remote_lost.is_some(), "our reports were opened and understood");
}

#[test]
fn a_re_invite_with_new_keys_changes_them_without_a_gap() {
    let mut call = Call::new();
    for _ in 0..10 {
        let packet = call.speak();
        assert!(call.hear(&packet));
    }
    let on_its_way = call.speak();
    call.remote.encryption = side("198.51.100.5:9000", 3).encryption;
    call.negotiate();
    assert!(call.hear(&on_its_way));
    for _ in 0..200 {
        let packet = call.speak();
        assert!(call.hear(&packet));
    }
    // A refresh with the same keys changes nothing.
    call.negotiate();
    let packet = call.speak();
    assert!(call.hear(&packet));
    assert_eq!(call.ours.stats().dropped.total(), 0);
}

/// The encrypted audio of our next frame.
fn ciphertext(call: &mut Call) -> Vec<u8> {
    call.now += FRAME;
    let mut out = Vec::new();
    call.ours.send_audio(call.now, &SILENCE, &mut out).unwrap();
    out
}

impl Call {
    /// A re-INVITE for plain audio, or for encrypted audio with the keys from before.
    fn encrypt(&mut self, on: bool) {
        let keys = [&self.local, &self.remote].map(|side| side.encryption.keys().unwrap().clone());
        let [ours, theirs] = keys;
        self.local.encryption = Encryption::Allowed(ours);
        self.remote.encryption = Encryption::Required(theirs.clone());
        if !on {
            self.remote.encryption = Encryption::Disabled;
        }
        self.negotiate();
        self.remote.encryption = Encryption::Required(theirs);
    }
}

#[test]
fn no_part_of_a_key_s_stream_is_used_twice_when_encryption_is_switched_off_and_on_again() {
    let mut call = Call::new();
    let mut seen = HashSet::new();
    // Round the sequence numbers more than once, in each of the three parts.
    for part in 0..3 {
        for n in 0..70_000 {
            let packet = ciphertext(&mut call);
            // The same silence under the same key: alike only where the same part of its stream was used.
            assert!(seen.insert(packet[12..28].to_vec()), "packet {n} of part {part}");
        }
        call.encrypt(false);
        assert_eq!(call.ours.suite(), None);
        for _ in 0..40_000 {
            assert_eq!(ciphertext(&mut call)[12..], SILENCE);
        }
        call.encrypt(true);
        assert!(call.ours.suite().is_some());
    }
}

#[test]
fn a_phone_that_keeps_its_count_and_one_that_begins_anew_are_understood_when_encryption_comes_back() {
    for anew in [false, true] {
        let mut call = Call::new();
        for _ in 0..70_000 {
            let packet = call.speak();
            assert!(call.hear(&packet));
        }
        call.encrypt(false);
        let plain = call.speak();
        assert!(call.hear(&plain));
        call.encrypt(true);
        if anew {
            let terms = call.theirs.negotiated().unwrap().clone();
            call.theirs.srtp = srtp::Session::new(terms.srtp.as_ref().unwrap());
        }
        for n in 0..100 {
            let packet = call.speak();
            assert!(call.hear(&packet), "anew {anew}: packet {n}");
        }
    }
}
