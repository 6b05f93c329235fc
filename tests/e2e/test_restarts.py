"""What must survive: trunks outlive a restart and a kill -9, and their passwords lie encrypted."""

from livekit import api

from harness.server import API_KEY, API_SECRET


async def create(server, name: str) -> str:
    client = api.LiveKitAPI(server.url, API_KEY, API_SECRET)
    try:
        made = await client.sip.create_outbound_trunk(
            api.CreateSIPOutboundTrunkRequest(
                trunk=api.SIPOutboundTrunkInfo(
                    name=name,
                    address="sip.example.com",
                    numbers=["+15105550100"],
                    auth_username="user",
                    auth_password="a-secret-nobody-may-read",
                )
            )
        )
        return made.sip_trunk_id
    finally:
        await client.aclose()


async def trunks(server) -> dict:
    client = api.LiveKitAPI(server.url, API_KEY, API_SECRET)
    try:
        answer = await client.sip.list_outbound_trunk(api.ListSIPOutboundTrunkRequest())
        return {item.sip_trunk_id: item for item in answer.items}
    finally:
        await client.aclose()


async def test_trunks_survive_a_restart(server):
    trunk = await create(server, "first")
    server.stop()
    server.start()
    kept = await trunks(server)
    assert kept[trunk].name == "first"
    assert kept[trunk].auth_password == "a-secret-nobody-may-read"
    assert kept[trunk].created_at.seconds > 0


async def test_trunks_survive_a_kill_right_after_the_answer(server):
    for round_number in range(5):
        trunk = await create(server, f"trunk {round_number}")
        server.kill()
        server.start()
        assert (await trunks(server))[trunk].name == f"trunk {round_number}"
    assert len(await trunks(server)) == 5


async def test_the_password_is_nowhere_in_the_data_or_the_log(server):
    await create(server, "secret")
    server.stop()
    secret = b"a-secret-nobody-may-read"
    for path in (server.folder / "data").rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes(), f"{path} holds the password"
    assert secret.decode() not in server.log()
    assert API_SECRET not in server.log()
