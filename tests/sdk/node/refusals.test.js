// Calls that fail: what the SDK throws.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';

import { ServerError, SipCallError } from 'livekit-server-sdk';

import { impostor, listener, newRoom, phone, sip, thrownBy, trunkTo } from './world.js';

const CALLEE = '+15105550123';
const waiting = { participantIdentity: 'p', waitUntilAnswered: true };

// SIP code, reason, Twirp code, HTTP status, reason with which the participant leaves
const refusals = [
  [486, 'Busy Here', 'resource_exhausted', 429],
  [600, 'Busy Everywhere', 'resource_exhausted', 429],
  [603, 'Decline', 'permission_denied', 403],
  [403, 'Forbidden', 'permission_denied', 403],
  [404, 'Not Found', 'not_found', 404],
  [480, 'Temporarily Unavailable', 'resource_exhausted', 429],
  [408, 'Request Timeout', 'deadline_exceeded', 408],
  [484, 'Address Incomplete', 'invalid_argument', 400],
  [503, 'Service Unavailable', 'failed_precondition', 412],
];

for (const [code, reason, twirp, status] of refusals) {
  test(`a phone that says ${code} ${reason} throws a SipCallError that says so`, async () => {
    const callee = await phone('refuse', { keys: { code, reason } });
    const trunk = await trunkTo(callee.address);
    const error = await thrownBy(() => sip.createSipParticipant(trunk, CALLEE, newRoom(), { ...waiting }));
    assert.ok(error instanceof SipCallError, `${error}`);
    assert.equal(error.sipStatusCode, code);
    assert.equal(error.sipStatus, reason);
    assert.equal(error.code, twirp);
    assert.equal(error.status, status);
    assert.equal(error.message, `SIP call failed: ${code} ${reason} (${twirp})`);
    assert.ok(error.metadata.error_details);
    await callee.story();
  });
}

test('without waiting a busy phone is no error: the participant leaves, with the reason', async () => {
  const callee = await phone('refuse', { keys: { code: 486, reason: 'Busy Here' } });
  const room = newRoom();
  const watcher = await listener(room);
  await sip.createSipParticipant(await trunkTo(callee.address), CALLEE, room, { participantIdentity: 'busy' });
  assert.equal(await watcher.left('busy'), 12, 'USER_REJECTED');
});

test('nobody answers within the ringing timeout', async () => {
  const callee = await phone('ring_until_cancelled');
  const trunk = await trunkTo(callee.address);
  const started = performance.now();
  const error = await thrownBy(() => sip.createSipParticipant(trunk, CALLEE, newRoom(), { ...waiting, ringingTimeout: 2 }));
  assert.ok(performance.now() - started > 1900);
  assert.ok(error instanceof ServerError && !(error instanceof SipCallError), `${error}`);
  assert.equal(error.code, 'canceled');
  assert.equal(error.status, 408);
  assert.ok(error.message.includes('sip request timed out'), error.message);
  await callee.story();
});

test('a program that is killed while it waits takes its call with it', async () => {
  const callee = await phone('ring_until_cancelled');
  const trunk = await trunkTo(callee.address);
  const program = `
    import { SipClient } from 'livekit-server-sdk';
    const { LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET } = process.env;
    const sip = new SipClient(LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET);
    await sip.createSipParticipant('${trunk}', '${CALLEE}', '${newRoom()}', { waitUntilAnswered: true });
  `;
  const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { cwd: here });
  await callee.invite();
  child.kill('SIGKILL');
  assert.equal((await callee.requests('CANCEL')).length, 1);
  await callee.story();
});

test('the trunk does not exist', async () => {
  const error = await thrownBy(() => sip.createSipParticipant('ST_nothere', CALLEE, newRoom()));
  assert.ok(error instanceof ServerError && !(error instanceof SipCallError));
  assert.equal(error.status, 404);
  assert.equal(error.code, 'not_found');
  assert.equal(error.message, 'requested sip trunk does not exist');
});

