//! `trunkline token`: access tokens for clients, made from the key and secret alone.

use std::time::Duration;

use anyhow::{Context, bail};
use rand::Rng as _;
use room::grants::{Claims, SipGrant, VideoGrant, source_from_name};
use serde_json::json;

use super::{client::Server, pair};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    server: Server,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Create an access token
    Create(Box<Create>),
}

#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Create {
    /// Room that the token is for
    #[arg(long, short)]
    room: Option<String>,
    /// Identity of the participant
    #[arg(long, short)]
    identity: Option<String>,
    /// Name of the participant [default: the identity]
    #[arg(long, short)]
    name: Option<String>,
    /// May join the room
    #[arg(long)]
    join: bool,
    /// May create and delete rooms
    #[arg(long)]
    create: bool,
    /// May list rooms
    #[arg(long)]
    list: bool,
    /// May moderate the room
    #[arg(long)]
    admin: bool,
    /// May manage trunks
    #[arg(long)]
    sip_admin: bool,
    /// May place calls
    #[arg(long)]
    sip_call: bool,
    /// May change its own name and metadata
    #[arg(long)]
    allow_update_metadata: bool,
    /// May publish only this: camera, microphone, screen_share, screen_share_audio; may be repeated
    #[arg(long = "allow-source", value_name = "SOURCE", value_delimiter = ',')]
    allow_sources: Vec<String>,
    /// Metadata of the participant
    #[arg(long)]
    metadata: Option<String>,
    /// An attribute of the participant, KEY=VALUE; may be repeated
    #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = pair)]
    attributes: Vec<(String, String)>,
    /// How long the token is good
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = crate::config::parse_duration)]
    valid_for: Duration,
    /// Fields of the video grant as JSON, {"hidden": true}, over the flags
    #[arg(long, value_name = "JSON")]
    grant: Option<String>,
    /// Print the token, its claims and the URL as JSON
    #[arg(long, short)]
    json: bool,
    /// Print the token alone
    #[arg(long, conflicts_with = "json")]
    token_only: bool,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let Command::Create(create) = args.command;
    let claims = create.claims()?;
    let token = args.server.sign(claims.clone(), create.valid_for)?;
    if create.token_only {
        println!("{token}");
    } else if create.json {
        let video = claims.video.as_ref().map_or("", |video| video.room.as_str());
        let shown = json!({
            "access_token": token, "project_url": args.server.url(), "identity": claims.sub,
            "name": claims.name, "room": video, "grants": claims,
        });
        println!("{}", serde_json::to_string_pretty(&shown)?);
    } else {
        println!("Token grants:\n{}\n", serde_json::to_string_pretty(&claims)?);
        println!("Project URL: {}\nAccess token: {token}", args.server.url());
    }
    Ok(())
}

impl Create {
    fn claims(&self) -> anyhow::Result<Claims> {
        let sip = SipGrant { admin: self.sip_admin, call: self.sip_call };
        if !(self.join || self.create || self.list || self.admin || sip.admin || sip.call)
            && self.grant.is_none()
        {
            bail!(
                "a token that permits nothing: give --join, --create, --list, --admin, --sip-call, --sip-admin or --grant"
            );
        }
        let identity = self.identity.clone().unwrap_or_else(|| {
            let made = format!("participant-{:08x}", rand::rng().random::<u32>());
            eprintln!("identity: {made}");
            made
        });
        Ok(Claims {
            name: self.name.clone().unwrap_or_else(|| identity.clone()),
            sub: identity,
            metadata: self.metadata.clone().unwrap_or_default(),
            attributes: self.attributes.iter().cloned().collect(),
            video: Some(self.video()?),
            sip: (sip != SipGrant::default()).then_some(sip),
            ..Claims::default()
        })
    }

    fn video(&self) -> anyhow::Result<VideoGrant> {
        if (self.join || self.admin) && self.room.is_none() && self.grant.is_none() {
            bail!("--join and --admin are for one room: give --room");
        }
        if let Some(unknown) = self.allow_sources.iter().find(|name| source_from_name(name).is_none()) {
            bail!(
                "--allow-source: {unknown:?} is not camera, microphone, screen_share or screen_share_audio"
            );
        }
        let grant = VideoGrant {
            room_create: self.create,
            room_list: self.list,
            room_join: self.join,
            room_admin: self.admin,
            room: self.room.clone().unwrap_or_default(),
            can_publish_sources: self.allow_sources.clone(),
            can_update_own_metadata: self.allow_update_metadata.then_some(true),
            ..VideoGrant::default()
        };
        match &self.grant {
            None => Ok(grant),
            Some(document) => over(&grant, document).context("--grant"),
        }
    }
}

/// The grant with the document's fields in their place. A name that no grant has is a typing error.
fn over(grant: &VideoGrant, document: &str) -> anyhow::Result<VideoGrant> {
    let changes: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(document).context("should be a JSON object")?;
    let known = every_name()?;
    if let Some(unknown) = changes.keys().find(|name| !known.contains_key(*name)) {
        bail!("no such field: {unknown}");
    }
    let mut merged = serde_json::to_value(grant)?;
    if let Some(merged) = merged.as_object_mut() {
        merged.extend(changes);
    }
    Ok(serde_json::from_value(merged)?)
}

/// A grant in which every field is set prints all of their names.
fn every_name() -> anyhow::Result<serde_json::Map<String, serde_json::Value>> {
    let all = VideoGrant {
        room_create: true,
        room_list: true,
        room_record: true,
        room_admin: true,
        room_join: true,
        room: "any".to_owned(),
        can_publish: Some(true),
        can_subscribe: Some(true),
        can_publish_data: Some(true),
        can_publish_sources: vec!["camera".to_owned()],
        can_update_own_metadata: Some(true),
        ingress_admin: true,
        hidden: true,
        recorder: true,
        agent: true,
        can_subscribe_metrics: Some(true),
        can_manage_agent_session: Some(true),
        destination_room: "any".to_owned(),
    };
    serde_json::from_value(serde_json::to_value(all)?).context("a grant is an object")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_takes_fields_by_name_and_refuses_others() {
        let grant = VideoGrant { room_join: true, room: "r".to_owned(), ..VideoGrant::default() };
        let merged = over(&grant, r#"{"hidden": true, "canPublish": false}"#).unwrap();
        assert!(merged.hidden && merged.room_join && merged.can_publish == Some(false));
        assert!(over(&grant, r#"{"hiden": true}"#).unwrap_err().to_string().contains("hiden"));
        assert!(over(&grant, "[]").is_err());
    }
}
