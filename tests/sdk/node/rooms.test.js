// Rooms and moderation: what RoomServiceClient returns and throws, and what those in the room and on the phone notice.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { DataPacket_Kind } from '@livekit/protocol';
import { RoomServiceClient, ServerError } from 'livekit-server-sdk';

import { header, listener, newRoom, phone, rooms, sip, thrownBy, trunkTo } from './world.js';

const CALLEE = '+15105550123';
const nobody = 'twirp error unknown: participant does not exist';
const noRoom = 'twirp error unknown: requested room does not exist';

async function refused(run) {
  const error = await thrownBy(run);
  assert.ok(error instanceof ServerError, `${error}`);
  return [error.code, error.status, error.message];
}

/** A phone that hums 700 Hz in a room where somebody listens. */
async function talking() {
  const callee = await phone('baresip');
  const room = newRoom();
  const watcher = await listener(room);
  const call = { participantIdentity: 'callee', waitUntilAnswered: true };
  await sip.createSipParticipant(await trunkTo(callee.address), CALLEE, room, call);
  await watcher.hears('callee', 700);
  return { callee, room, watcher };
}

test('a room is made as asked, found and deleted', async () => {
  const name = newRoom();
  const made = await rooms.createRoom({ name, emptyTimeout: 77, departureTimeout: 7, maxParticipants: 2, metadata: 'm' });
  assert.match(made.sid, /^RM_/);
  assert.deepEqual([made.emptyTimeout, made.departureTimeout, made.maxParticipants, made.metadata], [77, 7, 2, 'm']);
  const watcher = await listener(name);
  const changed = await rooms.updateRoomMetadata(name, 'hello');
  assert.equal(changed.metadata, 'hello');
  assert.equal((await watcher.room({ metadata: 'hello' })).name, name);
  const [found] = await rooms.listRooms([name]);
  assert.deepEqual([found.sid, found.metadata, found.numParticipants], [made.sid, 'hello', 1]);
  await rooms.deleteRoom(name);
  assert.deepEqual(await refused(() => rooms.deleteRoom(name)), ['not_found', 404, noRoom]);
  assert.deepEqual(await refused(() => rooms.updateRoomMetadata(name, 'x')), ['not_found', 404, noRoom]);
  const long = await refused(() => rooms.createRoom({ name: 'x'.repeat(257) }));
  assert.deepEqual(long, ['invalid_argument', 400, 'room name length exceeds limits: max length 256']);
});

test("a phone's name, metadata and attributes change, and its header with the BYE", async () => {
  const callee = await phone('answer_until_bye');
  const room = newRoom();
  const watcher = await listener(room);
  const attributes = { ticket: '1', plain: 'x' };
  const call = {
    fromNumber: '+15105550100',
    participantIdentity: 'callee',
    participantAttributes: attributes,
    waitUntilAnswered: true,
  };
  const trunk = { hostname: callee.address, attributesToHeaders: { ticket: 'X-Ticket' } };
  await sip.createSipParticipant('', CALLEE, room, call, trunk);
  const updated = await rooms.updateParticipant(room, 'callee', {
    name: 'Caller',
    metadata: 'm',
    attributes: { ticket: '42', plain: '' },
  });
  assert.deepEqual([updated.name, updated.metadata, updated.attributes.ticket], ['Caller', 'm', '42']);
  assert.equal(updated.attributes.plain, undefined, 'an empty value deletes');
  await watcher.sees('callee', { name: 'Caller', metadata: 'm', ticket: '42', 'sip.callStatus': 'active' });
  await rooms.removeParticipant(room, 'callee');
  const [bye] = await callee.requests('BYE');
  assert.equal(header(bye, 'X-Ticket'), '42');
  assert.equal(await watcher.left('callee'), 4, 'PARTICIPANT_REMOVED');
  await callee.story();
  for (const [options, text] of [
    [{ name: 'x'.repeat(257) }, 'name length exceeds limits 256'],
    [{ metadata: 'x'.repeat(512 * 1024 + 1) }, 'metadata size exceeds limits 524288'],
    [{ attributes: { a: 'x'.repeat(65536) } }, 'attribute size exceeds limits 65536'],
  ]) {
    const error = await refused(() => rooms.updateParticipant(room, watcher.identity, options));
    assert.deepEqual(error, ['invalid_argument', 400, text]);
  }
});

test('a muted phone is silent in the room', async () => {
  const { room, watcher } = await talking();
  const [{ sid }] = (await rooms.getParticipant(room, 'callee')).tracks;
  const muted = await rooms.mutePublishedTrack(room, 'callee', sid, true);
  assert.deepEqual([muted.sid, muted.muted], [sid, true]);
  await watcher.sees('callee', { muted: 'true' });
  await watcher.silence('callee');
  assert.deepEqual(await refused(() => rooms.mutePublishedTrack(room, 'callee', sid, false)), [
    'failed_precondition',
    412,
    'twirp error unknown: remote unmute not enabled',
  ]);
  assert.deepEqual(await refused(() => rooms.mutePublishedTrack(room, 'callee', 'TR_none', true)), [
    'not_found',
    404,
    'twirp error unknown: track is not found',
  ]);
  await rooms.deleteRoom(room);
});

