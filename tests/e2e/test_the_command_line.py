"""The project's own commands take the JSON and the environment that `lk` takes."""

import json


def test_a_trunk_is_created_listed_and_deleted(server, tmp_path):
    file = tmp_path / "trunk.json"
    trunk = {"name": "cli", "address": "sip.example.com", "numbers": ["+15105550100"], "auth_password": "hidden"}
    file.write_text(json.dumps({"trunk": trunk}))
    made = server.cli("sip", "outbound", "create", str(file))
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("SIPTrunkID: ST_")
    trunk_id = made.stdout.split()[1]
    listed = server.cli("sip", "outbound", "list")
    assert trunk_id in listed.stdout
    assert "hidden" not in listed.stdout
    assert server.cli("sip", "outbound", "delete", trunk_id).returncode == 0
    assert trunk_id not in server.cli("sip", "outbound", "list").stdout


def test_a_call_is_placed_from_the_documented_file(server, sipp, tmp_path):
    phone = sipp("refuse", code=486, reason="Busy Here")
    trunk = {"trunk": {"name": "cli", "address": phone.address, "numbers": ["+15105550100"]}}
    made = server.cli("sip", "outbound", "create", "-", input=json.dumps(trunk))
    file = tmp_path / "sip-participant.json"
    file.write_text(
        json.dumps(
            {
                "sip_trunk_id": made.stdout.split()[1],
                "sip_call_to": "+15105550123",
                "room_name": "my-sip-room",
                "participant_identity": "sip-test",
                "participant_name": "Test Caller",
                "krisp_enabled": True,
                "wait_until_answered": True,
            }
        )
    )
    called = server.cli("sip", "participant", "create", str(file))
    assert called.returncode == 1
    assert "SIPStatusCode: 486" in called.stdout
    assert "SIPStatus: Busy Here" in called.stdout
