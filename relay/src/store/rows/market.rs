//! The top of the book, and trades.

use std::cmp::Ordering;

use shared::event::{Body, BookTop, Depth, Side, Trade};
use shared::market::Ms;

use super::body;
use crate::store::row::{Column, Kind, Row, Sink, Source, Stored, name_of, named, needed};

const SIDES: [(&str, Side); 2] = [("buy", Side::Buy), ("sell", Side::Sell)];

impl Stored for BookTop {
    const TABLE: &'static str = "book";
    const COLUMNS: &'static [Column] = &[
        Column::new("bid_px", Kind::Real, "quote/base"),
        Column::new("bid_qty", Kind::Real, "base"),
        Column::new("ask_px", Kind::Real, "quote/base"),
        Column::new("ask_qty", Kind::Real, "base"),
        Column::new("spread_bps", Kind::Real, "bps"),
        Column::new("depth_bid_usd", Kind::Real, "quote").or_null(),
        Column::new("depth_ask_usd", Kind::Real, "quote").or_null(),
    ];
    const KEY: &'static [&'static str] = &["timestamp"];
    const ON_CONFLICT: &'static str = "DO UPDATE SET received=excluded.received,bid_px=excluded.bid_px,
        bid_qty=excluded.bid_qty,ask_px=excluded.ask_px,ask_qty=excluded.ask_qty,
        spread_bps=excluded.spread_bps,depth_bid_usd=coalesce(excluded.depth_bid_usd,book.depth_bid_usd),
        depth_ask_usd=coalesce(excluded.depth_ask_usd,book.depth_ask_usd)";

    body!(Book);

    fn write<S: Sink>(&self, to: &mut S) -> Result<(), S::Error> {
        for value in [self.bid_px, self.bid_qty, self.ask_px, self.ask_qty, self.spread_bps] {
            to.real(Some(value))?;
        }
        to.real(self.depth_10bps.map(|d| d.bid_usd))?;
        to.real(self.depth_10bps.map(|d| d.ask_usd))
    }

    fn read<S: Source>(timestamp: Ms, from: &mut S) -> Result<BookTop, S::Error> {
        Ok(BookTop {
            timestamp,
            bid_px: needed(from.real()?)?,
            bid_qty: needed(from.real()?)?,
            ask_px: needed(from.real()?)?,
            ask_qty: needed(from.real()?)?,
            spread_bps: needed(from.real()?)?,
            depth_10bps: match (from.real()?, from.real()?) {
                (Some(bid_usd), Some(ask_usd)) => Some(Depth { bid_usd, ask_usd }),
                _ => None,
            },
        })
    }

    fn order(&self, other: &BookTop) -> Ordering {
        self.timestamp.cmp(&other.timestamp)
    }

    fn merged(held: Row<BookTop>, mut late: Row<BookTop>) -> Row<BookTop> {
        late.body.depth_10bps = late.body.depth_10bps.or(held.body.depth_10bps);
        late
    }
}

impl Stored for Trade {
    const TABLE: &'static str = "trades";
    const COLUMNS: &'static [Column] = &[
        Column::new("id", Kind::Text, ""),
        Column::new("price", Kind::Real, "quote/base"),
        Column::new("quantity", Kind::Real, "base"),
        Column::new("side", Kind::Text, ""),
    ];
    const KEY: &'static [&'static str] = &["timestamp", "id"];
    const ON_CONFLICT: &'static str = "DO NOTHING";

    body!(Trade);

    fn write<S: Sink>(&self, to: &mut S) -> Result<(), S::Error> {
        to.text(Some(self.id.as_str()))?;
        to.real(Some(self.price))?;
        to.real(Some(self.quantity))?;
        to.text(Some(name_of(self.side, &SIDES)))
    }

    fn read<S: Source>(timestamp: Ms, from: &mut S) -> Result<Trade, S::Error> {
        Ok(Trade {
            timestamp,
            id: needed(from.text()?)?.into_owned(),
            price: needed(from.real()?)?,
            quantity: needed(from.real()?)?,
            side: named(from, &SIDES)?,
        })
    }

    fn order(&self, other: &Trade) -> Ordering {
        let key = |x: &Trade| x.timestamp;
        key(self).cmp(&key(other)).then_with(|| self.id.cmp(&other.id))
    }

    fn merged(held: Row<Trade>, _: Row<Trade>) -> Row<Trade> {
        held
    }
}
