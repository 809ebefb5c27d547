//! The venue's candles as bars: one form for the stream and for REST rows.

use shared::event::{Bar, Origin};
use shared::market::Timeframe;

use crate::venues::VenueError;
use crate::venues::common::candle::sound;
pub(super) use crate::venues::common::candle::{interval_name, timeframe_of};
use crate::venues::common::number::{Num, time};

/// A candle's numbers as sent, per contract name.
pub(super) struct Candle<'a> {
    pub open_time: i64,
    pub open: Num<'a>,
    pub high: Num<'a>,
    pub low: Num<'a>,
    pub close: Num<'a>,
    pub volume: Num<'a>,
    pub quote_volume: Num<'a>,
    pub taker_buy: Num<'a>,
    pub trades: u64,
}

impl Candle<'_> {
    /// The bar, per coin: VWAP from quote volume, sides from taker volume.
    pub(super) fn bar(&self, interval: Timeframe, multiplier: f64, closed: bool) -> Result<Bar, VenueError> {
        let volume = self.volume.quantity("volume")? * multiplier;
        let buy = self.taker_buy.quantity("taker buy volume")? * multiplier;
        let quote_volume = self.quote_volume.quantity("quote volume")?;
        let bar = Bar {
            timestamp: time("open time", self.open_time)?,
            interval,
            open: self.open.price("open")? / multiplier,
            high: self.high.price("high")? / multiplier,
            low: self.low.price("low")? / multiplier,
            close: self.close.price("close")? / multiplier,
            volume,
            buy_volume: Some(buy),
            sell_volume: Some((volume - buy).max(0.0)),
            cvd: None,
            cvd_from: None,
            vwap: (volume > 0.0).then(|| quote_volume / volume),
            trades: Some(self.trades),
            origin: Origin::Kline,
            revision: 0,
            closed,
            through: None,
        };
        sound(bar)
    }
}
