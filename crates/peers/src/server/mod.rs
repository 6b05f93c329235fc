//! A server under test, as a process: started, waited for, ended as Ctrl-C would; what it costs as the kernel counts it.
//!
//! Knows of the server only its command line, its `GET /` and its log. Writes no configuration: that is its user's.

mod usage;

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

pub use usage::{ThreadShare, Usage};

/// How long the server may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long it may take to end.
const END_LIMIT: Duration = Duration::from_secs(8);
/// Between two looks whether it answers.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A running server; killed when this value goes.
#[derive(Debug)]
pub struct ServerProcess {
    process: Child,
    pid: u32,
    log: PathBuf,
}

impl ServerProcess {
    /// Runs `program serve --config config` with its output in the file `log`, and waits until it answers on `port`
    /// of the loopback.
    ///
    /// # Errors
    /// It cannot be started, ends by itself, or does not answer in time: with the last lines of its log.
    pub async fn start(program: &Path, config: &Path, log: &Path, port: u16) -> anyhow::Result<Self> {
        let output = File::create(log).context("cannot write the server's log")?;
        let process = Command::new(program)
            .arg("serve")
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let pid = process.id().context("the server ended at once")?;
        let mut server = Self { process, pid, log: log.to_owned() };
        server.wait_until_healthy(port).await?;
        Ok(server)
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().ok().flatten()
    }

    /// Ends it as Ctrl-C would; what takes longer than 8 seconds is killed.
    pub async fn end(&mut self) {
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        }
        let _ = timeout(END_LIMIT, self.process.wait()).await;
    }

    async fn wait_until_healthy(&mut self, port: u16) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        while !healthy(port).await {
            let log = self.log.display();
            if let Some(status) = self.process.try_wait()? {
                bail!("the server ended with {status}; its log: {log}\n{}", tail(&self.log));
            }
            if Instant::now() > deadline {
                bail!(
                    "the server does not answer within {START_LIMIT:?}; its log: {log}\n{}",
                    tail(&self.log)
                );
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }
}

/// A TCP port of the loopback that nobody has at this moment.
///
/// # Errors
/// The system has none to give.
pub fn free_tcp_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
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
    matches!(timeout(Duration::from_secs(1), ask).await, Ok(Ok(true)))
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
