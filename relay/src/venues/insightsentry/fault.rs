//! What an unsuccessful answer means.

use shared::market::{Calendar, Civil, Ms, Timeframe};

use super::rest_parse::refusal;
use super::{InsightSentry, NAME};
use crate::venues::{Answer, RestFault};

/// Silence where the vendor does not say how long.
const USUAL_WAIT: Ms = Ms::MINUTE;
/// No asking to be silent is longer than this.
const LONGEST_WAIT: Ms = Ms(7 * Ms::DAY.0);
/// A key that was refused is not tried again for so long.
const KEY_WAIT: Ms = Ms::HOUR;

pub(super) fn of_answer(venue: &InsightSentry, answer: &Answer<'_>, now: Ms) -> Option<RestFault> {
    let body = String::from_utf8_lossy(answer.body);
    let text = body.trim_ascii();
    let said = refusal(venue, text);
    if answer.is_success() && said.is_none() {
        return None;
    }
    let status = answer.status;
    let reason = match said {
        Some(said) => format!("{status} {said}"),
        None => format!("HTTP {status}"),
    };
    Some(match status {
        429 if text.contains("quota_exceeded") => {
            let months = Calendar::Continuous;
            let until = months.next(Timeframe::Mo1, months.open(Timeframe::Mo1, now));
            RestFault::Wait { until, reason: format!("{NAME}: the month's requests are used up ({reason})") }
        }
        429 => {
            let until = retry_at(answer, now).unwrap_or(now + USUAL_WAIT).min(now + LONGEST_WAIT);
            RestFault::Wait { until, reason }
        }
        // Nothing but another key helps, and asking on would only be counted.
        401 => RestFault::Wait {
            until: now + KEY_WAIT,
            reason: format!("{NAME} refused the key: check INSIGHTSENTRY_API_KEY ({reason})"),
        },
        408 | 425 | 500..=599 => match retry_at(answer, now) {
            Some(until) if until > now + Ms::SECOND => {
                RestFault::Wait { until: until.min(now + LONGEST_WAIT), reason }
            }
            _ => RestFault::Retry { reason },
        },
        _ => RestFault::BadRequest { reason },
    })
}

/// `Retry-After`: seconds from now, or a date.
fn retry_at(answer: &Answer<'_>, now: Ms) -> Option<Ms> {
    answer.retry_at(now).or_else(|| http_date(answer.header("retry-after")?))
}

/// `Wed, 21 Oct 2026 07:28:00 GMT`.
fn http_date(text: &str) -> Option<Ms> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let (clock, zone) = (parts.next()?, parts.next()?);
    let month = u8::try_from(MONTHS.iter().position(|name| *name == month)? + 1).ok()?;
    let (year, day): (i32, u8) = (year.parse().ok()?, day.parse().ok()?);
    let mut clock = clock.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let fits = zone == "GMT"
        && (1970..=9999).contains(&year)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    fits.then(|| Civil::midnight(year, month, day) + Ms::seconds((hour * 60 + minute) * 60 + second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates_are_read() {
        assert_eq!(http_date("Wed, 21 Oct 2026 07:28:00 GMT"), Some(Ms(1_792_567_680_000)));
        for wrong in
            ["", "soon", "Wed, 21 Okt 2026 07:28:00 GMT", "Wed, 41 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026"]
        {
            assert_eq!(http_date(wrong), None, "{wrong}");
        }
    }
}
