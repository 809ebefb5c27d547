//! The venue's candles as bars: one form for the socket and for REST rows.

use shared::event::{Bar, Origin};
use shared::market::Timeframe;

use crate::venues::VenueError;
use crate::venues::common::candle::sound;
use crate::venues::common::number::{Num, time};

/// A candle's numbers as sent, per contract name. The venue does not tell buys from sells here.
pub(super) struct Candle<'a> {
    pub open_time: i64,
    pub open: Num<'a>,
    pub high: Num<'a>,
    pub low: Num<'a>,
    pub close: Num<'a>,
    pub volume: Num<'a>,
    pub turnover: Num<'a>,
}

impl Candle<'_> {
    /// The bar, per coin: VWAP from turnover.
    pub(super) fn bar(&self, interval: Timeframe, multiplier: f64, closed: bool) -> Result<Bar, VenueError> {
        let volume = self.volume.quantity("volume")? * multiplier;
        let turnover = self.turnover.quantity("turnover")?;
        let bar = Bar {
            timestamp: time("start", self.open_time)?,
            interval,
            open: self.open.price("open")? / multiplier,
            high: self.high.price("high")? / multiplier,
            low: self.low.price("low")? / multiplier,
            close: self.close.price("close")? / multiplier,
            volume,
            buy_volume: None,
            sell_volume: None,
            cvd: None,
            cvd_from: None,
            vwap: (volume > 0.0).then(|| turnover / volume),
            trades: None,
            origin: Origin::Kline,
            revision: 0,
            closed,
            through: None,
        };
        sound(bar)
    }
}

/// The venue's name of an interval: minutes, or a letter.
pub(super) const fn interval_name(timeframe: Timeframe) -> &'static str {
    match timeframe {
        Timeframe::M1 => "1",
        Timeframe::M5 => "5",
        Timeframe::M15 => "15",
        Timeframe::M30 => "30",
        Timeframe::H1 => "60",
        Timeframe::H4 => "240",
        Timeframe::D1 => "D",
        Timeframe::W1 => "W",
        Timeframe::Mo1 => "M",
    }
}

/// The timeframe of an interval the venue names; `None` for those we do not keep (`3`, `120`, `360`, `720`).
pub(super) fn timeframe_of(interval: &str) -> Option<Timeframe> {
    Timeframe::ALL.into_iter().find(|t| interval_name(*t) == interval)
}
