//! Thresholds of the guards.

use crate::event::{GuardName, GuardState};

/// When a guard warns and when it is breached; `None` where it never does.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Limits {
    pub warning: Option<f64>,
    pub breach: Option<f64>,
}

impl Limits {
    pub const NONE: Limits = Limits { warning: None, breach: None };

    /// Both thresholds; `None` where they are no numbers from 0, or the breach would come before the warning.
    pub fn new(name: GuardName, warning: f64, breach: f64) -> Option<Limits> {
        let usable = |x: f64| x.is_finite() && x >= 0.0;
        let ordered = if less_is_worse(name) { breach <= warning } else { breach >= warning };
        let limits = Limits { warning: Some(warning), breach: Some(breach) };
        (usable(warning) && usable(breach) && ordered).then_some(limits)
    }

    /// How a value stands; a value at a threshold has not passed it. Signs do not matter.
    pub fn judge(self, name: GuardName, value: f64) -> GuardState {
        let beyond = |limit: Option<f64>| {
            limit.is_some_and(|limit| if less_is_worse(name) { value < limit } else { value.abs() > limit })
        };
        if beyond(self.breach) {
            GuardState::Breach
        } else if beyond(self.warning) {
            GuardState::Warning
        } else {
            GuardState::Passing
        }
    }
}

/// Whether a guard is against too little, as that of depth; all others are against too much.
pub const fn less_is_worse(name: GuardName) -> bool {
    match name {
        GuardName::Depth10Bps => true,
        GuardName::SpreadBps
        | GuardName::FundingApr
        | GuardName::LiqEvents5m
        | GuardName::BasisBps
        | GuardName::PremiumBps
        | GuardName::OiNotional => false,
    }
}

/// What a guard's value is counted in.
pub const fn unit(name: GuardName) -> &'static str {
    match name {
        GuardName::SpreadBps | GuardName::BasisBps | GuardName::PremiumBps => "bps",
        GuardName::Depth10Bps | GuardName::OiNotional => "USD",
        GuardName::FundingApr => "% a year",
        GuardName::LiqEvents5m => "liquidations in 5 minutes",
    }
}

/// Thresholds of every guard.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Thresholds([Limits; GuardName::ALL.len()]);

impl Default for Thresholds {
    fn default() -> Thresholds {
        let mut all = Thresholds([Limits::NONE; GuardName::ALL.len()]);
        for (name, warning, breach) in [
            (GuardName::SpreadBps, 10.0, 25.0),
            (GuardName::Depth10Bps, 50_000.0, 10_000.0),
            (GuardName::FundingApr, 300.0, 1_000.0),
            (GuardName::LiqEvents5m, 10.0, 30.0),
        ] {
            all.set(name, Limits { warning: Some(warning), breach: Some(breach) });
        }
        all
    }
}

impl Thresholds {
    pub fn of(&self, name: GuardName) -> Limits {
        self.0.get(name.index()).copied().unwrap_or_default()
    }

    pub fn set(&mut self, name: GuardName, limits: Limits) {
        if let Some(slot) = self.0.get_mut(name.index()) {
            *slot = limits;
        }
    }
}
