//! Numbers and times as text. Unknown is `–`, never 0; minus is U+2212.

use shared::market::Ms;

use crate::number;

/// Shown where a value is not known.
pub const UNKNOWN: &str = "–";

/// Decimals that show every multiple of a tick: 0.1 gives 1, 0.25 gives 2, 1e-8 gives 8, 5 gives 0. At most 12.
pub fn decimals_of(tick: f64) -> usize {
    if !(tick.is_finite() && tick > 0.0) {
        return 2;
    }
    let mut scaled = tick;
    for decimals in 0..=12 {
        // Relative to the tick itself, so that 1e-9 is not taken for zero.
        if (scaled - scaled.round()).abs() < 1e-6 * scaled && scaled.round() >= 1.0 {
            return decimals;
        }
        scaled *= 10.0;
    }
    12
}

/// A price with a fixed number of decimals, thousands separated: `61,694.5`.
pub fn price(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return UNKNOWN.into();
    }
    let text = number::fixed(value.abs(), decimals);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut out = String::with_capacity(text.len() + 6);
    if value < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
        out.push('\u{2212}');
    }
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// Three significant digits with k, M, B, T: `890`, `24.1k`, `7.42B`; below one `0.012`.
pub fn compact(value: f64) -> String {
    if !value.is_finite() {
        return UNKNOWN.into();
    }
    let size = value.abs();
    let sign = if value < 0.0 { "\u{2212}" } else { "" };
    if size < 1e-12 {
        return "0".into();
    }
    let mut unit = 0;
    let mut scaled = size;
    const UNITS: [&str; 5] = ["", "k", "M", "B", "T"];
    // 999.5 rounds to 1000 at three digits, so it already belongs to the next unit.
    while scaled >= 999.5 && unit + 1 < UNITS.len() {
        scaled /= 1_000.0;
        unit += 1;
    }
    let decimals = if scaled >= 99.95 {
        0
    } else if scaled >= 9.995 {
        1
    } else if scaled >= 0.9995 {
        2
    } else {
        // Leading zeros do not count as significant.
        let mut decimals = 2;
        let mut rest = scaled;
        while rest < 0.9995 && decimals < 9 {
            rest *= 10.0;
            decimals += 1;
        }
        decimals
    };
    let mut text = number::fixed(scaled, decimals);
    if unit == 0 && text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    format!("{sign}{text}{}", UNITS.get(unit).copied().unwrap_or(""))
}

/// k, M, B, T with up to three decimals, for axes whose labels lie close together: `84.125k`.
pub fn axis(value: f64) -> String {
    let size = value.abs();
    let (scale, unit) = match size {
        _ if !value.is_finite() => return UNKNOWN.into(),
        1e12.. => (1e12, "T"),
        1e9.. => (1e9, "B"),
        1e6.. => (1e6, "M"),
        1e4.. => (1e3, "k"),
        _ => (1.0, ""),
    };
    let text = price(value / scale, 3);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{}{unit}", if text.is_empty() { "0" } else { text })
}

/// A number with fixed decimals and a sign where it is not zero: `+1.24`, `−0.30`, `0.00`.
pub fn signed(value: f64, decimals: usize) -> String {
    let text = price(value, decimals);
    let shown_zero = !text.bytes().any(|b| (b'1'..=b'9').contains(&b));
    if value > 0.0 && value.is_finite() && !shown_zero { format!("+{text}") } else { text }
}

/// Signed percent with two decimals: `+1.24 %`.
pub fn percent(value: f64) -> String {
    unit(signed(value, 2), "%")
}

/// Signed percent with four decimals, as funding rates are quoted; the input is a fraction.
pub fn funding_rate(fraction: f64) -> String {
    unit(signed(fraction * 100.0, 4), "%")
}

/// Basis points with one decimal: `0.2 bp`; below 0.1 two significant digits, since tight books live there.
pub fn bps(value: f64) -> String {
    let decimals = if value.abs() < 0.095 && value != 0.0 { 3 } else { 1 };
    unit(price(value, decimals), "bp")
}

/// Signed basis points with one decimal: `+1.2 bp`.
pub fn signed_bps(value: f64) -> String {
    unit(signed(value, 1), "bp")
}

fn unit(text: String, unit: &str) -> String {
    if text == UNKNOWN { text } else { format!("{text}\u{a0}{unit}") }
}

