//! How much of a message is believed before it is refused.

/// Bytes of one whole message, as of a UDP datagram.
pub const MESSAGE_BYTES: usize = 65_535;
/// Bytes from the start line to the empty line, on a stream.
pub const HEADER_SECTION_BYTES: usize = 32 * 1024;
/// Header fields of one message, after comma-separated lists are taken apart.
pub const HEADER_FIELDS: usize = 256;
/// Bytes of one header field's value, unfolded.
pub const HEADER_VALUE_BYTES: usize = 8 * 1024;
/// Parameters of one URI or of one header field value.
pub const PARAMETERS: usize = 64;
