"""A room participant on the official Python SDK, unmodified, told what to do by lines of JSON on standard input.

    python participant.py FOLDER      environment: LIVEKIT_URL, TOKEN, SINGLE ("false": two peer connections), SUBSCRIBE

Says what happens by lines of JSON on standard output; what it hears of each participant is appended to
FOLDER/IDENTITY.s16 (48 kHz, mono, 16 bit). The other clients speak the same language: see harness/client.py.
"""

import asyncio
import hashlib
import json
import os
import sys
from pathlib import Path

import numpy as np
from livekit import rtc
from livekit.rtc._proto import room_pb2

RATE = 48_000
FRAME = RATE // 50
FOLDER = Path(sys.argv[1])
tasks: set[asyncio.Task] = set()
voice: dict = {}
ears: dict[rtc.Track, rtc.AudioStream] = {}


def say(event: str, **content) -> None:
    print(json.dumps({"event": event, **content}), flush=True)


def soon(coroutine) -> None:
    task = asyncio.ensure_future(coroutine)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


def listen() -> None:
    name = lambda who: who.identity if who else ""  # noqa: E731
    room.on("participant_connected", lambda who: say("participant", identity=who.identity, kind=who.kind))
    room.on("participant_active", lambda who: say("active", identity=who.identity))
    room.on("participant_disconnected", lambda who: say("left", identity=who.identity, reason=who.disconnect_reason))
    room.on("track_published", lambda publication, who: say("published", identity=who.identity, sid=publication.sid))
    room.on("track_unpublished", lambda publication, who: say("unpublished", identity=who.identity, sid=publication.sid))
    room.on("track_muted", lambda who, _publication: say("muted", identity=who.identity))
    room.on("track_unmuted", lambda who, _publication: say("unmuted", identity=who.identity))
    room.on("local_track_subscribed", lambda _track: say("listened_to"))
    room.on("active_speakers_changed", lambda speakers: say("speakers", identities=[who.identity for who in speakers]))
    room.on("connection_quality_changed", lambda who, quality: say("quality", identity=name(who), quality=int(quality)))
    room.on("participant_attributes_changed", lambda changed, who: say("attributes", identity=who.identity, changed=changed))
    room.on("participant_metadata_changed", lambda who, _old, now: say("metadata", identity=who.identity, metadata=now))
    room.on("participant_name_changed", lambda who, _old, now: say("name", identity=who.identity, name=now))
    room.on("participant_permissions_changed", lambda who, _now: say("permissions", identity=who.identity))
    room.on("room_metadata_changed", lambda _old, now: say("room_metadata", metadata=now))
    room.on("sip_dtmf_received", lambda digit: say("digit", identity=name(digit.participant), digit=digit.digit))
    room.on("data_received", lambda packet: say_data(name(packet.participant), packet.topic, packet.data))
    room.on("transcription_received", lambda parts, who, _track: say("transcription", identity=name(who), text=parts[0].text))
    room.on("reconnecting", lambda: say("reconnecting"))
    room.on("reconnected", lambda: say("reconnected"))
    room.on("token_refreshed", lambda: say("token"))
    room.on("disconnected", lambda reason: say("disconnected", reason=int(reason)))

    @room.on("track_subscribed")
    def subscribed(track, _publication, who):
        kind = "audio" if track.kind == rtc.TrackKind.KIND_AUDIO else "video"
        say("subscribed", identity=who.identity, kind=kind, sid=track.sid)
        if kind == "audio":
            ears[track] = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
            soon(record(ears[track], who.identity))

    @room.on("track_unsubscribed")
    def unsubscribed(track, _publication, who):
        say("unsubscribed", identity=who.identity)
        if track in ears:  # it would go on with silence
            soon(ears.pop(track).aclose())


def say_data(identity: str, topic: str | None, data: bytes) -> None:
    say("data", identity=identity, topic=topic or "", text=data[:200].decode(errors="replace"), length=len(data))


async def record(stream: rtc.AudioStream, identity: str) -> None:
    with (FOLDER / f"{identity}.s16").open("ab", buffering=0) as file:
        async for event in stream:
            file.write(bytes(event.frame.data))


