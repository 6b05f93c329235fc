use std::os::unix::fs::PermissionsExt;

use call::plan::Credentials;
use livekit_protocol::SipOutboundTrunkInfo;
use sip::{Destination, DialogState, InviteState, LostState, Transport};
use tempfile::TempDir;

use super::*;
use crate::eventually::eventually;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn trunk(id: &str, password: &str) -> SipOutboundTrunkInfo {
    SipOutboundTrunkInfo {
        sip_trunk_id: id.to_owned(),
        name: "a name".to_owned(),
        address: "sip.example.com".to_owned(),
        numbers: vec!["+1".to_owned(), "+2".to_owned()],
        auth_username: "user".to_owned(),
        auth_password: password.to_owned(),
        created_at: Some(pbjson_types::Timestamp { seconds: 1_700_000_000, nanos: 5_000_000 }),
        ..Default::default()
    }
}

fn hop(transport: Transport) -> Destination {
    Destination::new(transport, "192.0.2.7:5060".parse().unwrap())
}

fn early() -> Vec<String> {
    let head = |tag: &str| format!("SIP/2.0 180 Ringing\r\nTo: <sip:+1@sip.example.com>;tag={tag}\r\n\r\n");
    vec![head("one"), head("two")]
}

fn ringing(call_id: &str) -> OpenCall {
    let head = "INVITE sip:+1@sip.example.com SIP/2.0\r\n\r\n".to_owned();
    OpenCall {
        call_id: call_id.to_owned(),
        trunk_id: "ST_1".to_owned(),
        room_name: "room".to_owned(),
        identity: "phone".to_owned(),
        host: "sip.example.com".to_owned(),
        state: LostState::Ringing(InviteState { head, destination: hop(Transport::Tcp), early: early() }),
        credentials: Some(Credentials { username: "user".to_owned(), password: "hunter2hunter2".to_owned() }),
        opened_at: 5,
    }
}

fn up(call_id: &str) -> OpenCall {
    let dialog = DialogState {
        call_id: "abc".to_owned(),
        local: "<sip:+2@192.0.2.1>;tag=l".to_owned(),
        remote: "<sip:+1@sip.example.com>;tag=r".to_owned(),
        number: 2,
        target: "sip:bob@192.0.2.9".to_owned(),
        routes: vec!["<sip:192.0.2.3;lr>".to_owned(), "<sip:192.0.2.4;lr>".to_owned()],
        destination: hop(Transport::Udp),
    };
    OpenCall { state: LostState::Up(dialog), ..ringing(call_id) }
}

