// Calls that are answered: every option of createSipParticipant, what it returns and what the phone is sent.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SIPHeaderOptions, SIPMediaEncryption } from '@livekit/protocol';

import { body, header, headers, listener, newRoom, phone, rooms, sip, trunkTo } from './world.js';

const CALLEE = '+15105550123';

test('a call with everything: name, metadata, attributes, headers, numbers, both directions of mapping', async () => {
  const callee = await phone('answer_until_bye');
  const room = newRoom();
  const trunk = await trunkTo(callee.address, ['+15105550100'], {
    transport: 1,
    headers: { 'X-Account': '42', 'X-Both': 'trunk' },
    headersToAttributes: { 'X-Carrier': 'carrier.name' },
  });
  const info = await sip.createSipParticipant(trunk, CALLEE, room, {
    fromNumber: '+15105550111',
    participantIdentity: 'callee',
    participantName: 'The Callee',
    displayName: 'Support Line',
    participantMetadata: '{"ticket":7}',
    participantAttributes: { ticket: '7', 'sip.trunkID': 'forged' },
    headers: { 'X-A': 'b', 'X-Both': 'request', 'P-Asserted-Identity': '<sip:+15105550111@127.0.0.1>' },
    includeHeaders: SIPHeaderOptions.SIP_X_HEADERS,
    ringingTimeout: 20,
    maxCallDuration: 60,
    krispEnabled: true,
    playDialtone: true,
    waitUntilAnswered: true,
  });

  assert.equal(info.participantIdentity, 'callee');
  assert.equal(info.roomName, room);
  assert.match(info.participantId, /^PA_/);
  assert.match(info.sipCallId, /^SCL_/);

  const invite = await callee.invite();
  assert.ok(invite.startsWith(`INVITE sip:${CALLEE}@${callee.address};transport=udp SIP/2.0`), invite);
  assert.ok(header(invite, 'From').startsWith('"Support Line" <sip:+15105550111@'));
  assert.equal(header(invite, 'To'), `<sip:${CALLEE}@${callee.address};transport=udp>`);
  assert.deepEqual(headers(invite, 'X-A'), ['b']);
  assert.deepEqual(headers(invite, 'X-Account'), ['42']);
  assert.deepEqual(headers(invite, 'X-Both'), ['request'], "the request's header wins over the trunk's");
  assert.deepEqual(headers(invite, 'P-Asserted-Identity'), ['<sip:+15105550111@127.0.0.1>']);

  const seen = await rooms.getParticipant(room, 'callee');
  assert.equal(seen.sid, info.participantId);
  assert.equal(seen.name, 'The Callee');
  assert.equal(seen.metadata, '{"ticket":7}');
  assert.equal(seen.attributes.ticket, '7');
  assert.equal(seen.attributes['sip.trunkID'], trunk, 'what the server says cannot be forged');
  assert.equal(seen.attributes['sip.callID'], info.sipCallId);
  assert.equal(seen.attributes['sip.callStatus'], 'active');
  assert.equal(seen.attributes['sip.phoneNumber'], CALLEE);
  assert.equal(seen.attributes['sip.trunkPhoneNumber'], '+15105550111');
  assert.equal(seen.attributes['sip.hostname'], callee.address);
  assert.equal(seen.attributes['sip.callIDFull'], header(invite, 'Call-ID'));
  assert.equal(seen.attributes['carrier.name'], 'stranger', 'a header of the answer became an attribute');
  assert.equal(seen.attributes['sip.h.x-carrier'], 'stranger');

  await rooms.removeParticipant(room, 'callee');
  assert.equal((await callee.requests('BYE')).length, 1);
  await callee.story();
});

test('the display name: not given, empty, given', async () => {
  const callee = await phone('refuse', { keys: { code: 486, reason: 'Busy Here' }, calls: 3 });
  const trunk = await trunkTo(callee.address);
  for (const displayName of [undefined, '', 'Dr. \\"Who\\"']) {
    const call = { displayName, participantIdentity: 'p', waitUntilAnswered: true };
    await assert.rejects(sip.createSipParticipant(trunk, CALLEE, newRoom(), call));
  }
  const [absent, empty, given] = (await callee.requests('INVITE', 3)).map((invite) => header(invite, 'From'));
  assert.ok(absent.startsWith('"+15105550100" <sip:+15105550100@'), absent);
  assert.ok(empty.startsWith('<sip:+15105550100@'), empty);
  assert.ok(given.startsWith('"Dr. \\"Who\\"" <sip:+15105550100@'), given);
});

