//! What each layer of the chart draws: flat rows of numbers, one per bar of the shown timeframe.
//!
//! Every layer has a row for every bar and no other instant: the chart's time axis is the union of the times of
//! all its series, so one point off the grid would open an empty slot in all of them.

use shared::event::{Bar, FundingKind, LiquidationSide};
use shared::market::{Ms, Timeframe};
use shared::maths::indicators::Indicator;
use shared::maths::joined::MAX_AGE;
use shared::maths::joined::funding::Basis;
use shared::maths::joined::open_interest::OiJoin;

use super::{Market, Track};
use crate::settings::Pane;

/// One series in the chart. Those with a number are of one track of the market.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Layer {
    Price,
    Volume,
    Cvd,
    LiqLong,
    LiqShort,
    /// The sum over all tracks.
    Oi,
    OiOf(usize),
    /// The forecast.
    Funding(usize),
    /// What was paid.
    Settled(usize),
    /// A line of an indicator over the price.
    Line(usize),
    Rsi,
    /// Its histogram, line and signal line.
    Macd(usize),
    /// Of the book, at the end of the bar.
    Spread,
    DepthBid,
    DepthAsk,
}

/// Palette entries of layers whose rows are coloured one by one.
const UP: f64 = 0.0;
const DOWN: f64 = 1.0;
/// The series' own colour.
const PLAIN: f64 = -1.0;

impl Layer {
    /// Tracks that can be drawn at once.
    pub const SLOTS: usize = 8;
    /// Lines over the price.
    pub const LINES: usize = 16;
    /// Numbers [`Self::index`] gives are below.
    pub const COUNT: usize = 13 + 3 * Layer::SLOTS + Layer::LINES;

    /// All layers of a market with so many tracks and lines over the price; a single track needs no line beside the
    /// sum.
    pub fn all(tracks: usize, lines: usize) -> Vec<Layer> {
        use Layer::{
            Cvd, DepthAsk, DepthBid, Funding, Line, LiqLong, LiqShort, Macd, Oi, OiOf, Price, Rsi, Settled,
            Spread, Volume,
        };
        let mut layers = vec![Price, Volume, Cvd, LiqLong, LiqShort, Oi];
        layers.extend([Rsi, Macd(2), Macd(0), Macd(1), Spread, DepthBid, DepthAsk]);
        layers.extend((0..lines.min(Layer::LINES)).map(Line));
        let slots = 0..tracks.min(Layer::SLOTS);
        if slots.len() > 1 {
            layers.extend(slots.clone().map(OiOf));
        }
        layers.extend(slots.flat_map(|n| [Funding(n), Settled(n)]));
        layers
    }

    pub const fn index(self) -> usize {
        match self {
            Layer::Price => 0,
            Layer::Volume => 1,
            Layer::Cvd => 2,
            Layer::LiqLong => 3,
            Layer::LiqShort => 4,
            Layer::Oi => 5,
            Layer::OiOf(n) => 6 + n,
            Layer::Funding(n) => 6 + Layer::SLOTS + n,
            Layer::Settled(n) => 6 + 2 * Layer::SLOTS + n,
            Layer::Rsi => 6 + 3 * Layer::SLOTS,
            Layer::Spread => 7 + 3 * Layer::SLOTS,
            Layer::DepthBid => 8 + 3 * Layer::SLOTS,
            Layer::DepthAsk => 9 + 3 * Layer::SLOTS,
            Layer::Macd(n) => 10 + 3 * Layer::SLOTS + n,
            Layer::Line(n) => 13 + 3 * Layer::SLOTS + n,
        }
    }

