"""Every official client in a room with a Python participant: what each can do, feature by feature (docs/compatibility.md)."""

import asyncio
import datetime
import time
import urllib.error
import urllib.request

import pytest
import pytest_asyncio
from livekit import api

from harness.client import Client
from harness.relay import Relay
from harness.server import API_KEY, API_SECRET
from harness.tones import loudness
from harness.waiting import until

pytestmark = [pytest.mark.matrix, pytest.mark.asyncio(loop_scope="module")]

CLIENT_HERTZ, PARTNER_HERTZ, GUEST_HERTZ = 1_700, 1_100, 2_300
KINDS = ["python", "python-dual", "node", "chromium", "firefox", "go", "go-single"]
GO = ("go", "go-single")
CHATTING = ("node", "chromium", "firefox")
TOLD_OF_PERMISSIONS = ("python", "python-dual", "chromium", "firefox")
LASTS, LEEWAY = 4, 60
"""Seconds of a token; what the server grants beyond its end."""
DUPLICATE_IDENTITY, PARTICIPANT_REMOVED = 2, 4


class Pair:
    """A client, and the Python participant it is with."""

    def __init__(self, kind: str, client: Client, partner: Client):
        self.kind, self.client, self.partner, self.room = kind, client, partner, client.room


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=KINDS)
async def pair(request, clients):
    """One pair for all stories of a client; each leaves it as it found it."""
    kind = request.param
    partner = await clients("python", f"with-{kind}", "partner")
    await partner.do("speak", hertz=PARTNER_HERTZ)
    client = await clients(kind, f"with-{kind}", "client")
    await client.do("speak", hertz=CLIENT_HERTZ)
    yield Pair(kind, client, partner)
    await client.leave()
    await partner.leave()


def token(identity: str, grants: api.VideoGrants, kind: str = "standard") -> str:
    return api.AccessToken(API_KEY, API_SECRET).with_identity(identity).with_kind(kind).with_grants(grants).to_jwt()


