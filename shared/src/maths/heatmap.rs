//! Where positions died: liquidation prints by price and time.
//!
//! - [`Grid`]: 50 price bins over +-5 % of a frozen centre. The centre stays while the price is within +-2.5 % of it
//!   and then moves to the nearest place of a fixed lattice, so that two observers who began at different times
//!   soon agree (`lattice`).
//! - [`HeatMap`]: prints, prices and time in, the map out when it changed; [`Painter`]: the same map from prints in
//!   their order, without keeping them.
//!
//! A bin, of price or of time, holds its lower edge and not its upper one. Prints of the window outside the price
//! bins are counted in `outside`. Sums run in one order of prints (time, source, side, price, quantity) within each
//! five minutes, and `outside` over those: whatever order the prints came in, the map is equal to the bit. The same
//! print told twice counts once.

mod grid;

use std::collections::BTreeMap;

use crate::event::{Heatmap, HeatmapCell, HeatmapKind, HeatmapOutside, Liquidation, LiquidationSide};
use crate::market::Ms;
use crate::maths::digest::Digest;

pub use grid::{Grid, PRICE_BINS};

/// Width of a time bin.
pub const TIME_BIN: Ms = Ms(300_000);
/// Time bins of an hour.
pub const BINS_PER_HOUR: usize = 12;
/// Prints a [`HeatMap`] keeps; of more the oldest go. Busier hours than any seen have some ten thousand.
pub const MOST_PRINTS: usize = 200_000;
/// More than a single print can be worth.
const MOST_VALUE: f64 = 1e15;

/// One liquidation as a map counts it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Print {
    timestamp: Ms,
    source: usize,
    side: LiquidationSide,
    price: f64,
    quantity: f64,
    value: f64,
}

type Key = (Ms, usize, LiquidationSide, u64, u64);

impl Print {
    /// `source` tells markets apart; `None` where the numbers make no sense.
    pub fn of(source: usize, hit: &Liquidation) -> Option<Print> {
        let Liquidation { timestamp, side, quantity, price, value, .. } = *hit;
        let usable = |x: f64| x.is_finite() && x > 0.0;
        let usable = usable(price) && usable(quantity) && (0.0..=MOST_VALUE).contains(&value);
        (usable && timestamp.is_plausible()).then_some(Print {
            timestamp,
            source,
            side,
            price,
            quantity,
            value,
        })
    }

    pub fn timestamp(&self) -> Ms {
        self.timestamp
    }

    /// Prices and quantities are above 0, where the order of bits is that of numbers.
    fn key(&self) -> Key {
        (self.timestamp, self.source, self.side, self.price.to_bits(), self.quantity.to_bits())
    }
}

/// Puts prints into the order a [`Painter`] takes them in, each once.
pub fn order(prints: &mut Vec<Print>) {
    prints.sort_by_key(Print::key);
    prints.dedup_by_key(|print| print.key());
}

/// `[from, to)` of a map of so many hours: it ends with the running five minutes.
pub fn window(now: Ms, hours: usize) -> (Ms, Ms) {
    let to = now.floor(TIME_BIN) + TIME_BIN;
    (to - span(hours * BINS_PER_HOUR), to)
}

/// The length of so many time bins.
fn span(bins: usize) -> Ms {
    Ms(TIME_BIN.0.saturating_mul(i64::try_from(bins).unwrap_or(i64::MAX)))
}

/// Prints in a bin, or outside all.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Sum {
    count: u64,
    size_usd: f64,
}

impl Sum {
    fn add(&mut self, print: &Print) {
        self.count += 1;
        self.size_usd += print.value;
    }
}

/// Prints of five minutes by price.
#[derive(Clone, Debug)]
struct Tally {
    bins: [Sum; PRICE_BINS],
    outside: Sum,
}

impl Tally {
    const fn new() -> Tally {
        let nothing = Sum { count: 0, size_usd: 0.0 };
        Tally { bins: [nothing; PRICE_BINS], outside: nothing }
    }

