//! Matching messages to transactions (RFC 3261 §17.1.3, §17.2.3).

use crate::msg::{CSeq, HeaderName, Headers, Method, Request, Via};

/// A response belongs to the request with its branch and method.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ClientKey {
    branch: String,
    method: Method,
}

impl ClientKey {
    pub(crate) fn of(headers: &Headers) -> Option<ClientKey> {
        let branch = headers.branch()?;
        let method = headers.cseq().ok()?.method;
        Some(ClientKey { branch, method })
    }
}

/// A request is a copy of the one with its key. ACK and CANCEL look for the INVITE's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum ServerKey {
    /// RFC 3261: the branch tells requests apart, the sender's name for itself tells senders apart.
    Branch { branch: String, sent_by: String, method: Method },
    /// RFC 2543: no usable branch, so everything that a copy has in common with its original. The To tag is left
    /// out: the ACK has the one of our response.
    Legacy {
        uri: String,
        from_tag: Option<String>,
        call_id: String,
        number: u32,
        via: String,
        method: Method,
    },
}

impl ServerKey {
    pub(crate) fn of(request: &Request) -> Option<ServerKey> {
        ServerKey::with_method(request, request.method.clone())
    }

    /// The key of the INVITE that an ACK or a CANCEL is about.
    pub(crate) fn of_invite(request: &Request) -> Option<ServerKey> {
        ServerKey::with_method(request, Method::Invite)
    }

    fn with_method(request: &Request, method: Method) -> Option<ServerKey> {
        let headers = &request.headers;
        let via = headers.via().ok()?;
        if via.has_rfc3261_branch() {
            let branch = via.branch()?.to_owned();
            return Some(ServerKey::Branch { branch, sent_by: sent_by(&via), method });
        }
        Some(ServerKey::Legacy {
            uri: request.uri.to_string(),
            from_tag: headers.from_tag(),
            call_id: headers.call_id().ok()?.to_owned(),
            number: headers.cseq().ok()?.number,
            via: headers.get(&HeaderName::Via)?.to_owned(),
            method,
        })
    }
}

/// Host and port as the sender names itself, names in lower case.
pub(crate) fn sent_by(via: &Via) -> String {
    format!("{}:{}", via.host, via.port_or_default()).to_ascii_lowercase()
}

/// Two requests outside any dialog that agree in this but not in their transaction came by two ways
/// (RFC 3261 §8.2.2.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct MergeKey {
    from_tag: String,
    call_id: String,
    cseq: CSeq,
}

impl MergeKey {
    /// `None` for requests inside a dialog and for peers without tags, where the rule does not apply.
    pub(crate) fn of(headers: &Headers) -> Option<MergeKey> {
        if headers.to_tag().is_some() {
            return None;
        }
        let from_tag = headers.from_tag()?;
        Some(MergeKey { from_tag, call_id: headers.call_id().ok()?.to_owned(), cseq: headers.cseq().ok()? })
    }
}