/// Opens once the thread of an earlier handle has let the directory go.
fn reopen(directory: &Path, key: Option<&str>) -> Store {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
    loop {
        match Store::open(directory, key) {
            Ok(store) => return store,
            Err(OpenError::InUse { .. }) if std::time::Instant::now() < until => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Waits until the thread of an earlier handle has closed the database.
fn let_go(directory: &Path) {
    let lock = std::fs::File::open(directory.join("lock")).unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while lock.try_lock().is_err() {
        assert!(std::time::Instant::now() < until, "it is never closed");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn a_trunk_survives_a_restart_with_its_password() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path(), None).unwrap();
    store.put_trunk(trunk("ST_1", "pässword")).await.unwrap();
    drop(store);
    let store = reopen(directory.path(), None);
    assert_eq!(store.trunk("ST_1").await.unwrap(), Some(trunk("ST_1", "pässword")));
    assert_eq!(store.trunk("ST_2").await.unwrap(), None);
}

#[tokio::test]
async fn what_was_confirmed_is_on_disk_while_the_store_still_runs() {
    // A copy of the files at this very moment is what a kill would leave behind.
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path(), Some(KEY)).unwrap();
    for n in 0..20 {
        store.put_trunk(trunk(&format!("ST_{n:02}"), "p")).await.unwrap();
        store.put_open_call(ringing(&format!("SCL_{n:02}"))).await.unwrap();
        let copy = TempDir::new().unwrap();
        for file in std::fs::read_dir(directory.path()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
        let after_kill = Store::open(copy.path(), Some(KEY)).unwrap();
        assert_eq!(after_kill.trunks("").await.unwrap().len(), n + 1);
        assert_eq!(after_kill.open_calls().await.unwrap().len(), n + 1);
    }
}

#[tokio::test]
async fn no_password_is_in_any_file() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path(), None).unwrap();
    store.put_trunk(trunk("ST_1", "correct horse battery")).await.unwrap();
    let credentials =
        Credentials { username: "user".to_owned(), password: "correct horse battery".to_owned() };
    store.put_open_call(OpenCall { credentials: Some(credentials), ..ringing("SCL_1") }).await.unwrap();
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let path = file.unwrap().path();
        let content = std::fs::read(&path).unwrap();
        let found = content.windows(13).any(|window| window == b"correct horse");
        assert!(!found, "{}", path.display());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn the_directory_is_made_for_its_owner_only() {
    let parent = TempDir::new().unwrap();
    let directory = parent.path().join("a/b");
    let _store = Store::open(&directory, None).unwrap();
    assert_eq!(std::fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn another_key_is_told_at_once() {
    let directory = TempDir::new().unwrap();
    drop(Store::open(directory.path(), None).unwrap());
    drop(reopen(directory.path(), None));
    let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
    let error = loop {
        match Store::open(directory.path(), Some(KEY)) {
            Err(OpenError::InUse { .. }) if std::time::Instant::now() < until => std::thread::yield_now(),
            other => break other.err().expect("the wrong key opens nothing"),
        }
    };
    assert!(matches!(error, OpenError::WrongKey), "{error}");
    let other = TempDir::new().unwrap();
    for key in ["", "abc", "zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"] {
        assert!(matches!(Store::open(other.path(), Some(key)), Err(OpenError::BadKey)), "{key}");
    }
}

#[tokio::test]
async fn two_servers_cannot_share_a_directory() {
    let directory = TempDir::new().unwrap();
    let _store = Store::open(directory.path(), None).unwrap();
    let error = Store::open(directory.path(), None).err().expect("in use");
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
}

#[tokio::test]
async fn a_newer_store_is_left_alone() {
    let directory = TempDir::new().unwrap();
    let database = directory.path().join("trunkline.db");
    Connection::open(&database).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = Store::open(directory.path(), None).err().expect("newer");
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_store_is_told_with_its_path_and_left_as_it_is() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path(), None).unwrap();
    for n in 0..200 {
        store.put_trunk(trunk(&format!("ST_{n:03}"), "p")).await.unwrap();
    }
    drop(store);
    drop(reopen(directory.path(), None));
    let_go(directory.path());
    let database = directory.path().join("trunkline.db");
    let whole = std::fs::read(&database).unwrap();
    assert!(whole.len() > 12 * 4096, "there are pages to damage: {}", whole.len());
    let mut bitten = whole.clone();
    bitten[4096 * 4..4096 * 12].fill(0xa5);
    for damaged in [b"this is no database".repeat(1000), whole[..whole.len() / 2].to_vec(), bitten] {
        std::fs::write(&database, &damaged).unwrap();
        let error = loop {
            match Store::open(directory.path(), None) {
                Err(OpenError::InUse { .. }) => std::thread::yield_now(),
                other => break other.err().expect("it is damaged"),
            }
        };
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("trunkline.db"), "{error}");
    }
}

#[tokio::test]
async fn a_full_disk_fails_what_would_write_and_nothing_else() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path(), None).unwrap();
    store.put_trunk(trunk("ST_1", "p")).await.unwrap();
    let room_for = |pages: i64| {
        store.run(move |database| {
            let pages =
                database.connection.pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0))?
                    + pages;
            database.connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
            Ok(())
        })
    };
    room_for(0).await.unwrap();
    let mut full = None;
    for n in 0..1000 {
        if let Err(error) = store.put_open_call(ringing(&format!("SCL_{n}"))).await {
            full = Some(error);
            break;
        }
    }
    assert!(matches!(full, Some(StoreError::Unwritable(ref error)) if error.contains("full")), "{full:?}");
    assert_eq!(store.trunk("ST_1").await.unwrap(), Some(trunk("ST_1", "p")));
    store.check().await.unwrap();
    room_for(100).await.unwrap();
    store.put_open_call(ringing("SCL_again")).await.unwrap();
}

#[tokio::test]
async fn trunks_are_listed_by_id_and_from_an_id_on() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path(), None).unwrap();
    for id in ["ST_c", "ST_a", "ST_b"] {
        store.put_trunk(trunk(id, "")).await.unwrap();
    }
    let ids =
        |trunks: Vec<SipOutboundTrunkInfo>| trunks.into_iter().map(|t| t.sip_trunk_id).collect::<Vec<_>>();
    assert_eq!(ids(store.trunks("").await.unwrap()), ["ST_a", "ST_b", "ST_c"]);
    assert_eq!(ids(store.trunks("ST_a").await.unwrap()), ["ST_b", "ST_c"]);
    assert!(store.delete_trunk("ST_b").await.unwrap());
    assert!(!store.delete_trunk("ST_b").await.unwrap());
    assert_eq!(ids(store.trunks("").await.unwrap()), ["ST_a", "ST_c"]);
}

