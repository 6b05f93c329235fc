//! What a failed handshake means, in a sentence for whoever runs the trunk.

use std::io;

use rustls::{AlertDescription, CertificateError, Error};

/// Whether TLS itself failed, at any time of a connection, and not the network under it.
pub(crate) fn is_tls(error: &io::Error) -> bool {
    of(error).is_some()
}

/// Why there is no secure connection.
pub(crate) fn reason(error: &io::Error) -> String {
    match of(error) {
        Some(Error::InvalidCertificate(why)) => certificate(why),
        Some(Error::AlertReceived(alert)) => told(*alert),
        Some(Error::InvalidMessage(_)) => "what answers there speaks no TLS".to_owned(),
        Some(other) => other.to_string(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the peer closed the connection during the handshake".to_owned()
        }
        None => error.to_string(),
    }
}

fn of(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// Why we do not accept its certificate.
fn certificate(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer => {
            "its certificate is signed by no authority that is trusted here".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired".to_owned()
        }
        CertificateError::NotValidForName => "its certificate is for another name".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().map(|name| plain(name)).collect();
            format!("its certificate is not for {} but for {}", expected.to_str(), names.join(", "))
        }
        other => format!("its certificate is not accepted: {other}"),
    }
}

/// `DnsName("a.test")`, as rustls tells it, without what only programmers read.
fn plain(presented: &str) -> &str {
    let inner = presented.split_once('(').map_or(presented, |(_, inner)| inner.trim_end_matches(')'));
    inner.trim_matches('"')
}

/// Why the peer does not accept us, as far as it says.
fn told(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => "the peer asks for a certificate of ours".to_owned(),
        AlertDescription::NoApplicationProtocol => {
            "the peer takes none of the protocols that we offer (ALPN)".to_owned()
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA => format!("the peer does not accept our certificate: {alert:?}"),
        other => format!("the peer ended it: {other:?}"),
    }
}