    /// The name under which `deck.js` says how it is drawn.
    pub const fn look(self) -> &'static str {
        match self {
            Layer::Price => "price",
            Layer::Volume => "volume",
            Layer::Cvd => "cvd",
            Layer::LiqLong => "liq_long",
            Layer::LiqShort => "liq_short",
            Layer::Oi => "oi",
            Layer::OiOf(_) => "oi_venue",
            Layer::Funding(_) => "funding",
            Layer::Settled(_) => "settled",
            Layer::Line(_) | Layer::Macd(0) => "study",
            Layer::Macd(1) => "signal_line",
            Layer::Macd(_) => "macd_hist",
            Layer::Rsi => "rsi",
            Layer::Spread => "spread",
            Layer::DepthBid => "depth_bid",
            Layer::DepthAsk => "depth_ask",
        }
    }

    /// The track it is of.
    pub const fn track(self) -> Option<usize> {
        match self {
            Layer::OiOf(n) | Layer::Funding(n) | Layer::Settled(n) => Some(n),
            Layer::Price
            | Layer::Volume
            | Layer::Cvd
            | Layer::LiqLong
            | Layer::LiqShort
            | Layer::Oi
            | Layer::Line(_)
            | Layer::Rsi
            | Layer::Macd(_)
            | Layer::Spread
            | Layer::DepthBid
            | Layer::DepthAsk => None,
        }
    }

    /// The pane under the price it stands in; `None` is the price pane.
    pub const fn pane(self) -> Option<Pane> {
        match self {
            Layer::Price | Layer::Volume | Layer::Line(_) => None,
            Layer::Oi | Layer::OiOf(_) => Some(Pane::Oi),
            Layer::Funding(_) | Layer::Settled(_) => Some(Pane::Funding),
            Layer::Cvd => Some(Pane::Cvd),
            Layer::LiqLong | Layer::LiqShort => Some(Pane::Liq),
            Layer::Rsi => Some(Pane::Rsi),
            Layer::Macd(_) => Some(Pane::Macd),
            Layer::Spread => Some(Pane::Spread),
            Layer::DepthBid | Layer::DepthAsk => Some(Pane::Depth),
        }
    }

    /// Numbers in one row: candles have 5 (time, open, high, low, close), the others 3 (time, value, colour).
    pub const fn stride(self) -> usize {
        match self {
            Layer::Price => 5,
            _ => 3,
        }
    }

    /// Rows for the bars `[from, to)` of a timeframe, times in seconds; NaN where there is nothing to draw.
    pub fn rows(self, market: &Market, timeframe: Timeframe, from: usize, to: usize) -> Vec<f64> {
        let bars = market.bars(timeframe);
        let to = to.min(bars.len());
        let mut flat = Vec::with_capacity(to.saturating_sub(from) * self.stride());
        let mut join = market.oi_join();
        for index in from..to {
            let Some(bar) = bars.get(index) else { break };
            let time = seconds(bar.timestamp);
            if self == Layer::Price {
                flat.extend([time, bar.open, bar.high, bar.low, bar.close]);
                continue;
            }
            let value = self.value_with(market, bar, &mut join).unwrap_or(f64::NAN);
            let colour = match self {
                Layer::Volume if bar.close < bar.open => DOWN,
                Layer::Macd(2) if value < 0.0 => DOWN,
                Layer::Volume | Layer::Macd(2) => UP,
                _ => PLAIN,
            };
            flat.extend([time, value, colour]);
        }
        flat
    }

    /// What it shows in the bucket of a bar; `None` where nothing is known there.
    pub fn value(self, market: &Market, bar: &Bar) -> Option<f64> {
        self.value_with(market, bar, &mut market.oi_join())
    }

    /// Its column among those of the market's indicators.
    pub fn study(self, market: &Market) -> Option<usize> {
        let first = |fits: fn(&Indicator) -> bool| market.studies.find(fits).map(|(column, _)| column);
        match self {
            Layer::Line(n) => market.studies.overlays().get(n).map(|line| line.0),
            Layer::Rsi => first(|one| matches!(one, Indicator::Rsi(_))),
            Layer::Macd(n) => first(|one| matches!(one, Indicator::Macd { .. })).map(|column| column + n),
            _ => None,
        }
    }

    fn value_with(self, market: &Market, bar: &Bar, join: &mut OiJoin) -> Option<f64> {
        let (open, end) = (bar.timestamp, market.calendar().next(bar.interval, bar.timestamp));
        let track = || self.track().and_then(|n| market.tracks().get(n));
        match self {
            Layer::Price => Some(bar.close),
            Layer::Volume => Some(bar.volume),
            Layer::Oi => {
                let joined = market.oi_at(join, last_instant(market, end))?;
                // A sum without one of its parts would show a fall that never was.
                joined.missing.is_empty().then_some(joined.open_interest)
            }
            Layer::OiOf(_) => track()?.oi_at(last_instant(market, end)).map(|p| p.open_interest),
            // A forecast holds until the next one, but not for ever.
            Layer::Funding(_) => {
                hourly_percent(track()?, FundingKind::Predicted, open.min(end - MAX_AGE), end)
            }
            Layer::Settled(_) => hourly_percent(track()?, FundingKind::Settled, open, end),
            Layer::Cvd => bar.cvd,
            Layer::LiqLong => liquidated(market, LiquidationSide::Long, open, end).map(|v| -v),
            Layer::LiqShort => liquidated(market, LiquidationSide::Short, open, end),
            Layer::Line(_) | Layer::Rsi | Layer::Macd(_) => market.studies.value(self.study(market)?, open),
            Layer::Spread => market.book_of(open, end).map(|top| top.spread_bps),
            Layer::DepthBid => market.book_of(open, end)?.depth_10bps.map(|d| d.bid_usd),
            Layer::DepthAsk => market.book_of(open, end)?.depth_10bps.map(|d| d.ask_usd),
        }
    }
}

