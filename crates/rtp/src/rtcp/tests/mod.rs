//! Stories of counting what arrives, and of the reports about it.

mod reception;
mod reports;
