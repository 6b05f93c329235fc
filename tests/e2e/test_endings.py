"""Every way a call ends is seen on both sides, at once and with its reason."""

import asyncio
import json
import signal
import urllib.error
import urllib.request

import pytest
from livekit import api
from livekit.protocol.models import DisconnectReason

from harness.calls import call, call_to, hang_up
from harness.room import Participant
from harness.server import API_KEY, API_SECRET


async def test_the_phone_hangs_up(livekit, join, sipp, trunk_to):
    phone = sipp("answer_then_hang_up")
    watcher = await join("bye", "watcher")
    await call(livekit, await trunk_to(phone.address), "bye")
    await watcher.sees("phone", "hangup")
    assert await watcher.sees_leave("phone") == DisconnectReason.CLIENT_INITIATED
    await phone.ends_well()


async def test_the_participant_is_removed(livekit, join, sipp, trunk_to):
    phone = sipp("answer_until_bye")
    watcher = await join("removed", "watcher")
    await call(livekit, await trunk_to(phone.address), "removed")
    await hang_up(livekit, "removed")
    await phone.ends_well()
    assert await watcher.sees_leave("phone") == DisconnectReason.PARTICIPANT_REMOVED


async def test_the_participant_is_removed_while_the_phone_rings(livekit, join, sipp, trunk_to):
    phone = sipp("ring_until_cancelled")
    watcher = await join("ringing", "watcher")
    placing = asyncio.ensure_future(call(livekit, await trunk_to(phone.address), "ringing"))
    await watcher.sees("phone", "ringing")
    await hang_up(livekit, "ringing")
    with pytest.raises(api.ServerError) as raised:
        await asyncio.wait_for(placing, 5)
    assert raised.value.code == "canceled"
    await phone.ends_well()


async def test_the_room_is_deleted(livekit, join, sipp, trunk_to):
    phone = sipp("answer_until_bye")
    await call(livekit, await trunk_to(phone.address), "deleted")
    await livekit.room.delete_room(api.DeleteRoomRequest(room="deleted"))
    await phone.ends_well()


async def test_the_call_lasts_no_longer_than_allowed(livekit, join, sipp, trunk_to):
    phone = sipp("answer_until_bye")
    watcher = await join("short", "watcher")
    asked = call_to(await trunk_to(phone.address), "short")
    asked.max_call_duration.FromSeconds(2)
    await livekit.sip.create_sip_participant(asked)
    await watcher.sees("phone", "hangup")
    await watcher.sees_leave("phone")
    await phone.ends_well()


async def test_the_caller_gives_up_waiting(livekit, join, sipp, trunk_to):
    """The HTTP client closes its connection while the phone rings: nobody wants this call any more."""
    phone = sipp("ring_until_cancelled")
    watcher = await join("gone", "watcher")
    placing = asyncio.ensure_future(call(livekit, await trunk_to(phone.address), "gone"))
    await watcher.sees("phone", "ringing")
    placing.cancel()
    await phone.ends_well()
    await watcher.sees_leave("phone")


async def test_the_server_is_interrupted(server, livekit, join, sipp, trunk_to):
    """SIGINT: a phone in a call gets its BYE, one that rings its CANCEL, and the process is gone within 5 s."""
    talking = sipp("answer_until_bye")
    ringing = sipp("ring_until_cancelled")
    watcher = await join("shutdown", "watcher")
    await call(livekit, await trunk_to(talking.address), "shutdown")
    await call(livekit, await trunk_to(ringing.address), "shutdown", participant_identity="second", wait_until_answered=False)
    await watcher.sees("second", "ringing")

    server.signal(signal.SIGINT)
    code = await asyncio.to_thread(server.process.wait, 5)

    assert code == 0
    await talking.ends_well()
    await ringing.ends_well()


async def test_a_phone_that_ignores_its_bye_does_not_hold_up_the_shutdown(server, livekit, sipp, trunk_to):
    phone = sipp("answer_and_ignore_bye")
    await call(livekit, await trunk_to(phone.address), "deaf")
    server.signal(signal.SIGINT)
    assert await asyncio.to_thread(server.process.wait, 5) == 0
    await phone.ends_well()


