//! Which markets somebody wants: a pure machine in virtual time.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use shared::market::{Ms, Symbol, VenueId};

/// One in so many parts of the grace period is not cut short for others.
const EARLY: i64 = 4;

/// A symbol at a venue.
pub type MarketKey = (VenueId, Symbol);

/// What to do about a market.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Open it at its venue.
    Open(MarketKey),
    /// Nobody has wanted it for the grace period: close it.
    Close(MarketKey),
}

/// A market was wanted beyond what a venue may follow on demand.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{venue} follows {most} symbols on demand already: leave one, wait until others leave theirs, or raise \
     TAPEDECK_DYNAMIC_SYMBOLS"
)]
pub struct TooMany {
    pub venue: VenueId,
    pub most: usize,
}

/// Counts who wants what. A holder (a client) counts once for a market, however many of its topics it has; a
/// market nobody wants any more stays open for the grace period. Time is whatever the caller counts in.
#[derive(Debug)]
pub struct Wants {
    grace: Ms,
    /// Most markets open at one venue.
    most: usize,
    /// What each holder wants.
    holders: HashMap<u64, BTreeSet<MarketKey>>,
    open: BTreeMap<MarketKey, Want>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Want {
    holders: usize,
    /// Kept open until then without a holder: it was polled, or the last holder has left.
    until: Option<Ms>,
    /// Polls promise their caller that much; a market that was only left may go earlier to make room.
    promised: bool,
}

impl Wants {
    /// Nothing wanted yet; markets close `grace` after the last want, and at most `most` are open at a venue.
    pub fn new(grace: Ms, most: usize) -> Wants {
        Wants { grace, most, holders: HashMap::new(), open: BTreeMap::new() }
    }

    /// From now on a holder wants these markets and no others. First the closings, then the openings.
    ///
    /// # Errors
    /// [`TooMany`] when a venue's room does not do, even without those that have waited for their end a while;
    /// then nothing has changed.
    pub fn hold(&mut self, holder: u64, wanted: BTreeSet<MarketKey>, now: Ms) -> Result<Vec<Step>, TooMany> {
        let held = self.holders.get(&holder).cloned().unwrap_or_default();
        let new: BTreeSet<MarketKey> = wanted.difference(&held).cloned().collect();
        let mut steps = self.make_room(&new, now)?;
        for key in held.difference(&wanted) {
            if let Some(want) = self.open.get_mut(key) {
                want.holders = want.holders.saturating_sub(1);
                if want.holders == 0 {
                    want.until = want.until.max(Some(now + self.grace));
                }
            }
        }
        for key in new {
            let want = self.open.entry(key.clone()).or_insert_with(|| {
                steps.push(Step::Open(key));
                Want::default()
            });
            want.holders += 1;
        }
        if wanted.is_empty() {
            self.holders.remove(&holder);
        } else {
            self.holders.insert(holder, wanted);
        }
        Ok(steps)
    }

    /// Somebody asked once and may ask again: these markets stay open for the grace period at least.
    ///
    /// # Errors
    /// As [`Self::hold`].
    pub fn poll(&mut self, wanted: &BTreeSet<MarketKey>, now: Ms) -> Result<Vec<Step>, TooMany> {
        let mut steps = self.make_room(wanted, now)?;
        for key in wanted {
            let want = self.open.entry(key.clone()).or_insert_with(|| {
                steps.push(Step::Open(key.clone()));
                Want::default()
            });
            want.until = want.until.max(Some(now + self.grace));
            want.promised = true;
        }
        Ok(steps)
    }

    /// Closes what nobody has wanted for the grace period.
    pub fn tick(&mut self, now: Ms) -> Vec<Step> {
        let over = |want: &Want| want.holders == 0 && want.until.is_none_or(|until| until <= now);
        let closing: Vec<MarketKey> =
            self.open.iter().filter(|(_, want)| over(want)).map(|(key, _)| key.clone()).collect();
        for key in &closing {
            self.open.remove(key);
        }
        for want in self.open.values_mut().filter(|want| want.until.is_some_and(|until| until <= now)) {
            (want.until, want.promised) = (None, false);
        }
        closing.into_iter().map(Step::Close).collect()
    }

    /// Whether a market is open.
    pub fn is_open(&self, key: &MarketKey) -> bool {
        self.open.contains_key(key)
    }

    /// What a holder wants.
    pub fn held(&self, holder: u64) -> BTreeSet<MarketKey> {
        self.holders.get(&holder).cloned().unwrap_or_default()
    }

    fn at<'a>(&'a self, venue: &'a VenueId) -> impl Iterator<Item = (&'a MarketKey, &'a Want)> {
        self.open.iter().filter(move |((at, _), _)| at == venue)
    }

    /// Closes early, longest left first, what has to go so that `wanted` fits. What was left a moment ago stays:
    /// somebody who flips through symbols shall not have the venue open and close them all day.
    fn make_room(&mut self, wanted: &BTreeSet<MarketKey>, now: Ms) -> Result<Vec<Step>, TooMany> {
        let mut opening: BTreeMap<&VenueId, usize> = BTreeMap::new();
        for (venue, _) in wanted.iter().filter(|key| !self.open.contains_key(*key)) {
            *opening.entry(venue).or_default() += 1;
        }
        let mut closing = Vec::new();
        for (venue, new) in opening {
            let excess = (self.at(venue).count() + new).saturating_sub(self.most);
            let by = now + Ms(self.grace.0 / EARLY * (EARLY - 1));
            let idle = self.at(venue).filter(|(key, want)| want.may_go(by) && !wanted.contains(*key));
            let mut idle: Vec<_> = idle.map(|(key, want)| (want.until, key.clone())).collect();
            if idle.len() < excess {
                return Err(TooMany { venue: venue.clone(), most: self.most });
            }
            idle.sort();
            closing.extend(idle.into_iter().take(excess).map(|(_, key)| key));
        }
        for key in &closing {
            self.open.remove(key);
        }
        Ok(closing.into_iter().map(Step::Close).collect())
    }
}

impl Want {
    /// Nobody wants it, nobody was promised it, and its end comes by then.
    fn may_go(&self, by: Ms) -> bool {
        self.holders == 0 && !self.promised && self.until <= Some(by)
    }
}