test('the number to call from is one of the trunk, unless one is named', async () => {
  const callee = await phone('refuse', { keys: { code: 486, reason: 'Busy Here' }, calls: 2 });
  const trunk = await trunkTo(callee.address, ['*', '+15105550142']);
  for (const fromNumber of [undefined, '+15105550177']) {
    const call = { fromNumber, waitUntilAnswered: true };
    await assert.rejects(sip.createSipParticipant(trunk, CALLEE, newRoom(), call));
  }
  const [own, named] = (await callee.requests('INVITE', 2)).map((invite) => header(invite, 'From'));
  assert.match(own, /<sip:\+15105550142@/, 'the wildcard is no number');
  assert.match(named, /<sip:\+15105550177@/);
});

test('a hidden number shows nowhere in the room', async () => {
  const callee = await phone('answer_until_bye');
  const room = newRoom();
  const call = { participantIdentity: 'somebody', hidePhoneNumber: true, waitUntilAnswered: true };
  await sip.createSipParticipant(await trunkTo(callee.address), CALLEE, room, call);
  const seen = await rooms.getParticipant(room, 'somebody');
  for (const key of ['sip.phoneNumber', 'sip.trunkPhoneNumber', 'sip.hostname']) {
    assert.equal(seen.attributes[key], undefined, key);
  }
  assert.ok(!JSON.stringify(seen.attributes).includes(CALLEE.slice(1)));
  await rooms.deleteRoom(room);
  await callee.story();
});

test('a trunk can come with the call, with a password and with mappings', async () => {
  const callee = await phone('answer_after_challenge');
  const room = newRoom();
  await sip.createSipParticipant(
    '',
    CALLEE,
    room,
    { fromNumber: '+15105550100', participantIdentity: 'inline', participantAttributes: { why: 'test' }, waitUntilAnswered: true },
    {
      hostname: callee.address,
      transport: 1,
      authUsername: 'caller',
      authPassword: 'correct horse',
      attributesToHeaders: { why: 'X-Why' },
      destinationCountry: 'US',
      fromHost: 'pbx.example.com',
    },
  );
  const seen = await rooms.getParticipant(room, 'inline');
  assert.equal(seen.attributes['sip.trunkID'] ?? '', '', 'no stored trunk');
  const [first, second] = await callee.requests('INVITE', 2);
  assert.match(header(first, 'From'), /^"\+15105550100" <sip:\+15105550100@pbx\.example\.com/);
  assert.match(header(second, 'Authorization') ?? header(second, 'Proxy-Authorization'), /^Digest .*username="caller"/);
  await rooms.removeParticipant(room, 'inline');
  const [bye] = await callee.requests('BYE');
  assert.equal(header(bye, 'X-Why'), 'test', 'an attribute goes out as a header when the call ends');
  await callee.story();
});

test('digits are sent after the answer and before the call returns', async () => {
  const callee = await phone('baresip');
  const room = newRoom();
  const watcher = await listener(room);
  const call = { participantIdentity: 'menu', dtmf: '*123#ww456', waitUntilAnswered: true, ringingTimeout: 20 };
  await sip.createSipParticipant(await trunkTo(callee.address), CALLEE, room, call);
  assert.equal(await callee.digits(8), '*123#456');
  const statuses = await watcher.statuses('menu', 'active');
  assert.deepEqual(statuses.slice(-2), ['automation', 'active']);
  await rooms.deleteRoom(room);
});

test('the room hears a dial tone while the phone rings; who is removed while it rings is not called any more', async () => {
  const callee = await phone('ring_until_cancelled');
  const room = newRoom();
  const watcher = await listener(room);
  const call = { participantIdentity: 'ringing', playRingtone: true };
  const info = await sip.createSipParticipant(await trunkTo(callee.address), CALLEE, room, call);
  assert.match(info.sipCallId, /^SCL_/, 'without waiting, the call returns while the phone rings');
  await watcher.statuses('ringing', 'ringing');
  assert.ok(await watcher.hears('ringing', 425));
  await rooms.removeParticipant(room, 'ringing');
  assert.equal((await callee.requests('CANCEL')).length, 1);
  await callee.story();
});

