//! `trunkline room mute-track`, `update-subscriptions`, `send-data`.

use livekit_protocol::{
    MuteRoomTrackRequest, MuteRoomTrackResponse, SendDataRequest, SendDataResponse,
    UpdateSubscriptionsRequest, UpdateSubscriptionsResponse, data_packet,
};

use super::{super::client::Server, admin};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Mute or unmute a track
    MuteTrack(MuteTrack),
    /// Subscribe a participant to tracks, or unsubscribe it
    UpdateSubscriptions(UpdateSubscriptions),
    /// Send data to everybody in a room, or to some
    SendData(SendData),
}

#[derive(Debug, clap::Args)]
pub(super) struct MuteTrack {
    /// The track, TR_...
    track: String,
    /// Name of the room
    #[arg(long, short)]
    room: String,
    /// Whose track it is
    #[arg(long, short)]
    identity: String,
    /// Mute it; what is done unless --unmute is given
    #[arg(long, short)]
    mute: bool,
    /// Unmute it
    #[arg(long, short, conflicts_with = "mute")]
    unmute: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct UpdateSubscriptions {
    /// Tracks, TR_...
    #[arg(required = true)]
    tracks: Vec<String>,
    /// Name of the room
    #[arg(long, short)]
    room: String,
    /// Who subscribes
    #[arg(long, short)]
    identity: String,
    /// Subscribe; what is done unless --unsubscribe is given
    #[arg(long, short)]
    subscribe: bool,
    /// Unsubscribe
    #[arg(long, short = 'S', conflicts_with = "subscribe")]
    unsubscribe: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct SendData {
    /// What is sent
    data: String,
    /// Name of the room
    #[arg(long, short)]
    room: String,
    /// Topic of the message
    #[arg(long)]
    topic: Option<String>,
    /// Only to these identities; may be repeated
    #[arg(long = "identity", short, value_name = "IDENTITY")]
    identities: Vec<String>,
    /// Lossy instead of reliable
    #[arg(long)]
    lossy: bool,
}

pub(super) fn run(server: &Server, command: Command) -> anyhow::Result<()> {
    match command {
        Command::MuteTrack(mute) => mute.send(server),
        Command::UpdateSubscriptions(update) => update.send(server),
        Command::SendData(data) => data.send(server),
    }
}

impl MuteTrack {
    fn send(self, server: &Server) -> anyhow::Result<()> {
        let request = MuteRoomTrackRequest {
            room: self.room,
            identity: self.identity,
            track_sid: self.track,
            muted: !self.unmute,
        };
        server.rooms::<_, MuteRoomTrackResponse>("MutePublishedTrack", admin(&request.room), &request)?;
        println!("track {} {}", request.track_sid, if request.muted { "muted" } else { "unmuted" });
        Ok(())
    }
}

impl UpdateSubscriptions {
    fn send(self, server: &Server) -> anyhow::Result<()> {
        let request = UpdateSubscriptionsRequest {
            room: self.room,
            identity: self.identity,
            track_sids: self.tracks,
            subscribe: !self.unsubscribe,
            ..UpdateSubscriptionsRequest::default()
        };
        let grant = admin(&request.room);
        server.rooms::<_, UpdateSubscriptionsResponse>("UpdateSubscriptions", grant, &request)?;
        let done = if request.subscribe { "subscribed to" } else { "unsubscribed from" };
        println!("{} {done} {}", request.identity, request.track_sids.join(", "));
        Ok(())
    }
}

impl SendData {
    fn send(self, server: &Server) -> anyhow::Result<()> {
        let kind = if self.lossy { data_packet::Kind::Lossy } else { data_packet::Kind::Reliable };
        let request = SendDataRequest {
            room: self.room,
            data: self.data.into_bytes(),
            kind: kind.into(),
            destination_identities: self.identities,
            topic: self.topic,
            ..SendDataRequest::default()
        };
        server.rooms::<_, SendDataResponse>("SendData", admin(&request.room), &request)?;
        println!("data sent to {}", request.room);
        Ok(())
    }
}
