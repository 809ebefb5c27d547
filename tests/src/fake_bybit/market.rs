//! What the venue lists, and what it has beyond trades and candles: names of fills, liquidations, and tickers as
//! lists of fields.

use std::collections::BTreeMap;

use crate::fake::market::{self, Listed, Spec, aligned, month};
use crate::oracle::ExactBook;
use crate::oracle::bars::{ExactBar, fold_by};
use crate::oracle::calendar::{DAY, HOUR, MINUTE};
use crate::oracle::decimal::text;

pub use crate::fake::market::{FakeTrade, mix};

/// Half a second: liquidations are told once in it.
pub const SLOT_MS: i64 = 500;

/// The venue's two products that matter here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Product {
    Linear,
    Spot,
}

impl Product {
    /// The venue's name of it.
    pub fn category(self) -> &'static str {
        match self {
            Product::Linear => "linear",
            Product::Spot => "spot",
        }
    }

    /// The product of a category.
    pub fn of(category: &str) -> Option<Product> {
        [Product::Linear, Product::Spot].into_iter().find(|p| p.category() == category)
    }
}

/// A market as the venue lists it.
#[derive(Clone, Copy, Debug)]
pub struct Listing {
    pub product: Product,
    pub symbol: &'static str,
    pub base: &'static str,
    pub quote: &'static str,
    /// Empty on spot.
    pub contract_type: &'static str,
    pub status: &'static str,
    pub spec: Spec,
    pub funding_hours: i64,
}

impl Listed for Listing {
    fn spec(&self) -> Spec {
        self.spec
    }

    fn name(&self) -> (u64, &str) {
        (self.product as u64, self.symbol)
    }
}

impl Listing {
    pub fn price(&self, units: i128) -> String {
        text(units, self.spec.price_places)
    }

    pub fn quantity(&self, units: i128) -> String {
        text(units, self.spec.quantity_places)
    }

    /// Price times quantity.
    pub fn value(&self, units: i128) -> String {
        text(units, self.spec.price_places + self.spec.quantity_places)
    }

    pub fn funding_interval(&self) -> i64 {
        self.funding_hours * HOUR
    }

    pub fn trading(&self) -> bool {
        self.status == "Trading"
    }

    /// Time of the funding that follows `at`.
    pub fn next_funding(&self, at: i64) -> i64 {
        aligned(self.funding_interval(), 0, at).1
    }
}

/// A listed market with its history.
pub type Market = market::Market<Listing>;

/// The venue's name of a trade: a UUID on linear, digits on spot.
pub fn trade_id(product: Product, t: &FakeTrade) -> String {
    if product == Product::Spot {
        return format!("{}", 2_290_000_000_000_000_000 + t.id);
    }
    let (high, low) = (mix(t.id, 1, 61), mix(t.id, 2, 61));
    format!(
        "{:08x}-{:04x}-5{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 48 & 0x3fff),
        low & 0xffff_ffff_ffff
    )
}

/// One liquidation row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FakeLiquidation {
    pub time: i64,
    /// The position that died: told as `Buy`.
    pub long: bool,
    pub quantity: i128,
    /// Bankruptcy price, off the market on the side that hurts.
    pub price: i128,
}

/// Liquidations of the slot that begins at `slot`; one slot in `one_in` has any.
pub fn liquidations(market: &Market, seed: u64, slot: i64, one_in: u64) -> Vec<FakeLiquidation> {
    let Listing { product, symbol, spec: Spec { tick, step, .. }, .. } = market.listing;
    let name = symbol.bytes().fold(seed, |h, b| mix(h, u64::from(b), 71));
    let hash = |n: u64, what: u64| mix(name, slot as u64 + n, what);
    if product == Product::Spot || one_in == 0 || hash(0, 72) % one_in != 0 {
        return Vec::new();
    }
    let row = |n: u64| {
        let time = slot + (hash(n, 73) % SLOT_MS as u64) as i64;
        let long = hash(n, 74) & 1 == 0;
        let mid = market.mid_ticks(time);
        // 0.3 % to 1 % through the market.
        let off = mid * (30 + (hash(n, 75) % 70) as i64) / 10_000;
        let ticks = if long { mid - off } else { mid + off };
        let quantity = i128::from(1 + hash(n, 76) % 20_000) * step;
        FakeLiquidation { time, long, quantity, price: i128::from(ticks) * tick }
    };
    let mut rows: Vec<FakeLiquidation> = (0..1 + hash(0, 77) % 3).map(row).collect();
    rows.sort_by_key(|l| l.time);
    rows
}

/// A ticker's fields by name, as texts.
pub type Fields = BTreeMap<&'static str, String>;

/// The last day up to `now`.
fn day_bar(market: &mut Market, now: i64) -> ExactBar {
    let minutes = market.minutes(now - DAY, now, now);
    fold_by(&minutes, |_| 0).pop().unwrap_or_default()
}

/// Mark and index price in price units.
pub fn mark_and_index(market: &Market, at: i64) -> (i128, i128) {
    let (mark, index) = market.mark_and_index(at);
    let scale = 10_i128.pow(8 - market.listing.spec.price_places);
    (mark / scale, index / scale)
}

