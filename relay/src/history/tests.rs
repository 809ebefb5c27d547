mod holes;
mod nested;
mod pages;
mod reached;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use shared::event::{Channel, Origin};
use shared::market::{Civil, Group, Kind};
use shared::maths::fold::fold;

use super::*;
use crate::store::{GapRow, Record, SqliteStore, StoreStats};

/// A Friday, 2024-03-15 12:34:40 UTC.
const NOW: Ms = Ms(1_710_506_080_000);

/// A venue whose minute bars are a function of time.
struct Venue {
    native: Vec<Timeframe>,
    listed: Ms,
    holes: HashSet<Ms>,
    page: usize,
    /// Bars a call may span.
    per_call: Option<u32>,
    down: AtomicBool,
    /// Answers with so many bars back from [`NOW`], whatever was asked for.
    reached: Option<u32>,
    calls: Mutex<Vec<(Timeframe, Ms, Ms)>>,
}

impl Venue {
    fn new(native: &[Timeframe]) -> Venue {
        Venue {
            native: native.to_vec(),
            listed: Ms::ZERO,
            holes: HashSet::new(),
            page: 1_000,
            per_call: None,
            down: AtomicBool::new(false),
            reached: None,
            calls: Mutex::default(),
        }
    }

    fn calls(&self) -> Vec<(Timeframe, Ms, Ms)> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    /// Its bars opening in `[from, to)`, at most `limit`.
    fn bars(&self, timeframe: Timeframe, from: Ms, to: Ms, limit: usize) -> Vec<Bar> {
        let calendar = Calendar::Continuous;
        let mut open = from.max(self.listed).floor(Ms::MINUTE);
        if calendar.open(timeframe, open) < open {
            open = calendar.next(timeframe, calendar.open(timeframe, open));
        }
        let mut bars = Vec::new();
        while open < to && bars.len() < limit {
            let next = calendar.next(timeframe, open);
            let minutes: Vec<Bar> = (open.0..next.0)
                .step_by(60_000)
                .filter(|at| !self.holes.contains(&Ms(*at)))
                .map(|at| minute(Ms(at)))
                .collect();
            bars.extend(fold(&minutes, timeframe, &calendar));
            open = next;
        }
        bars
    }
}

/// Sums of its numbers depend on their order, so that a wrong fold shows.
fn minute(at: Ms) -> Bar {
    let n = (at.0 / 60_000 % 1_009) as f64;
    let mut bar = Bar::flat(at, Timeframe::M1, 100.0 + n / 7.0, Origin::Kline);
    bar.high = bar.open + n / 3.0;
    bar.low = bar.open - n / 11.0;
    bar.close = bar.open + (bar.high - bar.open) / 2.0;
    bar.volume = 0.1 + n / 13.0;
    bar.vwap = Some(bar.close);
    bar.closed = at + Ms::MINUTE <= NOW;
    bar
}

#[async_trait]
impl HistorySource for Venue {
    fn native_timeframes(&self, _: &VenueId) -> Vec<Timeframe> {
        self.native.clone()
    }

    fn bars_per_call(&self, _: &VenueId) -> Option<u32> {
        self.per_call
    }

    fn bars_reached(&self, _: &VenueId) -> Option<u32> {
        self.reached
    }

    async fn klines(
        &self,
        venue: &VenueId,
        _: &Symbol,
        timeframe: Timeframe,
        from: Ms,
        to: Ms,
    ) -> Result<Vec<Bar>, SourceError> {
        self.calls.lock().unwrap().push((timeframe, from, to));
        // Others get their turn, as with a real venue.
        tokio::task::yield_now().await;
        if self.down.load(Ordering::Relaxed) {
            return Err(SourceError { venue: venue.clone(), reason: "banned until 12:40".into() });
        }
        Ok(match self.reached {
            Some(bars) => self.bars(timeframe, NOW - span(timeframe, bars as usize), NOW, usize::MAX),
            None => self.bars(timeframe, from, to, self.page),
        })
    }

    fn history_start(&self, _: &VenueId, _: &Symbol) -> Option<Ms> {
        None
    }
}

/// Counts the rows that are read.
struct Counting(SqliteStore, AtomicUsize);

