//! Request methods (RFC 3261 §7.1 and the extensions' own RFCs).

use std::fmt;
use std::str::FromStr;

use super::error::InvalidText;
use super::lex;

/// A method this program does not know by name. Holds a token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExtensionMethod(Box<str>);

macro_rules! methods {
    ($($variant:ident $name:literal $rfc:literal,)*) => {
        /// What a request asks for. Names are case-sensitive.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum Method {
            $(#[doc = concat!($name, " (RFC ", $rfc, ")")] $variant,)*
            /// Any other token.
            Extension(ExtensionMethod),
        }

        impl Method {
            /// As printed on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Extension(name) => &name.0,
                }
            }
        }

        impl FromStr for Method {
            type Err = InvalidText;

            fn from_str(text: &str) -> Result<Self, InvalidText> {
                match text {
                    $($name => Ok(Self::$variant),)*
                    other if lex::is_token(other) => Ok(Self::Extension(ExtensionMethod(other.into()))),
                    _ => Err(InvalidText::Token),
                }
            }
        }
    };
}

methods! {
    Invite "INVITE" "3261",
    Ack "ACK" "3261",
    Bye "BYE" "3261",
    Cancel "CANCEL" "3261",
    Options "OPTIONS" "3261",
    Register "REGISTER" "3261",
    Info "INFO" "6086",
    Update "UPDATE" "3311",
    Prack "PRACK" "3262",
    Message "MESSAGE" "3428",
    Subscribe "SUBSCRIBE" "6665",
    Notify "NOTIFY" "6665",
    Refer "REFER" "3515",
    Publish "PUBLISH" "3903",
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
