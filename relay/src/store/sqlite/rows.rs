//! The stored bodies: columns, upsert rule, encode and decode of each, side by side.

use shared::event::{
    Bar, Body, BookTop, Channel, Depth, Funding, FundingKind, Gap, GapCause, GapState, Liquidation,
    LiquidationSide, OpenInterest, Origin, PriceKind, Side, Trade,
};
use shared::market::{Ms, Timeframe};

use super::row::{Binder, Reader, Stored, name_of};

const ORIGINS: [(&str, Origin); 4] =
    [("import", Origin::Import), ("kline", Origin::Kline), ("trades", Origin::Trades), ("sim", Origin::Sim)];
const KINDS: [(&str, FundingKind); 2] =
    [("predicted", FundingKind::Predicted), ("settled", FundingKind::Settled)];
const LIQUIDATED: [(&str, LiquidationSide); 2] =
    [("LONG", LiquidationSide::Long), ("SHORT", LiquidationSide::Short)];
const PRICE_KINDS: [(&str, PriceKind); 3] =
    [("average", PriceKind::Average), ("bankruptcy", PriceKind::Bankruptcy), ("mark", PriceKind::Mark)];
const SIDES: [(&str, Side); 2] = [("buy", Side::Buy), ("sell", Side::Sell)];
const CAUSES: [(&str, GapCause); 7] = [
    ("disconnect", GapCause::Disconnect),
    ("sequence", GapCause::Sequence),
    ("silence", GapCause::Silence),
    ("restart", GapCause::Restart),
    ("delisted", GapCause::Delisted),
    ("slow_client", GapCause::SlowClient),
    ("resume_expired", GapCause::ResumeExpired),
];
const STATES: [(&str, GapState); 3] =
    [("open", GapState::Open), ("refilled", GapState::Refilled), ("lost", GapState::Lost)];

/// The two ways between [`Body`] and what it holds.
macro_rules! body {
    ($variant:ident) => {
        fn of(body: &Body) -> Option<&Self> {
            if let Body::$variant(inner) = body { Some(inner) } else { None }
        }
        fn into_body(self) -> Body {
            Body::$variant(self)
        }
    };
}

impl Stored for Bar {
    const TABLE: &'static str = "candles";
    const COLUMNS: &'static [&'static str] = &[
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
    const KEY: &'static [&'static str] = &["interval", "timestamp"];
    /// Closed beats forming, newer forming beats older forming; a closed bar yields only to a better origin
    /// (its revision then counts on from the one it replaces) or to a higher revision of the same origin.
    const ON_CONFLICT: &'static str = "DO UPDATE SET received=excluded.received,open=excluded.open,
        high=excluded.high,low=excluded.low,close=excluded.close,volume=excluded.volume,
        buy_volume=excluded.buy_volume,sell_volume=excluded.sell_volume,cvd=excluded.cvd,
        cvd_from=excluded.cvd_from,vwap=excluded.vwap,trades=excluded.trades,origin=excluded.origin,
        revision=CASE WHEN candles.closed THEN max(excluded.revision,candles.revision+1)
            ELSE excluded.revision END,
        closed=excluded.closed,through=excluded.through
        WHERE CASE WHEN excluded.closed<>candles.closed THEN excluded.closed
        WHEN NOT excluded.closed THEN excluded.received>=candles.received
        ELSE (instr('import kline trades sim',excluded.origin),excluded.revision)>
            (instr('import kline trades sim',candles.origin),candles.revision) END";

    body!(Bar);

    fn bind(&self, to: &mut Binder<'_, '_>) -> rusqlite::Result<()> {
        to.put(self.interval.name())?;
        for value in [self.open, self.high, self.low, self.close, self.volume] {
            to.real(value)?;
        }
        for value in [self.buy_volume, self.sell_volume, self.cvd] {
            to.maybe_real(value)?;
        }
        to.put(self.cvd_from.map(|at| at.0))?;
        to.maybe_real(self.vwap)?;
        to.put(self.trades.map(|n| i64::try_from(n).unwrap_or(i64::MAX)))?;
        to.put(name_of(self.origin, &ORIGINS))?;
        to.put(self.revision)?;
        to.put(self.closed)?;
        to.put(self.through.map(|at| at.0))
    }

    fn read(timestamp: i64, from: &mut Reader<'_, '_>) -> rusqlite::Result<Bar> {
        Ok(Bar {
            timestamp: Ms(timestamp),
            interval: from.named(&Timeframe::ALL.map(|tf| (tf.name(), tf)))?,
            open: from.take()?,
            high: from.take()?,
            low: from.take()?,
            close: from.take()?,
            volume: from.take()?,
            buy_volume: from.take()?,
            sell_volume: from.take()?,
            cvd: from.take()?,
            cvd_from: from.take::<Option<i64>>()?.map(Ms),
            vwap: from.take()?,
            trades: from.take::<Option<i64>>()?.map(i64::unsigned_abs),
            origin: from.named(&ORIGINS)?,
            revision: from.take()?,
            closed: from.take()?,
            through: from.take::<Option<i64>>()?.map(Ms),
        })
    }
}

