//! Stretches of time a person asks for, and the timeframe they are shown in.

use shared::market::{Ms, Timeframe};

use crate::zone::Zone;

/// Bars a chart reaches back by pages; what lies further back is shown in a longer timeframe.
const REACH: i64 = 20_000;
/// Bars of a stretch that fill a chart without being specks.
const COMFORT: std::ops::RangeInclusive<i64> = 40..=1_500;

/// Reads the two date fields (`2026-11-20`, days of `zone`): start, and end if one is given, its day included.
///
/// # Errors
/// One line that names the field and what to do.
pub fn stretch(from: &str, to: &str, zone: Zone, now: Ms) -> Result<(Ms, Option<Ms>), &'static str> {
    let day = |text: &str| {
        Ms::parse(text.trim()).ok().map(|t| (if t.whole_day { zone.unshift(t.at) } else { t.at }, t))
    };
    if from.trim().is_empty() {
        return Err("From: choose the first day.");
    }
    let (start, _) = day(from).ok_or("From is not a date: use YYYY-MM-DD.")?;
    if start > now {
        return Err("From lies in the future: choose an earlier day.");
    }
    if to.trim().is_empty() {
        return Ok((start, None));
    }
    let (end, read) = day(to).ok_or("To is not a date: use YYYY-MM-DD.")?;
    let end = if read.whole_day { zone.unshift(read.at + Ms::DAY) } else { end };
    if end <= start {
        return Err("To is before from: choose a later day.");
    }
    Ok((start, Some(end)))
}

/// The shown timeframe, or the next longer one that reaches back to `from`.
pub fn reaching(shown: Timeframe, from: Ms, now: Ms) -> Timeframe {
    let reaches = |tf: &Timeframe| (now - from).0 / tf.nominal().0 <= REACH;
    Timeframe::ALL.into_iter().skip(shown.index()).find(reaches).unwrap_or(Timeframe::Mo1)
}

/// The timeframe for the last `length`: the shown one where that is neither specks nor a handful of bars, else the
/// shortest that has room for it.
pub fn comfortable(shown: Timeframe, length: Ms) -> Timeframe {
    let bars = |tf: Timeframe| length.0 / tf.nominal().0;
    if COMFORT.contains(&bars(shown)) {
        return shown;
    }
    Timeframe::ALL.into_iter().find(|tf| bars(*tf) <= COMFORT.end() / 2).unwrap_or(Timeframe::Mo1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21.
    const DAY: i64 = 1_795_219_200_000;

    #[test]
    fn fields_give_a_stretch_or_one_line() {
        let now = Ms(DAY + 50_000_000);
        let read = |from, to| stretch(from, to, Zone::Utc, now);
        assert_eq!(
            read("2026-11-20", " 2026-11-20 "),
            Ok((Ms(DAY - 86_400_000), Some(Ms(DAY)))),
            "day included"
        );
        assert_eq!(read("2026-11-21", ""), Ok((Ms(DAY), None)));
        assert_eq!(read("2026-11-20T12:00:00Z", "").map(|s| s.0), Ok(Ms(DAY - 43_200_000)));
        for (from, to, said) in [
            ("", "2026-11-20", "From: choose"),
            ("20.11.2026", "", "From is not a date"),
            ("2026-13-01", "", "From is not a date"),
            ("2027-01-01", "", "From lies in the future"),
            ("2026-11-20", "soon", "To is not a date"),
            ("2026-11-20", "2026-11-18", "To is before from"),
        ] {
            assert!(read(from, to).is_err_and(|e| e.starts_with(said)), "{from} {to}");
        }
    }

    #[test]
    fn timeframes_suit_what_is_shown() {
        let days = |n: i64| Ms(n * 86_400_000);
        assert_eq!(reaching(Timeframe::M1, Ms(DAY) - days(10), Ms(DAY)), Timeframe::M1);
        assert_eq!(reaching(Timeframe::M1, Ms(DAY) - days(30), Ms(DAY)), Timeframe::M5);
        assert_eq!(reaching(Timeframe::H4, Ms(DAY) - days(30), Ms(DAY)), Timeframe::H4);
        assert_eq!(reaching(Timeframe::M1, Ms(0), Ms(DAY)), Timeframe::W1);
        for (shown, length, expected) in [
            (Timeframe::M1, 1, Timeframe::M1),
            (Timeframe::M5, 1, Timeframe::M5),
            (Timeframe::D1, 1, Timeframe::M5),
            (Timeframe::M1, 7, Timeframe::M15),
            (Timeframe::M1, 30, Timeframe::H1),
            (Timeframe::M5, 90, Timeframe::H4),
        ] {
            assert_eq!(comfortable(shown, days(length)), expected, "{length} days from {shown}");
        }
    }
}
