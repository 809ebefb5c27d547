//! Open interest, funding, liquidations.

use std::cmp::Ordering;

use shared::event::{Body, Funding, FundingKind, Liquidation, LiquidationSide, OpenInterest, PriceKind};
use shared::market::Ms;

use super::body;
use crate::store::row::{Column, Kind, Row, Sink, Source, Stored, name_of, named, needed};

const KINDS: [(&str, FundingKind); 2] =
    [("predicted", FundingKind::Predicted), ("settled", FundingKind::Settled)];
const LIQUIDATED: [(&str, LiquidationSide); 2] =
    [("LONG", LiquidationSide::Long), ("SHORT", LiquidationSide::Short)];
const PRICE_KINDS: [(&str, PriceKind); 3] =
    [("average", PriceKind::Average), ("bankruptcy", PriceKind::Bankruptcy), ("mark", PriceKind::Mark)];

impl Stored for OpenInterest {
    const TABLE: &'static str = "oi";
    const COLUMNS: &'static [Column] = &[
        Column::new("open_interest", Kind::Real, "base"),
        Column::new("open_interest_value", Kind::Real, "quote").or_null(),
    ];
    const KEY: &'static [&'static str] = &["timestamp"];
    const ON_CONFLICT: &'static str = "DO UPDATE SET received=excluded.received,
        open_interest=excluded.open_interest,
        open_interest_value=coalesce(excluded.open_interest_value,oi.open_interest_value)";

    body!(Oi);

    fn write<S: Sink>(&self, to: &mut S) -> Result<(), S::Error> {
        to.real(Some(self.open_interest))?;
        to.real(self.open_interest_value)
    }

    fn read<S: Source>(timestamp: Ms, from: &mut S) -> Result<OpenInterest, S::Error> {
        Ok(OpenInterest {
            timestamp,
            open_interest: needed(from.real()?)?,
            open_interest_value: from.real()?,
        })
    }

    fn order(&self, other: &OpenInterest) -> Ordering {
        self.timestamp.cmp(&other.timestamp)
    }

    fn merged(held: Row<OpenInterest>, mut late: Row<OpenInterest>) -> Row<OpenInterest> {
        let value = &mut late.body.open_interest_value;
        *value = value.or(held.body.open_interest_value);
        late
    }
}

impl Stored for Funding {
    const TABLE: &'static str = "funding";
    const COLUMNS: &'static [Column] = &[
        Column::new("kind", Kind::Text, ""),
        Column::new("funding_rate", Kind::Real, "fraction"),
        Column::new("next_funding_time", Kind::Int, "ms").or_null(),
        Column::new("interval_hours", Kind::Real, "hours").or_null(),
        Column::new("funding_apr", Kind::Real, "percent").or_null(),
        Column::new("mark_price", Kind::Real, "quote/base").or_null(),
        Column::new("index_price", Kind::Real, "quote/base").or_null(),
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

    fn write<S: Sink>(&self, to: &mut S) -> Result<(), S::Error> {
        to.text(Some(name_of(self.kind, &KINDS)))?;
        to.real(Some(self.funding_rate))?;
        to.int(self.next_funding_time.map(|at| at.0))?;
        for value in [self.interval_hours, self.funding_apr, self.mark_price, self.index_price] {
            to.real(value)?;
        }
        Ok(())
    }

    fn read<S: Source>(timestamp: Ms, from: &mut S) -> Result<Funding, S::Error> {
        Ok(Funding {
            timestamp,
            kind: named(from, &KINDS)?,
            funding_rate: needed(from.real()?)?,
            next_funding_time: from.int()?.map(Ms),
            interval_hours: from.real()?,
            funding_apr: from.real()?,
            mark_price: from.real()?,
            index_price: from.real()?,
        })
    }

    fn order(&self, other: &Funding) -> Ordering {
        let key = |x: &Funding| (x.timestamp, name_of(x.kind, &KINDS));
        key(self).cmp(&key(other))
    }

    fn merged(held: Row<Funding>, mut late: Row<Funding>) -> Row<Funding> {
        let (old, new) = (&held.body, &mut late.body);
        new.next_funding_time = new.next_funding_time.or(old.next_funding_time);
        new.interval_hours = new.interval_hours.or(old.interval_hours);
        new.funding_apr = new.funding_apr.or(old.funding_apr);
        new.mark_price = new.mark_price.or(old.mark_price);
        new.index_price = new.index_price.or(old.index_price);
        late
    }
}

impl Stored for Liquidation {
    const TABLE: &'static str = "liquidations";
    const COLUMNS: &'static [Column] = &[
        Column::new("side", Kind::Text, ""),
        Column::new("quantity", Kind::Real, "base"),
        Column::new("price", Kind::Real, "quote/base"),
        Column::new("value", Kind::Real, "quote"),
        Column::new("price_kind", Kind::Text, ""),
        Column::new("at_least", Kind::Flag, ""),
    ];
    /// Venues give no id: the same side, price and quantity in the same millisecond is the same print.
    const KEY: &'static [&'static str] = &["timestamp", "side", "price", "quantity"];
    const ON_CONFLICT: &'static str = "DO NOTHING";

    body!(Liquidation);

    fn write<S: Sink>(&self, to: &mut S) -> Result<(), S::Error> {
        to.text(Some(name_of(self.side, &LIQUIDATED)))?;
        for value in [self.quantity, self.price, self.value] {
            to.real(Some(value))?;
        }
        to.text(Some(name_of(self.price_kind, &PRICE_KINDS)))?;
        to.flag(Some(self.at_least))
    }

    fn read<S: Source>(timestamp: Ms, from: &mut S) -> Result<Liquidation, S::Error> {
        Ok(Liquidation {
            timestamp,
            side: named(from, &LIQUIDATED)?,
            quantity: needed(from.real()?)?,
            price: needed(from.real()?)?,
            value: needed(from.real()?)?,
            price_kind: named(from, &PRICE_KINDS)?,
            at_least: needed(from.flag()?)?,
        })
    }

    fn order(&self, other: &Liquidation) -> Ordering {
        let key = |x: &Liquidation| (x.timestamp, name_of(x.side, &LIQUIDATED));
        let amounts =
            || self.price.total_cmp(&other.price).then_with(|| self.quantity.total_cmp(&other.quantity));
        key(self).cmp(&key(other)).then_with(amounts)
    }

    fn merged(held: Row<Liquidation>, _: Row<Liquidation>) -> Row<Liquidation> {
        held
    }
}
