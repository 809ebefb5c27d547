//! Which bucket an instant falls in. Buckets go by calendar, never by counting bars.

mod session;
#[cfg(test)]
mod tests;
mod zone;

use std::fmt;
use std::sync::Arc;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::session::{CalendarError, Form as SessionForm, Session};
pub use self::zone::Zone;
use super::{Civil, Ms, Timeframe};

/// When a market trades, and so where its buckets begin; a clone is cheap.
///
/// Buckets follow one another without overlap, and each holds the closed time after it: of every instant
/// `at`, `open(at) <= at < next(open(at))`. With sessions,
/// - 1m to 1H go by the clock where the market is, cut at a session's edges;
/// - 4H count from the session's open;
/// - 1D is a session (a trading day), 1W and 1M are the trading days of a week from Monday and of a month:
///   each opens with its first session, which may be the evening before.
///
/// Outside (`/api/symbols`) it is `"24x7"`, `"cme"` or a [`Session`] object.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Calendar {
    /// Around the clock: UTC days, weeks from Monday, calendar months.
    #[default]
    Continuous,
    /// Trading days from 17:00 to 16:00 in Chicago, Monday's from Sunday evening on; no holidays.
    Cme,
    /// Sessions as a vendor reports them.
    Session(Arc<Session>),
}

const CONTINUOUS: &str = "24x7";
const CME: &str = "cme";

impl Calendar {
    /// Open time of the bucket that holds `at`.
    pub fn open(&self, timeframe: Timeframe, at: Ms) -> Ms {
        let Some(session) = self.session() else { return continuous_open(timeframe, at) };
        session.open(timeframe, at)
    }

    /// Open time of the bucket after the one that opens at `open`.
    pub fn next(&self, timeframe: Timeframe, open: Ms) -> Ms {
        match (self.session(), timeframe) {
            (Some(session), timeframe) => session.next(timeframe, open),
            (None, Timeframe::Mo1) => {
                let c = open.civil();
                if c.month == 12 {
                    Civil::midnight(c.year + 1, 1, 1)
                } else {
                    Civil::midnight(c.year, c.month + 1, 1)
                }
            }
            (None, fixed) => open + fixed.nominal(),
        }
    }

    /// Open time of the bucket before the one that opens at `open`.
    pub fn previous(&self, timeframe: Timeframe, open: Ms) -> Ms {
        self.open(timeframe, open - Ms(1))
    }

    /// When trading ends in the bucket that opens at `open`: at the next one's open, or before a closed time.
    /// Of a `1D` bucket it is the session's close.
    pub fn close_of(&self, timeframe: Timeframe, open: Ms) -> Ms {
        let next = self.next(timeframe, open);
        self.session().map_or(next, |session| next.min(session.close_at(next - Ms(1))))
    }

    /// Whether the market trades at `at`.
    pub fn is_open(&self, at: Ms) -> bool {
        self.session().is_none_or(|session| at < session.close_at(at))
    }

    /// `at` where the market trades then, else when it opens next.
    pub fn next_open(&self, at: Ms) -> Ms {
        match self.session() {
            Some(session) if at >= session.close_at(at) => session.next(Timeframe::D1, at),
            _ => at,
        }
    }

    /// The date of the trading day that holds `at`, or of the last one before it, as its midnight UTC.
    pub fn trading_day(&self, at: Ms) -> Ms {
        self.session().map_or_else(|| at.floor(Ms::DAY), |session| session.date_at(at))
    }

    /// The daily session; `None` around the clock.
    pub fn session(&self) -> Option<&Session> {
        match self {
            Calendar::Continuous => None,
            Calendar::Cme => Some(&session::CME),
            Calendar::Session(session) => Some(session),
        }
    }
}

fn continuous_open(timeframe: Timeframe, at: Ms) -> Ms {
    match timeframe {
        Timeframe::W1 => Ms((Civil::day_number(at) - i64::from(Civil::weekday(at))) * Ms::DAY.0),
        Timeframe::Mo1 => {
            let c = at.civil();
            Civil::midnight(c.year, c.month, 1)
        }
        fixed => at.floor(fixed.nominal()),
    }
}

impl Serialize for Calendar {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Calendar::Continuous => s.serialize_str(CONTINUOUS),
            Calendar::Cme => s.serialize_str(CME),
            Calendar::Session(session) => session.serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for Calendar {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        // By hand: serde's untagged enums bring a buffer for values of any type into the page.
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Calendar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a calendar or a session")
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Calendar, E> {
                match name {
                    CONTINUOUS => Ok(Calendar::Continuous),
                    CME => Ok(Calendar::Cme),
                    _ => Err(E::custom(format_args!("unknown calendar `{name}`"))),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Calendar, A::Error> {
                let session = Session::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Calendar::Session(Arc::new(session)))
            }
        }
        d.deserialize_any(Form)
    }
}
