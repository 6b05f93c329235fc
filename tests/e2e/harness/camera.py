"""Eyes and cameras: what a page sees, and a participant on the official Python SDK that shows a colour and decodes what others show."""

import asyncio

import numpy as np
from livekit import rtc

from .client import PageClient
from .room import Participant
from .waiting import until

FRAMES_PER_SECOND = 15
PATIENCE = 60.0  # encoders and decoders share the machine with everything else


async def page_sees(page: PageClient, identity: str, size: tuple[int, int], least_frames: int = 10) -> tuple[int, int, int]:
    """A page decodes so many more pictures of somebody's camera, the last of them in this size; returns the colour in its middle."""
    before = (await page.do("sees", identity=identity))["frames"]
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        seen = await page.do("sees", identity=identity)
        # What is decoded, and not painted yet, is black; no camera here shows that.
        painted = tuple(seen["colour"]) != (0, 0, 0)
        if painted and seen["frames"] - before >= least_frames and tuple(seen["size"]) == size:
            return tuple(seen["colour"])
        late = asyncio.get_running_loop().time() > deadline
        assert not late, f"{page.identity} does not see {identity} in {size} but {seen}, {before} before{page.complaint()}"
        await asyncio.sleep(0.1)


class Camera:
    """A Python participant's camera, and its eyes."""

    def __init__(self, participant: Participant):
        self.participant = participant
        self.seen: dict[str, list[tuple[int, int]]] = {}
        self.colours: dict[str, tuple[int, int, int]] = {}
        for person in participant.room.remote_participants.values():
            for publication in person.track_publications.values():
                if publication.track is not None:
                    self._look(publication.track, person.identity)
        participant.room.on("track_subscribed", lambda track, _publication, person: self._look(track, person.identity))

    def _look(self, track, identity: str) -> None:
        if track.kind == rtc.TrackKind.KIND_VIDEO:
            self.participant.tasks.append(asyncio.ensure_future(self._watch(track, identity)))

    async def _watch(self, track, identity: str) -> None:
        sizes = self.seen.setdefault(identity, [])
        async for event in rtc.VideoStream(track, format=rtc.VideoBufferType.RGB24):
            frame = event.frame
            sizes.append((frame.width, frame.height))
            middle = (frame.height // 2 * frame.width + frame.width // 2) * 3
            self.colours[identity] = tuple(frame.data[middle : middle + 3])

    async def show(self, colour: tuple[int, int, int], width: int = 640, height: int = 360, **options) -> None:
        """Publishes a camera that shows this colour until the participant leaves."""
        source = rtc.VideoSource(width, height)
        track = rtc.LocalVideoTrack.create_video_track("camera", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA, **options)
        self.shown = await self.participant.room.local_participant.publish_track(track, options)
        self.participant.tasks.append(asyncio.ensure_future(self._shoot(source, colour, width, height)))

    async def hide(self) -> None:
        """Shows nothing any more."""
        await self.participant.room.local_participant.unpublish_track(self.shown.sid)

    @staticmethod
    async def _shoot(source: rtc.VideoSource, colour: tuple[int, int, int], width: int, height: int) -> None:
        picture = np.full((height, width, 4), (*colour, 255), np.uint8)
        noise = np.random.default_rng(1)
        while True:
            # A corner that changes: an encoder sends next to nothing of a picture that stands still.
            picture[: height // 4, : width // 4, :3] = noise.integers(0, 255, (height // 4, width // 4, 3))
            source.capture_frame(rtc.VideoFrame(width, height, rtc.VideoBufferType.RGBA, picture.tobytes()))
            await asyncio.sleep(1 / FRAMES_PER_SECOND)

    async def sees(self, identity: str, size: tuple[int, int], least_frames: int = 10) -> None:
        """Decodes so many more pictures of somebody's camera, the last of them in this size."""
        before = len(self.seen.get(identity, []))

        def now() -> bool:
            sizes = self.seen.get(identity, [])
            return len(sizes) - before >= least_frames and sizes[-1] == size

        def what() -> str:
            return f"{self.participant.identity} sees {identity} in {size}; so far {self.seen.get(identity, [])[-3:]}"

        await until(now, what, PATIENCE)
