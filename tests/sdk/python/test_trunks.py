"""Outbound trunks: create, change, replace, list, delete."""

import re

import pytest
from conftest import ask
from livekit import api
from livekit.protocol.models import ListUpdate, Pagination
from livekit.protocol.sip import (
    GetSIPOutboundTrunkRequest,
    GetSIPOutboundTrunkResponse,
    ListSIPOutboundTrunkRequest,
    SIPCodec,
    SIPHeaderOptions,
    SIPMediaConfig,
    SIPMediaEncryption,
)


async def listed(livekit, **filters) -> list:
    return list((await livekit.sip.list_outbound_trunk(ListSIPOutboundTrunkRequest(**filters))).items)


async def test_a_trunk_comes_back_as_it_was_created(livekit):
    asked = api.SIPOutboundTrunkInfo(
        name="carrier",
        metadata="m",
        address="sip.example.com:5080",
        transport=api.SIPTransport.SIP_TRANSPORT_TCP,
        numbers=["+15105550100", "+15105550101"],
        auth_username="caller",
        auth_password="correct horse",
        headers={"X-Account": "42"},
        headers_to_attributes={"X-Carrier": "carrier.name"},
        attributes_to_headers={"ticket": "X-Ticket"},
        include_headers=SIPHeaderOptions.SIP_ALL_HEADERS,
        destination_country="US",
        from_host="pbx.example.com",
        media=SIPMediaConfig(only_listed_codecs=True, codecs=[SIPCodec(name="PCMA", rate=8000)]),
    )
    made = await livekit.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=asked))
    assert re.fullmatch("ST_[2-9A-HJ-NP-Za-km-z]{12}", made.sip_trunk_id)
    assert made.created_at.seconds > 0 and made.updated_at.seconds > 0
    [found] = await listed(livekit, trunk_ids=[made.sip_trunk_id])
    one = GetSIPOutboundTrunkRequest(sip_trunk_id=made.sip_trunk_id)
    fetched = (await ask(livekit, "GetSIPOutboundTrunk", one, GetSIPOutboundTrunkResponse)).trunk
    for trunk in (made, found, fetched):
        for given in ("sip_trunk_id", "created_at", "updated_at"):
            trunk.ClearField(given)
        assert trunk == asked


async def test_single_fields_change_and_the_others_stay(livekit, trunk_to):
    trunk = await trunk_to("sip.example.com", metadata="kept", headers={"X-A": "b"})
    changed = await livekit.sip.update_outbound_trunk_fields(
        trunk,
        address="other.example.com",
        transport=api.SIPTransport.SIP_TRANSPORT_UDP,
        numbers=ListUpdate(add=["+15105550199", "+15105550100"], remove=["+15105550100"]),
        auth_username="other",
        auth_password="other password",
        name="renamed",
        media=SIPMediaConfig(encryption=SIPMediaEncryption.SIP_MEDIA_ENCRYPT_ALLOW),
    )
    assert changed.address == "other.example.com"
    assert changed.transport == api.SIPTransport.SIP_TRANSPORT_UDP
    assert list(changed.numbers) == ["+15105550199", "+15105550100"], "removed first, then added"
    assert (changed.auth_username, changed.auth_password) == ("other", "other password")
    assert changed.name == "renamed"
    assert changed.metadata == "kept"
    assert changed.headers == {"X-A": "b"}
    assert changed.media_encryption == SIPMediaEncryption.SIP_MEDIA_ENCRYPT_ALLOW, "the deprecated field follows"
    assert (await listed(livekit, trunk_ids=[trunk]))[0] == changed


async def test_a_list_that_is_set_is_set(livekit, trunk_to):
    trunk = await trunk_to("sip.example.com")
    changed = await livekit.sip.update_outbound_trunk_fields(trunk, numbers=["+15105550155"])
    assert list(changed.numbers) == ["+15105550155"]
    for wrong in (ListUpdate(), ListUpdate(set=["+1"], add=["+2"]), ListUpdate(add=[""])):
        with pytest.raises(api.ServerError) as raised:
            await livekit.sip.update_outbound_trunk_fields(trunk, numbers=wrong)
        assert (raised.value.code, raised.value.status) == ("invalid_argument", 400)


