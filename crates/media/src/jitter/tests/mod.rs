//! Networks and talkers in simulated time, seeded; each test tells one of their stories.

mod conversations;
mod properties;
mod sim;
mod stories;
mod streams;
mod wide;
