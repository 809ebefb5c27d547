//! What OKX lists, what a contract holds, and the bars it knows.

use crate::fake::market::{self, Listed, Spec, aligned, mix, month};
use crate::oracle::bars::ExactBar;
use crate::oracle::calendar::{DAY, HOUR, MINUTE};
use crate::oracle::decimal::text;

pub use crate::fake::market::FakeTrade;

/// The venue's name of a kind of market.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum InstType {
    Swap,
    Spot,
}

impl InstType {
    pub fn text(self) -> &'static str {
        match self {
            InstType::Swap => "SWAP",
            InstType::Spot => "SPOT",
        }
    }
}

/// A market as the venue lists it. Quantities of swaps are contracts.
#[derive(Clone, Debug)]
pub struct Listing {
    pub inst_type: InstType,
    pub inst_id: &'static str,
    pub base: &'static str,
    pub quote: &'static str,
    pub settle: &'static str,
    /// Coins a contract is worth, in units of 10^-places; on an inverse swap US dollars; on spot 1.
    pub contract: (i128, u32),
    pub inverse: bool,
    pub state: &'static str,
    pub funding_hours: i64,
    pub spec: Spec,
}

impl Listed for Listing {
    fn spec(&self) -> Spec {
        self.spec
    }

    fn name(&self) -> (u64, &str) {
        (self.inst_type as u64, self.inst_id)
    }
}

impl Listing {
    pub fn swap(&self) -> bool {
        self.inst_type == InstType::Swap
    }

    /// `BTC-USDT`: instrument family of a swap, name of its index.
    pub fn family(&self) -> String {
        format!("{}-{}", self.base, self.quote)
    }

    pub fn price(&self, units: i128) -> String {
        text(units, self.spec.price_places)
    }

    /// A size as the venue says it.
    pub fn size(&self, units: i128) -> String {
        text(units, self.spec.quantity_places)
    }

    /// Decimals of quantities in coins.
    pub fn coin_places(&self) -> u32 {
        self.spec.quantity_places + self.contract.1
    }

    /// A size in coins, in units of [`Listing::coin_places`] decimals; of a linear swap or spot pair.
    pub fn coins(&self, units: i128) -> i128 {
        units * self.contract.0
    }

    pub fn funding_interval(&self) -> i64 {
        self.funding_hours * HOUR
    }

    /// The payment after `at`.
    pub fn next_funding(&self, at: i64) -> i64 {
        aligned(self.funding_interval(), 0, at).1
    }

    /// The same bar with its volumes in coins.
    pub fn in_coins(&self, bar: &ExactBar) -> ExactBar {
        let n = self.contract.0;
        ExactBar {
            volume: bar.volume * n,
            buy_volume: bar.buy_volume * n,
            quote: bar.quote * n,
            buy_quote: bar.buy_quote * n,
            ..*bar
        }
    }
}

/// A listed market with its history; quantities as the venue counts them.
pub type Market = market::Market<Listing>;

/// Bucket of one of the venue's bars, `(open, end)`; those from 6 hours on open by the clock of Hong Kong unless they
/// are named `utc`. `None` for a bar it does not have.
pub fn venue_bucket(bar: &str, at: i64) -> Option<(i64, i64)> {
    let (name, shift) = match bar.strip_suffix("utc") {
        Some(name) if !matches!(name, "1m" | "1H" | "4H") => (name, 0),
        Some(_) => return None,
        None => (bar, 8 * HOUR),
    };
    let short = |length: i64| (bar == name).then(|| aligned(length, 0, at));
    let long = |length: i64, offset: i64| Some(aligned(length, offset - shift, at));
    match name {
        "1m" => short(MINUTE),
        "3m" => short(3 * MINUTE),
        "5m" => short(5 * MINUTE),
        "15m" => short(15 * MINUTE),
        "30m" => short(30 * MINUTE),
        "1H" => short(HOUR),
        "2H" => short(2 * HOUR),
        "4H" => short(4 * HOUR),
        "6H" => long(6 * HOUR, 0),
        "12H" => long(12 * HOUR, 0),
        "1D" => long(DAY, 0),
        "2D" => long(2 * DAY, 0),
        "3D" => long(3 * DAY, 0),
        "1W" => long(7 * DAY, 4 * DAY),
        "1M" => {
            let (open, end) = month(at + shift);
            Some((open - shift, end - shift))
        }
        _ => None,
    }
}

