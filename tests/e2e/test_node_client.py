"""Node.js in the room: @livekit/rtc-node, unmodified, with a phone and a Python participant."""

import asyncio

import pytest
import pytest_asyncio
from livekit import api
from livekit.protocol.sip import CreateSIPParticipantRequest

from conftest import need
from harness.room import RATE
from harness.tones import hears
from harness.waiting import until
from node_participant import HERE, NodeParticipant

PHONE_HERTZ, PYTHON_HERTZ, NODE_HERTZ = 700, 1_100, 1_700
SIP = 3  # ParticipantKind


@pytest_asyncio.fixture
async def join_node(server, tmp_path):
    need("node")
    if not (HERE / "node_modules").exists():
        pytest.skip("@livekit/rtc-node is not installed: npm ci in tests/e2e/node")
    joined: list[NodeParticipant] = []

    async def join(room: str, identity: str) -> NodeParticipant:
        joined.append(NodeParticipant(server, tmp_path, room, identity))
        return await joined[-1].join()

    yield join
    for participant in joined:
        await participant.stop()


async def test_a_phone_a_python_and_a_node_participant_hear_each_other(livekit, join, join_node, baresip, trunk_to):
    phone = baresip(hertz=PHONE_HERTZ)
    python = await join("mixed", "python")
    await python.speak(PYTHON_HERTZ)
    node = await join_node("mixed", "node")
    await node.do("speak", hertz=NODE_HERTZ)
    await livekit.sip.create_sip_participant(
        CreateSIPParticipantRequest(
            sip_trunk_id=await trunk_to(phone.address),
            sip_call_to="+15105550123",
            room_name="mixed",
            participant_identity="phone",
            wait_until_answered=True,
        )
    )
    await node.told("subscribed", identity="phone")
    seen = {person["identity"]: person for person in (await node.do("people"))["people"]}
    assert seen["phone"]["kind"] == SIP
    assert seen["phone"]["attributes"]["sip.phoneNumber"] == "+15105550123"

    await node.hears("python", PYTHON_HERTZ)
    await node.hears("phone", PHONE_HERTZ)
    await until(lambda: hears(python.recording("node"), RATE, NODE_HERTZ), "Python hears Node", 15)
    await until(lambda: hears(python.recording("phone"), RATE, PHONE_HERTZ), "Python hears the phone", 15)
    for hertz in (PYTHON_HERTZ, NODE_HERTZ):
        await until(lambda: hears(*phone.recording(), hertz, 0.2), f"the phone hears {hertz} Hz", 15)

    await node.do("dtmf", code=5, digit="5")
    await until(lambda: phone.digits() == "5", f"a digit from Node reaches the phone; so far {phone.digits()!r}")

    await livekit.room.remove_participant(api.RoomParticipantIdentity(room="mixed", identity="phone"))
    await node.told("left", identity="phone")
    await asyncio.to_thread(phone.waits_for, "CALL_CLOSED")


async def test_node_and_python_exchange_data_in_every_way_there_is(join, join_node):
    python = await join("talk", "python")
    node = await join_node("talk", "node")
    packets, texts = [], []
    python.room.on("data_received", packets.append)
    tasks: list[asyncio.Task] = []

    def read(reader, identity):
        async def collect():
            texts.append((identity, await reader.read_all()))

        tasks.append(asyncio.ensure_future(collect()))

    python.room.register_text_stream_handler("letters", read)
    await node.do("listen", topic="letters")
    me = python.room.local_participant

    await me.publish_data("reliable", reliable=True, topic="a")
    await node.told("data", identity="python", topic="a", text="reliable")
    await me.publish_data("lossy", reliable=False, topic="b")
    await node.told("data", identity="python", topic="b", text="lossy")
    await me.publish_data("for nobody here", topic="c", destination_identities=["somebody"])
    await me.publish_data("for node", topic="c", destination_identities=["node"])
    await node.told("data", topic="c", text="for node")
    assert not node.all_told("data", text="for nobody here"), "data for others is not for Node"

    await node.do("send", text="reliable", topic="a")
    await node.do("send", text="lossy", topic="b", reliable=False)
    await until(lambda: {packet.data for packet in packets} >= {b"reliable", b"lossy"}, f"Python receives; so far {packets}")

    letter = "from node " * 8_000  # 80 kB: many chunks
    await node.do("text", text=letter, topic="letters")
    await until(lambda: ("node", letter) in texts, "Python reads the long letter", 15)
    answer = "from python " * 8_000
    await me.send_text(answer, topic="letters")
    await node.told("text", identity="python", length=len(answer))

    await node.do("attributes", attributes={"mood": "good"})
    await until(lambda: python.room.remote_participants["node"].attributes.get("mood") == "good", "the mood shows")
    await node.do("answer", method="greet")
    assert await me.perform_rpc(destination_identity="node", method="greet", payload="hello") == "hello from node"


async def test_who_comes_later_hears_who_was_there_and_leaving_is_seen(join, join_node):
    python = await join("late", "python")
    await python.speak(PYTHON_HERTZ)
    node = await join_node("late", "node")
    await node.hears("python", PYTHON_HERTZ)
    second = await join_node("late", "second")
    await node.do("speak", hertz=NODE_HERTZ)
    await second.hears("python", PYTHON_HERTZ)
    await second.hears("node", NODE_HERTZ)
    await node.told("participant", identity="second")
    await second.do("leave")
    await node.told("left", identity="second")
    await python.sees_leave("second")
