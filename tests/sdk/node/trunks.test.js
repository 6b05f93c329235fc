// Outbound trunks: create, change, replace, list, delete.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  GetSIPOutboundTrunkRequest,
  GetSIPOutboundTrunkResponse,
  SIPHeaderOptions,
  SIPMediaEncryption,
  SIPOutboundTrunkInfo,
  SIPTransport,
} from '@livekit/protocol';
import { ServerError } from 'livekit-server-sdk';

import { ask, impostor, serverWith, sip, stranger, thrownBy, trunkTo } from './world.js';

test('a trunk comes back as it was created, with an id, and is found in the list', async () => {
  const made = await sip.createSipOutboundTrunk('carrier', 'sip.example.com:5080', ['+15105550100', '+15105550101'], {
    transport: SIPTransport.SIP_TRANSPORT_TCP,
    metadata: '{"team":"support"}',
    destinationCountry: 'US',
    authUsername: 'caller',
    authPassword: 'correct horse',
    headers: { 'X-Account': '42' },
    headersToAttributes: { 'X-Carrier': 'carrier.name' },
    includeHeaders: SIPHeaderOptions.SIP_X_HEADERS,
    media: { onlyListedCodecs: true, codecs: [{ name: 'PCMA', rate: 8000 }], mediaTimeout: { seconds: 20n } },
  });
  assert.match(made.sipTrunkId, /^ST_[2-9A-HJ-NP-Za-km-z]{12}$/);
  const [found] = await sip.listSipOutboundTrunk({ trunkIds: [made.sipTrunkId] });
  for (const trunk of [made, found]) {
    assert.equal(trunk.name, 'carrier');
    assert.equal(trunk.address, 'sip.example.com:5080');
    assert.deepEqual(trunk.numbers, ['+15105550100', '+15105550101']);
    assert.equal(trunk.transport, SIPTransport.SIP_TRANSPORT_TCP);
    assert.equal(trunk.metadata, '{"team":"support"}');
    assert.equal(trunk.destinationCountry, 'US');
    assert.equal(trunk.authUsername, 'caller');
    assert.equal(trunk.authPassword, 'correct horse');
    assert.deepEqual(trunk.headers, { 'X-Account': '42' });
    assert.deepEqual(trunk.headersToAttributes, { 'X-Carrier': 'carrier.name' });
    assert.equal(trunk.includeHeaders, SIPHeaderOptions.SIP_X_HEADERS);
    assert.equal(trunk.media.onlyListedCodecs, true);
    assert.equal(trunk.media.codecs[0].name, 'PCMA');
    assert.equal(trunk.media.codecs[0].rate, 8000);
    assert.equal(trunk.media.mediaTimeout.seconds, 20n);
  }
});

test('single fields of a trunk change and the others stay', async () => {
  const id = await trunkTo('sip.example.com');
  const changed = await sip.updateSipOutboundTrunkFields(id, {
    name: 'renamed',
    metadata: 'new',
    authUsername: 'other',
    authPassword: 'other password',
    destinationCountry: 'DE',
    numbers: { add: ['+15105550199'] },
    media: { encryption: SIPMediaEncryption.SIP_MEDIA_ENCRYPT_ALLOW },
  });
  assert.equal(changed.name, 'renamed');
  assert.equal(changed.metadata, 'new');
  assert.equal(changed.authUsername, 'other');
  assert.equal(changed.authPassword, 'other password');
  assert.equal(changed.destinationCountry, 'DE');
  assert.deepEqual(changed.numbers, ['+15105550100', '+15105550199']);
  assert.equal(changed.media.encryption, SIPMediaEncryption.SIP_MEDIA_ENCRYPT_ALLOW);
  assert.equal(changed.mediaEncryption, SIPMediaEncryption.SIP_MEDIA_ENCRYPT_ALLOW, 'the deprecated field follows');
  assert.equal(changed.address, 'sip.example.com', 'what was not named stays');

  const removed = await sip.updateSipOutboundTrunkFields(id, { numbers: { remove: ['+15105550100'] } });
  assert.deepEqual(removed.numbers, ['+15105550199']);
  const set = await sip.updateSipOutboundTrunkFields(id, { numbers: { set: ['+15105550155'] } });
  assert.deepEqual(set.numbers, ['+15105550155']);
  const error = await thrownBy(() => sip.updateSipOutboundTrunkFields(id, { numbers: { clear: true } }));
  assert.equal(error.code, 'invalid_argument', 'a trunk without numbers cannot call');
  assert.deepEqual((await sip.listSipOutboundTrunk({ trunkIds: [id] }))[0].numbers, ['+15105550155']);
});

