//! Marks on the price: signals, and liquidations summed per bar and side.

use shared::event::{Action, Bar};
use shared::market::{Ms, Timeframe};

use crate::json::writes;

use super::{Layer, Market, Timed, layers};

/// A strategy's word on a closed bar.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SignalMark {
    /// The open of the bar.
    pub timestamp: Ms,
    pub action: Action,
    /// 0 to 1.
    pub confidence: f64,
}

writes! { SignalMark { timestamp, action, confidence } }

impl Timed for SignalMark {
    fn at(&self) -> Ms {
        self.timestamp
    }
}

/// Numbers of the kinds in `deck.js`.
const BUY: f64 = 0.0;
const SELL: f64 = 1.0;
const LONG: f64 = 2.0;
const SHORT: f64 = 3.0;

/// Liquidations marked at once; of more the largest are.
const MOST: usize = 80;
/// The smallest one marked, as a part of the largest.
const FAINTEST: f64 = 0.001;

/// Rows of time in seconds, kind, and size for the bars `[from, to)`: ascending, a bar's signal first. Sizes of
/// liquidations go from 0 to 1 by the logarithm of their value against the largest of these bars.
pub fn marks(
    market: &Market,
    timeframe: Timeframe,
    (from, to): (usize, usize),
    signals: bool,
    liquidations: bool,
) -> Vec<f64> {
    let bars = market.bars(timeframe);
    let shown = || (from..to.min(bars.len())).filter_map(|i| bars.get(i));
    let sums = |bar: &Bar| {
        [(LONG, Layer::LiqLong), (SHORT, Layer::LiqShort)]
            .map(|(kind, layer)| (kind, layer.value(market, bar).map_or(0.0, f64::abs)))
    };
    let found = |bar: &Bar| if liquidations { sums(bar) } else { [(LONG, 0.0), (SHORT, 0.0)] };
    let hits: Vec<[(f64, f64); 2]> = shown().map(found).collect();
    let mut values: Vec<f64> = hits.iter().flatten().map(|(_, value)| *value).filter(|v| *v > 0.0).collect();
    values.sort_by(|a, b| b.total_cmp(a));
    let largest = values.first().copied().unwrap_or(0.0);
    let least = values.get(MOST - 1).copied().unwrap_or(0.0).max(largest * FAINTEST);
    let mut flat = Vec::new();
    for (bar, hits) in shown().zip(hits) {
        let time = layers::seconds(bar.timestamp);
        let signal = market.signals.find(bar.timestamp).and_then(|i| market.signals.get(i));
        if let Some(signal) = signal.filter(|_| signals) {
            flat.extend([time, if signal.action == Action::Buy { BUY } else { SELL }, 1.0]);
        }
        for (kind, value) in hits.into_iter().filter(|(_, value)| *value > 0.0 && *value >= least) {
            // From 0 at the faintest there can be to 1.
            let size = 1.0 - (value / largest).ln() / FAINTEST.ln();
            flat.extend([time, kind, size]);
        }
    }
    flat
}

#[cfg(test)]
mod tests {
    use shared::event::{Body, Event, Liquidation, LiquidationSide, MemberName, Origin, PriceKind};
    use shared::market::{Calendar, VenueId};
    use shared::maths::joined::Member;

    use super::*;
    use crate::series::Track;

    const DAY: i64 = 1_795_219_200_000;

    fn hit(market: &mut Market, minute: i64, side: LiquidationSide, value: f64) {
        let hit = Liquidation {
            timestamp: Ms(DAY + minute * 60_000 + 100),
            side,
            quantity: 1.0,
            price: value,
            value,
            price_kind: PriceKind::Average,
            at_least: false,
        };
        let (symbol, venue) = (market.symbol().clone(), market.venue().clone());
        market.apply(&Event { received: Ms(DAY), symbol, venue, body: Body::Liquidation(hit) });
    }

    fn market(minutes: i64) -> Market {
        let name = MemberName { symbol: "BTCUSDT-PERP".parse().unwrap(), venue: VenueId::new("sim") };
        let member = Member { name: name.clone(), quote: "USDT".into(), channels: Vec::new() };
        let tracks = vec![Track::new(member, 0)];
        let mut market = Market::new(name.symbol, name.venue, Calendar::Continuous, tracks);
        let bars: Vec<Bar> = (0..minutes)
            .map(|n| Bar::flat(Ms(DAY + n * 60_000), Timeframe::M1, 100.0, Origin::Trades))
            .collect();
        market.merge_bars(Timeframe::M1, &bars);
        market
    }

    #[test]
    fn liquidations_are_summed_per_bar_and_side_and_sized_by_log() {
        let mut market = market(5);
        for _ in 0..10 {
            hit(&mut market, 1, LiquidationSide::Long, 100.0);
        }
        hit(&mut market, 1, LiquidationSide::Short, 31.6227766);
        hit(&mut market, 3, LiquidationSide::Short, 1.0);
        hit(&mut market, 4, LiquidationSide::Short, 0.9);
        let at = DAY + 60_000;
        market.signals.upsert(SignalMark { timestamp: Ms(at), action: Action::Sell, confidence: 0.5 });
        let all = marks(&market, Timeframe::M1, (0, 5), true, true);
        let first = at as f64 / 1_000.0;
        let rows: Vec<&[f64]> = all.chunks(3).collect();
        assert_eq!(rows[0], [first, SELL, 1.0]);
        assert_eq!(rows[1], [first, LONG, 1.0]);
        assert!((rows[2][2] - 0.5).abs() < 1e-6 && rows[2][1] == SHORT, "half of three decades");
        assert!(rows[3][2].abs() < 1e-9 && rows[3][0] == first + 120.0);
        assert_eq!(rows.len(), 4, "what is below a thousandth is no mark");
        assert_eq!(marks(&market, Timeframe::M1, (0, 5), true, false).len(), 3);
        assert_eq!(marks(&market, Timeframe::M1, (2, 4), true, true), [first + 120.0, SHORT, 1.0]);
    }

    #[test]
    fn a_storm_leaves_the_largest() {
        let mut market = market(300);
        for n in 0..300 {
            hit(&mut market, n, LiquidationSide::Long, 100.0 + n as f64);
        }
        let flat = marks(&market, Timeframe::M1, (0, 300), true, true);
        assert_eq!(flat.len(), 3 * MOST);
        assert_eq!(flat[0], (DAY / 1_000 + 220 * 60) as f64);
    }
}
