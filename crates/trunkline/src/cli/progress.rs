//! Placing a call while showing how it is going: the participant's `sip.callStatus` is looked at until the request is
//! answered, and Ctrl-C hangs up by removing the participant.
//!
//! The states go to standard error, so that standard output holds results alone.

use std::{future::Future, time::Duration};

use anyhow::Context;
use livekit_protocol::{
    CreateSipParticipantRequest, ParticipantInfo, RemoveParticipantResponse, RoomParticipantIdentity,
    SipParticipantInfo,
};
use room::grants::{SipGrant, VideoGrant};
use tokio::{signal, task, time};

use super::{
    client::{Refusal, Server},
    exit::Interrupted,
};

/// How often the state is looked at.
const EVERY: Duration = Duration::from_millis(250);
/// After Ctrl-C: until the server has hung up and answered the request.
const HANG_UP_LIMIT: Duration = Duration::from_secs(5);
/// Without waiting for the answer the server has this long.
const TIMEOUT: Duration = Duration::from_secs(30);
const CALL: SipGrant = SipGrant { admin: false, call: true };

/// One participant, wherever the command looks at it or removes it.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    server: Server,
    who: RoomParticipantIdentity,
    shown: String,
}

/// Runs a command that waits for the network and for Ctrl-C.
pub(super) fn run<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let result = runtime.block_on(work);
    // A request that is under way may take long: the end does not wait for it.
    runtime.shutdown_background();
    result
}

/// Places the call. With `wait_until_answered` its states are shown, and Ctrl-C hangs up. What was shown last goes on with the
/// participant, to be watched further.
pub(super) async fn place(
    server: &Server,
    request: CreateSipParticipantRequest,
    timeout: Duration,
) -> anyhow::Result<(SipParticipantInfo, Watched)> {
    let waits = request.wait_until_answered;
    let mut watched = Watched::new(server, &request.room_name, &identity(&request));
    let timeout = if waits { timeout } else { TIMEOUT };
    let server = server.clone();
    let mut placed =
        task::spawn_blocking(move || server.sip("CreateSIPParticipant", CALL, &request, timeout));
    let mut look = time::interval(EVERY);
    loop {
        tokio::select! {
            placed = &mut placed => {
                let call: SipParticipantInfo = placed.context("the request was abandoned")??;
                let RoomParticipantIdentity { room, identity, .. } = &mut watched.who;
                room.clone_from(&call.room_name);
                identity.clone_from(&call.participant_identity);
                return Ok((call, watched));
            }
            _ = look.tick(), if waits && watched.has_name() => drop(watched.look().await),
            pressed = signal::ctrl_c() => {
                pressed.context("cannot listen for Ctrl-C")?;
                watched.hang_up(&mut placed).await;
                return Err(Interrupted.into());
            }
        }
    }
}

/// The identity that the call will have: as given, else as the server chooses it from the number.
fn identity(request: &CreateSipParticipantRequest) -> String {
    match request.participant_identity.as_str() {
        "" if request.hide_phone_number => String::new(),
        "" => format!("sip_{}", request.sip_call_to),
        given => given.to_owned(),
    }
}

impl Watched {
    pub(super) fn new(server: &Server, room: &str, identity: &str) -> Self {
        let who = RoomParticipantIdentity {
            room: room.to_owned(),
            identity: identity.to_owned(),
            ..RoomParticipantIdentity::default()
        };
        Self { server: server.clone(), who, shown: String::new() }
    }

    /// With a hidden number the server makes an identity up, and only its answer tells which.
    fn has_name(&self) -> bool {
        !self.who.identity.is_empty()
    }

    /// Looks once, and shows the state when it is another one. `None`: nobody of that name is there.
    pub(super) async fn look(&mut self) -> anyhow::Result<Option<ParticipantInfo>> {
        let found = self.ask::<ParticipantInfo>("GetParticipant").await;
        let info = match found {
            Ok(info) => info,
            Err(error) if is_not_found(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let state = info.attributes.get("sip.callStatus").map_or("", String::as_str);
        if !state.is_empty() && state != self.shown {
            eprintln!("{state}");
            state.clone_into(&mut self.shown);
        }
        Ok(Some(info))
    }

    /// Shows a state that was learned otherwise.
    pub(super) fn show(&mut self, state: &str) {
        if self.shown != state {
            eprintln!("{state}");
            state.clone_into(&mut self.shown);
        }
    }

    /// Removes the participant, which ends its call.
    pub(super) async fn remove(&self) -> anyhow::Result<()> {
        match self.ask::<RemoveParticipantResponse>("RemoveParticipant").await {
            Err(error) if !is_not_found(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// The participant may not have joined yet: it is removed until the request has its answer.
    async fn hang_up<T>(&self, placed: &mut task::JoinHandle<T>) {
        eprintln!("hanging up");
        let removing = async {
            let mut again = time::interval(EVERY);
            loop {
                tokio::select! {
                    _ = &mut *placed => return,
                    _ = again.tick() => drop(self.remove().await),
                }
            }
        };
        // Whatever is still under way then, the server ends by its own limits.
        drop(time::timeout(HANG_UP_LIMIT, removing).await);
    }

    async fn ask<Res: prost::Message + Default + 'static>(
        &self,
        method: &'static str,
    ) -> anyhow::Result<Res> {
        let Self { server, who, .. } = self.clone();
        let grant = VideoGrant { room_admin: true, room: who.room.clone(), ..VideoGrant::default() };
        task::spawn_blocking(move || server.rooms(method, grant, &who))
            .await
            .context("the request was abandoned")?
    }
}

fn is_not_found(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refusal>().is_some_and(|refusal| refusal.code == "not_found")
}
