//! The call itself: the trunk, the API request of the documentation, and what happens until it is over.

use std::time::Duration;

use anyhow::{Context, bail};
use livekit_protocol as proto;
use peers::api::ApiError;
use peers::server::Usage;

use super::journal::Journal;
use super::screen::Screen;
use super::world::{Line, ROOM, World};

/// Whom the demo calls.
pub(super) const NUMBER: &str = "+15550100";
/// The digits dialled after the answer; each `w` waits half a second.
pub(super) const DIGITS: &str = "*123#ww456";
/// How long both sides talk.
const TALK: Duration = Duration::from_secs(6);
/// How long the call may take until it is active, and until it has ended.
const ACTIVE_LIMIT: Duration = Duration::from_secs(15);
const END_LIMIT: Duration = Duration::from_secs(5);

/// Creates the trunk, places the call, lets both sides talk and hangs up.
pub(super) async fn place(
    world: &mut World,
    screen: &mut Screen,
    journal: &mut Journal,
) -> anyhow::Result<()> {
    let trunk = world.api.create_outbound_trunk(trunk(&world.phone_address)).await;
    let trunk = trunk.context("the API refused the trunk")?.sip_trunk_id;
    screen.ready("trunk", &format!("{trunk} leads to the phone"));
    ask(world, screen, journal, request(trunk)).await?;
    active(world, screen, journal).await?;
    journal.talk_begin = usage(world, journal);
    listen(world, screen, journal, TALK).await?;
    journal.talk_end = usage(world, journal);
    world.hang_up().await;
    over(world, screen, journal).await
}

fn trunk(address: &str) -> proto::SipOutboundTrunkInfo {
    proto::SipOutboundTrunkInfo {
        name: "demo".to_owned(),
        address: address.to_owned(),
        numbers: vec!["+15550001".to_owned()],
        ..Default::default()
    }
}

/// The call of LiveKit's documentation, with what it leaves out: digits and dial tone.
fn request(trunk: String) -> proto::CreateSipParticipantRequest {
    proto::CreateSipParticipantRequest {
        sip_trunk_id: trunk,
        sip_call_to: NUMBER.to_owned(),
        room_name: ROOM.to_owned(),
        participant_identity: "sip-test".to_owned(),
        participant_name: "Test Caller".to_owned(),
        krisp_enabled: true,
        wait_until_answered: true,
        dtmf: DIGITS.to_owned(),
        play_dialtone: true,
        ..Default::default()
    }
}

/// Places the call and follows it until the API returns.
async fn ask(
    world: &mut World,
    screen: &mut Screen,
    journal: &mut Journal,
    request: proto::CreateSipParticipantRequest,
) -> anyhow::Result<()> {
    let api = world.api.clone();
    journal.asked = Some(journal.now());
    screen.asked(journal);
    let mut reply = Box::pin(async move { api.create_sip_participant(&request).await });
    let deadline = tokio::time::Instant::now() + ACTIVE_LIMIT;
    loop {
        tokio::select! {
            answer = &mut reply => {
                journal.returned = Some(journal.now());
                return check(answer.map(|info| info.sip_call_id), screen, journal);
            }
            line = world.next() => take(line?, screen, journal),
            () = tokio::time::sleep_until(deadline) => {
                bail!("call: the API has not returned within {ACTIVE_LIMIT:?}; the last status is {:?}", journal.state())
            }
        }
    }
}

fn check(answer: Result<String, ApiError>, screen: &mut Screen, journal: &Journal) -> anyhow::Result<()> {
    let call = answer.context("call: CreateSIPParticipant failed")?;
    screen.returned(journal, &call);
    Ok(())
}

/// The room hears of the status a little after the API's caller.
async fn active(world: &mut World, screen: &mut Screen, journal: &mut Journal) -> anyhow::Result<()> {
    wait(world, screen, journal, END_LIMIT, |journal| journal.state_at("active").is_some())
        .await
        .context("call: answered, but never active in the room")
}

/// Waits until both ends know that the call is over.
async fn over(world: &mut World, screen: &mut Screen, journal: &mut Journal) -> anyhow::Result<()> {
    wait(world, screen, journal, END_LIMIT, |journal| {
        journal.phone_track.is_some() && journal.room_left.is_some() && journal.state() == "hangup"
    })
    .await
    .context("hangup: not everybody heard of it")
}

async fn listen(
    world: &mut World,
    screen: &mut Screen,
    journal: &mut Journal,
    time: Duration,
) -> anyhow::Result<()> {
    let end = tokio::time::Instant::now() + time;
    loop {
        tokio::select! {
            line = world.next() => take(line?, screen, journal),
            () = tokio::time::sleep_until(end) => return Ok(()),
        }
    }
}

async fn wait(
    world: &mut World,
    screen: &mut Screen,
    journal: &mut Journal,
    limit: Duration,
    enough: impl Fn(&Journal) -> bool,
) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + limit;
    while !enough(journal) {
        tokio::select! {
            line = world.next() => take(line?, screen, journal),
            () = tokio::time::sleep_until(deadline) => bail!("not within {limit:?}"),
        }
    }
    Ok(())
}

fn take(line: Line, screen: &mut Screen, journal: &mut Journal) {
    match line {
        Line::Phone(told) => {
            journal.phone(&told);
            screen.phone(journal, &told);
        }
        Line::Room(told) => {
            journal.room(&told);
            screen.room(journal, &told);
        }
    }
}

fn usage(world: &World, journal: &Journal) -> Option<(f64, Usage)> {
    Usage::of(&[world.server.pid()]).map(|usage| (journal.now(), usage))
}
