//! `trunkline sip outbound`.

use std::time::Duration;

use anyhow::bail;
use livekit_protocol::{
    CreateSipOutboundTrunkRequest, DeleteSipTrunkRequest, ListSipOutboundTrunkRequest,
    ListSipOutboundTrunkResponse, ListUpdate, SipOutboundTrunkInfo, SipOutboundTrunkUpdate, SipTrunkInfo,
    UpdateSipOutboundTrunkRequest, update_sip_outbound_trunk_request::Action,
};
use room::grants::SipGrant;

use super::{
    super::{client::Server, input, table},
    media::{MediaFlags, transport},
};
use crate::api::json;

const TIMEOUT: Duration = Duration::from_secs(30);
const ADMIN: SipGrant = SipGrant { admin: true, call: false };

#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Command {
    /// Create trunks from JSON documents, flags, or both
    Create {
        /// {"trunk": {...}}: files, - for standard input, or the JSON itself
        documents: Vec<String>,
        #[command(flatten)]
        flags: TrunkFlags,
    },
    /// List all trunks
    List {
        /// Print JSON
        #[arg(long, short)]
        json: bool,
    },
    /// Change a trunk with flags, or replace it with a JSON document
    Update {
        /// The trunk
        #[arg(long)]
        id: Option<String>,
        /// The whole new trunk: a file, - for standard input, or the JSON itself
        document: Option<String>,
        #[command(flatten)]
        flags: TrunkFlags,
    },
    /// Delete trunks
    Delete {
        /// Trunk ids
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

#[derive(Debug, Default, clap::Args)]
pub(in crate::cli) struct TrunkFlags {
    /// Name of the trunk
    #[arg(long)]
    name: Option<String>,
    /// Where calls go: a host name or IP, with or without a port
    #[arg(long)]
    address: Option<String>,
    /// auto, udp, tcp or tls
    #[arg(long)]
    transport: Option<String>,
    /// Where calls should come from: a country, US
    #[arg(long)]
    destination_country: Option<String>,
    /// Numbers to call from; may be repeated
    #[arg(long, value_delimiter = ',')]
    numbers: Vec<String>,
    /// User name for the carrier's challenge
    #[arg(long)]
    auth_user: Option<String>,
    /// Password for the carrier's challenge
    #[arg(long)]
    auth_pass: Option<String>,
    #[command(flatten)]
    media: MediaFlags,
}

pub(super) fn run(server: &Server, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create { documents, flags } => create(server, &documents, &flags),
        Command::List { json } => list(server, json),
        Command::Update { id, document, flags } => update(server, id, document.as_deref(), &flags),
        Command::Delete { ids } => ids.into_iter().try_for_each(|id| delete(server, id)),
    }
}

fn create(server: &Server, documents: &[String], flags: &TrunkFlags) -> anyhow::Result<()> {
    let mut requests = Vec::new();
    for document in documents {
        requests.push(input::message::<CreateSipOutboundTrunkRequest>(
            document,
            &json::sip::CREATE_SIP_OUTBOUND_TRUNK_REQUEST,
        )?);
    }
    if requests.is_empty() {
        requests.push(CreateSipOutboundTrunkRequest::default());
    }
    for mut request in requests {
        flags.apply(request.trunk.get_or_insert_default())?;
        let trunk: SipOutboundTrunkInfo = server.sip("CreateSIPOutboundTrunk", ADMIN, &request, TIMEOUT)?;
        println!("SIPTrunkID: {}", trunk.sip_trunk_id);
    }
    Ok(())
}

impl TrunkFlags {
    fn apply(&self, trunk: &mut SipOutboundTrunkInfo) -> anyhow::Result<()> {
        let set = |field: &mut String, flag: &Option<String>| {
            if let Some(value) = flag {
                field.clone_from(value);
            }
        };
        set(&mut trunk.name, &self.name);
        set(&mut trunk.address, &self.address);
        set(&mut trunk.destination_country, &self.destination_country);
        set(&mut trunk.auth_username, &self.auth_user);
        set(&mut trunk.auth_password, &self.auth_pass);
        if let Some(name) = &self.transport {
            trunk.transport = transport(name)?.into();
        }
        if !self.numbers.is_empty() {
            trunk.numbers.clone_from(&self.numbers);
        }
        trunk.media = self.media.over(trunk.media.take())?;
        Ok(())
    }

