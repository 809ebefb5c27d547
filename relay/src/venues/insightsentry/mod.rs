//! InsightSentry: futures, shares and indices under licence, by a key.
//!
//! Reading order: this file (addresses, socket, subscription messages, what keeps the venue off), `symbol` (codes,
//! kinds, calendars), `wire` (what the vendor writes), `bars` (series to bars), `decode` (frames to updates), `error`
//! (what goes wrong on the socket), `rest` and `rest_parse` (calls and their answers), `fault` (errors of calls).
//!
//! One 1m series per symbol feeds every timeframe. The key is in each socket message and in a header of each call;
//! nothing else of this folder holds it, and what the vendor says is searched for it before it is told on.

mod bars;
mod decode;
mod error;
mod fault;
mod rest;
mod rest_parse;
mod symbol;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use secrecy::ExposeSecret;
use serde_json::json;
use shared::event::Channel;
use shared::market::{Instrument, Kind, Ms, Symbol, Timeframe, VenueId};

use super::{
    Answer, BookSource, Decoder, DepthDiff, Fetch, Fetched, KeepAlive, LimitSpec, Off, Pace, Poll, Product,
    RestFault, RestRequest, RouteSpec, Sequencer, Stream, Venue, VenueError, Verdict,
};
use crate::config::{BaseUrls, Licence};

/// Everything the vendor has.
pub const LIVE: Product = "live";

const NAME: &str = "insightsentry";
const ROUTE: &str = "live";
/// Where the vendor is.
const WS: &str = "wss://realtime.insightsentry.com";
const REST: &str = "https://api.insightsentry.com";
/// Changes of the list within this time make one message.
const SETTLE: Ms = Ms(500);

/// The venue. Remembers one thing: about what time it is, from the answers it was given.
#[derive(Debug)]
pub struct InsightSentry {
    ws: String,
    rest: String,
    licence: Licence,
    /// When the newest answer came; 0 before the first.
    told: AtomicI64,
}

impl InsightSentry {
    /// At the vendor's addresses or those configured, under the licence configured.
    pub fn new(urls: &BaseUrls) -> InsightSentry {
        let base =
            |configured: &Option<String>, own: &str| configured.clone().unwrap_or_else(|| own.to_owned());
        InsightSentry {
            ws: base(&urls.ws, WS),
            rest: base(&urls.rest, REST),
            licence: urls.licence.clone(),
            told: AtomicI64::new(0),
        }
    }

    fn key(&self) -> &str {
        self.licence.key.as_ref().map_or("", |key| key.expose_secret())
    }

    /// A text without the key, should the vendor have repeated it.
    fn without_key(&self, text: &str) -> String {
        match self.key() {
            "" => text.to_owned(),
            key => text.replace(key, "***"),
        }
    }

    /// The message that puts a list in force, in place of the one before. A plan carries so many series: the
    /// newest stay.
    fn list(&self, held: &[Stream]) -> Vec<String> {
        let most = self.licence.live_subscriptions as usize;
        let newest = held.get(held.len().saturating_sub(most)..).unwrap_or_default();
        if newest.is_empty() {
            // An empty list is no message; the line closes with its last stream.
            return Vec::new();
        }
        // The same adjustments as in calls, or the bars would not join.
        let series = |s: &Stream| {
            json!({
                "code": &*s.name, "type": "series", "bar_type": "minute", "bar_interval": 1,
                "extended": true, "badj": false,
            })
        };
        let subscriptions: Vec<_> = newest.iter().map(series).collect();
        vec![json!({ "api_key": self.key(), "subscriptions": subscriptions }).to_string()]
    }
}

impl Venue for InsightSentry {
    fn id(&self) -> VenueId {
        VenueId::new(NAME)
    }

    fn off(&self) -> Option<Off> {
        let Licence { key, public, exposed, .. } = &self.licence;
        let withheld = *exposed && !public;
        let reason = if key.is_none() {
            format!("{NAME} is off: it needs a key, set INSIGHTSENTRY_API_KEY")
        } else if withheld {
            format!(
                "{NAME} is off: its data is licensed and this relay listens beyond loopback; listen on 127.0.0.1, or set INSIGHTSENTRY_PUBLIC=true where the licence allows it"
            )
        } else {
            return None;
        };
        Some(Off { reason, withheld })
    }

