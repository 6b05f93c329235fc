//! `--dev`: a phone to call, a trunk that leads to it, and what to try next.

use std::net::SocketAddr;

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
pub(super) async fn phone() -> anyhow::Result<Phone> {
    let config = PhoneConfig::default();
    let listen = config.listen;
    Phone::start(config).await.with_context(|| format!("cannot start the built-in phone on {listen}"))
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

/// Tells people what to try, ready to paste.
#[allow(clippy::print_stdout, reason = "this is what --dev is asked for")]
pub(super) fn print_next_steps(http: SocketAddr, phone: SocketAddr, trunk: &str) {
    println!("\ntrunkline is ready: http://{http}  key {DEV_KEY}  secret {DEV_SECRET}");
    println!("A phone listens on {phone}; trunk {trunk} leads to it. Its numbers:");
    for entry in PhoneBook::default().entries {
        println!("  {}  {}", entry.number, entry.about);
    }
    println!(
        "\nPlace a call, from another terminal:\n
  export LIVEKIT_URL=http://{http} LIVEKIT_API_KEY={DEV_KEY} LIVEKIT_API_SECRET={DEV_SECRET}
  echo '{{\"sip_trunk_id\": \"{trunk}\", \"sip_call_to\": \"+15550101\", \"room_name\": \"my-room\",
         \"participant_identity\": \"phone\", \"wait_until_answered\": true}}' > call.json
  trunkline sip participant create call.json\n"
    );
}
