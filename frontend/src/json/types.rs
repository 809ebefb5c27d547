//! Readers and writers of plain values and of `shared`'s types, as the relay has them.

use std::fmt::Write as _;
use std::sync::Arc;

use shared::event::{
    Action, Bar, BookTop, Channel, Cursor, Depth, Funding, FundingKind, Gap, GapCause, GapState, Liquidation,
    LiquidationSide, OpenInterest, Origin, PriceKind,
};
use shared::market::{Calendar, Kind, Ms, Session, SessionForm, Symbol, Timeframe, VenueId};
use shared::wire::{ChannelStatus, VenueState, VenueStatus};

use crate::number;

use super::{Json, Read, Word, Write, needs, words, write_list, write_object, write_text, writes};

impl Read for bool {
    fn read(json: &mut Json<'_>) -> Option<Self> {
        match json.plain()? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }
}

impl Read for f64 {
    fn read(json: &mut Json<'_>) -> Option<Self> {
        number::parse(json.plain().filter(|text| text.ends_with(|c: char| c.is_ascii_digit()))?)
    }
}

impl Read for i64 {
    fn read(json: &mut Json<'_>) -> Option<Self> {
        json.plain()?.parse().ok()
    }
}

macro_rules! whole {
    ($($type:ty)*) => { $(
        impl Read for $type {
            fn read(json: &mut Json<'_>) -> Option<Self> {
                i64::read(json)?.try_into().ok()
            }
        }
    )* };
}
whole! { u8 u32 u64 }

impl Read for Ms {
    fn read(json: &mut Json<'_>) -> Option<Self> {
        i64::read(json).map(Ms)
    }
}

