//! What heat maps are made of: the grid that a market's minutes lead to, and the prints of a group.

use std::sync::Arc;

use futures_util::future::join_all;
use shared::event::{Body, Event};
use shared::market::{Instrument, Ms, Timeframe};
use shared::maths::heatmap::{Grid, Print, order};

use super::{BarsQuery, History, HistoryError};
use crate::directory::JoinedMarket;
use crate::store::{Dataset, Query, StoreError};

/// Minutes of two days: a walk begins with the UTC day before, whatever is asked for, so that all walks agree.
const WALK_MINUTES: usize = 2_880;
/// Rows of a member read at once.
const STRETCH_ROWS: usize = 20_000;

/// The grid of a heat map, and whose minutes lead to it.
#[derive(Clone, Debug)]
pub struct Walked {
    pub grid: Grid,
    pub reference: Arc<Instrument>,
    /// Open of the last closed minute in it.
    pub through: Ms,
}

impl History {
    /// The grid as of now: that of the first member with bars, the reference before all others. `None` where none
    /// has any.
    ///
    /// # Errors
    /// As [`History::candles`], where no other member has bars.
    pub async fn heat_grid(&self, market: &JoinedMarket) -> Result<Option<Walked>, HistoryError> {
        let mut failed = None;
        for reference in &market.instruments {
            match self.walk(reference).await {
                Ok(Some(walked)) => return Ok(Some(walked)),
                Ok(None) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    async fn walk(&self, reference: &Arc<Instrument>) -> Result<Option<Walked>, HistoryError> {
        let (from, to) = (self.now().floor(Ms::DAY) - Ms::DAY, Ms(i64::MAX));
        let query = |from, limit| {
            let (instrument, timeframe) = (reference.clone(), Timeframe::M1);
            BarsQuery { instrument, timeframe, from, to, limit, newest: true, base: false }
        };
        let mut minutes = self.candles(&query(from, WALK_MINUTES + 1)).await?.candles;
        if minutes.is_empty() {
            // A market that stands still: its last price is its price.
            minutes = self.candles(&query(Ms::ZERO, 1)).await?.candles;
        }
        let closed = minutes.iter().filter(|minute| minute.bar.closed);
        let through = closed.clone().next_back().map(|minute| minute.bar.timestamp);
        // Where no minute has closed yet, the first one's price is better than none.
        let prices =
            closed.chain(minutes.iter().filter(|_| through.is_none())).map(|minute| minute.bar.close);
        let walked =
            |grid| Walked { grid, reference: reference.clone(), through: through.unwrap_or(Ms::ZERO) };
        Ok(Grid::walk(prices).map(walked))
    }

    /// The members' liquidations in `[from, to)` in the order a heat map sums them. Sources are numbered as the
    /// members of `market` are.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn prints(
        &self,
        market: &JoinedMarket,
        range: (Ms, Ms),
        mut each: impl FnMut(Print) + Send,
    ) -> Result<(), StoreError> {
        let print = |(n, event): &(usize, Event)| match &event.body {
            Body::Liquidation(hit) => Print::of(*n, hit),
            _ => None,
        };
        self.scan(Dataset::Liquidations, market, range, |rows| {
            let mut prints: Vec<Print> = rows.iter().filter_map(print).collect();
            order(&mut prints);
            prints.into_iter().for_each(&mut each);
        })
        .await
    }

    /// All rows of all members in `[from, to)` with the members' numbers, in stretches of time: those ascend, and
    /// each member's rows in one do. However many rows there are, only those of a stretch are held.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn scan(
        &self,
        dataset: Dataset,
        market: &JoinedMarket,
        (mut from, to): (Ms, Ms),
        mut each: impl FnMut(&[(usize, Event)]) + Send,
    ) -> Result<(), StoreError> {
        let mut length = to - from;
        while from < to {
            let end = (from + length).min(to);
            let shortest = length <= Ms(1);
            let limit = if shortest { usize::MAX >> 1 } else { STRETCH_ROWS + 1 };
            let read = |i: &Arc<Instrument>| {
                let (symbol, venue) = (i.symbol.clone(), Some(i.venue.clone()));
                self.store.read(Query { dataset, symbol, venue, from, to: end, limit, newest: false })
            };
            let mut rows = Vec::new();
            let mut cut = false;
            for (n, own) in join_all(market.instruments.iter().map(read)).await.into_iter().enumerate() {
                let own = own?;
                cut |= !shortest && own.len() > STRETCH_ROWS;
                rows.extend(own.into_iter().map(|event| (n, event)));
            }
            if cut {
                length = Ms(length.0 / 2);
                continue;
            }
            each(&rows);
            from = end;
        }
        Ok(())
    }
}