test('a call ends when its longest duration is over', async () => {
  const callee = await phone('answer_until_bye');
  const room = newRoom();
  const watcher = await listener(room);
  const call = { participantIdentity: 'short', maxCallDuration: 2, waitUntilAnswered: true };
  await sip.createSipParticipant(await trunkTo(callee.address), CALLEE, room, call);
  await callee.story();
  assert.deepEqual((await watcher.statuses('short', 'hangup')).slice(-2), ['active', 'hangup']);
  assert.equal(await watcher.left('short'), 1, 'CLIENT_INITIATED');
});

test('the codecs that are asked for are the codecs that are offered', async () => {
  const callee = await phone('refuse', { keys: { code: 488, reason: 'Not Acceptable Here' }, calls: 3 });
  const trunk = await trunkTo(callee.address);
  for (const media of [
    undefined,
    { codecs: [{ name: 'PCMA', rate: 8000 }], mediaTimeout: { seconds: 30n } },
    { onlyListedCodecs: true, codecs: [{ name: 'pcma' }] },
  ]) {
    await assert.rejects(sip.createSipParticipant(trunk, CALLEE, newRoom(), { media, waitUntilAnswered: true }));
  }
  const offers = (await callee.requests('INVITE', 3)).map((invite) => /m=audio \d+ (\S+) (.*)/.exec(body(invite)));
  assert.deepEqual(offers.map((offer) => offer[1]), ['RTP/AVP', 'RTP/AVP', 'RTP/AVP']);
  assert.match(offers[0][2], /^0 8 \d+$/);
  assert.match(offers[1][2], /^8 0 \d+$/, 'listed codecs come first');
  assert.match(offers[2][2], /^8 \d+$/, 'and alone where only they are wanted');
});

// A trunk's options, a call's.
const REQUIRE = SIPMediaEncryption.SIP_MEDIA_ENCRYPT_REQUIRE;
const encrypted = {
  'by the call': [undefined, { media: { encryption: REQUIRE } }],
  'by the trunk': [{ media: { encryption: REQUIRE } }, {}],
  'by the trunk, deprecated': [{ mediaEncryption: REQUIRE }, {}],
};

for (const [by, [options, call]] of Object.entries(encrypted)) {
  test(`a call whose encryption is required, ${by}, is offered encrypted, and nothing else`, async () => {
    const callee = await phone('refuse', { keys: { code: 488, reason: 'Not Acceptable Here' } });
    const trunk = await trunkTo(callee.address, ['+15105550100'], options);
    await assert.rejects(sip.createSipParticipant(trunk, CALLEE, newRoom(), { ...call, waitUntilAnswered: true }));
    const offer = body(await callee.invite());
    assert.match(offer, /m=audio \d+ RTP\/SAVP /);
    assert.match(offer, /a=crypto:1 /);
    assert.doesNotMatch(offer, /RTP\/AVP /);
  });
}

const RINGS_FOR = { keys: { ring: 1500, contact: '[local_ip]:[local_port]' } };

test('a timeout below the ringing timeout cuts off no phone that rings', async () => {
  const callee = await phone('until_the_end', RINGS_FOR);
  const room = newRoom();
  const call = { participantIdentity: 'slow', waitUntilAnswered: true, timeout: 0.5 };
  await sip.createSipParticipant(await trunkTo(callee.address), CALLEE, room, call);
  assert.equal((await rooms.getParticipant(room, 'slow')).attributes['sip.callStatus'], 'active');
  await rooms.deleteRoom(room);
  await callee.story();
});

test('a call that is not waited for outlives the timeout of its request', async () => {
  const callee = await phone('until_the_end', RINGS_FOR);
  const room = newRoom();
  const watcher = await listener(room);
  const call = { participantIdentity: 'slow', timeout: 1 };
  await sip.createSipParticipant(await trunkTo(callee.address), CALLEE, room, call);
  assert.deepEqual((await watcher.statuses('slow', 'active')).slice(-2), ['ringing', 'active']);
  await rooms.deleteRoom(room);
  await callee.story();
});

test('two calls into one room under the default identity: the second takes the place of the first', async () => {
  const [first, second] = [await phone('answer_until_bye'), await phone('answer_until_bye')];
  const room = newRoom();
  const one = await sip.createSipParticipant(await trunkTo(first.address), CALLEE, room, { waitUntilAnswered: true });
  assert.equal(one.participantIdentity, 'sip-participant', 'the name this SDK gives');
  await sip.createSipParticipant(await trunkTo(second.address), CALLEE, room, { waitUntilAnswered: true });
  await first.story();
  await rooms.deleteRoom(room);
  await second.story();
});
