use super::*;

fn call(method: &str, payload: &str) -> RpcCall {
    RpcCall { from: "agent".into(), id: "1".into(), method: method.into(), payload: payload.into() }
}

fn headers() -> Vec<(String, String)> {
    [("Via", "x"), ("X-Tenant", "blue"), ("Server", "phone")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .to_vec()
}

#[test]
fn end_call_takes_headers_for_the_bye() {
    let method = call(END_CALL, r#"{"headers":{"X-Reason":"done"}}"#).parse().unwrap();
    assert_eq!(method, Method::EndCall { headers: vec![("X-Reason".into(), "done".into())] });
    assert_eq!(call(END_CALL, "").parse().unwrap(), Method::EndCall { headers: vec![] });
}

#[test]
fn end_call_refuses_headers_that_would_break_the_message() {
    for payload in
        [r#"{"headers":{"X-A":"1\r\nVia: y"}}"#, r#"{"headers":{"Call-ID":"1"}}"#, r#"{"headers":[1]}"#, "[]"]
    {
        assert!(call(END_CALL, payload).parse().is_err(), "{payload}");
    }
}

#[test]
fn remote_headers_leave_the_protocols_own_out() {
    assert_eq!(
        remote_headers(&headers(), &[], &[]),
        json!({"headers": {"X-Tenant": "blue", "Server": "phone"}})
    );
    assert_eq!(
        remote_headers(&headers(), &["x-tenant".into()], &[]),
        json!({"headers": {"X-Tenant": "blue"}})
    );
    assert_eq!(remote_headers(&headers(), &[], &["server".into()]), json!({"headers": {"X-Tenant": "blue"}}));
}

#[test]
fn an_answer_goes_to_whoever_asked_acknowledged_first() {
    let [ack, response] = call(END_CALL, "").answer(Ok(json!({})));
    assert_eq!(ack.destination_identities, ["agent"]);
    assert!(matches!(ack.value, Some(data_packet::Value::RpcAck(_))));
    let Some(data_packet::Value::RpcResponse(response)) = response.value else { panic!("no response") };
    assert_eq!(response.value, Some(rpc_response::Value::Payload("{}".into())));
}

#[test]
fn a_method_nobody_has_is_told_so() {
    let fault = call("lk.other", "").parse().unwrap_err();
    assert_eq!(fault.code, UNSUPPORTED_METHOD);
}
