//! Bars with what the panes show of them as columns: for the table view and as CSV.

use shared::event::Bar;
use shared::market::Timeframe;
use shared::maths::indicators::IndicatorSet;

use super::{Layer, Market};
use crate::number;

/// One column beside those of the bar.
#[derive(Clone, PartialEq, Debug)]
pub struct Column {
    /// As the relay names such a value, with the venue where there are several.
    pub name: String,
    layer: Layer,
    /// In the price's own unit.
    pub is_price: bool,
    /// From what is drawn to what the name says.
    factor: f64,
}

impl Column {
    /// Its value in the bucket of a bar; `None` where nothing is known there.
    pub fn value(&self, market: &Market, bar: &Bar) -> Option<f64> {
        self.layer.value(market, bar).map(|v| v * self.factor)
    }
}

/// Columns of the layers shown; those that a bar itself has are left out.
pub fn columns(market: &Market, shown: &[Layer]) -> Vec<Column> {
    let several = market.tracks().len() > 1;
    let studies = IndicatorSet::columns(market.studies.list());
    let column = |layer: &Layer| {
        // Rates are drawn as percent an hour.
        let (name, factor) = match layer {
            Layer::Price | Layer::Volume | Layer::Cvd => return None,
            Layer::Oi | Layer::OiOf(_) => ("open_interest", 1.0),
            Layer::Funding(_) => ("funding_apr", 8_760.0),
            Layer::Settled(_) => ("funding_apr_settled", 8_760.0),
            Layer::LiqLong => ("liquidation_value_long", -1.0),
            Layer::LiqShort => ("liquidation_value_short", 1.0),
            Layer::Spread => ("spread_bps", 1.0),
            Layer::DepthBid => ("depth_10bps_bid_usd", 1.0),
            Layer::DepthAsk => ("depth_10bps_ask_usd", 1.0),
            // Named as in answers of `/api/indicators`.
            Layer::Line(_) | Layer::Rsi | Layer::Macd(_) => {
                let name = studies.get(layer.study(market)?)?.clone();
                let is_price = matches!(layer, Layer::Line(_));
                return Some(Column { name, layer: *layer, is_price, factor: 1.0 });
            }
        };
        let track = layer.track().and_then(|n| market.tracks().get(n)).filter(|_| several);
        let name = match track {
            Some(track) => format!("{name}_{}_{}", track.name().venue, track.name().symbol),
            None => name.to_owned(),
        };
        Some(Column { name, layer: *layer, is_price: false, factor })
    };
    shown.iter().filter_map(column).collect()
}

/// Bars `[from, to)` of a timeframe as CSV, ascending, a header row first; empty where nothing is known.
pub fn csv(market: &Market, timeframe: Timeframe, from: usize, to: usize, columns: &[Column]) -> String {
    let mut out = String::from(
        "timestamp,symbol,venue,interval,open,high,low,close,volume,buy_volume,sell_volume,cvd,vwap,trades,closed",
    );
    for column in columns {
        out.push(',');
        out.push_str(&column.name);
    }
    let bars = market.bars(timeframe);
    let known = |value: Option<f64>| value.map(number::shortest).unwrap_or_default();
    for bar in (from..to).filter_map(|index| bars.get(index)) {
        let start = [
            bar.timestamp.0.to_string(),
            market.symbol().to_string(),
            market.venue().to_string(),
            timeframe.name().to_owned(),
        ];
        let values = [Some(bar.open), Some(bar.high), Some(bar.low), Some(bar.close), Some(bar.volume)];
        let flows = [bar.buy_volume, bar.sell_volume, bar.cvd, bar.vwap, bar.trades.map(|n| n as f64)];
        let mut cells: Vec<String> = start.into_iter().collect();
        cells.extend(values.into_iter().chain(flows).map(known));
        cells.push(bar.closed.to_string());
        cells.extend(columns.iter().map(|column| known(column.value(market, bar))));
        out.push('\n');
        out.push_str(&cells.join(","));
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use shared::event::{MemberName, Origin};
    use shared::market::{Calendar, Ms, VenueId};
    use shared::maths::indicators::Indicator;
    use shared::maths::joined::Member;

    use super::*;
    use crate::series::{Studies, Track};

    #[test]
    fn csv_has_the_bar_and_a_column_for_each_layer_named_as_the_relay_does() {
        let name = MemberName { symbol: "BTCUSDT-PERP".parse().unwrap(), venue: VenueId::new("sim") };
        let track = Track::new(Member { name, quote: "USDT".into(), channels: Vec::new() }, 0);
        let mut market = Market::new(
            "BTCUSDT-PERP".parse().unwrap(),
            VenueId::new("sim"),
            Calendar::Continuous,
            vec![track],
        );
        market.studies = Studies::new(vec!["sma_2".parse::<Indicator>().unwrap()]);
        let bars: Vec<Bar> = [100.0, 101.5, 103.0]
            .iter()
            .zip(0..)
            .map(|(close, n)| Bar {
                closed: true,
                ..Bar::flat(Ms(n * 60_000), Timeframe::M1, *close, Origin::Trades)
            })
            .collect();
        market.merge_bars(Timeframe::M1, &bars);
        market.sync_studies(Timeframe::M1, true);
        let columns = columns(&market, &[Layer::Price, Layer::Volume, Layer::Line(0), Layer::LiqLong]);
        let expected = "timestamp,symbol,venue,interval,open,high,low,close,volume,buy_volume,sell_volume,cvd,vwap,\
            trades,closed,sma_2,liquidation_value_long\n\
            60000,BTCUSDT-PERP,sim,1m,101.5,101.5,101.5,101.5,0,0,0,,,0,true,100.75,\n\
            120000,BTCUSDT-PERP,sim,1m,103,103,103,103,0,0,0,,,0,true,102.25,\n";
        assert_eq!(csv(&market, Timeframe::M1, 1, 3, &columns), expected);
        assert_eq!(csv(&market, Timeframe::M1, 3, 9, &columns).lines().count(), 1, "the header alone");
    }
}
