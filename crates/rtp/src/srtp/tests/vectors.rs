//! The test vectors of the RFCs, and whole packets that other implementations make of the same keys.

use crate::srtp::transform::{Part, Transform, Use};
use crate::srtp::{MasterKey, Session, SessionKeys, Suite};

pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn session(suite: Suite, key_and_salt: &str) -> Session {
    let key = MasterKey::from_bytes(suite, &hex(key_and_salt)).unwrap();
    Session::new(&SessionKeys { send: key.clone(), receive: key, receive_mki: Vec::new() }).unwrap()
}

const MASTER: &str = "e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6";

/// The key stream of a session key shows the key that was derived: packet of zeros, SSRC 0, index 0, so that the counter
/// begins at the salt (RFC 3711 B.3 names key and salt; B.2 the stream of another key).
#[test]
fn an_rtp_packet_of_128_bit_keys_is_the_one_that_is_expected() {
    let clear = hex("800f1234 decafbad cafebabe abababab abababab abababab abababab");
    let protected =
        hex("800f1234 decafbad cafebabe 4e55dc4c e79978d8 8ca4d215 949d2402 b78d6acc 99ea179b 8dbb");
    let mut packet = clear.clone();
    let mut session = session(Suite::AesCm128HmacSha1_80, MASTER);
    session.protect_rtp(&mut packet).unwrap();
    assert_eq!(packet, protected);
    let mut out = Vec::new();
    session.open_rtp(&packet, &mut out).unwrap();
    assert_eq!(out, clear);
}

#[test]
fn an_rtcp_packet_of_128_bit_keys_is_opened() {
    let clear = hex("81c8000b cafebabe abababab abababab abababab abababab");
    let protected =
        hex("81c8000b cafebabe 7128035b e487b9bd bef89041 f977a5a8 80000001 993e08cd 54d6c123 0798");
    let mut session = session(Suite::AesCm128HmacSha1_80, MASTER);
    let mut out = Vec::new();
    session.open_rtcp(&protected, &mut out).unwrap();
    assert_eq!(out, clear);
    // Ours counts from zero: the second one has the index of the vector.
    session.protect_rtcp(&mut clear.clone()).unwrap();
    let mut second = clear.clone();
    session.protect_rtcp(&mut second).unwrap();
    assert_eq!(second, protected);
}

/// RFC 6188 §7.2: from the master key, the cipher key and salt for AES-256. Its stream over zeros is what the derived
/// key makes of the derived salt.
#[test]
fn keys_of_256_bits_are_derived_as_the_rfc_says() {
    use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
    use aws_lc_rs::iv::FixedLength;
    let master =
        hex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6 3b04803de51ee7c96423ab5b78d2");
    let key = MasterKey::from_bytes(Suite::Aes256CmHmacSha1_80, &master).unwrap();
    let cipher_key = hex("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4");
    let salt = hex("fa31791685ca444a9e07c6c64e93 0000");
    let cipher = EncryptingKey::ctr(UnboundCipherKey::new(&AES_256, &cipher_key).unwrap()).unwrap();
    let mut expected = vec![0; 64];
    let iv: [u8; 16] = salt.try_into().unwrap();
    cipher.less_safe_encrypt(&mut expected, EncryptionContext::Iv128(FixedLength::from(&iv))).unwrap();

    let mut packet = vec![0; 64];
    let transform = Transform::new(&key, Use::Rtp).unwrap();
    transform.seal(&mut packet, &Part { ssrc: 0, index: 0, clear: 0, trailer: &[] }).unwrap();
    assert_eq!(packet, expected);
}

/// RFC 7714 §16.1.1 gives the session key, not the master key, so that only the nonce and the tag's place are told by it:
/// the vector's key is used directly.
#[test]
fn gcm_packets_are_those_of_the_rfc() {
    use crate::srtp::transform::test_transform;
    let mut packet = hex(
        "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573",
    );
    let expected = hex(
        "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf \
         8833899d 7f27beb1 6a9152cf 765ee439 0cce",
    );
    let transform =
        test_transform(&hex("000102030405060708090a0b0c0d0e0f"), &hex("517569642070726f2071756f"));
    let part = Part { ssrc: 0x5501_a0b2, index: 0xf17b, clear: 12, trailer: &[] };
    let tag = transform.seal(&mut packet, &part).unwrap();
    packet.extend_from_slice(tag.as_slice());
    assert_eq!(packet, expected);
}
