//! The way back into the bands.

use super::{Strategy, Verdict, share};
use crate::event::{Action, Bar};
use crate::maths::indicators::{Bands, Bollinger, Deviations, Period};

/// Buys when the close comes back from below the lower Bollinger band (20, 2), sells when it comes back from above
/// the upper one.
///
/// The confidence is the part of the way to the middle that is still ahead: 1 at the band, 0 at the middle and
/// beyond.
#[derive(Clone, Debug)]
pub struct BollingerReversion {
    bollinger: Bollinger,
    /// Close and bands of the bar before.
    before: Option<(f64, Bands)>,
}

impl BollingerReversion {
    pub const ID: &'static str = "bollinger_reversion";
}

impl Default for BollingerReversion {
    fn default() -> BollingerReversion {
        let bollinger = Bollinger::new(Period::bounded(20), Deviations::bounded(200));
        BollingerReversion { bollinger, before: None }
    }
}

impl Strategy for BollingerReversion {
    fn id(&self) -> &'static str {
        BollingerReversion::ID
    }

    fn push(&mut self, bar: &Bar) -> Verdict {
        let close = bar.close;
        let bands = self.bollinger.push(close);
        let before = std::mem::replace(&mut self.before, bands.map(|bands| (close, bands)));
        let (action, confidence) = match (before, bands) {
            (Some((last, was)), Some(now)) if last < was.lower && close >= now.lower => {
                (Some(Action::Buy), share((now.middle - close) / (now.middle - now.lower)))
            }
            (Some((last, was)), Some(now)) if last > was.upper && close <= now.upper => {
                (Some(Action::Sell), share((close - now.middle) / (now.upper - now.middle)))
            }
            _ => (None, 0.0),
        };
        let inputs = vec![
            ("close", Some(close)),
            ("bb_20_2_upper", bands.map(|b| b.upper)),
            ("bb_20_2_middle", bands.map(|b| b.middle)),
            ("bb_20_2_lower", bands.map(|b| b.lower)),
        ];
        Verdict { action, confidence, inputs }
    }
}
