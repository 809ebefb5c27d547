//! What driver and link machine say to each other.

use std::sync::Arc;

use super::Backoff;
use crate::market::Ms;
use crate::wire::VenueState;

/// Names a socket between driver and machine; never used twice by one link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnId(pub u64);

/// How a link behaves; all lengths in ms.
#[derive(Clone, Debug)]
pub struct Config {
    /// Longest pause between attempts: [`Backoff::BROWSER_CAP`] or [`Backoff::VENUE_CAP`].
    pub backoff_cap: Ms,
    /// Seeds the jitter.
    pub seed: u64,
    /// A socket not open by then is given up.
    pub connect_timeout: Ms,
    /// An open socket on which nothing at all came for so long is dead.
    pub dead_after: Ms,
    /// [`Output::Ping`] so often, where the peer wants a ping of ours.
    pub ping_every: Option<Ms>,
    /// Age at which a connection is renewed; the real instant is up to a tenth earlier, by the seed.
    pub renew_after: Option<Ms>,
    /// How long old and new connection may overlap.
    pub overlap: Ms,
    /// Data must have flowed on a connection for so long before its loss starts the back-off anew.
    pub stable_after: Ms,
}

impl Config {
    /// For a page's link to its relay.
    pub fn browser(seed: u64) -> Config {
        Config {
            backoff_cap: Backoff::BROWSER_CAP,
            seed,
            connect_timeout: Ms(8_000),
            dead_after: Ms(30_000),
            ping_every: Some(Ms(10_000)),
            renew_after: None,
            overlap: Ms(15_000),
            stable_after: Ms(10_000),
        }
    }

    /// For a relay's link to a venue; set heartbeat and renewal as the venue says.
    pub fn venue(seed: u64) -> Config {
        Config {
            backoff_cap: Backoff::VENUE_CAP,
            connect_timeout: Ms(10_000),
            dead_after: Ms(60_000),
            ping_every: None,
            overlap: Ms(30_000),
            stable_after: Ms(30_000),
            ..Config::browser(seed)
        }
    }
}

/// A topic to keep subscribed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicSpec {
    pub name: Arc<str>,
    /// Spacing of its data until a rate is learned; `None` where silence means nothing.
    pub usual_interval: Option<Ms>,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// Bring the line up.
    Start,
    /// Take the line down for good; only [`Input::Start`] brings it back.
    Stop,
    /// Topics wanted from now on; known ones are left as they are.
    Add(Vec<TopicSpec>),
    /// Topics no longer wanted.
    Remove(Vec<Arc<str>>),
    /// The market of these topics opened or closed; new topics count as open. While it is closed their silence
    /// means nothing.
    Session { topics: Vec<Arc<str>>, open: bool },
    /// The socket is open.
    Opened(ConnId),
    /// Anything came: `topic` names what it is data of; an ack, a pong, a ping or an error is data of nothing.
    Frame { conn: ConnId, topic: Option<&'a str> },
    /// The socket is closed or could not be opened. `not_before`: the peer said when to come again.
    Closed { conn: ConnId, not_before: Option<Ms> },
    /// The wake time has come.
    Timer,
    /// Do not wait any longer: the network is back, or a person asks.
    Retry,
    /// The peer is about to close the connection: renew it now.
    Renew,
    /// The driver slept or was out of sight, whatever its clock says: an open connection has a few seconds to show
    /// that it lives.
    Prove,
}

/// Why the machine closes a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CloseReason {
    ConnectTimeout,
    /// Nothing came for too long.
    Dead,
    /// A newer connection took over.
    Replaced,
    /// The newer connection delivered nothing; the older one goes on.
    SuccessorFailed,
    Stopped,
}

/// The logical line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line {
    Stopped,
    Connecting,
    Open,
    /// The next attempt, the `attempt`-th in a row without success, comes at `until`.
    Waiting {
        until: Ms,
        attempt: u32,
    },
}

/// What to do, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    Connect(ConnId),
    /// Its [`Input::Closed`] need not be reported.
    Close {
        conn: ConnId,
        reason: CloseReason,
    },
    Subscribe {
        conn: ConnId,
        topics: Vec<Arc<str>>,
    },
    Unsubscribe {
        conn: ConnId,
        topics: Vec<Arc<str>>,
    },
    Ping(ConnId),
    /// News of a topic; before the first it is down.
    Topic {
        name: Arc<str>,
        state: VenueState,
    },
    /// News of the line; before the first it is stopped.
    Line(Line),
    /// Send [`Input::Timer`] then; replaces the time set before. `None`: no timer is needed.
    WakeAt(Option<Ms>),
}
