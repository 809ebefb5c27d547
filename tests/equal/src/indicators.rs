//! Indicators and strategies, one bar at a time.

use shared::event::Bar;
use shared::maths::indicators::{Indicator, IndicatorSet};
use shared::maths::signals::STRATEGIES;

use crate::market::{Noise, SCALES, minutes};
use crate::record::Report;

const NAMES: [&str; 12] = [
    "ema_1",
    "ema_20",
    "ema_50",
    "sma_3",
    "sma_200",
    "rsi_2",
    "rsi_14",
    "macd_12_26_9",
    "bb_20_2",
    "bb_5_0.5",
    "atr_14",
    "vwap",
];

pub(crate) fn indicators(report: &mut Report) {
    for (name, scale) in SCALES {
        // Where a close is no number it counts as missing in place.
        let mut noise = Noise::new(201);
        let mut bars = minutes(202, scale, 6_000);
        for bar in bars.iter_mut().filter(|_| noise.once_in(250)) {
            *bar = Bar { close: f64::NAN, ..*bar };
        }
        for indicator in NAMES {
            report.part(&format!("{indicator}:{name}"), |part| {
                let parsed: Vec<Indicator> = indicator.parse().into_iter().collect();
                let mut set = IndicatorSet::new(&parsed);
                bars.iter().for_each(|bar| part.numbers(set.push(bar)));
            });
        }
    }
}

/// What each strategy says of every bar.
pub(crate) fn signals(report: &mut Report) {
    for (name, scale) in SCALES {
        let bars = minutes(211, scale, 6_000);
        for (id, make) in STRATEGIES {
            report.part(&format!("{id}:{name}"), |part| {
                let mut strategy = make();
                for bar in &bars {
                    let verdict = strategy.push(bar);
                    part.row(&verdict.name());
                    part.numbers(&[Some(verdict.confidence)]);
                    verdict.inputs.iter().for_each(|(_, value)| part.numbers(&[*value]));
                }
            });
        }
    }
}
