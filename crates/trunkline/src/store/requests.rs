//! Requests that were answered, by the id their client gave them.

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError};

impl Store {
    /// Keeps the answer to a request. `body_hash` tells a repetition from another request under the same id.
    pub(crate) async fn remember_request(
        &self,
        api_key: String,
        request_id: String,
        body_hash: Vec<u8>,
        reply: Vec<u8>,
        answered_at: i64,
    ) -> Result<(), StoreError> {
        self.run(move |database| {
            database.connection.execute(
                "INSERT OR REPLACE INTO request (api_key, request_id, body_hash, reply, answered_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![api_key, request_id, body_hash, reply, answered_at],
            )?;
            Ok(())
        })
        .await
    }

    /// The answer to the same request, when it was given at `since` or later; older ones are dropped.
    pub(crate) async fn recall_request(
        &self,
        api_key: String,
        request_id: String,
        body_hash: Vec<u8>,
        since: i64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.run(move |database| {
            database.connection.execute("DELETE FROM request WHERE answered_at < ?1", [since])?;
            let reply = database
                .connection
                .query_row(
                    "SELECT reply FROM request WHERE api_key = ?1 AND request_id = ?2 AND body_hash = ?3",
                    params![api_key, request_id, body_hash],
                    |row| row.get(0),
                )
                .optional()?;
            Ok(reply)
        })
        .await
    }
}
