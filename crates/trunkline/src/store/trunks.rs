//! Outbound trunks.

use std::sync::atomic::Ordering::Relaxed;

use livekit_protocol::SipOutboundTrunkInfo;
use prost::Message;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Database, MOST_TRUNKS, Store, StoreError};

const SELECT: &str = "SELECT id, info, auth_password_sealed FROM outbound_trunk";

impl Store {
    /// Adds a trunk, or replaces the one with its id.
    pub(crate) async fn put_trunk(&self, trunk: SipOutboundTrunkInfo) -> Result<(), StoreError> {
        let refused = self.trunks_refused.clone();
        self.run(move |database| {
            let full = count(&database.connection)? >= MOST_TRUNKS;
            if full && get(database, &trunk.sip_trunk_id)?.is_none() {
                refused.count();
                return Err(StoreError::TooManyTrunks { most: MOST_TRUNKS });
            }
            durably(database, |database| put(database, trunk))
        })
        .await
    }

    pub(crate) async fn trunk(&self, id: &str) -> Result<Option<SipOutboundTrunkInfo>, StoreError> {
        let id = id.to_owned();
        self.run(move |database| get(database, &id)).await
    }

    /// All trunks whose id sorts after `after`, by id.
    pub(crate) async fn trunks(&self, after: &str) -> Result<Vec<SipOutboundTrunkInfo>, StoreError> {
        let after = after.to_owned();
        self.run(move |database| list(database, &after)).await
    }

    /// Changes a trunk in one step, so that two updates never lose one another. `None` when there is none.
    pub(crate) async fn update_trunk<E: Send + 'static>(
        &self,
        id: &str,
        change: impl FnOnce(SipOutboundTrunkInfo) -> Result<SipOutboundTrunkInfo, E> + Send + 'static,
    ) -> Result<Option<Result<SipOutboundTrunkInfo, E>>, StoreError> {
        let id = id.to_owned();
        self.run(move |database| {
            let Some(stored) = get(database, &id)? else { return Ok(None) };
            let changed = match change(stored) {
                Ok(changed) => changed,
                Err(error) => return Ok(Some(Err(error))),
            };
            durably(database, |database| put(database, changed.clone()))?;
            Ok(Some(Ok(changed)))
        })
        .await
    }

    /// Whether there was one.
    pub(crate) async fn delete_trunk(&self, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.run(move |database| {
            durably(database, |database| {
                Ok(database.connection.execute("DELETE FROM outbound_trunk WHERE id = ?1", [&id])? > 0)
            })
        })
        .await
    }
}

/// Trunks are set up by hand and seldom: their commits also survive a power cut.
fn durably<T>(
    database: &mut Database,
    operation: impl FnOnce(&mut Database) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let synchronous =
        |connection: &Connection, mode: &str| connection.pragma_update(None, "synchronous", mode);
    synchronous(&database.connection, "FULL")?;
    let result = operation(database);
    synchronous(&database.connection, "NORMAL")?;
    database.trunks.store(count(&database.connection)?, Relaxed);
    result
}

pub(super) fn count(connection: &Connection) -> rusqlite::Result<usize> {
    let count: i64 = connection.query_row("SELECT count(*) FROM outbound_trunk", [], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

fn put(database: &mut Database, mut trunk: SipOutboundTrunkInfo) -> Result<(), StoreError> {
    let id = trunk.sip_trunk_id.clone();
    let password = std::mem::take(&mut trunk.auth_password);
    let sealed = match password.as_str() {
        "" => None,
        plain => Some(database.seal.close(&id, plain).ok_or_else(|| StoreError::Seal(id.clone()))?),
    };
    let mut statement = database.connection.prepare_cached(
        "INSERT OR REPLACE INTO outbound_trunk (id, name, address, numbers, auth_username,
         auth_password_sealed, info, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    statement.execute(params![
        id,
        trunk.name,
        trunk.address,
        trunk.numbers.join(", "),
        trunk.auth_username,
        sealed,
        trunk.encode_to_vec(),
        millis(trunk.created_at.as_ref()),
        millis(trunk.updated_at.as_ref()),
    ])?;
    Ok(())
}

fn get(database: &Database, id: &str) -> Result<Option<SipOutboundTrunkInfo>, StoreError> {
    let mut statement = database.connection.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
    let record = statement.query_row([id], Record::read).optional()?;
    record.map(|record| record.open(database)).transpose()
}

fn list(database: &Database, after: &str) -> Result<Vec<SipOutboundTrunkInfo>, StoreError> {
    let mut statement = database.connection.prepare_cached(&format!("{SELECT} WHERE id > ?1 ORDER BY id"))?;
    let records = statement.query_map([after], Record::read)?;
    records.map(|record| record?.open(database)).collect()
}

struct Record {
    id: String,
    info: Vec<u8>,
    password: Option<Vec<u8>>,
}

impl Record {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, info: row.get(1)?, password: row.get(2)? })
    }

    fn open(self, database: &Database) -> Result<SipOutboundTrunkInfo, StoreError> {
        let mut trunk = SipOutboundTrunkInfo::decode(self.info.as_slice())
            .map_err(|_| StoreError::Damaged(format!("trunk {}", self.id)))?;
        if let Some(sealed) = self.password {
            let plain = database.seal.open(&self.id, &sealed);
            trunk.auth_password = plain.ok_or(StoreError::Seal(self.id))?;
        }
        Ok(trunk)
    }
}

fn millis(time: Option<&pbjson_types::Timestamp>) -> i64 {
    time.map_or(0, |time| time.seconds.saturating_mul(1000).saturating_add(i64::from(time.nanos) / 1_000_000))
}
