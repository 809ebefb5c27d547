//! Numbers from and to text.
//!
//! Rust's own ways hold for every float there is, by tables and long arithmetic that a first visit would load: 30 kB
//! that no packing makes smaller. These are exact for what markets have, and ask the browser about the rest.

/// Largest whole number that a float has exactly, with all below.
const EXACT: u64 = 1 << 53;
/// Powers of ten up to this one are exact.
const EXACT_POWER: i32 = 22;

/// Reads a decimal number, to the nearest float: `-61694.5`, `1e-7`.
pub fn parse(text: &str) -> Option<f64> {
    let (number, power) = match text.split_once(['e', 'E']) {
        Some((number, power)) => (number, power.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, number) = match number.as_bytes().first()? {
        b'-' => (true, number.get(1..)?),
        b'+' => (false, number.get(1..)?),
        _ => (false, number),
    };
    let (mut digits, mut decimals, mut seen, mut after) = (0_u64, 0_i32, false, false);
    for byte in number.bytes() {
        match byte {
            b'0'..=b'9' => {
                seen = true;
                // More than any float has exactly: the browser reads it.
                digits = digits.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
                decimals += i32::from(after);
            }
            b'.' if !after => after = true,
            _ => return None,
        }
    }
    if !seen {
        return None;
    }
    let power = power.saturating_sub(decimals);
    if digits > EXACT || power.abs() > EXACT_POWER {
        return nearest(text);
    }
    // Both are exact, so one operation rounds once.
    let (value, scale) = (digits as f64, (0..power.abs()).fold(1.0, |scale, _| scale * 10.0));
    let value = if power < 0 { value / scale } else { value * scale };
    Some(if negative { -value } else { value })
}

/// With so many decimals, rounded to the nearest, of two as near to the even one: as `{:.*}` writes it.
pub fn fixed(value: f64, decimals: usize) -> String {
    let bits = value.to_bits();
    let (fraction, exponent) = (bits & (EXACT / 2 - 1), (bits >> 52 & 0x7ff) as i32);
    let whole = if exponent == 0 { fraction } else { fraction | (EXACT / 2) };
    let power = exponent.max(1) - 1_075;
    let scaled = u128::from(whole) * u128::from(10_u64.pow(decimals.min(19) as u32));
    let rounded = match power {
        0..=10 => scaled.checked_mul(1 << power),
        11.. => None,
        -127..0 => {
            let (down, rest) = (scaled >> -power, scaled & ((1 << -power) - 1));
            let half = 1 << (-power - 1);
            Some(down + u128::from(rest > half || (rest == half && down & 1 == 1)))
        }
        _ => Some(0),
    };
    // Beyond what any market has: with the decimals it has.
    let Some(rounded) = rounded.and_then(|n| u64::try_from(n).ok()).filter(|_| decimals < 20) else {
        return shortest(value);
    };
    let mut text = rounded.to_string();
    while text.len() <= decimals {
        text.insert(0, '0');
    }
    if decimals > 0 {
        text.insert(text.len() - decimals, '.');
    }
    if value.is_sign_negative() {
        text.insert(0, '-');
    }
    text
}

/// As few digits as tell it from all other floats, without an exponent: as `{}` writes it.
pub fn shortest(value: f64) -> String {
    if value.abs() < EXACT as f64 && value as i64 as f64 == value {
        return (value as i64).to_string();
    }
    spelt_out(&told(value))
}

/// `1.5e-7` as `0.00000015`.
fn spelt_out(text: &str) -> String {
    let parts = text.split_once('e').and_then(|(number, power)| Some((number, power.parse::<i32>().ok()?)));
    let Some((number, power)) = parts else { return text.to_owned() };
    let (sign, number) = number.strip_prefix('-').map_or(("", number), |number| ("-", number));
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let (mut digits, mut point) = ([whole, decimals].concat(), whole.len() as i32 + power);
    while point <= 0 {
        digits.insert(0, '0');
        point += 1;
    }
    while digits.len() < point as usize {
        digits.push('0');
    }
    if digits.len() > point as usize {
        digits.insert(point as usize, '.');
    }
    [sign, &digits].concat()
}

/// The nearest float of a number with more digits than a float has, or far from 1.
#[cfg(target_arch = "wasm32")]
fn nearest(text: &str) -> Option<f64> {
    Some(js_sys::parse_float(text))
}

#[cfg(not(target_arch = "wasm32"))]
fn nearest(text: &str) -> Option<f64> {
    text.parse().ok()
}

#[cfg(target_arch = "wasm32")]
fn told(value: f64) -> String {
    js_sys::Number::from(value).to_string_with_radix(10).map(String::from).unwrap_or_default()
}

#[cfg(not(target_arch = "wasm32"))]
fn told(value: f64) -> String {
    format!("{value:e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Floats of all sizes, the same each time.
    fn floats() -> impl Iterator<Item = f64> {
        let mut bits = 1_u64;
        (0..20_000).map(move |n| {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            match n % 4 {
                0 => f64::from_bits(bits),
                1 => (bits >> 40) as f64 / 100.0,
                2 => (bits >> 44) as f64 / 64.0,
                _ => f64::from_bits(bits >> 12 | 0x3e70_0000_0000_0000) * 1e3,
            }
        })
    }

    #[test]
    fn texts_are_read_as_the_nearest_float() {
        for value in floats().filter(|v| v.is_finite()) {
            for text in [format!("{value}"), format!("{value:e}"), format!("{value:.3}")] {
                assert_eq!(parse(&text).map(f64::to_bits), text.parse().ok().map(f64::to_bits), "{text}");
            }
        }
        for text in ["0", "-0", "1.", ".5", "+7", "1e22", "1E-22", "9007199254740993", "00012.50", "1e400"] {
            assert_eq!(parse(text), text.parse().ok(), "{text}");
        }
        for junk in
            ["", "-", ".", "e5", "1e", "1e1.5", "1.2.3", "inf", "nan", "0x1", "1 ", " 1", "--1", "1_0"]
        {
            assert_eq!(parse(junk), None, "{junk}");
        }
    }

    #[test]
    fn decimals_are_rounded_as_by_the_standard_library() {
        for value in
            floats().filter(|v| v.abs() < 1e6).chain([0.5, 1.5, 2.5, 0.125, -0.375, 1e-300, 0.0, -0.0, 1.005])
        {
            for decimals in [0, 1, 2, 3, 8, 12] {
                assert_eq!(fixed(value, decimals), format!("{value:.decimals$}"), "{value:e}");
            }
        }
        assert_eq!(fixed(1e18, 0), "1000000000000000000");
        assert_eq!(fixed(1e25, 2), "10000000000000000000000000", "without decimals that it does not have");
    }

    #[test]
    fn floats_are_told_as_by_the_standard_library() {
        for value in floats().filter(|v| v.is_finite() && *v != 0.0) {
            assert_eq!(shortest(value), value.to_string());
        }
        assert_eq!(spelt_out("-1.5e-7"), "-0.00000015");
        assert_eq!(spelt_out("1e+21"), "1000000000000000000000");
        assert_eq!(spelt_out("0.25"), "0.25");
    }
}
