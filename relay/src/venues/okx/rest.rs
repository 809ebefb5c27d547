//! REST calls: addresses and budgets; and what call a recorded address was.

use std::sync::Arc;

use shared::event::Channel;
use shared::market::{Instrument, Kind, Ms, Timeframe};

use super::parse::{interval_name, timeframe_of};
use super::{Endpoints, SWAP, shape, symbol};
use crate::venues::common::url::{Call, Parameters, host};
use crate::venues::{Fetch, LimitSpec, Poll, Product, RestRequest, Window};

/// Rows of one call for past open interest.
const OPEN_INTEREST_ROWS: u32 = 100;

/// Candles of the shorter of the two calls, which one never knows beforehand.
pub(super) const CANDLES_PER_CALL: u32 = 100;

/// Calls in two seconds, as documented per call; where the venue counts per instrument too, all of them together.
const LIMITS: [(&str, u32); 9] = [
    ("instruments", 20),
    ("candles", 40),
    ("history_candles", 20),
    ("trades", 100),
    ("books", 40),
    ("open_interest", 20),
    ("funding_rate", 10),
    ("funding_history", 10),
    ("open_interest_history", 10),
];

/// The candles that the quicker of the two calls reaches back, a few less than documented.
const RECENT_CANDLES: i64 = 1_400;

pub(super) fn limits(endpoints: &Endpoints) -> Vec<LimitSpec> {
    // One address of ours is counted once, whichever host it asks.
    let host = host(&endpoints.swap_rest);
    let limit = |(name, capacity): &(&'static str, u32)| LimitSpec {
        name,
        host: host.to_owned(),
        capacity: *capacity,
        // Calls may arrive closer together than they were sent.
        window: Window::Sliding(Ms(2_200)),
        counted: None,
    };
    LIMITS.iter().map(limit).collect()
}

/// Payments made are told by the funding stream; what was missed while away is asked for.
pub(super) fn polls(instrument: &Arc<Instrument>, now: Ms) -> Vec<Poll> {
    if instrument.kind != Kind::Perp {
        return Vec::new();
    }
    let (instrument, from) = (Arc::clone(instrument), now - Ms(2 * Ms::DAY.0));
    let settled = Fetch::FundingHistory { instrument, from, to: now, limit: 100 };
    vec![Poll { channel: Channel::Funding, every: Ms::seconds(300), fetch: settled }]
}

/// The end of the first `most` rows from `from` on. Rows come newest first and the venue knows no paging from the
/// old end: what is asked for has to fit.
fn reach(from: Ms, to: Ms, timeframe: Timeframe, most: u32) -> Ms {
    // The shortest month.
    let step = if timeframe == Timeframe::Mo1 { 28 * Ms::DAY.0 } else { timeframe.nominal().0 };
    to.min(Ms(from.0.saturating_add(step.saturating_mul(i64::from(most)))))
}

/// The finest spacing of open interest of which `[from, to)` holds no more rows than one call gives.
fn period(from: Ms, to: Ms) -> &'static str {
    let steps = [("5m", 5), ("15m", 15), ("30m", 30), ("1H", 60), ("2H", 120)];
    let span = to.0.saturating_sub(from.0);
    let fits = |(_, minutes): &&(&str, i64)| span <= minutes * Ms::MINUTE.0 * i64::from(OPEN_INTEREST_ROWS);
    steps.iter().find(fits).map_or("4H", |(name, _)| name)
}

