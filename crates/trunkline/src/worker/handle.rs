//! The control plane's handle of the workers.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Sender, TrySendError};
use room::proto;
use tokio::sync::{mpsc, oneshot};

use super::call_media::{CallMedia, CallOpen, CallSender, OpenError};
use super::command::{Command, Joined, Opened, Reply};
use super::directory::{Directory, Placed};
use super::elsewhere::Elsewhere;
use super::load::Utilization;
use super::phone;
use super::phone::LAST_EVENTS;
use super::ports::PortPool;
use super::post::{Packets, Parcel};
use super::session::{SignalJoin, SignalOut, SignalResume, SignalSender, SignalSession};
use super::wake::Wake;
use super::{JoinError, RoomError, SessionClosed};
use crate::metrics::{Bound, Refused};

/// Commands that may wait for a worker.
pub(super) const QUEUE: usize = 4096;
/// Beyond this many, nothing new begins: the rest is for what runs.
const QUEUE_FOR_NEW: usize = QUEUE / 2;
/// Messages that may wait for a slow WebSocket: one for each track that a client may subscribe to comes with its join.
const SIGNALS: usize = 2048;
/// Events of a call that may wait for its task.
const EVENTS: usize = 64;
/// How long something that runs waits for a place in the queue, and between two looks.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(2);

/// The way to one worker.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    pub(super) commands: Sender<Command>,
    /// What other workers send it.
    pub(super) parcels: mpsc::Sender<Parcel>,
    pub(super) packets: Packets,
    pub(super) wake: Arc<Wake>,
    pub(super) refused: Refused,
}

impl Lane {
    /// Puts a command into the queue, if it has room.
    #[allow(clippy::result_large_err, reason = "the command comes back to be tried again")]
    pub(super) fn try_send(&self, command: Command) -> Result<(), TrySendError<Command>> {
        self.commands.try_send(command)?;
        self.wake.wake();
        Ok(())
    }

    /// Puts in a command of something that runs: waits for a place, but not forever.
    pub(super) async fn send(&self, mut command: Command) -> Result<(), SessionClosed> {
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            command = match self.try_send(command) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(_)) => return Err(SessionClosed),
                Err(TrySendError::Full(_)) if tokio::time::Instant::now() >= until => {
                    return Err(SessionClosed);
                }
                Err(TrySendError::Full(command)) => command,
            };
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Puts in a command whose answer is waited for, and has the worker look at it now: refused while the queue is half full.
    pub(super) fn begin(&self, command: Command) -> Result<(), RoomError> {
        if self.commands.len() >= QUEUE_FOR_NEW {
            self.refused.count();
            return Err(RoomError::Busy);
        }
        self.try_send(command).map_err(|refused| match refused {
            TrySendError::Full(_) => RoomError::Busy,
            TrySendError::Disconnected(_) => RoomError::Stopped,
        })?;
        self.wake.rouse();
        Ok(())
    }
}

/// All workers.
#[derive(Debug, Clone)]
pub(crate) struct Workers {
    pub(super) lanes: Arc<[Lane]>,
    pub(super) directory: Directory,
    pub(super) ports: PortPool,
    pub(super) call_events: Refused,
    pub(super) elsewhere: Elsewhere,
}

impl Workers {
    /// Joins a client to its room, which is made when there is none.
    ///
    /// # Errors
    /// When the room refuses, or the server is busy or stopping.
    pub(crate) async fn join(&self, join: SignalJoin) -> Result<SignalSession, JoinError> {
        let (outgoing, receiver) = mpsc::channel(SIGNALS);
        let room = join.room.clone();
        let command = |placed, reply| Command::Join { placed, join: Box::new(join), outgoing, reply };
        let (lane, joined) = self.ask_placed(&room, command).await?;
        Ok(session(lane, joined?, receiver))
    }

    /// Goes on with a client's session; `None` when there is none to go on with.
    ///
    /// # Errors
    /// When the server is busy or stopping.
    pub(crate) async fn resume(&self, resume: SignalResume) -> Result<Option<SignalSession>, RoomError> {
        let Some(worker) = self.directory.find(&resume.room) else { return Ok(None) };
        let (outgoing, receiver) = mpsc::channel(SIGNALS);
        let lane = self.lanes[worker].clone();
        let command = |reply| Command::Resume { resume: Box::new(resume), outgoing, reply };
        let resumed = ask(&lane, command).await?;
        Ok(resumed.map(|joined| session(lane, joined, receiver)))
    }

    /// How much the worker is used that a room is on, or would be.
    pub(crate) fn utilization(&self, room: &str) -> Utilization {
        self.directory.utilization(room)
    }

    /// Puts a phone into its room, which is made when there is none.
    ///
    /// # Errors
    /// When the room refuses, no port is free, or the server is busy or stopping.
    pub(crate) async fn open_call(&self, open: CallOpen) -> Result<CallMedia, OpenError> {
        let (sender, events) = mpsc::channel(EVENTS + LAST_EVENTS);
        let room = open.room.clone();
        let command =
            |placed, reply| Command::OpenCall { placed, open: Box::new(open), events: sender, reply };
        let (lane, opened) = self.ask_placed(&room, command).await?;
        let Opened { place, participant_sid, local } = opened?;
        let commands = CallSender { lane, place };
        Ok(CallMedia { participant_sid, local, events, commands })
    }

