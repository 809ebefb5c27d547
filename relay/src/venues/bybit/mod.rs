//! Bybit v5: spot and linear perpetuals (USDT and USDC).
//!
//! Reading order: this file (addresses, sockets, subscribe frames), `symbol` (names), `wire` (what the venue
//! writes), `parse` and `ticker` (frames to updates), `book` (how depth chains), `rest` and `rest_parse` (calls and
//! their answers), `fault` (errors), `shape` and `unnamed` (telling recorded frames and bodies apart).

mod bar;
mod book;
mod fault;
mod parse;
mod rest;
mod rest_parse;
mod shape;
mod symbol;
mod ticker;
mod unnamed;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use shared::event::Channel;
use shared::market::{Instrument, Kind, Ms, Symbol, Timeframe, VenueId};

use crate::config::BaseUrls;

use super::{
    Answer, BookSource, Decoder, Fetch, Fetched, KeepAlive, LimitSpec, Pace, Poll, Product, RestFault,
    RestRequest, RouteSpec, Sequencer, Stream, Venue, VenueError,
};

/// Linear perpetuals; also the name of their sockets' route.
pub const LINEAR: Product = "linear";
/// Spot; also the name of its sockets' route.
pub const SPOT: Product = "spot";

/// Levels a side of the book followed: the deepest one pushed every 100 ms.
const BOOK_DEPTH: usize = 200;
/// Arguments of one request: spot takes no more, linear takes many and is asked for fewer.
const SPOT_ARGS: usize = 10;
const LINEAR_ARGS: usize = 200;
/// All arguments on one connection together, in characters.
const ARGS_CHARACTERS: usize = 21_000;
/// No argument is longer.
const LONGEST_ARG: usize = 40;

/// Base addresses, without a trailing slash; each may be overridden, to a proxy or a stand-in. To a socket base
/// `/v5/public/<product>` is appended, to a REST base the path of the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    pub ws: String,
    pub spot_ws: String,
    pub rest: String,
    pub spot_rest: String,
}

impl Default for Endpoints {
    fn default() -> Endpoints {
        let (ws, rest) = ("wss://stream.bybit.com", "https://api.bybit.com");
        Endpoints { ws: ws.into(), spot_ws: ws.into(), rest: rest.into(), spot_rest: rest.into() }
    }
}

impl From<&BaseUrls> for Endpoints {
    fn from(urls: &BaseUrls) -> Endpoints {
        let own = Endpoints::default();
        let ws = urls.ws.clone().unwrap_or(own.ws);
        let rest = urls.rest.clone().unwrap_or(own.rest);
        Endpoints {
            spot_ws: urls.spot_ws.clone().unwrap_or_else(|| ws.clone()),
            spot_rest: urls.spot_rest.clone().unwrap_or_else(|| rest.clone()),
            ws,
            rest,
        }
    }
}

/// What the instrument list says of a perpetual that an instrument does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Facts {
    funding_hours: Option<f64>,
    launched: Option<Ms>,
}

/// The venue. Remembers what its lists told.
#[derive(Debug, Default)]
pub struct Bybit {
    endpoints: Endpoints,
    /// By venue symbol, perpetuals only.
    facts: RwLock<HashMap<String, Facts>>,
}

impl Bybit {
    pub fn new(endpoints: Endpoints) -> Bybit {
        Bybit { endpoints, facts: RwLock::default() }
    }

    fn facts(&self, i: &Instrument) -> Facts {
        if i.kind != Kind::Perp {
            return Facts::default();
        }
        let facts = self.facts.read().unwrap_or_else(PoisonError::into_inner);
        facts.get(&i.venue_symbol).copied().unwrap_or_default()
    }

    fn learn(&self, told: impl IntoIterator<Item = (String, Facts)>) {
        self.facts.write().unwrap_or_else(PoisonError::into_inner).extend(told);
    }
}

impl Venue for Bybit {
    fn id(&self) -> VenueId {
        VenueId::new(symbol::VENUE)
    }

