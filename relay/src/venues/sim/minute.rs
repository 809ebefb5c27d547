//! One minute of one market: its price path, trades and forced closes, from the two prices at its ends.

use shared::event::{BookTop, Depth, Liquidation, LiquidationSide, PriceKind, Side};
use shared::market::Ms;

use super::noise::{Key, unit};
use super::path::Path;

/// Straight pieces the path inside a minute is made of.
const PIECES: usize = 32;
const PIECE_MS: f64 = 60_000.0 / PIECES as f64;

/// Purposes of a minute's key.
mod salt {
    pub(super) const KNOTS: i64 = 1;
    pub(super) const TRADES: i64 = 2;
    pub(super) const LIQUIDATIONS: i64 = 3;
    pub(super) const BOOK: i64 = 4;
}

/// A trade before it is written out as text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Print {
    pub(super) timestamp: Ms,
    pub(super) price: f64,
    pub(super) quantity: f64,
    pub(super) side: Side,
    /// Counts the market's trades over all time, from one to the next.
    pub(super) sequence: i64,
}

/// A minute with its path laid out.
pub(super) struct Minute<'a> {
    path: Path<'a>,
    minute: i64,
    key: Key,
    /// Prices at the ends of the pieces.
    knots: [f64; PIECES + 1],
    /// Chance that a taker buys, per piece.
    buying: [f64; PIECES],
    spread_ticks: [i64; PIECES],
    first: i64,
    count: i64,
    small_trade: f64,
}

