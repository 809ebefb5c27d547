//! Bars.

use std::cmp::Ordering;

use shared::event::{Bar, Body, Origin};
use shared::market::{Ms, Timeframe};

use super::body;
use crate::store::row::{BadValue, Column, Kind, Row, Sink, Source, Stored, name_of, named, needed};

const ORIGINS: [(&str, Origin); 4] =
    [("import", Origin::Import), ("kline", Origin::Kline), ("trades", Origin::Trades), ("sim", Origin::Sim)];

impl Stored for Bar {
    const TABLE: &'static str = "candles";
    const COLUMNS: &'static [Column] = &[
        Column::new("interval", Kind::Text, ""),
        Column::new("open", Kind::Real, "quote/base"),
        Column::new("high", Kind::Real, "quote/base"),
        Column::new("low", Kind::Real, "quote/base"),
        Column::new("close", Kind::Real, "quote/base"),
        Column::new("volume", Kind::Real, "base"),
        Column::new("buy_volume", Kind::Real, "base").or_null(),
        Column::new("sell_volume", Kind::Real, "base").or_null(),
        Column::new("cvd", Kind::Real, "base").or_null(),
        Column::new("cvd_from", Kind::Int, "ms").or_null(),
        Column::new("vwap", Kind::Real, "quote/base").or_null(),
        Column::new("trades", Kind::Int, "count").or_null(),
        Column::new("origin", Kind::Text, ""),
        Column::new("revision", Kind::Int, "count"),
        Column::new("closed", Kind::Flag, ""),
        Column::new("through", Kind::Int, "ms").or_null(),
    ];
    const KEY: &'static [&'static str] = &["interval", "timestamp"];
    /// Closed beats forming, newer forming beats older forming; a closed bar yields only to a better origin
    /// (its revision then counts on from the one it replaces) or to a higher revision of the same origin.
    const ON_CONFLICT: &'static str = "DO UPDATE SET received=excluded.received,open=excluded.open,
        high=excluded.high,low=excluded.low,close=excluded.close,volume=excluded.volume,
        buy_volume=excluded.buy_volume,sell_volume=excluded.sell_volume,cvd=excluded.cvd,
        cvd_from=excluded.cvd_from,vwap=excluded.vwap,trades=excluded.trades,origin=excluded.origin,
        revision=CASE WHEN candles.closed AND excluded.revision<=candles.revision
            THEN candles.revision+1 ELSE excluded.revision END,
        closed=excluded.closed,through=excluded.through
        WHERE CASE WHEN excluded.closed<>candles.closed THEN excluded.closed
        WHEN NOT excluded.closed THEN excluded.received>=candles.received
        ELSE (CASE excluded.origin WHEN 'import' THEN 0 WHEN 'kline' THEN 1 WHEN 'trades' THEN 2 ELSE 3 END,
              excluded.revision)>
            (CASE candles.origin WHEN 'import' THEN 0 WHEN 'kline' THEN 1 WHEN 'trades' THEN 2 ELSE 3 END,
              candles.revision) END";

    body!(Bar);

    fn write<S: Sink>(&self, to: &mut S) -> Result<(), S::Error> {
        to.text(Some(self.interval.name()))?;
        for value in [self.open, self.high, self.low, self.close, self.volume] {
            to.real(Some(value))?;
        }
        for value in [self.buy_volume, self.sell_volume, self.cvd] {
            to.real(value)?;
        }
        to.int(self.cvd_from.map(|at| at.0))?;
        to.real(self.vwap)?;
        to.int(self.trades.map(|n| i64::try_from(n).unwrap_or(i64::MAX)))?;
        to.text(Some(name_of(self.origin, &ORIGINS)))?;
        to.int(Some(self.revision.into()))?;
        to.flag(Some(self.closed))?;
        to.int(self.through.map(|at| at.0))
    }

    fn read<S: Source>(timestamp: Ms, from: &mut S) -> Result<Bar, S::Error> {
        Ok(Bar {
            timestamp,
            interval: named(from, &Timeframe::ALL.map(|tf| (tf.name(), tf)))?,
            open: needed(from.real()?)?,
            high: needed(from.real()?)?,
            low: needed(from.real()?)?,
            close: needed(from.real()?)?,
            volume: needed(from.real()?)?,
            buy_volume: from.real()?,
            sell_volume: from.real()?,
            cvd: from.real()?,
            cvd_from: from.int()?.map(Ms),
            vwap: from.real()?,
            trades: from.int()?.map(i64::unsigned_abs),
            origin: named(from, &ORIGINS)?,
            revision: {
                let revision = needed(from.int()?)?;
                u32::try_from(revision).map_err(|_| BadValue::Range(revision))?
            },
            closed: needed(from.flag()?)?,
            through: from.int()?.map(Ms),
        })
    }

    fn order(&self, other: &Bar) -> Ordering {
        self.timestamp.cmp(&other.timestamp)
    }

    fn merged(held: Row<Bar>, mut late: Row<Bar>) -> Row<Bar> {
        let (old, new) = (&held.body, &late.body);
        let replaces = if new.closed != old.closed {
            new.closed
        } else if !new.closed {
            late.received >= held.received
        } else {
            (new.origin, new.revision) > (old.origin, old.revision)
        };
        if !replaces {
            return held;
        }
        if old.closed {
            late.body.revision = new.revision.max(old.revision.saturating_add(1));
        }
        late
    }
}
