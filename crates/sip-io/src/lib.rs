//! Sockets, name resolution and timers under the sip core.