test('a trunk is replaced whole', async () => {
  const id = await trunkTo('sip.example.com', ['+15105550100'], { transport: 0, metadata: 'old', headers: { 'X-A': 'b' } });
  const replaced = await sip.updateSipOutboundTrunk(
    id,
    new SIPOutboundTrunkInfo({ name: 'second', address: 'other.example.com', numbers: ['+15105550177'] }),
  );
  assert.equal(replaced.sipTrunkId, id);
  assert.equal(replaced.name, 'second');
  assert.equal(replaced.address, 'other.example.com');
  assert.deepEqual(replaced.numbers, ['+15105550177']);
  assert.equal(replaced.metadata, '', 'nothing of the old trunk is left');
  assert.deepEqual(replaced.headers, {});
  const [found] = await sip.listSipOutboundTrunk({ trunkIds: [id] });
  assert.equal(found.name, 'second');
});

test('lists are filtered by id and by number, and read in pages', async () => {
  const ids = [];
  for (let i = 0; i < 3; i += 1) ids.push(await trunkTo('sip.example.com', [`+1510555018${i}`]));
  ids.sort();
  const byNumber = await sip.listSipOutboundTrunk({ numbers: ['+15105550181'] });
  assert.equal(byNumber.length, 1);
  assert.deepEqual(byNumber[0].numbers, ['+15105550181']);
  const first = await sip.listSipOutboundTrunk({ trunkIds: ids, page: { limit: 2 } });
  assert.deepEqual(first.map((trunk) => trunk.sipTrunkId), ids.slice(0, 2));
  const rest = await sip.listSipOutboundTrunk({ trunkIds: ids, page: { afterId: first[1].sipTrunkId, limit: 2 } });
  assert.deepEqual(rest.map((trunk) => trunk.sipTrunkId), ids.slice(2));
  const reversed = await sip.listSipOutboundTrunk({ trunkIds: [...ids].reverse() });
  assert.deepEqual(reversed.map((trunk) => trunk.sipTrunkId), [...ids].reverse(), 'in the order of the ids asked for');
  const all = await sip.listSipOutboundTrunk();
  assert.ok(ids.every((id) => all.some((trunk) => trunk.sipTrunkId === id)));
  const legacy = await sip.listSipTrunk();
  const old = legacy.find((trunk) => trunk.sipTrunkId === byNumber[0].sipTrunkId);
  assert.equal(old.outboundAddress, 'sip.example.com');
  assert.equal(old.outboundNumber, '+15105550181', 'the deprecated list shows outbound trunks too');
});

test('a deleted trunk is gone', async () => {
  const id = await trunkTo('sip.example.com');
  const deleted = await sip.deleteSipTrunk(id);
  assert.equal(deleted.sipTrunkId, id);
  assert.deepEqual(await sip.listSipOutboundTrunk({ trunkIds: [id] }), []);
  const error = await thrownBy(() => sip.updateSipOutboundTrunkFields(id, { name: 'ghost' }));
  assert.ok(error instanceof ServerError);
  assert.equal(error.status, 404);
  assert.equal(error.code, 'not_found');
  assert.equal(error.message, 'requested sip trunk does not exist');
});

