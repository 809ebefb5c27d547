//! Answers of the relay's HTTP interface as the page reads them.

use serde::Deserialize;
use shared::event::{Bar, Channel, Origin};
use shared::market::{Kind, Ms, Symbol, Timeframe};
use shared::wire::VenueState;

/// One row of `/api/symbols`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct SymbolRow {
    pub symbol: Symbol,
    pub kind: Kind,
    #[serde(default)]
    pub base: String,
    #[serde(default)]
    pub quote: String,
    pub tick_size: f64,
    #[serde(default)]
    pub venues: Vec<String>,
    #[serde(default)]
    pub channels: Vec<Channel>,
}

/// One row of `/api/candles`.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct CandleRow {
    timestamp: Ms,
    interval: Timeframe,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    buy_volume: Option<f64>,
    sell_volume: Option<f64>,
    cvd: Option<f64>,
    cvd_from: Option<Ms>,
    vwap: Option<f64>,
    trades: Option<u64>,
    origin: Origin,
    #[serde(default)]
    revision: u32,
    closed: bool,
    through: Option<Ms>,
}

impl From<CandleRow> for Bar {
    fn from(r: CandleRow) -> Bar {
        Bar {
            timestamp: r.timestamp,
            interval: r.interval,
            open: r.open,
            high: r.high,
            low: r.low,
            close: r.close,
            volume: r.volume,
            buy_volume: r.buy_volume,
            sell_volume: r.sell_volume,
            cvd: r.cvd,
            cvd_from: r.cvd_from,
            vwap: r.vwap,
            trades: r.trades,
            origin: r.origin,
            revision: r.revision,
            closed: r.closed,
            through: r.through,
        }
    }
}

/// What the page takes from `/api/status`.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
pub struct StatusRow {
    #[serde(default)]
    pub version: String,
    #[serde(default)]
    pub mode: String,
    /// The relay's clock; in a replay the record's.
    #[serde(default)]
    pub timestamp: Option<Ms>,
    #[serde(default)]
    pub venues: Vec<VenueRow>,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct VenueRow {
    pub venue: String,
    pub connected: bool,
    #[serde(default)]
    pub topics: Vec<TopicRow>,
    #[serde(default)]
    pub reconnects: u64,
    #[serde(default)]
    pub errors: u64,
    /// One plain line where something is wrong.
    #[serde(default)]
    pub reason: Option<String>,
}

impl VenueRow {
    /// The venue's state by its line and topics: live as soon as one topic is.
    pub fn state(&self) -> VenueState {
        if !self.connected {
            return VenueState::Down;
        }
        self.topics.iter().map(|t| t.state).min().unwrap_or(VenueState::Quiet)
    }
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct TopicRow {
    pub symbol: Symbol,
    pub channel: Channel,
    #[serde(default)]
    pub last_event: Option<Ms>,
    pub state: VenueState,
}

/// An error answer (`application/problem+json`).
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
pub struct Problem {
    #[serde(default)]
    pub code: String,
    #[serde(default)]
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candle_needs_only_what_the_contract_names() {
        let text = r#"[{"timestamp":60000,"open":1.0,"high":2.0,"low":0.5,"close":1.5,"volume":3.0,
            "symbol":"BTCUSDT-PERP","venue":"sim","interval":"5m","closed":false,"origin":"sim","through":60000}]"#;
        let rows: Vec<CandleRow> = serde_json::from_str(text).unwrap();
        let bar = Bar::from(rows[0]);
        assert_eq!((bar.timestamp, bar.interval, bar.through), (Ms(60_000), Timeframe::M5, Some(Ms(60_000))));
        assert_eq!((bar.buy_volume, bar.revision, bar.closed), (None, 0, false));
    }

    #[test]
    fn a_status_tolerates_what_it_does_not_know() {
        let text = r#"{"version":"0.1.0","uptime_s":5,"mode":"demo","bus":{},"store":{},"clients":1,"venues":[
            {"venue":"sim","connected":true,"reconnects":2,"errors":0,"rate_budget":null,"topics":[
            {"symbol":"BTC/USDT","channel":"bar","last_event":null,"expected_interval_ms":5000,"state":"quiet"}]}]}"#;
        let status: StatusRow = serde_json::from_str(text).unwrap();
        assert_eq!(status.mode, "demo");
        assert_eq!(status.venues[0].topics[0].state, VenueState::Quiet);
        assert_eq!(status.venues[0].reconnects, 2);
        assert_eq!(status.venues[0].state(), VenueState::Quiet);
    }
}
