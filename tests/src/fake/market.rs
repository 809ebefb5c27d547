//! The market behind a fake venue: prices and trades as a pure function of seed, symbol and time, so that a
//! test can ask what any minute must have held.

use crate::oracle::bars::{ExactBar, fold_by};
use crate::oracle::calendar::{DAY, HOUR, MINUTE, month_bounds};

/// What a market's prices and trades are made of.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Decimals in the venue's texts.
    pub price_places: u32,
    pub quantity_places: u32,
    /// Smallest price step and quantity step, in units of the last decimal.
    pub tick: i128,
    pub step: i128,
    /// Middle of the price's wanderings, in ticks.
    pub ticks: i64,
    /// Fewest and most trades of a minute.
    pub per_minute: (u64, u64),
}

/// A venue's own listing of a market.
pub trait Listed: Clone {
    fn spec(&self) -> Spec;

    /// Number of the product and the symbol: markets of one seed that differ in either differ in all they do.
    fn name(&self) -> (u64, &str);
}

/// One aggregated trade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FakeTrade {
    pub id: u64,
    pub time: i64,
    pub price: i128,
    pub quantity: i128,
    /// The buyer crossed the spread.
    pub buy: bool,
    pub first_fill: u64,
    pub last_fill: u64,
}

/// A listed market with its history from `since` on.
pub struct Market<L> {
    pub listing: L,
    spec: Spec,
    seed: u64,
    /// First minute that has trades.
    pub since: i64,
    /// Trades before the minute, from `since` on; grows as time goes by.
    before: Vec<u64>,
    minutes: Vec<Option<ExactBar>>,
}

/// A well-mixed hash of three numbers (splitmix64 finaliser).
pub fn mix(seed: u64, a: u64, b: u64) -> u64 {
    let mut x = seed ^ a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_mul(0xd1b5_4a32_d192_ed03);
    for multiplier in [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb] {
        x = (x ^ (x >> 30)).wrapping_mul(multiplier);
    }
    x ^ (x >> 31)
}

/// -1 to 1, smooth over `period` ms.
pub fn wave(seed: u64, at: i64, period: i64) -> f64 {
    let cell = at.div_euclid(period);
    let corner = |n: i64| mix(seed, n as u64, period as u64) as f64 / u64::MAX as f64 * 2.0 - 1.0;
    let x = at.rem_euclid(period) as f64 / period as f64;
    let s = x * x * (3.0 - 2.0 * x);
    corner(cell) * (1.0 - s) + corner(cell + 1) * s
}

impl<L: Listed> Market<L> {
    pub fn new(listing: L, seed: u64, since: i64) -> Market<L> {
        let (product, symbol) = listing.name();
        let name = symbol.bytes().fold(product + 1, |h, b| mix(h, u64::from(b), 7));
        let (seed, spec) = (mix(seed, name, 0), listing.spec());
        Market { listing, spec, seed, since, before: vec![0], minutes: Vec::new() }
    }

    /// The price the market is around at an instant, in ticks.
    pub fn mid_ticks(&self, at: i64) -> i64 {
        let drift = 0.03 * wave(self.seed, at, 5 * DAY)
            + 0.008 * wave(self.seed, at, 4 * HOUR)
            + 0.002 * wave(self.seed, at, 10 * MINUTE)
            + 0.0004 * wave(self.seed, at, 15_000);
        (self.spec.ticks as f64 * (1.0 + drift)) as i64
    }

    fn count(&self, minute: i64) -> u64 {
        let (fewest, most) = self.spec.per_minute;
        fewest + mix(self.seed, minute as u64, 1) % (most - fewest + 1)
    }

    fn first_id(&mut self, minute: i64) -> u64 {
        let index = ((minute - self.since) / MINUTE) as usize;
        while self.before.len() <= index {
            let at = self.since + (self.before.len() as i64 - 1) * MINUTE;
            let sum = self.before.last().copied().unwrap_or(0) + self.count(at);
            self.before.push(sum);
        }
        3_400_000_000 + self.before[index]
    }

