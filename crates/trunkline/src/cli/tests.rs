use clap::CommandFactory;

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn the_commands_of_the_documentation_parse() {
    for line in [
        "trunkline serve --dev",
        "trunkline serve --config trunkline.yaml",
        "trunkline sip outbound create trunk.json",
        "trunkline sip outbound create --name n --address a.test --numbers +1,+2 --auth-user u --auth-pass p --transport tcp",
        "trunkline sip out list --json",
        "trunkline sip outbound update --id ST_x --numbers +1",
        "trunkline sip outbound update trunk.json",
        "trunkline sip outbound delete ST_x ST_y",
        "trunkline sip participant create sip-participant.json",
        "trunkline sip participant create --url ws://a.test:7880 --api-key k --api-secret s -",
        "trunkline sip participant create --trunk ST_x --number +1 --call +2 --room r --identity i --wait --timeout 1m --header X-A:1",
    ] {
        if let Err(error) = Cli::try_parse_from(line.split(' ')) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn a_document_is_read_in_either_spelling_and_a_typing_error_is_told() {
    let description = &crate::api::json::sip::CREATE_SIP_PARTICIPANT_REQUEST;
    let read =
        |text: &str| input::message::<livekit_protocol::CreateSipParticipantRequest>(text, description);
    let snake = read(r#"{"sip_trunk_id": "ST_x", "ringing_timeout": "30s", "krisp_enabled": true}"#).unwrap();
    let camel = read(r#"{"sipTrunkId": "ST_x", "ringingTimeout": "30s", "krispEnabled": true}"#).unwrap();
    assert_eq!(snake, camel);
    let error = format!("{:#}", read(r#"{"sip_trunk": "ST_x"}"#).unwrap_err());
    assert!(error.contains("unknown field sip_trunk"), "{error}");
    let error = format!("{:#}", read(r#"{"media": {"codecs": [{"nam": "x"}]}}"#).unwrap_err());
    assert!(error.contains("unknown field media.codecs.nam"), "{error}");
    let error = format!("{:#}", read(r#"{"sip_trunk_id": 5}"#).unwrap_err());
    assert!(error.contains("livekit.CreateSIPParticipantRequest"), "{error}");
}

#[test]
fn a_table_is_as_wide_as_its_widest_cell() {
    let rows = [vec!["a".to_owned(), "grün".to_owned()], vec!["long".to_owned(), String::new()]];
    let drawn = table::draw(&["A", "B"], &rows);
    let expected = "┌──────┬──────┐\n│ A    │ B    │\n├──────┼──────┤\n│ a    │ grün │\n│ long │      │\n└──────┴──────┘\n";
    assert_eq!(drawn, expected);
}
