//! Trunks, rooms and calls through the API.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_trunk_is_created_shown_changed_and_deleted() {
    let bench = Bench::new().await;
    let trunk = json!({"trunk": {"name": "n", "address": "a.test", "numbers": ["+1"], "auth_username": "u", "auth_password": "p"}});
    let created = bench.call("livekit.SIP/CreateSIPOutboundTrunk", &trunk).await.json();
    let id = created["sip_trunk_id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("ST_") && id.len() == 15, "{id}");
    assert!(created["created_at"].as_str().unwrap().ends_with('Z'), "{created}");
    let by_id = json!({"sip_trunk_id": id});
    let got = bench.call("livekit.SIP/GetSIPOutboundTrunk", &by_id).await.json();
    assert_eq!(got["trunk"], created, "with its password, as LiveKit has it");
    let update = json!({"sip_trunk_id": id, "update": {"numbers": {"add": ["+2"]}, "name": "new"}});
    let updated = bench.call("livekit.SIP/UpdateSIPOutboundTrunk", &update).await.json();
    assert_eq!((&updated["numbers"], &updated["name"]), (&json!(["+1", "+2"]), &json!("new")));
    assert_eq!(updated["created_at"], created["created_at"]);
    let wrong = json!({"sip_trunk_id": id, "update": {"numbers": {"clear": true}}});
    let refused = bench.call("livekit.SIP/UpdateSIPOutboundTrunk", &wrong).await;
    assert_eq!((refused.status.as_u16(), refused.json()["code"].as_str()), (400, Some("invalid_argument")));
    let old = bench.call("livekit.SIP/ListSIPTrunk", &json!({})).await.json();
    assert_eq!(old["items"][0]["kind"], "TRUNK_OUTBOUND");
    assert_eq!(bench.call("livekit.SIP/DeleteSIPTrunk", &by_id).await.json()["sip_trunk_id"], json!(id));
    assert_eq!(bench.call("livekit.SIP/GetSIPOutboundTrunk", &by_id).await.status, 404);
    assert_eq!(bench.call("livekit.SIP/UpdateSIPOutboundTrunk", &update).await.status, 404);
}

