//! What the venues list, and which of it is followed.
//!
//! Every lookup is by map: a venue lists thousands of symbols. A symbol no longer listed stays readable as delisted,
//! so that its history can be asked for.

mod joined;
mod search;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde::Serialize;
use shared::market::{Group, Instrument, Symbol, VenueId};

pub use joined::JoinedMarket;
use search::Names;

/// Most instruments remembered of a venue that cannot list its own, the longest unused going first.
const MOST_FOUND: usize = 2_000;

/// The instruments of every venue. Cheap to read; a venue's list is replaced as a whole.
pub struct Directory {
    venues: RwLock<Vec<(VenueId, Shelf)>>,
    changes: AtomicU64,
}

/// Whether a symbol is still traded at a venue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Listing {
    Trading,
    Delisted,
}

/// One symbol at one venue.
#[derive(Clone, PartialEq, Debug)]
pub struct Market {
    pub instrument: Arc<Instrument>,
    pub status: Listing,
    /// Whether the venue's streams are open for it, or are to be.
    pub followed: bool,
}

/// What one venue lists, and what it listed before, each in its order.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Listed {
    pub trading: Vec<Arc<Instrument>>,
    pub delisted: Vec<Arc<Instrument>>,
}

/// One venue's part.
#[derive(Default)]
struct Shelf {
    listed: HashMap<Symbol, Entry>,
    /// As the venue lists them.
    order: Vec<Symbol>,
    groups: HashMap<Group, Vec<Symbol>>,
    /// Followed always.
    configured: Vec<Symbol>,
    /// Followed while somebody wants them.
    dynamic: Vec<Symbol>,
    /// Found by search, oldest first.
    found: VecDeque<Symbol>,
}

struct Entry {
    instrument: Arc<Instrument>,
    status: Listing,
    names: Names,
}

impl Directory {
    /// Venues in configured order, without instruments yet.
    pub fn new(venues: impl IntoIterator<Item = VenueId>) -> Directory {
        let venues = venues.into_iter().map(|venue| (venue, Shelf::default())).collect();
        Directory { venues: RwLock::new(venues), changes: AtomicU64::new(0) }
    }

    /// The venue lists these and nothing else, and all of them are followed; a venue not configured is added at
    /// the end.
    pub fn set(&self, venue: &VenueId, instruments: Vec<Arc<Instrument>>) {
        self.relist(venue, |shelf| {
            *shelf = Shelf::default();
            shelf.configured = instruments.iter().map(|i| i.symbol.clone()).collect();
            shelf.list(instruments);
        });
    }

    /// Replaces all that a venue lists. What it listed before and no longer does stays as delisted; what is
    /// followed stays so. Of two instruments under one symbol the first counts.
    pub fn list(&self, venue: &VenueId, instruments: Vec<Arc<Instrument>>) {
        self.relist(venue, |shelf| shelf.list(instruments));
    }

    /// Adds to what a venue lists, or replaces single instruments of it: for venues that cannot list everything.
    pub fn add(&self, venue: &VenueId, instruments: Vec<Arc<Instrument>>) {
        self.relist(venue, |shelf| shelf.add(instruments));
    }

    /// Names the symbols a venue follows always, listed already or not.
    pub fn configure(&self, venue: &VenueId, symbols: &[Symbol]) {
        self.write(venue, |shelf| shelf.configured = symbols.to_vec());
    }

    /// Notes that a symbol is followed from now on, while somebody wants it.
    pub fn follow(&self, venue: &VenueId, symbol: &Symbol) {
        self.write(venue, |shelf| {
            if !shelf.follows(symbol) {
                shelf.dynamic.push(symbol.clone());
            }
        });
    }

    /// Takes [`Self::follow`] back; configured symbols stay.
    pub fn unfollow(&self, venue: &VenueId, symbol: &Symbol) {
        self.write(venue, |shelf| shelf.dynamic.retain(|s| s != symbol));
    }

