// What a page shows of itself and sees of others: further deeds for participant.js, which is loaded before.

/* global LivekitClient, context, deeds, listen, room:writable */

const cameraOf = (identity) => [...(room.remoteParticipants.get(identity)?.videoTrackPublications.values() ?? [])][0];

/** The element that plays somebody's camera; it does without sound, so it plays without anybody's leave. */
function screenOf(identity) {
  const track = cameraOf(identity)?.track;
  if (track && track.attachedElements.length === 0) document.body.append(track.attach());
  return track?.attachedElements[0];
}

Object.assign(deeds, {
  /** Publishes the browser's camera in this size. */
  async camera({ width, height, options }) {
    const track = await LivekitClient.createLocalVideoTrack({ resolution: { width, height, frameRate: 15 } });
    const { trackSid } = await room.localParticipant.publishTrack(track, { source: 'camera', ...options });
    return { sid: trackSid };
  },
  async muteCamera({ muted }) {
    const [publication] = room.localParticipant.videoTrackPublications.values();
    await (muted ? publication.mute() : publication.unmute());
  },
  /** How large the picture is, how many were decoded so far, and the colour in its middle. */
  async sees({ identity }) {
    const screen = screenOf(identity);
    if (!screen?.videoWidth) return { size: [0, 0], frames: 0, colour: [0, 0, 0] };
    const pixel = document.createElement('canvas');
    [pixel.width, pixel.height] = [1, 1];
    const brush = pixel.getContext('2d');
    brush.drawImage(screen, screen.videoWidth / 2, screen.videoHeight / 2, 1, 1, 0, 0, 1, 1);
    const colour = [...brush.getImageData(0, 0, 1, 1).data].slice(0, 3);
    const stats = [...(await cameraOf(identity).track.receiver.getStats()).values()];
    const frames = stats.find((found) => found.type === 'inbound-rtp')?.framesDecoded ?? 0;
    return { size: [screen.videoWidth, screen.videoHeight], frames, colour };
  },
  /** What it is told of somebody's camera. */
  cameraOf({ identity }) {
    const { trackSid, mimeType, dimensions, simulcasted, isMuted } = cameraOf(identity);
    return { trackSid, mimeType, dimensions, simulcasted, isMuted };
  },
  quality: ({ identity, quality }) => cameraOf(identity).setVideoQuality(LivekitClient.VideoQuality[quality]),
  dimensions: ({ identity, width, height }) => cameraOf(identity).setVideoDimensions({ width, height }),
  enabled: ({ identity, enabled }) => cameraOf(identity).setEnabled(enabled),
  /** Joins, and stops sending layers that nobody watches. */
  async joinDynacast({ url, token }) {
    room = new LivekitClient.Room({ dynacast: true });
    listen();
    await room.connect(url, token);
    return { sid: room.localParticipant.sid };
  },
  /** The layers that its camera sends, by RID, and how many pictures of each so far. */
  async layers() {
    const [publication] = room.localParticipant.videoTrackPublications.values();
    const sent = [...(await publication.track.sender.getStats()).values()].filter((found) => found.type === 'outbound-rtp');
    return { layers: Object.fromEntries(sent.map(({ rid, active, framesSent }) => [rid, { active, framesSent }])) };
  },
  /** Joins, its packets going by relays only. */
  async joinRelayed({ url, token }) {
    room = new LivekitClient.Room();
    listen();
    await context.resume();
    await context.audioWorklet.addModule('recorder.js');
    await room.connect(url, token, { rtcConfig: { iceTransportPolicy: 'relay' } });
    return { sid: room.localParticipant.sid };
  },
  /** By which way its packets go: `udp` or `tcp`, from an address of its own (`host`, `prflx`) or a relay's. */
  async path() {
    const stats = [...(await room.engine.pcManager.publisher.getStats()).values()];
    const pair = stats.find((found) => found.type === 'candidate-pair' && found.nominated && found.state === 'succeeded');
    const local = stats.find((found) => found.id === pair?.localCandidateId);
    return { protocol: local?.protocol, type: local?.candidateType };
  },
});
