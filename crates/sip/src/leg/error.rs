//! What can be wrong with a command to a leg.

/// Why a command to a leg was not carried out. The caller's mistake, or the call moved on meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LegError {
    /// The leg has ended.
    #[error("the leg has ended")]
    Gone,
    /// Not possible in the leg's state: answering twice, re-INVITE before the answer.
    #[error("not possible in the leg's present state")]
    State,
}
