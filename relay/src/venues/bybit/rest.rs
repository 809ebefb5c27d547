//! REST calls: addresses and budgets; and what call a recorded address was.

use std::sync::Arc;

use shared::market::{Instrument, Kind, Ms, Timeframe};

use super::bar::{interval_name, timeframe_of};
use super::{BOOK_DEPTH, Bybit, Endpoints, LINEAR, SPOT, shape, symbol};
use crate::venues::common::url::{Call, Parameters, host};
use crate::venues::{Fetch, LimitSpec, Product, RestRequest, Window};

const LINEAR_CALLS: &str = "linear_calls";
const SPOT_CALLS: &str = "spot_calls";

/// Calls in five seconds. The venue takes 600 of an address and bans it for ten minutes beyond; both budgets and
/// whoever else uses the address stay far under that together.
const CALLS: u32 = 150;

/// Bars a call gives at most.
pub(super) const MOST_BARS: u32 = 1_000;

pub(super) fn limits(endpoints: &Endpoints) -> Vec<LimitSpec> {
    // The headers count per endpoint, not what these budgets do; what they end with is obeyed as a fault.
    let limit = |name, base: &str| LimitSpec {
        name,
        host: host(base).to_owned(),
        capacity: CALLS,
        window: Window::Sliding(Ms::seconds(5)),
        counted: None,
    };
    vec![limit(LINEAR_CALLS, &endpoints.rest), limit(SPOT_CALLS, &endpoints.spot_rest)]
}

fn call(endpoints: &Endpoints, product: Product, path: &str) -> Call {
    let base = if product == SPOT { &endpoints.spot_rest } else { &endpoints.rest };
    Call::new(base, &format!("/v5/market/{path}")).with("category", product)
}

fn get(call: Call, product: Product) -> Option<RestRequest> {
    Some(RestRequest::get(call.url(), if product == SPOT { SPOT_CALLS } else { LINEAR_CALLS }, 1))
}

/// The product of an instrument.
fn product_of(i: &Instrument) -> Product {
    if i.kind == Kind::Spot { SPOT } else { LINEAR }
}

pub(super) fn request(venue: &Bybit, fetch: &Fetch) -> Option<RestRequest> {
    let endpoints = &venue.endpoints;
    let about = |i: &Arc<Instrument>, path| {
        let product = product_of(i);
        (call(endpoints, product, path).with("symbol", &i.venue_symbol), product)
    };
    let perp = |i: &Arc<Instrument>| i.kind == Kind::Perp;
    match fetch {
        Fetch::Instruments { product, venue_symbols, cursor } => {
            let product = if *product == SPOT { SPOT } else { LINEAR };
            let mut call = call(endpoints, product, "instruments-info").with("limit", 1_000);
            // One name can be asked for, several cannot.
            if let [name] = venue_symbols.as_slice() {
                call = call.with("symbol", name);
            }
            if let Some(cursor) = cursor {
                call = call.with("cursor", cursor);
            }
            get(call, product)
        }
        Fetch::Klines { instrument: i, timeframe, from, to, limit } => {
            let (call, product) = about(i, "kline");
            let limit = (*limit).clamp(1, MOST_BARS);
            // Of a longer range the venue gives the newest rows; the first ones are meant. Before the launch there
            // are none, and a range that ends before it begins would be refused.
            let launched = venue.facts(i).launched.map(|at| at.floor(timeframe.nominal()));
            let from = launched.filter(|at| at < to).map_or(*from, |at| at.max(*from));
            let last = to.0.min(from.0.saturating_add(timeframe.nominal().0 * i64::from(limit)));
            let call = call.with("interval", interval_name(*timeframe)).with("start", from.0);
            get(call.with("end", last.saturating_sub(1)).with("limit", limit), product)
        }
        Fetch::OpenInterest { instrument: i } | Fetch::MarkPrice { instrument: i } if perp(i) => {
            let (call, product) = about(i, "tickers");
            get(call, product)
        }
        Fetch::OpenInterestHistory { instrument: i, from, to, limit } if perp(i) => {
            let (call, product) = about(i, "open-interest");
            let call = call.with("intervalTime", "5min").with("startTime", from.0);
            let call = call.with("endTime", to.0.saturating_sub(1));
            get(call.with("limit", (*limit).clamp(1, 200)), product)
        }
        Fetch::FundingHistory { instrument: i, from, to, limit } if perp(i) => {
            let (call, product) = about(i, "funding/history");
            let call = call.with("startTime", from.0).with("endTime", to.0.saturating_sub(1));
            get(call.with("limit", (*limit).clamp(1, 200)), product)
        }
        Fetch::Depth { instrument: i } => {
            let (call, product) = about(i, "orderbook");
            get(call.with("limit", BOOK_DEPTH), product)
        }
        Fetch::Trades { instrument: i, limit, .. } => {
            let (call, product) = about(i, "recent-trade");
            let most = if product == SPOT { 60 } else { 1_000 };
            get(call.with("limit", (*limit).clamp(1, most)), product)
        }
        // Intervals come with the instruments, whole lists make a search needless.
        Fetch::FundingIntervals { .. }
        | Fetch::Search { .. }
        | Fetch::OpenInterest { .. }
        | Fetch::MarkPrice { .. }
        | Fetch::OpenInterestHistory { .. }
        | Fetch::FundingHistory { .. }
        | Fetch::Ignored(_) => None,
    }
}

