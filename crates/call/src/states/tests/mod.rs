//! Calls told as stories: a scripted phone, a scripted room, simulated time.

mod endings;
mod midway;
mod setup;
mod story;
