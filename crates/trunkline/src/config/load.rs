//! Reading the file, and the settings of `--dev`.

use std::{
    collections::BTreeMap,
    fmt,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_yaml_ng::Value;
use thiserror::Error;

use super::{
    Config, DEV_KEY, DEV_SECRET, Keys, read,
    section::{Notes, Problem},
};

/// A configuration, and what was odd about it.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// One sentence each, to be logged once logging is set up.
    pub(crate) warnings: Vec<String>,
}

/// Why there is no configuration.
#[derive(Debug, Error)]
pub(crate) enum LoadError {
    #[error("cannot read {path}: {error}", path = path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("not YAML: {0}")]
    NotYaml(#[from] serde_yaml_ng::Error),
    #[error("{0}")]
    Wrong(Problems),
}

/// Everything that is wrong with a file, one line each.
#[derive(Debug)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} wrong value(s):", self.0.len())?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

/// Loads the configuration of a server: `file` over the defaults, or over those of `--dev`.
pub(crate) fn load(file: Option<&Path>, development: bool) -> Result<Loaded, LoadError> {
    let base = if development { dev() } else { Config::default() };
    let text = match file {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| LoadError::Unreadable { path: path.to_owned(), error })?,
        None => String::new(),
    };
    let (loaded, mut problems, _) = parse(&text, base)?;
    if loaded.config.keys.is_empty() {
        problems.push(Problem {
            path: "keys".to_owned(),
            expected:
                "a mapping of API keys to secrets, `keys: {APIxxx: a-long-random-secret}`, or run with --dev"
                    .to_owned(),
            found: "empty".to_owned(),
        });
    }
    if problems.is_empty() { Ok(loaded) } else { Err(LoadError::Wrong(Problems(problems))) }
}

/// Reads YAML; also says which keys were not there.
pub(crate) fn parse(
    text: &str,
    base: Config,
) -> Result<(Loaded, Vec<Problem>, Vec<String>), serde_yaml_ng::Error> {
    let value: Value = if text.trim().is_empty() { Value::Null } else { serde_yaml_ng::from_str(text)? };
    let notes = Notes::default();
    let config = read::config(value, base, &notes);
    let warnings = notes.warnings.into_inner();
    Ok((Loaded { config, warnings }, notes.problems.into_inner(), notes.absent.into_inner()))
}

/// The defaults of `--dev`: known keys, the API on this machine only, no waiting at the end.
pub(crate) fn dev() -> Config {
    let keys = BTreeMap::from([(DEV_KEY.to_owned(), DEV_SECRET.to_owned())]);
    let mut config = Config { keys: Keys::new(keys), ..Config::default() };
    config.bind_addresses = vec![Ipv4Addr::LOCALHOST.into()];
    config.shutdown.drain = Duration::ZERO;
    config
}
