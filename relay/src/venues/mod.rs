//! Venues: a folder each, and a line each in the registry.
//!
//! A venue is data plus pure functions: addresses, subscribe frames, keep-alive, limits, parse. It opens no
//! socket and reads no clock; the driver in [`crate::ingest`] does that once for all of them.

pub mod binance;
pub mod bybit;
mod calls;
pub mod coinbase;
mod common;
pub mod hyperliquid;
pub mod insightsentry;
pub mod okx;
pub mod sim;
mod types;

pub use calls::{Answer, Counted, Fetch, Fetched, LimitSpec, RestFault, RestRequest, Window};
pub use types::{
    BookSource, Decoded, Decoder, DepthDiff, DepthSnapshot, Frame, Instruments, KeepAlive, Level, Off, Pace,
    Poll, Product, RouteSpec, Sequencer, Stream, TradeUpdate, Update, VenueError, Verdict, What,
};

use std::sync::Arc;

use shared::event::Channel;
use shared::market::{Instrument, Kind, Ms, Symbol, Timeframe, VenueId};

use crate::config::BaseUrls;

/// A venue's name and how it is made from the base addresses configured for it.
type Registered = (&'static str, fn(&BaseUrls) -> Arc<dyn Venue>);

/// The registry: one line per folder. The simulated market is no socket venue and stands apart.
const REGISTRY: &[Registered] = &[
    ("binance", |urls| Arc::new(binance::Binance::new(urls.into()))),
    ("bybit", |urls| Arc::new(bybit::Bybit::new(urls.into()))),
    ("okx", |urls| Arc::new(okx::Okx::new(urls.into()))),
    ("hyperliquid", |urls| Arc::new(hyperliquid::Hyperliquid::new(urls.into()))),
    ("coinbase", |urls| Arc::new(coinbase::Coinbase::new(urls.into()))),
    ("insightsentry", |urls| Arc::new(insightsentry::InsightSentry::new(urls))),
];

/// The venue of recordings that name none: their text form is only known of this one.
pub const UNNAMED: &str = "binance";

/// Those that want a key, and whose data is under licence.
const LICENSED: &[&str] = &["insightsentry"];

/// The names of the real venues.
pub fn names() -> impl Iterator<Item = &'static str> {
    REGISTRY.iter().map(|(name, _)| *name)
}

/// Whether a venue wants a key and its data is under licence.
pub fn is_licensed(name: &str) -> bool {
    LICENSED.contains(&name)
}

/// The venue of that name, at its own addresses or the ones configured.
pub fn build(id: &VenueId, urls: &BaseUrls) -> Option<Arc<dyn Venue>> {
    REGISTRY.iter().find(|(name, _)| *name == id.as_str()).map(|(_, make)| make(urls))
}

