//! Bars: from trades and klines, folded whole and minute by minute; and the order book.

use shared::event::{Bar, Origin};
use shared::market::{Calendar, Ms, Timeframe};
use shared::maths::book::OrderBook;
use shared::maths::fold;
use shared::maths::folds::Folds;
use shared::maths::order_flow::MinuteBuilder;

use crate::market::{Noise, SCALES, START, Walk, minutes, trades};
use crate::record::Report;

const CALENDARS: [(&str, Calendar); 2] = [("24x7", Calendar::Continuous), ("cme", Calendar::Cme)];

/// Trades with breaks in the coverage, klines before and beside them, late and refilled trades.
pub(crate) fn order_flow(report: &mut Report) {
    for (name, scale) in SCALES {
        for (calendar_name, calendar) in CALENDARS {
            report.part(&format!("{calendar_name}:{name}"), |part| {
                let mut noise = Noise::new(11);
                let klines = minutes(12, scale, 600);
                let mut klines = klines.iter().peekable();
                let mut builder = MinuteBuilder::new(Origin::Trades, calendar);
                let mut out = Vec::new();
                let mut missed = Vec::new();
                let mut broken: Option<Ms> = None;
                builder.covered_from(START);
                for trade in trades(13, scale, 600) {
                    while let Some(kline) = klines.next_if(|k| k.timestamp < trade.timestamp) {
                        builder.kline(&Bar { origin: Origin::Kline, ..*kline }, &mut out);
                    }
                    match (noise.below(300), broken) {
                        (0, None) => {
                            builder.uncovered(trade.timestamp);
                            broken = Some(trade.timestamp);
                        }
                        (1..20, Some(from)) => {
                            builder.covered_from(trade.timestamp);
                            missed.drain(..).for_each(|late| builder.trade(&late, &mut out));
                            builder.refilled(from, trade.timestamp);
                            broken = None;
                        }
                        _ => {}
                    }
                    if broken.is_some() {
                        missed.push(trade);
                    } else {
                        builder.trade(&trade, &mut out);
                        if noise.once_in(20) {
                            builder.clock(trade.timestamp + Ms(5_000), &mut out);
                        }
                    }
                }
                part.rows(&out);
            });
        }
    }
}

/// All timeframes at once.
pub(crate) fn fold(report: &mut Report) {
    for (name, scale) in SCALES {
        let minutes = minutes(21, scale, 6_000);
        for (calendar_name, calendar) in &CALENDARS {
            report.part(&format!("{calendar_name}:{name}"), |part| {
                for timeframe in Timeframe::ALL {
                    part.rows(&fold::fold(&minutes, timeframe, calendar));
                }
            });
        }
    }
}

/// Minute by minute: forming ones first, some late, some corrected.
pub(crate) fn folds(report: &mut Report) {
    for (name, scale) in SCALES {
        report.part(name, |part| {
            let mut noise = Noise::new(31);
            let mut folds = Folds::new(Calendar::Continuous, 1_000);
            let minutes = minutes(32, scale, 2_500);
            let mut held = None;
            for minute in &minutes {
                let forming = Bar { closed: false, close: minute.open, ..*minute };
                let mut push = |bar: &Bar| folds.push(bar, |changed| part.row(changed));
                push(&forming);
                if noise.once_in(15) {
                    held = Some(*minute);
                    continue;
                }
                push(minute);
                if let Some(late) = held.take() {
                    push(&late);
                    push(&Bar { volume: late.volume * 1.5, revision: late.revision + 1, ..late });
                }
            }
            for timeframe in Timeframe::ALL {
                part.rows(&folds.bars(timeframe));
            }
        });
    }
}

/// Best prices, spread and depth of a book that is written at random.
pub(crate) fn book(report: &mut Report) {
    for (name, scale) in SCALES {
        report.part(name, |part| {
            let (mut noise, mut walk) = (Noise::new(41), Walk::new(42, scale));
            let mut book = OrderBook::new(0.0);
            for n in 0..4_000 {
                let price = walk.next();
                for level in 1..4 {
                    let off = price * f64::from(level) * noise.unit() * 0.000_4;
                    let quantity = if noise.once_in(4) { 0.0 } else { noise.unit() * 9.0 / scale };
                    book.set_bid(price - off, quantity);
                    book.set_ask(price + off, quantity);
                }
                if book.crossed() {
                    book.clear();
                }
                book.truncate(200);
                if let Some(top) = book.top(START + Ms(n)) {
                    part.row(&top);
                }
            }
        });
    }
}
