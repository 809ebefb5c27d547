//! `sim`: a simulated market, a pure function of seed, symbol and absolute time.
//!
//! It opens no socket and keeps no state: two relays with one seed show the same market, a restart goes on
//! where it would have been, and asking for a range in pieces gives what asking at once gives. Made of
//! - `noise`: random numbers by place;
//! - `place`: the venues, and `coin`: what they list;
//! - `path`: price level, premium, open interest and activity at any instant;
//! - `minute`: the trades and forced closes of one minute;
//! - `trouble`: what goes wrong on the way from a venue to here, and when.
//!
//! `sim-b` and `sim-c` trade the same coins at other prices, in other volumes, with outages, silences and lulls
//! of their own; `sim` is flawless.

mod coin;
mod minute;
mod noise;
mod path;
mod place;
#[cfg(test)]
mod tests;
mod trouble;

use std::sync::Arc;

use shared::event::{Bar, Funding, FundingKind, Liquidation, OpenInterest, Origin, Side, Trade};
use shared::market::{Instrument, Ms, Symbol, Timeframe, VenueId};

use self::coin::Coin;
use self::minute::{Minute, Print, liquidation_count};
use self::path::Path;
pub use self::place::Place;
use self::trouble::Fate;
pub use self::trouble::{Outage, Silence, Troubles};
use super::{TradeUpdate, Update, What};

/// Spacing of live book tops.
const BOOK_STEP: Ms = Ms(100);
/// Spacing of live predicted funding with mark and index.
const FUNDING_STEP: Ms = Ms::SECOND;
/// Spacing of live open interest.
const OPEN_INTEREST_STEP: Ms = Ms(5_000);
/// Spacing of recorded open interest.
const OPEN_INTEREST_HISTORY_STEP: Ms = Ms(300_000);

/// One simulated venue; a clone shares everything.
#[derive(Clone, Debug)]
pub struct SimMarket {
    seed: u64,
    place: Place,
    coins: Arc<[Coin]>,
    troubles: Arc<Troubles>,
}

impl SimMarket {
    /// A venue of the market of a seed.
    pub fn new(seed: u64, place: Place) -> SimMarket {
        let coins = coin::coins(place);
        let symbols = coins.iter().filter(|coin| coin.is_perp()).map(|coin| coin.symbol.clone()).collect();
        let troubles = Arc::new(Troubles::new(seed, place, symbols));
        SimMarket { seed, place, coins: coins.into(), troubles }
    }

    /// Every simulated venue; the first is the default.
    pub fn all(seed: u64) -> [SimMarket; 3] {
        Place::ALL.map(|place| SimMarket::new(seed, place))
    }

    pub fn place(&self) -> Place {
        self.place
    }

    pub fn venue(&self) -> VenueId {
        self.place.venue()
    }

    /// What is listed, in the venue's order.
    pub fn instruments(&self) -> Vec<Instrument> {
        self.coins.iter().map(|coin| coin.instrument(self.venue())).collect()
    }

    /// What goes wrong between this venue and here.
    pub fn troubles(&self) -> &Troubles {
        &self.troubles
    }

    /// Everything the venue says in `(from, to]`, in time order: trades, book tops on the 100 ms grid, predicted funding
    /// each second, open interest each 5 s, settled funding each interval, liquidations. Empty for an unknown symbol
    /// and a closed session. Troubles of the line are not in it.
    ///
    /// Costs a few microseconds for each minute touched, and what it returns.
    pub fn updates(&self, symbol: &Symbol, from: Ms, to: Ms) -> Vec<Update> {
        let Some(path) = self.path(symbol) else { return Vec::new() };
        let (from, to) = (from + Ms(1), to + Ms(1));
        let mut said: Vec<(Ms, What)> = Vec::new();
        for index in minutes(from, to) {
            let start = Ms(index * Ms::MINUTE.0);
            if !path.coin.calendar.is_open(start) {
                continue;
            }
            let (from, to) = (from.max(start), to.min(start + Ms::MINUTE));
            let minute = Minute::at(path, index);
            said.extend(grid(from, to, BOOK_STEP).map(|at| (at, What::Top(minute.book(at)))));
            self.each_trade(&minute, start, |print| {
                if (from..to).contains(&print.timestamp) {
                    said.push((print.timestamp, What::Trade(self.trade(path.coin, print))));
                }
            });
            if !path.coin.is_perp() {
                continue;
            }
            let fits = |l: &Liquidation| (from..to).contains(&l.timestamp);
            let liquidations = minute.liquidations().into_iter().filter(fits);
            said.extend(liquidations.map(|l| (l.timestamp, What::Liquidation(l))));
            let open_interest = |at| (at, What::Oi(open_interest(path, &minute, at)));
            said.extend(grid(from, to, OPEN_INTEREST_STEP).map(open_interest));
            let settled = |at| (at, What::Funding(funding(path, &minute, at, FundingKind::Settled)));
            said.extend(grid(from, to, path.coin.funding_interval).map(settled));
            let predicted = |at| (at, What::Funding(funding(path, &minute, at, FundingKind::Predicted)));
            said.extend(grid(from, to, FUNDING_STEP).map(predicted));
        }
        // Stable: what is said at the same instant keeps the order above.
        said.sort_by_key(|(at, _)| *at);
        said.into_iter().map(|(_, what)| Update { symbol: symbol.clone(), what }).collect()
    }

