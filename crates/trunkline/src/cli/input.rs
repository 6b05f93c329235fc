//! JSON documents on the command line: a file, standard input, or the JSON itself.

use std::io::Read;

use anyhow::{Context, bail};
use prost::Message;

use crate::api::json;

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

/// Reads a message: either spelling of its names, unknown names refused.
pub(super) fn message<M: Message + Default>(
    argument: &str,
    description: &json::Message,
) -> anyhow::Result<M> {
    let text = read(argument)?;
    json::document(&text, description).with_context(|| {
        let literal = argument.trim_start().starts_with('{');
        if literal { "the argument cannot be used".to_owned() } else { format!("{argument} cannot be used") }
    })
}