async def test_a_trunk_is_replaced_whole(livekit, trunk_to):
    trunk = await trunk_to("sip.example.com", metadata="old")
    second = api.SIPOutboundTrunkInfo(name="second", address="other.example.com", numbers=["+15105550177"])
    replaced = await livekit.sip.update_outbound_trunk(trunk, second)
    assert replaced.sip_trunk_id == trunk
    assert (replaced.name, replaced.address, replaced.metadata) == ("second", "other.example.com", "")
    with pytest.raises(api.ServerError) as raised:
        second.sip_trunk_id = "ST_another"
        await livekit.sip.update_outbound_trunk(trunk, second)
    assert raised.value.code == "invalid_argument"


async def test_lists_are_filtered_and_paged(livekit, trunk_to):
    ids = sorted([await trunk_to("sip.example.com", numbers=[f"+1510555019{i}"]) for i in range(3)])
    [one] = await listed(livekit, numbers=["+15105550191"])
    assert list(one.numbers) == ["+15105550191"]
    first = await listed(livekit, trunk_ids=ids, page=Pagination(limit=2))
    assert [trunk.sip_trunk_id for trunk in first] == ids[:2]
    rest = await listed(livekit, trunk_ids=ids, page=Pagination(after_id=ids[1], limit=2))
    assert [trunk.sip_trunk_id for trunk in rest] == ids[2:]
    assert await listed(livekit, trunk_ids=["ST_nothere"]) == []


async def test_a_deleted_trunk_is_gone(livekit, trunk_to):
    trunk = await trunk_to("sip.example.com")
    deleted = await livekit.sip.delete_trunk(api.DeleteSIPTrunkRequest(sip_trunk_id=trunk))
    assert deleted.sip_trunk_id == trunk
    assert await listed(livekit, trunk_ids=[trunk]) == []
    with pytest.raises(api.ServerError) as raised:
        await livekit.sip.update_outbound_trunk_fields(trunk, name="ghost")
    assert (raised.value.code, raised.value.status) == ("not_found", 404)
    assert raised.value.message == "requested sip trunk does not exist"


async def test_passwords_are_left_out_where_the_server_is_told_to(world):
    hiding = await world.post("/servers", api={"hide_passwords": True})
    client = api.LiveKitAPI(hiding["url"])
    try:
        trunk = api.SIPOutboundTrunkInfo(
            address="sip.example.com", numbers=["+15105550100"], auth_username="caller", auth_password="correct horse"
        )
        made = await client.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=trunk))
        changed = await client.sip.update_outbound_trunk_fields(made.sip_trunk_id, auth_password="battery staple")
        [found] = await listed(client, trunk_ids=[made.sip_trunk_id])
        one = GetSIPOutboundTrunkRequest(sip_trunk_id=made.sip_trunk_id)
        fetched = (await ask(client, "GetSIPOutboundTrunk", one, GetSIPOutboundTrunkResponse)).trunk
        for shown in (changed, found, fetched):
            assert (shown.auth_username, shown.auth_password) == ("caller", "")
    finally:
        await client.aclose()


async def test_whoever_has_not_the_key_gets_nothing():
    for key, secret in (("nobody", "x" * 32), ("e2e-key", "not-the-secret-of-this-key-at-all")):
        client = api.LiveKitAPI(api_key=key, api_secret=secret)
        with pytest.raises(api.ServerError) as raised:
            await client.sip.list_outbound_trunk(ListSIPOutboundTrunkRequest())
        assert raised.value.status == 401
        await client.aclose()


async def test_inbound_trunks_and_rules_are_not_built_and_say_so(livekit):
    trunk = api.SIPInboundTrunkInfo(name="in", numbers=["+15105550100"])
    with pytest.raises(api.ServerError) as raised:
        await livekit.sip.create_inbound_trunk(api.CreateSIPInboundTrunkRequest(trunk=trunk))
    assert (raised.value.code, raised.value.status) == ("unimplemented", 501)
