//! A group as it stands now and as its open interest went: `/api/market/*`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use futures_util::future::join_all;
use serde::Serialize;
use shared::event::{Body, Channel, Event, Funding, FundingKind, MemberName, OpenInterest, Topic};
use shared::market::{Group, Instrument, Kind, Ms, Symbol, Timeframe, VenueId};
use shared::maths::joined::funding::{Basis, FundingJoin, JoinedFunding, countdown};
use shared::maths::joined::liquidations::{JoinedLiquidations, LiquidationJoin, Sides};
use shared::maths::joined::open_interest::{JoinedOi, OiJoin, series};
use shared::maths::joined::{MAX_AGE, Members};
use shared::wire::VenueState;

use super::ApiState;
use super::joined::{of_members, open_interest_of, read_all, step};
use super::table::{Freshness, document};
use crate::directory::JoinedMarket;
use crate::history::BarsQuery;
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::ingest::VenueReport;
use crate::store::Dataset;

/// Longest stretch one answer is about.
pub(super) const MOST_HOURS: u64 = 168;
/// More rows of a member than the stretches of an overview hold.
const MOST_ROWS: usize = 100_000;
/// Minutes of a day.
const DAY_MINUTES: usize = 1_440;

/// Open interest of a group at one instant.
#[derive(Serialize, schemars::JsonSchema)]
pub(in crate::http) struct OiPoint {
    timestamp: Ms,
    /// Value in quote currency over the members that are neither missing nor without a value.
    oi_notional: f64,
    /// Coins over the members that are not missing.
    open_interest: f64,
    /// Value by venue; venues with a member that is not valued are left out.
    by_venue: BTreeMap<VenueId, f64>,
    missing: Vec<MemberName>,
    unvalued: Vec<MemberName>,
}

/// `hours` of summed open interest on a grid of 5 minutes (or `interval`), ascending.
pub(super) async fn oi_history(State(state): State<ApiState>, params: Params) -> Result<Response, ApiError> {
    let market = state.group(&params)?.with(Channel::Oi);
    let hours = params.number("hours", 1, MOST_HOURS)?.unwrap_or(24);
    let step = step(&params)?;
    let to = state.history.now() + Ms(1);
    let from = to - Ms(Ms::HOUR.0.saturating_mul(i64::try_from(hours).unwrap_or(24)));
    let mut rows: Vec<Vec<OpenInterest>> = vec![Vec::new(); market.members.len()];
    let keep = |stretch: &[(usize, Event)]| {
        for (n, event) in stretch {
            if let (Some(rows), Some(oi)) = (rows.get_mut(*n), open_interest_of(event)) {
                keep_last(rows, oi, step);
            }
        }
    };
    state.history.scan(Dataset::Oi, &market, (from - MAX_AGE, to), keep).await?;
    let points = series(&market.members, &rows, (from, to), step, MAX_AGE).into_iter().filter_map(|sum| {
        let valued = |(venue, held): (VenueId, _)| {
            let held: shared::maths::joined::open_interest::Held = held;
            Some((venue, held.open_interest_value?))
        };
        Some(OiPoint {
            timestamp: sum.timestamp,
            oi_notional: sum.open_interest_value?,
            open_interest: sum.open_interest,
            by_venue: sum.by_venue.into_iter().filter_map(valued).collect(),
            missing: sum.missing,
            unvalued: sum.unvalued,
        })
    });
    let points: Vec<OiPoint> = points.collect();
    Ok(document(&points, Freshness::Live))
}

/// Adds a member's next row. Of those between two instants of the grid the last one stands at the later: the others
/// need not be kept, however many a venue tells.
fn keep_last(rows: &mut Vec<OpenInterest>, oi: OpenInterest, step: Ms) {
    let slot = |at: Ms| (at - Ms(1)).floor(step);
    let usable = oi.open_interest.is_finite() && oi.open_interest >= 0.0;
    match rows.last_mut() {
        _ if !usable => {}
        Some(last) if slot(last.timestamp) == slot(oi.timestamp) => *last = oi,
        _ => rows.push(oi),
    }
}

/// A group now: every member beside the sums.
#[derive(Serialize, schemars::JsonSchema)]
pub(in crate::http) struct Overview {
    symbol: Symbol,
    group: Group,
    timestamp: Ms,
    /// In member order: the reference of joined bars first.
    members: Vec<MemberNow>,
    sum: Sums,
}

/// One member now; null is what its venue does not offer, or has not said (lately).
#[derive(Serialize, schemars::JsonSchema)]
struct MemberNow {
    symbol: Symbol,
    venue: VenueId,
    quote: String,
    /// The worst of its channels, or of its venue where nothing is known of them.
    state: VenueState,
    last_price: Option<f64>,
    mark_price: Option<f64>,
    index_price: Option<f64>,
    open_interest: Option<f64>,
    open_interest_value: Option<f64>,
    predicted: Option<RateNow>,
    settled: Option<RateNow>,
    volume_24h: Option<DayVolume>,
    /// Of the last hour.
    liquidations: Option<Sides>,
    /// Age of the last data by channel, null where none came yet.
    age_ms: BTreeMap<Channel, Option<i64>>,
    /// Channels a market of this kind has and this venue does not offer: not zero, not known.
    unavailable: Vec<Channel>,
}

