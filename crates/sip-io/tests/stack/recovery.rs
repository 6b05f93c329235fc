//! What is written down of a call, and what the next run of the program does with it.

use sip::{LegEvent, Transport};
use sip_io::{LostCall, PlaceError};

use crate::common::*;

#[tokio::test]
async fn a_call_left_behind_is_ended_by_the_next_run() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let (phone, mut incoming) = callee().await;
        let before = caller().await;
        let mut call = place(&before, phone.local_addr(), transport).await;
        let (mut leg, _) = taken(&mut incoming).await;
        assert_eq!(call.control().dialog().await, None, "there is nothing to end with BYE yet");
        leg.control().answer(Some("v=0\r\n".into())).await;
        until(&mut call, "200", |e| matches!(e, LegEvent::Answered { .. }).then_some(())).await;
        let dialog = call.control().dialog().await.expect("the call is up");
        let same_run = before.end_lost_call(LostCall::new(dialog.clone())).await;
        assert!(matches!(same_run, Err(PlaceError::Dial(sip::DialError::Duplicate))), "{same_run:?}");

        let after = caller().await;
        let mut lost = LostCall::new(dialog);
        lost.headers = vec![("Reason".into(), "SIP;cause=503".into())];
        let mut ending = soon("the BYE", after.end_lost_call(lost)).await.unwrap();
        let headers = until(&mut leg, "BYE", |event| match event {
            LegEvent::RemoteBye { headers } => Some(headers),
            _ => None,
        })
        .await;
        assert_eq!(headers.get_text("Reason"), Some("SIP;cause=503"));
        ended(&mut ending).await;
    }
}

#[tokio::test]
async fn a_call_left_ringing_is_cancelled_by_the_next_run_on_the_same_port() {
    let (phone, mut incoming) = callee().await;
    // A runtime of its own, to be killed: nothing of it runs, or says goodbye, after that.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let before = runtime.spawn(caller()).await.unwrap();
    let mut call = place(&before, phone.local_addr(), Transport::Udp).await;
    let (mut leg, _) = taken(&mut incoming).await;
    leg.control().provisional(sip::msg::StatusCode::RINGING, None).await;
    until(&mut call, "180", |e| matches!(e, LegEvent::Provisional { .. }).then_some(())).await;
    let ringing = call.control().unanswered().await.expect("it rings");
    let port = before.local_addr();
    runtime.shutdown_background();
    let mut same = config(sip::Inbound::Ignore);
    same.listen = port;
    let after = soon("the port", async {
        loop {
            match sip_io::Stack::bind(same.clone()).await {
                Ok((stack, _)) => return stack,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    let mut ending = soon("the CANCEL", after.end_lost_call(LostCall::ringing(ringing))).await.unwrap();
    until(&mut leg, "CANCEL", |e| matches!(e, LegEvent::Cancelled).then_some(())).await;
    until(&mut ending, "487", |e| matches!(e, LegEvent::Failed { .. } | LegEvent::Ended).then_some(())).await;
}
