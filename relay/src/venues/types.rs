//! What venues and the driver say to each other.

use std::collections::HashMap;
use std::sync::Arc;

use shared::event::Bar;
use shared::event::{BookTop, Channel, Funding, Liquidation, OpenInterest, Trade};
use shared::market::{Instrument, Ms, Symbol};

use super::Fetch;

/// A part of a venue with its own symbols and sockets, like `spot` or `usdm`.
pub type Product = &'static str;

/// Instruments by product and the venue's own name.
#[derive(Clone, Default, Debug)]
pub struct Instruments {
    by_name: HashMap<Product, HashMap<String, Arc<Instrument>>>,
}

impl Instruments {
    pub fn insert(&mut self, product: Product, instrument: Instrument) {
        let name = instrument.venue_symbol.clone();
        self.by_name.entry(product).or_default().insert(name, Arc::new(instrument));
    }

    pub fn get(&self, product: Product, venue_symbol: &str) -> Option<&Arc<Instrument>> {
        self.by_name.get(product)?.get(venue_symbol)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Product, &Arc<Instrument>)> {
        self.by_name.iter().flat_map(|(product, names)| names.values().map(|i| (*product, i)))
    }

    pub fn by_symbol(&self, symbol: &Symbol) -> Option<(Product, &Arc<Instrument>)> {
        self.iter().find(|(_, i)| i.symbol == *symbol)
    }

    pub fn is_empty(&self) -> bool {
        self.by_name.values().all(HashMap::is_empty)
    }
}

/// Why a venue is not followed with the settings there are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Off {
    /// One line that names the setting.
    pub reason: String,
    /// What was recorded of it is not to be served either.
    pub withheld: bool,
}

/// One kind of socket of a venue.
#[derive(Clone, Debug)]
pub struct RouteSpec {
    /// Unique within the venue, like `usdm/market`; metrics and logs show it.
    pub name: &'static str,
    pub product: Product,
    /// The address to connect to; streams are subscribed by frames afterwards.
    pub url: String,
    pub keep_alive: KeepAlive,
    /// A new connection takes over, overlapping, before the venue ends the old one.
    pub renew_after: Option<Ms>,
    /// Streams one connection may carry; more open further connections.
    pub max_streams: usize,
    /// Client frames the venue accepts on one connection; all of them hold.
    pub messages: Vec<Pace>,
    /// New connections the venue accepts at this address's host, whatever route opens them; all of them hold.
    pub connects: Vec<Pace>,
}

/// At most `count` in any stretch of `window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    pub count: usize,
    pub window: Ms,
    /// Whether pings count.
    pub pings: bool,
}

impl Pace {
    pub const fn new(count: usize, window: Ms) -> Pace {
        Pace { count, window, pings: true }
    }

    /// The same, pings not counted.
    pub const fn without_pings(self) -> Pace {
        Pace { pings: false, ..self }
    }
}

/// Decodes the frames of one connection, in order.
///
/// It may remember what the venue says only once (a ticker sent as changes); a fresh one is made for each
/// connection, so nothing outlives a broken line. A frame about an instrument that is not listed leaves no
/// trace: who reads recordings registers the instrument and decodes the same frame again.
pub trait Decoder: Send {
    /// `received` is ours, for events the venue does not time.
    ///
    /// # Errors
    /// [`VenueError`] naming the field; the frame is counted and skipped.
    fn decode(
        &mut self,
        instruments: &Instruments,
        received: Ms,
        frame: &[u8],
    ) -> Result<Decoded, VenueError>;
}

/// Where a book's snapshot comes from, and so how it is brought back in step after a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookSource {
    /// From a REST call; diffs are held until it is there.
    Rest,
    /// First on the stream itself: subscribe anew. `depth`: levels a side the venue keeps current, where diffs
    /// may push others beyond it.
    Stream { depth: Option<usize> },
    /// Every frame is a whole book.
    Whole,
}

/// Something a venue only says when asked, to be asked again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Poll {
    pub channel: Channel,
    pub every: Ms,
    pub fetch: Fetch,
}

/// How a line is kept and known to be alive.
#[derive(Clone, Debug, PartialEq)]
pub struct KeepAlive {
    /// Text to send each so often where the venue wants one; protocol pings are answered anyway.
    pub ping: Option<(Ms, String)>,
    /// The line is dead when nothing at all came for so long.
    pub dead_after: Ms,
}

/// One stream to subscribe: the unit of freshness and of resubscription. Where one stream carries several
/// symbols, each has a `Stream` of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stream {
    pub route: &'static str,
    /// The venue's name for it; [`Decoded::stream`] answers with the same.
    pub name: Arc<str>,
    pub symbol: Symbol,
    pub channel: Channel,
    /// Usual spacing of its frames until a rate is learned; `None`: silence means nothing.
    pub usual_interval: Option<Ms>,
}

