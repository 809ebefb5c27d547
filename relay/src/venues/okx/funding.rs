//! Funding, mark price and index price come on three streams: merged per swap.

use shared::event::{Funding, FundingKind};
use shared::market::Ms;

use super::parse::at;
use super::wire;
use crate::venues::common::number::Num;
use crate::venues::{VenueError, What};

/// What is known of one swap.
#[derive(Clone, Debug, Default)]
pub(super) struct Merged {
    mark: Option<f64>,
    index: Option<f64>,
    rate: Option<Rate>,
    /// Time of the last payment told.
    settled: Option<Ms>,
}

/// The forecast for the next payment.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rate {
    rate: f64,
    next: Ms,
    hours: Option<f64>,
}

impl Merged {
    pub(super) fn mark(&mut self, price: Num<'_>, time: Ms) -> Result<Option<What>, VenueError> {
        self.mark = Some(price.price("markPx")?);
        Ok(self.predicted(time))
    }

    pub(super) fn index(&mut self, price: Num<'_>, time: Ms) -> Result<Option<What>, VenueError> {
        self.index = Some(price.price("idxPx")?);
        Ok(self.predicted(time))
    }

    /// The forecast, and the last payment once.
    pub(super) fn rate(
        &mut self,
        row: &wire::FundingRate<'_>,
        received: Ms,
    ) -> Result<Vec<What>, VenueError> {
        let next = at("fundingTime", row.funding_time)?;
        let hours = hours(next, optional_time("nextFundingTime", row.next_funding_time)?);
        let settled = settled(row, next)?;
        self.rate = Some(Rate { rate: row.funding_rate.get("fundingRate")?, next, hours });
        let time = optional_time("ts", row.ts)?.unwrap_or(received);
        let mut said: Vec<What> = Vec::new();
        if let Some(settled) = settled.filter(|s| self.settled.is_none_or(|told| told < s.timestamp)) {
            self.settled = Some(settled.timestamp);
            said.push(What::Funding(settled));
        }
        said.extend(self.predicted(time));
        Ok(said)
    }

    /// The forecast as of `time`; nothing before the venue has told one.
    fn predicted(&self, time: Ms) -> Option<What> {
        let Rate { rate, next, hours } = self.rate?;
        let funding = Funding {
            timestamp: time,
            kind: FundingKind::Predicted,
            funding_rate: rate,
            next_funding_time: Some(next),
            interval_hours: None,
            funding_apr: None,
            mark_price: self.mark,
            index_price: self.index,
        };
        Some(What::Funding(funding.with_interval(hours)))
    }
}

/// A payment that was made.
pub(super) fn paid(time: Ms, rate: f64, hours: Option<f64>) -> Funding {
    let funding = Funding {
        timestamp: time,
        kind: FundingKind::Settled,
        funding_rate: rate,
        next_funding_time: None,
        interval_hours: None,
        funding_apr: None,
        mark_price: None,
        index_price: None,
    };
    funding.with_interval(hours)
}

/// The last payment as the row tells it; nothing while it is being made.
fn settled(row: &wire::FundingRate<'_>, next: Ms) -> Result<Option<Funding>, VenueError> {
    let done = row.sett_state.as_ref().is_some_and(|state| state.as_str() == "settled");
    let rate = row.sett_funding_rate.filter(|_| done).map_or(Ok(None), |r| r.optional("settFundingRate"))?;
    let time = optional_time("prevFundingTime", row.prev_funding_time)?;
    Ok(rate.zip(time).map(|(rate, time)| paid(time, rate, hours(time, Some(next)))))
}

fn hours(from: Ms, to: Option<Ms>) -> Option<f64> {
    let span = (to? - from).0;
    (span > 0).then(|| span as f64 / Ms::HOUR.0 as f64)
}

/// A time that may be missing or empty.
fn optional_time(field: &'static str, time: Option<Num<'_>>) -> Result<Option<Ms>, VenueError> {
    time.filter(|t| *t != Num::Text("")).map(|t| at(field, t)).transpose()
}
