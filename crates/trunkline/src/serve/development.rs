//! `--dev`: a phone to call, a trunk that leads to it, and what to try next.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Context;
use call::ids;
use peers::phone::{Phone, PhoneBook, PhoneConfig};
use room::proto::SipOutboundTrunkInfo;

use crate::config::{DEV_KEY, DEV_SECRET};
use crate::store::Store;

/// The name of the stored trunk.
const TRUNK: &str = "built-in phone";
/// The caller's number, of the range kept for fiction.
const CALLER: &str = "+15550199";

/// Starts the built-in phone.
pub(super) async fn phone(listen: SocketAddr) -> anyhow::Result<Phone> {
    let config = PhoneConfig { listen, ..PhoneConfig::default() };
    Phone::start(config).await.with_context(|| {
        format!(
            "cannot start the built-in phone on {listen}: stop the program that holds the port, or choose another with \
             --phone 127.0.0.1:PORT"
        )
    })
}

/// The trunk that leads to the phone, made when there is none. Its id stays the same from run to run.
pub(super) async fn trunk(store: &Store, phone: SocketAddr) -> anyhow::Result<String> {
    let address = phone.to_string();
    let trunks = store.trunks("").await.context("cannot read the trunks")?;
    if let Some(trunk) = trunks.into_iter().find(|trunk| trunk.name == TRUNK && trunk.address == address) {
        return Ok(trunk.sip_trunk_id);
    }
    let id = ids::generate(ids::TRUNK, &mut rand::rng());
    let trunk = SipOutboundTrunkInfo {
        sip_trunk_id: id.clone(),
        name: TRUNK.to_owned(),
        address,
        numbers: vec![CALLER.to_owned()],
        ..SipOutboundTrunkInfo::default()
    };
    store.put_trunk(trunk).await.context("cannot store the trunk")?;
    Ok(id)
}

/// What the next steps are about.
pub(super) struct NextSteps<'a> {
    pub(super) http: SocketAddr,
    /// An API key and its secret.
    pub(super) keys: (&'a str, &'a str),
    pub(super) phone: SocketAddr,
    pub(super) trunk: &'a str,
    pub(super) prometheus: Option<u16>,
}

/// Tells people what to try, ready to paste.
#[allow(clippy::print_stdout, reason = "this is what --dev is asked for")]
pub(super) fn print_next_steps(steps: &NextSteps<'_>) {
    println!("{}", next_steps(steps, &program()));
}

fn next_steps(steps: &NextSteps<'_>, program: &str) -> String {
    let NextSteps { http, keys, phone, trunk, prometheus } = *steps;
    let key = quoted(keys.0);
    // A secret of the user's own is not shown.
    let secret = if keys == (DEV_KEY, DEV_SECRET) { DEV_SECRET } else { "'the secret of that key'" };
    let http = reachable(http);
    let numbers: String = (PhoneBook::default().entries.iter())
        .map(|entry| format!("  {}  {}\n", entry.number, entry.about))
        .collect();
    let metrics = match prometheus {
        Some(port) => format!("  curl http://127.0.0.1:{port}/metrics\n"),
        None => "Metrics for Prometheus: set prometheus_port in a file given with --config.\n".to_owned(),
    };
    format!(
        "
trunkline is ready: http://{http}  key {key}  secret {secret}
A phone listens on {phone}; trunk {trunk} leads to it. Its numbers:
{numbers}
Place a call, from another terminal:

  export LIVEKIT_URL=http://{http} LIVEKIT_API_KEY={key} LIVEKIT_API_SECRET={secret}
  echo '{{\"sip_trunk_id\": \"{trunk}\", \"sip_call_to\": \"+15550101\", \"room_name\": \"my-room\",
         \"participant_identity\": \"phone\", \"wait_until_answered\": true}}' > call.json
  {program} sip participant create call.json

Hear a call: the demo plays one between processes of its own and writes both sides as WAV.

  {program} demo

See how the server is:

  curl http://{http}/
{metrics}"
    )
}

/// The program as it was called, so that it is found from another folder too.
fn program() -> String {
    let called = std::env::args_os().next().map(PathBuf::from).unwrap_or_else(|| "trunkline".into());
    // A bare name was found in the search path, and will be again.
    let is_path = called.components().count() > 1;
    let path = if is_path { called.canonicalize().unwrap_or(called) } else { called };
    quoted(&path.to_string_lossy())
}

/// A word for the shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Where to reach a server that listens on every address.
fn reachable(mut http: SocketAddr) -> SocketAddr {
    if http.ip().is_unspecified() {
        http.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    http
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(keys: (&str, &str)) -> String {
        let (http, phone) = ("0.0.0.0:7881".parse().unwrap(), "127.0.0.1:5071".parse().unwrap());
        next_steps(
            &NextSteps { http, keys, phone, trunk: "ST_abc", prometheus: Some(6789) },
            "/opt/trunk/line",
        )
    }

    #[test]
    fn the_steps_name_what_is_there() {
        let text = steps((DEV_KEY, DEV_SECRET));
        for part in [
            "export LIVEKIT_URL=http://127.0.0.1:7881 LIVEKIT_API_KEY=devkey LIVEKIT_API_SECRET=secret\n",
            "\"sip_trunk_id\": \"ST_abc\"",
            "  /opt/trunk/line sip participant create call.json\n",
            "  /opt/trunk/line demo\n",
            "  curl http://127.0.0.1:7881/\n",
            "  curl http://127.0.0.1:6789/metrics\n",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn a_secret_of_ones_own_is_not_shown() {
        let text = steps(("APIkey", "my-own-secret"));
        assert!(text.contains("LIVEKIT_API_KEY=APIkey ") && !text.contains("my-own-secret"), "{text}");
    }

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(quoted("./target/release/trunkline"), "./target/release/trunkline");
        assert_eq!(quoted("/a b/trunkline"), "'/a b/trunkline'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
