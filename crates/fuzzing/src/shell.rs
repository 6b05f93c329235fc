//! What the program itself reads: the API's JSON, join requests, tokens, the configuration.

use trunkline::hostile;

/// The first byte says which message.
pub fn twirp_json(data: &[u8]) {
    let Some((which, json)) = data.split_first() else { return };
    hostile::twirp_json(usize::from(*which), json);
}

/// `join_request` and `attributes` of a URL.
pub fn join_request(data: &[u8]) {
    hostile::join_request(&String::from_utf8_lossy(data));
}

/// An access token.
pub fn token(data: &[u8]) {
    hostile::token(&String::from_utf8_lossy(data));
}

/// A connection for ICE over TCP. The first byte says in what pieces it comes.
pub fn ice_tcp(data: &[u8]) {
    let Some((piece, stream)) = data.split_first() else { return };
    hostile::ice_tcp(usize::from(*piece) + 1, stream);
}

/// A configuration file.
pub fn config(data: &[u8]) {
    hostile::config(&String::from_utf8_lossy(data));
}
