//! A group joined: bars, open interest, funding, liquidations.

use shared::event::{FundingKind, Liquidation};
use shared::market::{Ms, Timeframe};
use shared::maths::joined::bars::Joiner;
use shared::maths::joined::{MAX_AGE, funding, liquidations, open_interest};

use crate::market::{self, SCALES, START, members};
use crate::record::Report;

const FIVE_MINUTES: Ms = Ms(300_000);

pub(crate) fn joined(report: &mut Report) {
    let members = members();
    let numbers = 0..members.len();
    let span = (START, START + Ms::DAY);
    for (name, scale) in SCALES {
        report.part(&format!("bars:{name}"), |part| {
            let series: Vec<_> =
                numbers.clone().map(|n| market::minutes(50 + n as u64 * 7, scale, 1_500)).collect();
            let mut joiner = Joiner::new(&members, Timeframe::M1, 400);
            for minute in 0..1_500 {
                let at = START + Ms(minute * 60_000);
                for (n, bars) in series.iter().enumerate() {
                    let found = bars.binary_search_by_key(&at, |bar| bar.timestamp);
                    if let Some(joined) = found.ok().and_then(|i| joiner.push(n, bars.get(i)?)) {
                        part.row(&joined);
                    }
                }
                part.rows(&joiner.clock(at + Ms(66_000)));
            }
        });
        let held: Vec<_> =
            numbers.clone().map(|n| market::open_interest(80 + n as u64 * 7, scale, 3_000)).collect();
        report.part(&format!("oi:{name}"), |part| {
            part.rows(&open_interest::series(&members, &held, span, FIVE_MINUTES, MAX_AGE));
        });
        report.part(&format!("funding:{name}"), |part| {
            let rates: Vec<_> =
                numbers.clone().map(|n| market::funding(110 + n as u64 * 7, scale, 1_400)).collect();
            for kind in [FundingKind::Predicted, FundingKind::Settled] {
                let weights = |at: Ms| {
                    let newest = |rows: &Vec<shared::event::OpenInterest>| {
                        rows.iter().rev().find(|row| row.timestamp <= at).map(|row| row.open_interest)
                    };
                    held.iter().map(newest).collect()
                };
                part.rows(&funding::series(&members, &rates, kind, span, FIVE_MINUTES, weights));
            }
        });
        report.part(&format!("liquidations:{name}"), |part| {
            let mut hits: Vec<Vec<Liquidation>> = vec![Vec::new(); members.len()];
            for (n, hit) in market::liquidations(140, scale, 3_000) {
                hits[n].push(hit);
            }
            for stretch in liquidations::series(&members, &hits, FIVE_MINUTES) {
                part.row(&(stretch.timestamp, stretch.sum, stretch.by_venue));
            }
        });
    }
}
