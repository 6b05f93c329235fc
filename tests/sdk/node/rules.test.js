// What a request and a trunk may say: every rule that can be broken, broken, and what just keeps to the rules.
// The files beside this folder are read by the suites of Python and Go too.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  CreateSIPOutboundTrunkRequest,
  CreateSIPParticipantRequest,
  GetSIPOutboundTrunkRequest,
  SIPOutboundTrunkInfo,
  SIPParticipantInfo,
  UpdateSIPOutboundTrunkRequest,
} from '@livekit/protocol';
import { ServerError, SipCallError } from 'livekit-server-sdk';

import { ask, newRoom, rooms, sip, stories, thrownBy, trunkTo } from './world.js';

const CALLEE = '+15105550123';
const PLAIN_TRUNK = { address: 'sip.example.com', numbers: ['+15105550100'] };
const STATUS = { invalid_argument: 400, not_found: 404, failed_precondition: 412 };

function isRefused(error, { code = 'invalid_argument', text }) {
  assert.ok(error instanceof ServerError && !(error instanceof SipCallError), `${error}`);
  assert.equal(error.code, code, error.message);
  assert.equal(error.status, STATUS[code]);
  assert.ok(error.message.includes(text), `${error.message} should say: ${text}`);
}

// Not every field is an option of createSipParticipant.
for (const { story, request, ...refused } of stories('refused.json')) {
  test(`a call that breaks a rule is refused with the rule: ${story}`, async () => {
    const plain = { sip_trunk_id: await trunkTo('127.0.0.1:9'), sip_call_to: CALLEE, room_name: 'refused' };
    const whole = CreateSIPParticipantRequest.fromJson({ ...plain, ...request });
    isRefused(await thrownBy(() => ask('CreateSIPParticipant', whole, { call: true })), refused);
  });
}

for (const { story, request } of stories('accepted.json')) {
  test(`a call that just keeps to the rules is placed: ${story}`, async () => {
    const plain = { sip_trunk_id: await trunkTo('127.0.0.1:9'), sip_call_to: CALLEE, room_name: newRoom() };
    const whole = CreateSIPParticipantRequest.fromJson({ ...plain, ...request });
    const info = SIPParticipantInfo.fromJson(await ask('CreateSIPParticipant', whole, { call: true }));
    assert.equal(info.roomName, whole.roomName);
    assert.equal(info.participantIdentity, whole.participantIdentity || `sip_${CALLEE}`);
    assert.match(info.sipCallId, /^SCL_/);
    await rooms.deleteRoom(whole.roomName);
  });
}

/** Does what a story of refused_trunks.json does. */
async function toldOfATrunk({ create, change, get, delete: deleted }) {
  const admin = { admin: true };
  if (create !== undefined) {
    const request = create === null ? {} : { trunk: { ...PLAIN_TRUNK, ...create } };
    return ask('CreateSIPOutboundTrunk', CreateSIPOutboundTrunkRequest.fromJson(request), admin);
  }
  if (get !== undefined) {
    return ask('GetSIPOutboundTrunk', new GetSIPOutboundTrunkRequest({ sipTrunkId: get }), admin);
  }
  if (deleted !== undefined) return sip.deleteSipTrunk(deleted);
  const request = { sip_trunk_id: await trunkTo('sip.example.com'), ...change };
  return ask('UpdateSIPOutboundTrunk', UpdateSIPOutboundTrunkRequest.fromJson(request), admin);
}

for (const { story, ...told } of stories('refused_trunks.json')) {
  test(`a trunk that breaks a rule is refused with the rule: ${story}`, async () => {
    isRefused(await thrownBy(() => toldOfATrunk(told)), told);
  });
}

for (const { story, trunk } of stories('accepted_trunks.json')) {
  test(`a trunk that just keeps to the rules comes back as it was created: ${story}`, async () => {
    const asked = SIPOutboundTrunkInfo.fromJson({ ...PLAIN_TRUNK, ...trunk });
    const request = new CreateSIPOutboundTrunkRequest({ trunk: asked });
    const made = SIPOutboundTrunkInfo.fromJson(await ask('CreateSIPOutboundTrunk', request, { admin: true }));
    const given = { sipTrunkId: made.sipTrunkId, createdAt: made.createdAt, updatedAt: made.updatedAt };
    assert.deepEqual(made, new SIPOutboundTrunkInfo({ ...asked, ...given }));
  });
}

test('a header that the protocol writes is set by no trunk and no call', async () => {
  const trunk = await trunkTo('127.0.0.1:9');
  for (const name of stories('reserved_headers.json')) {
    const refused = { text: `invalid header name: header name ${name} not supported` };
    const headers = { [name]: 'x' };
    isRefused(await thrownBy(() => trunkTo('a.com', ['+1'], { transport: 0, headers })), refused);
    isRefused(await thrownBy(() => sip.createSipParticipant(trunk, CALLEE, newRoom(), { headers })), refused);
  }
});
