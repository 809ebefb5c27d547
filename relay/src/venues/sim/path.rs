//! The slow side of a market: where price, premium, open interest and activity are at any instant.
//!
//! Each is a closed form of time. Nothing is summed up from a beginning, so any instant costs the same.

use shared::market::Ms;

use super::Place;
use super::coin::Coin;
use super::noise::{Key, exp, smoothstep};

/// Storms are dealt out in blocks of this many minutes, at most one in each.
const BLOCK_MINUTES: i64 = 720;
/// The strongest storm: this share of its block's trades happens inside it.
const STRENGTH_MAX: f64 = 0.3;
/// Log price a strongest storm moves a coin of BTC's volatility.
const JUMP_MAX: f64 = 0.045;
/// Largest funding rate for one interval, either way.
pub(super) const FUNDING_CAP: f64 = 0.0075;
/// The interval for which a premium makes its rate.
const RATE_INTERVAL: Ms = Ms(8 * 3_600_000);

const MINUTE: i64 = Ms::MINUTE.0;

/// Purposes of the market-wide and per-coin keys.
mod salt {
    pub(super) const STORM: i64 = 1;
    pub(super) const CALM: i64 = 2;
    pub(super) const TREND: i64 = 3;
    pub(super) const OCTAVE: i64 = 100;
    pub(super) const LEVEL: i64 = 4;
    pub(super) const COUNT: i64 = 5;
    pub(super) const PREMIUM: i64 = 6;
    pub(super) const OPEN_INTEREST: i64 = 7;
    pub(super) const BASIS: i64 = 8;
    pub(super) const VENUE: i64 = 1_000;
}

/// A coin's path: the keys of its noises.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path<'a> {
    pub(super) coin: &'a Coin,
    /// Shared by all coins, so that they move together.
    market: Key,
    /// The coin's, wherever it trades.
    own: Key,
    /// The coin's at this venue.
    here: Key,
}

/// A block's burst of trading: a fast move with forced closes, and the drift that makes up for it.
#[derive(Clone, Copy, Debug)]
struct Storm {
    /// 0 to [`STRENGTH_MAX`].
    strength: f64,
    /// Log price it moves at full correlation.
    jump: f64,
    /// Place of the instant in the block, and of the storm's start and width.
    x: f64,
    start: f64,
    width: f64,
}

impl Storm {
    fn at(market: Key, minutes: f64) -> Storm {
        let block = (minutes / BLOCK_MINUTES as f64).floor();
        let key = market.child(salt::STORM).child(block as i64);
        // Two blocks in five stay calm; strong storms are rare.
        let drawn = ((key.unit(0) - 0.4) / 0.6).max(0.0);
        let strength = drawn * drawn * STRENGTH_MAX;
        let width = 0.04 + 0.08 * key.unit(1);
        let start = key.unit(2) * (1.0 - width);
        let jump = JUMP_MAX * drawn * drawn * if key.unit(3) < 0.55 { -1.0 } else { 1.0 };
        Storm { strength, jump, x: minutes / BLOCK_MINUTES as f64 - block, start, width }
    }

    /// The storm's share done by now less the time gone by: 0 at both ends of the block, so that blocks
    /// join without a step and nothing has to be carried over.
    fn ramp(&self) -> f64 {
        smoothstep((self.x - self.start) / self.width) - self.x
    }

    /// 0 outside, up to about 11 at the height of the strongest.
    fn intensity(&self) -> f64 {
        let x = (self.x - self.start) / self.width;
        if (0.0..=1.0).contains(&x) { self.strength / self.width * 6.0 * x * (1.0 - x) } else { 0.0 }
    }
}

