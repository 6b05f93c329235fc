//! `trunkline call`: one phone call, from the number to the hang-up.

use std::time::Duration;

use anyhow::{Context, bail};
use livekit_protocol::{
    CreateSipParticipantRequest, ListSipOutboundTrunkRequest, ListSipOutboundTrunkResponse,
    SipParticipantInfo,
};
use room::grants::SipGrant;
use tokio::{signal, time};

use super::{
    client::Server,
    exit,
    progress::{self, Watched},
    sip::print_sip_status,
};

/// How often a running call is looked at.
const EVERY: Duration = Duration::from_millis(500);
const TIMEOUT: Duration = Duration::from_secs(30);
const ADMIN: SipGrant = SipGrant { admin: true, call: false };

#[derive(Debug, clap::Args)]
#[command(after_help = exit::HELP)]
pub(super) struct Args {
    #[command(flatten)]
    server: Server,
    /// Number to call
    number: String,
    /// Room that the phone joins [default: call-NUMBER]
    #[arg(long, short)]
    room: Option<String>,
    /// Trunk to call through; may be left out when there is only one
    #[arg(long)]
    trunk: Option<String>,
    /// Number to call from
    #[arg(long)]
    from: Option<String>,
    /// Identity of the phone in the room [default: phone-NUMBER]
    #[arg(long, short)]
    identity: Option<String>,
    /// Name of the participant
    #[arg(long)]
    name: Option<String>,
    /// Digits to press when it is answered; w waits half a second
    #[arg(long)]
    dtmf: Option<String>,
    /// Play a dial tone into the room until it is answered
    #[arg(long)]
    dial_tone: bool,
    /// Clean the phone's audio of noise
    #[arg(long)]
    krisp: bool,
    /// How long the phone may ring
    #[arg(long, default_value = "80s", value_parser = crate::config::parse_duration)]
    timeout: Duration,
    /// Leave the call running once it is answered
    #[arg(long)]
    detach: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let request = args.request()?;
    progress::run(async {
        let placed = progress::place(&args.server, request, args.timeout).await;
        let (call, mut watched) = placed.inspect_err(print_sip_status)?;
        watched.show("active");
        println!("{} is in room {} as {}", args.number, call.room_name, call.participant_identity);
        if args.detach { Ok(()) } else { until_hung_up(&mut watched, &call).await }
    })
}

/// Until the phone, or somebody through the API, ends the call; Ctrl-C ends it from here.
async fn until_hung_up(watched: &mut Watched, call: &SipParticipantInfo) -> anyhow::Result<()> {
    eprintln!("Ctrl-C hangs up");
    let mut look = time::interval(EVERY);
    loop {
        tokio::select! {
            _ = look.tick() => {
                let found = watched.look().await?;
                // Another call under the same identity is none of ours.
                if found.is_none_or(|info| info.sid != call.participant_id) {
                    watched.show("hangup");
                    return Ok(());
                }
            }
            pressed = signal::ctrl_c() => {
                pressed.context("cannot listen for Ctrl-C")?;
                watched.remove().await?;
                watched.show("hangup");
                return Ok(());
            }
        }
    }
}

impl Args {
    fn request(&self) -> anyhow::Result<CreateSipParticipantRequest> {
        let named = |given: &Option<String>, kind: &str| {
            given.clone().unwrap_or_else(|| format!("{kind}-{}", self.number))
        };
        Ok(CreateSipParticipantRequest {
            sip_trunk_id: self.trunk.clone().map_or_else(|| only_trunk(&self.server), Ok)?,
            sip_call_to: self.number.clone(),
            sip_number: self.from.clone().unwrap_or_default(),
            room_name: named(&self.room, "call"),
            participant_identity: named(&self.identity, "phone"),
            participant_name: self.name.clone().unwrap_or_default(),
            dtmf: self.dtmf.clone().unwrap_or_default(),
            play_dialtone: self.dial_tone,
            krisp_enabled: self.krisp,
            wait_until_answered: true,
            // The phone stops ringing before the wait is over: its answer says more.
            ringing_timeout: Some(self.timeout.saturating_sub(Duration::from_millis(500)).into()),
            ..CreateSipParticipantRequest::default()
        })
    }
}

/// The one trunk that a server has.
fn only_trunk(server: &Server) -> anyhow::Result<String> {
    let request = ListSipOutboundTrunkRequest::default();
    let trunks: ListSipOutboundTrunkResponse =
        server.sip("ListSIPOutboundTrunk", ADMIN, &request, TIMEOUT)?;
    match trunks.items.as_slice() {
        [only] => Ok(only.sip_trunk_id.clone()),
        [] => bail!("the server has no trunk: create one with `trunkline sip outbound create`"),
        several => {
            let ids: Vec<_> = several.iter().map(|trunk| trunk.sip_trunk_id.as_str()).collect();
            bail!("which trunk? Give --trunk, one of {}", ids.join(", "))
        }
    }
}