impl<'a> Minute<'a> {
    /// The minute between two prices of [`Path::price`].
    pub(super) fn new(path: Path<'a>, minute: i64, open: f64, close: f64) -> Minute<'a> {
        let coin = path.coin;
        let key = path.minute_key(minute);
        let roughness = path.roughness(minute);
        let storm = path.storm(minute);
        let mut knots = [0.0; PIECES + 1];
        knots[0] = open;
        knots[PIECES] = close;
        // Midpoint displacement: the fractal of the octaves, carried on below a minute.
        let noise = key.child(salt::KNOTS);
        let mut swing = coin.volatility * roughness * open * std::f64::consts::FRAC_1_SQRT_2;
        let mut half = PIECES / 2;
        while half > 0 {
            for middle in (half..PIECES).step_by(2 * half) {
                let straight = (knots[middle - half] + knots[middle + half]) / 2.0;
                knots[middle] = straight + swing * noise.signed(middle as i64);
            }
            swing *= std::f64::consts::FRAC_1_SQRT_2;
            half /= 2;
        }
        let usual_move = coin.volatility * roughness * open / 8.0;
        let mut buying = [0.5; PIECES];
        let mut spread_ticks = [coin.spread_ticks; PIECES];
        for piece in 0..PIECES {
            let pull = ((knots[piece + 1] - knots[piece]) / usual_move).clamp(-2.0, 2.0);
            buying[piece] = 0.5 + 0.17 * pull;
            let widening = noise.unit(100 + piece as i64) * (0.3 + storm);
            spread_ticks[piece] += (coin.spread_ticks as f64 * widening) as i64;
        }
        let first = path.trades_before(minute);
        let count = path.trades_before(minute + 1) - first;
        let small_trade = coin.trade_usd / open * coin.inverse_step * (1.0 + 0.2 * storm);
        Minute { path, minute, key, knots, buying, spread_ticks, first, count, small_trade }
    }

    /// The minute, its two prices looked up.
    pub(super) fn at(path: Path<'a>, minute: i64) -> Minute<'a> {
        Minute::new(path, minute, path.price(minute), path.price(minute + 1))
    }

    fn start(&self) -> Ms {
        Ms(self.minute * Ms::MINUTE.0)
    }

    #[inline(always)]
    fn piece(&self, offset_ms: f64) -> (usize, f64) {
        let place = offset_ms / PIECE_MS;
        let piece = (place as usize).min(PIECES - 1);
        (piece, place - piece as f64)
    }

    /// The price not rounded to ticks, `offset_ms` into the minute.
    fn fair(&self, offset_ms: f64) -> f64 {
        let (piece, rest) = self.piece(offset_ms);
        self.knots[piece] + (self.knots[piece + 1] - self.knots[piece]) * rest
    }

    /// Best bid and ask in ticks.
    #[inline(always)]
    fn quote(&self, offset_ms: f64) -> (i64, i64, usize) {
        let (piece, rest) = self.piece(offset_ms);
        let fair = self.knots[piece] + (self.knots[piece + 1] - self.knots[piece]) * rest;
        let bid = (fair * self.path.coin.inverse_tick) as i64;
        (bid, bid + self.spread_ticks[piece], piece)
    }

    /// Calls `print` for each trade of the minute, in order. Buyers pay the ask, sellers get the bid.
    #[inline(always)]
    pub(super) fn each_trade(&self, mut print: impl FnMut(Print)) {
        let coin = self.path.coin;
        let noise = self.key.child(salt::TRADES);
        let spacing = 60_000.0 / self.count as f64;
        for i in 0..self.count {
            let (when, what) = (noise.bits(2 * i), noise.bits(2 * i + 1));
            let offset = ((i as f64 + unit(when)) * spacing) as i64;
            let (bid, ask, piece) = self.quote(offset as f64);
            // The low bits of `when` and `what` take no part in the fractions above and below them.
            let buys = ((when & 0x7ff) as f64) < self.buying[piece] * 2_048.0;
            let (ticks, side) = if buys { (ask, Side::Buy) } else { (bid, Side::Sell) };
            // 1/u: heavy-tailed, most trades small, one in a hundred a hundred times as large.
            let steps = (self.small_trade * (0.1 + 0.25 / (unit(what) + 0.003))) as i64;
            print(Print {
                timestamp: Ms(self.minute * Ms::MINUTE.0 + offset),
                price: ticks as f64 / coin.inverse_tick,
                quantity: steps.max(1) as f64 / coin.inverse_step,
                side,
                sequence: self.first + i,
            });
        }
    }

    /// Best prices and depth at an instant of this minute.
    pub(super) fn book(&self, at: Ms) -> BookTop {
        let coin = self.path.coin;
        let offset = (at - self.start()).0;
        let (bid, ask, _) = self.quote(offset as f64);
        let noise = self.key.child(salt::BOOK).child(offset);
        let storm = self.path.storm(self.minute);
        let quantity = |index: i64| {
            let steps = self.small_trade * (0.3 + 6.0 * noise.unit(index)) / (1.0 + 0.3 * storm);
            (steps as i64).max(1) as f64 / coin.inverse_step
        };
        // Depth drifts over the minute and flickers with each look.
        let slow = self.key.child(salt::BOOK).smooth(at.0, 20_000);
        let depth = |index: i64, lean: f64| {
            let usd = coin.depth_usd * (1.0 + lean * 0.3 * slow + 0.12 * noise.signed(index));
            (usd / (1.0 + 0.6 * storm) * 100.0).round() / 100.0
        };
        let price = |ticks: i64| ticks as f64 / coin.inverse_tick;
        let mut top = BookTop::from_best(at, (price(bid), quantity(0)), (price(ask), quantity(1)));
        top.depth_10bps = Some(Depth { bid_usd: depth(2, 1.0), ask_usd: depth(3, -1.0) });
        top
    }

    /// Mark and index price at an instant of this minute, to a tenth of a tick.
    pub(super) fn mark_and_index(&self, at: Ms) -> (f64, f64) {
        let fine = self.path.coin.inverse_tick * 10.0;
        let fair = self.fair((at - self.start()).0 as f64);
        let round = |price: f64| (price * fine).round() / fine;
        (round(fair), round(fair / (1.0 + self.path.premium(at))))
    }

    /// Forced closes of the minute, ascending.
    pub(super) fn liquidations(&self) -> Vec<Liquidation> {
        let coin = self.path.coin;
        let (open, close) = (self.knots[0], self.knots[PIECES]);
        let (count, noise) =
            (liquidation_count(self.path, self.minute, open, close), self.key.child(salt::LIQUIDATIONS));
        let side = if close < open { LiquidationSide::Long } else { LiquidationSide::Short };
        // A burst is shorter than the minute.
        let span = 18_000.0 + 12_000.0 * noise.unit(-1);
        let begin = noise.unit(-2) * (60_000.0 - span);
        (0..count)
            .map(|i| {
                let offset = (begin + (i as f64 + noise.unit(3 * i)) / count as f64 * span) as i64;
                let (bid, ask, _) = self.quote(offset as f64);
                // Who must close a long sells at the bid.
                let ticks = if side == LiquidationSide::Long { bid } else { ask };
                let price = ticks as f64 / coin.inverse_tick;
                let size = coin.trade_usd * (0.4 + 1.2 / (noise.unit(3 * i + 1) + 0.006));
                let steps = ((size / price * coin.inverse_step) as i64).max(1);
                let quantity = steps as f64 / coin.inverse_step;
                Liquidation {
                    timestamp: self.start() + Ms(offset),
                    side,
                    quantity,
                    price,
                    value: price * quantity,
                    price_kind: PriceKind::Average,
                    at_least: false,
                }
            })
            .collect()
    }
}

/// How many positions a minute's move closes by force: now and then one, dozens when it is fast.
pub(super) fn liquidation_count(path: Path<'_>, minute: i64, open: f64, close: f64) -> i64 {
    if !path.coin.liquidations {
        return 0;
    }
    let usual = path.coin.volatility * 3.2;
    let speed = ((close - open) / open).abs() / usual;
    let luck = path.minute_key(minute).child(salt::LIQUIDATIONS).unit(-3);
    if speed < 1.0 {
        // Slow minutes close hardly anybody.
        return i64::from(luck < 0.1 * speed);
    }
    (1.0 + luck + (speed - 1.0) * 9.0).min(40.0) as i64
}