    /// Closed 1m bars opening in `[from, to)`, ascending, as a relay that ran all the time has them: exactly what a
    /// fold of the trades gives, the venue's own bar where the line was down or silent, none where that is lost
    /// and while the session is closed.
    ///
    /// Starts at 00:00 UTC of the first day, where the volume delta begins to count.
    pub fn bars(&self, symbol: &Symbol, from: Ms, to: Ms) -> Vec<Bar> {
        let Some(path) = self.path(symbol) else { return Vec::new() };
        let mut bars = Vec::new();
        let Some(first) = minutes(from, to).next() else { return bars };
        let (mut cvd, mut since) = (0.0, Ms::ZERO);
        for (start, mut bar) in self.minutes_of(path, Ms(first * Ms::MINUTE.0).floor(Ms::DAY), to) {
            if start.floor(Ms::DAY) > since {
                (cvd, since) = (0.0, start.floor(Ms::DAY));
            }
            match self.troubles.fate(symbol, start) {
                Fate::Whole => {}
                Fate::Refilled => bar.origin = Origin::Kline,
                Fate::Lost => {
                    (cvd, since) = (0.0, start + Ms::MINUTE);
                    continue;
                }
            }
            cvd += bar.delta().unwrap_or(0.0);
            (bar.cvd, bar.cvd_from) = (Some(cvd), Some(since));
            if start >= from {
                bars.push(bar);
            }
        }
        bars
    }

    /// The venue's own bar of a closed minute, where a relay would have to ask for it: what came of it here is
    /// not whole, and the venue has it.
    pub fn refill(&self, symbol: &Symbol, open: Ms) -> Option<Bar> {
        let path = self.path(symbol).filter(|_| self.troubles.fate(symbol, open) == Fate::Refilled)?;
        let (_, bar) = self.minutes_of(path, open, open + Ms::MINUTE).next()?;
        Some(Bar { origin: Origin::Kline, ..bar })
    }

    /// The bars of open minutes in `[from, to)`, without the sum of deltas.
    fn minutes_of<'a>(&'a self, path: Path<'a>, from: Ms, to: Ms) -> impl Iterator<Item = (Ms, Bar)> + 'a {
        let mut price = None;
        minutes(from, to).filter_map(move |index| {
            let start = Ms(index * Ms::MINUTE.0);
            let before = price.take();
            if !path.coin.calendar.is_open(start) {
                return None;
            }
            let open = before.unwrap_or_else(|| path.price(index));
            let close = path.price(index + 1);
            price = Some(close);
            Some((start, self.bar(&Minute::new(path, index, open, close), start)))
        })
    }

    /// Open interest on the 5 minute grid in `[from, to)`, ascending; empty for spot.
    pub fn open_interest_history(&self, symbol: &Symbol, from: Ms, to: Ms) -> Vec<OpenInterest> {
        let Some(path) = self.perp(symbol) else { return Vec::new() };
        let at = |at: Ms| open_interest(path, &minute_of(path, at), at);
        grid(from, to, OPEN_INTEREST_HISTORY_STEP).map(at).collect()
    }

    /// Settled funding in `[from, to)`, ascending; empty for spot.
    pub fn funding_history(&self, symbol: &Symbol, from: Ms, to: Ms) -> Vec<Funding> {
        let Some(path) = self.perp(symbol) else { return Vec::new() };
        let at = |at: Ms| funding(path, &minute_of(path, at), at, FundingKind::Settled);
        grid(from, to, path.coin.funding_interval).map(at).collect()
    }

    /// Liquidations in `[from, to)`, ascending, but for those an outage hid; empty where they are not told.
    pub fn liquidations(&self, symbol: &Symbol, from: Ms, to: Ms) -> Vec<Liquidation> {
        let Some(path) = self.path(symbol).filter(|path| path.coin.liquidations) else { return Vec::new() };
        let mut found = Vec::new();
        let mut price = None;
        for index in minutes(from, to) {
            let open = price.unwrap_or_else(|| path.price(index));
            let close = path.price(index + 1);
            price = Some(close);
            if liquidation_count(path, index, open, close) > 0 {
                found.extend(Minute::new(path, index, open, close).liquidations());
            }
        }
        let heard = |at: Ms| self.troubles.outages(at, at + Ms(1)).next().is_none();
        found.retain(|l| (from..to).contains(&l.timestamp) && heard(l.timestamp));
        found
    }

