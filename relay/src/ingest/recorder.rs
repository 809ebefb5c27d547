//! The recorder: what of the bus is kept, and how densely.
//!
//! 1m bars, liquidations, open interest and gaps all; predicted funding on change and each minute; the book once
//! a second; trades only when asked for. Forming bars are kept once a second, so that little is lost to a kill.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use shared::event::{Bar, Body, Channel, Event, FundingKind, Gap, GapCause, GapState, Stamped};
use shared::market::{Ms, Symbol, Timeframe, VenueId};
use tokio::sync::mpsc;
use tracing::{error, warn};

use crate::store::{Record, Store, StoreError};

const BATCH: usize = 1_024;
const FORMING_EVERY: Duration = Duration::from_secs(1);
/// Records that may wait for a store that takes none, about 60 MB. Of more, trades and books are given up first: they
/// are dense, and nothing else is made of them.
const MOST_WAITING: usize = 200_000;

/// Decides what to keep.
#[derive(Default)]
pub struct Recorder {
    store_trades: bool,
    funding: HashMap<(Symbol, VenueId), (Ms, f64)>,
    book: HashMap<(Symbol, VenueId), Ms>,
    forming: HashMap<(Symbol, VenueId), Event>,
}

impl Recorder {
    pub fn new(store_trades: bool) -> Recorder {
        Recorder { store_trades, ..Recorder::default() }
    }

    /// The record to write for an event, if any.
    pub fn take(&mut self, event: &Event) -> Option<Record> {
        let key = || (event.symbol.clone(), event.venue.clone());
        let keep = match &event.body {
            Body::Bar(Bar { interval: Timeframe::M1, closed: true, .. }) => {
                self.forming.remove(&key());
                true
            }
            Body::Bar(Bar { interval: Timeframe::M1, closed: false, .. }) => {
                self.forming.insert(key(), event.clone());
                false
            }
            // Higher and joined bars are made of the minutes, the rest of other rows.
            Body::Bar(_) | Body::Joined(_) => false,
            Body::Signal(_) | Body::Guards(_) | Body::Heatmap(_) => false,
            Body::Oi(_) | Body::Liquidation(_) => true,
            Body::Trade(_) => self.store_trades,
            Body::Funding(f) if f.kind == FundingKind::Settled => true,
            Body::Funding(f) => {
                let slot = f.timestamp.floor(Ms::MINUTE);
                let held = self.funding.insert(key(), (slot, f.funding_rate));
                held != Some((slot, f.funding_rate))
            }
            Body::Book(b) => {
                let second = b.timestamp.floor(Ms::SECOND);
                self.book.insert(key(), second) != Some(second)
            }
            Body::Gap(gap) => {
                let (symbol, venue) = key();
                return Some(Record::Gap { symbol, venue, gap: *gap });
            }
        };
        keep.then(|| Record::Event(event.clone()))
    }

    /// The newest forming bars since last asked.
    pub fn take_forming(&mut self) -> Vec<Record> {
        self.forming.drain().map(|(_, event)| Record::Event(event)).collect()
    }
}

/// What the store has not taken yet.
struct Waiting {
    most: usize,
    records: VecDeque<Record>,
    /// From when to when rows were given up.
    lost: BTreeMap<(Symbol, VenueId, Channel), (Ms, Ms)>,
}

impl Waiting {
    fn new(most: usize) -> Waiting {
        Waiting { most, records: VecDeque::new(), lost: BTreeMap::new() }
    }

    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.lost.is_empty()
    }

    fn push(&mut self, records: impl IntoIterator<Item = Record>) {
        self.records.extend(records);
        if self.records.len() > self.most {
            self.give_up(|event| matches!(event.channel(), Channel::Trade | Channel::Book));
        }
        if self.records.len() > self.most {
            self.give_up(|_| true);
        }
    }

    /// Gives rows up; the ledger will say so.
    fn give_up(&mut self, dense: impl Fn(&Event) -> bool) {
        let (lost, before) = (&mut self.lost, self.records.len());
        self.records.retain(|record| {
            let Record::Event(event) = record else { return true };
            if !dense(event) {
                return true;
            }
            let (key, at) = ((event.symbol.clone(), event.venue.clone(), event.channel()), event.timestamp());
            let (from, to) = lost.entry(key).or_insert((at, at));
            (*from, *to) = ((*from).min(at), (*to).max(at));
            false
        });
        error!(
            rows = before - self.records.len(),
            "the store takes nothing for so long that rows are given up"
        );
    }

    /// What is to be written next; the holes come once there is room again.
    fn take(&mut self) -> Vec<Record> {
        let batch: Vec<Record> = self.records.drain(..BATCH.min(self.records.len())).collect();
        if self.records.is_empty() {
            let hole = |((symbol, venue, channel), (from, to))| {
                let (to, cause, state) = (Some(to + Ms(1)), GapCause::SlowClient, GapState::Lost);
                let gap = Gap { timestamp: from, channel, from, to, cause, state };
                Record::Gap { symbol, venue, gap }
            };
            return batch.into_iter().chain(std::mem::take(&mut self.lost).into_iter().map(hole)).collect();
        }
        batch
    }
}