/// The call a recorded address was, its instrument guessed from the name.
pub(super) fn fetch_of_url(product: Option<Product>, url: &str, query: &str) -> Option<Fetch> {
    let (address, parameters) = Parameters::of(url, query);
    let (_, call) = address.split_once("/v5/market/")?;
    let product = match parameters.get("category") {
        Some(category) => shape::product_of_url(&category),
        None => product,
    };
    if matches!(call, "time") {
        return Some(Fetch::Ignored("rest_time"));
    }
    let Some(product) = product else { return Some(Fetch::Ignored("rest_other_product")) };
    let (start, end) = if call == "kline" { ("start", "end") } else { ("startTime", "endTime") };
    let from = Ms(parameters.number(start, 0));
    let to = Ms(parameters.number(end, i64::MAX - 1).saturating_add(1));
    let limit = u32::try_from(parameters.number("limit", 200)).unwrap_or(200);
    let about = |make: &dyn Fn(Arc<Instrument>) -> Fetch| {
        let instrument = symbol::guess(product, &parameters.get("symbol")?)?;
        Some(make(Arc::new(instrument)))
    };
    let found = match call {
        "instruments-info" => {
            Some(Fetch::Instruments { product, venue_symbols: Vec::new(), cursor: parameters.get("cursor") })
        }
        "kline" => {
            let interval: Option<Timeframe> = parameters.get("interval").and_then(|i| timeframe_of(&i));
            let Some(timeframe) = interval else { return Some(Fetch::Ignored("kline_other_interval")) };
            about(&|instrument| Fetch::Klines { instrument, timeframe, from, to, limit })
        }
        "open-interest" => about(&|instrument| Fetch::OpenInterestHistory { instrument, from, to, limit }),
        "funding/history" => about(&|instrument| Fetch::FundingHistory { instrument, from, to, limit }),
        "tickers" if product == SPOT => Some(Fetch::Ignored("rest_spot_ticker")),
        "tickers" if parameters.get("symbol").is_none() => Some(Fetch::Ignored("rest_tickers_all")),
        "tickers" => about(&|instrument| Fetch::MarkPrice { instrument }),
        "recent-trade" => about(&|instrument| Fetch::Trades { instrument, from, to, limit }),
        "orderbook" => about(&|instrument| Fetch::Depth { instrument }),
        _ => Some(Fetch::Ignored("rest_other_call")),
    };
    // A dated or inverse contract, or a name we cannot split.
    found.or(Some(Fetch::Ignored("rest_other_market")))
}