async def stops_hearing(listener: Client, identity: str, seconds: float = 10.0) -> None:
    """What comes of a participant is silence, or nothing comes any more."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        await listener.forget()
        await asyncio.sleep(0.5)  # what is heard within this time is looked at
        samples, rate = await listener.recording(identity, 0.5)
        if loudness(samples[rate // 10 :]) < -50:
            return
        assert asyncio.get_running_loop().time() < deadline, f"{listener.identity} still hears {identity}"


async def test_both_hear_each_other(pair, proves):
    with proves("hears other clients, by tone", pair.kind):
        await pair.client.hears("partner", PARTNER_HERTZ)
    with proves("is heard by other clients, by tone", pair.kind):
        await pair.partner.hears("client", CLIENT_HERTZ)
    await pair.client.tells("listened_to")


async def test_both_see_each_other(pair, proves):
    with proves("sees who is there, with tracks", pair.kind):
        seen = {person["identity"]: person for person in (await pair.client.do("people"))["people"]}
        assert list(seen) == ["partner"] and len(seen["partner"]["tracks"]) == 1
        seen = {person["identity"]: person for person in (await pair.partner.do("people"))["people"]}
        assert list(seen) == ["client"] and len(seen["client"]["tracks"]) == 1


async def test_muting(pair, proves):
    if pair.kind == "node":
        proves.nothing("mutes and unmutes", pair.kind)
    else:
        with proves("mutes and unmutes", pair.kind):
            await pair.client.do("mute", muted=True)
            await pair.partner.tells("muted", identity="client")
            await stops_hearing(pair.partner, "client")
            await pair.client.do("mute", muted=False)
            await pair.partner.tells("unmuted", identity="client")
            await pair.partner.forget()
            await pair.partner.hears("client", CLIENT_HERTZ)
    with proves("sees others mute and unmute", pair.kind):
        before = len(pair.client.told("unmuted", identity="partner"))
        await pair.partner.do("mute", muted=True)
        await pair.client.tells("muted", identity="partner")
        await stops_hearing(pair.client, "partner")
        await pair.partner.do("mute", muted=False)
        await pair.client.tells("unmuted", identity="partner", times=before + 1)
        await pair.client.forget()
        await pair.client.hears("partner", PARTNER_HERTZ)


async def test_subscriptions(pair, proves):
    with proves("unsubscribes and subscribes", pair.kind):
        for _ in range(2):
            await pair.client.do("subscribe", identity="partner", wanted=False)
            await stops_hearing(pair.client, "partner")
            await pair.client.do("subscribe", identity="partner", wanted=True)
            await pair.client.hears("partner", PARTNER_HERTZ)


async def test_who_may_subscribe(pair, proves):
    if pair.kind == "node":
        proves.nothing("says who may have its tracks", pair.kind)
        return
    with proves("says who may have its tracks", pair.kind):
        await pair.client.do("allow", identities=["somebody else"])
        await stops_hearing(pair.partner, "client")
        await pair.client.do("allow", identities=["partner"])
        await pair.partner.hears("client", CLIENT_HERTZ)
        await pair.client.do("allow", identities=None)


async def test_unpublishing(pair, proves):
    with proves("unpublishes and publishes again", pair.kind):
        await pair.client.do("unpublish")
        await pair.partner.tells("unpublished", identity="client")
        await pair.client.do("speak", hertz=CLIENT_HERTZ)
        await pair.partner.forget()
        await pair.partner.hears("client", CLIENT_HERTZ)
    with proves("sees tracks come and go", pair.kind):
        await pair.partner.do("unpublish")
        await pair.client.tells("unpublished", identity="partner")
        await pair.client.forget()
        await pair.partner.do("speak", hertz=PARTNER_HERTZ)
        await pair.client.hears("partner", PARTNER_HERTZ)


async def test_packets(pair, clients, proves):
    bystander = await clients("python", pair.room, "bystander")
    with proves("sends data: reliable, lossy, with topic, to some", pair.kind):
        await pair.client.do("send", text="to all", topic="t")
        for listener in (pair.partner, bystander):
            await listener.tells("data", identity="client", topic="t", text="to all")
        await pair.client.do("send", text="lossy", topic="l", reliable=False)
        await pair.partner.tells("data", identity="client", topic="l", text="lossy")
        await pair.client.do("send", text="for the partner", to=["partner"])
        await pair.partner.tells("data", identity="client", text="for the partner")
        await pair.client.do("send", text="x" * 15_000)
        await pair.partner.tells("data", identity="client", length=15_000)
        assert not bystander.told("data", text="for the partner")
        assert not pair.client.told("data", identity="client"), "nobody gets back what it sent"
    with proves("receives data: reliable, lossy, with topic, to some", pair.kind):
        await pair.partner.do("send", text="for others", to=["bystander", "nobody"])
        await pair.partner.do("send", text="to all", topic="t")
        await pair.client.tells("data", identity="partner", topic="t", text="to all")
        await pair.partner.do("send", text="lossy", topic="l", reliable=False)
        await pair.client.tells("data", identity="partner", topic="l", text="lossy")
        await pair.partner.do("send", text="for you", to=["client"])
        await pair.client.tells("data", identity="partner", text="for you")
        assert not pair.client.told("data", text="for others")
    await bystander.leave()
    await pair.client.tells("left", identity="bystander")


async def test_many_packets_come_in_order_and_once(pair, proves):
    with proves("keeps 200 reliable packets in order", pair.kind):
        for listener, talker in ((pair.partner, pair.client), (pair.client, pair.partner)):
            for number in range(200):
                await talker.do("send", text=f"{number}", topic="counting")
            await listener.tells("data", topic="counting", text="199", seconds=20)
            counted = [told["text"] for told in listener.told("data", topic="counting")]
            assert counted == [f"{number}" for number in range(200)]


async def test_streams(pair, proves):
    for someone in (pair.client, pair.partner):
        await someone.do("listen", topic="stream")
    letter, length = "letter " * 12_000, 1_000_000
    with proves("sends text streams of 84 kB and byte streams of 1 MB", pair.kind):
        await pair.client.do("text", text=letter, topic="stream")
        await pair.partner.tells("text", identity="client", length=len(letter))
        sent = await pair.client.do("file", length=length, topic="stream", to=["partner"])
        await pair.partner.tells("file", identity="client", length=length, digest=sent["digest"], seconds=20)
    with proves("receives text streams of 84 kB and byte streams of 1 MB", pair.kind):
        await pair.partner.do("text", text=letter, topic="stream")
        await pair.client.tells("text", identity="partner", length=len(letter))
        sent = await pair.partner.do("file", length=length, topic="stream")
        await pair.client.tells("file", identity="partner", length=length, digest=sent["digest"], seconds=20)


async def test_calls_of_methods(pair, proves):
    with proves("calls methods of others", pair.kind):
        await pair.partner.do("answer", method="greet")
        told = await pair.client.do("ask", to="partner", method="greet", payload="hello")
        assert told["answer"] == "hello from partner"
        with pytest.raises(AssertionError, match="(?i)unsupported|not supported|1400"):
            await pair.client.do("ask", to="partner", method="nothing", payload="")
    with proves("has methods called by others", pair.kind):
        await pair.client.do("answer", method="greet")
        told = await pair.partner.do("ask", to="client", method="greet", payload="x" * 10_000)
        assert told["answer"] == "x" * 10_000 + " from client"


async def test_what_it_says_of_itself(pair, proves):
    with proves("changes its attributes, metadata and name", pair.kind):
        await pair.client.do("attributes", attributes={"mood": "good", "hat": "red"})
        await pair.partner.tells("attributes", identity="client", changed={"mood": "good", "hat": "red"})
        await pair.client.do("attributes", attributes={"hat": ""})
        await pair.client.do("metadata", metadata="a note")
        await pair.partner.tells("metadata", identity="client", metadata="a note")
        await pair.client.do("name", name="Client")
        await pair.partner.tells("name", identity="client", name="Client")
        (seen,) = (await pair.partner.do("people"))["people"]
        assert (seen["name"], seen["metadata"], seen["attributes"]) == ("Client", "a note", {"mood": "good"})
    with proves("sees others change theirs", pair.kind):
        await pair.partner.do("attributes", attributes={"mood": "fair"})
        await pair.client.tells("attributes", identity="partner", changed={"mood": "fair"})
        await pair.partner.do("metadata", metadata="a word")
        await pair.client.tells("metadata", identity="partner", metadata="a word")
        await pair.partner.do("name", name="Partner")

        async def named() -> bool:
            return [person["name"] for person in (await pair.client.do("people"))["people"]] == ["Partner"]

        for _ in range(100):
            if await named():
                break
            await asyncio.sleep(0.05)
        assert await named()


async def test_what_it_may(pair, livekit_api, proves):
    async def may_publish(may: bool) -> None:
        permission = api.ParticipantPermission(can_subscribe=True, can_publish=may, can_publish_data=True, can_update_metadata=True)
        request = api.UpdateParticipantRequest(room=pair.room, identity="client", permission=permission)
        told = len(pair.client.told("permissions", identity="client"))
        await livekit_api.room.update_participant(request)
        if pair.kind in TOLD_OF_PERMISSIONS:
            await pair.client.tells("permissions", identity="client", times=told + 1)

    with proves("loses and gets back the right to publish", pair.kind):
        gone = len(pair.partner.told("unpublished", identity="client"))
        await may_publish(False)
        await pair.partner.tells("unpublished", identity="client", times=gone + 1)
        await stops_hearing(pair.partner, "client")
        await may_publish(True)
        await pair.client.do("speak", hertz=CLIENT_HERTZ)
        await pair.partner.forget()
        await pair.partner.hears("client", CLIENT_HERTZ)


async def test_the_rooms_metadata(pair, livekit_api, proves):
    with proves("is told the room's metadata", pair.kind):
        for news in ("news", "more of it"):
            await livekit_api.room.update_room_metadata(api.UpdateRoomMetadataRequest(room=pair.room, metadata=news))
            await pair.client.tells("room_metadata", metadata=news)


async def test_chat(pair, clients, proves):
    feature = "sends and reads chat messages"
    if pair.kind not in CHATTING:
        proves.nothing(feature, pair.kind)
        return
    with proves(feature, pair.kind):
        other = await clients(pair.kind, pair.room, "other")
        for talker, listener in ((pair.client, other), (other, pair.client)):
            await talker.do("chat", text=f"hello from {talker.identity}")
            await listener.tells("chat", identity=talker.identity, text=f"hello from {talker.identity}")
        await other.leave()
        await pair.client.tells("left", identity="other")


async def test_a_token_that_runs_out(pair, clients, module_server, proves):
    """Its own token lasts for three more seconds, the server's minute of patience included."""
    relay = await Relay(module_server.http_port).start()
    with proves("resumes by the token it was given when its own has run out", pair.kind):
        grants = api.VideoGrants(room_join=True, room=pair.room, can_update_own_metadata=True)
        made = api.AccessToken(API_KEY, API_SECRET).with_identity("late").with_grants(grants)
        jwt = made.with_ttl(datetime.timedelta(seconds=LASTS - LEEWAY)).to_jwt()
        begun = time.monotonic()
        late = await clients(pair.kind, pair.room, "late", url=relay.url, token=jwt)
        await late.do("speak", hertz=GUEST_HERTZ)
        await pair.client.hears("late", GUEST_HERTZ)
        await asyncio.sleep(max(0.0, begun + LASTS + 1 - time.monotonic()))  # until the token has run out
        validate = f"{module_server.url}/rtc/validate?access_token={jwt}"
        with pytest.raises(urllib.error.HTTPError, match="401"):
            await asyncio.to_thread(urllib.request.urlopen, validate)
        relay.cut()
        await late.tells("reconnected", seconds=20)
        await pair.client.forget()
        await pair.client.hears("late", GUEST_HERTZ)
        await late.leave()
        await pair.client.tells("left", identity="late")
    await relay.stop()


