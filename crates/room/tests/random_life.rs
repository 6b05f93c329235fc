//! Clients and phones come, publish, subscribe, unsubscribe and go at random, with signals under way for a while:
//! when it calms down, everybody has exactly the tracks it wants, on sections that did not multiply.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use rand::{Rng, SeedableRng};
use room::proto::DisconnectReason as Why;
use room::proto::signal_request::Message as Request;
use room::{ParticipantId, proto};
use support::{World, phone_track, speak};

const STEPS: usize = 120;
/// Lives per run; `SEED` chooses one.
const SEEDS: u64 = 50;
const MAX_CLIENTS: usize = 5;
const MAX_PHONES: usize = 6;

struct Player {
    rng: StdRng,
    world: World,
    clients: Vec<ParticipantId>,
    phones: Vec<ParticipantId>,
    /// What clients unsubscribed from.
    unwanted: BTreeSet<(ParticipantId, String)>,
    names: usize,
}

impl Player {
    fn new(seed: u64) -> Self {
        let mut world = World::new();
        world.signal_latency = Duration::from_millis(15);
        let rng = StdRng::seed_from_u64(seed);
        Self { rng, world, clients: Vec::new(), phones: Vec::new(), unwanted: BTreeSet::new(), names: 0 }
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("p{}", self.names)
    }

    fn step(&mut self) {
        match self.rng.random_range(0..10) {
            0 | 1 if self.clients.len() < MAX_CLIENTS => {
                let identity = self.name();
                self.clients.push(self.world.join_with(|join| join.identity = identity).unwrap());
            }
            2 | 3 if self.phones.len() < MAX_PHONES => {
                let name = self.name();
                let phone = self.world.join_phone(&name);
                self.world.room.publish_audio(self.world.now, phone, phone_track()).unwrap();
                self.phones.push(phone);
            }
            4 => self.publish_or_not(),
            5 | 6 => self.want_or_not(),
            7 if self.clients.len() > 1 => {
                let client = self.clients.swap_remove(self.rng.random_range(0..self.clients.len()));
                self.world.request(client, Request::Leave(proto::LeaveRequest::default()));
            }
            8 if self.phones.len() > 1 => {
                let phone = self.phones.swap_remove(self.rng.random_range(0..self.phones.len()));
                self.world.room.leave(self.world.now, phone, Why::ClientInitiated);
            }
            _ => {}
        }
        let pause = self.rng.random_range(0..120);
        self.world.run_for(Duration::from_millis(pause));
    }

    fn publish_or_not(&mut self) {
        let Some(client) = self.clients.iter().choose(&mut self.rng).copied() else { return };
        let cid = self.name();
        let client = self.world.client(client);
        match client.published.first().copied() {
            Some(mid) => client.unpublish_when_free(mid),
            None => client.publish_when_free(&cid),
        }
    }

    fn want_or_not(&mut self) {
        let Some(client) = self.clients.iter().choose(&mut self.rng).copied() else { return };
        let Some(track) = self.tracks_for(client).into_iter().choose(&mut self.rng) else { return };
        let key = (client, track.clone());
        let subscribe = self.unwanted.remove(&key);
        if !subscribe {
            self.unwanted.insert(key);
        }
        let track_sids = vec![track];
        let update = proto::UpdateSubscription { track_sids, subscribe, ..Default::default() };
        self.world.request(client, Request::Subscription(update));
    }

    /// Every track of the others.
    fn tracks_for(&self, client: ParticipantId) -> BTreeSet<String> {
        let own = self.world.room.participant_sid(client);
        let others = self.world.room.participants().into_iter().filter(|info| Some(info.sid.as_str()) != own);
        others.flat_map(|info| info.tracks).map(|track| track.sid).collect()
    }

    fn assert_settled(&mut self, most: usize) {
        self.world.run_for(Duration::from_secs(3));
        for client in self.clients.clone() {
            let mut wanted = self.tracks_for(client);
            wanted.retain(|track| !self.unwanted.contains(&(client, track.clone())));
            let carried = &self.world.clients[&client].mid_to_track;
            assert_eq!(carried.values().cloned().collect::<BTreeSet<_>>(), wanted);
            assert_eq!(carried.len(), wanted.len(), "a track on two sections");
            let sections = self.world.clients[&client].sections();
            assert!(sections <= most.max(3) + 2, "{sections} sections for at most {most} tracks");
        }
    }

    fn assert_heard(&mut self) {
        for (number, phone) in self.phones.clone().into_iter().enumerate() {
            let info = self.world.room.participants();
            let sid = self.world.room.participant_sid(phone).unwrap().to_owned();
            let track = info.iter().find(|info| info.sid == sid).unwrap().tracks[0].sid.clone();
            speak(&mut self.world, phone, 500..503, number as u8);
            self.world.run_for(Duration::from_millis(20));
            for client in &self.clients {
                let wanted = !self.unwanted.contains(&(*client, track.clone()));
                let heard = self.world.clients[client].heard.iter().rev().take(3);
                let heard = heard.filter(|packet| packet.payload == [number as u8; 160]).count();
                assert_eq!(heard, if wanted { 3 } else { 0 }, "{client:?} and {track}");
            }
            for client in &self.clients {
                self.world.clients.get_mut(client).unwrap().heard.clear();
            }
        }
    }
}

#[test]
fn whatever_happens_everybody_gets_what_it_wants() {
    let seeds = std::env::var("SEED").map_or((1..=SEEDS).collect(), |seed| vec![seed.parse().unwrap()]);
    for seed in seeds {
        println!("SEED={seed}");
        let mut player = Player::new(seed);
        let mut most = 0;
        for _ in 0..STEPS {
            player.step();
            most = most.max(player.world.room.participants().iter().map(|info| info.tracks.len()).sum());
        }
        player.assert_settled(most);
        player.assert_heard();
    }
}
