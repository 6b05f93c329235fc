use std::os::unix::fs::PermissionsExt;

use livekit_protocol::SipOutboundTrunkInfo;
use tempfile::TempDir;

use super::*;

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
        store.put_open_call(OpenCall { call_id: format!("SCL_{n}"), ..OpenCall::default() }).await.unwrap();
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
    let call = OpenCall {
        call_id: "SCL_1".to_owned(),
        sip_call_id: "abc".to_owned(),
        transport: "udp".to_owned(),
        cseq: 2,
        opened_at: 5,
        ..OpenCall::default()
    };
    store.put_open_call(call.clone()).await.unwrap();
    drop(store);
    let store = reopen(directory.path(), None);
    assert_eq!(store.open_calls().await.unwrap(), std::slice::from_ref(&call));
    let answered = OpenCall { remote_tag: "tag".to_owned(), ..call };
    store.put_open_call(answered.clone()).await.unwrap();
    assert_eq!(store.open_calls().await.unwrap(), [answered]);
    store.remove_open_call("SCL_1").await.unwrap();
    assert_eq!(store.open_calls().await.unwrap(), []);
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
