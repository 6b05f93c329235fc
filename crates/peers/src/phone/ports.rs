//! The two UDP sockets of one call's audio: RTP on an even port, RTCP on the next (RFC 3550 §11).

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::UdpSocket;

/// Pairs tried before giving up.
const ATTEMPTS: usize = 100;

/// A bound pair.
#[derive(Debug)]
pub struct Ports {
    /// For RTP.
    pub rtp: UdpSocket,
    /// For RTCP.
    pub rtcp: UdpSocket,
    /// Address of the RTP socket.
    pub addr: SocketAddr,
}

impl Ports {
    /// Binds a free pair on `ip`.
    ///
    /// # Errors
    /// What the last attempt failed with.
    pub async fn bind(ip: IpAddr) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..ATTEMPTS {
            match Self::attempt(ip).await {
                Ok(Some(pair)) => return Ok(pair),
                Ok(None) => {}
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn attempt(ip: IpAddr) -> io::Result<Option<Self>> {
        let rtp = UdpSocket::bind(SocketAddr::new(ip, 0)).await?;
        let addr = rtp.local_addr()?;
        if addr.port() % 2 == 1 {
            return Ok(None);
        }
        match UdpSocket::bind(SocketAddr::new(ip, addr.port() + 1)).await {
            Ok(rtcp) => Ok(Some(Self { rtp, rtcp, addr })),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pair_is_even_and_next_to_each_other() {
        let pair = Ports::bind(IpAddr::from([127, 0, 0, 1])).await.unwrap();
        assert_eq!(pair.addr.port() % 2, 0);
        assert_eq!(pair.rtcp.local_addr().unwrap().port(), pair.addr.port() + 1);
    }
}