#[tokio::test]
async fn updates_at_the_same_time_lose_nothing() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path(), None).unwrap();
    store.put_trunk(SipOutboundTrunkInfo { numbers: vec![], ..trunk("ST_1", "p") }).await.unwrap();
    let updates = (0..50).map(|n| {
        let store = store.clone();
        async move {
            let add = move |mut trunk: SipOutboundTrunkInfo| {
                trunk.numbers.push(format!("+{n}"));
                Ok::<_, ()>(trunk)
            };
            store.update_trunk("ST_1", add).await.unwrap().unwrap().unwrap();
        }
    });
    futures_util::future::join_all(updates).await;
    let stored = store.trunk("ST_1").await.unwrap().unwrap();
    assert_eq!((stored.numbers.len(), stored.auth_password.as_str()), (50, "p"));
}

#[tokio::test]
async fn an_update_that_is_refused_changes_nothing() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path(), None).unwrap();
    store.put_trunk(trunk("ST_1", "")).await.unwrap();
    let refused = store.update_trunk("ST_1", |_| Err("no")).await.unwrap();
    assert_eq!(refused, Some(Err("no")));
    assert_eq!(store.trunk("ST_1").await.unwrap(), Some(trunk("ST_1", "")));
    assert_eq!(store.update_trunk("ST_2", Ok::<_, ()>).await.unwrap(), None);
}

#[tokio::test]
async fn open_calls_are_known_until_they_are_over() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path(), None).unwrap();
    let call = ringing("SCL_1");
    store.put_open_call(call.clone()).await.unwrap();
    drop(store);
    let store = reopen(directory.path(), None);
    assert_eq!(store.open_calls().await.unwrap(), [call]);
    store.put_open_call(up("SCL_1")).await.unwrap();
    assert_eq!(store.open_calls().await.unwrap(), [up("SCL_1")]);
    store.remove_open_call("SCL_1").await.unwrap();
    assert_eq!(store.open_calls().await.unwrap(), []);
}

#[tokio::test]
async fn a_call_that_the_version_before_left_open_is_known_after_the_upgrade() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path(), None).unwrap();
    store.put_open_call(up("SCL_1")).await.unwrap();
    drop(store);
    let_go(directory.path());
    let connection = Connection::open(directory.path().join("trunkline.db")).unwrap();
    connection.execute_batch("ALTER TABLE open_call DROP COLUMN early; PRAGMA user_version = 2").unwrap();
    drop(connection);
    let store = reopen(directory.path(), None);
    assert_eq!(store.open_calls().await.unwrap(), [up("SCL_1")]);
}

fn request(api_key: &str, request_id: &str, hash: u8) -> RequestKey {
    RequestKey { api_key: api_key.into(), request_id: request_id.into(), body_hash: vec![hash] }
}

#[tokio::test]
async fn a_request_is_known_again_only_when_it_is_the_same_and_not_too_old() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path(), None).unwrap();
    let key = request("key", "id", 1);
    assert_eq!(store.claim_request(key.clone(), 0, 1000).await.unwrap(), Claim::New);
    store.answer_request(key.clone(), b"reply".to_vec(), 1000).await.unwrap();
    assert_eq!(
        store.claim_request(key.clone(), 1000, 1001).await.unwrap(),
        Claim::Answered(b"reply".to_vec())
    );
    for other in [request("other", "id", 1), request("key", "other", 1), request("key", "id", 2)] {
        assert_eq!(store.claim_request(other, 1000, 1001).await.unwrap(), Claim::New);
    }
    assert_eq!(store.claim_request(key, 1002, 1003).await.unwrap(), Claim::New, "too old");
}

#[tokio::test]
async fn a_request_that_was_cut_off_is_known_and_one_that_came_to_nothing_is_not() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path(), None).unwrap();
    let key = request("key", "id", 1);
    assert_eq!(store.claim_request(key.clone(), 0, 1000).await.unwrap(), Claim::New);
    assert_eq!(store.claim_request(key.clone(), 0, 1001).await.unwrap(), Claim::CutOff);
    store.forget_request(key.clone()).await.unwrap();
    assert_eq!(store.claim_request(key, 0, 1002).await.unwrap(), Claim::New);
}

