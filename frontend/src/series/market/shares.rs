//! What each venue adds to the bars of a joined market.

use shared::event::Bar;
use shared::market::{Ms, Timeframe, VenueId};

use super::{Market, Timed};
use crate::feed::pairs::Pairs;
use crate::json::needs;

/// What the venues add to a joined bar.
pub type Shares = Pairs<VenueId, Share>;

/// One venue's part, in coins.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Share {
    pub volume: f64,
}

needs! { Share { volume; } }

/// The shares of one joined bar.
pub(super) struct Told {
    at: Ms,
    shares: Shares,
}

impl Timed for Told {
    fn at(&self) -> Ms {
        self.at
    }
}

impl Market {
    /// What each venue adds to a joined bar: the sum over its minutes where all of them are known, else as the relay
    /// told it.
    pub fn shares(&self, bar: &Bar) -> Option<Shares> {
        let held = |timeframe: Timeframe, at: Ms| {
            let told = &self.shares[timeframe.index()];
            told.find(at).and_then(|i| told.get(i)).map(|told| &told.shares)
        };
        let told = || held(bar.interval, bar.timestamp).cloned();
        if bar.timestamp < self.whole_from {
            return told();
        }
        let mut sum = Shares::default();
        let end = self.calendar.next(bar.interval, bar.timestamp);
        for minute in self.bars(Timeframe::M1).range(bar.timestamp, end) {
            let Some(shares) = held(Timeframe::M1, minute.timestamp) else { return told() };
            for (venue, share) in &shares.0 {
                let before = sum.get(venue).map_or(0.0, |held| held.volume);
                sum.put(venue.clone(), Share { volume: before + share.volume });
            }
        }
        Some(sum).filter(|sum| !sum.0.is_empty()).or_else(told)
    }

    /// Keeps what the venues add to a joined bar.
    pub fn keep_shares(&mut self, timeframe: Timeframe, at: Ms, shares: Shares) {
        self.shares[timeframe.index()].upsert(Told { at, shares });
    }
}
