//! What the API asks of a room that exists, and of those in it.

use std::time::Instant;

use room::proto::{self, DisconnectReason};
use room::{Room, RpcId};

use super::command::{Act, Command, Reply, RpcAnswer};
use super::handle::{Workers, ask};
use super::slot::{Now, RoomSlot};
use super::thread::Worker;
use super::{MoveError, RoomError, RpcError};

impl Workers {
    /// Does something with a room on its worker and brings back what comes of it; `None` when there is no such room.
    ///
    /// # Errors
    /// When the server is busy or stopping.
    pub(crate) async fn in_room<T: Send + 'static>(
        &self,
        room: &str,
        act: impl FnOnce(Instant, &mut Room) -> T + Send + 'static,
    ) -> Result<Option<T>, RoomError> {
        let owned = room.to_owned();
        let command = |reply: Reply<Option<T>>| {
            let act = move |now: Now, room: Option<&mut Room>| {
                // Whoever asked may have gone meanwhile.
                let _ = reply.send(room.map(|room| act(now.at, room)));
            };
            Command::InRoom { room: owned, act: Act(Box::new(act)) }
        };
        self.ask_found(room, command, None).await
    }

    /// Everybody in a room; `None` when there is no such room.
    pub(crate) async fn list_participants(
        &self,
        room: &str,
    ) -> Result<Option<Vec<proto::ParticipantInfo>>, RoomError> {
        self.in_room(room, |_, room| room.participants()).await
    }

    /// One participant of a room.
    pub(crate) async fn get_participant(
        &self,
        room: &str,
        identity: &str,
    ) -> Result<Option<proto::ParticipantInfo>, RoomError> {
        let identity = identity.to_owned();
        Ok(self.in_room(room, move |_, room| room.participant(&identity)).await?.flatten())
    }

    /// Removes a participant; false when there is nobody.
    pub(crate) async fn remove_participant(&self, room: &str, identity: &str) -> Result<bool, RoomError> {
        let identity = identity.to_owned();
        let remove = move |now: Instant, room: &mut Room| {
            room.remove(now, &identity, DisconnectReason::ParticipantRemoved)
        };
        Ok(self.in_room(room, remove).await?.unwrap_or(false))
    }

    /// Calls a method of a participant and waits for what comes of it; `None` when there is no such room.
    ///
    /// # Errors
    /// When the server is busy or stopping, or the room closes.
    pub(crate) async fn perform_rpc(
        &self,
        request: proto::PerformRpcRequest,
    ) -> Result<Option<RpcAnswer>, RoomError> {
        let room = request.room.clone();
        self.ask_found(&room, |reply| Command::PerformRpc { request: Box::new(request), reply }, None).await
    }

    /// Moves a participant to another room. One that does not exist yet is made where the participant is.
    ///
    /// # Errors
    /// When the server is busy or stopping; inside, when the move is not possible.
    pub(crate) async fn move_participant(
        &self,
        room: &str,
        identity: &str,
        destination: &str,
    ) -> Result<Result<(), MoveError>, RoomError> {
        let Some(worker) = self.directory.find(room) else { return Ok(Err(MoveError::NoRoom)) };
        let placed = self.directory.place_beside(destination, worker).ok_or(RoomError::Busy)?;
        if placed.worker() != worker
            && let Err(refused) = self.admits(room, identity, destination).await?
        {
            return Ok(Err(refused));
        }
        let (room, identity) = (room.to_owned(), identity.to_owned());
        ask(&self.lanes[worker], |reply| Command::Move { room, identity, placed, reply }).await
    }

    /// Forwards a participant to another room as well. One that does not exist yet is made where the participant is.
    ///
    /// # Errors
    /// When the server is busy or stopping; inside, when that is not possible.
    pub(crate) async fn forward_participant(
        &self,
        room: &str,
        identity: &str,
        destination: &str,
    ) -> Result<Result<(), MoveError>, RoomError> {
        let Some(worker) = self.directory.find(room) else { return Ok(Err(MoveError::NoRoom)) };
        let placed = self.directory.place_beside(destination, worker).ok_or(RoomError::Busy)?;
        let (room, identity) = (room.to_owned(), identity.to_owned());
        ask(&self.lanes[worker], |reply| Command::Forward { room, identity, placed, reply }).await
    }

    /// Whether somebody could leave a room, and a room on another worker take him in: one that is still to be made does.
    async fn admits(
        &self,
        room: &str,
        identity: &str,
        destination: &str,
    ) -> Result<Result<(), MoveError>, RoomError> {
        let leaving = identity.to_owned();
        let dependent = match self.in_room(room, move |_, room| room.movable(&leaving)).await? {
            Some(Ok(dependent)) => dependent,
            Some(Err(refused)) => return Ok(Err(refused.into())),
            None => return Ok(Err(MoveError::NoRoom)),
        };
        let coming = identity.to_owned();
        let admitted = self.in_room(destination, move |_, room| room.admits(&coming, dependent)).await?;
        Ok(admitted.unwrap_or(Ok(())).map_err(MoveError::Enter))
    }
}

impl Worker {
    pub(super) fn act(&mut self, now: Now, room: &str, act: Act) {
        let Act(act) = act;
        match self.open_room(now, room) {
            Some(key) => drop(self.with_room(key, |slot| act(now, Some(&mut slot.room)))),
            None => act(now, None),
        }
    }

    pub(super) fn perform_rpc(
        &mut self,
        now: Now,
        request: &proto::PerformRpcRequest,
        reply: Reply<Option<RpcAnswer>>,
    ) {
        match self.open_room(now, &request.room) {
            Some(key) => drop(self.with_room(key, |slot| slot.perform_rpc(now, request, reply))),
            None => drop(reply.send(None)),
        }
    }
}

impl RoomSlot {
    fn perform_rpc(&mut self, now: Now, request: &proto::PerformRpcRequest, reply: Reply<Option<RpcAnswer>>) {
        match self.room.perform_rpc(now.at, request) {
            Ok(id) => drop(self.rpcs.insert(id, reply)),
            Err(refused) => drop(reply.send(Some(Err(RpcError::Refused(refused))))),
        }
    }

    /// Tells whoever called a method what came of it.
    pub(super) fn rpc_answered(&mut self, id: RpcId, result: Result<String, room::RpcFailure>) {
        if let Some(reply) = self.rpcs.remove(&id) {
            let _ = reply.send(Some(result.map_err(RpcError::Failed)));
        }
    }
}
