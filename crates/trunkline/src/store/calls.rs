//! Open calls: the identity of each call's dialog, so that after a crash nobody's phone keeps ringing unknown.

use rusqlite::{Row, params};

use super::{Store, StoreError};

/// What is needed to end a dialog that this server no longer remembers (RFC 3261 §12).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OpenCall {
    /// `SCL_...`.
    pub(crate) call_id: String,
    pub(crate) trunk_id: String,
    pub(crate) room_name: String,
    pub(crate) identity: String,
    /// The Call-ID header.
    pub(crate) sip_call_id: String,
    /// Our tag.
    pub(crate) local_tag: String,
    /// The phone's tag; empty before a response gave it.
    pub(crate) remote_tag: String,
    /// From and To, as printed, without tags.
    pub(crate) local_uri: String,
    pub(crate) remote_uri: String,
    /// The Request-URI of the INVITE.
    pub(crate) request_uri: String,
    /// `udp` or `tcp`.
    pub(crate) transport: String,
    /// `host:port`.
    pub(crate) destination: String,
    /// The highest CSeq in use.
    pub(crate) cseq: u32,
    /// Milliseconds since 1970.
    pub(crate) opened_at: i64,
}

impl Store {
    /// Writes a call down, before its INVITE is sent, and again when its dialog changes.
    pub(crate) async fn put_open_call(&self, call: OpenCall) -> Result<(), StoreError> {
        self.run(move |database| {
            let mut statement = database.connection.prepare_cached(
                "INSERT OR REPLACE INTO open_call (call_id, trunk_id, room_name, identity, sip_call_id, local_tag,
                 remote_tag, local_uri, remote_uri, request_uri, transport, destination, cseq, opened_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?;
            statement.execute(params![
                call.call_id,
                call.trunk_id,
                call.room_name,
                call.identity,
                call.sip_call_id,
                call.local_tag,
                call.remote_tag,
                call.local_uri,
                call.remote_uri,
                call.request_uri,
                call.transport,
                call.destination,
                call.cseq,
                call.opened_at,
            ])?;
            Ok(())
        })
        .await
    }

    /// Forgets a call that is over.
    pub(crate) async fn remove_open_call(&self, call_id: &str) -> Result<(), StoreError> {
        let call_id = call_id.to_owned();
        self.run(move |database| {
            database.connection.execute("DELETE FROM open_call WHERE call_id = ?1", [call_id])?;
            Ok(())
        })
        .await
    }

    /// What an earlier run left open.
    pub(crate) async fn open_calls(&self) -> Result<Vec<OpenCall>, StoreError> {
        self.run(|database| {
            let mut statement = database.connection.prepare("SELECT * FROM open_call ORDER BY opened_at")?;
            let calls = statement.query_map([], read)?;
            Ok(calls.collect::<Result<_, _>>()?)
        })
        .await
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<OpenCall> {
    Ok(OpenCall {
        call_id: row.get("call_id")?,
        trunk_id: row.get("trunk_id")?,
        room_name: row.get("room_name")?,
        identity: row.get("identity")?,
        sip_call_id: row.get("sip_call_id")?,
        local_tag: row.get("local_tag")?,
        remote_tag: row.get("remote_tag")?,
        local_uri: row.get("local_uri")?,
        remote_uri: row.get("remote_uri")?,
        request_uri: row.get("request_uri")?,
        transport: row.get("transport")?,
        destination: row.get("destination")?,
        cseq: row.get("cseq")?,
        opened_at: row.get("opened_at")?,
    })
}