impl Stored for OpenInterest {
    const TABLE: &'static str = "oi";
    const COLUMNS: &'static [&'static str] = &["open_interest", "open_interest_value"];
    const KEY: &'static [&'static str] = &["timestamp"];
    const ON_CONFLICT: &'static str = "DO UPDATE SET received=excluded.received,
        open_interest=excluded.open_interest,
        open_interest_value=coalesce(excluded.open_interest_value,oi.open_interest_value)";

    body!(Oi);

    fn bind(&self, to: &mut Binder<'_, '_>) -> rusqlite::Result<()> {
        to.real(self.open_interest)?;
        to.maybe_real(self.open_interest_value)
    }

    fn read(timestamp: i64, from: &mut Reader<'_, '_>) -> rusqlite::Result<OpenInterest> {
        Ok(OpenInterest {
            timestamp: Ms(timestamp),
            open_interest: from.take()?,
            open_interest_value: from.take()?,
        })
    }
}

impl Stored for Funding {
    const TABLE: &'static str = "funding";
    const COLUMNS: &'static [&'static str] = &[
        "kind",
        "funding_rate",
        "next_funding_time",
        "interval_hours",
        "funding_apr",
        "mark_price",
        "index_price",
    ];
    const KEY: &'static [&'static str] = &["timestamp", "kind"];
    const ON_CONFLICT: &'static str = "DO UPDATE SET received=excluded.received,
        funding_rate=excluded.funding_rate,
        next_funding_time=coalesce(excluded.next_funding_time,funding.next_funding_time),
        interval_hours=coalesce(excluded.interval_hours,funding.interval_hours),
        funding_apr=coalesce(excluded.funding_apr,funding.funding_apr),
        mark_price=coalesce(excluded.mark_price,funding.mark_price),
        index_price=coalesce(excluded.index_price,funding.index_price)";

    body!(Funding);

    fn bind(&self, to: &mut Binder<'_, '_>) -> rusqlite::Result<()> {
        to.put(name_of(self.kind, &KINDS))?;
        to.real(self.funding_rate)?;
        to.put(self.next_funding_time.map(|at| at.0))?;
        for value in [self.interval_hours, self.funding_apr, self.mark_price, self.index_price] {
            to.maybe_real(value)?;
        }
        Ok(())
    }

    fn read(timestamp: i64, from: &mut Reader<'_, '_>) -> rusqlite::Result<Funding> {
        Ok(Funding {
            timestamp: Ms(timestamp),
            kind: from.named(&KINDS)?,
            funding_rate: from.take()?,
            next_funding_time: from.take::<Option<i64>>()?.map(Ms),
            interval_hours: from.take()?,
            funding_apr: from.take()?,
            mark_price: from.take()?,
            index_price: from.take()?,
        })
    }
}

impl Stored for Liquidation {
    const TABLE: &'static str = "liquidations";
    const COLUMNS: &'static [&'static str] =
        &["side", "quantity", "price", "value", "price_kind", "at_least"];
    /// Venues give no id: the same side, price and quantity in the same millisecond is the same print.
    const KEY: &'static [&'static str] = &["timestamp", "side", "price", "quantity"];
    const ON_CONFLICT: &'static str = "DO NOTHING";

    body!(Liquidation);

    fn bind(&self, to: &mut Binder<'_, '_>) -> rusqlite::Result<()> {
        to.put(name_of(self.side, &LIQUIDATED))?;
        for value in [self.quantity, self.price, self.value] {
            to.real(value)?;
        }
        to.put(name_of(self.price_kind, &PRICE_KINDS))?;
        to.put(self.at_least)
    }

    fn read(timestamp: i64, from: &mut Reader<'_, '_>) -> rusqlite::Result<Liquidation> {
        Ok(Liquidation {
            timestamp: Ms(timestamp),
            side: from.named(&LIQUIDATED)?,
            quantity: from.take()?,
            price: from.take()?,
            value: from.take()?,
            price_kind: from.named(&PRICE_KINDS)?,
            at_least: from.take()?,
        })
    }
}