    fn add(&mut self, grid: &Grid, print: &Print) {
        let bin = grid.bin(print.price).and_then(|bin| self.bins.get_mut(bin));
        bin.unwrap_or(&mut self.outside).add(print);
    }
}

/// Paints a map from prints in their order ([`order`]).
#[derive(Clone, Debug)]
pub struct Painter {
    grid: Grid,
    window: (Ms, Ms),
    map: Heatmap,
    /// The time bin being painted.
    column: Option<(usize, Tally)>,
}

impl Painter {
    /// An empty map of the last `hours` (at least 1).
    pub fn new(grid: &Grid, now: Ms, hours: usize) -> Painter {
        let window = window(now, hours.max(1));
        let bins = hours.max(1) * BINS_PER_HOUR;
        let map = Heatmap {
            timestamp: now,
            kind: HeatmapKind::Prints,
            price_bins: grid.edges().to_vec(),
            time_bins: (0..=bins).map(|n| window.0 + span(n)).collect(),
            cells: Vec::new(),
            outside: HeatmapOutside { count: 0, size_usd: 0.0 },
            max_size_usd: 0.0,
        };
        Painter { grid: grid.clone(), window, map, column: None }
    }

    /// Adds the next print; those outside the window are passed over.
    pub fn add(&mut self, print: &Print) {
        let (from, to) = self.window;
        if print.timestamp < from || to <= print.timestamp {
            return;
        }
        let t = ((print.timestamp - from).0 / TIME_BIN.0) as usize;
        if self.column.as_ref().is_none_or(|(held, _)| *held != t) {
            self.finish_column();
        }
        let (_, tally) = self.column.get_or_insert_with(|| (t, Tally::new()));
        tally.add(&self.grid, print);
    }

    /// The map of what was added.
    pub fn finish(mut self) -> Heatmap {
        self.finish_column();
        self.map
    }

    fn finish_column(&mut self) {
        if let Some((t, tally)) = self.column.take() {
            self.put(t, &tally);
        }
    }

    fn put(&mut self, t: usize, tally: &Tally) {
        let filled = tally.bins.iter().enumerate().filter(|(_, sum)| sum.count > 0);
        for (p, sum) in filled {
            self.map.cells.push(HeatmapCell {
                p: p as u32,
                t: t as u32,
                count: sum.count,
                size_usd: sum.size_usd,
            });
            self.map.max_size_usd = self.map.max_size_usd.max(sum.size_usd);
        }
        self.map.outside.count += tally.outside.count;
        self.map.outside.size_usd += tally.outside.size_usd;
    }
}

/// The map of `hours` as of `now`, from prints in any order.
pub fn paint(grid: &Grid, now: Ms, hours: usize, mut prints: Vec<Print>) -> Heatmap {
    order(&mut prints);
    let mut painter = Painter::new(grid, now, hours);
    prints.iter().for_each(|print| painter.add(print));
    painter.finish()
}

/// All that a map shows as one number; not when it was made.
pub fn fingerprint(map: &Heatmap) -> u64 {
    let mut digest = Digest::new();
    digest.u64(map.price_bins.len() as u64);
    map.price_bins.iter().for_each(|edge| digest.f64(*edge));
    digest.u64(map.time_bins.len() as u64);
    map.time_bins.iter().for_each(|edge| digest.i64(edge.0));
    for cell in &map.cells {
        digest.u64(u64::from(cell.p) << 32 | u64::from(cell.t));
        digest.u64(cell.count);
        digest.f64(cell.size_usd);
    }
    digest.u64(map.outside.count);
    digest.f64(map.outside.size_usd);
    digest.f64(map.max_size_usd);
    digest.value()
}

/// A map that is kept: prints, prices and time go in as they come.
#[derive(Clone, Debug)]
pub struct HeatMap {
    hours: usize,
    now: Ms,
    grid: Option<Grid>,
    /// By the open of their five minutes; those after the window wait for it.
    columns: BTreeMap<Ms, Column>,
    prints: usize,
    told: Option<u64>,
}

/// Prints of five minutes in their order, and their sums while these are known.
#[derive(Clone, Debug, Default)]
struct Column {
    prints: Vec<Print>,
    tally: Option<Box<Tally>>,
}

