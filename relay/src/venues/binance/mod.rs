//! Binance: spot and USD-M futures.
//!
//! Reading order: this file (addresses, sockets, subscribe frames, limits), `symbol` (names), `wire`
//! (what the venue writes), `parse` (frames to updates), `book` (how depth chains), `rest` and
//! `rest_parse` (calls and their answers), `fault` (errors), `shape` (telling recorded frames apart).

mod bar;
mod book;
mod fault;
mod parse;
mod rest;
mod rest_parse;
mod shape;
mod symbol;
mod unnamed;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use shared::event::Channel;
use shared::market::{Instrument, Kind, Ms, Symbol, Timeframe, VenueId};

use crate::config::BaseUrls;

use super::{
    Answer, BookSource, Decoded, Decoder, Fetch, Fetched, Instruments, KeepAlive, LimitSpec, Pace, Poll,
    Product, RestFault, RestRequest, RouteSpec, Sequencer, Stream, Venue, VenueError,
};

/// USD-M perpetual futures.
pub const USDM: Product = "usdm";
/// Spot.
pub const SPOT: Product = "spot";

const USDM_PUBLIC: &str = "usdm/public";
const USDM_MARKET: &str = "usdm/market";

/// Streams named in one subscribe frame.
const STREAMS_PER_FRAME: usize = 100;

/// Base addresses, without a trailing slash; each may be overridden, to a proxy or a stand-in.
///
/// To a socket base `/stream` is appended (streams are subscribed by frames afterwards), to a REST base the
/// path of the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Futures order book traffic: depth and book ticker.
    pub usdm_public_ws: String,
    /// All other futures market data. A stream on the wrong one of the two is accepted and stays silent.
    pub usdm_market_ws: String,
    pub spot_ws: String,
    pub usdm_rest: String,
    pub spot_rest: String,
}

impl Default for Endpoints {
    fn default() -> Endpoints {
        Endpoints {
            usdm_public_ws: "wss://fstream.binance.com/public".into(),
            usdm_market_ws: "wss://fstream.binance.com/market".into(),
            spot_ws: "wss://stream.binance.com:9443".into(),
            usdm_rest: "https://fapi.binance.com".into(),
            spot_rest: "https://api.binance.com".into(),
        }
    }
}

impl From<&BaseUrls> for Endpoints {
    /// Configured addresses where there are any; both futures sockets hang below one base.
    fn from(urls: &BaseUrls) -> Endpoints {
        let own = Endpoints::default();
        let route = |name: &str| urls.ws.as_ref().map(|base| format!("{base}/{name}"));
        Endpoints {
            usdm_public_ws: route("public").unwrap_or(own.usdm_public_ws),
            usdm_market_ws: route("market").unwrap_or(own.usdm_market_ws),
            spot_ws: urls.spot_ws.clone().unwrap_or(own.spot_ws),
            usdm_rest: urls.rest.clone().unwrap_or(own.usdm_rest),
            spot_rest: urls.spot_rest.clone().unwrap_or(own.spot_rest),
        }
    }
}

/// The venue. Remembers one thing: the funding intervals once told.
#[derive(Debug, Default)]
pub struct Binance {
    endpoints: Endpoints,
    /// Hours by venue symbol where not the usual 8; `None` until the list was loaded.
    funding_intervals: RwLock<Option<HashMap<String, f64>>>,
}

/// Funding interval of perpetuals that the list of exceptions does not name.
const USUAL_FUNDING_HOURS: f64 = 8.0;

impl Binance {
    pub fn new(endpoints: Endpoints) -> Binance {
        Binance { endpoints, funding_intervals: RwLock::new(None) }
    }

    /// Hours between fundings; unknown until the list of exceptions was loaded.
    fn funding_interval(&self, venue_symbol: &str) -> Option<f64> {
        let list = self.funding_intervals.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        list.as_ref().map(|list| list.get(venue_symbol).copied().unwrap_or(USUAL_FUNDING_HOURS))
    }

    fn learn_funding_intervals(&self, exceptions: &[(String, f64)]) {
        let mut list = self.funding_intervals.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        *list = Some(exceptions.iter().cloned().collect());
    }
}

impl Venue for Binance {
    fn id(&self) -> VenueId {
        VenueId::new("binance")
    }