    /// All trades of the minute that opens at `minute`, by time; none before the listing.
    pub fn trades_of_minute(&mut self, minute: i64) -> Vec<FakeTrade> {
        if minute < self.since {
            return Vec::new();
        }
        let first = self.first_id(minute);
        let hash = |n: u64, what: u64| mix(self.seed, minute as u64 + n, what);
        let mut times: Vec<i64> =
            (0..self.count(minute)).map(|n| minute + (hash(n, 2) % MINUTE as u64) as i64).collect();
        times.sort_unstable();
        let trade = |(n, time): (usize, i64)| {
            let n = n as u64;
            let buy = hash(n, 3) & 1 == 0;
            let away = 1 + (hash(n, 4) % 4) as i64;
            let ticks = self.mid_ticks(time) + if buy { away } else { -away };
            // Mostly small, now and then a hundred times that.
            let scale = if hash(n, 5) % 50 == 0 { 40_000 } else { 400 };
            let id = first + n;
            FakeTrade {
                id,
                time,
                price: i128::from(ticks) * self.spec.tick,
                quantity: i128::from(1 + hash(n, 6) % scale) * self.spec.step,
                buy,
                first_fill: id * 5,
                last_fill: id * 5 + hash(n, 7) % 4,
            }
        };
        times.into_iter().enumerate().map(trade).collect()
    }

    /// Trades with `from <= time < to`.
    pub fn trades(&mut self, from: i64, to: i64) -> Vec<FakeTrade> {
        let mut found = Vec::new();
        let mut minute = (from - from.rem_euclid(MINUTE)).max(self.since);
        while minute < to {
            found.extend(self.trades_of_minute(minute).into_iter().filter(|t| (from..to).contains(&t.time)));
            minute += MINUTE;
        }
        found
    }

    /// Price the minute before `minute` closed at; the first mid where nothing has traded yet.
    fn close_before(&mut self, minute: i64) -> i128 {
        let mut earlier = minute;
        while earlier > self.since {
            earlier -= MINUTE;
            if let Some(last) = self.trades_of_minute(earlier).last() {
                return last.price;
            }
        }
        i128::from(self.mid_ticks(self.since)) * self.spec.tick
    }

    fn fold_trades(&mut self, minute: i64, to: i64) -> ExactBar {
        let mut bar = ExactBar { open_time: minute, ..ExactBar::default() };
        for t in self.trades_of_minute(minute).into_iter().filter(|t| t.time < to) {
            bar.add(t.price, t.quantity, t.buy, t.last_fill - t.first_fill + 1);
        }
        if bar.trades == 0 {
            return ExactBar::flat(minute, self.close_before(minute));
        }
        bar
    }

    /// The bar of a minute, as far as it had come at `now`.
    pub fn minute(&mut self, minute: i64, now: i64) -> ExactBar {
        if minute + MINUTE > now {
            return self.fold_trades(minute, now);
        }
        let index = ((minute - self.since) / MINUTE) as usize;
        if self.minutes.len() <= index {
            self.minutes.resize(index + 1, None);
        }
        if let Some(known) = self.minutes[index] {
            return known;
        }
        let bar = self.fold_trades(minute, minute + MINUTE);
        self.minutes[index] = Some(bar);
        bar
    }

    /// Minute bars opening in `[from, to)` as known at `now`, ascending, the forming one included.
    pub fn minutes(&mut self, from: i64, to: i64, now: i64) -> Vec<ExactBar> {
        let start = (from + (-from).rem_euclid(MINUTE)).max(self.since);
        let mut bars = Vec::new();
        let mut at = start;
        while at < to && at < now {
            bars.push(self.minute(at, now));
            at += MINUTE;
        }
        bars
    }

