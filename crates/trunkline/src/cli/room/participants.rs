//! `trunkline room participants`.

use std::collections::HashMap;

use livekit_protocol::{
    ForwardParticipantRequest, ForwardParticipantResponse, ListParticipantsRequest, ListParticipantsResponse,
    MoveParticipantRequest, MoveParticipantResponse, ParticipantInfo, ParticipantPermission,
    RemoveParticipantResponse, RoomParticipantIdentity, UpdateParticipantRequest,
};

use super::{
    super::{client::Server, input, pair, table},
    admin, print_json,
};
use crate::api::json;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List who is in a room
    List {
        /// Name of the room
        room: String,
        /// Print JSON
        #[arg(long, short)]
        json: bool,
    },
    /// Print everything about one participant, as JSON
    Get(Who),
    /// Remove a participant; a phone is hung up
    Remove(Who),
    /// Change a participant's name, metadata, attributes or permissions
    Update(Update),
    /// Move a participant to another room; a phone's call goes on
    Move(Elsewhere),
    /// Let a participant be in another room too
    Forward(Elsewhere),
}

#[derive(Debug, clap::Args)]
pub(super) struct Who {
    /// Identity of the participant
    #[arg(required_unless_present = "identity")]
    id: Option<String>,
    /// Name of the room
    #[arg(long, short)]
    room: String,
    /// The identity as a flag
    #[arg(long, short, hide = true, conflicts_with = "id")]
    identity: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Update {
    #[command(flatten)]
    who: Who,
    /// New name
    #[arg(long)]
    name: Option<String>,
    /// New metadata
    #[arg(long)]
    metadata: Option<String>,
    /// An attribute, KEY=VALUE, an empty value deletes it; may be repeated
    #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = pair)]
    attributes: Vec<(String, String)>,
    /// Permissions as JSON, {"can_publish": false}; what it does not name is kept
    #[arg(long, value_name = "JSON")]
    permissions: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Elsewhere {
    #[command(flatten)]
    who: Who,
    /// Name of the other room
    #[arg(long, value_name = "ROOM")]
    destination_room: String,
}

impl Who {
    fn identity(self) -> RoomParticipantIdentity {
        let identity = self.id.or(self.identity).unwrap_or_default();
        RoomParticipantIdentity { room: self.room, identity, ..RoomParticipantIdentity::default() }
    }
}

pub(super) fn run(server: &Server, command: Command) -> anyhow::Result<()> {
    match command {
        Command::List { room, json } => list(server, room, json),
        Command::Get(who) => print_json(&get(server, &who.identity())?),
        Command::Remove(who) => remove(server, &who.identity()),
        Command::Update(update) => print_json(&update.send(server)?),
        Command::Move(elsewhere) => move_to(server, elsewhere),
        Command::Forward(elsewhere) => forward_to(server, elsewhere),
    }
}

fn list(server: &Server, room: String, json: bool) -> anyhow::Result<()> {
    let request = ListParticipantsRequest { room };
    let found: ListParticipantsResponse = server.rooms("ListParticipants", admin(&request.room), &request)?;
    if json {
        return print_json(&found);
    }
    let rows: Vec<_> = found.participants.iter().map(row).collect();
    print!("{}", table::draw(&["ID", "Identity", "Name", "Kind", "State", "Tracks", "Call"], &rows));
    Ok(())
}

fn row(participant: &ParticipantInfo) -> Vec<String> {
    let tracks: Vec<_> = participant.tracks.iter().map(|track| track.sid.as_str()).collect();
    vec![
        participant.sid.clone(),
        participant.identity.clone(),
        participant.name.clone(),
        participant.kind().as_str_name().to_owned(),
        participant.state().as_str_name().to_owned(),
        tracks.join(","),
        participant.attributes.get("sip.callStatus").cloned().unwrap_or_default(),
    ]
}

fn get(server: &Server, who: &RoomParticipantIdentity) -> anyhow::Result<ParticipantInfo> {
    server.rooms("GetParticipant", admin(&who.room), who)
}

fn remove(server: &Server, who: &RoomParticipantIdentity) -> anyhow::Result<()> {
    server.rooms::<_, RemoveParticipantResponse>("RemoveParticipant", admin(&who.room), who)?;
    println!("participant {} removed from {}", who.identity, who.room);
    Ok(())
}

impl Update {
    fn send(self, server: &Server) -> anyhow::Result<ParticipantInfo> {
        let who = self.who.identity();
        let permission = match &self.permissions {
            None => None,
            Some(text) => Some(permissions(get(server, &who)?.permission.unwrap_or_default(), text)?),
        };
        let request = UpdateParticipantRequest {
            room: who.room,
            identity: who.identity,
            name: self.name.unwrap_or_default(),
            metadata: self.metadata.unwrap_or_default(),
            attributes: self.attributes.into_iter().collect::<HashMap<_, _>>(),
            permission,
        };
        server.rooms("UpdateParticipant", admin(&request.room), &request)
    }
}

/// The permissions as they are, with what the document says in their place.
fn permissions(now: ParticipantPermission, document: &str) -> anyhow::Result<ParticipantPermission> {
    let text = input::read(document)?;
    // Read once for its errors: an unknown name or a wrong type is told by its path.
    json::document::<ParticipantPermission>(&text, &json::room::PARTICIPANT_PERMISSION)?;
    let mut merged = serde_json::to_value(&now)?;
    let changes: serde_json::Value = serde_json::from_str(&text)?;
    if let (Some(merged), Some(changes)) = (merged.as_object_mut(), changes.as_object()) {
        for (name, value) in changes {
            merged.insert(json::camel_case(name), value.clone());
        }
    }
    Ok(serde_json::from_value(merged)?)
}

fn move_to(server: &Server, Elsewhere { who, destination_room }: Elsewhere) -> anyhow::Result<()> {
    let RoomParticipantIdentity { room, identity, .. } = who.identity();
    let grant = room::grants::VideoGrant { destination_room: destination_room.clone(), ..admin(&room) };
    let request = MoveParticipantRequest { room, identity, destination_room };
    server.rooms::<_, MoveParticipantResponse>("MoveParticipant", grant, &request)?;
    println!("participant {} moved to {}", request.identity, request.destination_room);
    Ok(())
}

fn forward_to(server: &Server, Elsewhere { who, destination_room }: Elsewhere) -> anyhow::Result<()> {
    let RoomParticipantIdentity { room, identity, .. } = who.identity();
    let grant = room::grants::VideoGrant { destination_room: destination_room.clone(), ..admin(&room) };
    let request = ForwardParticipantRequest { room, identity, destination_room };
    server.rooms::<_, ForwardParticipantResponse>("ForwardParticipant", grant, &request)?;
    println!("participant {} forwarded to {}", request.identity, request.destination_room);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_that_are_not_named_stay() {
        let now = ParticipantPermission { can_subscribe: true, can_publish: true, ..Default::default() };
        let merged = permissions(now, r#"{"can_publish": false, "canPublishData": true}"#).unwrap();
        assert!(merged.can_subscribe && merged.can_publish_data && !merged.can_publish);
        let error = permissions(merged, r#"{"can_fly": true}"#).unwrap_err();
        assert!(error.to_string().contains("can_fly"), "{error}");
    }
}
