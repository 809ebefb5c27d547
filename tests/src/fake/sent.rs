//! Totals of the trades a venue told.

use super::market::FakeTrade;

/// Trades of a market, each counted once, by the side that crossed the spread.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Sent {
    pub buys: u64,
    pub sells: u64,
    /// In units of the market's last decimal.
    pub bought: i128,
    pub sold: i128,
}

impl Sent {
    pub fn add(&mut self, trade: &FakeTrade) {
        let (count, quantity) =
            if trade.buy { (&mut self.buys, &mut self.bought) } else { (&mut self.sells, &mut self.sold) };
        *count += 1;
        *quantity += trade.quantity;
    }
}
