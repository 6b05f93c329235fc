//! One call's SRTP, both ways.

use super::inbound::Inbound;
use super::outbound::Outbound;
use super::{MasterKey, NotProtected, Rejected, Suite};

/// The keys that two sides have told one another, seen from ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionKeys {
    /// What we send is protected with it.
    pub send: MasterKey,
    /// What arrives is protected with it.
    pub receive: MasterKey,
    /// The identifier that the other side puts into its packets (MKI), often none: empty.
    pub receive_mki: Vec<u8>,
}

impl SessionKeys {
    /// The suite that was agreed on: the same both ways.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.send.suite()
    }
}

/// One call's SRTP.
#[derive(Debug)]
pub struct Session {
    keys: SessionKeys,
    outbound: Outbound,
    inbound: Inbound,
}

impl Session {
    /// A session that begins. `None` only if the crypto library refuses keys of the right length, which it does not.
    #[must_use]
    pub fn new(keys: &SessionKeys) -> Option<Self> {
        Some(Self {
            outbound: Outbound::new(&keys.send)?,
            inbound: Inbound::new(&keys.receive, &keys.receive_mki)?,
            keys: keys.clone(),
        })
    }

    /// Takes over new keys where they differ; counters and the memory of what has come go on. `None` as with
    /// [`Session::new`].
    pub fn rekey(&mut self, keys: &SessionKeys) -> Option<()> {
        if self.keys.send != keys.send {
            self.outbound.rekey(&keys.send)?;
        }
        if self.keys.receive != keys.receive || self.keys.receive_mki != keys.receive_mki {
            self.inbound.rekey(&keys.receive, &keys.receive_mki)?;
        }
        self.keys = keys.clone();
        Some(())
    }

    /// A packet of ours went out unprotected, while the call was plain. Its number counts: the next protected one is
    /// further on.
    pub fn sent_plain(&mut self, packet: &[u8]) {
        self.outbound.count(packet);
    }

    /// The call is protected again after it was plain. The other side goes on counting, or begins anew.
    pub fn wake(&mut self) {
        self.inbound.wake();
    }

    /// The suite in use.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.keys.suite()
    }

    /// Protects an RTP packet in place. All packets are of one source, in the order of their sequence numbers.
    ///
    /// # Errors
    /// The caller's fault: this is no RTP packet. Or the key is used up, after 2^48 packets.
    pub fn protect_rtp(&mut self, packet: &mut Vec<u8>) -> Result<(), NotProtected> {
        self.outbound.rtp(packet)
    }

    /// Protects an RTP packet of any source in place, whose sequence number has wrapped `roll_over` times. No two packets of a
    /// source may have the same number: whoever has it counted by itself answers for that.
    ///
    /// # Errors
    /// The caller's fault: this is no RTP packet.
    pub fn protect_rtp_after(&self, packet: &mut Vec<u8>, roll_over: u32) -> Result<(), NotProtected> {
        self.outbound.rtp_after(packet, roll_over)
    }

    /// Protects an RTCP packet in place.
    ///
    /// # Errors
    /// The caller's fault: this is no RTCP packet.
    pub fn protect_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<(), NotProtected> {
        self.outbound.rtcp(packet)
    }

    /// A packet of a source was checked and let through by somebody else. None up to its index is let through here; false if it
    /// should not have been let through there, because it or one after it has come here before.
    #[must_use]
    pub fn heard(&mut self, ssrc: u32, index: u64) -> bool {
        self.inbound.heard(ssrc, index)
    }

    /// Checks an RTP packet and writes it, decrypted, over `out`. Returns its index: the sequence number with the count of its
    /// wraps above it.
    ///
    /// # Errors
    /// The sender's fault: it is not authentic, or came before. `out` holds nothing of use then.
    pub fn open_rtp(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Result<u64, Rejected> {
        self.inbound.rtp(packet, out)
    }

    /// Checks an RTCP packet and writes it, decrypted, over `out`.
    ///
    /// # Errors
    /// As with [`Session::open_rtp`].
    pub fn open_rtcp(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Result<(), Rejected> {
        self.inbound.rtcp(packet, out)
    }

    #[cfg(test)]
    pub(super) fn send_from(&mut self, roll_over: u32, last: u16) {
        self.outbound.start_at(roll_over, last);
    }
}
