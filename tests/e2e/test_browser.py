"""Browsers in the room: livekit-client in headless Chromium, unmodified, with a phone and a Python participant."""

import asyncio

import pytest
import pytest_asyncio
from livekit import api
from livekit.protocol.sip import CreateSIPParticipantRequest

from browser_pages import LIVEKIT_CLIENT, Browser
from conftest import need
from harness.room import RATE
from harness.tones import hears
from harness.waiting import until

PHONE_HERTZ, PYTHON_HERTZ, ALICE_HERTZ, BOB_HERTZ = 700, 1_100, 1_700, 2_300
SIP = 3  # ParticipantKind


@pytest_asyncio.fixture
async def browser(server, tmp_path):
    need("chromium")
    if not LIVEKIT_CLIENT.exists():
        pytest.skip("livekit-client is not installed: npm ci in tests/e2e/node")
    chromium = await Browser(server, tmp_path).start()
    yield chromium
    await chromium.stop()


async def test_two_browsers_a_phone_and_a_python_participant_hear_each_other(livekit, join, browser, baresip, trunk_to):
    phone = baresip(hertz=PHONE_HERTZ)
    python = await join("mixed", "python")
    await python.speak(PYTHON_HERTZ)
    alice = await browser.join("mixed", "alice")
    await alice.do("speak", ALICE_HERTZ)
    await livekit.sip.create_sip_participant(
        CreateSIPParticipantRequest(
            sip_trunk_id=await trunk_to(phone.address),
            sip_call_to="+15105550123",
            room_name="mixed",
            participant_identity="phone",
            wait_until_answered=True,
        )
    )
    bob = await browser.join("mixed", "bob")  # comes late: three tracks are there already
    await bob.do("speak", BOB_HERTZ)

    tones = {"python": PYTHON_HERTZ, "phone": PHONE_HERTZ, "alice": ALICE_HERTZ, "bob": BOB_HERTZ}
    for page in (alice, bob):
        for identity, hertz in tones.items():
            if identity != page.identity:
                await page.hears(identity, hertz)
    for identity in ("alice", "bob", "phone"):
        told = f"Python hears {identity}"
        await until(lambda: hears(python.recording(identity), RATE, tones[identity]), told, 15)
    for identity in ("alice", "bob", "python"):
        told = f"the phone hears {identity}"
        await until(lambda: hears(*phone.recording(), tones[identity], 0.15), told, 15)

    seen = {person["identity"]: person for person in await bob.do("people")}
    assert seen["phone"]["kind"] == SIP
    assert seen["phone"]["attributes"]["sip.callStatus"] == "active"

    await alice.do("dtmf", 7, "7")
    await until(lambda: phone.digits() == "7", f"a digit from the browser reaches the phone; so far {phone.digits()!r}")
    await alice.do("mute", True)
    await bob.told("muted alice")

    await livekit.room.remove_participant(api.RoomParticipantIdentity(room="mixed", identity="phone"))
    await alice.told("left phone")
    await asyncio.to_thread(phone.waits_for, "CALL_CLOSED")
    await alice.do("leave")
    await bob.told("left alice")
    await python.sees_leave("alice")


async def test_browsers_and_python_exchange_data_in_every_way_there_is(join, browser):
    python = await join("talk", "python")
    alice, bob = await browser.join("talk", "alice"), await browser.join("talk", "bob")
    packets, texts, tasks = [], [], []
    python.room.on("data_received", lambda packet: packets.append((packet.topic, packet.data)))

    def read(reader, identity):
        async def collect():
            texts.append((identity, await reader.read_all()))

        tasks.append(asyncio.ensure_future(collect()))

    python.room.register_text_stream_handler("letters", read)
    me = python.room.local_participant

    await me.publish_data("reliable", reliable=True, topic="a")
    await me.publish_data("lossy", reliable=False, topic="b")
    await me.publish_data("for bob", topic="c", destination_identities=["bob"])
    for page in (alice, bob):
        await page.received(identity="python", topic="a", text="reliable")
        await page.received(identity="python", topic="b", text="lossy")
    await bob.received(identity="python", topic="c", text="for bob")

    await alice.do("send", "reliable", "a", True, [])
    await alice.do("send", "lossy", "b", False, [])
    await alice.do("send", "for python", "c", True, ["python"])
    for packet in (("a", b"reliable"), ("b", b"lossy"), ("c", b"for python")):
        await until(lambda: packet in packets, f"Python receives {packet}; so far {packets}")
    await bob.received(identity="alice", topic="a", text="reliable")
    told = [await page.do("told") for page in (alice, bob)]
    assert not any(packet["text"] == "for bob" for packet in told[0]["data"]), "data for others is not for Alice"
    assert not any(packet["text"] == "for python" for packet in told[1]["data"]), "data for others is not for Bob"

    for page in (alice, bob):
        await page.do("listen", "letters")
    letter = "from alice " * 8_000  # 88 kB: many chunks
    await alice.do("text", letter, "letters")
    await until(lambda: ("alice", letter) in texts, "Python reads the long letter", 15)
    await bob.received(identity="alice", topic="letters", length=len(letter))
    answer = "from python " * 8_000
    await me.send_text(answer, topic="letters")
    for page in (alice, bob):
        await page.received(identity="python", length=len(answer))

    await alice.do("attributes", {"mood": "good"})
    await until(lambda: python.room.remote_participants["alice"].attributes.get("mood") == "good", "the mood shows")
    await bob.told('attributes alice {"mood":"good"}')
    await alice.do("answer", "greet")
    assert await me.perform_rpc(destination_identity="alice", method="greet", payload="hello") == "hello from the browser"
    assert await bob.do("ask", "alice", "greet", "hello") == "hello from the browser"
