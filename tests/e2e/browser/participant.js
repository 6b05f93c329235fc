// A room participant in the browser: livekit-client, unmodified. The test calls its deeds through the browser's remote
// protocol. It speaks the same language as the other clients: see harness/client.py.

/* global LivekitClient */

const RATE = 48000;
const KEPT = 60 * 50; // pieces of 20 ms that are kept of each participant
const context = new AudioContext({ sampleRate: RATE });
const ears = new Map(); // identity -> pieces
const recorders = new Map(); // track -> what hears it
const events = [];
const say = (event, content = {}) => events.push({ event, ...content });
const { RoomEvent, Track } = LivekitClient;
let room;

function listen() {
  room
    .on(RoomEvent.TrackSubscribed, (track, _publication, who) => {
      say('subscribed', { identity: who.identity, kind: track.kind, sid: track.sid });
      if (track.kind === Track.Kind.Audio) record(track, who.identity);
    })
    .on(RoomEvent.TrackUnsubscribed, (track, _publication, who) => {
      track.detach().forEach((element) => element.remove());
      recorders.get(track)?.disconnect(); // it would go on with silence
      recorders.delete(track);
      say('unsubscribed', { identity: who.identity });
    })
    .on(RoomEvent.ParticipantConnected, (who) => say('participant', { identity: who.identity, kind: who.kind }))
    .on(RoomEvent.ParticipantActive, (who) => say('active', { identity: who.identity }))
    .on(RoomEvent.ParticipantDisconnected, (who) => say('left', { identity: who.identity }))
    .on(RoomEvent.TrackPublished, (publication, who) => say('published', { identity: who.identity, sid: publication.trackSid }))
    .on(RoomEvent.TrackUnpublished, (publication, who) => say('unpublished', { identity: who.identity, sid: publication.trackSid }))
    .on(RoomEvent.TrackMuted, (_publication, who) => say('muted', { identity: who.identity }))
    .on(RoomEvent.TrackUnmuted, (_publication, who) => say('unmuted', { identity: who.identity }))
    .on(RoomEvent.LocalTrackSubscribed, () => say('listened_to'))
    .on(RoomEvent.ActiveSpeakersChanged, (speakers) => say('speakers', { identities: speakers.map((who) => who.identity) }))
    .on(RoomEvent.ConnectionQualityChanged, (quality, who) => say('quality', { identity: who.identity, quality }))
    .on(RoomEvent.ParticipantAttributesChanged, (changed, who) => say('attributes', { identity: who.identity, changed }))
    .on(RoomEvent.ParticipantMetadataChanged, (_old, who) => say('metadata', { identity: who.identity, metadata: who.metadata }))
    .on(RoomEvent.ParticipantNameChanged, (name, who) => say('name', { identity: who.identity, name }))
    .on(RoomEvent.ParticipantPermissionsChanged, (_old, who) => say('permissions', { identity: who.identity }))
    .on(RoomEvent.RoomMetadataChanged, (metadata) => say('room_metadata', { metadata }))
    .on(RoomEvent.SignalReconnecting, () => say('reconnecting'))
    .on(RoomEvent.Reconnecting, () => say('reconnecting'))
    .on(RoomEvent.Reconnected, () => say('reconnected'))
    .on(RoomEvent.Disconnected, (reason) => say('disconnected', { reason }))
    .on(RoomEvent.SipDTMFReceived, (dtmf, who) => say('digit', { identity: who?.identity ?? '', digit: dtmf.digit }))
    .on(RoomEvent.TranscriptionReceived, ([segment], who) => say('transcription', { identity: who?.identity ?? '', text: segment.text }))
    .on(RoomEvent.ChatMessage, (message, who) => say('chat', { identity: who?.identity ?? '', text: message.message }))
    .on(RoomEvent.DataReceived, (payload, who, _kind, topic) => {
      const text = new TextDecoder().decode(payload.subarray(0, 200));
      say('data', { identity: who?.identity ?? '', topic: topic ?? '', text, length: payload.length });
    });
}

function record(track, identity) {
  document.body.append(track.attach()); // Chromium decodes a remote track only while an element plays it
  const pieces = ears.get(identity) ?? [];
  ears.set(identity, pieces);
  const recorder = new AudioWorkletNode(context, 'recorder', { numberOfOutputs: 0 });
  recorder.port.onmessage = ({ data }) => {
    if (!recorders.has(track)) return;
    pieces.push(data);
    if (pieces.length > KEPT) pieces.shift();
  };
  const source = context.createMediaStreamSource(new MediaStream([track.mediaStreamTrack]));
  source.connect(recorder);
  recorders.set(track, source);
}

const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const digest = async (bytes) => hex(await crypto.subtle.digest('SHA-256', bytes));

const frame = () => new Promise((resolve) => setTimeout(resolve, 10));

async function publish(oscillator, volume, options) {
  // One channel, as a microphone has: of two there is neither RED nor DTX.
  const mouth = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
  oscillator.connect(volume).connect(mouth);
  oscillator.start();
  const [track] = mouth.stream.getAudioTracks();
  // Until sound has come through it, the track may say that it has two; livekit-client would believe it.
  const deadline = performance.now() + 2000;
  while (track.getSettings().channelCount !== 1 && performance.now() < deadline) await frame();
  const { trackSid } = await room.localParticipant.publishTrack(track, { source: Track.Source.Microphone, ...options });
  return { sid: trackSid };
}

