//! Bars counted exactly, from trades or from smaller bars.

use std::collections::BTreeMap;

use super::calendar::{MINUTE, bucket};

/// A bar in integer units: prices in 10^-p, quantities in 10^-q of the market's decimals.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ExactBar {
    pub open_time: i64,
    pub open: i128,
    pub high: i128,
    pub low: i128,
    pub close: i128,
    pub volume: i128,
    pub buy_volume: i128,
    /// Price units * quantity units.
    pub quote: i128,
    pub buy_quote: i128,
    /// Trade events.
    pub trades: u64,
    /// Fills in them, where the venue merges fills into one event; what the venue's own bars count.
    pub fills: u64,
}

impl ExactBar {
    /// A bucket without trades, at the last price.
    pub fn flat(open_time: i64, price: i128) -> ExactBar {
        ExactBar { open_time, open: price, high: price, low: price, close: price, ..ExactBar::default() }
    }

    /// Takes a trade that is not earlier than those before it.
    pub fn add(&mut self, price: i128, quantity: i128, buyer_aggressed: bool, fills: u64) {
        if self.trades == 0 {
            (self.open, self.high, self.low) = (price, price, price);
        }
        self.high = self.high.max(price);
        self.low = self.low.min(price);
        self.close = price;
        self.volume += quantity;
        self.quote += price * quantity;
        if buyer_aggressed {
            self.buy_volume += quantity;
            self.buy_quote += price * quantity;
        }
        self.trades += 1;
        self.fills += fills;
    }

    pub fn sell_volume(&self) -> i128 {
        self.volume - self.buy_volume
    }

    /// Takes the next smaller bar of the same bucket.
    fn join(&mut self, next: &ExactBar) {
        self.high = self.high.max(next.high);
        self.low = self.low.min(next.low);
        self.close = next.close;
        self.volume += next.volume;
        self.buy_volume += next.buy_volume;
        self.quote += next.quote;
        self.buy_quote += next.buy_quote;
        self.trades += next.trades;
        self.fills += next.fills;
    }
}

/// Minute bars of trades `(time, price, quantity, buyer aggressed, fills)` in order; minutes without trades
/// have no row.
pub fn minutes_of(trades: impl IntoIterator<Item = (i64, i128, i128, bool, u64)>) -> Vec<ExactBar> {
    let mut minutes: BTreeMap<i64, ExactBar> = BTreeMap::new();
    for (time, price, quantity, buy, fills) in trades {
        let open_time = time - time.rem_euclid(MINUTE);
        let bar = minutes.entry(open_time).or_insert(ExactBar { open_time, ..ExactBar::default() });
        bar.add(price, quantity, buy, fills);
    }
    minutes.into_values().collect()
}

/// Folds ascending bars into the buckets `bucket_open` puts them in.
pub fn fold_by(bars: &[ExactBar], bucket_open: impl Fn(i64) -> i64) -> Vec<ExactBar> {
    let mut folded: Vec<ExactBar> = Vec::new();
    for bar in bars {
        let open_time = bucket_open(bar.open_time);
        match folded.last_mut().filter(|last| last.open_time == open_time) {
            Some(last) => last.join(bar),
            None => folded.push(ExactBar { open_time, ..*bar }),
        }
    }
    folded
}

/// Folds ascending minute bars into one of the nine timeframes.
pub fn fold(minutes: &[ExactBar], timeframe: &str) -> Vec<ExactBar> {
    fold_by(minutes, |at| bucket(timeframe, at).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_and_hours_of_hand_counted_trades() {
        let minutes = minutes_of([
            (5, 100, 2, true, 1),
            (59_999, 90, 3, false, 2),
            (60_000, 95, 1, true, 1),
            (3_600_000, 80, 1, false, 1),
        ]);
        assert_eq!(minutes.len(), 3);
        let first = minutes[0];
        assert_eq!((first.open, first.high, first.low, first.close), (100, 100, 90, 90));
        assert_eq!((first.volume, first.buy_volume, first.sell_volume()), (5, 2, 3));
        assert_eq!((first.trades, first.fills, first.quote), (2, 3, 470));
        let hours = fold(&minutes, "1H");
        assert_eq!(hours.len(), 2);
        assert_eq!((hours[0].open, hours[0].close, hours[0].low, hours[0].volume), (100, 95, 90, 6));
        assert_eq!((hours[1].open_time, hours[1].open), (3_600_000, 80));
    }
}