/// Bars opening in `[from, to)` as known at `now`, ascending, in the venue's quantities.
pub fn bars(market: &mut Market, bar: &str, from: i64, to: i64, now: i64) -> Option<Vec<ExactBar>> {
    venue_bucket(bar, now)?;
    Some(market.bars_by(|at| venue_bucket(bar, at).unwrap_or((at, at + 1)), from, to, now))
}

/// One forced order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Liquidation {
    pub time: i64,
    /// When the venue says so, which is later, and by how much differs.
    pub told: i64,
    pub long: bool,
    /// The account nets its positions: only the order's side tells which died.
    pub net: bool,
    pub price: i128,
    /// In contracts.
    pub size: i128,
}

/// Most by which a liquidation is told late.
pub const LATEST_MS: i64 = 8_000;

/// Liquidations told in `(from, to]`, in no order of their time. A swap has up to three a minute.
pub fn liquidations(market: &Market, seed: u64, from: i64, to: i64) -> Vec<Liquidation> {
    let listing = &market.listing;
    let mut found = Vec::new();
    if !listing.swap() {
        return found;
    }
    let seed = listing.inst_id.bytes().fold(seed ^ 40, |h, b| mix(h, u64::from(b), 41));
    let mut minute = aligned(MINUTE, 0, from - LATEST_MS).0;
    while minute <= to {
        for n in 0..mix(seed, minute as u64, 42) % 4 {
            let hash = |what: u64| mix(seed ^ n, minute as u64, what);
            let time = minute + (hash(43) % MINUTE as u64) as i64;
            let told = time + 200 + (hash(44) % (LATEST_MS as u64 - 200)) as i64;
            if told <= from || told > to {
                continue;
            }
            let long = hash(45) & 1 == 0;
            let away = 5 + (hash(46) % 40) as i64;
            let ticks = market.mid_ticks(time) + if long { -away } else { away };
            found.push(Liquidation {
                time,
                told,
                long,
                net: hash(47) % 5 == 0,
                price: i128::from(ticks) * listing.spec.tick,
                size: i128::from(1 + hash(48) % 90_000) * listing.spec.step,
            });
        }
        minute += MINUTE;
    }
    found.sort_by_key(|l| l.told);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_okx::listings;

    #[test]
    fn long_bars_open_by_hong_kong_unless_named_utc() {
        // 2026-11-18 13:20:30 UTC, a Wednesday.
        let at = 1_795_008_030_000;
        assert_eq!(venue_bucket("1m", at), Some((1_795_008_000_000, 1_795_008_060_000)));
        assert_eq!(venue_bucket("1Dutc", at).map(|b| b.0), Some(1_794_960_000_000));
        assert_eq!(venue_bucket("1D", at).map(|b| b.0), Some(1_794_960_000_000 - 8 * HOUR));
        assert_eq!(venue_bucket("1Wutc", at).map(|b| b.0), Some(1_794_787_200_000));
        assert_eq!(venue_bucket("1Mutc", at).map(|b| b.0), Some(1_793_491_200_000));
        assert_eq!(venue_bucket("1M", at).map(|b| b.0), Some(1_793_491_200_000 - 8 * HOUR));
        assert_eq!(
            (venue_bucket("1mutc", at), venue_bucket("7m", at), venue_bucket("1h", at)),
            (None, None, None)
        );
    }

    #[test]
    fn liquidations_are_told_once_late_and_out_of_order() {
        let market = Market::new(listings::btc_swap(), 1, 1_795_000_020_000);
        let (from, to) = (1_795_008_000_000, 1_795_011_600_000);
        let all = liquidations(&market, 1, from, to);
        assert!(all.len() > 60, "{}", all.len());
        assert!(all.windows(2).any(|w| w[1].time < w[0].time), "in order of time");
        assert!(all.iter().all(|l| l.told > l.time && l.told - l.time <= LATEST_MS && l.size > 0));
        let parts: Vec<_> = (0..3_600)
            .flat_map(|s| liquidations(&market, 1, from + s * 1_000, from + (s + 1) * 1_000))
            .collect();
        assert_eq!(parts, all);
        assert!(all.iter().any(|l| l.net && l.long) && all.iter().any(|l| !l.long));
    }

    #[test]
    fn contracts_become_coins_by_the_contract_value() {
        let [btc, eth] = [listings::btc_swap(), listings::eth_swap()];
        // 8.55 contracts of 0.01 BTC.
        assert_eq!(text(btc.coins(855), btc.coin_places()), "0.0855");
        assert_eq!(text(eth.coins(855), eth.coin_places()), "0.855");
    }
}
