//! Why the store cannot be opened, and why an operation failed.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use thiserror::Error;

/// Why the store cannot be opened. The texts say what to do.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    #[error("cannot make the data directory {path}: {error}; create it, or set data_dir to one that this user may write", path = path.display())]
    Directory { path: PathBuf, error: std::io::Error },
    #[error("cannot use {path}: {error}; this user needs to read and write it", path = path.display())]
    File { path: PathBuf, error: std::io::Error },
    #[error("another trunkline uses the data directory {path}: stop it, or set another data_dir", path = path.display())]
    InUse { path: PathBuf },
    #[error("TRUNKLINE_STORE_KEY should be 64 hexadecimal digits (32 bytes)")]
    BadKey,
    #[error("{path} should hold 64 hexadecimal digits: restore it, or delete it together with the store", path = path.display())]
    BadKeyFile { path: PathBuf },
    #[error(
        "the store's key is not the one that its passwords are sealed with: restore store.key, or set TRUNKLINE_STORE_KEY as it was"
    )]
    WrongKey,
    #[error(
        "the store was written by a newer trunkline (schema {found}, this one knows {known}): upgrade, or use another data_dir"
    )]
    Newer { found: i64, known: i64 },
    #[error("{path} is damaged or no store ({detail}): restore it from a copy, or move it away to begin without trunks", path = path.display())]
    Damaged { path: PathBuf, detail: String },
    #[error("{path} cannot be written ({detail}): make room on its disk and mount that writable", path = path.display())]
    Unwritable { path: PathBuf, detail: String },
    #[error("{path} cannot be opened: {error}", path = path.display())]
    Sqlite { path: PathBuf, error: rusqlite::Error },
    #[error("no key can be made for the store: the system gives no random numbers")]
    NoRandomness,
    #[error("the store's thread cannot be started: {0}")]
    Thread(std::io::Error),
}

impl OpenError {
    /// What the database says about its file.
    pub(super) fn of(path: &Path, error: rusqlite::Error) -> Self {
        let (path, detail) = (path.to_owned(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Damaged { path, detail },
            _ if is_of_the_disk(&error) => Self::Unwritable { path, detail },
            _ => Self::Sqlite { path, error },
        }
    }
}

/// Why an operation failed.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    #[error("the store has too much to do")]
    Busy,
    #[error("there are {most} trunks, and more are not kept: delete some")]
    TooManyTrunks { most: usize },
    #[error("the store is closed")]
    Closed,
    #[error("an operation of the store failed inside")]
    Failed,
    #[error("the data directory cannot be written ({0}): make room on its disk and mount that writable")]
    Unwritable(String),
    #[error("the store failed: {0}")]
    Sqlite(rusqlite::Error),
    #[error("the password of trunk {0} cannot be sealed or opened")]
    Seal(String),
    #[error("the record of {0} is damaged")]
    Damaged(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        if is_of_the_disk(&error) { Self::Unwritable(error.to_string()) } else { Self::Sqlite(error) }
    }
}

/// The disk is full, read-only or broken.
fn is_of_the_disk(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::DiskFull | ErrorCode::ReadOnly | ErrorCode::SystemIoFailure))
}
