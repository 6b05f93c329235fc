//! Open calls: what ends the dialog of each, so that after a crash nobody's phone keeps ringing or talking to nobody.

use std::net::SocketAddr;

use call::plan::Credentials;
use rusqlite::{Row, params};
use sip::{Destination, DialogState, InviteState, LostState, Transport};

use super::{Database, Store, StoreError};

/// What each head ends with.
const END_OF_HEAD: &str = "\r\n\r\n";

/// What is needed to end a call that this server no longer remembers (RFC 3261 §9.1, §15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenCall {
    /// `SCL_...`.
    pub(crate) call_id: String,
    pub(crate) trunk_id: String,
    pub(crate) room_name: String,
    pub(crate) identity: String,
    /// The host that was called, for the peer's certificate.
    pub(crate) host: String,
    /// Its INVITE or its dialog.
    pub(crate) state: LostState,
    /// What a challenge is answered with.
    pub(crate) credentials: Option<Credentials>,
    /// Milliseconds since 1970.
    pub(crate) opened_at: i64,
}

impl Store {
    /// Writes a call down before its INVITE leaves and before its answer is acknowledged, and again when its dialog
    /// changes.
    pub(crate) async fn put_open_call(&self, call: OpenCall) -> Result<(), StoreError> {
        self.run(move |database| put(database, &call)).await
    }

    /// Forgets a call that is over.
    pub(crate) async fn remove_open_call(&self, call_id: &str) -> Result<(), StoreError> {
        let call_id = call_id.to_owned();
        self.run(move |database| {
            let mut statement =
                database.connection.prepare_cached("DELETE FROM open_call WHERE call_id = ?1")?;
            statement.execute([call_id])?;
            Ok(())
        })
        .await
    }

    /// What an earlier run left open. A call whose record is damaged is left out, and forgotten.
    pub(crate) async fn open_calls(&self) -> Result<Vec<OpenCall>, StoreError> {
        self.run(|database| {
            let mut damaged = Vec::new();
            let mut calls = Vec::new();
            {
                let mut statement =
                    database.connection.prepare("SELECT * FROM open_call ORDER BY opened_at, call_id")?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    let id: String = row.get("call_id")?;
                    match read(database, row)? {
                        Some(call) => calls.push(call),
                        None => damaged.push(id),
                    }
                }
            }
            for id in damaged {
                tracing::warn!(callID = %id, "the record of a call of an earlier run is damaged: it is not ended");
                database.connection.execute("DELETE FROM open_call WHERE call_id = ?1", [id])?;
            }
            Ok(calls)
        })
        .await
    }
}

fn put(database: &Database, call: &OpenCall) -> Result<(), StoreError> {
    let (dialog, invite, destination) = match &call.state {
        LostState::Up(dialog) => (Some(dialog), None, dialog.destination),
        LostState::Ringing(invite) => (None, Some(invite), invite.destination),
    };
    let user = call.credentials.as_ref().map_or("", |credentials| credentials.username.as_str());
    let password = call.credentials.as_ref().map_or("", |credentials| credentials.password.as_str());
    let sealed = match password {
        "" => None,
        plain => {
            let sealed = database.seal.close(&call.call_id, plain);
            Some(sealed.ok_or_else(|| StoreError::Seal(call.trunk_id.clone()))?)
        }
    };
    let mut statement = database.connection.prepare_cached(
        "INSERT OR REPLACE INTO open_call (call_id, trunk_id, room_name, identity, host, invite, sip_call_id, local,
         remote, cseq, target, routes, transport, destination, auth_username, auth_password_sealed, opened_at, early)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
    )?;
    statement.execute(params![
        call.call_id,
        call.trunk_id,
        call.room_name,
        call.identity,
        call.host,
        invite.map(|invite| invite.head.as_str()),
        dialog.map(|dialog| dialog.call_id.as_str()),
        dialog.map(|dialog| dialog.local.as_str()),
        dialog.map(|dialog| dialog.remote.as_str()),
        dialog.map(|dialog| dialog.number),
        dialog.map(|dialog| dialog.target.as_str()),
        dialog.map(|dialog| dialog.routes.join("\n")),
        destination.transport.as_uri_param(),
        destination.addr.to_string(),
        user,
        sealed,
        call.opened_at,
        invite.map(|invite| invite.early.concat()).unwrap_or_default(),
    ])?;
    Ok(())
}

/// `None` for a record that makes no sense, whoever wrote it.
fn read(database: &Database, row: &Row<'_>) -> Result<Option<OpenCall>, StoreError> {
    let call_id: String = row.get("call_id")?;
    let (Some(state), Some(credentials)) = (read_state(row)?, read_credentials(database, &call_id, row)?)
    else {
        return Ok(None);
    };
    Ok(Some(OpenCall {
        trunk_id: row.get("trunk_id")?,
        room_name: row.get("room_name")?,
        identity: row.get("identity")?,
        host: row.get("host")?,
        state,
        credentials,
        opened_at: row.get("opened_at")?,
        call_id,
    }))
}

fn read_state(row: &Row<'_>) -> Result<Option<LostState>, StoreError> {
    let transport: String = row.get("transport")?;
    let address: String = row.get("destination")?;
    let (Some(transport), Ok(address)) = (Transport::from_token(&transport), address.parse::<SocketAddr>())
    else {
        return Ok(None);
    };
    let destination = Destination::new(transport, address);
    let invite: Option<String> = row.get("invite")?;
    if let Some(head) = invite {
        let early: String = row.get("early")?;
        let early = early.split_inclusive(END_OF_HEAD).map(str::to_owned).collect();
        return Ok(Some(LostState::Ringing(InviteState { head, destination, early })));
    }
    let routes: String = row.get("routes")?;
    Ok(Some(LostState::Up(DialogState {
        call_id: row.get("sip_call_id")?,
        local: row.get("local")?,
        remote: row.get("remote")?,
        number: row.get("cseq")?,
        target: row.get("target")?,
        routes: routes.lines().map(str::to_owned).collect(),
        destination,
    })))
}

/// The outer `None`: the password cannot be opened.
type Opened = Option<Option<Credentials>>;

fn read_credentials(database: &Database, call_id: &str, row: &Row<'_>) -> Result<Opened, StoreError> {
    let username: String = row.get("auth_username")?;
    let sealed: Option<Vec<u8>> = row.get("auth_password_sealed")?;
    Ok(match sealed {
        Some(sealed) => {
            let password = database.seal.open(call_id, &sealed);
            password.map(|password| Some(Credentials { username, password }))
        }
        None if username.is_empty() => Some(None),
        None => Some(Some(Credentials { username, password: String::new() })),
    })
}