async def test_speakers_and_quality(pair, proves):
    with proves("is told who speaks", pair.kind):
        await until(
            lambda: any("partner" in told["identities"] for told in pair.client.told("speakers")), "the partner speaks"
        )
        await until(
            lambda: any("client" in told["identities"] for told in pair.partner.told("speakers")), "the client speaks"
        )
    with proves("is told of the quality of connections", pair.kind):
        await pair.client.tells("quality", identity="partner")


async def test_transcriptions(pair, clients, proves):
    if pair.kind == "node":
        feature = "reads an agent's transcription"
        proves.nothing(feature, pair.kind)
        return
    with proves("reads an agent's transcription", pair.kind):
        grants = api.VideoGrants(room_join=True, room=pair.room, agent=True)
        agent = await clients("python", pair.room, "agent", token=token("agent", grants, kind="agent"))
        await pair.client.tells("participant", identity="agent")
        await agent.do("transcribe", text="what was said")
        await pair.client.tells("transcription", text="what was said")
        await agent.leave()
        await pair.client.tells("left", identity="agent")


async def test_who_comes_later(pair, clients, proves):
    with proves("hears and is heard by four who come later", pair.kind):
        guests = []
        for number in range(4):
            guest = await clients("python", pair.room, f"guest{number}")
            guests.append(guest)
            await guest.do("speak", hertz=GUEST_HERTZ + 150 * number)
        for number, guest in enumerate(guests):
            await pair.client.hears(guest.identity, GUEST_HERTZ + 150 * number)
            await guest.hears("client", CLIENT_HERTZ)
        for guest in guests:
            await guest.leave()
            await pair.client.tells("left", identity=guest.identity)