    /// Makes a room, or tells of the one that has this name.
    pub(crate) async fn create_room(
        &self,
        request: proto::CreateRoomRequest,
    ) -> Result<proto::Room, RoomError> {
        let name = request.name.clone();
        let command = |placed, reply| Command::CreateRoom { placed, request: Box::new(request), reply };
        self.ask_placed(&name, command).await.map(|(_, room)| room)
    }

    /// All rooms, or those named, oldest first.
    pub(crate) async fn list_rooms(&self, names: Vec<String>) -> Result<Vec<proto::Room>, RoomError> {
        let mut rooms = Vec::new();
        for lane in self.lanes.iter() {
            let names = names.clone();
            rooms.extend(ask(lane, |reply| Command::ListRooms { names, reply }).await?);
        }
        rooms.sort_by_key(|room| room.creation_time_ms);
        Ok(rooms)
    }

    /// Ends a room; false when there is none.
    pub(crate) async fn delete_room(&self, name: &str) -> Result<bool, RoomError> {
        let owned = name.to_owned();
        self.ask_found(name, |reply| Command::DeleteRoom { name: owned, reply }, false).await
    }

    /// What is limited here, for the metrics: the fullest queue counts.
    pub(crate) fn bounds(&self) -> [Bound; 6] {
        let held = self.lanes.iter().map(|lane| lane.commands.len()).max().unwrap_or(0);
        let refused = self.lanes.iter().map(|lane| lane.refused.total()).sum();
        let queue = Bound { what: "worker_queue", held, most: QUEUE_FOR_NEW, refused };
        let packets = self.lanes.iter().map(|lane| &lane.packets);
        let passed = Bound {
            what: "worker_packets",
            held: packets.clone().map(Packets::len).max().unwrap_or(0),
            most: Packets::MOST,
            refused: packets.map(Packets::dropped).sum(),
        };
        // What those who were moved between workers are still known by.
        let moved = Bound { what: "moved_names", held: self.elsewhere.len(), most: 0, refused: 0 };
        // Each call has a queue of its own; how full it is tells nothing about the others.
        let most = EVENTS + phone::BACKLOG;
        let events = Bound { what: "call_events", held: 0, most, refused: self.call_events.total() };
        [queue, passed, moved, events, self.directory.bound(), self.ports.bound()]
    }

    /// Asks the worker of a room that need not exist yet.
    pub(super) async fn ask_placed<T>(
        &self,
        room: &str,
        command: impl FnOnce(Placed, Reply<T>) -> Command,
    ) -> Result<(Lane, T), RoomError> {
        let placed = self.directory.place(room).ok_or(RoomError::Busy)?;
        let lane = self.lanes[placed.worker()].clone();
        let answer = ask(&lane, |reply| command(placed, reply)).await?;
        Ok((lane, answer))
    }

    /// Asks the worker of a room that should exist; `otherwise` when it does not.
    pub(super) async fn ask_found<T>(
        &self,
        room: &str,
        command: impl FnOnce(Reply<T>) -> Command,
        otherwise: T,
    ) -> Result<T, RoomError> {
        match self.directory.find(room) {
            Some(worker) => ask(&self.lanes[worker], command).await,
            None => Ok(otherwise),
        }
    }
}

fn session(lane: Lane, joined: Joined, outgoing: mpsc::Receiver<SignalOut>) -> SignalSession {
    let Joined { place, connection, participant_sid } = joined;
    let incoming = SignalSender { lane, place, connection };
    SignalSession { participant_sid, outgoing, incoming }
}

pub(super) async fn ask<T>(lane: &Lane, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, RoomError> {
    let (reply, answer) = oneshot::channel();
    lane.begin(command(reply))?;
    answer.await.map_err(|_| RoomError::Stopped)
}

impl From<RoomError> for JoinError {
    fn from(error: RoomError) -> Self {
        match error {
            RoomError::Busy => Self::Busy,
            RoomError::Stopped => Self::Stopped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker that takes nothing, and the queue to it.
    fn stuck() -> (Lane, crossbeam_channel::Receiver<Command>, mio::Poll) {
        let (commands, queue) = crossbeam_channel::bounded(QUEUE);
        let poll = mio::Poll::new().unwrap();
        let wake = Arc::new(Wake::new(poll.registry(), mio::Token(0)).unwrap());
        let (parcels, packets) = (crate::worker::post::parcels().0, Packets::new());
        (Lane { commands, parcels, packets, wake, refused: Refused::default() }, queue, poll)
    }

    fn command() -> Command {
        Command::ListRooms { names: Vec::new(), reply: oneshot::channel().0 }
    }

    #[tokio::test]
    async fn what_begins_is_refused_by_a_half_full_queue_and_what_runs_waits_for_a_place_in_a_full_one() {
        let (lane, queue, _poll) = stuck();
        for _ in 0..QUEUE_FOR_NEW {
            lane.begin(command()).unwrap();
        }
        assert!(matches!(lane.begin(command()), Err(RoomError::Busy)));
        assert_eq!(lane.refused.total(), 1);
        for _ in QUEUE_FOR_NEW..QUEUE {
            lane.send(command()).await.unwrap();
        }
        assert!(lane.send(command()).await.is_err(), "it does not wait for ever");
        let mut waiting = std::pin::pin!(lane.send(command()));
        tokio::select! {
            biased;
            sent = &mut waiting => panic!("{sent:?}"),
            () = std::future::ready(()) => {}
        }
        queue.recv().unwrap();
        waiting.await.unwrap();
        drop(queue);
        assert!(matches!(lane.try_send(command()), Err(TrySendError::Disconnected(_))));
    }
}
