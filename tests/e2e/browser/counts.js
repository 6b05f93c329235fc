// What the browser counts of the packets that it sends and gets: further deeds for participant.js, which is loaded before.

/* global deeds, room */

/** The streams of one direction. */
const streams = async (stats, type) => [...(await stats).values()].filter((found) => found.type === type);

Object.assign(deeds, {
  /** Of what comes of somebody's `microphone` or `camera`. */
  async received({ identity, source }) {
    const { receiver } = room.remoteParticipants.get(identity).getTrackPublication(source).track;
    const [stream] = await streams(receiver.getStats(), 'inbound-rtp');
    return stream;
  },
  /** What reports (RTCP) tell it: how its own `microphone` arrives, and what is sent of somebody's; with what it has sent and got itself. */
  async reported({ identity, source }) {
    const { sender } = room.localParticipant.getTrackPublication(source).track;
    const { receiver } = room.remoteParticipants.get(identity).getTrackPublication(source).track;
    const [arrives] = await streams(sender.getStats(), 'remote-inbound-rtp');
    const [sent] = await streams(sender.getStats(), 'outbound-rtp');
    const [isSent] = await streams(receiver.getStats(), 'remote-outbound-rtp');
    const [got] = await streams(receiver.getStats(), 'inbound-rtp');
    return {
      lost: arrives?.packetsLost ?? 0,
      roundTrip: arrives?.roundTripTime ?? 0,
      sent: sent.packetsSent,
      isSent: isSent?.packetsSent ?? 0,
      got: got.packetsReceived + got.packetsLost,
    };
  },
  /** The payload types of what may come of somebody's `microphone`, by codec. */
  payloadTypes({ identity }) {
    const { receiver } = room.remoteParticipants.get(identity).getTrackPublication('microphone').track;
    return Object.fromEntries(receiver.getParameters().codecs.map(({ mimeType, payloadType }) => [mimeType, payloadType]));
  },
  /** Of its own `microphone` or `camera`: a stream of each layer. */
  async sent({ source }) {
    const { sender } = room.localParticipant.getTrackPublication(source).track;
    return { streams: await streams(sender.getStats(), 'outbound-rtp') };
  },
});
