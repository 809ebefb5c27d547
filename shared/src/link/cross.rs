//! What one topic of a market says about another: a topic whose own rate is no proof is found out by those
//! that move.

use crate::event::Channel;
use crate::market::Ms;

/// A price that moved so far since the last trade has been traded at.
const PRICE_MOVE: f64 = 0.002;
/// No trade for so long while the price moves is silence.
const TRADE_PATIENCE: Ms = Ms(30_000);
/// Open interest is compared with its highest value of this stretch.
const OI_SPAN: Ms = Ms(5 * Ms::MINUTE.0);
/// Open interest that falls so far, while the price moves by [`LIQUIDATION_MOVE`], has been liquidated in part.
const OI_FALL: f64 = 0.02;
const LIQUIDATION_MOVE: f64 = 0.01;
/// A suspicion is told again only after so long.
const AGAIN: Ms = Ms(5 * Ms::MINUTE.0);

/// Watches the channels of one market at one venue. Pure; times are any one clock.
#[derive(Clone, Debug, Default)]
pub struct CrossCheck {
    last_trade: Option<(Ms, f64)>,
    /// Newest price that is not a trade's: mark or best bid.
    price: Option<f64>,
    /// Highest open interest of the running stretch, when, and the price then.
    peak: Option<(Ms, f64, f64)>,
    fallen: bool,
    last_liquidation: Option<Ms>,
    told_trades: Option<Ms>,
    told_liquidations: Option<Ms>,
}

impl CrossCheck {
    pub fn trade(&mut self, now: Ms, price: f64) {
        self.last_trade = Some((now, price));
        self.told_trades = None;
    }

    /// A mark price or a best price.
    pub fn price(&mut self, _: Ms, price: f64) {
        self.price = Some(price);
    }

    /// Coins.
    pub fn open_interest(&mut self, now: Ms, coins: f64) {
        let Some(price) = self.price else { return };
        match self.peak {
            Some((at, peak, then)) if now - at <= OI_SPAN && coins <= peak => {
                let moved = (price - then).abs() > then * LIQUIDATION_MOVE;
                self.fallen |= moved && coins < peak * (1.0 - OI_FALL);
            }
            _ => (self.peak, self.fallen) = (Some((now, coins, price)), false),
        }
    }

    pub fn liquidation(&mut self, now: Ms) {
        (self.last_liquidation, self.told_liquidations) = (Some(now), None);
    }

    /// Channels that say nothing while others show that they should; each is told once per silence and some minutes.
    pub fn suspects(&mut self, now: Ms) -> Vec<Channel> {
        let mut found = Vec::new();
        if let (Some((at, traded)), Some(price)) = (self.last_trade, self.price)
            && now - at >= TRADE_PATIENCE
            && (price - traded).abs() > traded * PRICE_MOVE
            && self.told_trades.is_none_or(|told| now - told >= AGAIN)
        {
            self.told_trades = Some(now);
            found.push(Channel::Trade);
        }
        if let Some((peak_at, ..)) = self.peak
            && self.fallen
            && self.last_liquidation.is_none_or(|at| at < peak_at)
            && self.told_liquidations.is_none_or(|told| now - told >= AGAIN)
        {
            self.told_liquidations = Some(now);
            found.push(Channel::Liquidation);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_that_moves_without_trades_is_suspicious() {
        let mut check = CrossCheck::default();
        check.price(Ms(0), 100.0);
        assert!(check.suspects(Ms(90_000)).is_empty(), "no trade was ever seen");
        check.trade(Ms(100_000), 100.0);
        check.price(Ms(131_000), 100.1);
        assert!(check.suspects(Ms(131_000)).is_empty(), "it hardly moved");
        check.price(Ms(129_000), 100.3);
        assert!(check.suspects(Ms(129_999)).is_empty(), "trades may pause for a while");
        assert_eq!(check.suspects(Ms(130_000)), [Channel::Trade]);
        assert!(check.suspects(Ms(130_250)).is_empty(), "told");
        assert_eq!(check.suspects(Ms(430_000)), [Channel::Trade]);
        check.trade(Ms(430_001), 100.3);
        assert!(check.suspects(Ms(800_000)).is_empty());
    }

    #[test]
    fn open_interest_that_falls_with_the_price_means_liquidations() {
        let fall = |price: f64, coins: f64, liquidation: Option<i64>| {
            let mut check = CrossCheck::default();
            check.price(Ms(0), 100.0);
            check.open_interest(Ms(0), 1_000.0);
            liquidation.into_iter().for_each(|at| check.liquidation(Ms(at)));
            check.price(Ms(60_000), price);
            check.open_interest(Ms(60_000), coins);
            check.suspects(Ms(60_000))
        };
        assert_eq!(fall(98.0, 970.0, None), [Channel::Liquidation]);
        assert_eq!(fall(98.0, 970.0, Some(-1)), [Channel::Liquidation], "an old one proves nothing");
        assert!(fall(98.0, 970.0, Some(30_000)).is_empty());
        assert!(fall(99.5, 970.0, None).is_empty(), "people close positions in a calm market");
        assert!(fall(98.0, 990.0, None).is_empty());
        let mut slow = CrossCheck::default();
        slow.price(Ms(0), 100.0);
        slow.open_interest(Ms(0), 1_000.0);
        slow.price(Ms(400_000), 98.0);
        slow.open_interest(Ms(400_000), 970.0);
        assert!(slow.suspects(Ms(400_000)).is_empty(), "that took longer than a liquidation cascade");
    }
}
