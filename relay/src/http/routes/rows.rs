//! The rows of each answer: fields and values, named as in the live frames.

use std::sync::Arc;

use shared::event::{
    Bar, BookTop, Event, Funding, FundingKind, GapCause, GapState, Liquidation, LiquidationSide,
    OpenInterest, Origin, PriceKind,
};
use shared::market::{Instrument, Ms, Symbol, VenueId};

use super::table::{Cell, Row, Table};
use crate::history::Candle;
use crate::store::GapRow;

/// A bar for a chart.
pub(super) struct CandleRow {
    pub(super) instrument: Arc<Instrument>,
    pub(super) bar: Bar,
}

/// A bar as the live frames have it.
pub(super) struct BarRow {
    pub(super) instrument: Arc<Instrument>,
    pub(super) candle: Candle,
}

/// Another series' event of kind `T`.
pub(super) struct EventRow<T> {
    pub(super) received: Ms,
    pub(super) symbol: Symbol,
    pub(super) venue: VenueId,
    pub(super) body: T,
}

impl<T> EventRow<T> {
    pub(super) fn new(event: &Event, body: T) -> EventRow<T> {
        let (symbol, venue) = (event.symbol.clone(), event.venue.clone());
        EventRow { received: event.received, symbol, venue, body }
    }

    /// The first four fields, common to all.
    fn head(&self, field: usize, timestamp: Ms) -> Cell<'_> {
        match field {
            0 => Cell::Int(timestamp.0),
            1 => Cell::Int(self.received.0),
            2 => Cell::Text(self.symbol.as_str()),
            _ => Cell::Text(self.venue.as_str()),
        }
    }
}

const fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Import => "import",
        Origin::Kline => "kline",
        Origin::Trades => "trades",
        Origin::Sim => "sim",
    }
}

fn time<'a>(at: Option<Ms>) -> Cell<'a> {
    at.map_or(Cell::Absent, |at| Cell::Int(at.0))
}

fn count<'a>(n: Option<u64>) -> Cell<'a> {
    Cell::maybe_int(n.map(|n| i64::try_from(n).unwrap_or(i64::MAX)))
}

impl Row for CandleRow {
    const FIELDS: &'static [&'static str] = &[
        "timestamp",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "symbol",
        "venue",
        "interval",
        "closed",
        "origin",
        "buy_volume",
        "sell_volume",
        "cvd",
        "cvd_from",
        "vwap",
        "trades",
        "revision",
        "through",
    ];

    fn cell(&self, field: usize) -> Cell<'_> {
        candle_cell(&self.instrument, &self.bar, field)
    }
}

fn candle_cell<'a>(instrument: &'a Instrument, bar: &Bar, field: usize) -> Cell<'a> {
    match field {
        0 => Cell::Int(bar.timestamp.0),
        1 => Cell::Number(bar.open),
        2 => Cell::Number(bar.high),
        3 => Cell::Number(bar.low),
        4 => Cell::Number(bar.close),
        5 => Cell::Number(bar.volume),
        6 => Cell::Text(instrument.symbol.as_str()),
        7 => Cell::Text(instrument.venue.as_str()),
        8 => Cell::Text(bar.interval.name()),
        9 => Cell::Bool(bar.closed),
        10 => Cell::Text(origin(bar.origin)),
        11 => Cell::maybe_number(bar.buy_volume),
        12 => Cell::maybe_number(bar.sell_volume),
        13 => Cell::maybe_number(bar.cvd),
        14 => time(bar.cvd_from),
        15 => Cell::maybe_number(bar.vwap),
        16 => count(bar.trades),
        17 => Cell::Int(bar.revision.into()),
        _ => time(bar.through),
    }
}

impl Row for BarRow {
    const FIELDS: &'static [&'static str] = &[
        "timestamp",
        "received",
        "symbol",
        "venue",
        "interval",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "buy_volume",
        "sell_volume",
        "cvd",
        "cvd_from",
        "vwap",
        "trades",
        "origin",
        "revision",
        "closed",
        "through",
    ];

    fn cell(&self, field: usize) -> Cell<'_> {
        bar_cell(&self.instrument, &self.candle, field)
    }
}

fn bar_cell<'a>(instrument: &'a Instrument, candle: &Candle, field: usize) -> Cell<'a> {
    let bar = &candle.bar;
    match field {
        0 => Cell::Int(bar.timestamp.0),
        1 => Cell::Int(candle.received.0),
        2 => Cell::Text(instrument.symbol.as_str()),
        3 => Cell::Text(instrument.venue.as_str()),
        4 => Cell::Text(bar.interval.name()),
        5 => Cell::Number(bar.open),
        6 => Cell::Number(bar.high),
        7 => Cell::Number(bar.low),
        8 => Cell::Number(bar.close),
        9 => Cell::Number(bar.volume),
        10 => Cell::maybe_number(bar.buy_volume),
        11 => Cell::maybe_number(bar.sell_volume),
        12 => Cell::maybe_number(bar.cvd),
        13 => time(bar.cvd_from),
        14 => Cell::maybe_number(bar.vwap),
        15 => count(bar.trades),
        16 => Cell::Text(origin(bar.origin)),
        17 => Cell::Int(bar.revision.into()),
        18 => Cell::Bool(bar.closed),
        _ => time(bar.through),
    }
}