/// A funding rate on all bases.
#[derive(Serialize, schemars::JsonSchema)]
struct RateNow {
    kind: FundingKind,
    timestamp: Ms,
    funding_rate: f64,
    interval_hours: Option<f64>,
    hourly: Option<f64>,
    rate_8h: Option<f64>,
    funding_apr: Option<f64>,
    next_funding_time: Option<Ms>,
    /// Until the next payment.
    countdown_ms: Option<i64>,
}

/// Coins and quote currency of the last 24 hours.
#[derive(Serialize, Clone, Copy, schemars::JsonSchema)]
struct DayVolume {
    volume: f64,
    /// Null where a minute has no average price.
    value: Option<f64>,
    /// Minutes with a bar, of 1440: fewer make it a lower bound.
    minutes: usize,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Sums {
    open_interest: Option<JoinedOi>,
    predicted: Option<JoinedFunding>,
    settled: Option<JoinedFunding>,
    volume_24h: f64,
    /// Members whose volume is unknown.
    volume_missing: Vec<MemberName>,
    /// Of the last hour.
    liquidations: JoinedLiquidations,
}

/// The joined view of now.
pub(super) async fn overview(
    State(state): State<ApiState>,
    params: Params,
) -> Result<Json<Overview>, ApiError> {
    let market = state.group(&params)?;
    let now = state.history.now();
    let members = &market.members;
    let deaths = market.with(Channel::Liquidation);
    let hour = (Dataset::Liquidations, (now - Ms::HOUR, now + Ms(1)), MOST_ROWS, true);
    let mut liquidations = LiquidationJoin::new(members, Ms::HOUR);
    let mut sides = vec![Sides::default(); members.len()];
    for event in read_all(&state, &deaths, hour).await? {
        if let (Some(n), Body::Liquidation(hit)) = (position(members, &event), &event.body) {
            liquidations.push(n, hit);
            if let Some(own) = sides.get_mut(n) {
                own.add(hit);
            }
        }
    }
    let volumes = join_all(market.instruments.iter().map(|i| day_volume(&state, i, now))).await;
    let report = state.board.report(now);
    let mut oi = OiJoin::new(members, MAX_AGE);
    let mut rates = FundingJoin::new(members);
    for (n, i) in market.instruments.iter().enumerate() {
        for body in newest(&state, i, Channel::Oi).into_iter().chain(newest(&state, i, Channel::Funding)) {
            if let Body::Oi(x) = body {
                oi.push(n, &x);
            } else if let Body::Funding(x) = body {
                rates.push(n, &x);
            }
        }
    }
    for (n, paid) in settled(&state, &market, now).await?.into_iter().enumerate() {
        for funding in &paid {
            rates.push(n, funding);
        }
    }
    let rows = market.instruments.iter().enumerate().map(|(n, i)| {
        let (held, rate) = (oi.of(n, now), |kind| rates.of(n, kind, now));
        let predicted = rate(FundingKind::Predicted);
        let (state_now, age_ms) = topics(&report, i, now);
        let offers_deaths = i.channels.contains(&Channel::Liquidation);
        MemberNow {
            symbol: i.symbol.clone(),
            venue: i.venue.clone(),
            quote: i.quote.clone(),
            state: state_now,
            last_price: last_price(&state, i),
            mark_price: predicted.and_then(|f| f.mark_price),
            index_price: predicted.and_then(|f| f.index_price),
            open_interest: held.map(|x| x.open_interest),
            open_interest_value: held.and_then(|x| x.open_interest_value),
            predicted: predicted.map(|f| rate_now(f, now)),
            settled: rate(FundingKind::Settled).map(|f| rate_now(f, now)),
            volume_24h: volumes.get(n).copied().flatten(),
            liquidations: sides.get(n).copied().filter(|_| offers_deaths),
            age_ms,
            unavailable: expected(i.kind).iter().filter(|c| !i.channels.contains(c)).copied().collect(),
        }
    });
    let rows: Vec<MemberNow> = rows.collect();
    let weights: Vec<Option<f64>> = rows.iter().map(|m| m.open_interest).collect();
    let unknown = rows.iter().filter(|m| m.volume_24h.is_none());
    let sum = Sums {
        open_interest: oi.at(now),
        predicted: rates.at(FundingKind::Predicted, &weights, now),
        settled: rates.at(FundingKind::Settled, &weights, now),
        volume_24h: rows.iter().filter_map(|m| m.volume_24h).map(|v| v.volume).sum(),
        volume_missing: unknown
            .map(|m| MemberName { symbol: m.symbol.clone(), venue: m.venue.clone() })
            .collect(),
        liquidations: liquidations.at(now),
    };
    let group = market.instruments.first().map(|i| i.group.clone());
    let group = group.unwrap_or_else(|| Group::new(market.symbol.as_str(), Kind::Index));
    Ok(Json(Overview { symbol: market.symbol.clone(), group, timestamp: now, members: rows, sum }))
}

fn position(members: &Members, event: &Event) -> Option<usize> {
    members.position(&MemberName { symbol: event.symbol.clone(), venue: event.venue.clone() })
}

/// What a market of a kind can have.
fn expected(kind: Kind) -> &'static [Channel] {
    match kind {
        Kind::Perp => &Channel::OFFERED,
        Kind::Spot | Kind::Future | Kind::Stock => &[Channel::Bar, Channel::Trade, Channel::Book],
        Kind::Index => &[Channel::Bar],
    }
}

