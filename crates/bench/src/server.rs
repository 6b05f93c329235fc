//! A trunkline server of the bench's own: on free ports, with its data in a folder that goes with it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use peers::server::{ServerProcess, Usage, free_tcp_port};
use tempfile::TempDir;

use crate::run::Target;

const KEY: &str = "benchkey";
const SECRET: &str = "a-secret-that-only-this-bench-knows";
/// RTP ports: below those the kernel gives to everybody.
const FIRST_RTP: u16 = 10_000;
const LAST_RTP: u16 = 31_999;

/// A running server.
pub(crate) struct Server {
    process: ServerProcess,
    url: String,
    pub(crate) start: Start,
    /// Its configuration, data and log.
    _folder: TempDir,
}

/// What starting took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Start {
    /// From the process's start to its first answer.
    pub(crate) time: Duration,
    /// Memory held then, in bytes.
    pub(crate) memory: u64,
}

impl Server {
    /// Starts `program` for `calls` calls and waits until it answers.
    pub(crate) async fn start(program: &Path, calls: usize) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("cannot make the server's folder")?;
        let port = free_tcp_port().context("no free TCP port")?;
        let config = folder.path().join("trunkline.yaml");
        std::fs::write(&config, configuration(port, folder.path(), calls)?)?;
        let log = folder.path().join("server.log");
        let begin = Instant::now();
        let process = ServerProcess::start(program, &config, &log, port).await?;
        let time = begin.elapsed();
        let memory = Usage::of(&[process.pid()]).unwrap_or_default().memory;
        let url = format!("http://127.0.0.1:{port}");
        Ok(Self { process, url, start: Start { time, memory }, _folder: folder })
    }

    pub(crate) fn target(&self) -> Target {
        Target {
            url: self.url.clone(),
            key: KEY.to_owned(),
            secret: SECRET.to_owned(),
            pids: vec![self.process.pid()],
        }
    }

    /// Ends it as Ctrl-C would.
    pub(crate) async fn end(mut self) {
        self.process.end().await;
    }
}

/// The program in the folder of this one.
pub(crate) fn beside_this_program() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("trunkline");
    if !program.exists() {
        bail!("{} is not there: cargo build --release, or --program", program.display());
    }
    Ok(program)
}

fn configuration(port: u16, data: &Path, calls: usize) -> anyhow::Result<String> {
    // Room for twice the calls, from a place that differs from that of a bench beside this one.
    let (ports, room) = (u16::try_from(calls.saturating_mul(4) + 20)?, LAST_RTP - FIRST_RTP);
    let apart = (std::process::id() % 20) as u16 * 1000;
    let first = if apart + ports <= room { FIRST_RTP + apart } else { FIRST_RTP };
    let last = first.saturating_add(ports).min(LAST_RTP);
    let data = serde_json::to_string(&data.join("data").display().to_string())?;
    Ok(format!(
        "port: {port}\nbind_addresses: [127.0.0.1]\nkeys: {{{KEY}: {SECRET}}}\ndata_dir: {data}\n\
         rtc: {{udp_port: 0, tcp_port: 0, node_ip: 127.0.0.1}}\n\
         sip: {{sip_port: 0, listen_ip: 127.0.0.1, nat_1_to_1_ip: 127.0.0.1, rtp_port: {first}-{last}}}\n"
    ))
}