    fn products(&self) -> &'static [Product] {
        &[LIVE]
    }

    fn product_of(&self, kind: Kind) -> Option<Product> {
        match kind {
            Kind::Future | Kind::Stock | Kind::Index | Kind::Spot => Some(LIVE),
            Kind::Perp => None,
        }
    }

    fn routes(&self) -> Vec<RouteSpec> {
        vec![RouteSpec {
            name: ROUTE,
            product: LIVE,
            url: format!("{}/live", self.ws.trim_end_matches('/')),
            keep_alive: KeepAlive {
                ping: Some((Ms::seconds(17), "ping".to_owned())),
                dead_after: Ms::seconds(45),
            },
            renew_after: None,
            // A key has one connection: all lists go over it.
            max_streams: usize::MAX,
            // Further messages of five minutes would be passed over; pings are counted too.
            messages: vec![Pace::new(280, Ms(5 * Ms::MINUTE.0))],
            // Another connection evicts the first, and the vendor counts them.
            connects: vec![Pace::new(1, Ms::seconds(2)), Pace::new(30, Ms::HOUR)],
        }]
    }

    fn streams(&self, instrument: &Instrument, channels: &[Channel]) -> Vec<Stream> {
        let stream = |channel: &Channel| Stream {
            route: ROUTE,
            name: instrument.venue_symbol.as_str().into(),
            symbol: instrument.symbol.clone(),
            channel: *channel,
            usual_interval: Some(Ms::MINUTE),
        };
        channels.iter().filter(|c| **c == Channel::Bar).map(stream).collect()
    }

    fn subscribe(&self, _: &[Stream], held: &[Stream], _: u64) -> Vec<String> {
        self.list(held)
    }

    fn unsubscribe(&self, _: &[Stream], held: &[Stream], _: u64) -> Vec<String> {
        self.list(held)
    }

    fn settle(&self) -> Option<Ms> {
        Some(SETTLE)
    }

    fn decoder(self: Arc<Self>, _: Product) -> Box<dyn Decoder> {
        Box::new(decode::Frames::new(self))
    }

    fn book_source(&self, _: Product) -> BookSource {
        BookSource::Whole
    }

    fn sequencer(&self, _: Product) -> Box<dyn Sequencer> {
        Box::new(NoDepth)
    }

    fn request(&self, fetch: &Fetch) -> Option<RestRequest> {
        rest::request(self, fetch)
    }

    fn page_end(&self, fetch: &Fetch) -> Option<Ms> {
        rest::page_end(self, fetch)
    }

    fn parse_rest(&self, fetch: &Fetch, received: Ms, body: &[u8]) -> Result<Fetched, VenueError> {
        self.told.fetch_max(received.0, Ordering::Relaxed);
        rest_parse::answer(self, fetch, received, body)
    }

    fn fault(&self, answer: &Answer<'_>, now: Ms) -> Option<RestFault> {
        fault::of_answer(self, answer, now)
    }

    fn polls(&self, _: &Arc<Instrument>, _: Ms) -> Vec<Poll> {
        Vec::new()
    }

    fn alone(&self) -> bool {
        true
    }

    fn unlisted(&self) -> bool {
        true
    }

    fn limits(&self) -> Vec<LimitSpec> {
        rest::limits(self)
    }

    fn native_timeframes(&self) -> &'static [Timeframe] {
        &Timeframe::ALL
    }

    fn bars_reached(&self) -> Option<u32> {
        Some(rest::POINTS)
    }

    fn guess_instrument(&self, _: Product, venue_symbol: &str) -> Option<Instrument> {
        symbol::guess(venue_symbol)
    }

    fn guess_name(&self, symbol: &Symbol) -> Option<(Product, String)> {
        symbol::is_code(symbol.as_str()).then(|| (LIVE, symbol.to_string()))
    }

    fn product_of_frame(&self, _: Option<&str>, _: &[u8]) -> Option<Product> {
        Some(LIVE)
    }

    fn fetch_of_url(&self, _: Option<Product>, url: &str, query: &str) -> Option<Fetch> {
        rest::fetch_of_url(url, query)
    }
}

/// The vendor sends no depth.
struct NoDepth;

impl Sequencer for NoDepth {
    fn rebase(&mut self, _: u64) {}

    fn check(&mut self, _: &DepthDiff) -> Verdict {
        Verdict::Drop
    }
}
