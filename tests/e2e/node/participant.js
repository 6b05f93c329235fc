// A room participant in Node.js: the official SDK, unmodified, told what to do by lines of JSON on standard input.
//
//   node participant.js FOLDER      environment: LIVEKIT_URL, TOKEN
//
// Says what happens by lines of JSON on standard output; what it hears of each participant is appended to
// FOLDER/IDENTITY.s16 (48 kHz, mono, 16 bit).

import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import {
  AudioFrame,
  AudioSource,
  AudioStream,
  LocalAudioTrack,
  Room,
  RoomEvent,
  TrackKind,
  TrackPublishOptions,
  TrackSource,
  dispose,
} from '@livekit/rtc-node';

const RATE = 48000;
const FRAME = RATE / 50;
const folder = process.argv[2];
const room = new Room();

const say = (event, content = {}) => process.stdout.write(`${JSON.stringify({ event, ...content })}\n`);

room.on(RoomEvent.ParticipantConnected, (who) => say('participant', { identity: who.identity, kind: who.kind }));
room.on(RoomEvent.ParticipantDisconnected, (who) => say('left', { identity: who.identity }));
room.on(RoomEvent.ParticipantAttributesChanged, (changed, who) => say('attributes', { identity: who.identity, changed }));
room.on(RoomEvent.TrackMuted, (_publication, who) => say('muted', { identity: who.identity }));
room.on(RoomEvent.Disconnected, (reason) => say('disconnected', { reason }));
room.on(RoomEvent.DtmfReceived, (code, digit, who) => say('digit', { digit, identity: who.identity }));
room.on(RoomEvent.DataReceived, (payload, who, kind, topic) => {
  say('data', { identity: who?.identity, topic, text: new TextDecoder().decode(payload) });
});
room.on(RoomEvent.TrackSubscribed, (track, _publication, who) => {
  say('subscribed', { identity: who.identity, kind: track.kind });
  if (track.kind === TrackKind.KIND_AUDIO) record(track, who.identity);
});

async function record(track, identity) {
  for await (const frame of new AudioStream(track, RATE, 1)) {
    appendFileSync(join(folder, `${identity}.s16`), Buffer.from(frame.data.buffer, frame.data.byteOffset, frame.data.byteLength));
  }
}

async function hum(source, hertz) {
  for (let position = 0; ; position += FRAME) {
    const samples = new Int16Array(FRAME);
    for (let i = 0; i < FRAME; i += 1) {
      samples[i] = Math.sin((2 * Math.PI * hertz * (position + i)) / RATE) * 0.3 * 32767;
    }
    await source.captureFrame(new AudioFrame(samples, RATE, 1, FRAME));
  }
}

const deeds = {
  async speak({ hertz }) {
    const source = new AudioSource(RATE, 1);
    const track = LocalAudioTrack.createAudioTrack('voice', source);
    const options = new TrackPublishOptions();
    options.source = TrackSource.SOURCE_MICROPHONE;
    const publication = await room.localParticipant.publishTrack(track, options);
    hum(source, hertz).catch(() => {});
    return { sid: publication.sid };
  },
  async send({ text, topic, reliable = true, to = [] }) {
    await room.localParticipant.publishData(new TextEncoder().encode(text), {
      reliable,
      topic,
      destination_identities: to,
    });
  },
  async text({ text, topic }) {
    await room.localParticipant.sendText(text, { topic });
  },
  async attributes({ attributes }) {
    await room.localParticipant.setAttributes(attributes);
  },
  async dtmf({ code, digit }) {
    await room.localParticipant.publishDtmf(code, digit);
  },
  async answer({ method }) {
    room.localParticipant.registerRpcMethod(method, async ({ payload }) => `${payload} from node`);
  },
  async ask({ to, method, payload }) {
    return { answer: await room.localParticipant.performRpc({ destinationIdentity: to, method, payload }) };
  },
  async listen({ topic }) {
    room.registerTextStreamHandler(topic, async (reader, { identity }) => {
      const text = await reader.readAll();
      say('text', { identity, topic, length: text.length, text: text.slice(0, 200) });
    });
  },
  async people() {
    const people = [...room.remoteParticipants.values()];
    return { people: people.map(({ identity, name, kind, attributes }) => ({ identity, name, kind, attributes })) };
  },
  async leave() {
    await room.disconnect();
    await dispose();
    process.exitCode = 0;
    setImmediate(() => process.exit());
  },
};

await room.connect(process.env.LIVEKIT_URL, process.env.TOKEN, { autoSubscribe: true, dynacast: false });
say('connected', { identity: room.localParticipant.identity, sid: await room.getSid() });

for await (const line of createInterface({ input: process.stdin })) {
  const { deed, number, ...content } = JSON.parse(line);
  try {
    say('done', { number, ...(await deeds[deed](content)) });
  } catch (error) {
    say('failed', { number, error: `${error}` });
  }
}
