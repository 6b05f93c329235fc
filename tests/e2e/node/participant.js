// A room participant in Node.js: the official SDK, unmodified, told what to do by lines of JSON on standard input.
//
//   node participant.js FOLDER      environment: LIVEKIT_URL, TOKEN, SUBSCRIBE
//
// Says what happens by lines of JSON on standard output; what it hears of each participant is appended to
// FOLDER/IDENTITY.s16 (48 kHz, mono, 16 bit). The other clients speak the same language: see harness/client.py.

import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import {
  AudioFrame,
  AudioSource,
  AudioStream,
  LocalAudioTrack,
  LocalVideoTrack,
  Room,
  RoomEvent,
  SimulateScenarioKind,
  TrackKind,
  TrackPublishOptions,
  TrackSource,
  VideoBufferType,
  VideoCodec,
  VideoFrame,
  VideoSource,
  VideoStream,
  dispose,
} from '@livekit/rtc-node';

const RATE = 48000;
const FRAME = RATE / 50;
const folder = process.argv[2];
const room = new Room();

const say = (event, content = {}) => process.stdout.write(`${JSON.stringify({ event, ...content })}\n`);

room
  .on(RoomEvent.ParticipantConnected, (who) => say('participant', { identity: who.identity, kind: who.kind }))
  .on(RoomEvent.ParticipantDisconnected, (who) => say('left', { identity: who.identity, reason: who.disconnectReason }))
  .on(RoomEvent.TrackPublished, (publication, who) => say('published', { identity: who.identity, sid: publication.sid }))
  .on(RoomEvent.TrackUnpublished, (publication, who) => say('unpublished', { identity: who.identity, sid: publication.sid }))
  .on(RoomEvent.TrackUnsubscribed, (_track, _publication, who) => say('unsubscribed', { identity: who.identity }))
  .on(RoomEvent.TrackMuted, (_publication, who) => say('muted', { identity: who.identity }))
  .on(RoomEvent.TrackUnmuted, (_publication, who) => say('unmuted', { identity: who.identity }))
  .on(RoomEvent.LocalTrackSubscribed, () => say('listened_to'))
  .on(RoomEvent.ActiveSpeakersChanged, (speakers) => say('speakers', { identities: speakers.map((who) => who.identity) }))
  .on(RoomEvent.ConnectionQualityChanged, (quality, who) => say('quality', { identity: who.identity, quality }))
  .on(RoomEvent.ParticipantAttributesChanged, (changed, who) => say('attributes', { identity: who.identity, changed }))
  .on(RoomEvent.ParticipantMetadataChanged, (metadata, who) => say('metadata', { identity: who.identity, metadata }))
  .on(RoomEvent.ParticipantNameChanged, (name, who) => say('name', { identity: who.identity, name }))
  .on(RoomEvent.RoomMetadataChanged, (metadata) => say('room_metadata', { metadata }))
  .on(RoomEvent.Reconnecting, () => say('reconnecting'))
  .on(RoomEvent.Reconnected, () => say('reconnected'))
  .on(RoomEvent.TokenRefreshed, () => say('token'))
  .on(RoomEvent.Disconnected, (reason) => say('disconnected', { reason }))
  .on(RoomEvent.ChatMessage, (message, who) => say('chat', { identity: who?.identity ?? '', text: message.message }))
  .on(RoomEvent.DtmfReceived, (_code, digit, who) => say('digit', { digit, identity: who.identity }))
  .on(RoomEvent.DataReceived, (payload, who, _kind, topic) => {
    const text = new TextDecoder().decode(payload.subarray(0, 200));
    say('data', { identity: who?.identity ?? '', topic: topic ?? '', text, length: payload.length });
  })
  .on(RoomEvent.TrackSubscribed, (track, _publication, who) => {
    const audio = track.kind === TrackKind.KIND_AUDIO;
    say('subscribed', { identity: who.identity, kind: audio ? 'audio' : 'video', sid: track.sid });
    if (audio) record(track, who.identity);
    else watch(track, who.identity);
  });

async function record(track, identity) {
  for await (const frame of new AudioStream(track, RATE, 1)) {
    appendFileSync(join(folder, `${identity}.s16`), Buffer.from(frame.data.buffer, frame.data.byteOffset, frame.data.byteLength));
  }
}

/** What was seen of each participant: how large the last picture is, how many there were, the colour in its middle. */
const seen = new Map();

async function watch(track, identity) {
  let frames = 0;
  for await (const { frame } of new VideoStream(track)) {
    const { data, width, height } = frame.convert(VideoBufferType.RGBA);
    const middle = (Math.floor(height / 2) * width + Math.floor(width / 2)) * 4;
    frames += 1;
    seen.set(identity, { size: [width, height], frames, colour: [...data.subarray(middle, middle + 3)] });
  }
}

/** Shows a colour; a corner changes, for an encoder sends next to nothing of a picture that stands still. */
function shoot(source, colour, width, height) {
  const picture = new Uint8Array(width * height * 4);
  for (let i = 0; i < picture.length; i += 4) picture.set([...colour, 255], i);
  const shot = () => {
    for (let y = 0; y < height / 4; y += 1) picture.set(randomBytes(width), y * width * 4);
    source.captureFrame(new VideoFrame(picture, width, height, VideoBufferType.RGBA));
  };
  setInterval(shot, 1000 / 15).unref();
}

const hum = (source, hertz) => play(source, (moment) => Math.sin(2 * Math.PI * hertz * moment));

