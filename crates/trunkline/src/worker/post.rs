//! What workers send one another: participants that move and what is still said to them where they were, guests and what is told
//! of them, and packets of both.
//!
//! Whoever moves takes a reserved place, so nobody gets lost on the way. Commands that find a full queue wait here, so many and
//! no more; of packets the oldest make way, as in any router. Nothing here waits for anybody.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use room::{ForwardedPacket, ForwardingId};
use tokio::sync::mpsc::error::TrySendError as Refusal;
use tokio::sync::mpsc::{self, OwnedPermit};

use super::MoveError;
use super::command::Command;
use super::forwarding::Visit;
use super::handle::Lane;
use super::ice_tcp::Connection;
use super::moving::Arrival;
use crate::metrics::Refused;

/// Arrivals that may be under way to a worker.
const ARRIVALS: usize = 64;
/// Packets that may wait for a worker: a fifth of a second of a thousand talkers.
const PACKETS: usize = 8_192;
/// Commands to one worker that may wait beside its full queue.
const BACKLOG: usize = 4_096;

/// Somebody, or something, that is with another worker from now on.
#[derive(Debug)]
pub(super) enum Parcel {
    /// A participant.
    Arrival(Box<Arrival>),
    /// A guest.
    Visit(Box<Visit>),
    /// A connection of a client that was moved before.
    Connection(Connection),
}

/// A packet that another worker has to do with.
#[derive(Debug)]
pub(super) enum Packet {
    /// It came to the UDP sockets of this worker.
    Datagram { via: usize, from: SocketAddr, to: SocketAddr, data: Vec<u8> },
    /// It is a guest's.
    Forwarded { id: ForwardingId, packet: ForwardedPacket },
}

/// The way of packets to a worker. When it is full the oldest make way.
#[derive(Debug, Clone)]
pub(super) struct Packets {
    sender: Sender<Packet>,
    receiver: Receiver<Packet>,
    /// How many made way.
    dropped: Refused,
}

impl Packets {
    /// How many may wait.
    pub(super) const MOST: usize = PACKETS;

    pub(super) fn new() -> Self {
        let (sender, receiver) = bounded(PACKETS);
        Self { sender, receiver, dropped: Refused::default() }
    }

    fn push(&self, mut packet: Packet) {
        while let Err(TrySendError::Full(back)) = self.sender.try_send(packet) {
            if self.receiver.try_recv().is_ok() {
                self.dropped.count();
            }
            packet = back;
        }
    }

    pub(super) fn pop(&self) -> Option<Packet> {
        self.receiver.try_recv().ok()
    }

    pub(super) fn len(&self) -> usize {
        self.receiver.len()
    }

    /// How many made way for others, since the beginning.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.total()
    }
}

/// Everything that comes to a worker from outside of it.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) commands: Receiver<Command>,
    pub(super) parcels: mpsc::Receiver<Parcel>,
    pub(super) packets: Packets,
}

impl Inbox {
    /// Whether there is something that was not taken out yet.
    pub(super) fn has_more(&self) -> bool {
        !self.commands.is_empty() || self.packets.len() > 0 || !self.parcels.is_empty()
    }
}

/// The two ends of the way on which participants come to a worker.
pub(super) fn parcels() -> (mpsc::Sender<Parcel>, mpsc::Receiver<Parcel>) {
    mpsc::channel(ARRIVALS)
}

/// A place for somebody who is about to move.
#[derive(Debug)]
pub(super) struct Ticket {
    permit: OwnedPermit<Parcel>,
    worker: usize,
}

impl Ticket {
    /// To which worker.
    pub(super) fn worker(&self) -> usize {
        self.worker
    }
}

/// One worker's way to all of them.
#[derive(Debug)]
pub(super) struct Post {
    lanes: Arc<[Lane]>,
    backlog: Vec<VecDeque<Command>>,
    /// Who is to be woken for what was sent in this turn.
    to_wake: Vec<bool>,
}

impl Post {
    pub(super) fn new(lanes: Arc<[Lane]>) -> Self {
        let count = lanes.len();
        let backlog = std::iter::repeat_with(VecDeque::new).take(count).collect();
        Self { lanes, backlog, to_wake: vec![false; count] }
    }

    /// A place on the way to a worker.
    pub(super) fn reserve(&self, worker: usize) -> Result<Ticket, MoveError> {
        let lane = self.lanes.get(worker).ok_or(MoveError::Stopped)?;
        match lane.parcels.clone().try_reserve_owned() {
            Ok(permit) => Ok(Ticket { permit, worker }),
            Err(Refusal::Full(_)) => Err(MoveError::Busy),
            Err(Refusal::Closed(_)) => Err(MoveError::Stopped),
        }
    }

    /// Sends somebody, or something. What is sent to the same worker later finds it there.
    pub(super) fn send(&mut self, ticket: Ticket, parcel: Parcel) {
        let Ticket { permit, worker } = ticket;
        permit.send(parcel);
        self.wake(worker);
    }

    /// Passes a command on, after those that were passed on before it.
    pub(super) fn pass_on(&mut self, worker: usize, command: Command) {
        let (Some(lane), Some(backlog)) = (self.lanes.get(worker), self.backlog.get_mut(worker)) else {
            return;
        };
        let refused = if backlog.is_empty() {
            lane.commands.try_send(command)
        } else {
            Err(TrySendError::Full(command))
        };
        match refused {
            Ok(()) => self.wake(worker),
            Err(TrySendError::Full(command)) if backlog.len() < BACKLOG => backlog.push_back(command),
            // A worker that is gone has nobody any more.
            Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(_)) => lane.refused.count(),
        }
    }

    /// Passes a packet on.
    pub(super) fn packet(&mut self, worker: usize, packet: Packet) {
        if let Some(lane) = self.lanes.get(worker) {
            lane.packets.push(packet);
            self.wake(worker);
        }
    }

    /// Whether commands wait to be passed on.
    pub(super) fn has_backlog(&self) -> bool {
        self.backlog.iter().any(|waiting| !waiting.is_empty())
    }

    /// The turn is over: sends what waits, and wakes who got something.
    pub(super) fn flush(&mut self) {
        for worker in 0..self.backlog.len() {
            while let Some(command) = self.backlog[worker].pop_front() {
                match self.lanes[worker].commands.try_send(command) {
                    Ok(()) => self.wake(worker),
                    Err(TrySendError::Full(command)) => {
                        self.backlog[worker].push_front(command);
                        break;
                    }
                    Err(TrySendError::Disconnected(_)) => {}
                }
            }
        }
        for (lane, wake) in self.lanes.iter().zip(&mut self.to_wake) {
            if std::mem::take(wake) {
                lane.wake.wake();
            }
        }
    }

    fn wake(&mut self, worker: usize) {
        if let Some(wake) = self.to_wake.get_mut(worker) {
            *wake = true;
        }
    }
}