test('a password is asked for and there is none, or the wrong one', async () => {
  const closed = await phone('refuse', { keys: { code: 401, reason: 'Unauthorized' } });
  const none = await trunkTo(closed.address);
  const missing = await thrownBy(() => sip.createSipParticipant(none, CALLEE, newRoom(), { ...waiting }));
  assert.ok(['failed_precondition', 'permission_denied'].includes(missing.code), `${missing.code}: ${missing.message}`);

  const strict = await phone('challenge_forever');
  const wrong = await trunkTo(strict.address, ['+15105550100'], { transport: 0, authUsername: 'caller', authPassword: 'wrong' });
  const error = await thrownBy(() => sip.createSipParticipant(wrong, CALLEE, newRoom(), { ...waiting }));
  assert.ok(error instanceof SipCallError, `${error}`);
  assert.equal(error.sipStatusCode, 401);
  assert.equal((await strict.requests('INVITE', 2)).length, 2, 'one try with the password, no more');
});

test('nothing listens where the trunk leads', async () => {
  const gone = await phone('refuse', { keys: { code: 486, reason: 'Busy Here' } });
  const [host, port] = gone.address.split(':');
  const trunk = await trunkTo(`${host}:${Number(port)}`, ['+15105550100'], { transport: 2 }); // it listens on UDP only
  const error = await thrownBy(() => sip.createSipParticipant(trunk, CALLEE, newRoom(), { ...waiting }));
  assert.equal(error.code, 'failed_precondition');
  assert.equal(error.status, 412);
});

test('a call that breaks a rule is refused with the rule, and nobody is called', async () => {
  const trunk = await trunkTo('127.0.0.1:9');
  const call = (options, to = CALLEE, room = newRoom(), id = trunk, inline = undefined) =>
    sip.createSipParticipant(id, to, room, options, inline);
  const long = 'x'.repeat(129);
  const refused = [
    [() => call({}, ''), 'missing sip callee number'],
    [() => call({}, 'sip:me@example.com'), 'not a full SIP URI'],
    [() => call({}, CALLEE, ''), 'missing room name'],
    [() => call({}, CALLEE, newRoom(), ''), 'missing sip trunk id'],
    [() => call({ displayName: long }), 'display_name'],
    [() => call({ displayName: 'a "b' }), 'display_name'],
    [() => call({ displayName: 'a\r\nTo: <sip:evil@a.com>' }), 'display_name'],
    [() => call({ headers: { 'X-A': 'b\r\nX-Evil: 1' } }), 'invalid header value'],
    [() => call({ headers: { 'X-A\r\nFrom': 'b' } }), 'invalid header name'],
    [() => call({ headers: { To: '<sip:evil@a.com>' } }), 'header name To not supported'],
    [() => call({ headers: { f: '<sip:evil@a.com>' } }), 'header name f not supported'],
    [() => call({ headers: { 'X-Long': 'x'.repeat(1025) } }), 'invalid header value'],
    [() => call({ headers: { ['X'.repeat(256)]: 'a' } }), 'invalid header name'],
    [() => call({ dtmf: '12x' }), 'dtmf'],
    [() => call({ media: { codecs: [{ name: 'no spaces' }] } }), 'codec name'],
    [() => call({ media: { mediaTimeout: { seconds: 601n } } }), 'must not exceed 10m0s'],
    [() => call({}, CALLEE, newRoom(), '', { hostname: 'sip:a.com' }), 'not SIP URI'],
    [() => call({ fromNumber: '+1' }, CALLEE, newRoom(), '', {}), 'hostname'],
    [() => call({ participantIdentity: 'x'.repeat(257) }), 'identity'],
  ];
  for (const [run, text] of refused) {
    const error = await thrownBy(run);
    assert.ok(error instanceof ServerError && !(error instanceof SipCallError), `${text}: ${error}`);
    assert.equal(error.code, 'invalid_argument', `${text}: ${error.message}`);
    assert.equal(error.status, 400, text);
    assert.ok(error.message.includes(text), `${error.message} should say: ${text}`);
  }
});

test('an inline trunk has no numbers: one has to be named', async () => {
  const call = () => sip.createSipParticipant('', CALLEE, newRoom(), {}, { hostname: '127.0.0.1:9' });
  const error = await thrownBy(call);
  assert.equal(error.code, 'failed_precondition');
  assert.equal(error.status, 412);
  assert.equal(error.message, 'twirp error unknown: no numbers on outbound trunk');
});

test('a wrong secret calls nobody', async () => {
  const error = await thrownBy(() => impostor.createSipParticipant('ST_any', CALLEE, newRoom()));
  assert.equal(error.status, 401);
});
