//! Socket frames to updates, told apart in the order the vendor's own client does.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::Deserialize;
use shared::event::{Bar, BookTop};
use shared::market::{Instrument, Ms, Symbol, Timeframe};

use super::bars::{GRACE, instant, of_series, timeframe};
use super::wire::{self, Quote, Quotes, Series};
use super::{InsightSentry, LIVE, error};
use crate::venues::{Decoded, Decoder, Frame, Instruments, Update, VenueError, What};

/// Closed bars remembered per code: more than a first message repeats.
const REMEMBERED: usize = 1_000;

/// The frames of one connection.
pub(super) struct Frames {
    venue: Arc<InsightSentry>,
    minutes: HashMap<String, Minutes>,
    quotes: HashMap<String, Known>,
    /// How far the vendor's clock is ahead of ours.
    ahead: Option<Ms>,
}

/// The 1m bars of a code.
struct Minutes {
    symbol: Symbol,
    forming: Option<(Bar, Ms)>,
    closed: BTreeSet<Ms>,
}

/// What is known of a quote.
#[derive(Clone, Copy, Default, PartialEq)]
struct Known {
    bid: Option<f64>,
    ask: Option<f64>,
    bid_size: f64,
    ask_size: f64,
    delayed: bool,
}

impl Frames {
    pub(super) fn new(venue: Arc<InsightSentry>) -> Frames {
        Frames { venue, minutes: HashMap::new(), quotes: HashMap::new(), ahead: None }
    }

    /// The vendor's time at our `received`.
    fn vendor_now(&self, received: Ms) -> Ms {
        received + self.ahead.unwrap_or(Ms::ZERO)
    }

    fn learn(&mut self, last_update: Option<f64>, received: Ms) -> Ms {
        // Recordings without a clock of their own go by the vendor's alone.
        let told = last_update.and_then(|at| instant("last_update", at, Ms(1)).ok());
        if let Some(told) = told.filter(|_| received > Ms::ZERO) {
            self.ahead = Some(told - received);
        }
        told.unwrap_or_else(|| self.vendor_now(received))
    }

    /// Bars whose end has passed without a newer one.
    fn overdue(&mut self, received: Ms) -> Vec<Update> {
        let now = self.vendor_now(received);
        let mut closed: Vec<Update> = Vec::new();
        for minutes in self.minutes.values_mut() {
            let over = minutes.forming.take_if(|(_, end)| *end + GRACE <= now);
            closed.extend(over.and_then(|(bar, _)| minutes.close(bar)));
        }
        closed
    }

    fn series(&mut self, instruments: &Instruments, received: Ms, text: &str) -> Result<Decoded, VenueError> {
        let series: Series<'_> = read(text)?;
        let Some(instrument) = instruments.get(LIVE, &series.code) else { return Ok(unlisted(&series.code)) };
        let compact = series.bar_type.as_deref().unwrap_or("1m");
        let Some(timeframe) = timeframe(compact) else {
            return Ok(Decoded::new(None, Frame::Ignored("series_other_interval")));
        };
        let now = self.learn(series.last_update, received);
        let bars = of_series(&series, timeframe, &instrument.calendar, now)?;
        let updates = if timeframe == Timeframe::M1 {
            self.minutes(instrument, bars)
        } else {
            let told = |bar| Update { symbol: instrument.symbol.clone(), what: What::Kline(bar) };
            bars.into_iter().map(told).collect()
        };
        // What was told before is no news, and yet shows that the stream lives.
        Ok(Decoded::new(Some(series.code.into_owned()), Frame::Updates(updates)))
    }

    /// The bar that was forming is final once a later one is there. Closed ones are told once: a first message
    /// after each subscription repeats the last hours.
    fn minutes(&mut self, instrument: &Instrument, bars: Vec<Bar>) -> Vec<Update> {
        let known = self.minutes.entry(instrument.venue_symbol.clone()).or_insert_with(|| Minutes {
            symbol: instrument.symbol.clone(),
            forming: None,
            closed: BTreeSet::new(),
        });
        let mut updates = Vec::new();
        let Some(newest) = bars.last().map(|bar| bar.timestamp) else { return updates };
        let told_again = |bar: &Bar| bars.iter().any(|b| b.timestamp == bar.timestamp);
        if let Some((bar, _)) = known.forming.take_if(|(bar, _)| bar.timestamp < newest)
            && !told_again(&bar)
        {
            updates.extend(known.close(bar));
        }
        for bar in bars {
            if bar.closed {
                known.forming.take_if(|(forming, _)| forming.timestamp == bar.timestamp);
                updates.extend(known.close(bar));
            } else if !known.closed.contains(&bar.timestamp) {
                let end = instrument.calendar.close_of(Timeframe::M1, bar.timestamp);
                known.forming = Some((bar, end));
                updates.push(Update { symbol: known.symbol.clone(), what: What::Kline(bar) });
            }
        }
        updates
    }