function sayWords(source, hertz, spoken, pause) {
  return play(source, (moment) => {
    const number = Math.floor(moment / (spoken + pause));
    const within = moment - number * (spoken + pause);
    return within < spoken ? Math.sin(2 * Math.PI * hertz[number % hertz.length] * within) : 0;
  });
}

async function play(source, wave) {
  for (let position = 0; ; position += FRAME) {
    const samples = new Int16Array(FRAME);
    for (let i = 0; i < FRAME; i += 1) samples[i] = wave((position + i) / RATE) * 0.3 * 32767;
    await source.captureFrame(new AudioFrame(samples, RATE, 1, FRAME));
  }
}

async function publish(sound, wishes = {}) {
  const source = new AudioSource(RATE, 1);
  const track = LocalAudioTrack.createAudioTrack('voice', source);
  const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE, ...wishes });
  const publication = await room.localParticipant.publishTrack(track, options);
  sound(source).catch(() => {});
  return { sid: publication.sid };
}

const deeds = {
  speak({ hertz }) {
    return publish((source) => hum(source, hertz));
  },
  /** Says tones in turn, with digital silence between them, in which it need not send (DTX). */
  talk({ hertz, spoken, pause }) {
    return publish((source) => sayWords(source, hertz, spoken, pause), { dtx: true });
  },
  async camera({ width, height, colour, codec }) {
    const source = new VideoSource(width, height);
    const options = new TrackPublishOptions();
    options.source = TrackSource.SOURCE_CAMERA;
    options.videoCodec = VideoCodec[codec];
    options.simulcast = false;
    const track = LocalVideoTrack.createVideoTrack('camera', source);
    const publication = await room.localParticipant.publishTrack(track, options);
    shoot(source, colour, width, height);
    return { sid: publication.sid };
  },
  async sees({ identity }) {
    return seen.get(identity) ?? { size: [0, 0], frames: 0, colour: [0, 0, 0] };
  },
  async unpublish() {
    for (const sid of [...room.localParticipant.trackPublications.keys()]) await room.localParticipant.unpublishTrack(sid);
  },
  async subscribe({ identity, wanted }) {
    for (const publication of room.remoteParticipants.get(identity).trackPublications.values()) publication.setSubscribed(wanted);
  },
  async send({ text, topic = '', reliable = true, to = [] }) {
    await room.localParticipant.publishData(new TextEncoder().encode(text), { reliable, topic, destination_identities: to });
  },
  async text({ text, topic, to = [] }) {
    await room.localParticipant.sendText(text, { topic, destinationIdentities: to });
  },
  async chat({ text }) {
    await room.localParticipant.sendChatMessage(text);
  },
  async file({ length, topic, to = [] }) {
    const content = randomBytes(length);
    const writer = await room.localParticipant.streamBytes({ name: 'noise', topic, totalSize: length, destinationIdentities: to });
    await writer.write(content);
    await writer.close();
    return { digest: createHash('sha256').update(content).digest('hex') };
  },
  async listen({ topic }) {
    room.registerTextStreamHandler(topic, async (reader, { identity }) => {
      const text = await reader.readAll();
      say('text', { identity, topic, length: text.length, text: text.slice(0, 200) });
    });
    room.registerByteStreamHandler(topic, async (reader, { identity }) => {
      const hash = createHash('sha256');
      let length = 0;
      for await (const chunk of reader) {
        hash.update(chunk);
        length += chunk.length;
      }
      say('file', { identity, topic, length, digest: hash.digest('hex') });
    });
  },
  async attributes({ attributes }) {
    await room.localParticipant.setAttributes(attributes);
  },
  async metadata({ metadata }) {
    await room.localParticipant.updateMetadata(metadata);
  },
  async name({ name }) {
    await room.localParticipant.updateName(name);
  },
  async answer({ method }) {
    const { localParticipant: me } = room;
    me.registerRpcMethod(method, async ({ payload }) => `${payload} from ${me.identity}`);
  },
  async ask({ to, method, payload }) {
    return { answer: await room.localParticipant.performRpc({ destinationIdentity: to, method, payload }) };
  },
  async dtmf({ code, digit }) {
    await room.localParticipant.publishDtmf(code, digit);
  },
  /** By livekit-client's name of it. */
  async simulate({ scenario }) {
    await room.simulateScenario(SimulateScenarioKind[`SIMULATE_${scenario.toUpperCase().replaceAll('-', '_')}`]);
  },
  async people() {
    const people = [...room.remoteParticipants.values()];
    const told = ({ identity, name, kind, metadata, attributes, trackPublications }) => {
      return { identity, name, kind, metadata, attributes, tracks: [...trackPublications.keys()] };
    };
    return { people: people.map(told) };
  },
  async me() {
    const { sid, name, metadata, attributes } = room.localParticipant;
    return { sid, name, metadata, attributes };
  },
  async leave() {
    await room.disconnect();
    await dispose();
    process.exitCode = 0;
    setImmediate(() => process.exit());
  },
};

async function obey({ deed, number, ...content }) {
  try {
    say('done', { number, ...(await deeds[deed](content)) });
  } catch (error) {
    say('failed', { number, error: `${error}` });
  }
}

await room.connect(process.env.LIVEKIT_URL, process.env.TOKEN, { autoSubscribe: process.env.SUBSCRIBE !== 'false', dynacast: false });
say('connected', { identity: room.localParticipant.identity, sid: room.localParticipant.sid, room: await room.getSid() });

for await (const line of createInterface({ input: process.stdin })) obey(JSON.parse(line));
