//! Hyperliquid: perpetuals of the main dex, quoted in USDC.
//!
//! Reading order: this file (addresses, the socket, subscribe frames), `symbol` (names and price steps), `wire` (what
//! the venue writes), `parse` (frames to updates), `rest` and `rest_parse` (questions and their answers), `bare`
//! (answers recorded without their question), `fault` (errors).
//!
//! There is no market-wide liquidation feed: the channel is not among those offered.

mod bare;
mod fault;
mod parse;
mod rest;
mod rest_parse;
mod symbol;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};
use shared::event::Channel;
use shared::market::{Instrument, Kind, Ms, Symbol, Timeframe, VenueId};

use crate::config::BaseUrls;

use super::{
    Answer, BookSource, Decoder, DepthDiff, Fetch, Fetched, KeepAlive, LimitSpec, Pace, Poll, Product,
    RestFault, RestRequest, RouteSpec, Sequencer, Stream, Venue, VenueError, Verdict,
};

/// Perpetual futures of the main dex.
pub const PERP: Product = "perp";

const VENUE: &str = "hyperliquid";

/// Hours a funding rate is for, and between payments.
const FUNDING_HOURS: f64 = 1.0;

/// Base addresses, without a trailing slash: `/ws` is appended to one, `/info` to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    pub ws: String,
    pub rest: String,
}

impl Default for Endpoints {
    fn default() -> Endpoints {
        Endpoints { ws: "wss://api.hyperliquid.xyz".into(), rest: "https://api.hyperliquid.xyz".into() }
    }
}

impl From<&BaseUrls> for Endpoints {
    /// Configured addresses where there are any.
    fn from(urls: &BaseUrls) -> Endpoints {
        let own = Endpoints::default();
        Endpoints { ws: urls.ws.clone().unwrap_or(own.ws), rest: urls.rest.clone().unwrap_or(own.rest) }
    }
}

/// The venue.
#[derive(Debug, Default)]
pub struct Hyperliquid {
    endpoints: Endpoints,
}

impl Hyperliquid {
    pub fn new(endpoints: Endpoints) -> Hyperliquid {
        Hyperliquid { endpoints }
    }
}

impl Venue for Hyperliquid {
    fn id(&self) -> VenueId {
        VenueId::new(VENUE)
    }