#[tokio::test]
async fn a_damaged_call_is_forgotten_and_the_others_are_not() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path(), None).unwrap();
    for id in ["SCL_1", "SCL_2", "SCL_3"] {
        store.put_open_call(up(id)).await.unwrap();
    }
    let damage = store.run(|database| {
        database.connection.execute("UPDATE open_call SET destination = 'x' WHERE call_id = 'SCL_1'", [])?;
        database
            .connection
            .execute("UPDATE open_call SET auth_password_sealed = x'00' WHERE call_id = 'SCL_2'", [])?;
        Ok(())
    });
    damage.await.unwrap();
    assert_eq!(store.open_calls().await.unwrap(), [up("SCL_3")]);
    let left = store.run(|database| {
        Ok(database.connection.query_row("SELECT count(*) FROM open_call", [], |row| row.get::<_, i64>(0))?)
    });
    assert_eq!(left.await.unwrap(), 1);
}

/// Measured where it is cheap to: `cargo test -p trunkline commit -- --nocapture`.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_a_small_part_of_a_calls_set_up() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path(), None).unwrap();
    let mut times = Vec::new();
    for n in 0..2_000 {
        let call = if n % 2 == 0 { ringing("SCL_1") } else { up("SCL_1") };
        let began = std::time::Instant::now();
        store.put_open_call(call).await.unwrap();
        times.push(began.elapsed());
    }
    times.sort();
    let (median, most) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("commit of a call: p50 {median:?}, p99 {most:?}");
    assert!(median < std::time::Duration::from_millis(2), "p50 {median:?}");
}

#[tokio::test]
async fn an_operation_that_panics_takes_nothing_with_it() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path(), None).unwrap();
    let halfway = store.run(|database| -> Result<(), StoreError> {
        let transaction = database.connection.transaction()?;
        transaction.execute("DELETE FROM setting", [])?;
        panic!("a bug, by intention of this test");
    });
    assert!(matches!(halfway.await, Err(StoreError::Failed)));
    let settings = store.run(|database| {
        Ok(database.connection.query_row("SELECT count(*) FROM setting", [], |row| row.get::<_, i64>(0))?)
    });
    assert!(settings.await.unwrap() > 0, "what the operation had begun is undone");
    store.check().await.unwrap();
    assert!(matches!(Store::ended().check().await, Err(StoreError::Closed)));
}

#[tokio::test]
async fn there_are_only_so_many_trunks_and_one_that_is_deleted_makes_room() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path(), None).unwrap();
    store.put_trunk(trunk("ST_a", "")).await.unwrap();
    let fill = "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
        INSERT INTO outbound_trunk SELECT 'ST_' || i, '', '', '', '', NULL, x'', 0, 0 FROM n";
    store.run(move |database| Ok(database.connection.execute(fill, [])?)).await.unwrap();
    let refused = store.put_trunk(trunk("ST_b", "")).await;
    assert!(matches!(refused, Err(StoreError::TooManyTrunks { most: 10_000 })), "{refused:?}");
    store.put_trunk(trunk("ST_a", "new")).await.expect("those that are there can be changed");
    let bound = |held| Bound { what: "trunks", held, most: 10_000, refused: 1 };
    assert_eq!(store.bounds()[1], bound(10_000));
    assert!(store.delete_trunk("ST_2").await.unwrap());
    assert_eq!(store.bounds()[1], bound(9_999));
    store.put_trunk(trunk("ST_b", "")).await.unwrap();
    drop(store);
    assert_eq!(reopen(directory.path(), None).bounds()[1], Bound { refused: 0, ..bound(10_000) });
}

#[tokio::test]
async fn a_store_with_a_full_queue_says_that_it_is_busy_and_loses_nothing_of_it() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path(), None).unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (begun, has_begun) = oneshot::channel();
    let slow = store.clone();
    let slow = tokio::spawn(async move {
        let operation = move |_: &mut Database| {
            begun.send(()).unwrap();
            held.recv().unwrap();
            Ok(())
        };
        slow.run(operation).await
    });
    has_begun.await.unwrap();
    let waiting: Vec<_> = (0..QUEUE)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.put_open_call(ringing(&format!("SCL_{n:04}"))).await })
        })
        .collect();
    eventually("the queue is full", async || store.bounds()[0].held == QUEUE).await;
    assert!(matches!(store.check().await, Err(StoreError::Busy)));
    assert_eq!(store.bounds()[0], Bound { what: "store_queue", held: QUEUE, most: QUEUE, refused: 1 });
    release.send(()).unwrap();
    slow.await.unwrap().unwrap();
    for operation in waiting {
        operation.await.unwrap().unwrap();
    }
    assert_eq!(store.open_calls().await.unwrap().len(), QUEUE);
}
