//! The media plane: worker threads that carry rooms and the audio of the phone calls in them.
//!
//! A room lives on one worker with everything in it, so a packet goes from phone to room by function call. [`Workers`] is
//! the handle of the control plane: commands go in through one bounded queue per worker, answers and events come back
//! through bounded queues of their own. A full command queue refuses what is new ([`JoinError::Busy`]); what belongs to a
//! session that runs waits for its place. A worker never waits for anybody.

mod call_media;
mod command;
mod config;
mod demux;
mod directory;
mod elsewhere;
mod error;
mod execute;
mod farewell;
mod forwarding;
pub(crate) mod framing;
mod handle;
mod ice_tcp;
mod load;
mod moderation;
mod moving;
mod pacing;
mod phone;
mod ports;
mod post;
mod rtc;
mod session;
mod slot;
mod start;
mod thread;
mod timers;
mod wake;

pub(crate) use call_media::{CallMedia, CallOpen, MediaEvent, OpenError};
pub(crate) use config::{RtcAddress, RtpAddress, WorkersConfig};
pub(crate) use error::{JoinError, MoveError, RoomError, RpcError, SessionClosed, StartError};
pub(crate) use handle::Workers;
pub(crate) use load::{Utilization, process_time};
pub(crate) use session::{SignalJoin, SignalOut, SignalResume, SignalSender, SignalSession};
pub(crate) use start::Threads;

#[cfg(test)]
mod tests;