    /// Counts up with every change of a list.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    pub fn venues(&self) -> Vec<VenueId> {
        self.read(|venues| venues.iter().map(|(id, _)| id.clone()).collect())
    }

    /// The instrument of a symbol at a venue, delisted or not.
    pub fn get(&self, venue: &VenueId, symbol: &Symbol) -> Option<Arc<Instrument>> {
        self.market(venue, symbol).map(|market| market.instrument)
    }

    /// A symbol at a venue.
    pub fn market(&self, venue: &VenueId, symbol: &Symbol) -> Option<Market> {
        self.read(|venues| venues.iter().find(|(id, _)| id == venue)?.1.market(symbol))
    }

    /// A symbol at every venue that lists it, in configured order; those that no longer do come last.
    pub fn markets(&self, symbol: &Symbol) -> Vec<Market> {
        let mut markets: Vec<Market> =
            self.read(|venues| venues.iter().filter_map(|(_, shelf)| shelf.market(symbol)).collect());
        markets.sort_by_key(|market| market.status);
        markets
    }

    /// The instruments under a symbol, one per venue that lists it; the first is the default venue's.
    pub fn listings(&self, symbol: &Symbol) -> Vec<Arc<Instrument>> {
        self.markets(symbol).into_iter().map(|market| market.instrument).collect()
    }

    /// Every instrument of a group that is traded, venues in configured order, each in its own order.
    pub fn members(&self, group: &Group) -> Vec<Arc<Instrument>> {
        let traded = |shelf: &Shelf, symbol: &Symbol| {
            let entry = shelf.listed.get(symbol)?;
            (entry.status == Listing::Trading).then(|| entry.instrument.clone())
        };
        self.read(|venues| {
            let of = |(_, shelf): &(VenueId, Shelf)| -> Vec<Arc<Instrument>> {
                let symbols = shelf.groups.get(group).into_iter().flatten();
                symbols.filter_map(|symbol| traded(shelf, symbol)).collect()
            };
            venues.iter().flat_map(of).collect()
        })
    }

    /// Whether a symbol is followed at a venue always, by configuration.
    pub fn is_configured(&self, venue: &VenueId, symbol: &Symbol) -> bool {
        self.read(|venues| venues.iter().any(|(id, shelf)| id == venue && shelf.configured.contains(symbol)))
    }

    /// The symbols followed at a venue, configured ones first, listed or not.
    pub fn following(&self, venue: &VenueId) -> Vec<Symbol> {
        self.read(|venues| {
            let shelf = venues.iter().find(|(id, _)| id == venue).map(|(_, shelf)| shelf);
            shelf.into_iter().flat_map(|s| s.configured.iter().chain(&s.dynamic)).cloned().collect()
        })
    }

    /// The symbols followed anywhere, each once: configured ones first, in their order, then those that are wanted.
    pub fn followed(&self) -> Vec<Symbol> {
        self.read(|venues| {
            let of = |symbols: fn(&Shelf) -> &Vec<Symbol>| {
                venues.iter().flat_map(move |(_, shelf)| symbols(shelf).iter().map(move |s| (shelf, s)))
            };
            let all = of(|shelf| &shelf.configured).chain(of(|shelf| &shelf.dynamic));
            once(all.filter(|(shelf, symbol)| shelf.listed.contains_key(symbol)).map(|(_, symbol)| symbol))
        })
    }

    /// All that is known of a venue, but for what a search found and nobody asked more about.
    pub fn listed(&self, venue: &VenueId) -> Listed {
        self.read(|venues| {
            let shelf = venues.iter().find(|(id, _)| id == venue).map(|(_, shelf)| shelf);
            let entries =
                shelf.into_iter().flat_map(|s| s.order.iter().filter_map(|symbol| s.listed.get(symbol)));
            let known = entries.filter(|entry| entry.instrument.tick_size > 0.0);
            let (trading, delisted): (Vec<_>, Vec<_>) =
                known.partition(|entry| entry.status == Listing::Trading);
            let instruments = |entries: Vec<&Entry>| entries.iter().map(|e| e.instrument.clone()).collect();
            Listed { trading: instruments(trading), delisted: instruments(delisted) }
        })
    }

    /// Every symbol listed anywhere, each once, venues in configured order.
    pub fn symbols(&self) -> Vec<Symbol> {
        self.read(|venues| once(venues.iter().flat_map(|(_, shelf)| &shelf.order)))
    }

    /// The listed symbols that match a text in name, base, group or the venue's own name, best first: the same
    /// before beginning with it before containing it; then what is traded, followed, listed by more venues,
    /// shorter. `found` matches whatever its names are.
    pub fn search(&self, text: &str, found: &[Symbol], limit: usize) -> Vec<Symbol> {
        self.read(|venues| search::search(venues, text, found, limit))
    }

    fn read<T>(&self, f: impl FnOnce(&Vec<(VenueId, Shelf)>) -> T) -> T {
        f(&self.venues.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, venue: &VenueId, f: impl FnOnce(&mut Shelf)) {
        let mut venues = self.venues.write().unwrap_or_else(PoisonError::into_inner);
        let place = venues.iter().position(|(id, _)| id == venue).unwrap_or_else(|| {
            venues.push((venue.clone(), Shelf::default()));
            venues.len() - 1
        });
        if let Some((_, shelf)) = venues.get_mut(place) {
            f(shelf);
        }
    }

    fn relist(&self, venue: &VenueId, f: impl FnOnce(&mut Shelf)) {
        self.write(venue, f);
        self.changes.fetch_add(1, Ordering::Release);
    }
}

