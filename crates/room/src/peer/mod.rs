//! A participant's peer connection.

mod stun;

pub use stun::stun_username_ufrag;
