//! Dialogs: what two ends remember of each other (RFC 3261 §12).
