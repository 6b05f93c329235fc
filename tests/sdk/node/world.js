// The world's door (tests/sdk/world.py) and what several stories share.

import { readFileSync } from 'node:fs';

import { RoomServiceClient, SipClient } from 'livekit-server-sdk';

const door = process.env.WORLD_URL;
const url = process.env.LIVEKIT_URL;
const key = process.env.LIVEKIT_API_KEY;
const secret = process.env.LIVEKIT_API_SECRET;

export const sip = new SipClient(url, key, secret);
export const rooms = new RoomServiceClient(url, key, secret);
export const impostor = new SipClient(url, key, 'not-the-secret-of-this-key-at-all');
export const stranger = new SipClient(url, 'nobody', secret);

async function through(path, body) {
  const options = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const answer = await fetch(door + path, options);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

/** The SDK's client of a second server with these settings. */
export async function serverWith(settings) {
  const { url: other } = await through('/servers', settings);
  return new SipClient(other, key, secret);
}

/** A phone that plays a SIPp scenario (tests/sipp), or a baresip. */
export async function phone(scenario, { keys = {}, ...options } = {}) {
  const wanted = scenario === 'baresip' ? { baresip: true, ...options } : { scenario, keys, ...options };
  const { id, address } = await through('/phones', wanted);
  return {
    address,
    requests: (method, count = 1) => through(`/phones/${id}/requests/${method}?count=${count}`),
    invite: async () => (await through(`/phones/${id}/requests/INVITE`))[0],
    hears: (hertz) => through(`/phones/${id}/hears?hertz=${hertz}`),
    digits: (count) => through(`/phones/${id}/digits?count=${count}`),
    story: () => through(`/phones/${id}/story`),
  };
}

/** A participant that listens in the room. */
export async function listener(room) {
  const { id, identity } = await through('/listeners', { room });
  const asked = (known) => new URLSearchParams(known);
  const about = (what, identity) => `/listeners/${id}/${what}/${encodeURIComponent(identity)}`;
  return {
    identity,
    /** It hums; the sid of its track. */
    speaks: async (hertz) => (await through(`/listeners/${id}/voice`, { hertz })).track,
    silence: (identity) => through(about('silence', identity)),
    sees: (identity, known = {}) => through(`${about('sees', identity)}?${asked(known)}`),
    room: (known = {}) => through(`/listeners/${id}/room?${asked(known)}`),
    data: (count) => through(`/listeners/${id}/data?count=${count}`),
    hears: (identity, hertz) => through(`${about('hears', identity)}?hertz=${hertz}`),
    statuses: (identity, last) => through(`${about('statuses', identity)}?last=${last}`),
    left: (identity) => through(about('left', identity)),
  };
}

/** The values of a header of a SIP message, in order. */
export function headers(message, name) {
  const head = message.split(/\r?\n\r?\n/)[0].split(/\r?\n/).slice(1);
  const wanted = `${name.toLowerCase()}:`;
  return head.filter((line) => line.toLowerCase().startsWith(wanted)).map((line) => line.slice(wanted.length).trim());
}

export const header = (message, name) => headers(message, name)[0];

/** The body of a SIP message. */
export const body = (message) => message.split(/\r?\n\r?\n/).slice(1).join('\n\n');

/** What a file beside this folder tells; `{x*257}` in it stands for 257 times x. */
export function stories(name) {
  const text = readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
  return JSON.parse(text.replace(/\{(.)\*(\d+)\}/g, (_, character, count) => character.repeat(Number(count))));
}

/** Asks by the SDK's own client for what none of its calls asks for; the request is one of its messages. */
export async function ask(method, request, grant, client = sip) {
  return client.rpc.request('SIP', method, request.toJson(), await client.authHeader({}, grant));
}

/** A trunk to an address; returns its id. */
export async function trunkTo(address, numbers = ['+15105550100'], options = undefined) {
  return (await sip.createSipOutboundTrunk('node', address, numbers, options)).sipTrunkId;
}

/** Runs what has to throw, and returns what it threw. */
export async function thrownBy(run) {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

let count = 0;
/** A room of this story alone. */
export const newRoom = () => `node-${process.pid}-${(count += 1)}`;