/// Everything the relay knows about one venue. Object-safe: a list of venues is a loop.
pub trait Venue: Send + Sync + 'static {
    fn id(&self) -> VenueId;

    /// Why the venue is not to be started with these settings.
    fn off(&self) -> Option<Off> {
        None
    }

    /// The venue's products; an instrument's kind picks one.
    fn products(&self) -> &'static [Product];

    fn product_of(&self, kind: Kind) -> Option<Product>;

    /// The kinds of socket this venue has, with address, keep-alive and lifetime.
    fn routes(&self) -> Vec<RouteSpec>;

    /// The streams that feed `channels` of an instrument, each on the route that delivers it.
    fn streams(&self, instrument: &Instrument, channels: &[Channel]) -> Vec<Stream>;

    /// Frames that subscribe `added` on one connection, few enough and small enough to be accepted; `held` is
    /// everything on it afterwards, for venues whose frames replace the whole list. `id` counts up.
    fn subscribe(&self, added: &[Stream], held: &[Stream], id: u64) -> Vec<String>;

    /// Frames that unsubscribe `removed`; `held` is what stays. A connection nothing stays on is closed.
    fn unsubscribe(&self, removed: &[Stream], held: &[Stream], id: u64) -> Vec<String>;

    /// Where each frame puts a whole list in the place of the one before: changes within this time make one frame.
    fn settle(&self) -> Option<Ms> {
        None
    }

    /// A refusal that names streams is of those alone: the others of its request stand.
    fn refuses_singly(&self) -> bool {
        false
    }

    /// A decoder for one connection of a product.
    fn decoder(self: Arc<Self>, product: Product) -> Box<dyn Decoder>;

    /// Where this product's books come from.
    fn book_source(&self, product: Product) -> BookSource;

    /// The rule by which this product's depth updates chain.
    fn sequencer(&self, product: Product) -> Box<dyn Sequencer>;

    /// How the books of a kind of market chain and where they come from; `None` for a kind the venue lacks.
    fn book_of(&self, kind: Kind) -> Option<(Box<dyn Sequencer>, BookSource)> {
        let product = self.product_of(kind)?;
        Some((self.sequencer(product), self.book_source(product)))
    }

    /// The REST call that answers `fetch`; `None` where the venue has none.
    fn request(&self, fetch: &Fetch) -> Option<RestRequest>;

    /// Where the answer to `fetch` ends at the latest although its range goes on, and may be empty before that.
    fn page_end(&self, fetch: &Fetch) -> Option<Ms> {
        let _ = fetch;
        None
    }

    /// Decodes the body of a successful answer to `fetch`.
    ///
    /// # Errors
    /// [`VenueError`] naming the field.
    fn parse_rest(&self, fetch: &Fetch, received: Ms, body: &[u8]) -> Result<Fetched, VenueError>;

    /// What an answer means that is no success; `None` for one that is. Asked for each answer, as some venues
    /// send errors with HTTP 200.
    fn fault(&self, answer: &Answer<'_>, now: Ms) -> Option<RestFault>;

    /// What of an instrument has to be asked for again and again.
    fn polls(&self, instrument: &Arc<Instrument>, now: Ms) -> Vec<Poll>;

    /// One connection at a time: another one of ours would be thrown out, or throw out the first.
    fn alone(&self) -> bool {
        false
    }

    /// The venue cannot list its instruments: each is asked for by name.
    fn unlisted(&self) -> bool {
        false
    }

    /// The REST budgets, by name; [`RestRequest::limit`] refers to them.
    fn limits(&self) -> Vec<LimitSpec>;

    /// Timeframes the venue serves itself; others are folded from the largest of them that nests.
    fn native_timeframes(&self) -> &'static [Timeframe];

    /// Bars a call may span at most, where the venue refuses longer ranges rather than cutting its answer; a
    /// stretch of them without a bar is no end of the history.
    fn bars_per_call(&self) -> Option<u32> {
        None
    }

    /// So many bars back from now a call brings, whatever part of them is asked for, and none is to be asked for
    /// twice; [`Self::page_end`] tells the exceptions. `None` where a call brings what is asked for.
    fn bars_reached(&self) -> Option<u32> {
        None
    }

    /// Best guess of an instrument the exchange info is missing for (recorded frames): ticks unknown.
    fn guess_instrument(&self, product: Product, venue_symbol: &str) -> Option<Instrument>;

    /// Best guess of the venue's name of a symbol, to ask for its listing where the venue filters.
    fn guess_name(&self, symbol: &Symbol) -> Option<(Product, String)>;

    /// Which product a recorded frame is of, by its url, stream name or shape; `None` if it could be any.
    fn product_of_frame(&self, url: Option<&str>, frame: &[u8]) -> Option<Product>;

    /// The REST call a recorded `url` (path, maybe with host and query) was, for decoding recorded bodies.
    fn fetch_of_url(&self, product: Option<Product>, url: &str, query: &str) -> Option<Fetch>;
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }

    #[test]
    fn folders_and_registry_agree() {
        let entries = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/venues")).unwrap();
        let folders = entries.map(|e| e.unwrap().path()).filter(|path| path.is_dir());
        let mut folders: Vec<String> =
            folders.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
        folders.retain(|name| name != "common" && name != "sim");
        folders.sort_unstable();
        let mut registered: Vec<&str> = names().collect();
        registered.sort_unstable();
        assert_eq!(folders, registered);
        for name in names() {
            let venue = build(&VenueId::new(name), &BaseUrls::default()).unwrap();
            assert_eq!(venue.id().as_str(), name);
            let routes = venue.routes();
            for product in venue.products() {
                assert!(routes.iter().any(|r| r.product == *product), "{name}: no route for {product}");
            }
            let limits: Vec<&str> = venue.limits().iter().map(|l| l.name).collect();
            assert!(!limits.is_empty(), "{name}: calls without a budget");
        }
    }

    #[test]
    fn no_venue_is_named_outside_its_folder_but_in_configuration() {
        let mut files = Vec::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for folder in ["relay/src", "shared/src", "frontend/src"] {
            sources(&root.join(folder), &mut files);
        }
        assert!(files.len() > 100, "the sources are where they are looked for");
        let allowed = |path: &str| {
            let path = path.replace('\\', "/");
            path.contains("/config/")
                || path.contains("tests")
                || path.contains("/suite/")
                || path.ends_with("venues/mod.rs")
        };
        for (path, text) in files.iter().filter(|(path, _)| !allowed(path)) {
            // Tests at a file's end may name whom they like, comments too.
            let code = text.split("#[cfg(test)]").next().unwrap();
            for name in names().filter(|name| !path.contains(&format!("venues/{name}"))) {
                let found = code.lines().find(|line| {
                    let line = line.trim_start();
                    !line.starts_with("//") && line.to_lowercase().contains(name)
                });
                assert_eq!(found, None, "{path} names {name}");
            }
        }
    }
}
