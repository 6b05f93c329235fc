//! The demo's server: its configuration on free ports, its process, its log.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::process::{Child, Command};

use super::journal::Journal;

/// The API key and secret of the demo's own server.
pub(super) const KEY: &str = "demokey";
pub(super) const SECRET: &str = "a-secret-that-only-this-demo-knows";
/// How long the server may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long it may take to end.
const END_LIMIT: Duration = Duration::from_secs(6);
/// RTP ports it may use: one call needs two.
const RTP_PORTS: u16 = 20;

/// A running server.
pub(super) struct Server {
    process: Child,
    pub(super) pid: u32,
    pub(super) url: String,
    log: PathBuf,
    /// Its data; gone with this value.
    data: PathBuf,
}

impl Server {
    /// Starts it and waits until it answers. Its log goes to `out`.
    pub(super) async fn start(out: &Path, journal: &mut Journal) -> anyhow::Result<Self> {
        let data = std::env::temp_dir().join(format!("trunkline-demo-{}", std::process::id()));
        std::fs::create_dir_all(&data).context("cannot make the server's folder")?;
        let port = free_tcp()?;
        let config = data.join("trunkline.yaml");
        std::fs::write(&config, configuration(port, &data)?).context("cannot write the configuration")?;
        let log_path = out.join("server.log");
        let log = File::create(&log_path).context("cannot write the server's log")?;
        let begin = journal.now();
        let mut process = program()?
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start the server")?;
        let url = format!("http://127.0.0.1:{port}");
        let pid = process.id().context("the server ended at once")?;
        wait_until_healthy(port, &mut process, &log_path).await?;
        journal.server_start = journal.now() - begin;
        Ok(Self { process, pid, url, log: log_path, data })
    }

    /// A failure, with the words that it was the server's if that has ended meanwhile.
    pub(super) fn blame<T>(&mut self, result: anyhow::Result<T>) -> anyhow::Result<T> {
        match (result, self.process.try_wait()) {
            (Err(error), Ok(Some(status))) => {
                let log = self.log.display();
                Err(error.context(format!("server: ended in mid-call with {status} (its log: {log})")))
            }
            (result, _) => result,
        }
    }

    /// Ends it as Ctrl-C would.
    pub(super) async fn end(mut self) {
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        }
        let _ = tokio::time::timeout(END_LIMIT, self.process.wait()).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// This very program, to be run again with other arguments; ends with this process.
pub(super) fn program() -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("where is this program?")?);
    command.kill_on_drop(true);
    Ok(command)
}

async fn wait_until_healthy(port: u16, process: &mut Child, log: &Path) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + START_LIMIT;
    while !healthy(port).await {
        if let Some(status) = process.try_wait()? {
            bail!("the server ended with {status}; its log: {}\n{}", log.display(), tail(log));
        }
        if tokio::time::Instant::now() > deadline {
            bail!("the server does not answer within {START_LIMIT:?}; its log: {}", log.display());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Whether `GET /` answers 200.
async fn healthy(port: u16) -> bool {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let ask = async {
        let mut socket = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
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

fn configuration(port: u16, data: &Path) -> anyhow::Result<String> {
    let (sip, rtp) = (free_udp_and_tcp()?, free_udp_range()?);
    let last = rtp + RTP_PORTS - 1;
    let data = serde_json::to_string(&data.display().to_string())?;
    Ok(format!(
        "port: {port}\nbind_addresses: [127.0.0.1]\nkeys: {{{KEY}: {SECRET}}}\ndata_dir: {data}\n\
         rtc: {{udp_port: 0, node_ip: 127.0.0.1}}\n\
         sip: {{sip_port: {sip}, listen_ip: 127.0.0.1, nat_1_to_1_ip: 127.0.0.1, rtp_port: {rtp}-{last}}}\n"
    ))
}

fn free_tcp() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free TCP port")?;
    Ok(listener.local_addr()?.port())
}

fn free_udp_and_tcp() -> anyhow::Result<u16> {
    for _ in 0..100 {
        let port = free_tcp()?;
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port that is free for both UDP and TCP")
}

/// The first of [`RTP_PORTS`] free ports in a row, even.
fn free_udp_range() -> anyhow::Result<u16> {
    for _ in 0..100 {
        let first = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port() & !1;
        let free = |port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        if first < u16::MAX - RTP_PORTS && (first..first + RTP_PORTS).all(free) {
            return Ok(first);
        }
    }
    bail!("no {RTP_PORTS} free UDP ports in a row")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_one_that_the_server_takes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trunkline.yaml");
        std::fs::write(&file, configuration(7880, folder.path()).unwrap()).unwrap();
        let loaded = crate::config::load(Some(&file), false).unwrap();
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        assert_eq!(loaded.config.keys.secret(KEY), Some(SECRET));
    }
}
