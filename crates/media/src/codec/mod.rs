//! The codecs of telephony.

pub mod opus;
