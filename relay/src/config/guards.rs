//! Thresholds of the risk guards, and those of single symbols.

use std::collections::BTreeMap;

use shared::event::GuardName;
use shared::market::Symbol;
use shared::maths::guards::{Limits, Thresholds};

use super::{ConfigError, Layers};

const EXPECTED: &str = "a pair of thresholds: use [warning, breach] (in a variable warning,breach), numbers from 0 with \
                        the worse one last, or off";

/// `[guards]`: per guard `[warning, breach]` or `off`; `[guards."SYMBOL"]` for one symbol, over all others.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct GuardsConfig {
    /// `GUARDS_SPREAD_BPS` (default 10,25), `GUARDS_DEPTH_10BPS` (in USD, default 50000,10000), `GUARDS_FUNDING_APR`
    /// (percent, default 300,1000), `GUARDS_LIQ_EVENTS_5M` (default 10,30), `GUARDS_BASIS_BPS`,
    /// `GUARDS_PREMIUM_BPS`, `GUARDS_OI_NOTIONAL` (default off).
    pub thresholds: Thresholds,
    /// Symbols with thresholds of their own.
    pub symbols: BTreeMap<Symbol, Thresholds>,
}

impl GuardsConfig {
    pub(super) fn read(layers: &Layers) -> Result<GuardsConfig, ConfigError> {
        let mut config = GuardsConfig::default();
        for name in GuardName::ALL {
            let variable = format!("GUARDS_{}", name.name().to_uppercase());
            if let Some(limits) = limits(layers, &format!("guards.{name}"), &[&variable], name)? {
                config.thresholds.set(name, limits);
            }
        }
        for section in layers.sections("guards") {
            let key = format!("guards.{section}");
            let symbol: Symbol = section.parse().map_err(|_| ConfigError::NoSymbol { key: key.clone() })?;
            let mut own = config.thresholds;
            let mut differs = false;
            for name in GuardName::ALL {
                if let Some(limits) = limits(layers, &format!("{key}.{name}"), &[], name)? {
                    own.set(name, limits);
                    differs = true;
                }
            }
            if differs {
                config.symbols.insert(symbol, own);
            }
        }
        Ok(config)
    }

    /// What a symbol is held against.
    pub fn of(&self, symbol: &Symbol) -> Thresholds {
        self.symbols.get(symbol).copied().unwrap_or(self.thresholds)
    }
}

fn limits(
    layers: &Layers,
    key: &str,
    variables: &[&str],
    name: GuardName,
) -> Result<Option<Limits>, ConfigError> {
    layers.whole(key, variables, EXPECTED, |items| match items {
        [off] if off == "off" => Some(Limits::NONE),
        [warning, breach] => Limits::new(name, warning.parse().ok()?, breach.parse().ok()?),
        _ => None,
    })
}