/// `now`: the newest time seen.
pub(super) fn request(endpoints: &Endpoints, now: Ms, fetch: &Fetch) -> Option<RestRequest> {
    let call = |spot: bool, path: &str| {
        Call::new(if spot { &endpoints.spot_rest } else { &endpoints.swap_rest }, &format!("/api/v5/{path}"))
    };
    let about = |i: &Instrument, path: &str| call(i.kind == Kind::Spot, path).with("instId", &i.venue_symbol);
    let perp = |i: &&Arc<Instrument>| i.kind == Kind::Perp;
    let (call, limit) = match fetch {
        Fetch::Instruments { product, .. } => {
            let (spot, kind) = if *product == SWAP { (false, "SWAP") } else { (true, "SPOT") };
            (call(spot, "public/instruments").with("instType", kind), "instruments")
        }
        Fetch::Klines { instrument: i, timeframe, from, to, limit } => {
            let recent = from.0 >= now.0.saturating_sub(RECENT_CANDLES * timeframe.nominal().0);
            let (path, name, most) = if recent {
                ("market/candles", "candles", 300)
            } else {
                ("market/history-candles", "history_candles", CANDLES_PER_CALL)
            };
            let limit = (*limit).clamp(1, most);
            // `after` means older.
            let after = reach(*from, *to, *timeframe, limit);
            let call = about(i, path).with("bar", interval_name(*timeframe));
            (call.with("after", after.0).with("limit", limit), name)
        }
        Fetch::Depth { instrument: i } => (about(i, "market/books").with("sz", 400), "books"),
        // The newest ones, whatever was asked for: the answer is cut.
        Fetch::Trades { instrument: i, limit, .. } => {
            (about(i, "market/trades").with("limit", (*limit).clamp(1, 500)), "trades")
        }
        Fetch::OpenInterest { instrument: i } if perp(&i) => {
            (about(i, "public/open-interest").with("instType", "SWAP"), "open_interest")
        }
        Fetch::OpenInterestHistory { instrument: i, from, to, .. } if perp(&i) => {
            let call =
                about(i, "rubik/stat/contracts/open-interest-history").with("period", period(*from, *to));
            let call = call.with("begin", from.0).with("end", to.0.saturating_sub(1));
            (call.with("limit", OPEN_INTEREST_ROWS), "open_interest_history")
        }
        Fetch::FundingHistory { instrument: i, to, limit, .. } if perp(&i) => {
            let call = about(i, "public/funding-rate-history").with("after", to.0);
            (call.with("limit", (*limit).clamp(1, 400)), "funding_history")
        }
        Fetch::MarkPrice { instrument: i } if perp(&i) => (about(i, "public/funding-rate"), "funding_rate"),
        Fetch::Search { .. }
        | Fetch::FundingIntervals { .. }
        | Fetch::OpenInterest { .. }
        | Fetch::OpenInterestHistory { .. }
        | Fetch::FundingHistory { .. }
        | Fetch::MarkPrice { .. }
        | Fetch::Ignored(_) => return None,
    };
    Some(RestRequest::get(call.url(), limit, 1))
}

/// The call a recorded address was, its instrument guessed from the name; `None` for one about many instruments whose
/// rows name theirs.
pub(super) fn fetch_of_url(product: Option<Product>, url: &str, query: &str) -> Option<Fetch> {
    let (address, parameters) = Parameters::of(url, query);
    let path = address.rsplit_once("/api/v5/").map_or(address, |(_, path)| path);
    let told = shape::product_of_url(query).or(shape::product_of_url(url)).or(product);
    let Some(product) = told else { return Some(Fetch::Ignored("rest_other_product")) };
    let (from, to) = (
        Ms(parameters.number("before", parameters.number("begin", -1)).saturating_add(1)),
        Ms(parameters.number("after", parameters.number("end", i64::MAX))),
    );
    let limit = u32::try_from(parameters.number("limit", 100)).unwrap_or(100);
    let about = |make: &dyn Fn(Arc<Instrument>) -> Fetch| {
        let guess = symbol::guess(product, &parameters.get("instId")?)?;
        Some(make(Arc::new(guess)))
    };
    let found = match path {
        "public/instruments" => Some(Fetch::Instruments { product, venue_symbols: Vec::new(), cursor: None }),
        "market/candles" | "market/history-candles" => {
            let interval = parameters.get("bar").unwrap_or_else(|| "1m".into());
            let Some(timeframe) = timeframe_of(&interval) else {
                return Some(Fetch::Ignored("candle_other_interval"));
            };
            about(&|instrument| Fetch::Klines { instrument, timeframe, from, to, limit })
        }
        "market/books" => about(&|instrument| Fetch::Depth { instrument }),
        "market/trades" => about(&|instrument| Fetch::Trades { instrument, from, to, limit }),
        "public/open-interest" if parameters.get("instId").is_none() => return None,
        "public/liquidation-orders" => return None,
        "public/open-interest" => about(&|instrument| Fetch::OpenInterest { instrument }),
        "rubik/stat/contracts/open-interest-history" => {
            about(&|instrument| Fetch::OpenInterestHistory { instrument, from, to, limit })
        }
        "public/funding-rate-history" => {
            about(&|instrument| Fetch::FundingHistory { instrument, from, to, limit })
        }
        "public/funding-rate" | "public/mark-price" => about(&|instrument| Fetch::MarkPrice { instrument }),
        "market/ticker" | "market/tickers" => Some(Fetch::Ignored("rest_ticker")),
        "market/index-tickers" => Some(Fetch::Ignored("rest_index_ticker")),
        "public/time" => Some(Fetch::Ignored("rest_time")),
        _ => Some(Fetch::Ignored("rest_other_call")),
    };
    // A call about all instruments, or one we do not follow.
    found.or(Some(Fetch::Ignored("rest_other_market")))
}
