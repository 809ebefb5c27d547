//! What the panels show of all that is held: sums, newest values, changes.

use shared::event::{Funding, FundingKind, Liquidation, OpenInterest};
use shared::market::{Ms, Timeframe};
use shared::maths::joined::MAX_AGE;
use shared::maths::joined::funding::Basis;

use crate::series::{Market, day_change};
use crate::spark::Frame;

use super::view::Quote;

/// Liquidations on the tape.
const TAPE_ROWS: usize = 60;
/// A forecast, and for how long it stands; then a payment, for the longest interval there is and a little more.
const FUNDING_KINDS: [(FundingKind, Ms); 2] =
    [(FundingKind::Predicted, MAX_AGE), (FundingKind::Settled, Ms(9 * 3_600_000))];
/// Width and height of the funding card's line, as its `viewBox` has them.
pub(crate) const SPARK: (f64, f64) = (88.0, 24.0);

/// Open interest summed, funding averaged: what the cards show of a market joined over venues.
pub(super) fn joined_cards(market: &Market, now: Ms) -> (Option<Funding>, Option<OpenInterest>, Option<f64>) {
    let mut join = market.oi_join();
    let hour_ago = market.oi_at(&mut join, now - Ms::HOUR).filter(|j| j.missing.is_empty());
    let oi = market.oi_at(&mut join, now).filter(|j| j.missing.is_empty());
    let oi = oi.map(|j| OpenInterest {
        timestamp: j.timestamp,
        open_interest: j.open_interest,
        open_interest_value: j.open_interest_value,
    });
    let rates = market.funding_join(Ms(i64::MAX));
    let mean = rates.at(FundingKind::Predicted, &[], now).map(|joined| {
        let next = market.tracks().iter().filter_map(|t| t.predicted.last()?.next_funding_time);
        Funding {
            timestamp: joined.timestamp,
            kind: FundingKind::Predicted,
            funding_rate: joined.mean.hourly,
            next_funding_time: next.filter(|at| *at > now).min(),
            interval_hours: Some(1.0),
            funding_apr: Some(joined.mean.apr),
            mark_price: None,
            index_price: None,
        }
    });
    (mean, oi, hour_ago.map(|j| j.open_interest))
}

/// The yearly rate of the last day, a point per quarter of an hour: the forecast, or where none is held what was last
/// paid. Of the open market, or the mean over the venues where they are joined.
pub(super) fn funding_spark(market: &Market, now: Ms) -> String {
    let own = market.own();
    let rate = |at: Ms| {
        FUNDING_KINDS.into_iter().find_map(|(kind, holds)| match own {
            Some(own) => {
                let rate = own.rates(kind).at_or_before(at)?;
                Basis::of(rate).filter(|_| at - rate.timestamp <= holds)
            }
            None => market.funding_join(at).at(kind, &[], at).map(|joined| joined.mean),
        })
    };
    let instants = (0..=96).rev().map(|n| now - Ms(n * 900_000));
    let points: Vec<(f64, f64)> =
        instants.filter_map(|at| rate(at).map(|basis| (at.0 as f64, basis.apr))).collect();
    Frame::around(&points, SPARK).map(|frame| frame.path(&points, None)).unwrap_or_default()
}

/// The newest liquidations of at least so much value of all tracks, newest first.
pub(super) fn tape(market: &Market, min: f64) -> Vec<Liquidation> {
    let mut rows: Vec<Liquidation> = Vec::new();
    for track in market.tracks() {
        for hit in track.liquidations.iter().rev().filter(|hit| hit.value >= min).take(TAPE_ROWS) {
            let place = rows.partition_point(|held| held.timestamp >= hit.timestamp);
            rows.insert(place, *hit);
            rows.truncate(TAPE_ROWS);
        }
    }
    rows
}

/// Last price and change against 24 h before, by whichever bars reach back that far.
pub(super) fn quote(market: &Market, before: Quote) -> Quote {
    let Some(last) = market.bars(Timeframe::M1).last() else { return Quote::default() };
    let day_ago = last.timestamp - Ms::DAY;
    let reference = Timeframe::ALL.into_iter().take(6).find_map(|tf| {
        let bars = market.bars(tf);
        bars.first().filter(|first| first.timestamp <= day_ago)?;
        bars.at_or_before(day_ago).map(|b| b.close)
    });
    let change_percent = reference.and_then(|before| day_change(last.close, before));
    let direction = match before.last {
        Some(held) if last.close > held => 1,
        Some(held) if last.close < held => -1,
        _ => before.direction,
    };
    Quote { last: Some(last.close), change_percent, direction }
}
