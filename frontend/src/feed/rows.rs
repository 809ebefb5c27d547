//! Frames and answers of the relay as the page reads them.

use shared::event::{
    Action, Bar, Body, BookTop, Channel, Cursor, Depth, Event, Funding, FundingKind, Gap, GapCause, GapState,
    Liquidation, LiquidationSide, OpenInterest, Origin, PriceKind, Stamped,
};
use shared::market::{Calendar, Kind, Ms, Symbol, Timeframe, VenueId};
use shared::wire::VenueStatus;

use super::pairs::Pairs;
use crate::json::{self, Json, Read, Unread, needs, object};
use crate::series::heat::Cell;
use crate::series::{Heat, Shares, SignalMark};

/// How fast a replay goes: times as fast as recorded, infinite for `max`.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Speed(pub f64);

impl Read for Speed {
    fn read(json: &mut Json<'_>) -> Option<Self> {
        let times = if json.peek() == b'"' { json.text().map(|_| f64::INFINITY) } else { f64::read(json) };
        times.map(Speed)
    }
}

object! {
    /// Any frame, history row, overview, status or error answer: all their fields side by side, absent ones empty.
    ///
    /// One struct for all of them: one reader instead of one for each, nested and tagged as the relay writes them. The
    /// methods read one kind out of it and give nothing where a field it needs is missing.
    #[derive(Clone, PartialEq, Debug, Default)]
    pub struct Row {
        /// The frame's type; rows of history have none.
        pub tag: String = "type",
        pub timestamp: Ms,
        pub received: Ms,
        pub symbol: Option<Symbol>,
        pub venue: Option<VenueId>,
        pub seq: u64,
        pub cursor: Option<Cursor>,

        pub interval: Option<Timeframe>,
        pub open: Option<f64>,
        pub high: Option<f64>,
        pub low: Option<f64>,
        pub close: Option<f64>,
        pub volume: Option<f64>,
        pub buy_volume: Option<f64>,
        pub sell_volume: Option<f64>,
        pub cvd: Option<f64>,
        pub cvd_from: Option<Ms>,
        pub vwap: Option<f64>,
        pub trades: Option<u64>,
        pub origin: Option<Origin>,
        pub revision: u32,
        pub closed: bool,
        pub through: Option<Ms>,

        pub by_venue: Shares,

        pub open_interest: Option<f64>,
        pub open_interest_value: Option<f64>,

        /// Of a rate: `predicted` or `settled`; of a heat map what it is made of.
        pub kind: String,
        pub funding_rate: Option<f64>,
        pub next_funding_time: Option<Ms>,
        pub interval_hours: Option<f64>,
        pub funding_apr: Option<f64>,
        pub mark_price: Option<f64>,
        pub index_price: Option<f64>,

        pub side: Option<LiquidationSide>,
        pub quantity: Option<f64>,
        pub price: Option<f64>,
        pub value: Option<f64>,
        pub price_kind: Option<PriceKind>,
        pub at_least: bool,

        pub bid_px: Option<f64>,
        pub bid_qty: Option<f64>,
        pub ask_px: Option<f64>,
        pub ask_qty: Option<f64>,
        pub spread_bps: Option<f64>,
        pub depth_10bps: Option<Depth>,

        /// Of a signal: `buy`, `sell`, or `hold` in history.
        pub action: String,
        pub confidence: f64,

        /// Of a heat map.
        pub price_bins: Vec<f64>,
        pub time_bins: Vec<Ms>,
        pub cells: Vec<HeatCell>,

        pub channel: Option<Channel>,
        pub from: Option<Ms>,
        pub to: Option<Ms>,
        pub cause: Option<GapCause>,
        /// Of a gap or of a market.
        pub state: String,

        /// Of a status: `live`, `demo` or `replay`.
        pub mode: String,
        pub venues: Vec<VenueStatus>,
        /// Of an answer to our own request: its number.
        pub id: Option<u32>,
        /// Of an error frame.
        pub message: String,
        /// Of an error answer.
        pub detail: String,

        /// Of a replay, in recorded time.
        pub position: Option<Ms>,
        pub target: Option<Ms>,
        pub speed: Speed,
        /// Counts how often it began.
        pub run: u32,

        /// Of a snapshot.
        pub frames: Vec<Row>,
        /// Of an overview: its markets, and what each has.
        pub members: Vec<Row>,
        pub quote: String,
        pub predicted: Option<Box<Row>>,
        pub settled: Option<Box<Row>>,
        /// A funding rate's decimal of one hour.
        pub hourly: Option<f64>,
        pub volume_24h: Option<Box<Row>>,
        /// Minutes with a bar, of 1440.
        pub minutes: u32,
        pub liquidations: Option<Box<Row>>,
        pub long: Option<Box<Row>>,
        pub short: Option<Box<Row>>,
        /// By channel, since it last spoke.
        pub age_ms: Pairs<Channel, Option<i64>>,
        pub unavailable: Vec<Channel>,

        /// Of a frame of guards.
        pub guards: Vec<GuardRow>,
    }
}

object! {
    /// A guard, or one of the numbers it was computed from.
    #[derive(Clone, PartialEq, Debug, Default)]
    pub struct GuardRow {
        pub name: String,
        pub value: Option<f64>,
        /// The value is a lower bound.
        pub at_least: bool,
        pub warning: Option<f64>,
        pub breach: Option<f64>,
        pub state: String,
        /// Of the oldest number in it, when the frame was made.
        pub age_ms: Option<i64>,
        /// When it came into its state.
        pub since: Ms,
        /// One plain sentence.
        pub reason: String,
        pub inputs: Vec<GuardRow>,

