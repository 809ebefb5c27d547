//! Coinbase Exchange: spot pairs.
//!
//! Reading order: this file (addresses, the socket, subscribe frames), `symbol` (names), `wire` (what the venue
//! writes), `parse` (frames to updates), `advanced` (frames of its other public stack), `rest` and `rest_parse` (calls
//! and their answers), `bare` (answers recorded without their call), `fault` (errors).
//!
//! Trades carry the side of the order that rested; the tape wants the other one.

mod advanced;
mod bare;
mod fault;
mod parse;
mod rest;
mod rest_parse;
mod symbol;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::{Value, json};
use shared::event::Channel;
use shared::market::{Instrument, Kind, Ms, Symbol, Timeframe, VenueId};

use crate::config::BaseUrls;

use super::{
    Answer, BookSource, Decoder, DepthDiff, Fetch, Fetched, KeepAlive, LimitSpec, Pace, Poll, Product,
    RestFault, RestRequest, RouteSpec, Sequencer, Stream, Venue, VenueError, Verdict,
};

/// Spot.
pub const SPOT: Product = "spot";

const VENUE: &str = "coinbase";

/// Base addresses, without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// The socket's whole address.
    pub ws: String,
    pub rest: String,
}

impl Default for Endpoints {
    fn default() -> Endpoints {
        Endpoints {
            ws: "wss://ws-feed.exchange.coinbase.com".into(),
            rest: "https://api.exchange.coinbase.com".into(),
        }
    }
}

impl From<&BaseUrls> for Endpoints {
    /// Configured addresses where there are any; all of this venue is spot.
    fn from(urls: &BaseUrls) -> Endpoints {
        let own = Endpoints::default();
        let (ws, rest) =
            (urls.ws.clone().or(urls.spot_ws.clone()), urls.rest.clone().or(urls.spot_rest.clone()));
        Endpoints { ws: ws.unwrap_or(own.ws), rest: rest.unwrap_or(own.rest) }
    }
}

/// The venue.
#[derive(Debug, Default)]
pub struct Coinbase {
    endpoints: Endpoints,
}

impl Coinbase {
    pub fn new(endpoints: Endpoints) -> Coinbase {
        Coinbase { endpoints }
    }
}

impl Venue for Coinbase {
    fn id(&self) -> VenueId {
        VenueId::new(VENUE)
    }

    fn products(&self) -> &'static [Product] {
        &[SPOT]
    }

    fn product_of(&self, kind: Kind) -> Option<Product> {
        (kind == Kind::Spot).then_some(SPOT)
    }

    fn routes(&self) -> Vec<RouteSpec> {
        vec![RouteSpec {
            name: SPOT,
            product: SPOT,
            url: self.endpoints.ws.clone(),
            // A heartbeat each second and product; nothing has to be sent.
            keep_alive: KeepAlive { ping: None, dead_after: Ms::seconds(10) },
            renew_after: None,
            // Twenty products: a whole book has megabytes, and slow readers are dropped.
            max_streams: 60,
            // The venue takes 100 a second on a connection, and 8 new connections a second.
            messages: vec![Pace::new(50, Ms::SECOND)],
            connects: vec![Pace::new(4, Ms::SECOND)],
        }]
    }

    fn streams(&self, instrument: &Instrument, channels: &[Channel]) -> Vec<Stream> {
        let stream = |kind: &str, channel: Channel, usual_interval| Stream {
            route: SPOT,
            name: format!("{kind}:{}", instrument.venue_symbol).into(),
            symbol: instrument.symbol.clone(),
            channel,
            usual_interval,
        };
        let has = |channel| channels.contains(&channel);
        let mut streams = Vec::new();
        if has(Channel::Trade) {
            streams.push(stream("matches", Channel::Trade, Channel::Trade.usual_interval()));
        }
        if has(Channel::Book) {
            streams.push(stream("level2_batch", Channel::Book, Channel::Book.usual_interval()));
        }
        // Tells that the line lives, and which trade was the newest.
        if let Some(first) = streams.first() {
            streams.push(stream("heartbeat", first.channel, Some(Ms::SECOND)));
        }
        streams
    }

    fn subscribe(&self, added: &[Stream], _: &[Stream], _: u64) -> Vec<String> {
        control_frames("subscribe", added)
    }

    fn unsubscribe(&self, removed: &[Stream], held: &[Stream], _: u64) -> Vec<String> {
        let gone: Vec<Stream> =
            removed.iter().filter(|r| held.iter().all(|h| h.name != r.name)).cloned().collect();
        control_frames("unsubscribe", &gone)
    }

    fn decoder(self: Arc<Self>, _: Product) -> Box<dyn Decoder> {
        Box::new(parse::Frames::default())
    }

    fn book_source(&self, _: Product) -> BookSource {
        BookSource::Stream { depth: None }
    }

    fn sequencer(&self, _: Product) -> Box<dyn Sequencer> {
        Box::new(InOrder)
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
        &rest::NATIVE
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
        Some(SPOT)
    }

    fn fetch_of_url(&self, _: Option<Product>, url: &str, query: &str) -> Option<Fetch> {
        rest::fetch_of_url(url, query)
    }
}

/// Book changes have no numbers: they hold in the order of the connection, from the snapshot on it.
struct InOrder;

impl Sequencer for InOrder {
    fn rebase(&mut self, _: u64) {}

    fn check(&mut self, _: &DepthDiff) -> Verdict {
        Verdict::Apply
    }
}

/// `{"type":"subscribe","channels":[{"name":"matches","product_ids":["BTC-USD"]},..]}`: a frame for each product, since
/// one wrong name fails a whole frame.
fn control_frames(method: &str, streams: &[Stream]) -> Vec<String> {
    let mut products: Vec<(&str, Vec<&str>)> = Vec::new();
    for (channel, product) in streams.iter().filter_map(|s| s.name.split_once(':')) {
        match products.iter_mut().find(|(known, _)| *known == product) {
            Some((_, channels)) if channels.contains(&channel) => {}
            Some((_, channels)) => channels.push(channel),
            None => products.push((product, vec![channel])),
        }
    }
    let frame = |(product, channels): &(&str, Vec<&str>)| {
        let channel = |name: &&str| json!({ "name": name, "product_ids": [product] });
        let channels: Vec<Value> = channels.iter().map(channel).collect();
        json!({ "type": method, "channels": channels }).to_string()
    };
    products.iter().map(frame).collect()
}