async def test_hidden_participants(pair, clients, proves):
    with proves("does not see who is hidden", pair.kind):
        grants = api.VideoGrants(room_join=True, room=pair.room, hidden=True)
        hidden = await clients("python", pair.room, "hidden", token=token("hidden", grants))
        await hidden.hears("client", CLIENT_HERTZ)
        await hidden.do("send", text="boo")
        told = await pair.client.tells("data", text="boo")
        assert told["identity"] == ""
        assert "hidden" not in [person["identity"] for person in (await pair.client.do("people"))["people"]]
        await hidden.leave()


async def test_the_last_comer_has_the_identity(pair, clients, proves):
    with proves("is put out when its identity joins again", pair.kind):
        first = await clients(pair.kind, pair.room, "double")
        second = await clients("python", pair.room, "double", folder="second")
        await first.tells("disconnected")
        await pair.partner.tells("participant", identity="double")
        await second.do("send", text="it is me", topic="double")
        await pair.partner.tells("data", identity="double", text="it is me")
        await second.leave()
        await pair.partner.tells("left", identity="double")


async def test_it_is_removed(pair, clients, livekit_api, proves):
    with proves("is removed by the API", pair.kind):
        removed = await clients(pair.kind, pair.room, "removed")
        await pair.partner.tells("participant", identity="removed")
        await livekit_api.room.remove_participant(api.RoomParticipantIdentity(room=pair.room, identity="removed"))
        await removed.tells("disconnected")
        await pair.partner.tells("left", identity="removed")


async def test_it_takes_only_what_it_asks_for(pair, clients, proves):
    with proves("joins without subscribing to all", pair.kind):
        picky = await clients(pair.kind, pair.room, "picky", subscribe=False)
        await picky.do("subscribe", identity="partner", wanted=True)
        await picky.hears("partner", PARTNER_HERTZ)
        assert not picky.told("subscribed", identity="client")
        await picky.leave()
        await pair.partner.tells("left", identity="picky")


async def test_two_of_a_kind_hear_each_other(pair, clients, proves):
    with proves("hears its own kind", pair.kind):
        twin = await clients(pair.kind, pair.room, "twin")
        await twin.do("speak", hertz=GUEST_HERTZ)
        await pair.client.hears("twin", GUEST_HERTZ)
        await twin.hears("client", CLIENT_HERTZ)
        await twin.leave()
        await pair.client.tells("left", identity="twin")


