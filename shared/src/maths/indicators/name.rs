//! What a name like `ema_20` or `bb_20_2` says.

use std::fmt;
use std::str::FromStr;

/// Longest period of any indicator, in bars.
pub const MAX_PERIOD: u32 = 5_000;

/// A number of bars, 1 to [`MAX_PERIOD`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Period(u32);

impl Period {
    /// `None` outside of 1 to [`MAX_PERIOD`].
    pub const fn new(bars: u32) -> Option<Period> {
        if 1 <= bars && bars <= MAX_PERIOD { Some(Period(bars)) } else { None }
    }

    /// The nearest period to a number that is known to be one.
    pub(crate) const fn bounded(bars: u32) -> Period {
        match Period::new(bars) {
            Some(period) => period,
            None => Period(if bars == 0 { 1 } else { MAX_PERIOD }),
        }
    }

    pub const fn bars(self) -> u32 {
        self.0
    }

    pub(super) const fn length(self) -> usize {
        self.0 as usize
    }
}

/// How many standard deviations a band is away from its middle: 0.01 to 10, kept in hundredths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Deviations(u32);

impl Deviations {
    /// `None` outside of 1 to 1,000 hundredths.
    pub const fn hundredths(n: u32) -> Option<Deviations> {
        if 1 <= n && n <= 1_000 { Some(Deviations(n)) } else { None }
    }

    /// The nearest width to a number of hundredths that is known to be one.
    pub(crate) const fn bounded(n: u32) -> Deviations {
        match Deviations::hundredths(n) {
            Some(deviations) => deviations,
            None => Deviations(if n == 0 { 1 } else { 1_000 }),
        }
    }

    pub fn value(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    /// At most two decimals.
    fn parse(text: &str) -> Option<Deviations> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || whole.len() > 2 || decimals.len() > 2 || !digits(whole) || !digits(decimals) {
            return None;
        }
        let text = format!("{whole}{decimals:0<2}");
        Deviations::hundredths(text.parse().ok()?)
    }
}

impl fmt::Display for Deviations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As the float would be written, without what that takes.
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole}"),
            (whole, part) if part % 10 == 0 => write!(f, "{whole}.{}", part / 10),
            (whole, part) => write!(f, "{whole}.{part:02}"),
        }
    }
}

/// An indicator with its parameters; written and read as its name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Indicator {
    /// `ema_20`
    Ema(Period),
    /// `sma_50`
    Sma(Period),
    /// `rsi_14`
    Rsi(Period),
    /// `macd_12_26_9`; the fast period is the shorter one.
    Macd { fast: Period, slow: Period, signal: Period },
    /// `bb_20_2`, `bb_20_2.5`
    Bollinger { period: Period, deviations: Deviations },
    /// `atr_14`
    Atr(Period),
    /// `vwap`
    Vwap,
}

impl Indicator {
    /// Names of its values: its own, with `_signal` and `_hist` beside it for MACD; `_upper`, `_middle` and
    /// `_lower` of it for Bollinger.
    pub fn columns(&self) -> Vec<String> {
        match self {
            Indicator::Macd { .. } => {
                vec![format!("{self}"), format!("{self}_signal"), format!("{self}_hist")]
            }
            Indicator::Bollinger { .. } => {
                vec![format!("{self}_upper"), format!("{self}_middle"), format!("{self}_lower")]
            }
            Indicator::Ema(_)
            | Indicator::Sma(_)
            | Indicator::Rsi(_)
            | Indicator::Atr(_)
            | Indicator::Vwap => vec![self.to_string()],
        }
    }
}

impl fmt::Display for Indicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Indicator::Ema(n) => write!(f, "ema_{}", n.0),
            Indicator::Sma(n) => write!(f, "sma_{}", n.0),
            Indicator::Rsi(n) => write!(f, "rsi_{}", n.0),
            Indicator::Macd { fast, slow, signal } => write!(f, "macd_{}_{}_{}", fast.0, slow.0, signal.0),
            Indicator::Bollinger { period, deviations } => write!(f, "bb_{}_{deviations}", period.0),
            Indicator::Atr(n) => write!(f, "atr_{}", n.0),
            Indicator::Vwap => f.write_str("vwap"),
        }
    }
}

/// A name that is no indicator. Messages quote the name, cut short.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IndicatorError {
    #[error("unknown indicator `{0}`: use ema_20, sma_50, rsi_14, macd_12_26_9, bb_20_2, atr_14 or vwap")]
    Unknown(String),
    #[error("`{name}` has not the form of {example}")]
    Form { name: String, example: &'static str },
    #[error("`{0}`: a period is a whole number of bars from 1 to {MAX_PERIOD}")]
    Period(String),
    #[error("`{0}`: the width is a number of standard deviations from 0.01 to 10, with at most two decimals")]
    Deviations(String),
    #[error("`{0}`: the first period must be shorter than the second, as in macd_12_26_9")]
    Order(String),
    #[error("`{name}` is written `{canonical}`")]
    Spelling { name: String, canonical: String },
}

impl FromStr for Indicator {
    type Err = IndicatorError;

    /// Names have one spelling, so that a column is always called what was asked for.
    fn from_str(text: &str) -> Result<Indicator, IndicatorError> {
        let name = || text.chars().take(40).collect::<String>();
        let mut parts = text.split('_');
        let kind = parts.next().unwrap_or_default();
        let arguments: Vec<&str> = parts.take(5).collect();
        let form = |example| IndicatorError::Form { name: name(), example };
        let period = |digits: &str| {
            let number = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
            number.and_then(Period::new).ok_or_else(|| IndicatorError::Period(name()))
        };
        let one = |example| match arguments.as_slice() {
            [n] => period(n),
            _ => Err(form(example)),
        };
        let found = match kind {
            "ema" => Indicator::Ema(one("ema_20")?),
            "sma" => Indicator::Sma(one("sma_50")?),
            "rsi" => Indicator::Rsi(one("rsi_14")?),
            "atr" => Indicator::Atr(one("atr_14")?),
            "macd" => {
                let [fast, slow, signal] = arguments.as_slice() else { return Err(form("macd_12_26_9")) };
                let (fast, slow, signal) = (period(fast)?, period(slow)?, period(signal)?);
                if fast >= slow {
                    return Err(IndicatorError::Order(name()));
                }
                Indicator::Macd { fast, slow, signal }
            }
            "bb" => {
                let [n, width] = arguments.as_slice() else { return Err(form("bb_20_2")) };
                let deviations =
                    Deviations::parse(width).ok_or_else(|| IndicatorError::Deviations(name()))?;
                Indicator::Bollinger { period: period(n)?, deviations }
            }
            "vwap" if arguments.is_empty() => Indicator::Vwap,
            "vwap" => return Err(form("vwap")),
            _ => return Err(IndicatorError::Unknown(name())),
        };
        let canonical = found.to_string();
        if canonical == text { Ok(found) } else { Err(IndicatorError::Spelling { name: name(), canonical }) }
    }
}
