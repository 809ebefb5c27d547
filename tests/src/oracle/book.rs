//! An order book over exact prices, and its top.

use std::collections::BTreeMap;

use super::decimal::float;

/// Both sides by price in units, quantities in units; none is zero.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct ExactBook {
    pub bids: BTreeMap<i128, i128>,
    pub asks: BTreeMap<i128, i128>,
    pub price_places: u32,
    pub quantity_places: u32,
}

/// Best prices, spread and the value within 10 bps of the mid.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Top {
    pub bid_px: f64,
    pub bid_qty: f64,
    pub ask_px: f64,
    pub ask_qty: f64,
    pub spread_bps: f64,
    pub bid_usd: f64,
    pub ask_usd: f64,
}

impl Top {
    /// Whether two tops are the same numbers; ratios and sums to a billionth, since others add floats.
    pub fn same(&self, other: &Top) -> bool {
        let close = |x: f64, y: f64| (x - y).abs() <= 1e-9 * x.abs().max(y.abs());
        (self.bid_px, self.bid_qty, self.ask_px, self.ask_qty)
            == (other.bid_px, other.bid_qty, other.ask_px, other.ask_qty)
            && close(self.spread_bps, other.spread_bps)
            && close(self.bid_usd, other.bid_usd)
            && close(self.ask_usd, other.ask_usd)
    }
}

impl ExactBook {
    pub fn new(price_places: u32, quantity_places: u32) -> ExactBook {
        ExactBook { price_places, quantity_places, ..ExactBook::default() }
    }

    /// Sets absolute quantities; 0 removes.
    pub fn apply(side: &mut BTreeMap<i128, i128>, changes: impl IntoIterator<Item = (i128, i128)>) {
        for (price, quantity) in changes {
            if quantity == 0 {
                side.remove(&price);
            } else {
                side.insert(price, quantity);
            }
        }
    }

    /// The top; `None` while a side is empty. Sums are exact, in integers.
    pub fn top(&self) -> Option<Top> {
        let (bid, bid_qty) = self.bids.last_key_value()?;
        let (ask, ask_qty) = self.asks.first_key_value()?;
        // Twice the mid keeps it whole: |2p - (b + a)| * 1000 <= b + a is "within 10 bps".
        let twice_mid = bid + ask;
        let near = |price: &i128| (2 * price - twice_mid).abs() * 1_000 <= twice_mid;
        let value = |side: &BTreeMap<i128, i128>| -> i128 {
            side.iter().filter(|(p, _)| near(p)).map(|(p, q)| p * q).sum()
        };
        let (price, quantity) = (self.price_places, self.quantity_places);
        Some(Top {
            bid_px: float(*bid, price),
            bid_qty: float(*bid_qty, quantity),
            ask_px: float(*ask, price),
            ask_qty: float(*ask_qty, quantity),
            spread_bps: (ask - bid) as f64 * 20_000.0 / twice_mid as f64,
            bid_usd: float(value(&self.bids), price + quantity),
            ask_usd: float(value(&self.asks), price + quantity),
        })
    }

    /// Best bid at or above best ask: never true of a sound book.
    pub fn crossed(&self) -> bool {
        match (self.bids.last_key_value(), self.asks.first_key_value()) {
            (Some((bid, _)), Some((ask, _))) => bid >= ask,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_counts_only_what_is_within_ten_bps() {
        let mut book = ExactBook::new(1, 0);
        ExactBook::apply(&mut book.bids, [(9_999, 2), (9_991, 5), (9_990, 7), (9_000, 100)]);
        ExactBook::apply(&mut book.asks, [(10_001, 1), (10_010, 4), (10_011, 9)]);
        let top = book.top().expect("both sides");
        assert_eq!((top.bid_px, top.ask_px), (999.9, 1_000.1));
        assert_eq!(top.spread_bps, 2.0);
        // The mid is 1000.0: exactly 10 bps away still counts.
        assert_eq!(top.bid_usd, (9_999.0 * 2.0 + 9_991.0 * 5.0 + 9_990.0 * 7.0) / 10.0);
        assert_eq!(top.ask_usd, (10_001.0 + 10_010.0 * 4.0) / 10.0);
        ExactBook::apply(&mut book.bids, [(9_999, 0), (9_000, 0), (1, 0)]);
        assert_eq!(book.bids.len(), 2);
        assert!(!book.crossed());
    }
}
