"""A room participant: the official Python SDK, unmodified."""

import asyncio
import contextlib
import time

import numpy as np
from livekit import api, rtc

from .server import API_KEY, API_SECRET, Trunkline
from .waiting import until

RATE = 48_000


def access_token(room_name: str, identity: str) -> str:
    """A token that lets one participant join one room and change its own attributes."""
    grants = api.VideoGrants(room_join=True, room=room_name, can_update_own_metadata=True)
    return api.AccessToken(API_KEY, API_SECRET).with_identity(identity).with_grants(grants).to_jwt()


class Participant:
    """Joins a room, speaks a tone, records what it hears from each track, and keeps every event with its time.

    With `records=False` it decodes what it hears and keeps nothing: many of them at once are then no work for Python, which
    takes frame by frame and falls behind for good where there are more than it can take.
    """

    def __init__(self, server: Trunkline, room_name: str, identity: str, records: bool = True):
        self.server = server
        self.records = records
        self.room_name = room_name
        self.identity = identity
        self.room = rtc.Room()
        self.heard: dict[str, list[np.ndarray]] = {}
        self.statuses: list[tuple[str, str]] = []
        self.left: dict[str, int] = {}
        self.digits: list[str] = []
        self.disconnected = None
        self.data: list[tuple[str, bytes]] = []
        self.reconnections: list[str] = []
        self.tasks: list[asyncio.Task] = []
        self.connecting: asyncio.Task | None = None
        self._listen()

    def _listen(self) -> None:
        room = self.room

        @room.on("participant_connected")
        def joined(participant):
            self._note_status(participant)

        @room.on("participant_attributes_changed")
        def changed(_attributes, participant):
            self._note_status(participant)

        @room.on("participant_disconnected")
        def gone(participant):
            self.left[participant.identity] = participant.disconnect_reason

        @room.on("track_subscribed")
        def subscribed(track, _publication, participant):
            if self.records and track.kind == rtc.TrackKind.KIND_AUDIO:
                self.tasks.append(asyncio.ensure_future(self._record(track, participant.identity)))

        @room.on("sip_dtmf_received")
        def digit(dtmf):
            self.digits.append(dtmf.digit)

        @room.on("data_received")
        def data(packet):
            self.data.append((packet.participant.identity if packet.participant else "", packet.data))

        @room.on("reconnecting")
        def reconnecting():
            self.reconnections.append("reconnecting")

        @room.on("reconnected")
        def reconnected():
            self.reconnections.append("reconnected")

        @room.on("disconnected")
        def closed(reason):
            self.disconnected = reason

    def _note_status(self, participant) -> None:
        status = participant.attributes.get("sip.callStatus")
        if status and (not self.statuses or self.statuses[-1] != (participant.identity, status)):
            self.statuses.append((participant.identity, status))

    async def _record(self, track, identity: str) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
        frames = self.heard.setdefault(identity, [])
        async for event in stream:
            frames.append(np.frombuffer(event.frame.data, dtype=np.int16).copy())

    async def join(self, url: str | None = None, **options) -> "Participant":
        """Connects, if need be through something at `url`, with options of the SDK's RoomOptions."""
        token = access_token(self.room_name, self.identity)
        self.connecting = asyncio.ensure_future(self.room.connect(url or self.server.ws_url, token, rtc.RoomOptions(**options)))
        # Not cancelled when it is late: the SDK's core ends the process when nobody takes what comes of it.
        await asyncio.wait_for(asyncio.shield(self.connecting), 15)
        return self

    async def speak(self, hertz: float) -> rtc.LocalAudioTrack:
        """Publishes a microphone that hums this tone until the participant leaves."""
        source = rtc.AudioSource(RATE, 1)
        track = rtc.LocalAudioTrack.create_audio_track("voice", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)
        self.tasks.append(asyncio.ensure_future(self._hum(source, hertz)))
        return track

    @staticmethod
    async def _hum(source: rtc.AudioSource, hertz: float) -> None:
        frame_length = RATE // 50
        position = 0
        while True:
            moments = (np.arange(frame_length) + position) / RATE
            samples = (np.sin(2 * np.pi * hertz * moments) * 0.3 * 32767).astype(np.int16)
            position += frame_length
            await source.capture_frame(rtc.AudioFrame(samples.tobytes(), RATE, 1, frame_length))

    def recording(self, identity: str, last_seconds: float | None = None) -> np.ndarray:
        frames = self.heard.get(identity, [])
        samples = np.concatenate(frames) if frames else np.zeros(0, np.int16)
        return samples if last_seconds is None else samples[-int(last_seconds * RATE) :]

    def statuses_of(self, identity: str) -> list[str]:
        return [status for who, status in self.statuses if who == identity]

    async def sees(self, identity: str, status: str, seconds: float = 10.0) -> None:
        await until(
            lambda: status in self.statuses_of(identity),
            f"{identity} shows {status}; seen so far: {self.statuses_of(identity)}",
            seconds,
        )

    async def sees_leave(self, identity: str, seconds: float = 10.0) -> int:
        await until(lambda: identity in self.left, f"{identity} leaves", seconds)
        return self.left[identity]

    def forget(self, identity: str | None = None) -> None:
        """Only what is heard from now on counts: of one participant, or of all."""
        for who, frames in self.heard.items():
            if identity in (None, who):
                frames.clear()

    async def leave(self) -> None:
        for task in self.tasks:
            task.cancel()
        with contextlib.suppress(Exception):
            if self.connecting is not None:
                await asyncio.wait_for(asyncio.shield(self.connecting), 30)
            # One that is about to resume takes a while.
            await asyncio.wait_for(asyncio.shield(self.room.disconnect()), 30)


def now() -> float:
    return time.monotonic()
