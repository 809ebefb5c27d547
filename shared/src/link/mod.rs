//! Connection machines in virtual time: no socket, no clock, no thread inside.
//!
//! [`Link`] keeps one logical line up. A driver owns sockets and timers and does three things:
//!
//! 1. It calls [`Link::handle`] with the time and what happened: [`Input::Start`] once, [`Input::Add`] and
//!    [`Input::Remove`] for topics (before or after the start), [`Input::Opened`] and [`Input::Closed`] for
//!    sockets, [`Input::Frame`] for everything received, [`Input::Session`] where a market closes and opens,
//!    [`Input::Timer`] when the wake time has come, [`Input::Prove`] when it doubts that a connection lives.
//! 2. It does what the answer says, in order: [`Output::Connect`] opens a socket and remembers it under that
//!    connection id, [`Output::Close`] closes it, [`Output::Subscribe`], [`Output::Unsubscribe`] and
//!    [`Output::Ping`] send frames on it. [`Output::Topic`] and [`Output::Line`] are news for status and log.
//! 3. It holds one timer, set by delay: each [`Output::WakeAt`] replaces the time set before. Waking early or late
//!    is safe.
//!
//! Times are any one clock in ms, steps and sleep included: a clock set back counts as no time passed; when the
//! machine was asleep past its wake time, the time beyond did not pass either, and the line has a few
//! seconds to prove that it lives.
//!
//! What the machine takes care of:
//! - back-off with seeded jitter ([`Backoff`]), reset only after data has flowed for [`Config::stable_after`];
//! - connect timeout, and heartbeat: nothing at all for [`Config::dead_after`] means dead;
//! - per-topic freshness ([`Freshness`]): an ack is not data. A silent topic is unsubscribed and subscribed
//!   alone, again and again with growing pauses; the others are not touched;
//! - renewal with overlap: before [`Config::renew_after`] a second connection is opened and everything
//!   subscribed there as well. The first one is closed when each live topic has delivered on the second, or
//!   [`Config::overlap`] has passed and some did. If the second fails, the first stays. While both are up
//!   data comes twice: drop repeats by the venue's numbering.

mod backoff;
mod connection;
mod cross;
mod freshness;
mod io;
mod machine;
mod topics;

pub use backoff::Backoff;
pub use cross::CrossCheck;
pub use freshness::Freshness;
pub use io::{CloseReason, Config, ConnId, Input, Line, Output, TopicSpec};
pub use machine::Link;