    fn quote(
        &mut self,
        instruments: &Instruments,
        received: Ms,
        quotes: &[Quote<'_>],
        last_update: Option<f64>,
    ) -> Decoded {
        let now = self.learn(last_update, received);
        let unlisted: Vec<String> = quotes
            .iter()
            .filter(|q| instruments.get(LIVE, &q.code).is_none())
            .map(|q| q.code.to_string())
            .collect();
        if !unlisted.is_empty() {
            return Decoded { stream: None, frame: Frame::Ignored("unlisted"), unlisted };
        }
        let mut updates = Vec::new();
        let mut delayed = false;
        for quote in quotes {
            let Some(instrument) = instruments.get(LIVE, &quote.code) else { continue };
            let known = self.quotes.entry(quote.code.to_string()).or_default();
            let before = *known;
            known.merge(quote);
            delayed |= known.delayed;
            let at = quote.lp_time.filter(|_| last_update.is_none() && quote.last_update.is_none());
            let at = at.and_then(|at| instant("lp_time", at, Ms::SECOND).ok()).unwrap_or(now);
            if let Some(top) = known.top(at).filter(|_| *known != before) {
                updates.push(Update { symbol: instrument.symbol.clone(), what: What::Top(top) });
            }
        }
        let frame = match updates.is_empty() {
            // The best prices of a quarter of an hour ago are not the book.
            true if delayed => Frame::Ignored("quote_delayed"),
            true => Frame::Ignored("quote_without_book"),
            false => Frame::Updates(updates),
        };
        Decoded::new(None, frame)
    }

    fn frame(&mut self, instruments: &Instruments, received: Ms, text: &str) -> Result<Decoded, VenueError> {
        let plain = |frame| Ok(Decoded::new(None, frame));
        if text == "pong" {
            return plain(Frame::Ignored("pong"));
        }
        // A list would be read as the fields of a frame in their order.
        if !text.starts_with('{') {
            return Err(VenueError::Malformed { detail: "not an object".to_owned() });
        }
        let fields: wire::Frame<'_> = read(text)?;
        if fields.error.is_some() {
            return plain(error::frame(&self.venue, text));
        }
        if fields.event.is_some() {
            return plain(Frame::Ignored("status"));
        }
        if let Some(time) = fields.server_time.filter(|_| fields.code.is_none() && fields.data.is_none()) {
            // In milliseconds, as `last_update` is; a text or a count of seconds is no use.
            let told = time.get().parse().ok().filter(|at| *at > 1e11);
            self.learn(told, received);
            return plain(Frame::Ignored("server_time"));
        }
        if fields.message.is_some() && fields.code.is_none() {
            return plain(Frame::Ignored("status_text"));
        }
        if fields.series.is_some() {
            return self.series(instruments, received, text);
        }
        if fields.data.is_some() {
            let quotes: Quotes<'_> = read(text)?;
            return Ok(self.quote(instruments, received, &quotes.data, quotes.last_update));
        }
        let prices = [fields.last_price, fields.bid, fields.ask];
        if fields.code.is_some() && prices.iter().any(Option::is_some) {
            let quote: Quote<'_> = read(text)?;
            let last_update = quote.last_update;
            return Ok(self.quote(instruments, received, &[quote], last_update));
        }
        // Bodies of calls among the frames of a recording.
        plain(Frame::Ignored(match fields {
            wire::Frame { symbols: Some(_), .. } => "search",
            wire::Frame { price_scale: Some(_), .. } => "session",
            wire::Frame { contracts: Some(_), .. } => "contracts",
            _ => "unknown_frame",
        }))
    }
}

impl Minutes {
    /// A bar as closed, unless it was told as such.
    fn close(&mut self, bar: Bar) -> Option<Update> {
        if !self.closed.insert(bar.timestamp) {
            return None;
        }
        while self.closed.len() > REMEMBERED {
            self.closed.pop_first();
        }
        Some(Update { symbol: self.symbol.clone(), what: What::Kline(Bar { closed: true, ..bar }) })
    }
}

impl Known {
    fn merge(&mut self, quote: &Quote<'_>) {
        let sane = |value: Option<f64>| value.filter(|v| v.is_finite() && *v >= 0.0);
        self.bid = sane(quote.bid).or(self.bid);
        self.ask = sane(quote.ask).or(self.ask);
        self.bid_size = sane(quote.bid_size).unwrap_or(self.bid_size);
        self.ask_size = sane(quote.ask_size).unwrap_or(self.ask_size);
        self.delayed = quote.delay_seconds.map_or(self.delayed, |delay| delay != 0.0);
    }

    fn top(&self, at: Ms) -> Option<BookTop> {
        let (bid, ask) = (self.bid.filter(|p| *p > 0.0)?, self.ask.filter(|p| *p > 0.0)?);
        let live = !self.delayed && bid <= ask;
        live.then(|| BookTop::from_best(at, (bid, self.bid_size), (ask, self.ask_size)))
    }
}

impl Decoder for Frames {
    fn decode(
        &mut self,
        instruments: &Instruments,
        received: Ms,
        frame: &[u8],
    ) -> Result<Decoded, VenueError> {
        let text = std::str::from_utf8(frame).map_err(|e| VenueError::Malformed { detail: e.to_string() })?;
        let text = text.trim_ascii();
        let mut decoded = match self.frame(instruments, received, text) {
            // What is quoted in a log must not hold the key.
            Err(_) if !self.venue.key().is_empty() && text.contains(self.venue.key()) => {
                return Ok(Decoded::new(None, Frame::Ignored("holds_the_key")));
            }
            decoded => decoded?,
        };
        if decoded.unlisted.is_empty() && received > Ms::ZERO {
            let mut closed = self.overdue(received);
            match &mut decoded.frame {
                Frame::Updates(updates) => updates.append(&mut closed),
                Frame::Ignored(_) if !closed.is_empty() => decoded.frame = Frame::Updates(closed),
                _ => {}
            }
        }
        Ok(decoded)
    }
}

fn unlisted(code: &str) -> Decoded {
    Decoded { stream: None, frame: Frame::Ignored("unlisted"), unlisted: vec![code.to_owned()] }
}

/// Reads a wire struct; the error does not quote what it read.
pub(super) fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, VenueError> {
    serde_json::from_str(text).map_err(|e| VenueError::Malformed {
        detail: format!("{:?} error at column {}", e.classify(), e.column()),
    })
}
