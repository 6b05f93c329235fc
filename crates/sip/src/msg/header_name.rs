//! Header field names and their compact forms (RFC 3261 §7.3.3, §20 and the extensions' own RFCs).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use super::error::InvalidText;
use super::lex;

/// A header field name this program does not know. Holds a token; compares without regard to case.
#[derive(Debug, Clone)]
pub struct ExtensionName(Box<str>);

impl PartialEq for ExtensionName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for ExtensionName {}

impl Hash for ExtensionName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.0.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

macro_rules! names {
    ($($variant:ident $name:literal $($compact:literal)?,)*) => {
        /// The name of a header field. Read in any case and in compact form, printed in full.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum HeaderName {
            $(#[doc = $name] $variant,)*
            /// Any other token.
            Extension(ExtensionName),
        }

        impl HeaderName {
            /// As printed.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Extension(name) => &name.0,
                }
            }

            fn known(text: &str) -> Option<Self> {
                $(if text.eq_ignore_ascii_case($name) $(|| text.eq_ignore_ascii_case($compact))? {
                    return Some(Self::$variant);
                })*
                None
            }
        }
    };
}

names! {
    Via "Via" "v",
    From "From" "f",
    To "To" "t",
    CallId "Call-ID" "i",
    CSeq "CSeq",
    Contact "Contact" "m",
    MaxForwards "Max-Forwards",
    Route "Route",
    RecordRoute "Record-Route",
    ContentLength "Content-Length" "l",
    ContentType "Content-Type" "c",
    ContentEncoding "Content-Encoding" "e",
    ContentDisposition "Content-Disposition",
    Authorization "Authorization",
    WwwAuthenticate "WWW-Authenticate",
    ProxyAuthorization "Proxy-Authorization",
    ProxyAuthenticate "Proxy-Authenticate",
    AuthenticationInfo "Authentication-Info",
    Allow "Allow",
    Supported "Supported" "k",
    Require "Require",
    ProxyRequire "Proxy-Require",
    Unsupported "Unsupported",
    Accept "Accept",
    AcceptEncoding "Accept-Encoding",
    AcceptLanguage "Accept-Language",
    UserAgent "User-Agent",
    Server "Server",
    Reason "Reason",
    Warning "Warning",
    RetryAfter "Retry-After",
    Expires "Expires",
    MinExpires "Min-Expires",
    SessionExpires "Session-Expires" "x",
    MinSe "Min-SE",
    RSeq "RSeq",
    RAck "RAck",
    Event "Event" "o",
    AllowEvents "Allow-Events" "u",
    SubscriptionState "Subscription-State",
    ReferTo "Refer-To" "r",
    ReferredBy "Referred-By" "b",
    Replaces "Replaces",
    Subject "Subject" "s",
    Date "Date",
    Timestamp "Timestamp",
    Organization "Organization",
    Priority "Priority",
    MimeVersion "MIME-Version",
    InfoPackage "Info-Package",
    RecvInfo "Recv-Info",
    PAssertedIdentity "P-Asserted-Identity",
    PPreferredIdentity "P-Preferred-Identity",
    PEarlyMedia "P-Early-Media",
    RemotePartyId "Remote-Party-ID",
    Privacy "Privacy",
    Diversion "Diversion",
    HistoryInfo "History-Info",
    Path "Path",
    ServiceRoute "Service-Route",
    AcceptContact "Accept-Contact" "a",
    RejectContact "Reject-Contact" "j",
    RequestDisposition "Request-Disposition" "d",
    Identity "Identity" "y",
}

impl HeaderName {
    /// Whether the value is a comma-separated list whose elements may as well stand in fields of their own, and
    /// whose commas are never part of an element outside quotes and brackets (RFC 3261 §7.3.1).
    pub(super) const fn is_address_list(&self) -> bool {
        matches!(
            self,
            Self::Via | Self::Route | Self::RecordRoute | Self::Contact | Self::Path | Self::ServiceRoute
        )
    }
}

impl FromStr for HeaderName {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        match Self::known(text) {
            Some(name) => Ok(name),
            None if lex::is_token(text) && text.len() <= 128 => {
                Ok(Self::Extension(ExtensionName(text.into())))
            }
            None => Err(InvalidText::Token),
        }
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
