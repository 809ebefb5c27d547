//! One market's history in memory, and what a frame changes in it.

use shared::event::{Bar, Body, BookTop, Channel, Event, Funding, Liquidation, OpenInterest};
use shared::market::{Calendar, Ms, Symbol, Timeframe, VenueId};
use shared::maths::fold::fold;
use shared::maths::folds::Folds;

use super::{Rolling, Timed};

/// Bars kept per timeframe, and points per other topic.
pub const CAPACITY: usize = 50_000;
/// Before any history is known no bucket counts as whole.
const NOTHING_WHOLE: Ms = Ms(i64::MAX);

impl Timed for Bar {
    fn at(&self) -> Ms {
        self.timestamp
    }
}
impl Timed for OpenInterest {
    fn at(&self) -> Ms {
        self.timestamp
    }
}
impl Timed for Funding {
    fn at(&self) -> Ms {
        self.timestamp
    }
}
impl Timed for Liquidation {
    fn at(&self) -> Ms {
        self.timestamp
    }
}

/// Since which instant each part differs; `None` where nothing changed.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Changes {
    pub bars: [Option<Ms>; Timeframe::ALL.len()],
    pub oi: Option<Ms>,
    pub funding: Option<Ms>,
    pub liquidations: Option<Ms>,
    pub book: bool,
    /// Timeframes with a bucket that only the relay can tell anew.
    pub stale: Vec<Timeframe>,
}

impl Changes {
    fn bar(&mut self, bar: &Bar) {
        if let Some(slot) = self.bars.get_mut(bar.interval.index()) {
            earlier(slot, bar.timestamp);
        }
    }
}

fn earlier(slot: &mut Option<Ms>, at: Ms) {
    *slot = Some(slot.map_or(at, |held| held.min(at)));
}

/// The open symbol at one venue: nine timeframes of bars, and the other topics as they came.
pub struct Market {
    symbol: Symbol,
    venue: VenueId,
    calendar: Calendar,
    bars: [Rolling<Bar>; Timeframe::ALL.len()],
    folds: Folds,
    /// All minutes from here on are held.
    whole_from: Ms,
    oi: Rolling<OpenInterest>,
    funding: Rolling<Funding>,
    liquidations: Rolling<Liquidation>,
    book: Option<BookTop>,
}

impl Market {
    pub fn new(symbol: Symbol, venue: VenueId) -> Market {
        let calendar = Calendar::Continuous;
        let mut folds = Folds::new(calendar.clone(), CAPACITY);
        folds.seed_minutes(&[], NOTHING_WHOLE);
        Market {
            symbol,
            venue,
            calendar,
            bars: std::array::from_fn(|_| Rolling::new(CAPACITY)),
            folds,
            whole_from: NOTHING_WHOLE,
            oi: Rolling::new(CAPACITY),
            funding: Rolling::new(CAPACITY),
            liquidations: Rolling::new(CAPACITY),
            book: None,
        }
    }

    pub fn symbol(&self) -> &Symbol {
        &self.symbol
    }

    pub fn venue(&self) -> &VenueId {
        &self.venue
    }

    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// Ascending, one per bucket.
    pub fn bars(&self, timeframe: Timeframe) -> &Rolling<Bar> {
        &self.bars[timeframe.index()]
    }

    pub fn oi(&self) -> &Rolling<OpenInterest> {
        &self.oi
    }

    pub fn funding(&self) -> &Rolling<Funding> {
        &self.funding
    }

    pub fn liquidations(&self) -> &Rolling<Liquidation> {
        &self.liquidations
    }

    pub fn book(&self) -> Option<&BookTop> {
        self.book.as_ref()
    }

    /// Takes one live event; those of other symbols and venues change nothing.
    pub fn apply(&mut self, event: &Event) -> Changes {
        let mut changes = Changes::default();
        if event.symbol != self.symbol || event.venue != self.venue {
            return changes;
        }
        match &event.body {
            Body::Bar(bar) if bar.interval == Timeframe::M1 => self.minute(bar, &mut changes),
            Body::Joined(joined) if joined.bar.interval == Timeframe::M1 => {
                self.minute(&joined.bar, &mut changes);
            }
            Body::Oi(point) => {
                self.oi.upsert(*point);
                changes.oi = Some(point.timestamp);
            }
            Body::Funding(point) => {
                self.funding.upsert(*point);
                changes.funding = Some(point.timestamp);
            }
            Body::Liquidation(hit) => {
                self.liquidations.add(*hit);
                changes.liquidations = Some(hit.timestamp);
            }
            Body::Book(top) => {
                self.book = Some(*top);
                changes.book = true;
            }
            Body::Bar(_) | Body::Joined(_) | Body::Trade(_) | Body::Gap(_) => {}
        }
        changes
    }

    fn minute(&mut self, bar: &Bar, changes: &mut Changes) {
        let bars = &mut self.bars;
        self.folds.push(bar, |changed| {
            bars[changed.interval.index()].upsert(*changed);
            changes.bar(changed);
        });
        self.note_stale(changes);
    }

