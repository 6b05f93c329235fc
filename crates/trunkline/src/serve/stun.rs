//! The address that the world sees of this machine: one STUN binding request (RFC 8489 §5, §6, §14.1, §14.2).
//!
//! A NAT is taken to map addresses one to one, as `use_external_ip` means; nothing here keeps a mapping alive.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{UdpSocket, lookup_host};
use tokio::time::{interval, timeout};

/// How long to wait for an answer in all, names' look-ups included.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// Between two requests to the same server.
const AGAIN: Duration = Duration::from_millis(500);
/// More servers are not asked.
const MAX_SERVERS: usize = 8;
const DEFAULT_PORT: u16 = 3478;

const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const MAPPED_ADDRESS: u16 = 0x0001;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const HEADER: usize = 20;

/// Names one request.
type TransactionId = [u8; 12];

/// Asks all of `servers` (`host` or `host:port`) at once; the first good answer counts.
pub(super) async fn public_address(servers: &[String], patience: Duration) -> Option<IpAddr> {
    timeout(patience, ask(servers)).await.ok().flatten()
}

async fn ask(servers: &[String]) -> Option<IpAddr> {
    let mut targets = Vec::new();
    for server in servers.iter().take(MAX_SERVERS) {
        let server = if server.contains(':') { server.clone() } else { format!("{server}:{DEFAULT_PORT}") };
        match lookup_host(&server).await {
            Ok(found) => targets.extend(found.filter(SocketAddr::is_ipv4).take(1)),
            Err(error) => tracing::debug!(server, %error, "a STUN server's name is not known"),
        }
    }
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await.ok()?;
    let id: TransactionId = rand::random();
    let request = request(id);
    let mut again = interval(AGAIN);
    let mut buffer = [0; 1500];
    loop {
        tokio::select! {
            _ = again.tick() => for target in &targets {
                // A server that cannot be reached is one that does not answer.
                let _ = socket.send_to(&request, target).await;
            },
            received = socket.recv_from(&mut buffer) => {
                let Ok((length, from)) = received else { continue };
                if targets.contains(&from) && let Some(ip) = answer(&buffer[..length], id) {
                    return Some(ip.into());
                }
            }
        }
    }
}

fn request(id: TransactionId) -> [u8; HEADER] {
    let mut request = [0; HEADER];
    request[..2].copy_from_slice(&BINDING_REQUEST);
    request[4..8].copy_from_slice(&MAGIC_COOKIE);
    request[8..].copy_from_slice(&id);
    request
}

/// The address in a good answer to the request of this id.
fn answer(packet: &[u8], id: TransactionId) -> Option<Ipv4Addr> {
    let (header, mut rest) = packet.split_at_checked(HEADER)?;
    if header[..2] != BINDING_SUCCESS || header[4..8] != MAGIC_COOKIE || header[8..] != id {
        return None;
    }
    let mut plain = None;
    while let Some((head, tail)) = rest.split_at_checked(4) {
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = tail.get(..length)?;
        match kind {
            XOR_MAPPED_ADDRESS => return address(value, MAGIC_COOKIE),
            MAPPED_ADDRESS => plain = address(value, [0; 4]),
            _ => {}
        }
        // Attributes are padded to four bytes.
        rest = tail.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    plain
}

/// Family 1 (IPv4), port, address.
fn address(value: &[u8], key: [u8; 4]) -> Option<Ipv4Addr> {
    let &[_, 1, _, _, a, b, c, d] = value else { return None };
    let ip = Ipv4Addr::new(a ^ key[0], b ^ key[1], c ^ key[2], d ^ key[3]);
    (!ip.is_unspecified()).then_some(ip)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PUBLIC: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);

    fn success(id: &[u8], attributes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
        [&BINDING_SUCCESS[..], &length, &MAGIC_COOKIE, id, attributes].concat()
    }

    fn mapped(kind: u16, key: [u8; 4]) -> Vec<u8> {
        let ip = PUBLIC.octets();
        let ip: Vec<u8> = ip.iter().zip(key).map(|(octet, key)| octet ^ key).collect();
        [&kind.to_be_bytes()[..], &[0, 8, 0, 1, 0x12, 0x34], &ip].concat()
    }

    /// A server on loopback that drops the first request and then gives `attributes` as its answer.
    async fn server(attributes: Vec<u8>) -> String {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let mut buffer = [0; 100];
            socket.recv_from(&mut buffer).await.unwrap();
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                assert_eq!(
                    (length, &buffer[..2], &buffer[4..8]),
                    (20, &BINDING_REQUEST[..], &MAGIC_COOKIE[..])
                );
                socket.send_to(b"rubbish", from).await.unwrap();
                let stranger = success(&[7; 12], &mapped(MAPPED_ADDRESS, [0; 4]));
                socket.send_to(&stranger, from).await.unwrap();
                socket.send_to(&success(&buffer[8..20], &attributes), from).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn the_address_that_a_server_sees_is_learnt() {
        // SOFTWARE with three bytes and one of padding comes first.
        let padded =
            [&[0x80, 0x22, 0, 3, b'a', b'b', b'c', 0][..], &mapped(XOR_MAPPED_ADDRESS, MAGIC_COOKIE)]
                .concat();
        for attributes in [padded, mapped(MAPPED_ADDRESS, [0; 4])] {
            let servers = ["no-such-host.invalid".to_owned(), server(attributes).await];
            assert_eq!(public_address(&servers, Duration::from_secs(20)).await, Some(PUBLIC.into()));
        }
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_not_waited_for_long() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let servers = [silent.local_addr().unwrap().to_string()];
        assert_eq!(public_address(&servers, Duration::from_millis(50)).await, None);
        assert_eq!(public_address(&[], Duration::from_millis(50)).await, None);
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_reader_panic(attributes in proptest::collection::vec(any::<u8>(), 0..60), cut in 0usize..90) {
            let id = [5; 12];
            let mut packet = success(&id, &attributes);
            packet.truncate(cut);
            let _ = answer(&packet, id);
        }
    }
}
