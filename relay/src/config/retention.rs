//! How long what is recorded is kept.

use super::{ConfigError, Layers};

/// `[retention]`. Days are whole UTC days before the running one; `None` is for ever.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RetentionConfig {
    /// `RETENTION_BARS_DAYS`: 1m bars and their hourly roll-up. Default for ever.
    pub bars: Option<u32>,
    /// `RETENTION_OI_DAYS`. Default for ever.
    pub oi: Option<u32>,
    /// `RETENTION_FUNDING_DAYS`. Default for ever.
    pub funding: Option<u32>,
    /// `RETENTION_LIQUIDATIONS_DAYS`. Default for ever.
    pub liquidations: Option<u32>,
    /// `RETENTION_IMPORTS_DAYS`: days that hold imported bars, where that is longer than for other bars. Default for
    /// ever.
    pub imports: Option<u32>,
    /// `RETENTION_BOOK_DAYS`. Default 30.
    pub book: Option<u32>,
    /// `RETENTION_TRADES_DAYS`. Default 30.
    pub trades: Option<u32>,
    /// `DISK_CAP`, in bytes: beyond it the oldest days of book and trades go early. Default none.
    pub disk_cap: Option<u64>,
}

impl Default for RetentionConfig {
    fn default() -> RetentionConfig {
        RetentionConfig {
            bars: None,
            oi: None,
            funding: None,
            liquidations: None,
            imports: None,
            book: Some(30),
            trades: Some(30),
            disk_cap: None,
        }
    }
}

impl RetentionConfig {
    pub(super) fn read(layers: &Layers) -> Result<RetentionConfig, ConfigError> {
        let days = |key: &str, variable: &str, default: Option<u32>| {
            let expected = "a number of days: use a whole number from 1 to 100000, or forever";
            let found = layers.one(key, &[variable], expected, |text| match text {
                "forever" => Some(None),
                number => number.parse().ok().filter(|days| (1..=100_000).contains(days)).map(Some),
            })?;
            Ok::<_, ConfigError>(found.unwrap_or(default))
        };
        let standard = RetentionConfig::default();
        Ok(RetentionConfig {
            bars: days("retention.bars_days", "RETENTION_BARS_DAYS", standard.bars)?,
            oi: days("retention.oi_days", "RETENTION_OI_DAYS", standard.oi)?,
            funding: days("retention.funding_days", "RETENTION_FUNDING_DAYS", standard.funding)?,
            liquidations: days(
                "retention.liquidations_days",
                "RETENTION_LIQUIDATIONS_DAYS",
                standard.liquidations,
            )?,
            imports: days("retention.imports_days", "RETENTION_IMPORTS_DAYS", standard.imports)?,
            book: days("retention.book_days", "RETENTION_BOOK_DAYS", standard.book)?,
            trades: days("retention.trades_days", "RETENTION_TRADES_DAYS", standard.trades)?,
            disk_cap: layers.one(
                "retention.disk_cap",
                &["DISK_CAP"],
                "a size: use a number with MB, GB or TB, like 200GB",
                size,
            )?,
        })
    }
}

/// Bytes of `200GB`, `1.5 TB`, `500MB`: powers of ten.
fn size(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let unit = match unit.to_ascii_uppercase().as_str() {
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        _ => return None,
    };
    let number: f64 = number.trim().parse().ok()?;
    let bytes = number * unit;
    // More than any disk holds is a slip of the keyboard.
    (1e6..=1e18).contains(&bytes).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("200GB"), Some(200_000_000_000));
        assert_eq!(size("1.5 tb"), Some(1_500_000_000_000));
        assert_eq!(size("20MB"), Some(20_000_000));
        for bad in ["200", "GB", "-1GB", "0GB", "1PB", "infGB", "1e300TB", "NaN MB", ""] {
            assert_eq!(size(bad), None, "{bad}");
        }
    }
}
