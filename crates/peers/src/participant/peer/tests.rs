use std::time::Duration;

use str0m::Output;
use str0m::change::SdpOffer;

use super::*;

/// A server's end of the connection: answers offers and maps tracks to sections.
struct Server {
    rtc: Rtc,
    addr: SocketAddr,
    channels: Vec<(String, ChannelId)>,
    heard: Vec<Vec<u8>>,
    data: Vec<Vec<u8>>,
}

struct World {
    peer: Peer,
    server: Server,
    now: Instant,
    events: Vec<PeerOutput>,
}

fn addr(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn world() -> (World, String) {
    let now = Instant::now();
    let (peer, offer) = Peer::new(addr(1000), true, now).unwrap();
    let mut rtc = rtc::build(true, now);
    rtc.add_local_candidate(Candidate::host(addr(2000), "udp").unwrap());
    let server = Server { rtc, addr: addr(2000), channels: vec![], heard: vec![], data: vec![] };
    (World { peer, server, now, events: vec![] }, offer)
}

impl World {
    fn answer(&mut self, offer: &str, tracks: &[(&str, &str)]) -> Result<(), PeerError> {
        let offer = SdpOffer::from_sdp_string(offer).unwrap();
        let sdp = self.server.rtc.sdp_api().accept_offer(offer).unwrap().to_sdp_string();
        let mid_to_track_id = tracks.iter().map(|(mid, track)| ((*mid).into(), (*track).into())).collect();
        self.peer.accept_answer(&proto::SessionDescription {
            r#type: "answer".into(),
            sdp,
            id: 0,
            mid_to_track_id,
        })
    }

    /// Carries datagrams both ways for some simulated time.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.peer.handle_timeout(self.now).unwrap();
            loop {
                match self.peer.poll_output().unwrap() {
                    PeerOutput::Wait(_) => break,
                    PeerOutput::Transmit { to, data } if to == self.server.addr => {
                        self.server.receive(self.now, &data);
                    }
                    other => self.events.push(other),
                }
            }
            self.server.rtc.handle_input(Input::Timeout(self.now)).unwrap();
            for data in self.server.drain() {
                self.peer.receive(self.now, self.server.addr, &data).unwrap();
            }
            self.now += Duration::from_millis(5);
        }
    }

    fn saw(&self, wanted: impl Fn(&PeerOutput) -> bool) -> bool {
        self.events.iter().any(wanted)
    }
}

impl Server {
    fn receive(&mut self, now: Instant, data: &[u8]) {
        let received = Receive::new(Protocol::Udp, addr(1000), self.addr, data).unwrap();
        self.rtc.handle_input(Input::Receive(now, received)).unwrap();
    }

    fn drain(&mut self) -> Vec<Vec<u8>> {
        let mut out = vec![];
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(_) => return out,
                Output::Transmit(packet) => out.push(packet.contents.to_vec()),
                Output::Event(str0m::Event::ChannelOpen(id, label)) => self.channels.push((label, id)),
                Output::Event(str0m::Event::ChannelData(data)) => self.data.push(data.data),
                Output::Event(str0m::Event::RtpPacket(packet)) => self.heard.push(packet.payload.to_vec()),
                Output::Event(_) => {}
            }
        }
    }
}

fn mids(offer: &str) -> Vec<&str> {
    offer.lines().filter_map(|line| line.strip_prefix("a=mid:")).collect()
}

#[test]
fn the_first_offer_is_what_a_client_offers() {
    let (_, offer) = world();
    assert_eq!(offer.matches("m=audio").count(), 3);
    assert_eq!(offer.matches("m=application").count(), 1);
    assert_eq!(offer.matches("a=recvonly").count(), 3);
    assert!(!offer.contains("a=msid:") && !offer.contains("a=ssrc"), "{offer}");
    assert!(offer.contains("opus/48000/2") && offer.contains("PCMU/8000"));
    assert!(!offer.contains("a=sctp-init"));
}

