//! Tickers: the venue says everything once and then what changes, field by field.

use shared::event::{Funding, FundingKind, OpenInterest};
use shared::market::{Instrument, Ms};

use super::wire;
use crate::venues::common::number::{Num, time};
use crate::venues::{VenueError, What};

/// Prices move with every frame; what hangs on them alone is told so often at most.
const MARK_EVERY: Ms = Ms(1_000);
const VALUE_EVERY: Ms = Ms(5_000);

/// What is known of one perpetual, in the venue's units; `None`: not told, or not applicable.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ticker {
    mark: Option<f64>,
    index: Option<f64>,
    both_sides: Option<f64>,
    both_sides_value: Option<f64>,
    one_side: Option<f64>,
    one_side_value: Option<f64>,
    rate: Option<f64>,
    next: Option<Ms>,
    interval_hours: Option<f64>,
    /// What was told last.
    told_oi: Option<OpenInterest>,
    told_funding: Option<Funding>,
}

/// A field of a frame over the value so far; an empty text takes the value away.
fn merge(
    old: Option<f64>,
    new: Option<Num<'_>>,
    read: impl Fn(Num<'_>) -> Result<f64, VenueError>,
) -> Result<Option<f64>, VenueError> {
    match new {
        None => Ok(old),
        Some(Num::Text("")) => Ok(None),
        Some(value) => read(value).map(Some),
    }
}

impl Ticker {
    /// This ticker with a frame's fields in place of its own.
    ///
    /// # Errors
    /// [`VenueError`] naming the first field that is no number; nothing has changed then.
    pub(super) fn merged(&self, x: &wire::Ticker<'_>) -> Result<Ticker, VenueError> {
        // The two ways to count go together: one alone outdates the other.
        let alone = x.open_interest.is_some() && x.single_open_interest.is_none();
        let value_alone = x.open_interest_value.is_some() && x.single_open_interest_value.is_none();
        let next = merge(self.next.map(|t| t.0 as f64), x.next_funding_time, |n| n.get("nextFundingTime"))?;
        Ok(Ticker {
            mark: merge(self.mark, x.mark_price, |n| n.quantity("markPrice"))?,
            index: merge(self.index, x.index_price, |n| n.quantity("indexPrice"))?,
            both_sides: merge(self.both_sides, x.open_interest, |n| n.quantity("openInterest"))?,
            both_sides_value: merge(self.both_sides_value, x.open_interest_value, |n| {
                n.quantity("openInterestValue")
            })?,
            one_side: merge(self.one_side.filter(|_| !alone), x.single_open_interest, |n| {
                n.quantity("singleOpenInterest")
            })?,
            one_side_value: merge(
                self.one_side_value.filter(|_| !value_alone),
                x.single_open_interest_value,
                |n| n.quantity("singleOpenInterestValue"),
            )?,
            rate: merge(self.rate, x.funding_rate, |n| n.get("fundingRate"))?,
            next: next.filter(|at| *at > 0.0).map(|at| time("nextFundingTime", at as i64)).transpose()?,
            interval_hours: merge(self.interval_hours, x.funding_interval_hour, |n| {
                n.price("fundingIntervalHour")
            })?,
            told_oi: self.told_oi,
            told_funding: self.told_funding,
        })
    }

    /// Open interest of one side, in coins; half of both where the venue gives only that.
    fn open_interest(&self, at: Ms, i: &Instrument) -> Option<OpenInterest> {
        let coins = self.one_side.or(self.both_sides.map(|both| both / 2.0))?;
        Some(OpenInterest {
            timestamp: at,
            open_interest: coins * i.multiplier,
            open_interest_value: self.one_side_value.or(self.both_sides_value.map(|both| both / 2.0)),
        })
    }

    /// The funding to come; `usual_hours` where the ticker does not tell the interval.
    fn funding(&self, at: Ms, i: &Instrument, usual_hours: Option<f64>) -> Option<Funding> {
        let per_coin = |price: Option<f64>| price.filter(|p| *p > 0.0).map(|p| p / i.multiplier);
        let funding = Funding {
            timestamp: at,
            kind: FundingKind::Predicted,
            funding_rate: self.rate?,
            next_funding_time: self.next,
            interval_hours: None,
            funding_apr: None,
            mark_price: per_coin(self.mark),
            index_price: per_coin(self.index),
        };
        Some(funding.with_interval(self.interval_hours.or(usual_hours)))
    }

    /// What there is to tell at `at`: open interest and the rate as they change, prices with them or now and then.
    pub(super) fn news(&mut self, at: Ms, i: &Instrument, usual_hours: Option<f64>) -> Vec<What> {
        let mut news = Vec::new();
        let oi = self.open_interest(at, i).filter(|oi| {
            self.told_oi.is_none_or(|told| {
                oi.open_interest != told.open_interest
                    || (oi.open_interest_value != told.open_interest_value
                        && at - told.timestamp >= VALUE_EVERY)
            })
        });
        if let Some(oi) = oi {
            self.told_oi = Some(oi);
            news.push(What::Oi(oi));
        }
        let terms = |f: &Funding| (f.funding_rate, f.next_funding_time, f.interval_hours);
        let prices = |f: &Funding| (f.mark_price, f.index_price);
        let funding = self.funding(at, i, usual_hours).filter(|f| {
            self.told_funding.is_none_or(|told| {
                terms(f) != terms(&told) || (prices(f) != prices(&told) && at - told.timestamp >= MARK_EVERY)
            })
        });
        if let Some(funding) = funding {
            self.told_funding = Some(funding);
            news.push(What::Funding(funding));
        }
        news
    }
}
