//! OKX v5: linear perpetual swaps and spot.
//!
//! Reading order: this file (addresses, sockets, subscribe frames), `symbol` (names), `contracts` (sizes are told
//! in contracts), `wire` (what the venue writes), `decode` and `parse` (frames to updates), `funding` (three
//! streams merged into one), `book` (how depth chains), `rest` and `rest_parse` (calls and their answers), `fault`
//! (errors, often with HTTP 200), `shape` (telling recorded frames apart).

mod book;
mod contracts;
mod decode;
mod fault;
mod funding;
mod parse;
mod rest;
mod rest_parse;
mod shape;
mod symbol;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use shared::event::Channel;
use shared::market::{Instrument, Kind, Ms, Symbol, Timeframe, VenueId};

use self::contracts::Contracts;
use self::fault::Strikes;
use super::{
    Answer, BookSource, Decoder, Fetch, Fetched, KeepAlive, LimitSpec, Pace, Poll, Product, RestFault,
    RestRequest, RouteSpec, Sequencer, Stream, Venue, VenueError,
};
use crate::config::BaseUrls;

/// Perpetual swaps, linear ones only.
pub const SWAP: Product = "swap";
/// Spot.
pub const SPOT: Product = "spot";

const SWAP_PUBLIC: &str = "swap/public";
const SWAP_BUSINESS: &str = "swap/business";
const SPOT_PUBLIC: &str = "spot/public";
const SPOT_BUSINESS: &str = "spot/business";

/// Arguments of one subscribe frame: a small group, so that a refusal without an argument concerns few.
const ARGS_PER_FRAME: usize = 50;

/// Levels a side of the book stream.
const BOOK_DEPTH: usize = 400;

/// Base addresses, without a trailing slash; each may be overridden, to a proxy, another region or a stand-in.
///
/// To a socket base `/ws/v5/public` and `/ws/v5/business` are appended, to a REST base the path of the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    pub swap_ws: String,
    pub spot_ws: String,
    pub swap_rest: String,
    pub spot_rest: String,
}

impl Default for Endpoints {
    fn default() -> Endpoints {
        let (ws, rest) = ("wss://ws.okx.com:8443", "https://www.okx.com");
        Endpoints { swap_ws: ws.into(), spot_ws: ws.into(), swap_rest: rest.into(), spot_rest: rest.into() }
    }
}

impl From<&BaseUrls> for Endpoints {
    /// Configured addresses where there are any.
    fn from(urls: &BaseUrls) -> Endpoints {
        let own = Endpoints::default();
        Endpoints {
            swap_ws: urls.ws.clone().unwrap_or(own.swap_ws),
            spot_ws: urls.spot_ws.clone().unwrap_or(own.spot_ws),
            swap_rest: urls.rest.clone().unwrap_or(own.swap_rest),
            spot_rest: urls.spot_rest.clone().unwrap_or(own.spot_rest),
        }
    }
}

/// The venue. Remembers the contract sizes once told, how often it was refused in a row, and the newest time seen.
#[derive(Debug, Default)]
pub struct Okx {
    endpoints: Endpoints,
    contracts: Contracts,
    strikes: Strikes,
    /// Newest receive time: it decides which of the two candle calls reaches far enough back.
    newest: AtomicI64,
}

impl Okx {
    pub fn new(endpoints: Endpoints) -> Okx {
        Okx { endpoints, ..Okx::default() }
    }

    fn see(&self, at: Ms) {
        self.newest.fetch_max(at.0, Ordering::Relaxed);
    }

    fn newest(&self) -> Ms {
        Ms(self.newest.load(Ordering::Relaxed))
    }
}

impl Venue for Okx {
    fn id(&self) -> VenueId {
        VenueId::new("okx")
    }

