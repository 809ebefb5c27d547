//! REST calls: addresses, weights, budgets; and what call a recorded address was.

use std::sync::Arc;

use shared::event::{Channel, OpenInterest};
use shared::market::{Instrument, Kind, Ms, Timeframe};

use super::bar::{interval_name, timeframe_of};
use super::parse::{Context, MarkAndFunding, Said, read};
use super::{Endpoints, SPOT, USDM, rest_parse, shape, symbol};
use crate::venues::common::url::{Call, Parameters, host};
use crate::venues::{
    Counted, Fetch, LimitSpec, Poll, Product, RestRequest, Update, VenueError, What, Window,
};

const USDM_WEIGHT: &str = "usdm_weight";
const USDM_FUNDING: &str = "usdm_funding";
const USDM_STATS: &str = "usdm_stats";
const SPOT_WEIGHT: &str = "spot_weight";

const USED: Option<Counted> = Some(Counted::Used("X-MBX-USED-WEIGHT-1M"));

pub(super) fn limits(endpoints: &Endpoints) -> Vec<LimitSpec> {
    let (usdm, spot) = (host(&endpoints.usdm_rest), host(&endpoints.spot_rest));
    let limit = |name, host: &str, capacity, minutes: i64, counted| LimitSpec {
        name,
        host: host.to_owned(),
        capacity,
        window: Window::Sliding(Ms(minutes * Ms::MINUTE.0)),
        counted,
    };
    vec![
        limit(USDM_WEIGHT, usdm, 2_400, 1, USED),
        limit(USDM_FUNDING, usdm, 500, 5, None),
        limit(USDM_STATS, usdm, 1_000, 5, None),
        limit(SPOT_WEIGHT, spot, 6_000, 1, USED),
    ]
}

/// Open interest has no stream, settled payments neither.
pub(super) fn polls(instrument: &Arc<Instrument>, now: Ms) -> Vec<Poll> {
    if instrument.kind != Kind::Perp {
        return Vec::new();
    }
    let instrument = Arc::clone(instrument);
    let from = now - Ms(2 * Ms::DAY.0);
    let oi = Fetch::OpenInterest { instrument: Arc::clone(&instrument) };
    let settled = Fetch::FundingHistory { instrument, from, to: now, limit: 100 };
    vec![
        Poll { channel: Channel::Oi, every: Ms::seconds(10), fetch: oi },
        Poll { channel: Channel::Funding, every: Ms::seconds(300), fetch: settled },
    ]
}

/// What a venue's own call adds to an address.
trait Priced {
    /// Rows opening or happening in `[from, to)`; the venue's end is inclusive.
    fn between(self, from: Ms, to: Ms) -> Self;

    fn cost(self, limit: &'static str, weight: u32) -> Option<RestRequest>;
}

impl Priced for Call {
    fn between(self, from: Ms, to: Ms) -> Call {
        self.with("startTime", from.0).with("endTime", to.0.saturating_sub(1))
    }

