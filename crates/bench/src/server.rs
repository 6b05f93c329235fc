//! A trunkline server of the bench's own: on free ports, with its data in a folder that goes with it.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::process::Usage;
use crate::run::Target;

const KEY: &str = "benchkey";
const SECRET: &str = "a-secret-that-only-this-bench-knows";
/// How long the server may take until it answers, and to end.
const START_LIMIT: Duration = Duration::from_secs(10);
const END_LIMIT: Duration = Duration::from_secs(8);
/// RTP ports: below those the kernel gives to everybody.
const FIRST_RTP: u16 = 10_000;
const LAST_RTP: u16 = 31_999;

/// A running server.
pub(crate) struct Server {
    process: Child,
    pid: u32,
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
        let port = free_port()?;
        let config = folder.path().join("trunkline.yaml");
        std::fs::write(&config, configuration(port, folder.path(), calls)?)?;
        let log = folder.path().join("server.log");
        let output = File::create(&log)?;
        let begin = Instant::now();
        let mut process = Command::new(program)
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        wait_until_healthy(port, &mut process, &log).await?;
        let time = begin.elapsed();
        let pid = process.id().context("the server ended at once")?;
        let memory = Usage::of(&[pid]).unwrap_or_default().memory;
        let url = format!("http://127.0.0.1:{port}");
        Ok(Self { process, pid, url, start: Start { time, memory }, _folder: folder })
    }

    pub(crate) fn target(&self) -> Target {
        Target { url: self.url.clone(), key: KEY.to_owned(), secret: SECRET.to_owned(), pids: vec![self.pid] }
    }

    /// Ends it as Ctrl-C would.
    pub(crate) async fn end(mut self) {
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        }
        let _ = tokio::time::timeout(END_LIMIT, self.process.wait()).await;
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

fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free TCP port")?;
    Ok(listener.local_addr()?.port())
}

async fn wait_until_healthy(port: u16, process: &mut Child, log: &Path) -> anyhow::Result<()> {
    let deadline = Instant::now() + START_LIMIT;
    while !healthy(port).await {
        if let Some(status) = process.try_wait()? {
            bail!("the server ended with {status}:\n{}", tail(log));
        }
        if Instant::now() > deadline {
            bail!("the server does not answer within {START_LIMIT:?}:\n{}", tail(log));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// Whether `GET /` answers 200.
async fn healthy(port: u16) -> bool {
    let ask = async {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        socket.write_all(b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n").await?;
        let mut status = [0; 12];
        socket.read_exact(&mut status).await?;
        std::io::Result::Ok(&status == b"HTTP/1.1 200")
    };
    let asked = tokio::time::timeout(Duration::from_secs(1), ask).await;
    matches!(asked, Ok(Ok(true)))
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
