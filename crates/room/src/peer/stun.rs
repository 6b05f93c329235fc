//! Finding whose a first packet is: the USERNAME of an ICE connectivity check (RFC 8445 §7.1.2, RFC 8489 §14.3).

const HEADER: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: [u8; 2] = [0, 1];
const USERNAME: [u8; 2] = [0, 6];

/// The ICE user fragment a STUN binding request is addressed to (the part of USERNAME before the colon, which is
/// the receiver's own), or `None` for anything else. Nothing is authenticated here.
#[must_use]
pub fn stun_username_ufrag(packet: &[u8]) -> Option<&str> {
    let (header, mut rest) = packet.split_at_checked(HEADER)?;
    if header[0..2] != BINDING_REQUEST || header[4..8] != MAGIC_COOKIE {
        return None;
    }
    while let Some((attribute, after)) = rest.split_at_checked(4) {
        let length = usize::from(u16::from_be_bytes([attribute[2], attribute[3]]));
        if attribute[0..2] == USERNAME {
            let username = std::str::from_utf8(after.get(..length)?).ok()?;
            return username.split_once(':').map(|(ours, _)| ours);
        }
        rest = after.get(length.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut packet = vec![0, 1, 0, 0];
        packet.extend(MAGIC_COOKIE);
        packet.extend([7; 12]);
        for (kind, value) in attributes {
            packet.extend(kind.to_be_bytes());
            packet.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            packet.extend(*value);
            packet.resize(packet.len().next_multiple_of(4), 0);
        }
        packet
    }

    #[test]
    fn the_receivers_fragment_is_read_wherever_the_username_stands() {
        let packet = request(&[(0x24, &[1, 2, 3, 4]), (0x8022, b"abc"), (6, b"ours:theirs")]);
        assert_eq!(stun_username_ufrag(&packet), Some("ours"));
    }

    #[test]
    fn other_packets_have_none() {
        assert_eq!(stun_username_ufrag(&[]), None);
        assert_eq!(stun_username_ufrag(&[0x80; 60]), None);
        assert_eq!(stun_username_ufrag(&request(&[(6, b"no colon")])), None);
        assert_eq!(stun_username_ufrag(&request(&[])), None);
    }

    proptest! {
        #[test]
        fn no_packet_makes_it_panic(packet in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = stun_username_ufrag(&packet);
        }

        #[test]
        fn no_truncation_makes_it_panic(cut in 0usize..60) {
            let packet = request(&[(0x24, &[1, 2, 3, 4]), (6, b"ours:theirs")]);
            let _ = stun_username_ufrag(&packet[..cut.min(packet.len())]);
        }
    }
}
