//! The server: puts the parts together and takes them apart again.

use anyhow::bail;

use crate::config::Config;

/// What to serve.
#[derive(Debug)]
pub(crate) struct Options {
    /// The whole configuration.
    pub(crate) config: Config,
    /// Development: a built-in phone, a trunk that leads to it, and printed next steps.
    pub(crate) dev: bool,
}

/// Serves until a signal ends it.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    bail!("this build cannot serve (port {}, dev {})", options.config.port, options.dev)
}