    fn cost(self, limit: &'static str, weight: u32) -> Option<RestRequest> {
        Some(RestRequest::get(self.url(), limit, weight))
    }
}

pub(super) fn request(endpoints: &Endpoints, fetch: &Fetch) -> Option<RestRequest> {
    let usdm = |path| Call::new(&endpoints.usdm_rest, path);
    let spot = |path| Call::new(&endpoints.spot_rest, path);
    match fetch {
        Fetch::Instruments { product, venue_symbols, .. } if *product == SPOT => {
            let call = spot("/api/v3/exchangeInfo");
            let call = if venue_symbols.is_empty() {
                call
            } else {
                call.with("symbols", serde_json::json!(venue_symbols))
            };
            call.cost(SPOT_WEIGHT, 20)
        }
        Fetch::Instruments { .. } => usdm("/fapi/v1/exchangeInfo").cost(USDM_WEIGHT, 1),
        Fetch::FundingIntervals { product } if *product == USDM => {
            usdm("/fapi/v1/fundingInfo").cost(USDM_FUNDING, 1)
        }
        Fetch::Klines { instrument: i, timeframe, from, to, limit } => {
            let (path, most) =
                if i.kind == Kind::Spot { ("/api/v3/klines", 1_000) } else { ("/fapi/v1/klines", 1_500) };
            let limit = (*limit).clamp(1, most);
            let base = if i.kind == Kind::Spot { spot(path) } else { usdm(path) };
            let call = base.with("symbol", &i.venue_symbol).with("interval", interval_name(*timeframe));
            let call = call.between(*from, *to).with("limit", limit);
            if i.kind == Kind::Spot {
                call.cost(SPOT_WEIGHT, 2)
            } else {
                call.cost(USDM_WEIGHT, klines_weight(limit))
            }
        }
        Fetch::Depth { instrument: i } if i.kind == Kind::Spot => {
            // 10 bps of a dear coin reach over more than 1000 levels of a cent.
            spot("/api/v3/depth").with("symbol", &i.venue_symbol).with("limit", 5_000).cost(SPOT_WEIGHT, 250)
        }
        Fetch::Depth { instrument: i } => {
            usdm("/fapi/v1/depth").with("symbol", &i.venue_symbol).with("limit", 1_000).cost(USDM_WEIGHT, 20)
        }
        Fetch::Trades { instrument: i, from, to, limit } => {
            let limit = (*limit).clamp(1, 1_000);
            let call =
                if i.kind == Kind::Spot { spot("/api/v3/aggTrades") } else { usdm("/fapi/v1/aggTrades") };
            let call = call.with("symbol", &i.venue_symbol).between(*from, *to).with("limit", limit);
            if i.kind == Kind::Spot { call.cost(SPOT_WEIGHT, 4) } else { call.cost(USDM_WEIGHT, 20) }
        }
        Fetch::OpenInterest { instrument: i } if i.kind == Kind::Perp => {
            usdm("/fapi/v1/openInterest").with("symbol", &i.venue_symbol).cost(USDM_WEIGHT, 1)
        }
        Fetch::OpenInterestHistory { instrument: i, from, to, limit } if i.kind == Kind::Perp => {
            let call =
                usdm("/futures/data/openInterestHist").with("symbol", &i.venue_symbol).with("period", "5m");
            call.between(*from, *to).with("limit", (*limit).clamp(1, 500)).cost(USDM_STATS, 1)
        }
        Fetch::FundingHistory { instrument: i, from, to, limit } if i.kind == Kind::Perp => {
            let call = usdm("/fapi/v1/fundingRate").with("symbol", &i.venue_symbol);
            call.between(*from, *to).with("limit", (*limit).clamp(1, 1_000)).cost(USDM_FUNDING, 1)
        }
        Fetch::MarkPrice { instrument: i } if i.kind == Kind::Perp => {
            usdm("/fapi/v1/premiumIndex").with("symbol", &i.venue_symbol).cost(USDM_WEIGHT, 1)
        }
        Fetch::FundingIntervals { .. }
        | Fetch::Search { .. }
        | Fetch::OpenInterest { .. }
        | Fetch::OpenInterestHistory { .. }
        | Fetch::FundingHistory { .. }
        | Fetch::MarkPrice { .. }
        | Fetch::Ignored(_) => None,
    }
}

const fn klines_weight(limit: u32) -> u32 {
    match limit {
        0..=99 => 1,
        100..=499 => 2,
        500..=1_000 => 5,
        _ => 10,
    }
}

/// The call a recorded address was, its instrument guessed from the name.
pub(super) fn fetch_of_url(product: Option<Product>, url: &str, query: &str) -> Option<Fetch> {
    let (address, parameters) = Parameters::of(url, query);
    let parameter = |key: &str| parameters.get(key);
    let Some(product) = shape::product_of_url(address).or(product) else {
        return Some(Fetch::Ignored("rest_other_product"));
    };
    let number = |key: &str, default| parameters.number(key, default);
    let (from, to) = (Ms(number("startTime", 0)), Ms(number("endTime", i64::MAX - 1) + 1));
    let limit = u32::try_from(number("limit", 500)).unwrap_or(500);
    let call =
        address.rsplit_once("/v").map_or(address, |(_, tail)| tail.trim_start_matches(|c: char| c != '/'));
    let call = call.rsplit_once("/data/").map_or(call, |(_, tail)| tail).trim_start_matches('/');
    let about = |make: &dyn Fn(Arc<Instrument>) -> Fetch| {
        let instrument = symbol::guess(product, &parameter("symbol")?)?;
        Some(make(Arc::new(instrument)))
    };
    let found = match call {
        "exchangeInfo" => Some(Fetch::Instruments { product, venue_symbols: Vec::new(), cursor: None }),
        "fundingInfo" => Some(Fetch::FundingIntervals { product }),
        "klines" => {
            let interval: Option<Timeframe> = parameter("interval").and_then(|i| timeframe_of(&i));
            let Some(timeframe) = interval else { return Some(Fetch::Ignored("kline_other_interval")) };
            about(&|instrument| Fetch::Klines { instrument, timeframe, from, to, limit })
        }
        "depth" => about(&|instrument| Fetch::Depth { instrument }),
        "openInterest" => about(&|instrument| Fetch::OpenInterest { instrument }),
        "openInterestHist" => about(&|instrument| Fetch::OpenInterestHistory { instrument, from, to, limit }),
        "fundingRate" => about(&|instrument| Fetch::FundingHistory { instrument, from, to, limit }),
        "premiumIndex" => about(&|instrument| Fetch::MarkPrice { instrument }),
        "aggTrades" | "trades" | "historicalTrades" => {
            about(&|instrument| Fetch::Trades { instrument, from, to, limit })
        }
        "ticker/24hr" => Some(Fetch::Ignored("rest_ticker_24h")),
        "ticker/price" => Some(Fetch::Ignored("rest_ticker_price")),
        "ticker/bookTicker" => Some(Fetch::Ignored("rest_book_ticker")),
        "time" => Some(Fetch::Ignored("rest_time")),
        "ping" => Some(Fetch::Ignored("rest_ping")),
        "globalLongShortAccountRatio"
        | "topLongShortAccountRatio"
        | "topLongShortPositionRatio"
        | "takerlongshortRatio" => Some(Fetch::Ignored("rest_long_short_ratio")),
        _ => Some(Fetch::Ignored("rest_other_call")),
    };
    // A call about all symbols, a coin-margined pair or a name we cannot split.
    found.or(Some(Fetch::Ignored("rest_other_market")))
}

/// A recorded open interest answer without its address; it names its symbol.
pub(super) fn bare_open_interest(ctx: &Context<'_>, data: &str) -> Result<Said, VenueError> {
    let row: rest_parse::OpenInterestNow<'_> = read(data)?;
    named(ctx, row.symbol.as_str(), |i| {
        let open_interest: OpenInterest = row.reading(i)?;
        Ok(Some(What::Oi(open_interest)))
    })
}

/// A recorded mark price answer without its address; it names its symbol.
pub(super) fn bare_premium_index(ctx: &Context<'_>, data: &str) -> Result<Said, VenueError> {
    let row: rest_parse::PremiumIndex<'_> = read(data)?;
    named(ctx, row.symbol.as_str(), |i| MarkAndFunding::from(&row).predicted(ctx.venue, i))
}

fn named(
    ctx: &Context<'_>,
    name: &str,
    what: impl FnOnce(&Instrument) -> Result<Option<What>, VenueError>,
) -> Result<Said, VenueError> {
    let Some(instrument) = ctx.instruments.get(ctx.product, name) else {
        return Ok(symbol::outside_usdm(name).map_or_else(|| Said::Unlisted(name.to_owned()), Said::Nothing));
    };
    let update = |what| Said::Update(Update { symbol: instrument.symbol.clone(), what });
    Ok(what(instrument)?.map_or(Said::Nothing("mark_price_without_funding"), update))
}