#[async_trait]
impl Store for Counting {
    async fn write(&self, records: Vec<Record>) -> Result<(), StoreError> {
        self.0.write(records).await
    }
    async fn flush(&self) -> Result<(), StoreError> {
        self.0.flush().await
    }
    async fn read(&self, query: Query) -> Result<Vec<Event>, StoreError> {
        let rows = self.0.read(query).await?;
        self.1.fetch_add(rows.len(), Ordering::Relaxed);
        Ok(rows)
    }
    async fn gaps(&self, symbol: Option<Symbol>, from: Ms, to: Ms) -> Result<Vec<GapRow>, StoreError> {
        self.0.gaps(symbol, from, to).await
    }
    async fn coverage(&self, d: Dataset, s: Symbol, v: VenueId) -> Result<Vec<(Ms, Ms)>, StoreError> {
        self.0.coverage(d, s, v).await
    }
    async fn newest(&self, d: Dataset, s: Symbol, v: VenueId) -> Result<Option<Ms>, StoreError> {
        self.0.newest(d, s, v).await
    }
    async fn stats(&self) -> Result<StoreStats, StoreError> {
        self.0.stats().await
    }
}

struct Deck {
    history: Arc<History>,
    venue: Arc<Venue>,
    store: Arc<Counting>,
    clock: Arc<AtomicI64>,
}

fn deck(venue: Venue) -> Deck {
    let venue = Arc::new(venue);
    let store = Arc::new(Counting(SqliteStore::temporary().unwrap(), AtomicUsize::new(0)));
    let clock = Arc::new(AtomicI64::new(NOW.0));
    let (live, now) = (clock.clone(), clock.clone());
    let live = move |_: &VenueId, _: &Symbol| {
        let at = Ms(live.load(Ordering::Relaxed)).floor(Ms::MINUTE);
        Some(Bar { closed: false, ..minute(at) })
    };
    let now = move || Ms(now.load(Ordering::Relaxed));
    let history = Arc::new(History::new(store.clone(), venue.clone(), Arc::new(live), now));
    Deck { history, venue, store, clock }
}

fn query(timeframe: Timeframe) -> BarsQuery {
    let symbol: Symbol = "BTCUSDT-PERP".parse().unwrap();
    let instrument = Instrument {
        symbol,
        venue: VenueId::new("binance"),
        venue_symbol: "BTCUSDT".into(),
        group: Group::new("BTC", Kind::Perp),
        kind: Kind::Perp,
        base: "BTC".into(),
        quote: "USDT".into(),
        tick_size: 0.1,
        step_size: 0.001,
        multiplier: 1.0,
        channels: vec![Channel::Bar],
        calendar: Calendar::Continuous,
    };
    BarsQuery {
        instrument: Arc::new(instrument),
        timeframe,
        from: Ms::ZERO,
        to: Ms(i64::MAX),
        limit: 500,
        newest: true,
        base: true,
    }
}

fn bars(answer: Answer) -> Vec<Bar> {
    answer.candles.into_iter().map(|c| c.bar).collect()
}

/// Stores the minutes opening in `[from, to)`.
async fn record(deck: &Deck, from: Ms, to: Ms) {
    let minutes = (from.0..to.0).step_by(60_000).map(|at| Bar { closed: true, ..minute(Ms(at)) });
    keep(deck, minutes.collect()).await;
}

/// Stores a minute that was running when the relay was stopped.
async fn abandon(deck: &Deck, at: Ms) {
    keep(deck, vec![Bar { closed: false, through: None, ..minute(at) }]).await;
}

async fn keep(deck: &Deck, bars: Vec<Bar>) {
    let q = query(Timeframe::M1);
    let event = |bar: Bar| {
        let (symbol, venue) = (q.instrument.symbol.clone(), q.instrument.venue.clone());
        let received = bar.timestamp + Ms::MINUTE;
        Record::Event(Event { received, symbol, venue, body: Body::Bar(bar) })
    };
    deck.store.write(bars.into_iter().map(event).collect()).await.unwrap();
    deck.store.flush().await.unwrap();
}

#[tokio::test]
async fn missing_minutes_are_fetched_once_and_the_running_one_never() {
    let deck = deck(Venue::new(&[Timeframe::M1]));
    let q = query(Timeframe::M1);
    let first = deck.history.candles(&q).await.unwrap();
    assert_eq!(first.incomplete, None);
    let first = bars(first);
    assert_eq!(first.len(), 500);
    let edge = NOW.floor(Ms::MINUTE);
    let expected: Vec<Bar> = (0..500).map(|i| minute(edge - Ms(i * 60_000))).rev().collect();
    assert_eq!(first, expected);
    assert!(!first[499].closed && first[498].closed);
    let calls = deck.venue.calls();
    assert!(calls.iter().all(|(tf, _, to)| *tf == Timeframe::M1 && *to <= edge), "{calls:?}");
    assert_eq!(calls.len(), 1);

    assert_eq!(bars(deck.history.candles(&q).await.unwrap()), first);
    assert_eq!(deck.venue.calls(), [], "all of it is stored");

    // Two minutes on, one of them recorded live: only the other is asked for.
    deck.clock.fetch_add(120_000, Ordering::Relaxed);
    record(&deck, edge, edge + Ms::MINUTE).await;
    deck.history.candles(&q).await.unwrap();
    assert_eq!(deck.venue.calls(), [(Timeframe::M1, edge + Ms::MINUTE, edge + Ms(120_000))]);
}