        /// Of an input: its market, and the time of its data.
        pub symbol: String,
        pub venue: String,
        pub timestamp: Option<Ms>,
    }
}

object! {
    /// One bin of a heat map.
    #[derive(Clone, PartialEq, Debug, Default)]
    pub struct HeatCell {
        pub p: u32,
        pub t: u32,
        pub count: u64,
        pub size_usd: f64,
    }
}

impl Row {
    /// Reads a frame.
    ///
    /// # Errors
    /// [`Unread`] for junk and for values this version does not know; skip such a frame.
    pub fn decode(text: &str) -> Result<Row, Unread> {
        json::read(text)
    }

    pub fn bar(&self) -> Option<Bar> {
        Some(Bar {
            timestamp: self.timestamp,
            interval: self.interval?,
            open: self.open?,
            high: self.high?,
            low: self.low?,
            close: self.close?,
            volume: self.volume?,
            buy_volume: self.buy_volume,
            sell_volume: self.sell_volume,
            cvd: self.cvd,
            cvd_from: self.cvd_from,
            vwap: self.vwap,
            trades: self.trades,
            origin: self.origin?,
            revision: self.revision,
            closed: self.closed,
            through: self.through,
        })
    }

    pub fn open_interest(&self) -> Option<OpenInterest> {
        let (timestamp, open_interest_value) = (self.timestamp, self.open_interest_value);
        Some(OpenInterest { timestamp, open_interest: self.open_interest?, open_interest_value })
    }

    pub fn funding(&self) -> Option<Funding> {
        Some(Funding {
            timestamp: self.timestamp,
            kind: match self.kind.as_str() {
                "predicted" => FundingKind::Predicted,
                "settled" => FundingKind::Settled,
                _ => return None,
            },
            funding_rate: self.funding_rate?,
            next_funding_time: self.next_funding_time,
            interval_hours: self.interval_hours,
            funding_apr: self.funding_apr,
            mark_price: self.mark_price,
            index_price: self.index_price,
        })
    }

    pub fn liquidation(&self) -> Option<Liquidation> {
        Some(Liquidation {
            timestamp: self.timestamp,
            side: self.side?,
            quantity: self.quantity?,
            price: self.price?,
            value: self.value?,
            price_kind: self.price_kind?,
            at_least: self.at_least,
        })
    }

    pub fn book(&self) -> Option<BookTop> {
        Some(BookTop {
            timestamp: self.timestamp,
            bid_px: self.bid_px?,
            bid_qty: self.bid_qty?,
            ask_px: self.ask_px?,
            ask_qty: self.ask_qty?,
            spread_bps: self.spread_bps?,
            depth_10bps: self.depth_10bps,
        })
    }

    /// A signal to act; holding is none.
    pub fn signal(&self) -> Option<SignalMark> {
        let action = match self.action.as_str() {
            "buy" => Action::Buy,
            "sell" => Action::Sell,
            _ => return None,
        };
        Some(SignalMark { timestamp: self.timestamp, action, confidence: self.confidence })
    }

    pub fn heat(&self) -> Option<Heat> {
        let cell = |c: &HeatCell| Cell { p: c.p, t: c.t, count: c.count, size_usd: c.size_usd };
        Heat::new(self.price_bins.clone(), self.time_bins.clone(), self.cells.iter().map(cell).collect())
    }

    pub fn gap(&self) -> Option<Gap> {
        Some(Gap {
            timestamp: self.timestamp,
            channel: self.channel?,
            from: self.from?,
            to: self.to,
            cause: self.cause?,
            state: match self.state.as_str() {
                "open" => GapState::Open,
                "refilled" => GapState::Refilled,
                "lost" => GapState::Lost,
                _ => return None,
            },
        })
    }

    /// A data frame's event with its place on the bus; `None` for other frames and for channels not drawn here.
    pub fn stamped(&self) -> Option<Stamped> {
        let body = match self.tag.as_str() {
            "bar" => Body::Bar(self.bar()?),
            "oi" => Body::Oi(self.open_interest()?),
            "funding" => Body::Funding(self.funding()?),
            "liquidation" => Body::Liquidation(self.liquidation()?),
            "book" => Body::Book(self.book()?),
            "gap" => Body::Gap(self.gap()?),
            _ => return None,
        };
        let (symbol, venue) = (self.symbol.clone()?, self.venue.clone()?);
        let event = Event { received: self.received, symbol, venue, body };
        Some(Stamped { event, seq: self.seq, cursor: self.cursor? })
    }
}

/// One row of `/api/symbols`.
#[derive(Clone, PartialEq, Debug)]
pub struct SymbolRow {
    pub symbol: Symbol,
    pub kind: Kind,
    pub group: String,
    pub base: String,
    pub quote: String,
    pub tick_size: f64,
    pub venues: Vec<String>,
    pub channels: Vec<Channel>,
    /// What each venue offers for it.
    pub venue_channels: Pairs<String, Vec<Channel>>,
    pub calendar: Calendar,
}

needs! { SymbolRow {
    symbol, kind, tick_size; group, base, quote, venues, channels, venue_channels, calendar
} }

impl SymbolRow {
    /// What a venue offers for it; everything where the relay does not say.
    pub fn offered(&self, venue: &str) -> &[Channel] {
        let known = self
            .venue_channels
            .0
            .iter()
            .find(|(held, _)| held == venue)
            .map_or(&self.channels, |(_, own)| own);
        if known.is_empty() { &Channel::OFFERED } else { known }
    }
}

#[cfg(test)]
mod tests;
