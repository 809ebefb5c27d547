//! One market of the open symbol's group: the points drawn per venue.

use shared::event::{Funding, FundingKind, Liquidation, MemberName, OpenInterest};
use shared::market::Ms;
use shared::maths::joined::{MAX_AGE, Member};

use super::{CAPACITY, Rolling};

/// What is held of a member beside the open market's bars.
pub struct Track {
    pub member: Member,
    /// Tells venues apart: a venue's second and later members follow in steps of [`Track::HUES`].
    pub hue: usize,
    pub oi: Rolling<OpenInterest>,
    /// Funding as forecast.
    pub predicted: Rolling<Funding>,
    /// Funding as paid.
    pub settled: Rolling<Funding>,
    pub liquidations: Rolling<Liquidation>,
}

impl Track {
    /// Colours there are for venues.
    pub const HUES: usize = 8;

    pub fn new(member: Member, hue: usize) -> Track {
        Track {
            member,
            hue,
            oi: Rolling::new(CAPACITY),
            predicted: Rolling::new(CAPACITY),
            settled: Rolling::new(CAPACITY),
            liquidations: Rolling::new(CAPACITY),
        }
    }

    pub fn name(&self) -> &MemberName {
        &self.member.name
    }

    /// Rates of a kind.
    pub fn rates(&self, kind: FundingKind) -> &Rolling<Funding> {
        match kind {
            FundingKind::Predicted => &self.predicted,
            FundingKind::Settled => &self.settled,
        }
    }

    /// Takes a rate.
    pub fn rate(&mut self, point: Funding) {
        match point.kind {
            FundingKind::Predicted => self.predicted.upsert(point),
            FundingKind::Settled => self.settled.upsert(point),
        }
    }

    /// The running forecast; a payment stands in where no forecast is newer than it by more than its age allows.
    pub fn funding(&self) -> Option<&Funding> {
        match (self.predicted.last(), self.settled.last()) {
            (Some(predicted), Some(settled)) if settled.timestamp - predicted.timestamp > MAX_AGE => {
                Some(settled)
            }
            (predicted, settled) => predicted.or(settled),
        }
    }

    /// Open interest as of `at`; an older one than [`MAX_AGE`] says nothing.
    pub fn oi_at(&self, at: Ms) -> Option<&OpenInterest> {
        self.oi.at_or_before(at).filter(|point| at - point.timestamp <= MAX_AGE)
    }
}