/// A decoded socket frame: where it came from and what it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The stream it belongs to, where the frame says so or its shape tells.
    pub stream: Option<String>,
    pub frame: Frame,
    /// The venue's names the frame speaks of that are not among the instruments given; what it says of them is
    /// left out. Who reads recordings registers [`super::Venue::guess_instrument`] and decodes again.
    pub unlisted: Vec<String>,
}

impl Decoded {
    /// A frame about listed instruments, or about none.
    pub fn new(stream: Option<String>, frame: Frame) -> Decoded {
        Decoded { stream, frame, unlisted: Vec::new() }
    }
}

/// What a socket frame says.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    Updates(Vec<Update>),
    /// The venue took a control frame; proves nothing about data.
    Ack {
        id: Option<u64>,
    },
    /// The venue refused a control frame; `streams` as far as it names them.
    Refused {
        id: Option<u64>,
        streams: Vec<String>,
        message: String,
    },
    /// A named kind without an event.
    Ignored(&'static str),
    /// A whole book that does not say whose (recordings only): the body of a depth call among the frames.
    /// Decode it with [`super::Venue::parse_rest`] for the instrument around it.
    UnnamedDepth,
    /// The venue wants the connection's subscriptions sent again after a while.
    Again {
        after: Ms,
        message: String,
    },
    /// The venue is about to close; reconnect now.
    Shutdown,
    /// The venue is going to close in a while: open the next connection before this one goes.
    Renew,
    /// Nothing more is to be had with these settings (a bad key, an evicted connection): stop, and say why.
    Final(String),
}

/// One thing said about one symbol.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    pub symbol: Symbol,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Trade(TradeUpdate),
    /// The venue's own bar; forming where `closed` is false.
    Kline(Bar),
    Oi(OpenInterest),
    Funding(Funding),
    Liquidation(Liquidation),
    /// Best prices, or a whole top-N book already reduced.
    Top(BookTop),
    Diff(DepthDiff),
    Snapshot(DepthSnapshot),
    /// The number of the venue's newest trade; a higher one than ours means trades were missed.
    LastTrade {
        timestamp: Ms,
        sequence: u64,
    },
}

impl What {
    /// The channel it belongs to.
    pub fn channel(&self) -> Channel {
        match self {
            What::Trade(_) | What::LastTrade { .. } => Channel::Trade,
            What::Kline(_) => Channel::Bar,
            What::Oi(_) => Channel::Oi,
            What::Funding(_) => Channel::Funding,
            What::Liquidation(_) => Channel::Liquidation,
            What::Top(_) | What::Diff(_) | What::Snapshot(_) => Channel::Book,
        }
    }
}

/// A trade with its place in the venue's numbering.
#[derive(Clone, Debug, PartialEq)]
pub struct TradeUpdate {
    pub trade: Trade,
    /// Counts up by one per update of this symbol: a jump is a loss, a repeat a duplicate. `None`: not numbered;
    /// repeats are known by [`Trade::id`] then.
    pub sequence: Option<u64>,
}

/// Price and absolute quantity; 0 deletes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    pub price: f64,
    pub quantity: f64,
}

/// A change of a book.
#[derive(Clone, Debug, PartialEq)]
pub struct DepthDiff {
    pub timestamp: Ms,
    pub first_id: u64,
    pub last_id: u64,
    /// Last id of the update before, where the venue chains by it.
    pub previous_id: Option<u64>,
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
}

/// A whole book, to a limit of levels.
#[derive(Clone, Debug, PartialEq)]
pub struct DepthSnapshot {
    pub timestamp: Ms,
    pub last_id: u64,
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
}

/// How depth updates chain; fed each update once, in order.
pub trait Sequencer: Send {
    /// A snapshot was taken as the new base.
    fn rebase(&mut self, last_id: u64);
    /// What to do with the next update.
    fn check(&mut self, diff: &DepthDiff) -> Verdict;
}

/// A sequencer's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Apply,
    /// Already in the book.
    Drop,
    /// Something is missing: clear the book and take a fresh snapshot.
    Gap,
}

/// A frame or body that could not be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VenueError {
    /// Skip the frame; the excerpt goes to the log.
    #[error("not JSON this venue sends: {detail}")]
    Malformed { detail: String },
    #[error("field `{field}`: {detail}")]
    Field { field: &'static str, detail: String },
    /// The call succeeded and the body is an error all the same.
    #[error("the venue refused: {detail}")]
    Refused { detail: String },
}
