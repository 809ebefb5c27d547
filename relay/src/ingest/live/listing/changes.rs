//! How one list differs from the one before.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use shared::market::{Instrument, Symbol};

/// What became of a symbol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// New, or back again.
    Listed,
    Gone,
    /// Under another name, with another tick, step, multiplier or choice of channels.
    Other {
        was: String,
        is: String,
    },
}

/// What differs, by symbol. Of two instruments under one symbol the first counts.
pub(super) fn changes(before: &[Arc<Instrument>], now: &[Arc<Instrument>]) -> BTreeMap<Symbol, Change> {
    let (before, now) = (by_symbol(before), by_symbol(now));
    let mut changes = BTreeMap::new();
    for (symbol, is) in &now {
        let change = match before.get(symbol) {
            None => Change::Listed,
            Some(was) if was == is => continue,
            Some(was) => Change::Other { was: terms(was), is: terms(is) },
        };
        changes.insert((*symbol).clone(), change);
    }
    for symbol in before.keys().filter(|symbol| !now.contains_key(*symbol)) {
        changes.insert((*symbol).clone(), Change::Gone);
    }
    changes
}

fn by_symbol(list: &[Arc<Instrument>]) -> HashMap<&Symbol, &Arc<Instrument>> {
    let mut map = HashMap::with_capacity(list.len());
    for instrument in list {
        map.entry(&instrument.symbol).or_insert(instrument);
    }
    map
}

/// What may change, in one line.
fn terms(i: &Instrument) -> String {
    format!("{} tick {} step {} multiplier {}", i.venue_symbol, i.tick_size, i.step_size, i.multiplier)
}
