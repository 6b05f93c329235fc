//! `trunkline room create`, `list`, `update`, `delete`.

use livekit_protocol::{
    CreateRoomRequest, DeleteRoomRequest, DeleteRoomResponse, ListRoomsRequest, ListRoomsResponse, Room,
    UpdateRoomMetadataRequest,
};
use room::grants::VideoGrant;

use super::{
    super::{client::Server, table},
    admin, print_json,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Create a room
    Create(Create),
    /// List the rooms, or those with these names
    List {
        /// Names of rooms
        names: Vec<String>,
        /// Print JSON
        #[arg(long, short)]
        json: bool,
    },
    /// Change a room's metadata
    Update {
        /// Name of the room
        room: String,
        /// The new metadata
        #[arg(long)]
        metadata: String,
    },
    /// Delete rooms: everybody leaves, every call is hung up
    Delete {
        /// Names of rooms
        #[arg(required = true)]
        names: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// Name of the room
    name: String,
    /// Seconds that the room stays open before anybody joins
    #[arg(long, value_name = "SECS")]
    empty_timeout: Option<u32>,
    /// Seconds that the room stays open after everybody left
    #[arg(long, value_name = "SECS")]
    departure_timeout: Option<u32>,
    /// Participants at once
    #[arg(long, value_name = "N")]
    max_participants: Option<u32>,
    /// Metadata of the room
    #[arg(long)]
    metadata: Option<String>,
}

pub(super) fn run(server: &Server, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create(create) => print_json(&create.send(server)?),
        Command::List { names, json } => list(server, names, json),
        Command::Update { room, metadata } => update(server, room, metadata),
        Command::Delete { names } => names.into_iter().try_for_each(|name| delete(server, name)),
    }
}

impl Create {
    fn send(self, server: &Server) -> anyhow::Result<Room> {
        let request = CreateRoomRequest {
            name: self.name,
            empty_timeout: self.empty_timeout.unwrap_or_default(),
            departure_timeout: self.departure_timeout.unwrap_or_default(),
            max_participants: self.max_participants.unwrap_or_default(),
            metadata: self.metadata.unwrap_or_default(),
            ..CreateRoomRequest::default()
        };
        server.rooms("CreateRoom", VideoGrant { room_create: true, ..VideoGrant::default() }, &request)
    }
}

fn list(server: &Server, names: Vec<String>, json: bool) -> anyhow::Result<()> {
    let grant = VideoGrant { room_list: true, ..VideoGrant::default() };
    let found: ListRoomsResponse = server.rooms("ListRooms", grant, &ListRoomsRequest { names })?;
    if json {
        return print_json(&found);
    }
    let row = |room: &Room| {
        let counts = [room.num_participants.to_string(), room.num_publishers.to_string()];
        [vec![room.sid.clone(), room.name.clone()], counts.to_vec(), vec![room.metadata.clone()]].concat()
    };
    let rows: Vec<_> = found.rooms.iter().map(row).collect();
    print!("{}", table::draw(&["RoomID", "Name", "Participants", "Publishers", "Metadata"], &rows));
    Ok(())
}

fn update(server: &Server, room: String, metadata: String) -> anyhow::Result<()> {
    let request = UpdateRoomMetadataRequest { room, metadata };
    print_json(&server.rooms::<_, Room>("UpdateRoomMetadata", admin(&request.room), &request)?)
}

fn delete(server: &Server, room: String) -> anyhow::Result<()> {
    let grant = VideoGrant { room_create: true, ..VideoGrant::default() };
    let request = DeleteRoomRequest { room };
    server.rooms::<_, DeleteRoomResponse>("DeleteRoom", grant, &request)?;
    println!("room {} deleted", request.room);
    Ok(())
}
