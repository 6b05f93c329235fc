// A room participant in the browser: livekit-client, unmodified. The test calls these functions through DevTools.

/* global LivekitClient */

const context = new AudioContext();
const ears = new Map(); // identity -> AnalyserNode
const data = [];
const texts = [];
const events = [];
const room = new LivekitClient.Room();
const { RoomEvent, Track } = LivekitClient;

room
  .on(RoomEvent.TrackSubscribed, (track, _publication, who) => {
    events.push(`subscribed ${track.kind} ${who.identity}`);
    if (track.kind !== Track.Kind.Audio) return;
    document.body.append(track.attach()); // Chromium decodes a remote track only while an element plays it
    const ear = context.createAnalyser();
    ear.fftSize = 16384;
    ear.smoothingTimeConstant = 0;
    context.createMediaStreamSource(new MediaStream([track.mediaStreamTrack])).connect(ear);
    ears.set(who.identity, ear);
  })
  .on(RoomEvent.TrackUnsubscribed, (track, _publication, who) => {
    track.detach().forEach((element) => element.remove());
    ears.delete(who.identity);
  })
  .on(RoomEvent.ParticipantConnected, (who) => events.push(`connected ${who.identity}`))
  .on(RoomEvent.ParticipantDisconnected, (who) => events.push(`left ${who.identity}`))
  .on(RoomEvent.TrackMuted, (_publication, who) => events.push(`muted ${who.identity}`))
  .on(RoomEvent.Reconnecting, () => events.push('reconnecting'))
  .on(RoomEvent.Reconnected, () => events.push('reconnected'))
  .on(RoomEvent.Disconnected, (reason) => events.push(`disconnected ${reason}`))
  .on(RoomEvent.SipDTMFReceived, (dtmf, who) => events.push(`digit ${dtmf.digit} ${who?.identity}`))
  .on(RoomEvent.ParticipantAttributesChanged, (changed, who) => events.push(`attributes ${who.identity} ${JSON.stringify(changed)}`))
  .on(RoomEvent.DataReceived, (payload, who, _kind, topic) => {
    data.push({ identity: who?.identity, topic, text: new TextDecoder().decode(payload) });
  });

const deeds = {
  async join(url, token) {
    await context.resume();
    await room.connect(url, token);
    return room.localParticipant.identity;
  },
  /** Publishes an oscillator as the microphone. */
  async speak(hertz) {
    const oscillator = new OscillatorNode(context, { frequency: hertz });
    const volume = new GainNode(context, { gain: 0.3 });
    const mouth = context.createMediaStreamDestination();
    oscillator.connect(volume).connect(mouth);
    oscillator.start();
    const [track] = mouth.stream.getAudioTracks();
    const published = await room.localParticipant.publishTrack(track, { source: Track.Source.Microphone });
    return published.trackSid;
  },
  /** The part of the energy between 80 Hz and 3.4 kHz near a frequency, and how loud the loudest bin is, in dBFS. */
  hears(identity, hertz) {
    const ear = ears.get(identity);
    if (!ear) return { share: 0, loudest: -200 };
    const levels = new Float32Array(ear.frequencyBinCount);
    ear.getFloatFrequencyData(levels);
    const width = context.sampleRate / ear.fftSize;
    let [near, all, loudest] = [0, 0, -200];
    levels.forEach((level, bin) => {
      const frequency = bin * width;
      if (frequency < 80 || frequency > 3400) return;
      const energy = 10 ** (level / 10);
      all += energy;
      loudest = Math.max(loudest, level);
      if (Math.abs(frequency - hertz) <= 15) near += energy;
    });
    return { share: all > 0 ? near / all : 0, loudest };
  },
  async send(text, topic, reliable, to) {
    await room.localParticipant.publishData(new TextEncoder().encode(text), { topic, reliable, destinationIdentities: to });
  },
  async text(text, topic) {
    await room.localParticipant.sendText(text, { topic });
  },
  listen(topic) {
    room.registerTextStreamHandler(topic, async (reader, { identity }) => {
      const text = await reader.readAll();
      texts.push({ identity, topic, length: text.length });
    });
  },
  answer(method) {
    room.registerRpcMethod(method, async ({ payload }) => `${payload} from the browser`);
  },
  ask: (to, method, payload) => room.localParticipant.performRpc({ destinationIdentity: to, method, payload }),
  async attributes(attributes) {
    await room.localParticipant.setAttributes(attributes);
  },
  async mute(muted) {
    const [publication] = room.localParticipant.audioTrackPublications.values();
    await (muted ? publication.mute() : publication.unmute());
  },
  async dtmf(code, digit) {
    await room.localParticipant.publishDtmf(code, digit);
  },
  people: () => [...room.remoteParticipants.values()].map(({ identity, kind, attributes }) => ({ identity, kind, attributes })),
  told: () => ({ events, data, texts, state: room.state }),
  leave: () => room.disconnect(),
};

window.deeds = deeds;