    /// Bars of the buckets `bucket` divides time into, `(open, end)` for an instant, opening in `[from, to)`, as known
    /// at `now`, ascending.
    pub fn bars_by(
        &mut self,
        bucket: impl Fn(i64) -> (i64, i64),
        from: i64,
        to: i64,
        now: i64,
    ) -> Vec<ExactBar> {
        let (first, _) = bucket(from.max(self.since));
        let (_, end) = bucket(to.min(now) - 1);
        let minutes = self.minutes(first, end, now);
        let mut bars = fold_by(&minutes, |at| bucket(at).0);
        bars.retain(|b| (from..to).contains(&b.open_time));
        bars
    }

    /// Open interest in quantity units.
    pub fn open_interest(&self, at: i64) -> i128 {
        let coins =
            80_000.0 * (1.0 + 0.1 * wave(self.seed ^ 11, at, 6 * HOUR) + 0.01 * wave(self.seed, at, 60_000));
        (coins * 10_f64.powi(self.spec.quantity_places as i32)) as i128
    }

    /// Mark and index price, in 10^-8.
    pub fn mark_and_index(&self, at: i64) -> (i128, i128) {
        let mid = i128::from(self.mid_ticks(at)) * self.spec.tick * 10_i128.pow(8 - self.spec.price_places);
        let bend = |seed| (mid as f64 * 0.0003 * wave(self.seed ^ seed, at, 30_000)) as i128;
        (mid + bend(12), mid + bend(13))
    }

    /// Funding rate in 10^-8 for the interval that holds `at`; moves once a minute.
    pub fn funding_rate(&self, at: i64) -> i128 {
        (10_000.0 * wave(self.seed ^ 14, at - at.rem_euclid(MINUTE), 8 * HOUR)) as i128
    }
}

/// The bucket of `length` ms that holds `at`, `(open, end)`; one of them opens at `offset`.
pub fn aligned(length: i64, offset: i64, at: i64) -> (i64, i64) {
    let open = at - (at - offset).rem_euclid(length);
    (open, open + length)
}

/// The calendar month of `at`, `(open, end)`.
pub fn month(at: i64) -> (i64, i64) {
    month_bounds(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct Coin(Spec);

    impl Listed for Coin {
        fn spec(&self) -> Spec {
            self.0
        }

        fn name(&self) -> (u64, &str) {
            (0, "COIN")
        }
    }

    fn market(per_minute: (u64, u64)) -> Market<Coin> {
        let spec =
            Spec { price_places: 2, quantity_places: 3, tick: 10, step: 1, ticks: 845_000, per_minute };
        Market::new(Coin(spec), 1, 1_795_000_020_000)
    }

    #[test]
    fn trades_are_numbered_without_holes_across_minutes() {
        let mut m = market((0, 3));
        let trades = m.trades(m.since, m.since + 100 * MINUTE);
        assert!(trades.len() > 50);
        assert!(trades.windows(2).all(|w| w[1].id == w[0].id + 1 && w[1].time >= w[0].time));
        assert!(trades.windows(2).all(|w| w[1].first_fill > w[0].last_fill));
        let tail = m.trades(m.since + 50 * MINUTE, m.since + 100 * MINUTE);
        assert_eq!(tail[..], trades[trades.len() - tail.len()..]);
    }

    #[test]
    fn intervals_are_folds_of_the_same_minutes_and_quiet_ones_are_flat() {
        let mut m = market((0, 2));
        let now = m.since + 3 * HOUR + 30_500;
        let minutes = m.minutes(m.since, now, now);
        assert_eq!(minutes.len(), 181);
        let quiet: Vec<_> = minutes.windows(2).filter(|w| w[1].trades == 0).collect();
        assert!(!quiet.is_empty());
        assert!(quiet.iter().all(|w| w[1].open == w[0].close && w[1].volume == 0));
        let hours = m.bars_by(|at| aligned(HOUR, 0, at), 0, i64::MAX, now);
        assert_eq!(hours.iter().map(|b| b.volume).sum::<i128>(), minutes.iter().map(|b| b.volume).sum());
        assert_eq!(hours.last().map(|b| b.close), minutes.last().map(|b| b.close));
    }
}
