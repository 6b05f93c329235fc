//! `trunkline serve`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

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
    /// Where the built-in phone of --dev listens [default: 127.0.0.1:5070]
    #[arg(long, value_name = "ADDRESS", requires = "dev")]
    phone: Option<SocketAddr>,
}

/// Where the built-in phone listens unless told otherwise.
const PHONE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5070);

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
    let phone = args.dev.then(|| args.phone.unwrap_or(PHONE));
    let served = runtime.block_on(serve::run(serve::Options { config: loaded.config, phone }));
    // A look-up of a name may take long: the end does not wait for it.
    runtime.shutdown_background();
    served
}
