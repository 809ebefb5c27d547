//! Protocol v1: what goes over `/ws`, as JSON.
//!
//! [`ClientFrame::parse`] reads what a client sends and names the field that is wrong; [`ServerFrame`] is
//! everything the relay sends, read by the page and by tests, written by the hub.

mod alert;
mod client;
mod replay;
mod server;

pub use alert::{Alert, AlertDirection};
pub use client::{ClientError, ClientFrame, Subscribe, Unsubscribe};
pub use replay::{MaxWord, Replay, ReplaySpeed, ReplayState};
#[cfg(feature = "schema")]
pub(crate) use server::Control;
pub use server::{ChannelStatus, Data, ServerFrame, Status, Subscribed, TopicName, VenueState, VenueStatus};

/// WebSocket subprotocol of the JSON form.
pub const SUBPROTOCOL_JSON: &str = "tapedeck.v1.json";
/// Longest control frame a client may send.
pub const MAX_CLIENT_FRAME_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests;
