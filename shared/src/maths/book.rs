//! The order book: price levels of both sides, spread and depth near the mid.

use std::collections::BTreeMap;

use crate::event::{BookTop, Depth};
use crate::market::Ms;

/// Half-width of the depth window as a share of the mid: 10 bps.
const DEPTH_SHARE: f64 = 0.001;

/// Resting orders by price level.
///
/// Levels are keyed by integer ticks, so that a price finds its level whatever its last bit says; the price
/// itself is kept as the venue wrote it. With an unknown tick (0), or once a price lies between two ticks
/// (the listing is out of date), the key is the exact value of the price.
#[derive(Clone, Debug)]
pub struct OrderBook {
    keys: Keys,
    bids: BTreeMap<i64, Level>,
    asks: BTreeMap<i64, Level>,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    price: f64,
    quantity: f64,
}

#[derive(Clone, Copy, Debug)]
enum Keys {
    /// Price divided by this tick, rounded.
    Ticks(f64),
    /// The bits of the price: positive floats order like their bits.
    Exact,
}

/// A price off its tick by more than this share of a tick is between two ticks.
const TICK_SLACK: f64 = 0.01;
/// Beyond so many ticks a float cannot tell neighbours apart any more.
const MOST_TICKS: f64 = 1e13;

impl Keys {
    fn of_tick(tick_size: f64) -> Keys {
        if tick_size.is_finite() && tick_size > 0.0 { Keys::Ticks(tick_size) } else { Keys::Exact }
    }

    /// The key of a positive price; `None` when it is not on the grid.
    fn key(self, price: f64) -> Option<i64> {
        match self {
            Keys::Ticks(tick) => {
                let ticks = price / tick;
                let whole = ticks.round();
                ((ticks - whole).abs() <= TICK_SLACK && whole < MOST_TICKS).then_some(whole as i64)
            }
            Keys::Exact => Some(exact(price)),
        }
    }
}

fn exact(price: f64) -> i64 {
    price.to_bits() as i64
}

impl OrderBook {
    /// An empty book; `tick_size` in quote currency per coin, 0 where unknown.
    pub fn new(tick_size: f64) -> OrderBook {
        OrderBook { keys: Keys::of_tick(tick_size), bids: BTreeMap::new(), asks: BTreeMap::new() }
    }

    /// Removes every level.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// Sets the quantity resting at a bid price, in coins; 0 removes the level. A price or quantity that is
    /// no number, a price not above 0 and a negative quantity change nothing.
    pub fn set_bid(&mut self, price: f64, quantity: f64) {
        if let Some(key) = self.accept(price, quantity) {
            set(&mut self.bids, key, price, quantity);
        }
    }

    /// Keeps the best `depth` levels of each side.
    pub fn truncate(&mut self, depth: usize) {
        while self.bids.len() > depth {
            self.bids.pop_first();
        }
        while self.asks.len() > depth {
            self.asks.pop_last();
        }
    }

    /// Levels held: bids, asks.
    pub fn levels(&self) -> (usize, usize) {
        (self.bids.len(), self.asks.len())
    }

    /// As [`Self::set_bid`], for the asks.
    pub fn set_ask(&mut self, price: f64, quantity: f64) {
        if let Some(key) = self.accept(price, quantity) {
            set(&mut self.asks, key, price, quantity);
        }
    }

    /// Whether there is no level on either side.
    pub fn is_empty(&self) -> bool {
        self.bids.is_empty() && self.asks.is_empty()
    }

    /// Highest bid: price and quantity.
    pub fn best_bid(&self) -> Option<(f64, f64)> {
        self.bids().next()
    }

    /// Lowest ask: price and quantity.
    pub fn best_ask(&self) -> Option<(f64, f64)> {
        self.asks().next()
    }

    /// Bid levels (price, quantity), best first.
    pub fn bids(&self) -> impl Iterator<Item = (f64, f64)> {
        self.bids.values().rev().map(|l| (l.price, l.quantity))
    }

    /// Ask levels (price, quantity), best first.
    pub fn asks(&self) -> impl Iterator<Item = (f64, f64)> {
        self.asks.values().map(|l| (l.price, l.quantity))
    }

    /// Whether the best bid reaches the best ask. After a whole update that means lost data: clear the book
    /// and take a fresh snapshot.
    pub fn crossed(&self) -> bool {
        matches!((self.best_bid(), self.best_ask()), (Some((bid, _)), Some((ask, _))) if bid >= ask)
    }

    /// Best prices, spread and depth; `None` while a side is empty or the book is crossed.
    ///
    /// Depth sums price * quantity, from the best level outward, of the bids at `mid * (1 - 0.001)` or above
    /// and the asks at `mid * (1 + 0.001)` or below; both bounds are inside. Costs one step per level there.
    pub fn top(&self, timestamp: Ms) -> Option<BookTop> {
        let (bid, ask) = (self.best_bid()?, self.best_ask()?);
        if bid.0 >= ask.0 {
            return None;
        }
        let mut top = BookTop::from_best(timestamp, bid, ask);
        let (low, high) = (top.mid() * (1.0 - DEPTH_SHARE), top.mid() * (1.0 + DEPTH_SHARE));
        top.depth_10bps = Some(Depth {
            bid_usd: value(self.bids().take_while(|(price, _)| *price >= low)),
            ask_usd: value(self.asks().take_while(|(price, _)| *price <= high)),
        });
        Some(top)
    }

    fn accept(&mut self, price: f64, quantity: f64) -> Option<i64> {
        if !price.is_finite() || price <= 0.0 || !quantity.is_finite() || quantity < 0.0 {
            return None;
        }
        if let Some(key) = self.keys.key(price) {
            return Some(key);
        }
        self.keys = Keys::Exact;
        for side in [&mut self.bids, &mut self.asks] {
            *side = std::mem::take(side).into_values().map(|l| (exact(l.price), l)).collect();
        }
        Some(exact(price))
    }
}

fn set(side: &mut BTreeMap<i64, Level>, key: i64, price: f64, quantity: f64) {
    if quantity == 0.0 {
        side.remove(&key);
    } else {
        side.insert(key, Level { price, quantity });
    }
}

fn value(levels: impl Iterator<Item = (f64, f64)>) -> f64 {
    // Not `sum()`: that starts at -0.0.
    levels.fold(0.0, |sum, (price, quantity)| sum + price * quantity)
}

#[cfg(test)]
mod tests;