#[tokio::test]
async fn lists_are_filtered_ordered_and_paged() {
    let bench = Bench::new().await;
    let mut ids = Vec::new();
    for number in ["+1", "+2", "+3"] {
        let trunk = json!({"trunk": {"address": "a.test", "numbers": [number]}});
        let created = bench.call("livekit.SIP/CreateSIPOutboundTrunk", &trunk).await.json();
        ids.push(created["sip_trunk_id"].as_str().unwrap().to_owned());
    }
    let list = async |request: Value| {
        let answer = bench.call("livekit.SIP/ListSIPOutboundTrunk", &request).await.json();
        let items = answer["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["sip_trunk_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut sorted = ids.clone();
    sorted.sort();
    assert_eq!(list(json!({})).await, sorted);
    assert_eq!(list(json!({"page": {}})).await, sorted);
    assert_eq!(list(json!({"page": {"limit": 2}})).await, sorted[..2]);
    assert_eq!(list(json!({"page": {"after_id": sorted[0], "limit": 1}})).await, sorted[1..2]);
    assert_eq!(list(json!({"numbers": ["+2"]})).await, ids[1..2]);
    assert_eq!(
        list(json!({"trunk_ids": [sorted[2], "ST_none", sorted[0]]})).await,
        [sorted[2].clone(), sorted[0].clone()]
    );
}

#[tokio::test]
async fn passwords_are_left_out_when_the_configuration_says_so() {
    let bench = Bench::with(|config| config.api.hide_passwords = true).await;
    let trunk = json!({"trunk": {"address": "a.test", "numbers": ["+1"], "auth_username": "u", "auth_password": "p"}});
    bench.call("livekit.SIP/CreateSIPOutboundTrunk", &trunk).await;
    let listed = bench.call("livekit.SIP/ListSIPOutboundTrunk", &json!({})).await.json();
    assert_eq!(
        (&listed["items"][0]["auth_username"], &listed["items"][0]["auth_password"]),
        (&json!("u"), &json!(""))
    );
}

#[tokio::test]
async fn a_call_is_placed_and_its_repetition_gets_the_same_answer() {
    let bench = Bench::new().await;
    let body = json!({"sip_trunk_id": bench.trunk().await, "sip_call_to": "+15550100", "room_name": "twirp",
        "participant_identity": "sip-test", "wait_until_answered": true});
    let place = async |id: &str| {
        let request = Request::post("/twirp/livekit.SIP/CreateSIPParticipant")
            .header("authorization", format!("Bearer {}", token(&everything())))
            .header("content-type", "application/json;charset=UTF-8")
            .header("x-livekit-request-id", id)
            .body(Body::from(body.to_string()));
        bench.send(request.unwrap()).await
    };
    let (answer, meanwhile) = tokio::join!(place("first"), place("first"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(meanwhile.json(), answer.json(), "also when the first is not answered yet");
    let first = answer.json();
    assert!(first["participant_id"].as_str().unwrap().starts_with("PA_"), "{first}");
    assert!(first["sip_call_id"].as_str().unwrap().starts_with("SCL_"), "{first}");
    assert_eq!((&first["participant_identity"], &first["room_name"]), (&json!("sip-test"), &json!("twirp")));
    assert_eq!(place("first").await.json(), first);
    assert_ne!(place("second").await.json()["sip_call_id"], first["sip_call_id"]);
}

#[tokio::test]
async fn a_request_sent_again_while_the_phone_rings_takes_the_call_over_and_nobody_is_called_twice() {
    let bench = Bench::new().await;
    let book = peers::phone::PhoneBook::default();
    let later = book.entries.iter().find(|entry| entry.about.contains("never")).unwrap();
    let body = json!({"sip_trunk_id": bench.trunk().await, "sip_call_to": later.number, "room_name": "twirp",
        "participant_identity": "sip-test", "wait_until_answered": true, "ringing_timeout": "5s"});
    let place = || {
        let request = Request::post("/twirp/livekit.SIP/CreateSIPParticipant")
            .header("authorization", format!("Bearer {}", token(&everything())))
            .header("content-type", "application/json")
            .header("x-livekit-request-id", "broken")
            .body(Body::from(body.to_string()));
        bench.send(request.unwrap())
    };
    {
        let mut first = std::pin::pin!(place());
        let there = async || bench.state.calls.active() == 1;
        tokio::select! {
            answer = &mut first => panic!("answered: {}", answer.text()),
            () = eventually("the call is placed", there) => {}
        }
    }
    let (one, other) = tokio::join!(place(), place());
    let expected = json!({"code": "canceled", "msg": "twirp error unknown: sip request timed out"});
    assert_eq!((one.json(), other.json()), (expected.clone(), expected));
    let metrics = String::from_utf8(bench.state.metrics.text()).unwrap();
    let invites = metrics.lines().find(|line| line.starts_with("livekit_sip_invite_requests_raw"));
    assert!(invites.is_some_and(|line| line.ends_with(" 1")), "{invites:?}");
}

#[tokio::test]
async fn a_phone_that_is_not_answered_ends_by_whichever_limit_comes_first() {
    let bench = Bench::new().await;
    let book = peers::phone::PhoneBook::default();
    let never = book.entries.iter().find(|entry| entry.about.contains("never")).unwrap();
    let mut body = json!({"sip_trunk_id": bench.trunk().await, "sip_call_to": never.number, "room_name": "twirp",
        "wait_until_answered": true, "ringing_timeout": "0.4s"});
    let answer = bench.call("livekit.SIP/CreateSIPParticipant", &body).await;
    let expected = json!({"code": "canceled", "msg": "twirp error unknown: sip request timed out"});
    assert_eq!((answer.status.as_u16(), answer.json()), (408, expected));
    body["ringing_timeout"] = json!("30s");
    let request = Request::post("/twirp/livekit.SIP/CreateSIPParticipant")
        .header("authorization", format!("Bearer {}", token(&everything())))
        .header("content-type", "application/json")
        .header("x-twirp-timeout-ms", "400")
        .body(Body::from(body.to_string()));
    let answer = bench.send(request.unwrap()).await;
    let expected = json!({"code": "deadline_exceeded", "msg": "twirp error unknown: request timed out"});
    assert_eq!((answer.status.as_u16(), answer.json()), (408, expected));
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_ringing_call_with_it() {
    let bench = Bench::new().await;
    let book = peers::phone::PhoneBook::default();
    let never = book.entries.iter().find(|entry| entry.about.contains("never")).unwrap();
    let body = json!({"sip_trunk_id": bench.trunk().await, "sip_call_to": never.number, "room_name": "twirp",
        "participant_identity": "gone", "wait_until_answered": true});
    let list = json!({"room": "twirp"});
    {
        let call = bench.call("livekit.SIP/CreateSIPParticipant", &body);
        let mut call = std::pin::pin!(call);
        let there = async || bench.state.calls.active() == 1;
        tokio::select! {
            answer = &mut call => panic!("answered: {}", answer.text()),
            () = eventually("the call is placed", there) => {}
        }
    }
    eventually("the call is gone", async || bench.state.calls.active() == 0).await;
    // A join that was under way is taken back by the room's next sweep.
    eventually("the participant is gone", async || {
        let participants = bench.call("livekit.RoomService/ListParticipants", &list).await.json();
        participants == json!({"participants": []})
    })
    .await;
}

#[tokio::test]
async fn rooms_are_created_listed_and_deleted() {
    let bench = Bench::new().await;
    let room = bench
        .call("livekit.RoomService/CreateRoom", &json!({"name": "twirp2", "empty_timeout": 10}))
        .await
        .json();
    assert!(room["sid"].as_str().unwrap().starts_with("RM_"), "{room}");
    assert_eq!((&room["empty_timeout"], &room["departure_timeout"]), (&json!(10), &json!(20)));
    assert!(room["creation_time"].is_string() && room["version"].is_null(), "{room}");
    let again = bench
        .call("livekit.RoomService/CreateRoom", &json!({"name": "twirp2", "metadata": "m"}))
        .await
        .json();
    assert_eq!((&again["sid"], &again["empty_timeout"]), (&room["sid"], &json!(10)));
    let listed =
        bench.call("livekit.RoomService/ListRooms", &json!({"names": ["twirp2", "nope"]})).await.json();
    assert_eq!(listed["rooms"].as_array().unwrap().len(), 1);
    let deleted = bench.call("livekit.RoomService/DeleteRoom", &json!({"room": "twirp2"})).await;
    assert_eq!((deleted.status.as_u16(), deleted.text()), (200, "{}"));
    let unnamed = bench.call("livekit.RoomService/CreateRoom", &json!({})).await;
    assert_eq!(unnamed.status, 400);
}

#[tokio::test]
async fn a_large_body_is_refused() {
    let bench = Bench::with(|config| config.limit.max_api_request_body_size = 100).await;
    let answer = bench.call("livekit.SIP/ListSIPOutboundTrunk", &json!({"numbers": ["1".repeat(100)]})).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (413, "request body too large"));
}

#[tokio::test]
async fn what_is_not_built_says_so() {
    let bench = Bench::new().await;
    for method in [
        "Egress/ListEgress",
        "Ingress/CreateIngress",
        "AgentDispatchService/ListDispatch",
        "SIP/ListSIPInboundTrunk",
    ] {
        let answer = bench.call(&format!("livekit.{method}"), &json!({})).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["code"].as_str()),
            (501, Some("unimplemented")),
            "{method}"
        );
    }
    let unknown = bench.call("livekit.Egress/Nope", &json!({})).await;
    assert_eq!((unknown.status.as_u16(), unknown.json()["code"].as_str()), (404, Some("bad_route")));
}