    /// Takes a page of bars of one timeframe as the relay's history gives them: ascending, without holes of ours.
    pub fn merge_bars(&mut self, timeframe: Timeframe, rows: &[Bar]) -> Changes {
        let mut changes = Changes::default();
        let rows: Vec<Bar> = rows.iter().filter(|b| b.interval == timeframe).copied().collect();
        if timeframe == Timeframe::M1 {
            self.merge_minutes(&rows, &mut changes);
        } else {
            for row in &rows {
                self.merge_higher(row, &mut changes);
            }
        }
        self.note_stale(&mut changes);
        changes
    }

    fn merge_minutes(&mut self, rows: &[Bar], changes: &mut Changes) {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return };
        let first_page = self.whole_from == NOTHING_WHOLE;
        // A page that ends before what is held begins is only older history.
        let at_the_tail = first_page || last.timestamp >= self.whole_from;
        let mut earliest = None;
        for row in rows {
            let held =
                self.bars(Timeframe::M1).find(row.timestamp).and_then(|i| self.bars(Timeframe::M1).get(i));
            if held.is_none_or(|h| row.supersedes(h) && h != row) {
                self.bars[Timeframe::M1.index()].upsert(*row);
                changes.bar(row);
                earlier(&mut earliest, row.timestamp);
            }
        }
        self.whole_from = self.whole_from.min(first.timestamp);
        self.folds.seed_minutes(rows, self.whole_from);
        if at_the_tail && let Some(at) = earliest {
            for timeframe in Timeframe::ALL.into_iter().skip(1) {
                self.refold(timeframe, at, changes);
            }
        }
    }

    /// Bars of a higher timeframe from the bucket of `at` on, told anew from the minutes where these are whole.
    fn refold(&mut self, timeframe: Timeframe, at: Ms, changes: &mut Changes) {
        let mut open = self.calendar.open(timeframe, at);
        if open < self.whole_from {
            open = self.calendar.next(timeframe, self.calendar.open(timeframe, self.whole_from));
        }
        let minutes: Vec<Bar> = self.bars(Timeframe::M1).range(open, Ms(i64::MAX)).copied().collect();
        let forming = self.folds.forming(timeframe);
        let whole = fold(&minutes, timeframe, &self.calendar);
        for bar in whole.iter().filter(|b| forming.is_none_or(|f| b.timestamp < f.timestamp)).chain(&forming)
        {
            self.put(bar, changes);
        }
    }

    fn merge_higher(&mut self, row: &Bar, changes: &mut Changes) {
        let running = self.folds.forming(row.interval).filter(|f| f.timestamp == row.timestamp);
        if row.closed {
            let held = self.bars(row.interval);
            let held = held.find(row.timestamp).and_then(|i| held.get(i));
            if held.is_none_or(|h| row.supersedes(h)) {
                self.put(row, changes);
            }
        } else if let Some(bar) = self.folds.seed_base(row).or(running) {
            self.put(&bar, changes);
        } else if self.bars(row.interval).last().is_none_or(|last| last.timestamp < row.timestamp) {
            // Without a usable base it is still the newest that is known.
            self.put(row, changes);
        }
    }

    fn put(&mut self, bar: &Bar, changes: &mut Changes) {
        let bars = &mut self.bars[bar.interval.index()];
        if bars.find(bar.timestamp).and_then(|i| bars.get(i)) != Some(bar) {
            bars.upsert(*bar);
            changes.bar(bar);
        }
    }

    fn note_stale(&mut self, changes: &mut Changes) {
        for (timeframe, _) in self.folds.take_stale() {
            if !changes.stale.contains(&timeframe) {
                changes.stale.push(timeframe);
            }
        }
    }

    /// Takes a page of open interest.
    pub fn merge_oi(&mut self, rows: Vec<OpenInterest>) -> Changes {
        let oi = rows.first().map(|r| r.timestamp);
        // Newest first: an older page then goes in at the front, row by row.
        rows.into_iter().rev().for_each(|row| self.oi.upsert(row));
        Changes { oi, ..Changes::default() }
    }

    /// Takes a page of funding.
    pub fn merge_funding(&mut self, rows: Vec<Funding>) -> Changes {
        let funding = rows.first().map(|r| r.timestamp);
        rows.into_iter().rev().for_each(|row| self.funding.upsert(row));
        Changes { funding, ..Changes::default() }
    }

    /// Takes a page of liquidations that is whole from its first row to its last: rows held in that stretch are
    /// replaced, and what the line told after the page was made stays.
    pub fn merge_liquidations(&mut self, rows: Vec<Liquidation>) -> Changes {
        let liquidations = rows.first().map(|r| r.timestamp);
        self.liquidations.replace(rows);
        Changes { liquidations, ..Changes::default() }
    }

    /// Oldest instant held of a topic that has points of its own.
    pub fn oldest(&self, channel: Channel) -> Option<Ms> {
        match channel {
            Channel::Bar => self.bars(Timeframe::M1).first().map(Timed::at),
            Channel::Oi => self.oi.first().map(Timed::at),
            Channel::Funding => self.funding.first().map(Timed::at),
            Channel::Liquidation => self.liquidations.first().map(Timed::at),
            Channel::Trade | Channel::Book => None,
        }
    }
}

#[cfg(test)]
mod tests;
