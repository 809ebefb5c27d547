//! Folding bars that carry their receive time.

use shared::market::{Calendar, Ms, Timeframe};
use shared::maths::fold::Sum;

use super::{ABANDONED, Candle, Series};

/// A bucket being added up.
#[derive(Clone, Copy)]
pub(super) struct Partial {
    sum: Sum,
    received: Ms,
}

impl Partial {
    /// Adds the next part to the bucket in `last`; answers that bucket, finished, when the part begins a new one.
    pub(super) fn push(
        last: &mut Option<Partial>,
        part: &Candle,
        timeframe: Timeframe,
        calendar: &Calendar,
    ) -> Option<Candle> {
        match last {
            Some(partial) if partial.sum.holds(&part.bar) => {
                partial.sum.add(&part.bar, calendar);
                partial.received = partial.received.max(part.received);
                None
            }
            _ => {
                let sum = Sum::start(&part.bar, timeframe, calendar);
                let before = last.replace(Partial { sum, received: part.received });
                before.map(|done| done.candle(true))
            }
        }
    }

    /// The bar so far; `later` says that a later bucket has begun.
    pub(super) fn candle(&self, later: bool) -> Candle {
        Candle { bar: self.sum.bar(later), received: self.received }
    }
}

/// Folds ascending parts into `timeframe`, on top of a bucket begun earlier; the last bar may be forming.
///
/// A base must hold for good what its `through` names: there a forming minute is left out, unless nothing
/// else is in its bucket, and then the bar has no `through`.
pub(super) fn fold(
    mut last: Option<Partial>,
    parts: &[Candle],
    timeframe: Timeframe,
    base: bool,
    series: &Series,
) -> Vec<Candle> {
    let mut bars = Vec::new();
    let mut alone = false;
    for part in parts {
        let running = base && (!part.bar.closed || part.bar.timestamp >= series.until);
        if running && last.is_some_and(|partial| partial.sum.holds(&part.bar)) {
            continue;
        }
        alone = running;
        bars.extend(Partial::push(&mut last, part, timeframe, &series.calendar));
    }
    bars.extend(last.map(|partial| partial.candle(false)));
    if let Some(Candle { bar, .. }) = bars.last_mut()
        && !bar.closed
    {
        // Its last minutes may be missing: then time alone closes it.
        bar.closed = series.end(timeframe, bar.timestamp) + ABANDONED <= series.now;
        if bar.closed || alone {
            bar.through = None;
        }
    }
    bars
}