impl<'a> Path<'a> {
    pub(super) fn new(seed: u64, place: Place, coin: &'a Coin) -> Path<'a> {
        let root = Key::new(seed);
        let own = root.child(coin.path);
        let here = if place == Place::Sim { own } else { own.child(salt::VENUE + place.number()) };
        Path { coin, market: root.child(0), own, here }
    }

    /// Numbers for what happens inside a minute; spot and perpetual differ here.
    pub(super) fn minute_key(&self, minute: i64) -> Key {
        self.here.child(if self.coin.is_perp() { 10 } else { 11 }).child(minute)
    }

    /// Price at the start of a minute, not rounded.
    pub(super) fn price(&self, minute: i64) -> f64 {
        let perp = self.coin.centre * exp(self.log_price(minute)) * (1.0 + self.basis(minute));
        if self.coin.is_perp() { perp } else { perp / (1.0 + self.premium(Ms(minute * MINUTE))) }
    }

    /// Distance from the first venue's price at the start of a minute, as a fraction; wanders over hours and minutes.
    fn basis(&self, minute: i64) -> f64 {
        let key = self.here.child(salt::BASIS);
        let wander = 0.7 * key.child(0).smooth(minute, 190) + 0.3 * key.child(1).smooth(minute, 11);
        self.coin.basis + self.coin.wander * wander
    }

    /// Fractal noise: octaves from a minute to eleven days, each as large as the root of its period, the
    /// short ones swelling with the regime; a slow level below, storms on top.
    fn log_price(&self, minute: i64) -> f64 {
        let coin = self.coin;
        let with_market = coin.correlation;
        let alone = (1.0 - with_market * with_market).sqrt();
        let octave = |s: i64| {
            let (market, own) = (self.market.child(salt::OCTAVE + s), self.own.child(salt::OCTAVE + s));
            with_market * market.smooth(minute, 1 << s) + alone * own.smooth(minute, 1 << s)
        };
        let mut scale = 1.0;
        let (mut short, mut long) = (0.0, 0.0);
        for s in 0..=14 {
            if s <= 7 {
                short += scale * octave(s);
            } else {
                long += scale * octave(s);
            }
            scale *= std::f64::consts::SQRT_2;
        }
        let trend = 1.0 + 0.4 * self.market.child(salt::TREND).smooth(minute, 2_880);
        let level = 90.0 * coin.correlation * self.market.child(salt::LEVEL).smooth(minute, 131_072)
            + 70.0 * self.own.child(salt::LEVEL).smooth(minute, 90_000);
        let storm = Storm::at(self.market, minute as f64);
        let jump = storm.jump * storm.ramp() * coin.volatility / 0.000_4;
        coin.volatility * (self.roughness(minute) * short + trend * long + level) + jump
    }

    /// How large short moves are at a minute: about 0.5 when calm, 1 usually, 4 in a storm.
    pub(super) fn roughness(&self, minute: i64) -> f64 {
        let calm = 1.0 + 0.45 * self.market.child(salt::CALM).smooth(minute, 512);
        calm * (1.0 + 0.35 * self.storm(minute))
    }

    /// Intensity of the storm at a minute, 0 while there is none.
    pub(super) fn storm(&self, minute: i64) -> f64 {
        Storm::at(self.market, minute as f64).intensity()
    }

    /// Trades printed before the start of a minute, counted so that a minute has about
    /// `trades_per_minute`, more towards 15:00 UTC, fewer about 03:00, several times as many in a storm.
    pub(super) fn trades_before(&self, minute: i64) -> i64 {
        let storm = Storm::at(self.market, minute as f64);
        let bursts = BLOCK_MINUTES as f64 * storm.strength * storm.ramp();
        // The integral over a day of a parabola that is lowest twelve hours from 15:00.
        let x = (minute - 900).rem_euclid(1_440) as f64 / 1_440.0 - 0.5;
        let daily = 1_440.0 * 0.35 * (2.0 * x * x * x - 0.5 * x);
        let jitter = 0.12 * self.here.child(salt::COUNT).unit(minute);
        (self.coin.trades_per_minute * (minute as f64 + bursts + daily + jitter)).floor() as i64
    }

    /// (perpetual - index) / index.
    pub(super) fn premium(&self, at: Ms) -> f64 {
        let minutes = self.here.child(salt::PREMIUM + 20).smooth(at.0, 11 * MINUTE);
        self.slow_premium(at) + 0.000_12 * self.coin.premium * minutes
    }

    /// The part of the premium that lasts for hours and makes the funding.
    fn slow_premium(&self, at: Ms) -> f64 {
        let key = self.here.child(salt::PREMIUM);
        let (days, hours) =
            (key.child(0).smooth(at.0, 1_500 * MINUTE), key.child(1).smooth(at.0, 350 * MINUTE));
        self.coin.premium * (0.000_15 + 0.000_75 * days + 0.000_25 * hours)
    }

    /// Rate for one interval: the premium, drawn towards 1 bp by at most 5 bps, as venues do it.
    pub(super) fn funding_rate(&self, at: Ms) -> f64 {
        let premium = self.slow_premium(at);
        let rate = premium + (0.000_1 - premium).clamp(-0.000_5, 0.000_5);
        let share = self.coin.funding_interval.0 as f64 / RATE_INTERVAL.0 as f64;
        (rate.clamp(-FUNDING_CAP, FUNDING_CAP) * share * 1e8).round() / 1e8
    }

    /// Open interest in coins, in whole steps: swells over days, drops as a storm's forced closes go through.
    pub(super) fn open_interest(&self, at: Ms) -> f64 {
        let key = self.here.child(salt::OPEN_INTEREST);
        let slow =
            0.12 * key.child(0).smooth(at.0, 7_000 * MINUTE) + 0.04 * key.child(1).smooth(at.0, 700 * MINUTE);
        let fast =
            0.006 * key.child(2).smooth(at.0, 37 * MINUTE) + 0.000_4 * key.child(3).smooth(at.0, MINUTE / 2);
        let storm = Storm::at(self.market, at.0 as f64 / MINUTE as f64);
        let closed = 0.4 * storm.strength * storm.ramp();
        let coins = self.coin.open_interest * (1.0 + slow + fast - closed);
        (coins * self.coin.inverse_step).round() / self.coin.inverse_step
    }
}
