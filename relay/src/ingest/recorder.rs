//! The recorder: what of the bus is kept, and how densely.
//!
//! 1m bars, liquidations, open interest and gaps all; predicted funding on change and each minute; the book once
//! a second; trades only when asked for. Forming bars are kept once a second, so that little is lost to a kill.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use shared::event::{Bar, Body, Event, FundingKind, Stamped};
use shared::market::{Ms, Symbol, Timeframe, VenueId};
use tokio::sync::mpsc;
use tracing::warn;

use crate::store::{Record, Store};

const BATCH: usize = 1_024;
const FORMING_EVERY: Duration = Duration::from_secs(1);

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

/// Writes what the recorder keeps until the bus closes, then flushes.
pub async fn run(
    mut events: mpsc::UnboundedReceiver<Arc<Stamped>>,
    store: Arc<dyn Store>,
    mut recorder: Recorder,
) {
    let mut forming = tokio::time::interval(FORMING_EVERY);
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let (open, due) = tokio::select! {
            count = events.recv_many(&mut batch, BATCH) => (count > 0, false),
            _ = forming.tick() => (true, true),
        };
        let mut records: Vec<Record> = batch.drain(..).filter_map(|s| recorder.take(&s.event)).collect();
        if due || !open {
            records.extend(recorder.take_forming());
        }
        if !records.is_empty()
            && let Err(error) = store.write(records).await
        {
            warn!(%error, "the store refused a batch");
        }
        if !open {
            if let Err(error) = store.flush().await {
                warn!(%error, "the last batch may be lost");
            }
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::event::{BookTop, Funding, Origin};

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
}
