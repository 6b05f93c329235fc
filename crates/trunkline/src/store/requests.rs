//! Requests that are answered once, by the id their client gave them.
//!
//! A request is written down before anything is done for it, with an empty reply; so one that a crash cut off is known
//! when its client sends it again.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Store, StoreError};

/// Requests remembered, about: the oldest beyond are forgotten, however young.
const MOST: i64 = 100_000;

/// What makes two requests the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RequestKey {
    /// Who asks.
    pub(crate) api_key: String,
    /// What the client calls its request.
    pub(crate) request_id: String,
    /// Tells a repetition from another request under the same id.
    pub(crate) body_hash: Vec<u8>,
}

/// What is known of a request that comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is new, and written down.
    New,
    /// It was answered.
    Answered(Vec<u8>),
    /// It was begun, and neither answered nor given up: the server went down meanwhile.
    CutOff,
}

impl Store {
    /// Writes a request down, at `now` in milliseconds since 1970, unless it is there since `since` or later; older ones
    /// are dropped.
    pub(crate) async fn claim_request(
        &self,
        key: RequestKey,
        since: i64,
        now: i64,
    ) -> Result<Claim, StoreError> {
        self.run(move |database| {
            let transaction = database.connection.transaction()?;
            transaction.execute("DELETE FROM request WHERE answered_at < ?1", [since])?;
            let claim = match recall(&transaction, &key)? {
                Some(reply) if reply.is_empty() => Claim::CutOff,
                Some(reply) => Claim::Answered(reply),
                None => {
                    write(&transaction, &key, &[], now)?;
                    Claim::New
                }
            };
            transaction.commit()?;
            database.requests_since_look += 1;
            if database.requests_since_look >= MOST / 10 {
                database.requests_since_look = 0;
                forget_oldest(&database.connection)?;
            }
            Ok(claim)
        })
        .await
    }

    /// Keeps the answer to a request; it is never empty.
    pub(crate) async fn answer_request(
        &self,
        key: RequestKey,
        reply: Vec<u8>,
        now: i64,
    ) -> Result<(), StoreError> {
        self.run(move |database| write(&database.connection, &key, &reply, now)).await
    }

    /// Forgets a request that came to nothing: it may be tried again.
    pub(crate) async fn forget_request(&self, key: RequestKey) -> Result<(), StoreError> {
        self.run(move |database| {
            let RequestKey { api_key, request_id, body_hash } = key;
            database.connection.execute(
                "DELETE FROM request WHERE api_key = ?1 AND request_id = ?2 AND body_hash = ?3",
                params![api_key, request_id, body_hash],
            )?;
            Ok(())
        })
        .await
    }
}

fn forget_oldest(connection: &Connection) -> Result<(), StoreError> {
    connection.execute(
        "DELETE FROM request WHERE answered_at <
         (SELECT answered_at FROM request ORDER BY answered_at DESC LIMIT 1 OFFSET ?1)",
        [MOST],
    )?;
    Ok(())
}

fn recall(connection: &Connection, key: &RequestKey) -> Result<Option<Vec<u8>>, StoreError> {
    let RequestKey { api_key, request_id, body_hash } = key;
    let reply = connection
        .query_row(
            "SELECT reply FROM request WHERE api_key = ?1 AND request_id = ?2 AND body_hash = ?3",
            params![api_key, request_id, body_hash],
            |row| row.get(0),
        )
        .optional()?;
    Ok(reply)
}

fn write(connection: &Connection, key: &RequestKey, reply: &[u8], now: i64) -> Result<(), StoreError> {
    let RequestKey { api_key, request_id, body_hash } = key;
    connection.execute(
        "INSERT OR REPLACE INTO request (api_key, request_id, body_hash, reply, answered_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![api_key, request_id, body_hash, reply, now],
    )?;
    Ok(())
}