test('a trunk that breaks a rule is refused with the rule', async () => {
  const refused = [
    [() => sip.createSipOutboundTrunk('x', 'sip.example.com', []), 'no trunk numbers specified'],
    [() => sip.createSipOutboundTrunk('x', '', ['+1']), 'no outbound address specified'],
    [() => sip.createSipOutboundTrunk('x', 'sip:example.com', ['+1']), 'should be a hostname or IP, not SIP URI'],
    [() => sip.createSipOutboundTrunk('x', 'me@example.com', ['+1']), 'should be a hostname or IP, not SIP URI'],
    [() => sip.createSipOutboundTrunk('x', 'a.com;transport=tcp', ['+1']), 'should not contain transport parameter'],
    [() => trunkTo('a.com', ['+1'], { transport: 0, headers: { 'X-A': 'b\r\nFrom: <sip:evil@a.com>' } }), 'invalid header value'],
    [() => trunkTo('a.com', ['+1'], { transport: 0, headers: { From: '<sip:evil@a.com>' } }), 'header name From not supported'],
    [() => sip.updateSipOutboundTrunkFields('', { name: 'x' }), 'trunk id must be set'],
    [() => trunkTo('a.com', ['+1'], { transport: 0, headersToAttributes: { 'X A': 'b' } }), 'invalid header name'],
    [() => trunkTo('a.com', ['+1'], { transport: 0, media: { codecs: [{ name: 'a/b' }] } }), 'codec name'],
    [() => trunkTo('a.com', ['+1'], { transport: 0, media: { mediaTimeout: { seconds: 601n } } }), 'must not exceed 10m0s'],
    [() => trunkTo('a.com', ['+1'], { transport: 0, media: { mediaTimeout: { seconds: -1n } } }), 'must not be negative'],
  ];
  for (const [run, text] of refused) {
    const error = await thrownBy(run);
    assert.ok(error instanceof ServerError, `${text}: ${error}`);
    assert.equal(error.status, 400, text);
    assert.equal(error.code, 'invalid_argument', text);
    assert.ok(error.message.includes(text), `${error.message} should say: ${text}`);
  }
});

test('passwords are left out where the server is told to', async () => {
  const hiding = await serverWith({ api: { hide_passwords: true } });
  const options = { transport: 0, authUsername: 'caller', authPassword: 'correct horse' };
  const { sipTrunkId } = await hiding.createSipOutboundTrunk('x', 'sip.example.com', ['+15105550100'], options);
  const changed = await hiding.updateSipOutboundTrunkFields(sipTrunkId, { authPassword: 'battery staple' });
  const [found] = await hiding.listSipOutboundTrunk({ trunkIds: [sipTrunkId] });
  const [legacy] = await hiding.listSipTrunk();
  const one = new GetSIPOutboundTrunkRequest({ sipTrunkId });
  const answer = await ask('GetSIPOutboundTrunk', one, { admin: true }, hiding);
  const fetched = GetSIPOutboundTrunkResponse.fromJson(answer).trunk;
  for (const shown of [changed, found, fetched]) assert.deepEqual([shown.authUsername, shown.authPassword], ['caller', '']);
  assert.deepEqual([legacy.outboundUsername, legacy.outboundPassword], ['caller', '']);
});

test('whoever has not the key gets nothing', async () => {
  for (const client of [impostor, stranger]) {
    const error = await thrownBy(() => client.listSipOutboundTrunk());
    assert.equal(error.status, 401);
  }
});

test('what the current API has no more, or what is not built, is said and not guessed', async () => {
  const removed = await thrownBy(() => sip.createSipTrunk('+15105550100'));
  assert.equal(removed.status, 404);
  assert.equal(removed.code, 'bad_route');
  const inbound = await thrownBy(() => sip.createSipInboundTrunk('in', ['+15105550100']));
  assert.equal(inbound.status, 501);
  assert.equal(inbound.code, 'unimplemented');
});