    fn products(&self) -> &'static [Product] {
        &[PERP]
    }

    fn product_of(&self, kind: Kind) -> Option<Product> {
        (kind == Kind::Perp).then_some(PERP)
    }

    fn routes(&self) -> Vec<RouteSpec> {
        vec![RouteSpec {
            name: PERP,
            product: PERP,
            url: format!("{}/ws", self.endpoints.ws.trim_end_matches('/')),
            // The venue ends connections it has sent nothing for 60 s.
            keep_alive: KeepAlive {
                ping: Some((Ms::seconds(45), json!({ "method": "ping" }).to_string())),
                dead_after: Ms::seconds(70),
            },
            renew_after: None,
            // All of an address's subscriptions: one connection carries everything.
            max_streams: 1_000,
            // The venue takes 2000 a minute over all connections.
            messages: vec![Pace::new(100, Ms::SECOND), Pace::new(1_800, Ms::MINUTE)],
            connects: vec![Pace::new(25, Ms::MINUTE)],
        }]
    }

    fn streams(&self, instrument: &Instrument, channels: &[Channel]) -> Vec<Stream> {
        let coin = &instrument.venue_symbol;
        let stream = |channel: &Channel| {
            let name = match channel {
                Channel::Bar => format!("candle:{coin}:1m"),
                Channel::Trade => format!("trades:{coin}"),
                Channel::Book => format!("l2Book:{coin}"),
                // Both in one.
                Channel::Oi | Channel::Funding => format!("activeAssetCtx:{coin}"),
                Channel::Liquidation | Channel::Signal | Channel::Guards | Channel::Heatmap => return None,
            };
            Some(Stream {
                route: PERP,
                name: name.into(),
                symbol: instrument.symbol.clone(),
                channel: *channel,
                usual_interval: channel.usual_interval(),
            })
        };
        channels.iter().filter_map(stream).collect()
    }

    fn subscribe(&self, added: &[Stream], _: &[Stream], _: u64) -> Vec<String> {
        control_frames("subscribe", added.iter().map(|s| &*s.name))
    }

    fn unsubscribe(&self, removed: &[Stream], held: &[Stream], _: u64) -> Vec<String> {
        let gone = removed.iter().filter(|r| held.iter().all(|h| h.name != r.name));
        control_frames("unsubscribe", gone.map(|s| &*s.name))
    }

    fn decoder(self: Arc<Self>, _: Product) -> Box<dyn Decoder> {
        Box::new(parse::Frames::default())
    }

    fn book_source(&self, _: Product) -> BookSource {
        BookSource::Whole
    }

    fn sequencer(&self, _: Product) -> Box<dyn Sequencer> {
        Box::new(NoDiffs)
    }

    fn request(&self, fetch: &Fetch) -> Option<RestRequest> {
        rest::request(&self.endpoints, fetch)
    }

    fn parse_rest(&self, fetch: &Fetch, received: Ms, body: &[u8]) -> Result<Fetched, VenueError> {
        rest_parse::answer(fetch, received, body)
    }

    fn fault(&self, answer: &Answer<'_>, now: Ms) -> Option<RestFault> {
        fault::of_answer(answer, now)
    }

    fn polls(&self, instrument: &Arc<Instrument>, now: Ms) -> Vec<Poll> {
        rest::polls(instrument, now)
    }

    fn limits(&self) -> Vec<LimitSpec> {
        rest::limits(&self.endpoints)
    }

    fn native_timeframes(&self) -> &'static [Timeframe] {
        // On which day its weeks begin the venue does not say.
        const NATIVE: [Timeframe; 7] = [
            Timeframe::M1,
            Timeframe::M5,
            Timeframe::M15,
            Timeframe::M30,
            Timeframe::H1,
            Timeframe::H4,
            Timeframe::D1,
        ];
        &NATIVE
    }

    fn bars_per_call(&self) -> Option<u32> {
        Some(rest::MOST_CANDLES)
    }

    fn guess_instrument(&self, product: Product, venue_symbol: &str) -> Option<Instrument> {
        symbol::guess(product, venue_symbol)
    }

    fn guess_name(&self, symbol: &Symbol) -> Option<(Product, String)> {
        symbol::venue_symbol(symbol)
    }

    fn product_of_frame(&self, _: Option<&str>, _: &[u8]) -> Option<Product> {
        Some(PERP)
    }

    /// Every call has the same address; the question is in its body, kept as the query.
    fn fetch_of_url(&self, _: Option<Product>, _: &str, query: &str) -> Option<Fetch> {
        rest::fetch_of_question(query)
    }
}

/// Every frame is the whole book; nothing chains.
struct NoDiffs;

impl Sequencer for NoDiffs {
    fn rebase(&mut self, _: u64) {}

    fn check(&mut self, _: &DepthDiff) -> Verdict {
        Verdict::Gap
    }
}

/// The name of a stream: `trades:BTC`, `candle:BTC:1m`.
fn stream_name(subscription: &wire::Subscription<'_>) -> String {
    let parts = [subscription.coin.as_ref(), subscription.interval.as_ref()];
    let parts = parts.into_iter().flatten();
    parts.fold(subscription.kind.as_str().to_owned(), |name, part| format!("{name}:{}", part.as_str()))
}

/// What a stream's name stands for.
fn subscription(name: &str) -> Value {
    let mut parts = name.split(':');
    let (kind, coin) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match parts.next() {
        Some(interval) => json!({ "type": kind, "coin": coin, "interval": interval }),
        None => json!({ "type": kind, "coin": coin }),
    }
}

/// `{"method":"subscribe","subscription":{"type":"trades","coin":"BTC"}}`: a frame for each name, once.
fn control_frames<'a>(method: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen = HashSet::new();
    let frame = |name| json!({ "method": method, "subscription": subscription(name) }).to_string();
    names.filter(|name| seen.insert(*name)).map(frame).collect()
}