/// All fields of a ticker at `now`.
pub fn ticker(market: &mut Market, book: Option<&ExactBook>, now: i64) -> Fields {
    let day = day_bar(market, now);
    let l = market.listing;
    let change = if day.open == 0 { 0 } else { (day.close - day.open) * 1_000_000 / day.open };
    let mut fields = Fields::from([
        ("symbol", l.symbol.to_owned()),
        ("lastPrice", l.price(day.close)),
        ("prevPrice24h", l.price(day.open)),
        ("price24hPcnt", text(change, 6)),
        ("highPrice24h", l.price(day.high)),
        ("lowPrice24h", l.price(day.low)),
        ("volume24h", l.quantity(day.volume)),
        ("turnover24h", l.value(day.quote)),
    ]);
    if l.product == Product::Spot {
        fields.insert("usdIndexPrice", text(market.mark_and_index(now).1, 8));
        return fields;
    }
    // Mark and index move once a second, open interest every three.
    let (mark, index) = mark_and_index(market, aligned(1_000, 0, now).0);
    let one_side = market.open_interest(aligned(3_000, 0, now).0);
    fields.extend([
        ("tickDirection", "ZeroPlusTick".to_owned()),
        ("prevPrice1h", l.price(i128::from(market.mid_ticks(now - HOUR)) * l.spec.tick)),
        ("markPrice", l.price(mark)),
        ("indexPrice", l.price(index)),
        ("openInterest", l.quantity(2 * one_side)),
        ("openInterestValue", l.value(2 * one_side * mark)),
        ("singleOpenInterest", l.quantity(one_side)),
        ("singleOpenInterestValue", l.value(one_side * mark)),
        ("fundingRate", text(market.funding_rate(now), 8)),
        ("nextFundingTime", l.next_funding(now).to_string()),
        ("fundingIntervalHour", l.funding_hours.to_string()),
        ("fundingCap", "0.005".to_owned()),
        ("preOpenPrice", String::new()),
        ("preQty", String::new()),
        ("curPreListingPhase", String::new()),
    ]);
    let bid = book.and_then(|b| b.bids.last_key_value());
    let ask = book.and_then(|b| b.asks.first_key_value());
    // A side without orders is an empty text.
    let mut best = |names: [&'static str; 2], level: Option<(&i128, &i128)>| {
        fields.insert(names[0], level.map_or(String::new(), |(p, _)| l.price(*p)));
        fields.insert(names[1], level.map_or(String::new(), |(_, q)| l.quantity(*q)));
    };
    best(["bid1Price", "bid1Size"], bid);
    best(["ask1Price", "ask1Size"], ask);
    fields
}

/// The fields of `new` that differ from `old`; nothing where none does.
pub fn changed(old: &Fields, new: &Fields) -> Option<Fields> {
    let differs = |(name, value): &(&&'static str, &String)| old.get(**name) != Some(*value);
    let mut delta: Fields = new.iter().filter(differs).map(|(name, value)| (*name, value.clone())).collect();
    if delta.is_empty() {
        return None;
    }
    delta.insert("symbol", new.get("symbol").cloned().unwrap_or_default());
    Some(delta)
}

/// Bucket of one of the venue's candle intervals, `(open, end)`; `None` for one it does not have.
pub fn bucket(interval: &str, at: i64) -> Option<(i64, i64)> {
    let minutes = |n: i64| Some(aligned(n * MINUTE, 0, at));
    match interval {
        "1" | "3" | "5" | "15" | "30" | "60" | "120" | "240" | "360" | "720" => {
            minutes(interval.parse().ok()?)
        }
        "D" => Some(aligned(DAY, 0, at)),
        "W" => Some(aligned(7 * DAY, 4 * DAY, at)),
        "M" => Some(month(at)),
        _ => None,
    }
}

/// Bars of one of the venue's intervals opening in `[from, to)`, as known at `now`, ascending.
pub fn bars(market: &mut Market, interval: &str, from: i64, to: i64, now: i64) -> Option<Vec<ExactBar>> {
    bucket(interval, now)?;
    Some(market.bars_by(|at| bucket(interval, at).unwrap_or((at, at + 1)), from, to, now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_bybit::listings;
    use crate::oracle::decimal::units;

    fn market() -> Market {
        Market::new(listings::btc_perp(), 1, 1_795_000_020_000)
    }

    #[test]
    fn liquidations_are_sparse_and_off_the_market_on_the_side_that_hurts() {
        let m = market();
        let slots = (0..2_000).map(|n| 1_795_000_100_000 + n * SLOT_MS);
        let all: Vec<FakeLiquidation> = slots.flat_map(|slot| liquidations(&m, 1, slot, 40)).collect();
        assert!((50..250).contains(&all.len()), "{}", all.len());
        assert!(all.iter().any(|l| l.long) && all.iter().any(|l| !l.long));
        for l in &all {
            let mid = i128::from(m.mid_ticks(l.time)) * m.listing.spec.tick;
            assert_eq!(l.price < mid, l.long);
            assert!(l.quantity > 0);
        }
        assert!(liquidations(&m, 1, 1_795_000_100_000, 0).is_empty());
    }

    #[test]
    fn tickers_count_both_sides_and_deltas_hold_what_changed() {
        let mut m = market();
        let now = m.since + 26 * HOUR;
        let first = ticker(&mut m, None, now);
        let later = ticker(&mut m, None, now + 3_000);
        let count = |name: &str| units(&first[name], 2 + 1);
        assert_eq!(count("openInterest"), 2 * count("singleOpenInterest"));
        assert_eq!(first["bid1Price"], "");
        let delta = changed(&first, &later).expect("a moving market");
        assert!(delta.len() < later.len());
        assert_eq!(delta["symbol"], "BTCUSDT");
        let mut merged = first.clone();
        merged.extend(delta);
        assert_eq!(merged, later);
        assert_eq!(changed(&later, &later), None);
    }

    #[test]
    fn linear_trades_are_named_by_uuids_and_spot_ones_by_digits() {
        let mut m = market();
        let trade = m.trades(m.since, m.since + 60_000)[0];
        let name = trade_id(Product::Linear, &trade);
        assert_eq!(name.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(name.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit()));
        assert!(trade_id(Product::Spot, &trade).bytes().all(|b| b.is_ascii_digit()));
    }
}
