//! What venues and the driver say to each other about REST: questions, requests, answers, budgets.

use std::sync::Arc;

use reqwest::header::HeaderMap;
use secrecy::SecretString;
use shared::market::{Instrument, Ms, Timeframe};

use super::{Product, Update};

/// What can be asked of a venue's REST side.
#[derive(Clone, Debug, PartialEq)]
pub enum Fetch {
    /// All instruments of a product, or the named ones where the venue filters; `cursor` as
    /// [`Fetched::Instruments`] gave it for the next page.
    Instruments {
        product: Product,
        venue_symbols: Vec<String>,
        cursor: Option<String>,
    },
    /// What the venue has under a few letters, where it cannot list everything.
    Search {
        text: String,
    },
    /// Funding intervals that differ from the usual one.
    FundingIntervals {
        product: Product,
    },
    /// Bars opening in `[from, to)`, ascending, at most `limit`.
    Klines {
        instrument: Arc<Instrument>,
        timeframe: Timeframe,
        from: Ms,
        to: Ms,
        limit: u32,
    },
    OpenInterest {
        instrument: Arc<Instrument>,
    },
    OpenInterestHistory {
        instrument: Arc<Instrument>,
        from: Ms,
        to: Ms,
        limit: u32,
    },
    FundingHistory {
        instrument: Arc<Instrument>,
        from: Ms,
        to: Ms,
        limit: u32,
    },
    /// Mark, index and current funding.
    MarkPrice {
        instrument: Arc<Instrument>,
    },
    Depth {
        instrument: Arc<Instrument>,
    },
    /// Trades of `[from, to)`, for refilling a short hole.
    Trades {
        instrument: Arc<Instrument>,
        from: Ms,
        to: Ms,
        limit: u32,
    },
    /// A call whose answer is decoded to a named ignored kind (recorded files only).
    Ignored(&'static str),
}

impl Fetch {
    /// The instrument it asks about.
    pub fn instrument(&self) -> Option<&Arc<Instrument>> {
        match self {
            Fetch::Klines { instrument, .. }
            | Fetch::OpenInterest { instrument }
            | Fetch::OpenInterestHistory { instrument, .. }
            | Fetch::FundingHistory { instrument, .. }
            | Fetch::MarkPrice { instrument }
            | Fetch::Depth { instrument }
            | Fetch::Trades { instrument, .. } => Some(instrument),
            Fetch::Instruments { .. }
            | Fetch::Search { .. }
            | Fetch::FundingIntervals { .. }
            | Fetch::Ignored(_) => None,
        }
    }

    /// The same question about `other`, where it is about an instrument.
    pub fn with_instrument(mut self, other: &Arc<Instrument>) -> Fetch {
        match &mut self {
            Fetch::Klines { instrument, .. }
            | Fetch::OpenInterest { instrument }
            | Fetch::OpenInterestHistory { instrument, .. }
            | Fetch::FundingHistory { instrument, .. }
            | Fetch::MarkPrice { instrument }
            | Fetch::Depth { instrument }
            | Fetch::Trades { instrument, .. } => *instrument = Arc::clone(other),
            Fetch::Instruments { .. }
            | Fetch::Search { .. }
            | Fetch::FundingIntervals { .. }
            | Fetch::Ignored(_) => {}
        }
        self
    }
}

/// What a REST answer holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Fetched {
    /// Listed or found instruments, and the cursor of the next page if there is one.
    Instruments {
        listed: Vec<Instrument>,
        next: Option<String>,
    },
    /// Interval in hours by venue symbol.
    FundingIntervals(Vec<(String, f64)>),
    Updates(Vec<Update>),
    Ignored(&'static str),
}

/// A REST call.
#[derive(Clone, Debug)]
pub struct RestRequest {
    /// Whole address with query.
    pub url: String,
    /// The body of a POST; without one it is a GET.
    pub body: Option<String>,
    /// Further headers; values may be keys.
    pub headers: Vec<(&'static str, SecretString)>,
    /// The name of the [`LimitSpec`] it counts against, and of the others it counts against as well.
    pub limit: &'static str,
    pub also: &'static [&'static str],
    pub weight: u32,
}

impl RestRequest {
    pub fn get(url: String, limit: &'static str, weight: u32) -> RestRequest {
        RestRequest { url, body: None, headers: Vec::new(), limit, also: &[], weight }
    }

    /// A POST of JSON.
    pub fn post(url: String, body: String, limit: &'static str, weight: u32) -> RestRequest {
        RestRequest { body: Some(body), ..RestRequest::get(url, limit, weight) }
    }

    /// Every limit it counts against.
    pub fn limits(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.limit).chain(self.also.iter().copied())
    }
}

/// An answer, as far as it tells success from failure.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    pub status: u16,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

impl<'a> Answer<'a> {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }

    /// `Retry-After` as an instant: seconds from now.
    pub fn retry_at(&self, now: Ms) -> Option<Ms> {
        let seconds: i64 = self.header("retry-after")?.parse().ok()?;
        Some(now + Ms::seconds(seconds.clamp(0, 7 * 86_400)))
    }
}

/// One budget: a capacity per window, for one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitSpec {
    pub name: &'static str,
    /// Bans hit every budget of a host.
    pub host: String,
    pub capacity: u32,
    pub window: Window,
    /// Response header that tells what the venue has counted in this window.
    pub counted: Option<Counted>,
}

/// What a budget's capacity is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Any stretch of that length.
    Sliding(Ms),
    /// A calendar month, UTC. What is used survives a restart.
    Month,
}

/// How a response header counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// It says what is used.
    Used(&'static str),
    /// It says what is left.
    Remaining(&'static str),
}

impl Counted {
    pub fn header(self) -> &'static str {
        match self {
            Counted::Used(name) | Counted::Remaining(name) => name,
        }
    }
}

/// What to do about an unsuccessful answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestFault {
    /// Nothing to this host before then.
    Wait { until: Ms, reason: String },
    /// The venue does not serve this location; asking again soon is useless.
    RefusedLocation { reason: String },
    /// This request is wrong; do not repeat it.
    BadRequest { reason: String },
    /// The venue's fault; try again with back-off.
    Retry { reason: String },
}