    fn path(&self, symbol: &Symbol) -> Option<Path<'_>> {
        let coin = self.coins.iter().find(|coin| coin.symbol == *symbol)?;
        Some(Path::new(self.seed, self.place, coin))
    }

    fn perp(&self, symbol: &Symbol) -> Option<Path<'_>> {
        self.path(symbol).filter(|path| path.coin.is_perp())
    }

    /// The trades of a minute, in order; of a lull a few.
    #[inline(always)]
    fn each_trade(&self, minute: &Minute<'_>, start: Ms, mut print: impl FnMut(Print)) {
        let lull = self.troubles.lulls(start, start + Ms::MINUTE).next();
        let (from, to) = lull.unwrap_or((Ms::ZERO, Ms::ZERO));
        minute.each_trade(|trade| {
            // One in sixteen is left.
            if !(from..to).contains(&trade.timestamp) || trade.sequence % 16 == 0 {
                print(trade);
            }
        });
    }

    /// Numbered without a break where nothing is left out.
    fn trade(&self, coin: &Coin, print: Print) -> TradeUpdate {
        let Print { timestamp, price, quantity, side, sequence } = print;
        let trade = Trade { timestamp, price, quantity, side, id: sequence.to_string() };
        let whole = self.place == Place::Sim && coin.is_continuous();
        TradeUpdate { trade, sequence: u64::try_from(sequence).ok().filter(|_| whole) }
    }

    fn bar(&self, minute: &Minute<'_>, start: Ms) -> Bar {
        let (mut open, mut high, mut low, mut close) = (0.0, f64::NEG_INFINITY, f64::INFINITY, 0.0);
        let (mut volume, mut buy, mut sell, mut value, mut trades) = (0.0, 0.0, 0.0, 0.0, 0u64);
        self.each_trade(minute, start, |print| {
            if trades == 0 {
                open = print.price;
            }
            high = if print.price > high { print.price } else { high };
            low = if print.price < low { print.price } else { low };
            close = print.price;
            volume += print.quantity;
            value += print.price * print.quantity;
            match print.side {
                Side::Buy => buy += print.quantity,
                Side::Sell => sell += print.quantity,
            }
            trades += 1;
        });
        Bar {
            timestamp: start,
            interval: Timeframe::M1,
            open,
            high,
            low,
            close,
            volume,
            buy_volume: Some(buy),
            sell_volume: Some(sell),
            cvd: None,
            cvd_from: None,
            vwap: Some(value / volume),
            trades: Some(trades),
            origin: Origin::Sim,
            revision: 0,
            closed: true,
            through: None,
        }
    }
}

/// Numbers of the minutes that `[from, to)` touches.
fn minutes(from: Ms, to: Ms) -> std::ops::Range<i64> {
    let minute = Ms::MINUTE.0;
    let end = to.0.div_euclid(minute) + i64::from(to.0.rem_euclid(minute) > 0);
    from.0.div_euclid(minute)..if to > from { end } else { i64::MIN }
}

/// Multiples of `step` in `[from, to)`.
fn grid(from: Ms, to: Ms, step: Ms) -> impl Iterator<Item = Ms> {
    let first = from.0.div_euclid(step.0) + i64::from(from.0.rem_euclid(step.0) > 0);
    (first..).map(move |n| Ms(n * step.0)).take_while(move |at| *at < to)
}

fn minute_of(path: Path<'_>, at: Ms) -> Minute<'_> {
    Minute::at(path, at.0.div_euclid(Ms::MINUTE.0))
}

fn open_interest(path: Path<'_>, minute: &Minute<'_>, at: Ms) -> OpenInterest {
    let coins = path.open_interest(at);
    let value = coins * minute.mark_and_index(at).0;
    OpenInterest { timestamp: at, open_interest: coins, open_interest_value: Some(value) }
}

fn funding(path: Path<'_>, minute: &Minute<'_>, at: Ms, kind: FundingKind) -> Funding {
    let (mark, index) = minute.mark_and_index(at);
    let interval = path.coin.funding_interval;
    let next = at.floor(interval) + interval;
    let funding = Funding {
        timestamp: at,
        kind,
        funding_rate: path.funding_rate(at),
        next_funding_time: (kind == FundingKind::Predicted).then_some(next),
        interval_hours: None,
        funding_apr: None,
        mark_price: Some(mark),
        index_price: Some(index),
    };
    funding.with_interval(Some(interval.0 as f64 / Ms::HOUR.0 as f64))
}