impl Word for String {
    fn word(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Word for VenueId {
    fn word(text: &str) -> Option<Self> {
        Some(VenueId::new(text))
    }
}

macro_rules! parsed {
    ($($type:ty)*) => { $(
        impl Word for $type {
            fn word(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )* };
}
parsed! { Symbol Channel Cursor Timeframe }

macro_rules! texts {
    ($($type:ty)*) => { $(
        impl Read for $type {
            fn read(json: &mut Json<'_>) -> Option<Self> {
                Self::word(&json.text()?)
            }
        }
    )* };
}
texts! { String VenueId Symbol Channel Cursor Timeframe }

impl<T: Read> Read for Option<T> {
    fn read(json: &mut Json<'_>) -> Option<Self> {
        if json.peek() == b'n' {
            return (json.plain()? == "null").then_some(None);
        }
        T::read(json).map(Some)
    }
}

impl<T: Read> Read for Box<T> {
    fn read(json: &mut Json<'_>) -> Option<Self> {
        T::read(json).map(Box::new)
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(json: &mut Json<'_>) -> Option<Self> {
        let mut list = Vec::new();
        json.list(&mut |json| {
            list.push(T::read(json)?);
            Some(())
        })?;
        Some(list)
    }
}

impl<A: Read, B: Read> Read for (A, B) {
    fn read(json: &mut Json<'_>) -> Option<Self> {
        let (mut first, mut second) = (None, None);
        json.list(&mut |json| {
            if first.is_none() {
                first = Some(A::read(json)?);
            } else {
                second = Some(B::read(json).filter(|_| second.is_none())?);
            }
            Some(())
        })?;
        first.zip(second)
    }
}

words! {
    Origin { Import "import", Kline "kline", Trades "trades", Sim "sim" }
    LiquidationSide { Long "LONG", Short "SHORT" }
    PriceKind { Average "average", Bankruptcy "bankruptcy", Mark "mark" }
    FundingKind { Predicted "predicted", Settled "settled" }
    Action { Buy "buy", Sell "sell" }
    GapState { Open "open", Refilled "refilled", Lost "lost" }
    GapCause {
        Disconnect "disconnect", Sequence "sequence", Silence "silence", Restart "restart", Delisted "delisted",
        SlowClient "slow_client", ResumeExpired "resume_expired"
    }
    Kind { Perp "perp", Spot "spot", Future "future", Stock "stock", Index "index" }
    VenueState { Live "live", Quiet "quiet", Silent "silent", Down "down", Off "off" }
}

needs! { Depth { bid_usd, ask_usd; } }
needs! { VenueStatus { venue, state, since; reason, channels } }
needs! { ChannelStatus { channel, state, since; last_event, stale } }
needs! { SessionForm { zone, days, start, end; holidays } }

impl Read for Calendar {
    fn read(json: &mut Json<'_>) -> Option<Self> {
        if json.peek() == b'"' {
            return [Calendar::Continuous, Calendar::Cme].get(json.one_of(&["24x7", "cme"])?).cloned();
        }
        let session = Session::try_from(SessionForm::read(json)?).ok()?;
        Some(Calendar::Session(Arc::new(session)))
    }
}

macro_rules! shown {
    ($($type:ty)*) => { $(
        impl Write for $type {
            fn write(&self, out: &mut String) {
                let _ = write!(out, "{self}");
            }
        }
    )* };
}
shown! { bool u32 u64 i64 }

impl Write for f64 {
    fn write(&self, out: &mut String) {
        out.push_str(&if self.is_finite() { number::shortest(*self) } else { "null".to_owned() });
    }
}

impl Write for Ms {
    fn write(&self, out: &mut String) {
        self.0.write(out);
    }
}

impl Write for &str {
    fn write(&self, out: &mut String) {
        write_text(self, out);
    }
}

impl Write for String {
    fn write(&self, out: &mut String) {
        write_text(self, out);
    }
}

impl Write for Symbol {
    fn write(&self, out: &mut String) {
        write_text(self.as_str(), out);
    }
}

impl Write for VenueId {
    fn write(&self, out: &mut String) {
        write_text(self.as_str(), out);
    }
}

impl Write for Channel {
    fn write(&self, out: &mut String) {
        write_text(self.name(), out);
    }
}

impl Write for Timeframe {
    fn write(&self, out: &mut String) {
        write_text(self.name(), out);
    }
}

impl Write for Cursor {
    fn write(&self, out: &mut String) {
        write_text(&self.to_string(), out);
    }
}

impl<T: Write> Write for Option<T> {
    fn write(&self, out: &mut String) {
        match self {
            Some(value) => value.write(out),
            None => out.push_str("null"),
        }
    }
}

/// A member that is left out where it is not known.
pub(crate) struct Known<'a, T>(pub(crate) Option<&'a T>);

impl<T: Write> Write for Known<'_, T> {
    fn write(&self, out: &mut String) {
        if let Some(value) = self.0 {
            value.write(out);
        }
    }
}

impl<T: Write> Write for [T] {
    fn write(&self, out: &mut String) {
        write_list(&mut self.iter().map(|value| value as &dyn Write), out);
    }
}

impl<T: Write> Write for &[T] {
    fn write(&self, out: &mut String) {
        (**self).write(out);
    }
}

impl<T: Write> Write for Vec<T> {
    fn write(&self, out: &mut String) {
        self.as_slice().write(out);
    }
}

impl<A: Write, B: Write> Write for (A, B) {
    fn write(&self, out: &mut String) {
        write_list(&mut [&self.0 as &dyn Write, &self.1].into_iter(), out);
    }
}

impl Write for Bar {
    fn write(&self, out: &mut String) {
        write_object(
            &[
                ("timestamp", &self.timestamp),
                ("interval", &self.interval),
                ("open", &self.open),
                ("high", &self.high),
                ("low", &self.low),
                ("close", &self.close),
                ("volume", &self.volume),
                ("buy_volume", &self.buy_volume),
                ("sell_volume", &self.sell_volume),
                ("cvd", &self.cvd),
                ("cvd_from", &Known(self.cvd_from.as_ref())),
                ("vwap", &self.vwap),
                ("trades", &self.trades),
                ("origin", &self.origin),
                ("revision", &self.revision),
                ("closed", &self.closed),
                ("through", &Known(self.through.as_ref())),
            ],
            out,
        );
    }
}

writes! { OpenInterest { timestamp, open_interest, open_interest_value } }
writes! { Funding {
    timestamp, kind, funding_rate, next_funding_time, interval_hours, funding_apr, mark_price, index_price
} }
writes! { Liquidation { timestamp, side, quantity, price, value, price_kind, at_least } }
writes! { BookTop { timestamp, bid_px, bid_qty, ask_px, ask_qty, spread_bps, depth_10bps } }
writes! { Depth { bid_usd, ask_usd } }
writes! { Gap { timestamp, channel, from, to, cause, state } }
