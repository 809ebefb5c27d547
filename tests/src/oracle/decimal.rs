//! Exact decimals: integers with a fixed number of places, as the venues' texts mean them.

/// Reads `text` as an integer count of 10^-`places`.
///
/// # Panics
/// When it is no decimal or has more places than that: an oracle must not round.
pub fn units(text: &str, places: u32) -> i128 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (kept, rest) = fraction.split_at(fraction.len().min(places as usize));
    assert!(rest.bytes().all(|b| b == b'0'), "{text} has more than {places} places");
    let padded = format!("{whole}{kept:0<width$}", width = places as usize);
    sign * padded.parse::<i128>().unwrap_or_else(|_| panic!("{text} is no decimal"))
}

/// The text of `units` counts of 10^-`places`, all places written.
pub fn text(units: i128, places: u32) -> String {
    let scale = 10_i128.pow(places);
    let (sign, units) = if units < 0 { ("-", -units) } else { ("", units) };
    if places == 0 {
        return format!("{sign}{units}");
    }
    format!("{sign}{}.{:0width$}", units / scale, units % scale, width = places as usize)
}

/// The nearest double to `units` counts of 10^-`places`.
pub fn float(units: i128, places: u32) -> f64 {
    text(units, places).parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_round_trip_exactly() {
        for (given, places, expected) in [
            ("61800.20", 2, 6_180_020),
            ("0", 3, 0),
            ("0.0000012", 8, 120),
            ("-1.5", 1, -15),
            ("7.000", 1, 70),
        ] {
            assert_eq!(units(given, places), expected, "{given}");
        }
        assert_eq!(text(6_180_020, 2), "61800.20");
        assert_eq!(text(-5, 3), "-0.005");
        assert_eq!(text(12, 0), "12");
        assert_eq!(float(120, 8), 1.2e-6);
    }
}