impl Stored for BookTop {
    const TABLE: &'static str = "book";
    const COLUMNS: &'static [&'static str] =
        &["bid_px", "bid_qty", "ask_px", "ask_qty", "spread_bps", "depth_bid_usd", "depth_ask_usd"];
    const KEY: &'static [&'static str] = &["timestamp"];
    const ON_CONFLICT: &'static str = "DO UPDATE SET received=excluded.received,bid_px=excluded.bid_px,
        bid_qty=excluded.bid_qty,ask_px=excluded.ask_px,ask_qty=excluded.ask_qty,
        spread_bps=excluded.spread_bps,depth_bid_usd=coalesce(excluded.depth_bid_usd,book.depth_bid_usd),
        depth_ask_usd=coalesce(excluded.depth_ask_usd,book.depth_ask_usd)";

    body!(Book);

    fn bind(&self, to: &mut Binder<'_, '_>) -> rusqlite::Result<()> {
        for value in [self.bid_px, self.bid_qty, self.ask_px, self.ask_qty, self.spread_bps] {
            to.real(value)?;
        }
        to.maybe_real(self.depth_10bps.map(|d| d.bid_usd))?;
        to.maybe_real(self.depth_10bps.map(|d| d.ask_usd))
    }

    fn read(timestamp: i64, from: &mut Reader<'_, '_>) -> rusqlite::Result<BookTop> {
        Ok(BookTop {
            timestamp: Ms(timestamp),
            bid_px: from.take()?,
            bid_qty: from.take()?,
            ask_px: from.take()?,
            ask_qty: from.take()?,
            spread_bps: from.take()?,
            depth_10bps: match (from.take()?, from.take()?) {
                (Some(bid_usd), Some(ask_usd)) => Some(Depth { bid_usd, ask_usd }),
                _ => None,
            },
        })
    }
}

impl Stored for Trade {
    const TABLE: &'static str = "trades";
    const COLUMNS: &'static [&'static str] = &["id", "price", "quantity", "side"];
    const KEY: &'static [&'static str] = &["timestamp", "id"];
    const ON_CONFLICT: &'static str = "DO NOTHING";

    body!(Trade);

    fn bind(&self, to: &mut Binder<'_, '_>) -> rusqlite::Result<()> {
        to.put(self.id.as_str())?;
        to.real(self.price)?;
        to.real(self.quantity)?;
        to.put(name_of(self.side, &SIDES))
    }

    fn read(timestamp: i64, from: &mut Reader<'_, '_>) -> rusqlite::Result<Trade> {
        Ok(Trade {
            timestamp: Ms(timestamp),
            id: from.take()?,
            price: from.take()?,
            quantity: from.take()?,
            side: from.named(&SIDES)?,
        })
    }
}

/// A hole by (symbol, venue, channel, from). News of it replace what is known, except that a settled one
/// (refilled, lost) is not opened again by a late repeat.
pub(super) const UPSERT_GAP: &str =
    "INSERT INTO gaps (symbol,venue,channel,from_ms,to_ms,timestamp,cause,state)
    VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (symbol,venue,channel,from_ms) DO UPDATE SET
    to_ms=excluded.to_ms,timestamp=excluded.timestamp,cause=excluded.cause,state=excluded.state
    WHERE gaps.state='open' OR excluded.state<>'open'";

/// Holes that touch a range. Parameters: from, to, and the symbol or null for all.
pub(super) const SELECT_GAPS: &str =
    "SELECT symbol,venue,channel,from_ms,to_ms,timestamp,cause,state FROM gaps
    WHERE (?3 IS NULL OR symbol=?3) AND from_ms<?2 AND (to_ms IS NULL OR to_ms>?1)
    ORDER BY from_ms,symbol,venue,channel";

pub(super) fn bind_gap(gap: &Gap, to: &mut Binder<'_, '_>) -> rusqlite::Result<()> {
    to.put(gap.channel.name())?;
    to.put(gap.from.0)?;
    to.put(gap.to.map(|at| at.0))?;
    to.put(gap.timestamp.0)?;
    to.put(name_of(gap.cause, &CAUSES))?;
    to.put(name_of(gap.state, &STATES))
}

pub(super) fn read_gap(from: &mut Reader<'_, '_>) -> rusqlite::Result<Gap> {
    Ok(Gap {
        channel: from.named(&Channel::ALL.map(|c| (c.name(), c)))?,
        from: Ms(from.take()?),
        to: from.take::<Option<i64>>()?.map(Ms),
        timestamp: Ms(from.take()?),
        cause: from.named(&CAUSES)?,
        state: from.named(&STATES)?,
    })
}