const deeds = {
  async join({ url, token, subscribe }) {
    room = new LivekitClient.Room();
    listen();
    await context.resume();
    await context.audioWorklet.addModule('recorder.js');
    await room.connect(url, token, { autoSubscribe: subscribe });
    return { sid: room.localParticipant.sid };
  },
  /** Publishes an oscillator as the microphone. */
  speak({ hertz }) {
    return publish(new OscillatorNode(context, { frequency: hertz }), new GainNode(context, { gain: 0.3 }));
  },
  /** Says tones in turn, with digital silence between them, in which it need not send (DTX), for three minutes. */
  talk({ hertz, spoken, pause }) {
    const [oscillator, volume] = [new OscillatorNode(context), new GainNode(context, { gain: 0 })];
    for (let number = 0; number * (spoken + pause) < 180; number += 1) {
      const begin = context.currentTime + number * (spoken + pause);
      oscillator.frequency.setValueAtTime(hertz[number % hertz.length], begin);
      volume.gain.setValueAtTime(0.3, begin);
      volume.gain.setValueAtTime(0, begin + spoken);
    }
    return publish(oscillator, volume, { dtx: true });
  },
  /** What was heard of a participant in the last seconds: 16-bit samples in base64. */
  recording({ identity, seconds }) {
    const pieces = (ears.get(identity) ?? []).slice(-50 * seconds);
    const bytes = new Uint8Array(pieces.length * (RATE / 50) * 2);
    const view = new DataView(bytes.buffer);
    let at = 0;
    for (const piece of pieces) {
      for (const sample of piece) {
        view.setInt16(at, Math.max(-1, Math.min(1, sample)) * 32767, true);
        at += 2;
      }
    }
    let text = '';
    for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    return { samples: btoa(text) };
  },
  forget() {
    for (const pieces of ears.values()) pieces.length = 0;
  },
  async mute({ muted }) {
    const [publication] = room.localParticipant.audioTrackPublications.values();
    await (muted ? publication.mute() : publication.unmute());
  },
  async unpublish() {
    for (const { track } of [...room.localParticipant.trackPublications.values()]) await room.localParticipant.unpublishTrack(track);
  },
  subscribe({ identity, wanted }) {
    for (const publication of room.remoteParticipants.get(identity).trackPublications.values()) publication.setSubscribed(wanted);
  },
  /** Who may have its tracks: null is everybody. */
  allow({ identities }) {
    const permissions = (identities ?? []).map((participantIdentity) => ({ participantIdentity, allowAll: true }));
    room.localParticipant.setTrackSubscriptionPermissions(identities === null, permissions);
  },
  async send({ text, topic = '', reliable = true, to = [] }) {
    await room.localParticipant.publishData(new TextEncoder().encode(text), { topic, reliable, destinationIdentities: to });
  },
  async text({ text, topic, to = [] }) {
    await room.localParticipant.sendText(text, { topic, destinationIdentities: to });
  },
  async chat({ text }) {
    await room.localParticipant.sendChatMessage(text);
  },
  async file({ length, topic, to = [] }) {
    const content = new Uint8Array(length);
    for (let i = 0; i < length; i += 65536) crypto.getRandomValues(content.subarray(i, i + 65536));
    const writer = await room.localParticipant.streamBytes({ name: 'noise', topic, totalSize: length, destinationIdentities: to });
    await writer.write(content);
    await writer.close();
    return { digest: await digest(content) };
  },
  listen({ topic }) {
    room.registerTextStreamHandler(topic, async (reader, { identity }) => {
      const text = await reader.readAll();
      say('text', { identity, topic, length: text.length, text: text.slice(0, 200) });
    });
    room.registerByteStreamHandler(topic, async (reader, { identity }) => {
      const content = await new Blob(await reader.readAll()).arrayBuffer();
      say('file', { identity, topic, length: content.byteLength, digest: await digest(content) });
    });
  },
  answer({ method }) {
    room.registerRpcMethod(method, async ({ payload }) => `${payload} from ${room.localParticipant.identity}`);
  },
  async ask({ to, method, payload }) {
    return { answer: await room.localParticipant.performRpc({ destinationIdentity: to, method, payload }) };
  },
  async attributes({ attributes }) {
    await room.localParticipant.setAttributes(attributes);
  },
  async metadata({ metadata }) {
    await room.localParticipant.setMetadata(metadata);
  },
  async name({ name }) {
    await room.localParticipant.setName(name);
  },
  async dtmf({ code, digit }) {
    await room.localParticipant.publishDtmf(code, digit);
  },
  async simulate({ scenario }) {
    await room.simulateScenario(scenario);
  },
  people() {
    const people = [...room.remoteParticipants.values()];
    const told = ({ identity, name, kind, metadata, attributes, trackPublications }) => {
      return { identity, name, kind, metadata, attributes, tracks: [...trackPublications.keys()] };
    };
    return { people: people.map(told) };
  },
  me() {
    const { sid, name, metadata, attributes } = room.localParticipant;
    return { sid, name, metadata, attributes };
  },
  async leave() {
    await room.disconnect();
  },
};

/** Does what it is told, and answers in JSON. */
window.obey = async (deed, content) => JSON.stringify((await deeds[deed](content)) ?? {});
window.toldSince = (count) => JSON.stringify(events.slice(count));
