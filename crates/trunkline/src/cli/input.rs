//! JSON documents on the command line: a file, standard input, or the JSON itself.

use std::io::Read;

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;

/// A document of this size is none of ours.
const MAX_SIZE: u64 = 1024 * 1024;

/// Reads `-`, a literal JSON object, or the file of that name.
pub(super) fn read(argument: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    if argument == "-" {
        std::io::stdin().take(MAX_SIZE).read_to_string(&mut text).context("cannot read standard input")?;
    } else if argument.trim_start().starts_with('{') {
        argument.clone_into(&mut text);
    } else {
        let file = std::fs::File::open(argument).with_context(|| format!("cannot open {argument}"))?;
        file.take(MAX_SIZE).read_to_string(&mut text).with_context(|| format!("cannot read {argument}"))?;
    }
    if text.trim().is_empty() {
        bail!("{argument}: there is no JSON");
    }
    Ok(text)
}

/// Reads a message: protobuf's JSON, either spelling of its names, unknown names refused.
pub(super) fn message<M: DeserializeOwned>(argument: &str) -> anyhow::Result<M> {
    let text = read(argument)?;
    serde_json::from_str(&text).with_context(|| {
        let source = if argument.trim_start().starts_with('{') { "the argument" } else { argument };
        format!("{source} does not hold the JSON that is expected")
    })
}
