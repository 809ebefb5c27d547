//! InsightSentry in the fleet: the micro Nasdaq future, open at any hour.

use std::time::Duration;

use anyhow::Result;

use super::{Fault, LATE, Member, Minute, REFUSAL, minutes};
use crate::fake_insightsentry::market::{Series, Span};
use crate::fake_insightsentry::{FakeInsightSentry, Options};
use crate::oracle::calendar::MINUTE;

const CODE: &str = "CME_MINI:MNQ1!";

pub(super) async fn start(seed: u64, rate: u64, key: &str) -> Result<FakeInsightSentry> {
    let mut options =
        Options { seed, key: key.to_owned(), history_days: 2, ..Options::default() }.always_open();
    for listing in &mut options.listings {
        listing.per_minute = (listing.per_minute.0 * rate, listing.per_minute.1 * rate);
    }
    FakeInsightSentry::start(options).await
}

impl Member for FakeInsightSentry {
    fn venue(&self) -> &'static str {
        "insightsentry"
    }

    fn symbol(&self) -> &'static str {
        CODE
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("INSIGHTSENTRY_WS_URL", format!("ws://{}", self.addresses.ws)),
            ("INSIGHTSENTRY_REST_URL", format!("http://{}", self.addresses.rest)),
            ("INSIGHTSENTRY_API_KEY", self.key()),
        ]
    }

    fn now(&self) -> i64 {
        FakeInsightSentry::now(self)
    }

    fn minutes(&self, from: i64, to: i64) -> Vec<Minute> {
        let series = Series { span: Span::Ms(MINUTE), adjusted: false };
        minutes(&self.bars(CODE, series, from, to), 2, 0)
    }

    fn harm(&self, fault: Fault) {
        match fault {
            Fault::Cut => drop(self.disconnect()),
            Fault::Junk => drop(self.junk()),
            Fault::Silence => self.mute(CODE),
            // It tells bars alone.
            Fault::LostTrades | Fault::LostDepth => {}
            Fault::TooMany | Fault::Ban => self.limit_rest(REFUSAL),
            Fault::Errors => self.fail_rest(3, 503),
            Fault::SlowRest => self.delay_rest(LATE),
            Fault::Skew(ms) => self.clock().run(ms),
            Fault::Refuse => self.refuse_sockets(Some(503)),
        }
    }

    fn heal(&self) {
        self.unmute(CODE);
        self.delay_rest(Duration::ZERO);
        self.clock().run(0);
        self.refuse_sockets(None);
    }

    fn violations(&self) -> Vec<String> {
        self.counts().violations
    }

    fn connections(&self) -> u64 {
        self.counts().connections
    }

    fn open(&self) -> usize {
        FakeInsightSentry::open(self)
    }

    fn tells_trades(&self) -> bool {
        false
    }
}