impl Shelf {
    fn list(&mut self, instruments: Vec<Arc<Instrument>>) {
        let mut before = std::mem::take(&mut self.listed);
        let order = std::mem::take(&mut self.order);
        self.groups.clear();
        for instrument in instruments {
            if !self.listed.contains_key(&instrument.symbol) {
                self.put(instrument);
            }
        }
        for symbol in order {
            if let Some(gone) = before.remove(&symbol).filter(|_| !self.listed.contains_key(&symbol)) {
                self.order.push(symbol.clone());
                self.listed.insert(symbol, Entry { status: Listing::Delisted, ..gone });
            }
        }
    }

    fn add(&mut self, instruments: Vec<Arc<Instrument>>) {
        for instrument in instruments {
            let symbol = instrument.symbol.clone();
            let known = self.found.iter().position(|s| *s == symbol);
            if known.and_then(|at| self.found.remove(at)).is_some() || !self.listed.contains_key(&symbol) {
                self.found.push_back(symbol);
            }
            self.put(instrument);
        }
        while self.found.len() > MOST_FOUND {
            let Some(at) = self.found.iter().position(|symbol| !self.follows(symbol)) else { return };
            let Some(entry) = self.found.remove(at).and_then(|symbol| self.listed.remove(&symbol)) else {
                continue;
            };
            self.order.retain(|s| *s != entry.instrument.symbol);
            self.ungroup(&entry.instrument);
        }
    }

    /// Puts an instrument in its symbol's place, or at the end.
    fn put(&mut self, instrument: Arc<Instrument>) {
        let symbol = instrument.symbol.clone();
        let entry =
            Entry { names: Names::of(&instrument), instrument: instrument.clone(), status: Listing::Trading };
        match self.listed.insert(symbol.clone(), entry) {
            Some(old) if old.instrument.group == instrument.group => return,
            Some(old) => self.ungroup(&old.instrument),
            None => self.order.push(symbol.clone()),
        }
        self.groups.entry(instrument.group.clone()).or_default().push(symbol);
    }

    fn ungroup(&mut self, instrument: &Instrument) {
        if let Some(members) = self.groups.get_mut(&instrument.group) {
            members.retain(|symbol| *symbol != instrument.symbol);
        }
    }

    fn follows(&self, symbol: &Symbol) -> bool {
        self.configured.contains(symbol) || self.dynamic.contains(symbol)
    }

    fn market(&self, symbol: &Symbol) -> Option<Market> {
        let entry = self.listed.get(symbol)?;
        let followed = self.follows(symbol);
        Some(Market { instrument: entry.instrument.clone(), status: entry.status, followed })
    }
}

/// The symbols without repeats, in their order.
fn once<'a>(symbols: impl Iterator<Item = &'a Symbol>) -> Vec<Symbol> {
    let mut seen = HashSet::new();
    symbols.filter(|symbol| seen.insert(*symbol)).cloned().collect()
}
