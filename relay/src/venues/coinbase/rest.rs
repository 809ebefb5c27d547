//! REST calls: addresses, the budget; and what call a recorded address was.

use std::sync::Arc;

use shared::event::Channel;
use shared::market::{Instrument, Ms, Timeframe};

use super::{Endpoints, SPOT, symbol};
use crate::venues::common::url::{Call, Parameters, host};
use crate::venues::{Fetch, LimitSpec, Poll, RestRequest, Window};

const REQUESTS: &str = "requests";
/// The venue refuses longer ranges.
pub(super) const MOST_CANDLES: u32 = 300;
const MOST_TRADES: u32 = 1_000;

/// The venue's candles, in seconds, and their name in its other stack.
const GRANULARITIES: [(Timeframe, i64, &str); 5] = [
    (Timeframe::M1, 60, "ONE_MINUTE"),
    (Timeframe::M5, 300, "FIVE_MINUTE"),
    (Timeframe::M15, 900, "FIFTEEN_MINUTE"),
    (Timeframe::H1, 3_600, "ONE_HOUR"),
    (Timeframe::D1, 86_400, "ONE_DAY"),
];

/// Timeframes with candles of their own; six hours are none of ours.
pub(super) const NATIVE: [Timeframe; 5] =
    [Timeframe::M1, Timeframe::M5, Timeframe::M15, Timeframe::H1, Timeframe::D1];

pub(super) fn limits(endpoints: &Endpoints) -> Vec<LimitSpec> {
    vec![LimitSpec {
        name: REQUESTS,
        host: host(&endpoints.rest).to_owned(),
        capacity: 9,
        // Calls may arrive closer together than they were sent.
        window: Window::Sliding(Ms(1_100)),
        counted: None,
    }]
}

/// Candles have no stream: bars are built from trades, and these stand in for minutes we did not see whole.
pub(super) fn polls(instrument: &Arc<Instrument>, now: Ms) -> Vec<Poll> {
    let instrument = Arc::clone(instrument);
    let from = now.floor(Ms::MINUTE) - Ms(10 * Ms::MINUTE.0);
    let fetch = Fetch::Klines { instrument, timeframe: Timeframe::M1, from, to: now, limit: MOST_CANDLES };
    vec![Poll { channel: Channel::Bar, every: Ms::MINUTE, fetch }]
}

pub(super) fn request(endpoints: &Endpoints, fetch: &Fetch) -> Option<RestRequest> {
    let product = |i: &Instrument, call: &str| {
        Call::new(&endpoints.rest, &format!("/products/{}/{call}", i.venue_symbol))
    };
    let call = match fetch {
        Fetch::Instruments { .. } => Call::new(&endpoints.rest, "/products"),
        Fetch::Klines { instrument: i, timeframe, from, to, limit } => {
            let (_, seconds, _) = GRANULARITIES.iter().find(|(t, ..)| t == timeframe)?;
            let most = i64::from((*limit).clamp(1, MOST_CANDLES));
            // Both ends are inside, by the time a candle opens.
            let end = Ms(to.0 - 1).min(*from + Ms::seconds(seconds * (most - 1)));
            let call = product(i, "candles").with("granularity", seconds);
            call.with("start", iso(*from)).with("end", iso(end))
        }
        Fetch::Trades { instrument: i, limit, .. } => {
            product(i, "trades").with("limit", (*limit).clamp(1, MOST_TRADES))
        }
        // Books come on the socket; spot has neither funding nor open interest.
        Fetch::Depth { .. }
        | Fetch::FundingIntervals { .. }
        | Fetch::FundingHistory { .. }
        | Fetch::MarkPrice { .. }
        | Fetch::OpenInterest { .. }
        | Fetch::OpenInterestHistory { .. }
        | Fetch::Search { .. }
        | Fetch::Ignored(_) => return None,
    };
    Some(RestRequest::get(call.url(), REQUESTS, 1))
}

/// An instant to the second, as the venue reads it.
fn iso(at: Ms) -> String {
    let c = at.civil();
    format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", c.year, c.month, c.day, c.hour, c.minute, c.second)
}

/// The call a recorded address was; `None` for one of no known form.
pub(super) fn fetch_of_url(url: &str, query: &str) -> Option<Fetch> {
    let (address, parameters) = Parameters::of(url, query);
    let (_, path) = address.rsplit_once("/products")?;
    let ours = !address.contains("/market/");
    let mut parts = path.trim_matches('/').splitn(2, '/');
    let (name, call) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let about = |make: &dyn Fn(Arc<Instrument>) -> Fetch| {
        let instrument = symbol::guess(SPOT, name).map(Arc::new);
        instrument.map_or(Fetch::Ignored("rest_other_market"), make)
    };
    let (from, to) = (Ms::ZERO, Ms::LATEST);
    Some(match (name, call) {
        ("", "") if ours => Fetch::Instruments { product: SPOT, venue_symbols: Vec::new(), cursor: None },
        (_, "") => Fetch::Ignored("instruments"),
        (_, "candles") => {
            let asked = parameters.get("granularity").unwrap_or_default();
            let found = GRANULARITIES.iter().find(|(_, s, name)| asked == *name || asked == s.to_string());
            let Some((timeframe, ..)) = found else { return Some(Fetch::Ignored("kline_other_interval")) };
            let timeframe = *timeframe;
            about(&|instrument| Fetch::Klines { instrument, timeframe, from, to, limit: MOST_CANDLES })
        }
        (_, "trades") => about(&|instrument| Fetch::Trades { instrument, from, to, limit: MOST_TRADES }),
        (_, "ticker") => Fetch::Ignored("rest_ticker"),
        (_, "stats") => Fetch::Ignored("rest_stats"),
        (_, "book") => Fetch::Ignored("rest_book"),
        _ => Fetch::Ignored("rest_other_call"),
    })
}
