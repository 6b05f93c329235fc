//! What the network and the operator's file may hold, for the fuzz targets: each function panics when a promise is broken.

use crate::{api, config, worker::framing};

/// A JSON request: what is read of it prints, and is read again as the same.
pub fn twirp_json(which: usize, json: &[u8]) {
    api::hostile::json(which, json);
}

/// The `join_request` and the `attributes` of a signalling URL.
pub fn join_request(packed: &str) {
    api::hostile::join_request(packed);
}

/// An access token: refused, for nobody here has the key.
pub fn token(token: &str) {
    api::hostile::token(token);
}

/// What comes over a connection for ICE over TCP, in pieces of this many bytes.
pub fn ice_tcp(piece: usize, stream: &[u8]) {
    framing::hostile(piece, stream);
}

/// A configuration file: every value that cannot be used is told with its key.
pub fn config(text: &str) {
    let Ok((_, problems, _)) = config::parse(text, config::Config::default()) else { return };
    for problem in problems {
        assert!(
            !problem.path.is_empty() || text.trim().is_empty() || problem.to_string().contains("the file"),
            "{problem}"
        );
    }
}
