//! Opening: directory, lock, key, database, schema.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicUsize},
};

use rusqlite::Connection;

use super::{
    Database,
    error::OpenError,
    schema,
    seal::{Key, Seal},
    trunks,
};

/// The database's file name.
const DATABASE: &str = "trunkline.db";
/// The file that keeps the key, apart from what it seals.
const KEY_FILE: &str = "store.key";
/// The file whose lock says that the directory is in use.
const LOCK_FILE: &str = "lock";

pub(super) fn open(directory: &Path, key: Option<&str>) -> Result<Database, OpenError> {
    make_directory(directory)?;
    let lock = take_lock(directory)?;
    let key = match key {
        Some(text) => Key::from_hex(text).ok_or(OpenError::BadKey)?,
        None => key_from_file(&directory.join(KEY_FILE))?,
    };
    let path = directory.join(DATABASE);
    // SQLite would make the file readable by everyone.
    private_file(&path, OpenOptions::new().create(true).append(true))?;
    let connection = Connection::open(&path).and_then(|connection| prepare(&connection).map(|()| connection));
    let mut connection = connection.map_err(|error| OpenError::of(&path, error))?;
    check(&connection, &path)?;
    schema::migrate(&mut connection, &path)?;
    let seal = Seal::new(&key);
    schema::check_key(&connection, &seal, &path)?;
    let trunks = trunks::count(&connection).map_err(|error| OpenError::of(&path, error))?;
    let trunks = Arc::new(AtomicUsize::new(trunks));
    Ok(Database { connection, seal, trunks, requests_since_look: 0, _lock: lock })
}

fn make_directory(directory: &Path) -> Result<(), OpenError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| OpenError::Directory { path: directory.to_owned(), error })
}

fn take_lock(directory: &Path) -> Result<File, OpenError> {
    let path = directory.join(LOCK_FILE);
    let file = private_file(&path, OpenOptions::new().create(true).append(true))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: directory.to_owned() }),
        Err(TryLockError::Error(error)) => Err(OpenError::File { path, error }),
    }
}

fn private_file(path: &Path, options: &mut OpenOptions) -> Result<File, OpenError> {
    options.mode(0o600).open(path).map_err(|error| OpenError::File { path: path.to_owned(), error })
}

/// A writer never waits for a reader, and a commit is in the journal before it is answered.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.busy_timeout(std::time::Duration::from_secs(2))
}

/// A damage is told at the start, not by the call that comes upon it.
fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match found.map_err(|error| OpenError::of(path, error))?.as_str() {
        "ok" => Ok(()),
        detail => Err(OpenError::Damaged { path: path.to_owned(), detail: detail.to_owned() }),
    }
}

fn key_from_file(path: &Path) -> Result<Key, OpenError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Key::from_hex(text.trim()).ok_or_else(|| OpenError::BadKeyFile { path: path.to_owned() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => new_key_file(path),
        Err(error) => Err(OpenError::File { path: path.to_owned(), error }),
    }
}

/// Writes the key whole or not at all: to another name, to the disk, then into place.
fn new_key_file(path: &Path) -> Result<Key, OpenError> {
    let failed = |path: &PathBuf| {
        let path = path.clone();
        move |error| OpenError::File { path, error }
    };
    let key = Key::random().ok_or(OpenError::NoRandomness)?;
    let draft = path.with_extension("key.new");
    let mut file = private_file(&draft, OpenOptions::new().create(true).write(true).truncate(true))?;
    writeln!(file, "{}", key.to_hex()).map_err(failed(&draft))?;
    file.sync_all().map_err(failed(&draft))?;
    std::fs::rename(&draft, path).map_err(failed(&path.to_owned()))?;
    // The new name is the directory's to lose: a power cut now must not leave sealed passwords without their key.
    let directory = path.parent().unwrap_or(Path::new("."));
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(failed(&directory.to_owned()))?;
    Ok(key)
}