fn topic(i: &Instrument, channel: Channel) -> Topic {
    let interval = (channel == Channel::Bar).then_some(Timeframe::M1);
    Topic { symbol: i.symbol.clone(), venue: i.venue.clone(), channel, interval }
}

/// The last value of a state topic.
fn newest(state: &ApiState, i: &Instrument, channel: Channel) -> Option<Body> {
    state.hub.last(&topic(i, channel)).last().map(|stamped| stamped.event.body.clone())
}

fn last_price(state: &ApiState, i: &Instrument) -> Option<f64> {
    newest(state, i, Channel::Bar)?.bar().map(|bar| bar.close)
}

fn rate_now(funding: &Funding, now: Ms) -> RateNow {
    let basis = Basis::of(funding);
    RateNow {
        kind: funding.kind,
        timestamp: funding.timestamp,
        funding_rate: funding.funding_rate,
        interval_hours: funding.interval_hours,
        hourly: basis.map(|b| b.hourly),
        rate_8h: basis.map(|b| b.rate_8h),
        funding_apr: basis.map(|b| b.apr),
        next_funding_time: funding.next_funding_time,
        countdown_ms: countdown(funding, now).map(|ms| ms.0),
    }
}

/// The newest rates on record: what was paid last is seldom the last thing said.
async fn settled(state: &ApiState, market: &JoinedMarket, now: Ms) -> Result<Vec<Vec<Funding>>, ApiError> {
    let read = (Dataset::Funding, (now - Ms(9 * Ms::HOUR.0), now + Ms(1)), MOST_ROWS, true);
    let events = read_all(state, &market.with(Channel::Funding), read).await?;
    Ok(of_members(&market.members, &events, |e| if let Body::Funding(f) = e.body { Some(f) } else { None }))
}

/// State and age of the data of each channel the member offers.
fn topics(report: &[VenueReport], i: &Instrument, now: Ms) -> (VenueState, BTreeMap<Channel, Option<i64>>) {
    let venue = report.iter().find(|v| v.venue == i.venue);
    let own = venue.into_iter().flat_map(|v| &v.topics).filter(|t| t.symbol == i.symbol);
    let mut ages: BTreeMap<Channel, Option<i64>> = i.channels.iter().map(|c| (*c, None)).collect();
    let mut worst = None;
    for topic in own {
        worst = worst.max(Some(topic.state));
        let age = topic.last_event.map(|at| (now - at).0.max(0));
        ages.insert(topic.channel, age);
    }
    let of_venue = venue.map_or(VenueState::Down, |v| v.state);
    (worst.unwrap_or(of_venue), ages)
}

/// Volume of the last 24 hours by minutes; `None` where there are none.
async fn day_volume(state: &ApiState, i: &std::sync::Arc<Instrument>, now: Ms) -> Option<DayVolume> {
    if !i.channels.contains(&Channel::Bar) {
        return None;
    }
    let (from, to) = ((now - Ms::DAY).floor(Ms::MINUTE) + Ms::MINUTE, now + Ms(1));
    let query = BarsQuery {
        instrument: i.clone(),
        timeframe: Timeframe::M1,
        from,
        to,
        limit: DAY_MINUTES,
        newest: true,
        base: false,
    };
    let candles = state.history.candles(&query).await.ok()?.candles;
    let nothing = DayVolume { volume: 0.0, value: Some(0.0), minutes: 0 };
    let day = candles.iter().fold(nothing, |sum, c| DayVolume {
        volume: sum.volume + c.bar.volume,
        value: if c.bar.volume > 0.0 {
            sum.value.zip(c.bar.vwap).map(|(value, vwap)| value + vwap * c.bar.volume)
        } else {
            sum.value
        },
        minutes: sum.minutes + 1,
    });
    (day.minutes > 0).then_some(day)
}
