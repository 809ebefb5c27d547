//! One market's history in memory, and what a frame changes in it.

mod shares;

use shared::event::{Bar, Body, BookTop, Channel, Event, Funding, FundingKind, Liquidation, OpenInterest};
use shared::market::{Calendar, Ms, Symbol, Timeframe, VenueId};
use shared::maths::fold::fold;
use shared::maths::folds::Folds;
use shared::maths::joined::Members;
use shared::maths::joined::funding::FundingJoin;
use shared::maths::joined::open_interest::{JoinedOi, OiJoin};

use self::shares::Told;
use super::{Rolling, SignalMark, Studies, Timed, Track};

pub use self::shares::{Share, Shares};

/// Bars kept per timeframe, and points per other topic.
pub const CAPACITY: usize = 50_000;
/// Joined bars per timeframe whose shares are kept.
const SHARES_KEPT: usize = 10_000;
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
impl Timed for BookTop {
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
    /// Of one track: its number, channel and since when.
    pub points: Option<(usize, Channel, Ms)>,
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

/// The open symbol at one venue, or joined over all: nine timeframes of bars, and the other topics of every
/// picked member of its group.
pub struct Market {
    symbol: Symbol,
    venue: VenueId,
    calendar: Calendar,
    bars: [Rolling<Bar>; Timeframe::ALL.len()],
    folds: Folds,
    /// All minutes from here on are held.
    whole_from: Ms,
    tracks: Vec<Track>,
    members: Members,
    /// Of joined bars, by timeframe: minutes as told live, longer ones as the relay's history has them.
    shares: [Rolling<Told>; Timeframe::ALL.len()],
    book: Option<BookTop>,
    /// The last book of each minute, of the open market.
    books: Rolling<BookTop>,
    /// Indicators over the bars shown.
    pub studies: Studies,
    /// Of the bars shown.
    pub signals: Rolling<SignalMark>,
}

impl Market {
    /// Nothing yet; `tracks` are the picked members of the group, the open market among them unless it is joined.
    pub fn new(symbol: Symbol, venue: VenueId, calendar: Calendar, tracks: Vec<Track>) -> Market {
        let mut folds = Folds::new(calendar.clone(), CAPACITY);
        folds.seed_minutes(&[], NOTHING_WHOLE);
        Market {
            venue,
            calendar,
            bars: std::array::from_fn(|_| Rolling::new(CAPACITY)),
            folds,
            whole_from: NOTHING_WHOLE,
            members: Members::new(tracks.iter().map(|t| t.member.clone()), &symbol),
            symbol,
            tracks,
            shares: std::array::from_fn(|_| Rolling::new(SHARES_KEPT)),
            book: None,
            books: Rolling::new(CAPACITY),
            studies: Studies::new(Vec::new()),
            signals: Rolling::new(CAPACITY),
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

    /// The picked members of the group.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// The open market's own points; none where it is joined over venues.
    pub fn own(&self) -> Option<&Track> {
        self.track_of(&self.symbol, &self.venue).and_then(|n| self.tracks.get(n))
    }

    fn track_of(&self, symbol: &Symbol, venue: &VenueId) -> Option<usize> {
        self.tracks.iter().position(|t| t.name().symbol == *symbol && t.name().venue == *venue)
    }

    /// A machine for [`Self::oi_at`].
    pub fn oi_join(&self) -> OiJoin {
        OiJoin::new(&self.members.with(Channel::Oi), shared::maths::joined::MAX_AGE)
    }

    /// Open interest of all tracks as of `at`; the instants asked of one `join` must ascend.
    pub fn oi_at(&self, join: &mut OiJoin, at: Ms) -> Option<JoinedOi> {
        let with = self.members.with(Channel::Oi);
        for track in &self.tracks {
            if let Some((n, point)) = with.position(track.name()).zip(track.oi.at_or_before(at)) {
                join.push(n, point);
            }
        }
        join.at(at)
    }

    /// The tracks' newest rates up to `at` on one basis.
    pub fn funding_join(&self, at: Ms) -> FundingJoin {
        let with = self.members.with(Channel::Funding);
        let mut join = FundingJoin::new(&with);
        for track in &self.tracks {
            let Some(n) = with.position(track.name()) else { continue };
            let newest =
                [FundingKind::Predicted, FundingKind::Settled].map(|kind| track.rates(kind).at_or_before(at));
            newest.into_iter().flatten().for_each(|point| join.push(n, point));
        }
        join
    }

    pub fn book(&self) -> Option<&BookTop> {
        self.book.as_ref()
    }

    /// Brings the indicators up to the bars of a timeframe; answers since when they differ. `whole`: the relay has no
    /// older bars.
    pub fn sync_studies(&mut self, timeframe: Timeframe, whole: bool) -> Option<Ms> {
        self.studies.sync(&self.bars[timeframe.index()], timeframe, whole)
    }

    /// The last book of each minute, ascending by minute; `timestamp` is the book's own.
    pub fn books(&self) -> &Rolling<BookTop> {
        &self.books
    }

    /// The last book of a stretch.
    pub fn book_of(&self, from: Ms, to: Ms) -> Option<&BookTop> {
        self.books.range(from, to).next_back()
    }

    /// Takes a page of books. Of each minute the last one stays.
    pub fn merge_books(&mut self, rows: Vec<BookTop>) -> Changes {
        let at = rows.first().map(|r| r.timestamp);
        rows.into_iter().rev().for_each(|row| self.keep_book(row));
        Changes { points: at.map(|at| (0, Channel::Book, at)), ..Changes::default() }
    }

    fn keep_book(&mut self, top: BookTop) {
        let minute = top.timestamp.floor(Ms::MINUTE);
        let held = self.book_of(minute, minute + Ms::MINUTE).map(|held| held.timestamp);
        match held {
            Some(held) if held > top.timestamp => {}
            Some(_) | None => {
                self.books.remove_range(minute, minute + Ms::MINUTE);
                self.books.upsert(top);
            }
        }
    }

    /// Takes one live event; those of other symbols and venues change nothing.
    pub fn apply(&mut self, event: &Event) -> Changes {
        let mut changes = Changes::default();
        if let Some(n) = self.track_of(&event.symbol, &event.venue)
            && let Some(track) = self.tracks.get_mut(n)
        {
            let mut points = Some((n, event.channel(), event.timestamp()));
            match &event.body {
                Body::Oi(point) => track.oi.upsert(*point),
                Body::Funding(point) => track.rate(*point),
                Body::Liquidation(hit) => track.liquidations.add(*hit),
                _ => points = None,
            }
            changes.points = points;
        }
        if event.symbol != self.symbol || event.venue != self.venue {
            return changes;
        }
        match &event.body {
            Body::Bar(bar) if bar.interval == Timeframe::M1 => self.minute(bar, &mut changes),
            Body::Joined(joined) if joined.bar.interval == Timeframe::M1 => {
                self.minute(&joined.bar, &mut changes);
            }
            Body::Book(top) => {
                self.book = Some(*top);
                self.keep_book(*top);
                changes.book = true;
            }
            _ => {}
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
        // The newest first: each older one goes in front.
        for row in rows.iter().rev() {
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

    /// Takes a page of a track's open interest.
    pub fn merge_oi(&mut self, n: usize, rows: Vec<OpenInterest>) -> Changes {
        let at = rows.first().map(|r| r.timestamp);
        let Some(track) = self.tracks.get_mut(n) else { return Changes::default() };
        // Newest first: an older page then goes in at the front, row by row.
        rows.into_iter().rev().for_each(|row| track.oi.upsert(row));
        Changes { points: at.map(|at| (n, Channel::Oi, at)), ..Changes::default() }
    }

    /// Takes a page of a track's funding.
    pub fn merge_funding(&mut self, n: usize, rows: Vec<Funding>) -> Changes {
        let at = rows.first().map(|r| r.timestamp);
        let Some(track) = self.tracks.get_mut(n) else { return Changes::default() };
        rows.into_iter().rev().for_each(|row| track.rate(row));
        Changes { points: at.map(|at| (n, Channel::Funding, at)), ..Changes::default() }
    }

    /// Takes a page of a track's liquidations that is whole from its first row to its last: rows held in that
    /// stretch are replaced, and what the line told after the page was made stays.
    pub fn merge_liquidations(&mut self, n: usize, rows: Vec<Liquidation>) -> Changes {
        let at = rows.first().map(|r| r.timestamp);
        let Some(track) = self.tracks.get_mut(n) else { return Changes::default() };
        track.liquidations.replace(rows);
        Changes { points: at.map(|at| (n, Channel::Liquidation, at)), ..Changes::default() }
    }
}

#[cfg(test)]
mod tests;
