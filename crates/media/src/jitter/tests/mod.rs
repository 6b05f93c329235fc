//! Networks and talkers in simulated time, seeded; each test tells one of their stories.

mod properties;
mod sim;
mod stories;
mod streams;