test('permission to publish goes and comes', async () => {
  const { room } = await talking();
  const permission = (canPublish) => ({ permission: { canPublish, canSubscribe: true, canPublishData: true } });
  const silent = await rooms.updateParticipant(room, 'callee', permission(false));
  assert.deepEqual([silent.tracks.length, silent.permission.canPublish], [0, false]);
  const again = await rooms.updateParticipant(room, 'callee', permission(true));
  assert.equal(again.tracks.length, 1);
  await (await listener(room)).hears('callee', 700);
  await rooms.deleteRoom(room);
});

test('a phone hears whom it is subscribed to', async () => {
  const { callee, room, watcher } = await talking();
  const track = await watcher.speaks(1100);
  await callee.hears(1100);
  await rooms.updateSubscriptions(room, 'callee', [track], false);
  await (await listener(room)).speaks(1700);
  await callee.hears(1700);
  await rooms.deleteRoom(room);
});

test('data goes to all or to some', async () => {
  const room = newRoom();
  const [one, two] = [await listener(room), await listener(room)];
  const send = (text, options) => rooms.sendData(room, new TextEncoder().encode(text), DataPacket_Kind.RELIABLE, options);
  await send('all', { topic: 't' });
  await send('two', { destinationIdentities: [two.identity] });
  await send('last', {});
  assert.deepEqual((await two.data(3)).map(({ text }) => text), ['all', 'two', 'last']);
  const got = await one.data(2);
  assert.deepEqual(got.map(({ text }) => text), ['all', 'last']);
  assert.deepEqual([got[0].from, got[0].topic], ['', 't']);
  const absent = await refused(() => rooms.sendData(newRoom(), new Uint8Array(1), DataPacket_Kind.RELIABLE, {}));
  assert.deepEqual(absent, ['not_found', 404, noRoom]);
});

test('a phone is moved to another room and its call goes on', async () => {
  const { callee, room, watcher } = await talking();
  const destination = newRoom();
  const agent = await listener(destination);
  await agent.speaks(1700);
  await rooms.moveParticipant(room, 'callee', destination);
  await agent.hears('callee', 700);
  await callee.hears(1700);
  assert.equal(await watcher.left('callee'), 8, 'MIGRATION');
  await rooms.removeParticipant(destination, 'callee');
  assert.equal(await agent.left('callee'), 4, 'PARTICIPANT_REMOVED');
});

test('a phone is forwarded to another room and stays in its own', async () => {
  const { room, watcher } = await talking();
  const destination = newRoom();
  const agent = await listener(destination);
  await rooms.forwardParticipant(room, 'callee', destination);
  await agent.hears('callee', 700);
  const { kindDetails } = await rooms.getParticipant(destination, 'callee');
  assert.deepEqual(kindDetails, [1], 'FORWARDED');
  const changed = await refused(() => rooms.updateParticipant(destination, 'callee', { metadata: 'x' }));
  assert.deepEqual(changed.slice(0, 2), ['failed_precondition', 412]);
  await rooms.removeParticipant(destination, 'callee');
  assert.equal(await agent.left('callee'), 4, 'PARTICIPANT_REMOVED');
  assert.equal((await watcher.sees('callee'))['sip.callStatus'], 'active');
});

test('nobody is found nowhere', async () => {
  const room = newRoom();
  for (const run of [
    () => rooms.getParticipant(room, 'nobody'),
    () => rooms.removeParticipant(room, 'nobody'),
    () => rooms.updateParticipant(room, 'nobody', { metadata: 'x' }),
    () => rooms.mutePublishedTrack(room, 'nobody', 'TR_x', true),
    () => rooms.updateSubscriptions(room, 'nobody', ['TR_x'], true),
    () => rooms.moveParticipant(room, 'nobody', newRoom()),
    () => rooms.forwardParticipant(room, 'nobody', newRoom()),
  ]) {
    assert.deepEqual(await refused(run), ['not_found', 404, nobody], `${run}`);
  }
  assert.deepEqual(await rooms.listParticipants(room), []);
  const same = await refused(() => rooms.moveParticipant(room, 'nobody', room));
  assert.deepEqual(same.slice(0, 2), ['invalid_argument', 400]);
  const impostor = new RoomServiceClient(process.env.LIVEKIT_URL, process.env.LIVEKIT_API_KEY, 'x'.repeat(40));
  assert.equal((await refused(() => impostor.listRooms()))[1], 401);
});
