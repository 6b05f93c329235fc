//! `trunkline sip participant`.

use std::time::Duration;

use anyhow::Context;
use livekit_protocol::{CreateSipParticipantRequest, SipParticipantInfo};

use super::{
    super::{
        client::{Refusal, Server},
        exit, input, progress,
    },
    media::MediaFlags,
};
use crate::api::json;

#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Command {
    /// Place calls from JSON documents, flags, or both
    Create(Box<Create>),
}

#[derive(Debug, clap::Args)]
#[command(after_help = exit::HELP)]
pub(in crate::cli) struct Create {
    /// The request: files, - for standard input, or the JSON itself
    documents: Vec<String>,
    /// Room to join
    #[arg(long, short)]
    room: Option<String>,
    /// Identity of the participant
    #[arg(long, short)]
    identity: Option<String>,
    /// Stored trunk to call through
    #[arg(long)]
    trunk: Option<String>,
    /// Number to call from
    #[arg(long)]
    number: Option<String>,
    /// Number to call
    #[arg(long)]
    call: Option<String>,
    /// Name of the participant
    #[arg(long)]
    name: Option<String>,
    /// Caller's name as the phone shows it
    #[arg(long, conflicts_with = "no_display_name")]
    display_name: Option<String>,
    /// No caller's name
    #[arg(long)]
    no_display_name: bool,
    /// Wait until the phone is answered
    #[arg(long)]
    wait: bool,
    /// How long the phone may ring, and how long to wait
    #[arg(long, default_value = "80s", value_parser = crate::config::parse_duration)]
    timeout: Duration,
    /// Extra SIP header, "Name: value"; may be repeated
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// Print JSON, failures too
    #[arg(long, short)]
    json: bool,
    #[command(flatten)]
    media: MediaFlags,
}

pub(super) fn run(server: &Server, command: Command) -> anyhow::Result<()> {
    let Command::Create(create) = command;
    let mut requests = Vec::new();
    for document in &create.documents {
        requests.push(input::message::<CreateSipParticipantRequest>(
            document,
            &json::sip::CREATE_SIP_PARTICIPANT_REQUEST,
        )?);
    }
    if requests.is_empty() {
        requests.push(CreateSipParticipantRequest::default());
    }
    for mut request in requests {
        create.apply(&mut request)?;
        create.place(server, request)?;
    }
    Ok(())
}

impl Create {
    fn apply(&self, request: &mut CreateSipParticipantRequest) -> anyhow::Result<()> {
        let set = |field: &mut String, flag: &Option<String>| {
            if let Some(value) = flag {
                field.clone_from(value);
            }
        };
        set(&mut request.room_name, &self.room);
        set(&mut request.participant_identity, &self.identity);
        set(&mut request.sip_trunk_id, &self.trunk);
        set(&mut request.sip_number, &self.number);
        set(&mut request.sip_call_to, &self.call);
        set(&mut request.participant_name, &self.name);
        if self.display_name.is_some() {
            request.display_name.clone_from(&self.display_name);
        } else if self.no_display_name {
            request.display_name = Some(String::new());
        }
        for header in &self.headers {
            let (name, value) = header.split_once(':').context("--header: should be \"Name: value\"")?;
            request.headers.insert(name.trim().to_owned(), value.trim().to_owned());
        }
        request.wait_until_answered |= self.wait;
        request.media = self.media.over(request.media.take())?;
        request.ringing_timeout.get_or_insert_with(|| self.ringing(request.wait_until_answered).into());
        Ok(())
    }

    fn place(&self, server: &Server, request: CreateSipParticipantRequest) -> anyhow::Result<()> {
        match progress::run(progress::place(server, request, self.timeout)) {
            Ok((call, _)) if self.json => println!("{}", serde_json::to_string_pretty(&call)?),
            Ok((call, _)) => print_call(&call),
            Err(error) => {
                match error.downcast_ref::<Refusal>() {
                    Some(refusal) if self.json => println!("{}", serde_json::to_string_pretty(refusal)?),
                    _ => print_sip_status(&error),
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// When waiting, the phone stops ringing before the wait is over: its answer says more.
    fn ringing(&self, waits: bool) -> Duration {
        if waits { self.timeout.saturating_sub(Duration::from_millis(500)) } else { self.timeout }
    }
}

fn print_call(call: &SipParticipantInfo) {
    println!("SIPCallID: {}", call.sip_call_id);
    println!("ParticipantID: {}", call.participant_id);
    println!("ParticipantIdentity: {}", call.participant_identity);
    println!("RoomName: {}", call.room_name);
}

/// What the phone's side answered, for scripts.
pub(in crate::cli) fn print_sip_status(error: &anyhow::Error) {
    let Some(refusal) = error.downcast_ref::<Refusal>() else { return };
    if let Some(code) = refusal.meta.get("sip_status_code") {
        println!("SIPStatusCode: {code}");
        println!("SIPStatus: {}", refusal.meta.get("sip_status").map_or("", String::as_str));
    }
}