impl HeatMap {
    /// An empty map of the last `hours` (at least 1) as of `now`.
    pub fn new(hours: usize, now: Ms) -> HeatMap {
        let (columns, prints) = (BTreeMap::new(), 0);
        HeatMap { hours: hours.max(1), now, grid: None, columns, prints, told: None }
    }

    /// Takes a print, in any order; `false` where it is known already, older than the window or an hour and more
    /// after it.
    pub fn push(&mut self, print: Print) -> bool {
        let (from, to) = window(self.now, self.hours);
        if print.timestamp < from || to + Ms::HOUR <= print.timestamp {
            return false;
        }
        let column = self.columns.entry(print.timestamp.floor(TIME_BIN)).or_default();
        let Err(place) = column.prints.binary_search_by_key(&print.key(), Print::key) else { return false };
        match (&self.grid, &mut column.tally) {
            (Some(grid), Some(tally)) if place == column.prints.len() => tally.add(grid, &print),
            // A late one: sums run in the order of prints, so they begin anew.
            (_, tally) => *tally = None,
        }
        column.prints.insert(place, print);
        self.prints += 1;
        if self.prints > MOST_PRINTS {
            // Many at once: what goes costs a move of all that stays.
            self.drop_oldest(MOST_PRINTS / 100);
        }
        true
    }

    fn drop_oldest(&mut self, mut n: usize) {
        while let Some(mut oldest) = self.columns.first_entry().filter(|_| n > 0) {
            let column = oldest.get_mut();
            let gone = n.min(column.prints.len());
            column.prints.drain(..gone);
            column.tally = None;
            if column.prints.is_empty() {
                oldest.remove();
            }
            (n, self.prints) = (n - gone, self.prints - gone);
        }
    }

    /// Follows the price of the market whose centre the map has; says whether that gave another grid.
    pub fn price(&mut self, price: f64) -> bool {
        let grid = match &self.grid {
            Some(grid) => grid.follow(price),
            None => Grid::near(price),
        };
        grid.is_some_and(|grid| {
            self.stand_on(grid);
            true
        })
    }

    /// Takes a grid that was found elsewhere.
    pub fn stand_on(&mut self, grid: Grid) {
        self.columns.values_mut().for_each(|column| column.tally = None);
        self.grid = Some(grid);
    }

    /// Goes on in time, never back; says whether another five minutes began.
    pub fn advance(&mut self, now: Ms) -> bool {
        let before = window(self.now, self.hours).0;
        self.now = self.now.max(now);
        let from = window(self.now, self.hours).0;
        while let Some(oldest) = self.columns.first_entry().filter(|column| *column.key() < from) {
            self.prints -= oldest.remove().prints.len();
        }
        from > before
    }

    /// The grid; `None` until a price is known.
    pub fn grid(&self) -> Option<&Grid> {
        self.grid.as_ref()
    }

    /// Prints kept.
    pub fn len(&self) -> usize {
        self.prints
    }

    pub fn is_empty(&self) -> bool {
        self.prints == 0
    }

    /// The map as it is; `None` until a price is known.
    pub fn map(&mut self) -> Option<Heatmap> {
        let grid = self.grid.as_ref()?;
        let mut painter = Painter::new(grid, self.now, self.hours);
        let (from, to) = painter.window;
        for (open, column) in self.columns.range_mut(from..to) {
            let Column { prints, tally } = column;
            let tally = tally.get_or_insert_with(|| {
                let mut tally = Box::new(Tally::new());
                prints.iter().for_each(|print| tally.add(grid, print));
                tally
            });
            painter.put(((*open - from).0 / TIME_BIN.0) as usize, tally);
        }
        Some(painter.finish())
    }

    /// The map, where it differs from the one this gave last.
    pub fn changed(&mut self) -> Option<Heatmap> {
        let map = self.map()?;
        let fingerprint = Some(fingerprint(&map));
        (std::mem::replace(&mut self.told, fingerprint) != fingerprint).then_some(map)
    }
}

#[cfg(test)]
mod tests;
