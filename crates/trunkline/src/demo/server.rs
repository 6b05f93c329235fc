//! The demo's server: its configuration on free ports, its process, its log.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use peers::server::{ServerProcess, free_tcp_port};
use tokio::process::Command;

use super::journal::Journal;

/// The API key and secret of the demo's own server.
pub(super) const KEY: &str = "demokey";
pub(super) const SECRET: &str = "a-secret-that-only-this-demo-knows";
/// RTP ports it may use: one call needs two.
const RTP_PORTS: u16 = 20;

/// A running server.
pub(super) struct Server {
    process: ServerProcess,
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
        let port = free_tcp_port()?;
        let config = data.join("trunkline.yaml");
        std::fs::write(&config, configuration(port, &data)?).context("cannot write the configuration")?;
        let log = out.join("server.log");
        let begin = journal.now();
        let process = ServerProcess::start(&this_program()?, &config, &log, port).await?;
        journal.server_start = journal.now() - begin;
        let url = format!("http://127.0.0.1:{port}");
        Ok(Self { process, url, log, data })
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Ends it as Ctrl-C would.
    pub(super) async fn end(mut self) {
        self.process.end().await;
    }

    /// A failure, with the words that it was the server's if that has ended meanwhile.
    pub(super) fn blame<T>(&mut self, result: anyhow::Result<T>) -> anyhow::Result<T> {
        match (result, self.process.ended()) {
            (Err(error), Some(status)) => {
                let log = self.log.display();
                Err(error.context(format!("server: ended in mid-call with {status} (its log: {log})")))
            }
            (result, _) => result,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// This very program, to be run again with other arguments; ends with this process.
pub(super) fn program() -> anyhow::Result<Command> {
    let mut command = Command::new(this_program()?);
    command.kill_on_drop(true);
    Ok(command)
}

fn this_program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("where is this program?")
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

fn free_udp_and_tcp() -> anyhow::Result<u16> {
    for _ in 0..100 {
        let port = free_tcp_port()?;
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