/// Writes what the recorder keeps until the bus closes, then flushes. The bus is drained while the store waits, so that
/// only what is to be recorded is held meanwhile.
pub async fn run(
    mut events: mpsc::UnboundedReceiver<Arc<Stamped>>,
    store: Arc<dyn Store>,
    mut recorder: Recorder,
) {
    let mut forming = tokio::time::interval(FORMING_EVERY);
    let mut batch = Vec::with_capacity(BATCH);
    let (mut open, mut waiting) = (true, Waiting::new(MOST_WAITING));
    let mut writing: Option<BoxFuture<'static, Result<(), StoreError>>> = None;
    while open || writing.is_some() || !waiting.is_empty() {
        if writing.is_none() && !waiting.is_empty() {
            let (store, records) = (store.clone(), waiting.take());
            writing = Some(Box::pin(async move { store.write(records).await }));
        }
        let written = async {
            match &mut writing {
                Some(writing) => writing.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            count = events.recv_many(&mut batch, BATCH), if open => {
                open = count > 0;
                waiting.push(batch.drain(..).filter_map(|s| recorder.take(&s.event)));
                if !open {
                    waiting.push(recorder.take_forming());
                }
            }
            _ = forming.tick(), if open => waiting.push(recorder.take_forming()),
            done = written => {
                writing = None;
                if let Err(error) = done {
                    warn!(%error, "the store refused a batch");
                }
            }
        }
    }
    if let Err(error) = store.flush().await {
        warn!(%error, "the last batch may be lost");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Dataset, Query};
    use shared::event::{BookTop, Cursor, Funding, OpenInterest, Origin};

    fn event(body: Body) -> Event {
        let symbol = "BTCUSDT-PERP".parse().expect("a symbol");
        Event { received: Ms(0), symbol, venue: VenueId::new("sim"), body }
    }

    fn funding(at: i64, rate: f64) -> Event {
        event(Body::Funding(Funding {
            timestamp: Ms(at),
            kind: FundingKind::Predicted,
            funding_rate: rate,
            next_funding_time: None,
            interval_hours: None,
            funding_apr: None,
            mark_price: None,
            index_price: None,
        }))
    }

    #[test]
    fn density_is_per_dataset() {
        let mut recorder = Recorder::new(false);
        let mut kept = |e: Event| recorder.take(&e).is_some();
        assert!(kept(funding(0, 0.1)) && !kept(funding(1_000, 0.1)) && kept(funding(2_000, 0.2)));
        assert!(kept(funding(60_000, 0.2)) && !kept(funding(61_000, 0.2)));
        let book = |at| event(Body::Book(BookTop::from_best(Ms(at), (1.0, 1.0), (2.0, 1.0))));
        assert!(kept(book(0)) && !kept(book(999)) && kept(book(1_000)));
        let mut bar = Bar::flat(Ms(0), Timeframe::M1, 1.0, Origin::Sim);
        assert!(!kept(event(Body::Bar(bar))));
        bar.closed = true;
        assert!(kept(event(Body::Bar(bar))));
        bar.interval = Timeframe::M5;
        assert!(!kept(event(Body::Bar(bar))));
        assert!(recorder.take_forming().is_empty());
    }

    #[test]
    fn what_waits_too_long_is_bounded_dense_rows_first_and_the_ledger_says_so() {
        let book = |at| event(Body::Book(BookTop::from_best(Ms(at), (1.0, 1.0), (2.0, 1.0))));
        let mut waiting = Waiting::new(4);
        waiting.push([book(1), funding(1, 0.1), book(5), funding(2, 0.1)].map(Record::Event));
        assert_eq!(waiting.records.len(), 4);
        waiting.push([Record::Event(book(7))]);
        let written = waiting.take();
        let rates =
            written.iter().filter(|r| matches!(r, Record::Event(e) if e.channel() == Channel::Funding));
        assert_eq!(rates.count(), 2);
        let Some(Record::Gap { gap, .. }) = written.last() else { panic!("{written:?}") };
        assert_eq!((gap.channel, gap.from, gap.to), (Channel::Book, Ms(1), Some(Ms(8))));
        assert_eq!(gap.state, GapState::Lost);
        assert!(waiting.take().is_empty(), "told once");
        // Rates alone are too many: those that are there go.
        waiting.push((0..5).map(|n| Record::Event(funding(n, 0.1))));
        waiting.push([Record::Event(funding(9, 0.1))]);
        assert_eq!(waiting.take().len(), 2, "the newest, and the hole");
    }

    #[tokio::test]
    async fn all_that_came_is_written_when_the_bus_closes() {
        let store: Arc<dyn Store> = Arc::new(crate::store::SqliteStore::temporary().expect("a store"));
        let (bus, events) = mpsc::unbounded_channel();
        for at in 0..3_000 {
            let body =
                Body::Oi(OpenInterest { timestamp: Ms(at), open_interest: 1.0, open_interest_value: None });
            let cursor = Cursor { epoch: 1, n: 1 };
            bus.send(Arc::new(Stamped { event: event(body), seq: 1, cursor })).expect("a recorder");
        }
        drop(bus);
        run(events, store.clone(), Recorder::new(false)).await;
        let (symbol, to) = ("BTCUSDT-PERP".parse().expect("a symbol"), Ms(i64::MAX));
        let query =
            Query { dataset: Dataset::Oi, symbol, venue: None, from: Ms(0), to, limit: 9_999, newest: false };
        assert_eq!(store.read(query).await.expect("rows").len(), 3_000);
    }
}