/// The last instant before `end` that has come: a forming bar's end lies in the future, where nothing is fresh.
fn last_instant(market: &Market, end: Ms) -> Ms {
    let come = market.bars(Timeframe::M1).last().map(|minute| minute.timestamp + Ms::MINUTE);
    come.map_or(end, |come| come.min(end)) - Ms(1)
}

/// Chart seconds of an instant; the only place that leaves milliseconds.
pub fn seconds(at: Ms) -> f64 {
    at.0 as f64 / 1_000.0
}

/// The instant of chart seconds.
pub fn from_seconds(seconds: f64) -> Ms {
    Ms((seconds * 1_000.0).round() as i64)
}

/// The newest rate of a kind in a stretch, percent an hour.
fn hourly_percent(track: &Track, kind: FundingKind, from: Ms, to: Ms) -> Option<f64> {
    let newest = track.rates(kind).range(from, to).next_back()?;
    Basis::of(newest).map(|basis| basis.hourly * 100.0)
}

fn liquidated(market: &Market, side: LiquidationSide, from: Ms, to: Ms) -> Option<f64> {
    let hits = market.tracks().iter().flat_map(|t| t.liquidations.range(from, to));
    let mut hits = hits.filter(|l| l.side == side).peekable();
    hits.peek()?;
    Some(hits.map(|l| l.value).sum())
}

#[cfg(test)]
mod tests {
    use shared::event::{Channel, MemberName, OpenInterest, Origin};
    use shared::market::{Calendar, VenueId};
    use shared::maths::joined::Member;

    use super::*;

    #[test]
    fn a_forming_bar_has_the_open_interest_of_now() {
        let name = MemberName { symbol: "BTCUSDT-PERP".parse().unwrap(), venue: VenueId::new("sim") };
        let track = Track::new(Member { name, quote: "USDT".into(), channels: vec![Channel::Oi] }, 0);
        let symbol = "BTCUSDT-PERP".parse().unwrap();
        let mut market = Market::new(symbol, VenueId::new("sim"), Calendar::Continuous, vec![track]);
        let minute = |n: i64| Bar::flat(Ms(n * 60_000), Timeframe::M1, 100.0, Origin::Trades);
        // Five minutes into an hour, of which the page holds the hour before too.
        let hour = |n: i64, closed| Bar {
            closed,
            ..Bar::flat(Ms(n * 3_600_000), Timeframe::H1, 100.0, Origin::Kline)
        };
        market.merge_bars(Timeframe::H1, &[hour(1, true), hour(2, false)]);
        market.merge_bars(Timeframe::M1, &(60..=125).map(minute).collect::<Vec<_>>());
        let oi = |n: i64, coins| OpenInterest {
            timestamp: Ms(n * 60_000),
            open_interest: coins,
            open_interest_value: None,
        };
        market.merge_oi(0, vec![oi(119, 10.0), oi(120, 20.0)]);
        for layer in [Layer::Oi, Layer::OiOf(0)] {
            let values: Vec<Option<f64>> =
                market.bars(Timeframe::H1).iter().map(|bar| layer.value(&market, bar)).collect();
            assert_eq!(values, [Some(10.0), Some(20.0)], "{layer:?}");
        }
        // What has not been told for ten minutes says nothing.
        market.merge_bars(Timeframe::M1, &(126..=131).map(minute).collect::<Vec<_>>());
        let forming = market.bars(Timeframe::H1).last().copied().unwrap();
        assert_eq!(Layer::Oi.value(&market, &forming), None);
    }
}
