//! Tables, and how older ones become them. The version is SQLite's own `user_version`.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use super::{error::OpenError, seal::Seal};

/// One step per version, the first makes version 1. A step that was released never changes.
const STEPS: &[&str] = &["
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- name, address, numbers and auth_username are there to be read with sqlite3; info is the record (protobuf
-- livekit.SIPOutboundTrunkInfo without the password). Times are milliseconds since 1970.
CREATE TABLE outbound_trunk (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    numbers TEXT NOT NULL,
    auth_username TEXT NOT NULL,
    auth_password_sealed BLOB,
    info BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) WITHOUT ROWID;

-- One row from before the INVITE until the call is over: what is needed to end its dialog after a crash.
CREATE TABLE open_call (
    call_id TEXT PRIMARY KEY,
    trunk_id TEXT NOT NULL,
    room_name TEXT NOT NULL,
    identity TEXT NOT NULL,
    sip_call_id TEXT NOT NULL,
    local_tag TEXT NOT NULL,
    remote_tag TEXT NOT NULL,
    local_uri TEXT NOT NULL,
    remote_uri TEXT NOT NULL,
    request_uri TEXT NOT NULL,
    transport TEXT NOT NULL,
    destination TEXT NOT NULL,
    cseq INTEGER NOT NULL,
    opened_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE request (
    api_key TEXT NOT NULL,
    request_id TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    reply BLOB NOT NULL,
    answered_at INTEGER NOT NULL,
    PRIMARY KEY (api_key, request_id)
) WITHOUT ROWID;
CREATE INDEX request_age ON request (answered_at);
", "
-- One row from before the INVITE leaves until the call is over: what ends its dialog after a crash. Either the INVITE,
-- until it is answered, or the dialog. host is who was called; the password is sealed like a trunk's.
DROP TABLE open_call;
CREATE TABLE open_call (
    call_id TEXT PRIMARY KEY,
    trunk_id TEXT NOT NULL,
    room_name TEXT NOT NULL,
    identity TEXT NOT NULL,
    host TEXT NOT NULL,
    invite TEXT,
    sip_call_id TEXT,
    local TEXT,
    remote TEXT,
    cseq INTEGER,
    target TEXT,
    routes TEXT,
    transport TEXT NOT NULL,
    destination TEXT NOT NULL,
    auth_username TEXT NOT NULL,
    auth_password_sealed BLOB,
    opened_at INTEGER NOT NULL
) WITHOUT ROWID;
", "
-- Heads of the responses that began early dialogs, one behind the other as on a connection.
ALTER TABLE open_call ADD COLUMN early TEXT NOT NULL DEFAULT '';
"];

/// Makes the tables what this version knows. `path` is for the error.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let found = connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    let found = found.map_err(|error| OpenError::of(path, error))?;
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    let done = usize::try_from(found).unwrap_or(0);
    for (index, step) in STEPS.iter().enumerate().skip(done) {
        let version = i64::try_from(index + 1).unwrap_or(i64::MAX);
        take(connection, step, version).map_err(|error| OpenError::of(path, error))?;
    }
    Ok(())
}

fn take(connection: &mut Connection, step: &str, version: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(step)?;
    transaction.pragma_update(None, "user_version", version)?;
    transaction.commit()
}

/// Refuses a key that did not seal what is in the store; the first key leaves its mark.
pub(super) fn check_key(connection: &Connection, seal: &Seal, path: &Path) -> Result<(), OpenError> {
    const NAME: &str = "key_check";
    let mark: Option<Vec<u8>> = connection
        .query_row("SELECT value FROM setting WHERE name = ?1", [NAME], |row| row.get(0))
        .optional()
        .map_err(|error| OpenError::of(path, error))?;
    match mark {
        Some(mark) => seal.open(NAME, &mark).map(drop).ok_or(OpenError::WrongKey),
        None => {
            let mark = seal.close(NAME, "trunkline").ok_or(OpenError::NoRandomness)?;
            connection
                .execute("INSERT INTO setting (name, value) VALUES (?1, ?2)", params![NAME, mark])
                .map(drop)
                .map_err(|error| OpenError::of(path, error))
        }
    }
}