#[test]
fn media_and_data_flow_both_ways() {
    let (mut world, offer) = world();
    let mid = mids(&offer)[0].to_owned();
    world.answer(&offer, &[(&mid, "TR_phone")]).unwrap();
    world.run(Duration::from_secs(2));
    assert!(world.saw(|event| matches!(event, PeerOutput::Connected)));
    assert!(world.saw(|event| matches!(event, PeerOutput::DataReady)));
    assert_eq!(world.server.channels.len(), 3);
    assert_eq!(world.peer.tracks()[&mid], "TR_phone");

    world.peer.publish("cid-of-the-microphone");
    let offer = world.peer.next_offer().unwrap();
    assert!(offer.contains("a=msid:- cid-of-the-microphone"), "{offer}");
    assert!(world.peer.next_offer().is_none(), "one offer at a time");
    world.answer(&offer, &[(&mid, "TR_phone")]).unwrap();
    assert!(world.peer.may_speak());
    world.peer.send_audio(
        world.now,
        &Outgoing {
            codec: AudioCodec::Opus,
            payload: &[1, 2, 3],
            timestamp: 960,
            level: -20.0,
            marker: false,
        },
    );
    assert!(world.peer.send_data(true, b"hello"));
    let sent = [7_u8; 160];
    let section: Mid = mid.as_str().into();
    let stream_now = world.now;
    let mut api = world.server.rtc.direct_api();
    let stream = api.stream_tx_by_mid(section, None).unwrap();
    stream.write_rtp(RtpWrite::new(0.into(), 5.into(), 160, stream_now, sent.as_slice()));
    world.run(Duration::from_millis(200));
    assert_eq!(world.server.heard, [vec![1, 2, 3]]);
    assert_eq!(world.server.data, [b"hello".to_vec()]);
    let heard = |event: &PeerOutput| match event {
        PeerOutput::Audio(packet) => {
            packet.mid == mid
                && packet.codec == Some(AudioCodec::Pcmu)
                && packet.payload.as_ref() == sent.as_slice()
        }
        _ => false,
    };
    assert!(world.saw(heard), "{:?}", world.events);
}

#[test]
fn the_server_gets_a_new_offer_whenever_it_asks() {
    let (mut world, offer) = world();
    world.answer(&offer, &[]).unwrap();
    world.run(Duration::from_millis(500));
    assert!(world.peer.next_offer().is_none());
    for (asked, sections) in [(0, 3), (2, 5), (0, 5)] {
        world.peer.require_sections(asked);
        let offer = world.peer.next_offer().expect("an offer");
        assert_eq!(offer.matches("m=audio").count(), sections);
        assert_eq!(offer.matches("a=recvonly").count(), sections, "{offer}");
        world.answer(&offer, &[]).unwrap();
        world.run(Duration::from_millis(100));
    }
}

#[test]
fn a_freed_section_is_open_again_in_the_next_offer() {
    let (mut world, offer) = world();
    let offer = SdpOffer::from_sdp_string(&offer).unwrap();
    let sdp = world.server.rtc.sdp_api().accept_offer(offer).unwrap().to_sdp_string();
    let sdp = sdp.replacen("a=sendonly", "a=inactive", 1);
    let answer = proto::SessionDescription { r#type: "answer".into(), sdp, ..Default::default() };
    world.peer.accept_answer(&answer).unwrap();
    world.peer.require_sections(0);
    let offer = world.peer.next_offer().unwrap();
    assert_eq!(offer.matches("a=recvonly").count(), 3, "{offer}");
}

#[test]
fn answers_that_make_no_sense_are_errors() {
    let (mut fresh, _) = world();
    let nonsense = proto::SessionDescription { sdp: "v=0\r\n".into(), ..Default::default() };
    assert!(fresh.peer.accept_answer(&nonsense).is_err());
    let (mut other, offer) = world();
    other.answer(&offer, &[]).unwrap();
    other.peer.require_sections(0);
    let again = other.peer.next_offer().unwrap();
    other.answer(&again, &[]).unwrap();
    let late = proto::SessionDescription { sdp: again, ..Default::default() };
    assert!(other.peer.accept_answer(&late).is_err());
}
