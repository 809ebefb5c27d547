//! Markets from a fixed seed: the same on every machine, because only `+ - * /` make them.

use shared::event::{
    Bar, Funding, FundingKind, Liquidation, LiquidationSide, MemberName, OpenInterest, Origin, PriceKind,
    Side, Trade,
};
use shared::market::{Civil, Ms, Timeframe, VenueId};
use shared::maths::joined::Members;

/// A Thursday, three hours before Chicago's session ends and six before the month does; Chicago's clocks go back on
/// the Sunday after.
pub(crate) const START: Ms = Ms(Civil::midnight(2024, 10, 31).0 + 18 * 3_600_000);

/// What prices are multiplied by: plain ones, a coin that costs little, a contract of a coin that costs nothing.
pub(crate) const SCALES: [(&str, f64); 3] = [("1", 1.0), ("7e4", 70_000.0), ("1e-8", 1e-8)];

/// SplitMix64.
#[derive(Clone)]
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) const fn new(seed: u64) -> Noise {
        Noise(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Of `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Of `0..n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// One time in `n`.
    pub(crate) fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// A price that wanders, seldom jumps and sometimes stands.
pub(crate) struct Walk {
    noise: Noise,
    price: f64,
    scale: f64,
}

impl Walk {
    pub(crate) fn new(seed: u64, scale: f64) -> Walk {
        Walk { noise: Noise::new(seed), price: 1.0, scale }
    }

    pub(crate) fn next(&mut self) -> f64 {
        let step = match self.noise.below(400) {
            0 => 1.0 + self.noise.unit() * 0.3,
            1 => 1.0 / (1.0 + self.noise.unit() * 0.3),
            2..60 => 1.0,
            _ => 1.0 + (self.noise.unit() - 0.5) * 0.004,
        };
        self.price = (self.price * step).clamp(0.01, 100.0);
        self.price * self.scale
    }
}

/// So many minutes with their trades, ids counted from 0; some minutes have none.
pub(crate) fn trades(seed: u64, scale: f64, minutes: i64) -> Vec<Trade> {
    let (mut noise, mut walk) = (Noise::new(seed), Walk::new(seed + 1, scale));
    let mut trades = Vec::new();
    for minute in 0..minutes {
        let count = if noise.once_in(9) { 0 } else { noise.below(12) };
        for n in 0..count {
            let at = START + Ms(minute * 60_000 + (n * 60_000 / count.max(1)) as i64);
            let quantity = match noise.below(200) {
                0 => 1e9,
                1 => 1e-9,
                2 => 0.0,
                _ => noise.unit() * 3.0,
            };
            let side = if noise.once_in(2) { Side::Buy } else { Side::Sell };
            let id = trades.len().to_string();
            trades.push(Trade { timestamp: at, price: walk.next(), quantity: quantity / scale, side, id });
        }
    }
    trades
}

/// 1m bars: holes, minutes without sides or average, flat ones and extremes.
pub(crate) fn minutes(seed: u64, scale: f64, count: i64) -> Vec<Bar> {
    let (mut noise, mut walk) = (Noise::new(seed), Walk::new(seed + 1, scale));
    let mut bars = Vec::new();
    let mut cvd = 0.0;
    let mut hole = 0;
    for n in 0..count {
        let at = START + Ms(n * 60_000);
        let open = walk.next();
        if noise.once_in(150) {
            hole = noise.below(90);
        }
        if hole > 0 {
            hole -= 1;
            continue;
        }
        let mut bar = Bar::flat(at, Timeframe::M1, open, Origin::Trades);
        bar.closed = true;
        if noise.once_in(12) {
            bars.push(bar);
            continue;
        }
        bar.close = walk.next();
        bar.high = open.max(bar.close) * (1.0 + noise.unit() * 0.002);
        bar.low = open.min(bar.close) * (1.0 - noise.unit() * 0.002);
        let (buy, sell) = (noise.unit() * 40.0 / scale, noise.unit() * 40.0 / scale);
        cvd = if at.floor(Ms::DAY) == at { 0.0 } else { cvd } + (buy - sell);
        (bar.volume, bar.buy_volume, bar.sell_volume) = (buy + sell, Some(buy), Some(sell));
        (bar.cvd, bar.cvd_from) = (Some(cvd), Some(at.floor(Ms::DAY)));
        (bar.vwap, bar.trades) = (Some((open + bar.close + bar.low) / 3.0), Some(noise.below(500)));
        match noise.below(60) {
            0 => (bar.buy_volume, bar.sell_volume, bar.cvd, bar.cvd_from) = (None, None, None, None),
            1 => bar.vwap = None,
            2 => (bar.trades, bar.origin) = (None, Origin::Kline),
            3 => bar.revision = 2,
            _ => {}
        }
        bars.push(bar);
    }
    bars
}

/// A group of four members at three venues, the second in another dollar.
pub(crate) fn members() -> Members {
    let names = [("a", "XUSDT-PERP"), ("a", "XUSDC-PERP"), ("b", "XUSDT-PERP"), ("c", "XUSD-PERP")];
    Members::of_names(names.into_iter().filter_map(|(venue, symbol)| {
        Some(MemberName { symbol: symbol.parse().ok()?, venue: VenueId::new(venue) })
    }))
}

/// Forced closes in the order they are told, which is not quite that of their times; some are told twice.
pub(crate) fn liquidations(seed: u64, scale: f64, count: usize) -> Vec<(usize, Liquidation)> {
    let (mut noise, mut walk) = (Noise::new(seed), Walk::new(seed + 1, scale));
    let mut hits: Vec<(usize, Liquidation)> = Vec::new();
    let mut at = START;
    for _ in 0..count {
        at += Ms(noise.below(9_000) as i64);
        if let Some(known) = hits.last().copied().filter(|_| noise.once_in(40)) {
            hits.push(known);
            continue;
        }
        let price = walk.next() * (1.0 + (noise.unit() - 0.5) * 0.14);
        let quantity = match noise.below(300) {
            0 => 5e8,
            1 => 1e-9,
            _ => noise.unit() * 20.0,
        } / scale;
        let side = if noise.once_in(2) { LiquidationSide::Long } else { LiquidationSide::Short };
        let timestamp = at - Ms(noise.below(30_000) as i64);
        let (value, price_kind, at_least) = (price * quantity, PriceKind::Average, noise.once_in(3));
        let hit = Liquidation { timestamp, side, quantity, price, value, price_kind, at_least };
        hits.push((noise.below(4) as usize, hit));
    }
    hits
}

/// A member's open interest, sometimes silent for long, sometimes without a value.
pub(crate) fn open_interest(seed: u64, scale: f64, count: usize) -> Vec<OpenInterest> {
    let (mut noise, mut walk) = (Noise::new(seed), Walk::new(seed + 1, scale));
    let mut at = START;
    let row = |_| {
        at += Ms(if noise.once_in(50) { 1_800_000 } else { 15_000 });
        let open_interest = (1.0 + noise.unit()) * 1e6 / scale;
        let value = open_interest * walk.next();
        OpenInterest {
            timestamp: at,
            open_interest,
            open_interest_value: (!noise.once_in(20)).then_some(value),
        }
    };
    (0..count).map(row).collect()
}

/// A member's funding rates, forecast and paid, on intervals of 1 to 8 hours or unknown ones.
pub(crate) fn funding(seed: u64, scale: f64, count: usize) -> Vec<Funding> {
    let (mut noise, mut walk) = (Noise::new(seed), Walk::new(seed + 1, scale));
    let hours = [1.0, 2.0, 4.0, 8.0][(seed % 4) as usize];
    let row = |n: usize| {
        let settled = n % 10 == 9;
        let rate = Funding {
            timestamp: START + Ms(n as i64 * 60_000),
            kind: if settled { FundingKind::Settled } else { FundingKind::Predicted },
            funding_rate: (noise.unit() - 0.5) / 1e4 * if noise.once_in(100) { 1e4 } else { 1.0 },
            next_funding_time: None,
            interval_hours: None,
            funding_apr: None,
            mark_price: Some(walk.next()),
            index_price: Some(walk.next()),
        };
        rate.with_interval((!noise.once_in(30)).then_some(hours))
    };
    (0..count).map(row).collect()
}