#[tokio::test]
async fn long_ranges_are_paged_and_requests_at_once_share_the_fetch() {
    let deck = deck(Venue { page: 300, ..Venue::new(&[Timeframe::M1]) });
    let from = NOW.floor(Ms::HOUR) - Ms(1_000 * 60_000);
    let q = BarsQuery {
        from,
        to: from + Ms(1_000 * 60_000),
        newest: false,
        limit: 2_000,
        ..query(Timeframe::M1)
    };
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (history, q) = (deck.history.clone(), q.clone());
            tokio::spawn(async move { bars(history.candles(&q).await.unwrap()) })
        })
        .collect();
    for task in tasks {
        let rows = task.await.unwrap();
        assert_eq!((rows.len(), rows[0].timestamp), (1_000, from));
    }
    assert_eq!(deck.venue.calls().len(), 4, "300 + 300 + 300 + 100");
}

#[tokio::test]
async fn higher_bars_are_the_venues_own_and_the_forming_one_is_put_together() {
    let deck = deck(Venue::new(&Timeframe::ALL));
    for timeframe in Timeframe::ALL.into_iter().skip(1) {
        let rows = bars(deck.history.candles(&BarsQuery { limit: 3, ..query(timeframe) }).await.unwrap());
        let open = Calendar::Continuous.open(timeframe, NOW);
        let before = Calendar::Continuous.previous(timeframe, open);
        assert_eq!(rows[1..].iter().map(|b| b.timestamp).collect::<Vec<_>>(), [before, open], "{timeframe}");
        assert_eq!(rows[1], deck.venue.bars(timeframe, before, open, 1)[0], "{timeframe}");
        // Closed minutes only, the last of them named.
        let edge = NOW.floor(Ms::MINUTE);
        let minutes: Vec<Bar> = (open.0..edge.0).step_by(60_000).map(|at| minute(Ms(at))).collect();
        let whole = fold(&minutes, timeframe, &Calendar::Continuous)[0];
        let forming = rows[2];
        assert_eq!(forming.through, Some(edge - Ms::MINUTE), "{timeframe}");
        assert!(!forming.closed);
        assert_eq!(
            (forming.open, forming.high, forming.low, forming.close),
            (whole.open, whole.high, whole.low, whole.close),
            "{timeframe}"
        );
        // Sums of sums differ from one long sum in the last bits only.
        assert!((forming.volume - whole.volume).abs() <= whole.volume * 1e-12, "{timeframe}");
    }
    // The forming month took days, hours and minutes, not its 20,914 minutes.
    let fetched = deck.venue.calls().iter().filter(|(tf, ..)| *tf == Timeframe::M1).count();
    assert!(fetched <= 3, "{fetched} calls for minutes");
}

#[tokio::test]
async fn the_latest_bar_has_the_running_minute() {
    let deck = deck(Venue::new(&Timeframe::ALL));
    let q = BarsQuery { limit: 1, base: false, ..query(Timeframe::H1) };
    let latest = bars(deck.history.candles(&q).await.unwrap());
    let edge = NOW.floor(Ms::MINUTE);
    assert_eq!((latest[0].close, latest[0].through), (minute(edge).close, Some(edge)));
    // In the first minute of a bucket a base has nothing for good yet, and says so.
    deck.clock.store(Civil::midnight(2024, 3, 15).0 + 13 * 3_600_000 + 20_000, Ordering::Relaxed);
    let base = bars(deck.history.candles(&BarsQuery { base: true, ..q }).await.unwrap());
    assert_eq!(base[0].timestamp, Civil::midnight(2024, 3, 15) + Ms(13 * 3_600_000));
    assert_eq!((base[0].closed, base[0].through), (false, None));
}

