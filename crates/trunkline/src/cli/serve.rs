//! `trunkline serve`.

use std::path::PathBuf;

use anyhow::Context;

use crate::{config, serve, telemetry};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// YAML configuration; trunkline.example.yaml shows every key
    #[arg(long, value_name = "FILE", env = "TRUNKLINE_CONFIG_FILE")]
    config: Option<PathBuf>,
    /// Development: key devkey, secret "secret", API on 127.0.0.1 only, a built-in phone and a trunk that leads to it
    #[arg(long)]
    dev: bool,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let loaded = config::load(args.config.as_deref(), args.dev)?;
    telemetry::init(&loaded.config.logging);
    for warning in &loaded.warnings {
        tracing::warn!("configuration: {warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("control")
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(serve::run(serve::Options { config: loaded.config, dev: args.dev }))
}
