//! LiveKit signalling: requests in, responses out (protocol 17).
//!
//! Requests this program does not know, or that make no sense, are ignored: clients are newer than servers.

mod encode;
pub(crate) mod join;
mod metadata;
mod offer;
mod simulate;

use std::time::Instant;

use livekit_protocol as proto;
use proto::request_response::{Reason, Request};
use proto::signal_request::Message as SignalRequest;
use proto::signal_response::Message as Response;

use crate::ids::ParticipantId;
use crate::lifecycle::Room;
use crate::peer::Role;

pub(crate) use encode::{frame, leave};
pub use encode::{refresh_token, resume_refused, room_moved};

impl Room {
    /// A message on the participant's signalling connection.
    pub fn handle_signal(&mut self, now: Instant, from: ParticipantId, request: proto::SignalRequest) {
        if self.participants.get(&from).is_none_or(|participant| participant.remote().is_none()) {
            return;
        }
        if let Some(message) = request.message {
            self.dispatch(now, from, message);
        }
        self.flush(now);
    }

    fn dispatch(&mut self, now: Instant, from: ParticipantId, message: SignalRequest) {
        match message {
            SignalRequest::Offer(offer) => self.handle_offer(now, from, &offer),
            SignalRequest::Answer(answer) => self.handle_answer(now, from, &answer),
            SignalRequest::Trickle(trickle) => self.handle_trickle(from, &trickle),
            SignalRequest::AddTrack(request) => self.add_track(now, from, request),
            SignalRequest::Mute(request) => self.mute_own(from, request),
            SignalRequest::Subscription(update) => self.update_subscription(now, from, &update),
            SignalRequest::TrackSetting(settings) => self.update_track_settings(now, from, &settings),
            SignalRequest::SubscriptionPermission(permission) => {
                self.subscription_permission(now, from, permission);
            }
            SignalRequest::Leave(leave) => self.handle_leave(now, from, &leave),
            SignalRequest::Ping(_) => self.send(from, Response::Pong(self.clock.ms(now))),
            SignalRequest::PingReq(ping) => {
                let pong = proto::Pong { last_ping_timestamp: ping.timestamp, timestamp: self.clock.ms(now) };
                self.send(from, Response::PongResp(pong));
            }
            SignalRequest::UpdateMetadata(update) => self.update_own_metadata(from, update),
            SignalRequest::UpdateAudioTrack(update) => self.update_audio_track(from, update),
            SignalRequest::PublishDataTrackRequest(request) => {
                let text = "data tracks are not supported".to_owned();
                self.respond(from, 0, Reason::NotAllowed, text, Request::PublishDataTrack(request));
            }
            SignalRequest::UnpublishDataTrackRequest(request) => {
                let text = "no such data track".to_owned();
                self.respond(from, 0, Reason::InvalidHandle, text, Request::UnpublishDataTrack(request));
            }
            SignalRequest::StoreDataBlobRequest(request) => self.refuse_blob(from, request.request_id),
            SignalRequest::GetDataBlobRequest(request) => self.refuse_blob(from, request.request_id),
            SignalRequest::SyncState(state) => self.sync_state(now, from, &state),
            SignalRequest::UpdateVideoTrack(update) => self.update_video_track(from, update),
            #[allow(deprecated, reason = "older clients tell it so")]
            SignalRequest::UpdateLayers(update) => self.update_video_layers(from, &update),
            SignalRequest::Simulate(scenario) => self.simulate(now, from, &scenario),
            // There are none: data tracks are not supported.
            SignalRequest::UpdateDataSubscription(_) => {}
        }
    }

    /// Tells a client what became of its request.
    pub(crate) fn respond(
        &mut self,
        to: ParticipantId,
        request_id: u32,
        reason: Reason,
        message: String,
        request: Request,
    ) {
        let response =
            proto::RequestResponse { request_id, reason: reason.into(), message, request: Some(request) };
        self.send(to, Response::RequestResponse(response));
    }

    fn refuse_blob(&mut self, to: ParticipantId, request_id: u32) {
        self.send(
            to,
            Response::RequestResponse(proto::RequestResponse {
                request_id,
                reason: Reason::NotAllowed.into(),
                message: "data blobs are not supported".to_owned(),
                request: None,
            }),
        );
    }

    fn handle_leave(&mut self, now: Instant, from: ParticipantId, leave: &proto::LeaveRequest) {
        use proto::DisconnectReason as Why;
        let reason = match leave.reason() {
            kept @ (Why::UserUnavailable | Why::UserRejected | Why::AgentError) => kept,
            _ => Why::ClientInitiated,
        };
        self.end(now, from, reason, true);
    }

    fn handle_trickle(&mut self, from: ParticipantId, trickle: &proto::TrickleRequest) {
        let init: Option<serde_json::Value> = serde_json::from_str(&trickle.candidate_init).ok();
        let candidate =
            init.as_ref().and_then(|init| init.get("candidate")).and_then(serde_json::Value::as_str);
        let Some(candidate) = candidate.filter(|candidate| !candidate.is_empty()) else { return };
        if let Some(remote) = self.remote_mut(from) {
            let role = match trickle.target() {
                proto::SignalTarget::Publisher => Role::Publisher,
                proto::SignalTarget::Subscriber => Role::Subscriber,
            };
            remote.transport.of(role).remote_candidate(candidate);
            self.touch(from);
        }
    }
}
