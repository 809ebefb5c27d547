//! The trades of one minute, added up.

use crate::event::{Bar, Origin, Side, Trade};
use crate::market::{Ms, Timeframe};

/// Sums of the trades of one minute, in order of arrival; open and close go by trade time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    first: Ms,
    last: Ms,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    buy_volume: f64,
    sell_volume: f64,
    /// Sum of price * quantity.
    value: f64,
    trades: u64,
}

impl Tally {
    pub(super) fn of(trade: &Trade) -> Tally {
        let mut tally = Tally {
            first: trade.timestamp,
            last: trade.timestamp,
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            volume: 0.0,
            buy_volume: 0.0,
            sell_volume: 0.0,
            value: 0.0,
            trades: 0,
        };
        tally.add(trade);
        tally
    }

    /// Adds a trade. Of equal times the first come opens and the last come closes.
    pub(super) fn add(&mut self, trade: &Trade) {
        if trade.timestamp < self.first {
            (self.first, self.open) = (trade.timestamp, trade.price);
        }
        if trade.timestamp >= self.last {
            (self.last, self.close) = (trade.timestamp, trade.price);
        }
        self.high = self.high.max(trade.price);
        self.low = self.low.min(trade.price);
        self.volume += trade.quantity;
        match trade.side {
            Side::Buy => self.buy_volume += trade.quantity,
            Side::Sell => self.sell_volume += trade.quantity,
        }
        self.value += trade.price * trade.quantity;
        self.trades += 1;
    }

    pub(super) fn close(&self) -> f64 {
        self.close
    }

    /// The forming bar of these trades, without cvd.
    pub(super) fn bar(&self, timestamp: Ms, origin: Origin) -> Bar {
        Bar {
            high: self.high,
            low: self.low,
            close: self.close,
            volume: self.volume,
            buy_volume: Some(self.buy_volume),
            sell_volume: Some(self.sell_volume),
            vwap: (self.volume > 0.0).then(|| self.value / self.volume),
            trades: Some(self.trades),
            ..Bar::flat(timestamp, Timeframe::M1, self.open, origin)
        }
    }
}