    fn products(&self) -> &'static [Product] {
        &[LINEAR, SPOT]
    }

    fn product_of(&self, kind: Kind) -> Option<Product> {
        match kind {
            Kind::Perp => Some(LINEAR),
            Kind::Spot => Some(SPOT),
            Kind::Future | Kind::Stock | Kind::Index => None,
        }
    }

    fn routes(&self) -> Vec<RouteSpec> {
        let route = |product: Product, base: &str| RouteSpec {
            name: product,
            product,
            url: format!("{}/v5/public/{product}", base.trim_end_matches('/')),
            keep_alive: KeepAlive {
                ping: Some((Ms::seconds(20), r#"{"req_id":"ping","op":"ping"}"#.to_owned())),
                // Two answers missed, with room for a slow one.
                dead_after: Ms::seconds(50),
            },
            // No greatest age is documented.
            renew_after: None,
            max_streams: ARGS_CHARACTERS / LONGEST_ARG,
            messages: vec![Pace::new(5, Ms::SECOND)],
            // Half of what the venue takes of an address.
            connects: vec![Pace::new(250, Ms(5 * Ms::MINUTE.0))],
        };
        vec![route(LINEAR, &self.endpoints.ws), route(SPOT, &self.endpoints.spot_ws)]
    }

    fn streams(&self, instrument: &Instrument, channels: &[Channel]) -> Vec<Stream> {
        let perp = instrument.kind == Kind::Perp;
        let topic = |channel: Channel| {
            let name = &instrument.venue_symbol;
            Some(match channel {
                Channel::Bar => format!("kline.1.{name}"),
                Channel::Trade => format!("publicTrade.{name}"),
                Channel::Book => format!("orderbook.{BOOK_DEPTH}.{name}"),
                Channel::Liquidation if perp => format!("allLiquidation.{name}"),
                // One topic for both.
                Channel::Oi | Channel::Funding if perp => format!("tickers.{name}"),
                Channel::Liquidation | Channel::Oi | Channel::Funding => return None,
                Channel::Signal | Channel::Guards | Channel::Heatmap => return None,
            })
        };
        let stream = |channel: &Channel| {
            Some(Stream {
                route: if perp { LINEAR } else { SPOT },
                name: topic(*channel)?.into(),
                symbol: instrument.symbol.clone(),
                channel: *channel,
                usual_interval: channel.usual_interval(),
            })
        };
        channels.iter().filter_map(stream).collect()
    }

    fn subscribe(&self, added: &[Stream], _: &[Stream], id: u64) -> Vec<String> {
        requests("subscribe", added, id)
    }

    fn unsubscribe(&self, removed: &[Stream], held: &[Stream], id: u64) -> Vec<String> {
        // A topic of two channels stays while one of them does.
        let gone = |s: &&Stream| !held.iter().any(|h| h.name == s.name);
        let gone: Vec<Stream> = removed.iter().filter(gone).cloned().collect();
        requests("unsubscribe", &gone, id)
    }

    fn decoder(self: Arc<Self>, product: Product) -> Box<dyn Decoder> {
        Box::new(parse::Frames::new(self, product))
    }

    fn book_source(&self, _: Product) -> BookSource {
        BookSource::Stream { depth: Some(BOOK_DEPTH) }
    }

    fn sequencer(&self, _: Product) -> Box<dyn Sequencer> {
        Box::new(book::Contiguous::default())
    }

    fn request(&self, fetch: &Fetch) -> Option<RestRequest> {
        rest::request(self, fetch)
    }

    fn parse_rest(&self, fetch: &Fetch, received: Ms, body: &[u8]) -> Result<Fetched, VenueError> {
        rest_parse::answer(self, fetch, received, body)
    }

    fn fault(&self, answer: &Answer<'_>, now: Ms) -> Option<RestFault> {
        fault::of_answer(answer, now)
    }

    fn polls(&self, instrument: &Arc<Instrument>, now: Ms) -> Vec<Poll> {
        if instrument.kind != Kind::Perp {
            return Vec::new();
        }
        // All but payments made comes over the socket.
        let (instrument, from) = (Arc::clone(instrument), now - Ms(2 * Ms::DAY.0));
        let settled = Fetch::FundingHistory { instrument, from, to: now, limit: 100 };
        vec![Poll { channel: Channel::Funding, every: Ms::seconds(300), fetch: settled }]
    }

    fn limits(&self) -> Vec<LimitSpec> {
        rest::limits(&self.endpoints)
    }

    fn native_timeframes(&self) -> &'static [Timeframe] {
        &Timeframe::ALL
    }

    fn bars_per_call(&self) -> Option<u32> {
        Some(rest::MOST_BARS)
    }

    fn guess_instrument(&self, product: Product, venue_symbol: &str) -> Option<Instrument> {
        symbol::guess(product, venue_symbol)
    }

    fn guess_name(&self, symbol: &Symbol) -> Option<(Product, String)> {
        symbol::venue_symbol(symbol)
    }

    fn product_of_frame(&self, url: Option<&str>, frame: &[u8]) -> Option<Product> {
        url.and_then(shape::product_of_url).or_else(|| shape::product_of_frame(frame))
    }

    fn fetch_of_url(&self, product: Option<Product>, url: &str, query: &str) -> Option<Fetch> {
        rest::fetch_of_url(product, url, query)
    }
}

/// `{"req_id":"1","op":"subscribe","args":["publicTrade.BTCUSDT",..]}`, each topic once, in batches.
fn requests(op: &str, streams: &[Stream], id: u64) -> Vec<String> {
    let mut topics: Vec<&str> = Vec::with_capacity(streams.len());
    for stream in streams {
        if !topics.contains(&&*stream.name) {
            topics.push(&stream.name);
        }
    }
    let spot = streams.first().is_some_and(|s| s.route == SPOT);
    let frame = |(args, id): (&[&str], u64)| {
        serde_json::json!({ "req_id": id.to_string(), "op": op, "args": args }).to_string()
    };
    topics.chunks(if spot { SPOT_ARGS } else { LINEAR_ARGS }).zip(id..).map(frame).collect()
}