    fn products(&self) -> &'static [Product] {
        &[USDM, SPOT]
    }

    fn product_of(&self, kind: Kind) -> Option<Product> {
        match kind {
            Kind::Perp => Some(USDM),
            Kind::Spot => Some(SPOT),
            Kind::Future | Kind::Stock | Kind::Index => None,
        }
    }

    fn routes(&self) -> Vec<RouteSpec> {
        let route = |name, product, base: &str, max_streams| RouteSpec {
            name,
            product,
            url: format!("{}/stream", base.trim_end_matches('/')),
            // The venue pings (spot each 20 s, futures each 3 min) and data flows in between.
            keep_alive: KeepAlive { ping: None, dead_after: Ms::seconds(60) },
            // The venue ends connections at 24 h.
            renew_after: Some(Ms(23 * Ms::HOUR.0)),
            max_streams,
            // The venue takes 5 a second (spot) and 10 (futures), pongs included.
            messages: vec![Pace::new(3, Ms::SECOND)],
            connects: vec![Pace::new(250, Ms(5 * Ms::MINUTE.0))],
        };
        vec![
            route(USDM_PUBLIC, USDM, &self.endpoints.usdm_public_ws, 200),
            route(USDM_MARKET, USDM, &self.endpoints.usdm_market_ws, 200),
            route(SPOT, SPOT, &self.endpoints.spot_ws, 1_000),
        ]
    }

    fn streams(&self, instrument: &Instrument, channels: &[Channel]) -> Vec<Stream> {
        let perp = instrument.kind == Kind::Perp;
        let (books, rest) = if perp { (USDM_PUBLIC, USDM_MARKET) } else { (SPOT, SPOT) };
        let name = instrument.venue_symbol.to_lowercase();
        let mut streams = Vec::new();
        let mut add = |channel: Channel, route: &'static str, kind: &str| {
            streams.push(Stream {
                route,
                name: format!("{name}@{kind}").into(),
                symbol: instrument.symbol.clone(),
                channel,
                usual_interval: channel.usual_interval(),
            });
        };
        for channel in channels {
            match channel {
                Channel::Bar => add(*channel, rest, "kline_1m"),
                Channel::Trade => add(*channel, rest, "aggTrade"),
                Channel::Book => {
                    add(*channel, books, "depth@100ms");
                    add(*channel, books, "bookTicker");
                }
                Channel::Funding if perp => add(*channel, rest, "markPrice@1s"),
                Channel::Liquidation if perp => add(*channel, rest, "forceOrder"),
                // Spot has neither; open interest has no stream and is polled.
                Channel::Funding | Channel::Liquidation | Channel::Oi => {}
                Channel::Signal | Channel::Guards | Channel::Heatmap => {}
            }
        }
        streams
    }

    fn subscribe(&self, added: &[Stream], _: &[Stream], id: u64) -> Vec<String> {
        control_frames("SUBSCRIBE", added, id)
    }

    fn unsubscribe(&self, removed: &[Stream], _: &[Stream], id: u64) -> Vec<String> {
        control_frames("UNSUBSCRIBE", removed, id)
    }

    fn decoder(self: Arc<Self>, product: Product) -> Box<dyn Decoder> {
        Box::new(Frames { venue: self, product })
    }

    fn book_source(&self, _: Product) -> BookSource {
        BookSource::Rest
    }

    fn sequencer(&self, product: Product) -> Box<dyn Sequencer> {
        if product == SPOT {
            Box::new(book::SpotSequencer::new())
        } else {
            Box::new(book::FuturesSequencer::new())
        }
    }

    fn request(&self, fetch: &Fetch) -> Option<RestRequest> {
        rest::request(&self.endpoints, fetch)
    }

    fn parse_rest(&self, fetch: &Fetch, received: Ms, body: &[u8]) -> Result<Fetched, VenueError> {
        let fetched = rest_parse::answer(self, fetch, received, body)?;
        if let Fetched::FundingIntervals(exceptions) = &fetched {
            self.learn_funding_intervals(exceptions);
        }
        Ok(fetched)
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
        &Timeframe::ALL
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

/// Every frame of this venue stands for itself.
struct Frames {
    venue: Arc<Binance>,
    product: Product,
}

impl Decoder for Frames {
    fn decode(
        &mut self,
        instruments: &Instruments,
        received: Ms,
        frame: &[u8],
    ) -> Result<Decoded, VenueError> {
        let Frames { venue, product } = self;
        parse::frame(&parse::Context { venue, product, instruments, received }, frame)
    }
}

/// `{"method":"SUBSCRIBE","params":["btcusdt@aggTrade",..],"id":1}`, the streams in batches.
fn control_frames(method: &str, streams: &[Stream], id: u64) -> Vec<String> {
    let frame = |(batch, id): (&[Stream], u64)| {
        let params: Vec<&str> = batch.iter().map(|s| &*s.name).collect();
        serde_json::json!({ "method": method, "params": params, "id": id }).to_string()
    };
    streams.chunks(STREAMS_PER_FRAME).zip(id..).map(frame).collect()
}
