//! Codes, what they stand for, and when it trades.

use std::sync::Arc;

use shared::event::Channel;
use shared::market::{Calendar, Group, Instrument, Kind, Session, Symbol, VenueId};

use super::NAME;

/// Exchanges whose futures keep the hours of [`Calendar::Cme`].
const CME_LIKE: [&str; 8] =
    ["CME_MINI", "CME", "CBOT", "CBOT_MINI", "NYMEX", "NYMEX_MINI", "COMEX", "COMEX_MINI"];
/// Those hours, as the zones they are told in have them.
const CME_HOURS: [(&str, &str, &str); 3] = [
    ("America/Chicago", "1700", "1600"),
    ("America/New_York", "1800", "1700"),
    ("US/Central", "1700", "1600"),
];
const WORKDAYS: [u8; 5] = [1, 2, 3, 4, 5];

/// Whether a text is a code: `EXCHANGE:TICKER` in upper case.
pub(super) fn is_code(text: &str) -> bool {
    let fits = |part: &str, more: &str| {
        !part.is_empty()
            && part.chars().all(|c| {
                c.is_ascii_uppercase() || c.is_ascii_digit() || "_./-".contains(c) || more.contains(c)
            })
    };
    text.split_once(':').is_some_and(|(exchange, ticker)| fits(exchange, "") && fits(ticker, "!"))
}

/// What the vendor says of a code, as far as it says it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Listing<'a> {
    pub code: &'a str,
    /// `STOCK`, `futures`, ..
    pub kind: Option<&'a str>,
    pub currency: Option<&'a str>,
    /// In quote currency; 0 where it is not known.
    pub tick_size: f64,
}

/// The instrument of a listing; `None` where the code is none of the vendor's.
pub(super) fn instrument(listing: &Listing<'_>, calendar: Calendar) -> Option<Instrument> {
    let code = listing.code;
    let (exchange, ticker) = code.split_once(':').filter(|_| is_code(code))?;
    let kind = listing.kind.and_then(kind_named).unwrap_or_else(|| kind_of_code(exchange, ticker));
    let base = if kind == Kind::Future { root(ticker) } else { ticker };
    // A continuous contract and one of its months hold the same trades: only the former stands for its root.
    let group = if kind == Kind::Future && is_continuous(ticker) { base } else { ticker };
    let symbol: Symbol = code.parse().ok()?;
    Some(Instrument {
        symbol,
        venue: VenueId::new(NAME),
        venue_symbol: code.to_owned(),
        group: Group::new(group, kind),
        kind,
        base: base.to_owned(),
        quote: listing.currency.unwrap_or("USD").to_owned(),
        tick_size: listing.tick_size,
        step_size: 1.0,
        multiplier: 1.0,
        channels: vec![Channel::Bar],
        calendar,
    })
}

/// The instrument a code most likely is, tick unknown (0).
pub(super) fn guess(code: &str) -> Option<Instrument> {
    let calendar = if is_cme_like(code) { Calendar::Cme } else { Calendar::Continuous };
    instrument(&Listing { code, ..Listing::default() }, calendar)
}

fn kind_named(text: &str) -> Option<Kind> {
    match text.to_ascii_lowercase().as_str() {
        "futures" | "future" => Some(Kind::Future),
        "stock" | "fund" | "etf" | "dr" | "bond" | "structured" | "warrant" => Some(Kind::Stock),
        "index" | "economic" => Some(Kind::Index),
        "crypto" | "forex" | "spot" | "cfd" => Some(Kind::Spot),
        _ => None,
    }
}

fn kind_of_code(exchange: &str, ticker: &str) -> Kind {
    if CME_LIKE.contains(&exchange) || is_continuous(ticker) { Kind::Future } else { Kind::Stock }
}

fn is_cme_like(code: &str) -> bool {
    code.split_once(':').is_some_and(|(exchange, _)| CME_LIKE.contains(&exchange))
}

/// `MNQ1!`, `MNQ2!`: the front contract, the one after it.
fn is_continuous(ticker: &str) -> bool {
    ticker.ends_with('!')
}

/// `MNQ` of `MNQ1!` and of `MNQH2026`.
fn root(ticker: &str) -> &str {
    let continuous = ticker.strip_suffix('!').map(|rest| rest.trim_end_matches(|c: char| c.is_ascii_digit()));
    let dated = || {
        let (rest, year) = ticker.split_at_checked(ticker.len().checked_sub(4)?)?;
        let month = rest.chars().next_back().filter(|c| "FGHJKMNQUVXZ".contains(*c))?;
        year.bytes().all(|b| b.is_ascii_digit()).then(|| rest.strip_suffix(month))?
    };
    continuous.or_else(dated).filter(|root| !root.is_empty()).unwrap_or(ticker)
}

/// Hours as the vendor reports them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hours<'a> {
    pub zone: Option<&'a str>,
    /// `HHMM`.
    pub start: Option<&'a str>,
    pub end: Option<&'a str>,
}

/// The calendar of a code. The large futures exchanges by rule where what is reported does not contradict it;
/// without usable hours, around the clock.
pub(super) fn calendar(code: &str, hours: &Hours<'_>, holidays: &[&str]) -> Calendar {
    let (Some(zone), Some(start), Some(end)) = (hours.zone, hours.start, hours.end) else {
        return if is_cme_like(code) { Calendar::Cme } else { Calendar::Continuous };
    };
    if is_cme_like(code) && CME_HOURS.contains(&(zone, start, end)) {
        return Calendar::Cme;
    }
    let whole_day = start == "0000" && matches!(end, "2400" | "0000" | "2359");
    if whole_day && matches!(zone, "UTC" | "Etc/UTC") {
        return Calendar::Continuous;
    }
    let dates: Vec<&str> = holidays.iter().copied().filter(|d| is_date(d)).collect();
    let session = Session::new(zone, &WORKDAYS, start, end, &dates);
    session.map_or(Calendar::Continuous, |session| Calendar::Session(Arc::new(session)))
}

fn is_date(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit())
}