async def hum(source: rtc.AudioSource, hertz: float) -> None:
    await play(source, lambda moments: np.sin(2 * np.pi * hertz * moments))


async def say_words(source: rtc.AudioSource, hertz: list[float], spoken: float, pause: float) -> None:
    def loud(moments):
        number, within = np.divmod(moments, spoken + pause)
        pitch = np.take(hertz, number.astype(int), mode="wrap")
        return np.where(within < spoken, np.sin(2 * np.pi * pitch * within), 0)

    await play(source, loud)


async def play(source: rtc.AudioSource, wave) -> None:
    position = 0
    while True:
        moments = (np.arange(FRAME) + position) / RATE
        samples = (wave(moments) * 0.3 * 32767).astype(np.int16)
        position += FRAME
        await source.capture_frame(rtc.AudioFrame(samples.tobytes(), RATE, 1, FRAME))


async def publish(sound, **options) -> dict:
    source = rtc.AudioSource(RATE, 1)
    voice["track"] = rtc.LocalAudioTrack.create_audio_track("voice", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, **options)
    publication = await room.local_participant.publish_track(voice["track"], options)
    soon(sound(source))
    return {"sid": publication.sid}


class Deeds:
    """What it can be told to do; each returns what it says when it is done."""

    async def speak(self, hertz: float):
        return await publish(lambda source: hum(source, hertz))

    async def talk(self, hertz: list[float], spoken: float, pause: float):
        """Says tones in turn, with digital silence between them, in which it need not send (DTX)."""
        return await publish(lambda source: say_words(source, hertz, spoken, pause), dtx=True)

    async def mute(self, muted: bool):
        voice["track"].mute() if muted else voice["track"].unmute()

    async def unpublish(self):
        for sid in list(room.local_participant.track_publications):
            await room.local_participant.unpublish_track(sid)

    async def subscribe(self, identity: str, wanted: bool):
        for publication in room.remote_participants[identity].track_publications.values():
            publication.set_subscribed(wanted)

    async def allow(self, identities: list[str] | None):
        """Who may have its tracks: None is everybody."""
        permissions = [
            rtc.ParticipantTrackPermission(participant_identity=identity, allow_all=True) for identity in identities or []
        ]
        room.local_participant.set_track_subscription_permissions(
            allow_all_participants=identities is None, participant_permissions=permissions
        )

    async def send(self, text: str, topic: str = "", reliable: bool = True, to: tuple = ()):
        await room.local_participant.publish_data(text, reliable=reliable, topic=topic, destination_identities=list(to))

    async def text(self, text: str, topic: str, to: tuple = ()):
        await room.local_participant.send_text(text, topic=topic, destination_identities=list(to))

    async def file(self, length: int, topic: str, to: tuple = ()):
        content = noise(length)
        writer = await room.local_participant.stream_bytes(
            "noise", total_size=length, topic=topic, destination_identities=list(to)
        )
        await writer.write(content)
        await writer.aclose()
        return {"digest": hashlib.sha256(content).hexdigest()}

    async def listen(self, topic: str):
        def read_text(reader, identity):
            async def collect():
                text = await reader.read_all()
                say("text", identity=identity, topic=topic, length=len(text), text=text[:200])

            soon(collect())

        def read_bytes(reader, identity):
            async def collect():
                digest, length = hashlib.sha256(), 0
                async for chunk in reader:
                    digest.update(chunk)
                    length += len(chunk)
                say("file", identity=identity, topic=topic, length=length, digest=digest.hexdigest())

            soon(collect())

        room.register_text_stream_handler(topic, read_text)
        room.register_byte_stream_handler(topic, read_bytes)

    async def attributes(self, attributes: dict):
        await room.local_participant.set_attributes(attributes)

    async def metadata(self, metadata: str):
        await room.local_participant.set_metadata(metadata)

    async def name(self, name: str):
        await room.local_participant.set_name(name)

    async def answer(self, method: str):
        async def reply(call):
            return f"{call.payload} from {room.local_participant.identity}"

        room.local_participant.register_rpc_method(method, reply)

    async def ask(self, to: str, method: str, payload: str):
        answer = await room.local_participant.perform_rpc(destination_identity=to, method=method, payload=payload)
        return {"answer": answer}

    async def dtmf(self, code: int, digit: str):
        await room.local_participant.publish_dtmf(code=code, digit=digit)

    async def transcribe(self, text: str):
        segment = rtc.TranscriptionSegment(id="1", text=text, start_time=0, end_time=0, language="en", final=True)
        who = next(who for who in room.remote_participants.values() if who.track_publications)
        sid = next(iter(who.track_publications))  # without one the Rust core of the receiver panics
        await room.local_participant.publish_transcription(rtc.Transcription(who.identity, sid, [segment]))

    async def simulate(self, scenario: str):
        """By livekit-client's name of it."""
        name = f"SIMULATE_{scenario.upper().replace('-', '_')}"
        await room.simulate_scenario(room_pb2.SimulateScenarioKind.Value(name))

    async def people(self):
        people = room.remote_participants.values()
        return {
            "people": [
                {"identity": who.identity, "name": who.name, "kind": who.kind, "metadata": who.metadata,
                 "attributes": dict(who.attributes), "tracks": list(who.track_publications)}
                for who in people
            ]
        }  # fmt: skip

    async def me(self):
        me = room.local_participant
        return {"sid": me.sid, "name": me.name, "metadata": me.metadata, "attributes": dict(me.attributes)}

    async def received(self, **_whose):
        """What the engine counts of the packets that come of the only one who speaks, by the browsers' names."""
        stats = await room.get_rtc_stats()
        streams = [found.inbound_rtp for found in [*stats.subscriber_stats, *stats.publisher_stats] if found.HasField("inbound_rtp")]
        stream = max(streams, key=lambda stream: stream.received.packets_received)
        return {
            "packetsReceived": stream.received.packets_received,
            "packetsLost": stream.received.packets_lost,
            "totalSamplesReceived": stream.inbound.total_samples_received,
            "concealedSamples": stream.inbound.concealed_samples,
            "silentConcealedSamples": stream.inbound.silent_concealed_samples,
        }

    async def reported(self, **_whose):
        """What reports (RTCP) tell it: how its microphone arrives, and what is sent of the only one who speaks; with what it
        has sent and got itself."""
        stats = await room.get_rtc_stats()
        everything = [*stats.subscriber_stats, *stats.publisher_stats]

        def of(kind: str) -> list:
            return [getattr(found, kind) for found in everything if found.HasField(kind)]

        return {
            "lost": max((found.received.packets_lost for found in of("remote_inbound_rtp")), default=0),
            "roundTrip": max((found.remote_inbound.round_trip_time for found in of("remote_inbound_rtp")), default=0),
            "sent": max(found.sent.packets_sent for found in of("outbound_rtp")),
            "isSent": max((found.sent.packets_sent for found in of("remote_outbound_rtp")), default=0),
            "got": max(found.received.packets_received + found.received.packets_lost for found in of("inbound_rtp")),
        }

    async def leave(self):
        await room.disconnect()


def noise(length: int) -> bytes:
    return np.random.default_rng(length).bytes(length)


async def main() -> None:
    global room
    room = rtc.Room()  # it belongs to the loop that runs now
    listen()
    options = rtc.RoomOptions(
        single_peer_connection=os.environ.get("SINGLE") != "false", auto_subscribe=os.environ.get("SUBSCRIBE") != "false"
    )
    await room.connect(os.environ["LIVEKIT_URL"], os.environ["TOKEN"], options)
    say("connected", identity=room.local_participant.identity, sid=room.local_participant.sid, room=await room.sid)
    deeds = Deeds()
    lines = asyncio.StreamReader(limit=1 << 26)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async for line in lines:
        order = json.loads(line)
        deed, number = order.pop("deed"), order.pop("number")
        soon(obey(deeds, deed, number, order))


async def obey(deeds: Deeds, deed: str, number: int, content: dict) -> None:
    try:
        done = await getattr(deeds, deed)(**content) or {}
        say("done", number=number, **done)
    except Exception as error:  # noqa: BLE001: whatever it is, the test is told
        say("failed", number=number, error=f"{type(error).__name__}: {error}")
    if deed == "leave":
        sys.stdout.flush()
        os._exit(0)


asyncio.run(main())