/// A length as `03:12:44`; negative lengths are zero.
pub fn countdown(length: Ms) -> String {
    let s = (length.0.max(0) + 999) / 1_000;
    format!("{:02}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60)
}

/// An age: `0.3 s`, `95 s`, `4 min`, `3 h`, `2 d`; negative ages are zero.
pub fn age(length: Ms) -> String {
    let ms = length.0.max(0);
    match ms {
        0..10_000 => format!("{}.{}\u{a0}s", ms / 1_000, ms % 1_000 / 100),
        10_000..120_000 => format!("{}\u{a0}s", ms / 1_000),
        120_000..7_200_000 => format!("{}\u{a0}min", ms / 60_000),
        7_200_000..172_800_000 => format!("{}\u{a0}h", ms / 3_600_000),
        _ => format!("{}\u{a0}d", ms / 86_400_000),
    }
}

/// UTC time of day: `12:03:44`.
pub fn clock(at: Ms) -> String {
    let c = at.civil();
    format!("{:02}:{:02}:{:02}", c.hour, c.minute, c.second)
}

/// UTC date: `2026-11-21`.
pub fn date(at: Ms) -> String {
    let c = at.civil();
    format!("{:04}-{:02}-{:02}", c.year, c.month, c.day)
}

/// What is left until an instant that is near or days away: `03:12`, `01:03:12`, `5 d`.
pub fn left(length: Ms) -> String {
    if length > Ms(2 * 86_400_000) {
        return age(length);
    }
    let text = countdown(length);
    text.strip_prefix("00:").map_or(text.clone(), str::to_owned)
}

/// UTC date and minute: `2026-11-21 12:03`.
pub fn date_minute(at: Ms) -> String {
    let c = at.civil();
    format!("{:04}-{:02}-{:02} {:02}:{:02}", c.year, c.month, c.day, c.hour, c.minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_give_decimals() {
        for (tick, decimals) in
            [(0.1, 1), (0.01, 2), (0.25, 2), (0.5, 1), (1.0, 0), (5.0, 0), (1e-8, 8), (1e-9, 9), (0.0, 2)]
        {
            assert_eq!(decimals_of(tick), decimals, "{tick}");
        }
        assert_eq!(decimals_of(f64::NAN), 2);
    }

    #[test]
    fn prices_separate_thousands_and_sign_only_what_is_shown() {
        assert_eq!(price(61_694.5, 1), "61,694.5");
        assert_eq!(price(-1_234_567.0, 0), "\u{2212}1,234,567");
        assert_eq!(price(0.00001234, 8), "0.00001234");
        assert_eq!(price(-0.001, 2), "0.00");
        assert_eq!(price(999.0, 0), "999");
        assert_eq!(price(f64::NAN, 2), "–");
    }

    #[test]
    fn compact_keeps_three_digits() {
        for (value, text) in [
            (0.0, "0"),
            (890.4, "890"),
            (24_123.0, "24.1k"),
            (999_600.0, "1.00M"),
            (7_420_000_000.0, "7.42B"),
            (-1_500.0, "\u{2212}1.50k"),
            (0.0123, "0.0123"),
            (1.5, "1.5"),
            (12.0, "12"),
        ] {
            assert_eq!(compact(value), text, "{value}");
        }
        assert_eq!(compact(f64::INFINITY), "–");
    }

    #[test]
    fn axis_labels_stay_apart() {
        for (value, text) in [
            (84_125.0, "84.125k"),
            (84_130.0, "84.13k"),
            (900.0, "900"),
            (0.0, "0"),
            (-2_500_000.0, "\u{2212}2.5M"),
            (1_000.0, "1,000"),
        ] {
            assert_eq!(axis(value), text, "{value}");
        }
    }

    #[test]
    fn signs_and_units() {
        assert_eq!(percent(1.239), "+1.24\u{a0}%");
        assert_eq!(percent(-0.3), "\u{2212}0.30\u{a0}%");
        assert_eq!(percent(0.001), "0.00\u{a0}%");
        assert_eq!(funding_rate(0.0001), "+0.0100\u{a0}%");
        assert_eq!(bps(0.25), "0.2\u{a0}bp");
        assert_eq!(bps(0.016), "0.016\u{a0}bp");
        assert_eq!(bps(f64::NAN), "–");
        assert_eq!(signed_bps(-2.34), "\u{2212}2.3\u{a0}bp");
    }

    #[test]
    fn lengths_and_ages() {
        assert_eq!(countdown(Ms(11_564_000)), "03:12:44");
        assert_eq!(countdown(Ms(-5)), "00:00:00");
        for (ms, text) in [(300, "0.3"), (95_000, "95"), (240_000, "4"), (-9, "0.0")] {
            assert_eq!(age(Ms(ms)).split('\u{a0}').next(), Some(text));
        }
        assert_eq!(clock(Ms(3_723_000)), "01:02:03");
        assert_eq!(date_minute(Ms(1_795_219_200_000)), "2026-11-21 00:00");
        assert_eq!(date(Ms(1_795_219_200_000)), "2026-11-21");
        for (ms, text) in [(192_000, "03:12"), (3_792_000, "01:03:12"), (432_000_000, "5\u{a0}d")] {
            assert_eq!(left(Ms(ms)), text);
        }
    }
}