    fn update(&self) -> anyhow::Result<SipOutboundTrunkUpdate> {
        let numbers = Some(ListUpdate { set: self.numbers.clone(), ..ListUpdate::default() });
        Ok(SipOutboundTrunkUpdate {
            name: self.name.clone(),
            address: self.address.clone(),
            destination_country: self.destination_country.clone(),
            auth_username: self.auth_user.clone(),
            auth_password: self.auth_pass.clone(),
            transport: self.transport.as_deref().map(transport).transpose()?.map(i32::from),
            numbers: numbers.filter(|list| !list.set.is_empty()),
            media: self.media.over(None)?,
            ..SipOutboundTrunkUpdate::default()
        })
    }
}

fn update(
    server: &Server,
    id: Option<String>,
    document: Option<&str>,
    flags: &TrunkFlags,
) -> anyhow::Result<()> {
    let (id, action) = match document {
        Some(document) => {
            let mut trunk: SipOutboundTrunkInfo =
                input::message(document, &json::sip::SIP_OUTBOUND_TRUNK_INFO)?;
            flags.apply(&mut trunk)?;
            let id = id.unwrap_or_else(|| trunk.sip_trunk_id.clone());
            (id, Action::Replace(trunk))
        }
        None => (id.unwrap_or_default(), Action::Update(flags.update()?)),
    };
    if id.is_empty() {
        bail!("which trunk? Give --id, or sip_trunk_id in the document");
    }
    let request = UpdateSipOutboundTrunkRequest { sip_trunk_id: id, action: Some(action) };
    let trunk: SipOutboundTrunkInfo = server.sip("UpdateSIPOutboundTrunk", ADMIN, &request, TIMEOUT)?;
    println!("SIPTrunkID: {}", trunk.sip_trunk_id);
    Ok(())
}

fn list(server: &Server, json: bool) -> anyhow::Result<()> {
    let request = ListSipOutboundTrunkRequest::default();
    let mut response: ListSipOutboundTrunkResponse =
        server.sip("ListSIPOutboundTrunk", ADMIN, &request, TIMEOUT)?;
    for trunk in response.items.iter_mut().filter(|trunk| !trunk.auth_password.is_empty()) {
        "****".clone_into(&mut trunk.auth_password);
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&response)?);
        return Ok(());
    }
    let headings = [
        "SipTrunkID",
        "Name",
        "Address",
        "Transport",
        "Numbers",
        "Authentication",
        "Encryption",
        "Headers",
        "Metadata",
    ];
    let rows: Vec<_> = response.items.iter().map(row).collect();
    print!("{}", table::draw(&headings, &rows));
    Ok(())
}

fn row(trunk: &SipOutboundTrunkInfo) -> Vec<String> {
    let encryption = trunk.media.as_ref().map_or("DISABLE", |media| media.encryption().as_str_name());
    let mut headers: Vec<_> = trunk.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
    headers.sort();
    let authentication = match trunk.auth_username.as_str() {
        "" => String::new(),
        user => format!("{user} / ****"),
    };
    vec![
        trunk.sip_trunk_id.clone(),
        trunk.name.clone(),
        trunk.address.clone(),
        trunk.transport().as_str_name().trim_start_matches("SIP_TRANSPORT_").to_owned(),
        trunk.numbers.join(","),
        authentication,
        encryption.trim_start_matches("SIP_MEDIA_ENCRYPT_").to_owned(),
        headers.join(","),
        trunk.metadata.clone(),
    ]
}

fn delete(server: &Server, id: String) -> anyhow::Result<()> {
    let request = DeleteSipTrunkRequest { sip_trunk_id: id };
    let deleted: SipTrunkInfo = server.sip("DeleteSIPTrunk", ADMIN, &request, TIMEOUT)?;
    println!("SIP Trunk [{}] deleted", deleted.sip_trunk_id);
    Ok(())
}