    fn products(&self) -> &'static [Product] {
        &[SWAP, SPOT]
    }

    fn product_of(&self, kind: Kind) -> Option<Product> {
        match kind {
            Kind::Perp => Some(SWAP),
            Kind::Spot => Some(SPOT),
            Kind::Future | Kind::Stock | Kind::Index => None,
        }
    }

    fn routes(&self) -> Vec<RouteSpec> {
        let route = |name, product, base: &str, path| RouteSpec {
            name,
            product,
            url: format!("{}/ws/v5/{path}", base.trim_end_matches('/')),
            // The venue drops a connection on which nothing was pushed for 30 s; protocol pings do not count.
            keep_alive: KeepAlive {
                ping: Some((Ms::seconds(20), "ping".to_owned())),
                dead_after: Ms::seconds(35),
            },
            // No age limit is documented.
            renew_after: Some(Ms(23 * Ms::HOUR.0)),
            max_streams: 200,
            // The venue takes 480 requests an hour, and a ping is none.
            messages: vec![Pace::new(400, Ms::HOUR).without_pings(), Pace::new(5, Ms::SECOND)],
            // The venue takes 3 a second from one address.
            connects: vec![Pace::new(2, Ms::SECOND)],
        };
        let Endpoints { swap_ws, spot_ws, .. } = &self.endpoints;
        vec![
            route(SWAP_PUBLIC, SWAP, swap_ws, "public"),
            route(SWAP_BUSINESS, SWAP, swap_ws, "business"),
            route(SPOT_PUBLIC, SPOT, spot_ws, "public"),
            route(SPOT_BUSINESS, SPOT, spot_ws, "business"),
        ]
    }

    fn streams(&self, instrument: &Instrument, channels: &[Channel]) -> Vec<Stream> {
        let perp = instrument.kind == Kind::Perp;
        let (public, business) =
            if perp { (SWAP_PUBLIC, SWAP_BUSINESS) } else { (SPOT_PUBLIC, SPOT_BUSINESS) };
        let id = instrument.venue_symbol.as_str();
        let mut streams = Vec::new();
        let mut add = |channel: Channel, route, kind: &str, about: &str, usual: Option<Ms>| {
            let (name, symbol) = (format!("{kind}:{about}").into(), instrument.symbol.clone());
            streams.push(Stream { route, name, symbol, channel, usual_interval: usual });
        };
        for channel in channels {
            let usual = channel.usual_interval();
            match channel {
                // Candles live on the other socket.
                Channel::Bar => add(*channel, business, "candle1m", id, usual),
                Channel::Trade => add(*channel, public, "trades", id, usual),
                Channel::Book => add(*channel, public, "books", id, usual),
                Channel::Oi if perp => add(*channel, public, "open-interest", id, usual),
                Channel::Funding if perp => {
                    let ten = Some(Ms::seconds(10));
                    add(*channel, public, "mark-price", id, ten);
                    add(*channel, public, "index-tickers", symbol::index_of(id), ten);
                    add(*channel, public, "funding-rate", id, Some(Ms::seconds(90)));
                }
                // One stream for all swaps.
                Channel::Liquidation if perp => add(*channel, public, "liquidation-orders", "SWAP", None),
                Channel::Oi | Channel::Funding | Channel::Liquidation => {}
                Channel::Signal | Channel::Guards | Channel::Heatmap => {}
            }
        }
        streams
    }

    fn subscribe(&self, added: &[Stream], _: &[Stream], id: u64) -> Vec<String> {
        control_frames("subscribe", added, &HashSet::new(), id)
    }

    fn unsubscribe(&self, removed: &[Stream], held: &[Stream], id: u64) -> Vec<String> {
        // A stream of all swaps stays while any symbol needs it.
        control_frames("unsubscribe", removed, &held.iter().map(|s| &*s.name).collect(), id)
    }

    fn refuses_singly(&self) -> bool {
        true
    }

    fn decoder(self: Arc<Self>, product: Product) -> Box<dyn Decoder> {
        Box::new(decode::Frames::new(self, product))
    }

    fn book_source(&self, _: Product) -> BookSource {
        BookSource::Stream { depth: Some(BOOK_DEPTH) }
    }

    fn sequencer(&self, _: Product) -> Box<dyn Sequencer> {
        Box::new(book::SeqIds::default())
    }

    fn request(&self, fetch: &Fetch) -> Option<RestRequest> {
        rest::request(&self.endpoints, self.newest(), fetch)
    }

    fn parse_rest(&self, fetch: &Fetch, received: Ms, body: &[u8]) -> Result<Fetched, VenueError> {
        self.see(received);
        rest_parse::answer(self, fetch, received, body)
    }

    fn fault(&self, answer: &Answer<'_>, now: Ms) -> Option<RestFault> {
        fault::of_answer(&self.strikes, answer, now)
    }

    fn polls(&self, instrument: &Arc<Instrument>, now: Ms) -> Vec<Poll> {
        rest::polls(instrument, now)
    }

    fn limits(&self) -> Vec<LimitSpec> {
        rest::limits(&self.endpoints)
    }

    fn native_timeframes(&self) -> &'static [Timeframe] {
        &Timeframe::ALL
    }

    fn bars_per_call(&self) -> Option<u32> {
        Some(rest::CANDLES_PER_CALL)
    }

    fn guess_instrument(&self, product: Product, venue_symbol: &str) -> Option<Instrument> {
        let guess = symbol::guess(product, venue_symbol)?;
        self.contracts.guess(&guess);
        Some(guess)
    }

    fn guess_name(&self, symbol: &Symbol) -> Option<(Product, String)> {
        symbol::venue_symbol(symbol)
    }

    fn product_of_frame(&self, url: Option<&str>, frame: &[u8]) -> Option<Product> {
        url.and_then(shape::product_of_url).or_else(|| shape::product_of_frame(frame))
    }

    fn fetch_of_url(&self, product: Option<Product>, url: &str, query: &str) -> Option<Fetch> {
        let fetch = rest::fetch_of_url(product, url, query)?;
        if let Some(instrument) = fetch.instrument() {
            self.contracts.guess(instrument);
        }
        Some(fetch)
    }
}

/// `{"id":"1","op":"subscribe","args":[{"channel":"trades","instId":"BTC-USDT-SWAP"},..]}`, in batches; a stream of
/// several symbols once, those in `kept` not at all.
fn control_frames(op: &str, streams: &[Stream], kept: &HashSet<&str>, id: u64) -> Vec<String> {
    let mut named = HashSet::new();
    let args: Vec<serde_json::Value> = streams
        .iter()
        .map(|s| &*s.name)
        .filter(|name| !kept.contains(name) && named.insert(*name))
        .filter_map(|name| {
            let (channel, about) = name.split_once(':')?;
            let key = if channel == "liquidation-orders" { "instType" } else { "instId" };
            Some(serde_json::json!({ "channel": channel, key: about }))
        })
        .collect();
    let frame = |(batch, id): (&[serde_json::Value], u64)| {
        serde_json::json!({ "id": id.to_string(), "op": op, "args": batch }).to_string()
    };
    args.chunks(ARGS_PER_FRAME).zip(id..).map(frame).collect()
}
