//! A LiveKit room: participants, tracks, signalling, peer connections, data. A core without IO.
