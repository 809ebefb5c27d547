//! Price alerts: what `/api/alerts` lists and the `alert` frame tells.

use serde::{Deserialize, Serialize};

use crate::market::{Ms, Symbol, VenueId};

/// A price somebody wants to be told of.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Alert {
    /// Given by the relay; never used twice.
    pub id: u32,
    pub symbol: Symbol,
    /// Where the price is looked at; none: at the first venue that lists the symbol.
    pub venue: Option<VenueId>,
    pub price: f64,
    pub direction: AlertDirection,
    /// A person's own words.
    pub note: String,
    /// Fires once and is done; otherwise each time the price comes there again.
    pub once: bool,
    pub created: Ms,
    /// The price when it was set, where that was known and a crossing is waited for.
    pub reference: Option<f64>,
    /// When it fired last, by the relay's clock.
    pub fired: Option<Ms>,
    /// The price that made it fire.
    pub fired_price: Option<f64>,
}

/// Which way a price has to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum AlertDirection {
    /// At the price or above it.
    Above,
    /// At the price or below it.
    Below,
    /// From one side to the other, whichever.
    Cross,
}

impl Alert {
    /// Whether it has done what it was for.
    pub fn is_done(&self) -> bool {
        self.once && self.fired.is_some()
    }

    /// Whether a price of `now` fires it after one of `before`. With no price before it, what is above or below
    /// already fires; a crossing needs two sides.
    pub fn fires(&self, before: Option<f64>, now: f64) -> bool {
        let (above, below) = (now >= self.price, now <= self.price);
        let was = |holds: fn(f64, f64) -> bool| before.is_some_and(|before| holds(before, self.price));
        match self.direction {
            AlertDirection::Above => above && !was(|before, price| before >= price),
            AlertDirection::Below => below && !was(|before, price| before <= price),
            AlertDirection::Cross => {
                (above && was(|before, price| before < price))
                    || (below && was(|before, price| before > price))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(direction: AlertDirection) -> Alert {
        Alert {
            id: 1,
            symbol: "BTCUSDT-PERP".parse().unwrap(),
            venue: None,
            price: 100.0,
            direction,
            note: String::new(),
            once: false,
            created: Ms(1),
            reference: None,
            fired: None,
            fired_price: None,
        }
    }

    #[test]
    fn an_alert_fires_when_the_price_comes_there() {
        use AlertDirection::{Above, Below, Cross};
        for (direction, before, now, fires) in [
            (Above, Some(99.0), 100.0, true),
            (Above, Some(100.0), 101.0, false),
            (Above, None, 101.0, true),
            (Above, None, 99.0, false),
            (Below, Some(101.0), 99.0, true),
            (Below, Some(99.0), 98.0, false),
            (Below, None, 100.0, true),
            (Cross, Some(99.0), 101.0, true),
            (Cross, Some(101.0), 100.0, true),
            (Cross, Some(100.0), 101.0, false),
            (Cross, Some(98.0), 99.0, false),
            (Cross, None, 100.0, false),
        ] {
            assert_eq!(alert(direction).fires(before, now), fires, "{direction:?} {before:?} {now}");
        }
    }

    #[test]
    fn one_that_fires_once_is_done_then() {
        let fired = Alert { fired: Some(Ms(2)), ..alert(AlertDirection::Above) };
        assert!(!fired.is_done() && Alert { once: true, ..fired.clone() }.is_done());
        assert!(!Alert { once: true, fired: None, ..fired }.is_done());
    }
}