#[tokio::test]
async fn without_venue_bars_all_are_folded_from_stored_minutes_bit_for_bit() {
    let deck = deck(Venue::new(&[]));
    let start = Civil::midnight(2024, 2, 14);
    let edge = NOW.floor(Ms::MINUTE);
    let hole = start + Ms(5 * Ms::HOUR.0)..start + Ms(8 * Ms::HOUR.0);
    record(&deck, start, hole.start).await;
    record(&deck, hole.end, edge).await;
    // Twice: from the store, then on top of what was kept, some minutes later.
    for later in [0, 7] {
        let edge = edge + Ms(later * 60_000);
        deck.clock.store(NOW.0 + later * 60_000, Ordering::Relaxed);
        record(&deck, edge - Ms(later * 60_000), edge).await;
        let minutes: Vec<Bar> = (start.0..edge.0)
            .step_by(60_000)
            .filter(|at| !hole.contains(&Ms(*at)))
            .map(|at| Bar { closed: true, ..minute(Ms(at)) })
            .collect();
        for timeframe in Timeframe::ALL.into_iter().skip(1) {
            let q = BarsQuery { limit: 20_000, ..query(timeframe) };
            let rows = bars(deck.history.candles(&q).await.unwrap());
            assert_eq!(rows, fold(&minutes, timeframe, &Calendar::Continuous), "{timeframe} + {later}");
        }
    }
    let hours = bars(deck.history.candles(&query(Timeframe::H1)).await.unwrap());
    assert!(hours.iter().all(|b| !hole.contains(&b.timestamp)), "a hole stays a hole");
    assert_eq!(deck.venue.calls(), []);

    // Asking again reads what is new, not the month.
    deck.store.1.store(0, Ordering::Relaxed);
    deck.history.candles(&query(Timeframe::Mo1)).await.unwrap();
    let read = deck.store.1.load(Ordering::Relaxed);
    assert!(read < 20, "{read} rows read");
}

#[tokio::test]
async fn a_week_is_never_served_in_part_however_far_back_was_asked() {
    let deck = deck(Venue::new(&[]));
    // Two days of January, then March, which begins on a Friday: its first week is half February's.
    let january = Civil::midnight(2024, 1, 10);
    record(&deck, january, january + Ms(2 * Ms::DAY.0)).await;
    let march = Civil::midnight(2024, 2, 28);
    record(&deck, march, march + Ms(5 * Ms::DAY.0)).await;
    let week = BarsQuery { from: Civil::midnight(2024, 2, 26), newest: false, ..query(Timeframe::W1) };
    let whole = bars(deck.history.candles(&week).await.unwrap());
    for from in [Civil::midnight(2024, 3, 1), Civil::midnight(2024, 2, 26), Ms::ZERO] {
        let weeks = BarsQuery { from, newest: false, ..query(Timeframe::W1) };
        deck.history.folded.lock().unwrap().clear();
        let rows = bars(deck.history.candles(&weeks).await.unwrap());
        assert!(rows.iter().all(|b| b.timestamp >= from));
        let same = rows.iter().find(|b| b.timestamp == whole[0].timestamp);
        assert_eq!(same.is_some(), from <= whole[0].timestamp);
        assert!(same.is_none_or(|b| *b == whole[0]));
    }
    // Two weeks without rows let the newest two reach before the month that was looked at.
    deck.clock.store(Civil::midnight(2024, 3, 23).0, Ordering::Relaxed);
    deck.history.folded.lock().unwrap().clear();
    let newest = bars(deck.history.candles(&BarsQuery { limit: 2, ..query(Timeframe::W1) }).await.unwrap());
    assert_eq!(newest.iter().map(|b| b.timestamp).collect::<Vec<_>>(), [Civil::midnight(2024, 3, 18)]);
}

#[tokio::test]
async fn ranges_are_half_open_and_cut_to_the_limit() {
    let deck = deck(Venue::new(&[]));
    let start = Civil::midnight(2024, 3, 15);
    record(&deck, start, start + Ms(6 * Ms::HOUR.0)).await;
    let hours = async |from: i64, to: i64, limit, newest| {
        let (from, to) = (start + Ms(from), start + Ms(to));
        let q = BarsQuery { from, to, limit, newest, ..query(Timeframe::H1) };
        let rows = bars(deck.history.candles(&q).await.unwrap());
        rows.iter().map(|b| (b.timestamp - start).0 / Ms::HOUR.0).collect::<Vec<_>>()
    };
    let h = Ms::HOUR.0;
    assert_eq!(hours(0, 3 * h, 99, false).await, [0, 1, 2]);
    assert_eq!(hours(1, 3 * h + 1, 99, false).await, [1, 2, 3]);
    assert_eq!(hours(0, 6 * h, 2, false).await, [0, 1]);
    assert_eq!(hours(0, 6 * h, 2, true).await, [4, 5]);
    assert_eq!(hours(3 * h, 3 * h, 2, true).await, [0; 0]);
}