async def test_a_phone_that_sends_no_audio_is_hung_up(make_server, sipp):
    server = make_server(sip={"media_timeout_initial": "2s"})
    async with api.LiveKitAPI(server.url, API_KEY, API_SECRET) as client:
        phone = sipp("answer_until_bye")
        trunk = await client.sip.create_outbound_trunk(
            api.CreateSIPOutboundTrunkRequest(
                trunk=api.SIPOutboundTrunkInfo(name="t", address=phone.address, numbers=["+15105550100"])
            )
        )
        await call(client, trunk.sip_trunk_id, "mute")
        watcher = await Participant(server, "mute", "watcher").join()
        await watcher.sees_leave("phone")
        await phone.ends_well()
        await watcher.leave()


async def test_an_agent_ends_the_call_and_reads_the_answer_s_headers(livekit, join, sipp, trunk_to):
    """LiveKit's RPC methods of a phone: lk.sip.GetRemoteHeaders and lk.sip.EndCall, whose headers go on the BYE."""
    phone = sipp("answer_until_bye")
    agent = await join("rpc", "agent")
    await call(livekit, await trunk_to(phone.address), "rpc")

    async def ask(method: str, payload: dict) -> dict:
        answer = await agent.room.local_participant.perform_rpc(
            destination_identity="phone", method=method, payload=json.dumps(payload)
        )
        return json.loads(answer)

    headers = (await ask("lk.sip.GetRemoteHeaders", {}))["headers"]
    assert {name.lower(): value for name, value in headers.items()}["x-carrier"] == "stranger"
    await ask("lk.sip.EndCall", {"headers": {"X-Why": "done"}})
    await phone.ends_well()
    assert "X-Why: done" in phone.received("BYE")[0]
    assert await agent.sees_leave("phone") == DisconnectReason.CLIENT_INITIATED


async def test_a_draining_server_finishes_its_calls_and_takes_no_new_ones(make_server, tmp_path, sipp):
    server = make_server(shutdown={"drain": "60s"})
    client = api.LiveKitAPI(server.url, API_KEY, API_SECRET)
    try:
        phone = sipp("answer_then_hang_up")
        trunk = await client.sip.create_outbound_trunk(
            api.CreateSIPOutboundTrunkRequest(
                trunk=api.SIPOutboundTrunkInfo(name="t", address=phone.address, numbers=["+15105550100"])
            )
        )
        await call(client, trunk.sip_trunk_id, "drain")
        server.signal(signal.SIGTERM)
        with pytest.raises(Exception):
            for _ in range(50):
                await call(client, trunk.sip_trunk_id, "drain-2")
        await phone.ends_well()
        assert await asyncio.to_thread(server.process.wait, 10) == 0
    finally:
        await client.aclose()


async def test_a_second_signal_ends_the_draining(make_server, sipp):
    """SIGTERM waits for the calls that run; whoever cannot wait sends another signal, and phones get their BYE."""
    from harness.server import API_KEY, API_SECRET
    from harness.waiting import until

    server = make_server(shutdown={"drain": "60s"})
    phone = sipp("answer_until_bye")
    async with api.LiveKitAPI(server.url, API_KEY, API_SECRET) as client:
        trunk = await client.sip.create_outbound_trunk(
            api.CreateSIPOutboundTrunkRequest(
                trunk=api.SIPOutboundTrunkInfo(name="t", address=phone.address, numbers=["+15105550100"])
            )
        )
        await call(client, trunk.sip_trunk_id, "twice")
        server.signal(signal.SIGTERM)
        await until(lambda: health(server) == (503, "draining: new calls are refused"), "load balancers are told")
        assert not phone.received("BYE"), "the call goes on"
        assert server.process.poll() is None
        server.signal(signal.SIGTERM)
        assert await asyncio.to_thread(server.process.wait, 5) == 0
    await phone.ends_well()


def health(server) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(server.url, timeout=2) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