/// Bars of one market, each as a [`CandleRow`].
pub(super) struct Candles(pub(super) Arc<Instrument>, pub(super) Vec<Candle>);

impl Table for Candles {
    fn fields(&self) -> Vec<&str> {
        CandleRow::FIELDS.to_vec()
    }

    fn rows(&self) -> usize {
        self.1.len()
    }

    fn cell(&self, row: usize, field: usize) -> Cell<'_> {
        self.1.get(row).map_or(Cell::Absent, |candle| candle_cell(&self.0, &candle.bar, field))
    }
}

/// Bars of one market, each as a [`BarRow`].
pub(super) struct Bars(pub(super) Arc<Instrument>, pub(super) Vec<Candle>);

impl Table for Bars {
    fn fields(&self) -> Vec<&str> {
        BarRow::FIELDS.to_vec()
    }

    fn rows(&self) -> usize {
        self.1.len()
    }

    fn cell(&self, row: usize, field: usize) -> Cell<'_> {
        self.1.get(row).map_or(Cell::Absent, |candle| bar_cell(&self.0, candle, field))
    }
}

impl Row for EventRow<OpenInterest> {
    const FIELDS: &'static [&'static str] =
        &["timestamp", "received", "symbol", "venue", "open_interest", "open_interest_value"];

    fn cell(&self, field: usize) -> Cell<'_> {
        match field {
            4 => Cell::Number(self.body.open_interest),
            5 => Cell::maybe_number(self.body.open_interest_value),
            _ => self.head(field, self.body.timestamp),
        }
    }
}

impl Row for EventRow<Funding> {
    const FIELDS: &'static [&'static str] = &[
        "timestamp",
        "received",
        "symbol",
        "venue",
        "kind",
        "funding_rate",
        "next_funding_time",
        "interval_hours",
        "funding_apr",
        "mark_price",
        "index_price",
    ];

    fn cell(&self, field: usize) -> Cell<'_> {
        let body = &self.body;
        match field {
            4 => Cell::Text(match body.kind {
                FundingKind::Predicted => "predicted",
                FundingKind::Settled => "settled",
            }),
            5 => Cell::Number(body.funding_rate),
            6 => Cell::maybe_int(body.next_funding_time.map(|at| at.0)),
            7 => Cell::maybe_number(body.interval_hours),
            8 => Cell::maybe_number(body.funding_apr),
            9 => Cell::maybe_number(body.mark_price),
            10 => Cell::maybe_number(body.index_price),
            _ => self.head(field, body.timestamp),
        }
    }
}

impl Row for EventRow<Liquidation> {
    const FIELDS: &'static [&'static str] = &[
        "timestamp",
        "received",
        "symbol",
        "venue",
        "side",
        "quantity",
        "price",
        "value",
        "price_kind",
        "at_least",
    ];

    fn cell(&self, field: usize) -> Cell<'_> {
        let body = &self.body;
        match field {
            4 => Cell::Text(match body.side {
                LiquidationSide::Long => "LONG",
                LiquidationSide::Short => "SHORT",
            }),
            5 => Cell::Number(body.quantity),
            6 => Cell::Number(body.price),
            7 => Cell::Number(body.value),
            8 => Cell::Text(match body.price_kind {
                PriceKind::Average => "average",
                PriceKind::Bankruptcy => "bankruptcy",
                PriceKind::Mark => "mark",
            }),
            9 => Cell::Bool(body.at_least),
            _ => self.head(field, body.timestamp),
        }
    }
}

impl Row for EventRow<BookTop> {
    const FIELDS: &'static [&'static str] = &[
        "timestamp",
        "received",
        "symbol",
        "venue",
        "bid_px",
        "bid_qty",
        "ask_px",
        "ask_qty",
        "spread_bps",
        "depth_10bps",
    ];

    fn cell(&self, field: usize) -> Cell<'_> {
        let body = &self.body;
        match field {
            4 => Cell::Number(body.bid_px),
            5 => Cell::Number(body.bid_qty),
            6 => Cell::Number(body.ask_px),
            7 => Cell::Number(body.ask_qty),
            8 => Cell::Number(body.spread_bps),
            9 => body.depth_10bps.map_or(Cell::Null, Cell::Depth),
            _ => self.head(field, body.timestamp),
        }
    }
}

impl Row for GapRow {
    const FIELDS: &'static [&'static str] =
        &["symbol", "venue", "channel", "from", "to", "cause", "state", "timestamp"];

    fn cell(&self, field: usize) -> Cell<'_> {
        let gap = &self.gap;
        match field {
            0 => Cell::Text(self.symbol.as_str()),
            1 => Cell::Text(self.venue.as_str()),
            2 => Cell::Text(gap.channel.name()),
            3 => Cell::Int(gap.from.0),
            4 => Cell::maybe_int(gap.to.map(|at| at.0)),
            5 => Cell::Text(match gap.cause {
                GapCause::Disconnect => "disconnect",
                GapCause::Sequence => "sequence",
                GapCause::Silence => "silence",
                GapCause::Restart => "restart",
                GapCause::Delisted => "delisted",
                GapCause::SlowClient => "slow_client",
                GapCause::ResumeExpired => "resume_expired",
            }),
            6 => Cell::Text(match gap.state {
                GapState::Open => "open",
                GapState::Refilled => "refilled",
                GapState::Lost => "lost",
            }),
            _ => Cell::Int(gap.timestamp.0),
        }
    }
}
