"""The official Python SDK with two peer connections, the older way to join."""

from harness.calls import call
from harness.room import RATE
from harness.tones import hears
from harness.waiting import until

OLD_HERTZ = 900
NEW_HERTZ = 1_300
PHONE_HERTZ = 700


async def test_both_kinds_of_client_and_a_phone_hear_each_other(livekit, join, baresip, trunk_to):
    phone = baresip(hertz=PHONE_HERTZ)
    old = await join("kinds", "old", single_peer_connection=False)
    new = await join("kinds", "new")
    await old.speak(OLD_HERTZ)
    await new.speak(NEW_HERTZ)
    await call(livekit, await trunk_to(phone.address), "kinds")
    await until(lambda: hears(old.recording("new"), RATE, NEW_HERTZ), "two connections hear one", 15)
    await until(lambda: hears(new.recording("old"), RATE, OLD_HERTZ), "one hears two", 15)
    await until(lambda: hears(old.recording("phone"), RATE, PHONE_HERTZ), "two connections hear the phone", 15)
    for hertz in (OLD_HERTZ, NEW_HERTZ):
        await until(lambda: hears(*phone.recording(), hertz, 0.2), f"the phone hears {hertz} Hz", 15)
    phone.command("sndcode", "7")
    await until(lambda: old.digits == ["7"], "the digit arrives")


async def test_data_attributes_and_leaving_work_both_ways(join):
    old = await join("data", "old", single_peer_connection=False)
    new = await join("data", "new")
    await until(lambda: "new" in old.room.remote_participants, "old sees new")
    for sender, other in ((old, new), (new, old)):
        text = f"from {sender.identity}".encode()
        await sender.room.local_participant.publish_data(text, reliable=True)
        await sender.room.local_participant.publish_data(b"lossy " + text, reliable=False)
        await until(lambda: (sender.identity, text) in other.data, f"{other.identity} gets {text}")
        await until(lambda: (sender.identity, b"lossy " + text) in other.data, f"{other.identity} gets it lossy")
    await old.room.local_participant.set_attributes({"k": "v"})
    await until(lambda: new.room.remote_participants["old"].attributes.get("k") == "v", "new sees the attribute")
    await old.leave()
    await new.sees_leave("old")


async def test_a_track_is_left_and_taken_again(join):
    old = await join("again", "old", single_peer_connection=False)
    new = await join("again", "new")
    await new.speak(NEW_HERTZ)
    await until(lambda: hears(old.recording("new"), RATE, NEW_HERTZ), "old hears new", 15)
    publication = next(iter(old.room.remote_participants["new"].track_publications.values()))
    publication.set_subscribed(False)
    await until(lambda: publication.track is None, "the track is gone")
    old.forget()
    publication.set_subscribed(True)
    await until(lambda: hears(old.recording("new"), RATE, NEW_HERTZ), "old hears new again", 15)
