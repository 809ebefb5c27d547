//! What a venue lists: read page by page at the start and once a day, compared with what was known, and told to
//! the directory, the decoders and the desk.

mod changes;
mod passing;
mod plan;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shared::market::{Instrument, Ms, Symbol};
use tokio::sync::{mpsc, watch};
use tracing::{debug, info, warn};

use super::Order;
use crate::directory::{Directory, Listing};
use crate::ingest::rest::{Rest, RestError};
use crate::ingest::{Board, Teller};
use crate::venues::{Fetch, Fetched, Instruments, Product};
use changes::{Change, changes};
use passing::{Passing, learn};

pub(super) use plan::Plan;

const PATIENCE: Duration = Duration::from_secs(20);
/// Between attempts to read a list, doubled up to the longest.
const RETRY: Duration = Duration::from_secs(2);
const RETRY_LONGEST: Duration = Duration::from_secs(60);
/// A list is read again so much later and some of the jitter, so that relays do not come all at once.
const REFRESH: Duration = Duration::from_secs(23 * 3_600);
const REFRESH_JITTER: Ms = Ms(2 * Ms::HOUR.0);
/// No list has more pages.
const MAX_PAGES: usize = 200;

/// Who answers calls.
#[async_trait]
pub(super) trait Ask: Send + Sync {
    async fn ask(&self, fetch: &Fetch) -> Result<Fetched, RestError>;
}

#[async_trait]
impl Ask for Rest {
    async fn ask(&self, fetch: &Fetch) -> Result<Fetched, RestError> {
        self.fetch(fetch, PATIENCE).await
    }
}

/// Whom a lister tells.
pub(super) struct Told {
    pub directory: Arc<Directory>,
    pub board: Arc<Board>,
    /// What decoders look names up in.
    pub known: watch::Sender<Arc<Instruments>>,
    /// Which symbols begin and end.
    pub desk: mpsc::UnboundedSender<Order>,
}

/// Reads a venue's lists.
pub(super) struct Lister<A> {
    plan: Plan,
    ask: A,
    told: Told,
    seed: u64,
    /// What is still to be read in this round of a day, and the pause before the next attempt.
    pending: Vec<Product>,
    pause: Duration,
    rounds: u64,
    /// The last good list of each product.
    lists: HashMap<Product, Vec<Arc<Instrument>>>,
    /// What the venue listed in an earlier run and has not said in this one.
    kept: Vec<Arc<Instrument>>,
    /// Products whose last list had lost too much to be believed at once.
    doubted: HashSet<Product>,
    /// Of a venue that cannot list: names that were answered in this round.
    answered: HashSet<String>,
    /// Whether it was said which configured symbols there are not.
    complained: bool,
}

/// Why a list was not taken.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error(transparent)]
    Rest(#[from] RestError),
    #[error("the answer to a call for instruments holds none")]
    Other,
    #[error("the list has no end")]
    Endless,
    #[error("the list is empty")]
    Empty,
    #[error("the list went from {before} instruments to {now}: it is read again before it is believed")]
    Shrunk { before: usize, now: usize },
}

impl<A: Ask> Lister<A> {
    pub(super) fn new(plan: Plan, ask: A, told: Told, seed: u64) -> Lister<A> {
        Lister {
            pending: plan.products.clone(),
            kept: told.directory.listed(&plan.venue).trading,
            plan,
            ask,
            told,
            seed,
            pause: RETRY,
            rounds: 0,
            lists: HashMap::new(),
            doubted: HashSet::new(),
            answered: HashSet::new(),
            complained: false,
        }
    }

    /// Reads everything, then again each day; meanwhile passes `orders` on to the desk, whose decoders know the
    /// symbol by then. Runs until dropped.
    pub(super) async fn run(mut self, orders: mpsc::UnboundedReceiver<Order>) {
        let passing = Passing {
            venue: self.plan.venue.clone(),
            product_of: self.plan.product_of.clone(),
            directory: self.told.directory.clone(),
            known: self.told.known.clone(),
            desk: self.told.desk.clone(),
        };
        let reading = async {
            loop {
                let pause = self.round().await;
                tokio::time::sleep(pause).await;
            }
        };
        tokio::join!(passing.run(orders), reading);
    }

    /// Reads everything once, as far as the venue answers.
    pub(super) async fn once(mut self) {
        self.round().await;
    }

    /// Reads what is left of this round; answers how long to wait before the next call.
    async fn round(&mut self) -> Duration {
        let mut left = Vec::new();
        for (place, product) in std::mem::take(&mut self.pending).into_iter().enumerate() {
            let read = match &self.plan.names {
                None => self.by_list(product).await,
                Some(names) => {
                    let names = names.clone();
                    self.by_name(product, names).await
                }
            };
            if let Err(error) = read {
                warn!(venue = %self.plan.venue, product, %error, "the instruments could not be read");
                self.told.board.error(&self.plan.venue);
                if place < self.plan.needed && !self.lists.contains_key(product) {
                    self.told.board.reason(&self.plan.venue, Teller::Listing, Some(error.to_string()));
                }
                left.push(product);
            }
        }
        if !left.iter().any(|product| self.plan.products.iter().take(self.plan.needed).any(|p| p == product))
        {
            self.complain();
        }
        self.pending = left;
        if self.pending.is_empty() {
            self.pending = self.plan.products.clone();
            self.answered.clear();
            self.pause = RETRY;
            self.rounds += 1;
            return REFRESH + jitter(self.seed, self.rounds);
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(RETRY_LONGEST);
        pause
    }

    async fn by_list(&mut self, product: Product) -> Result<(), Unread> {
        // Intervals first: instruments without them would tell no yearly rate.
        if let Err(error) = self.ask.ask(&Fetch::FundingIntervals { product }).await {
            debug!(%error, "no funding intervals");
        }
        let list = self.pages(product).await?;
        self.believe(product, list.len())?;
        self.take(product, list.into_iter().map(Arc::new).collect());
        Ok(())
    }

    async fn pages(&self, product: Product) -> Result<Vec<Instrument>, Unread> {
        let (mut found, mut cursor) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let fetch = Fetch::Instruments { product, venue_symbols: Vec::new(), cursor: cursor.clone() };
            let Fetched::Instruments { listed, next } = self.ask.ask(&fetch).await? else {
                return Err(Unread::Other);
            };
            found.extend(listed);
            if next.is_none() || next == cursor {
                return Ok(found);
            }
            cursor = next;
        }
        Err(Unread::Endless)
    }

    /// A list that lost half of a market is more likely broken than true; said twice, it is believed. An empty
    /// one never is, where there was something or something is needed.
    fn believe(&mut self, product: Product, now: usize) -> Result<(), Unread> {
        let before = self.lists.get(product).map_or_else(|| self.kept(product).count(), Vec::len);
        let needed = self.plan.products.iter().take(self.plan.needed).any(|p| *p == product);
        if now == 0 && (before > 0 || needed) {
            return Err(Unread::Empty);
        }
        if now * 2 < before && self.doubted.insert(product) {
            return Err(Unread::Shrunk { before, now });
        }
        self.doubted.remove(product);
        Ok(())
    }

    fn take(&mut self, product: Product, list: Vec<Arc<Instrument>>) {
        let first = !self.lists.contains_key(product);
        let before = if first { self.kept(product).cloned().collect() } else { Vec::new() };
        let before = self.lists.insert(product, list.clone()).unwrap_or(before);
        let mut changes = changes(&before, &list);
        if first {
            // Nothing is followed yet, the same or not.
            self.confirm(&list, &mut changes);
        }
        let venue = &self.plan.venue;
        let mut known = Instruments::default();
        let mut listed = Vec::new();
        for product in &self.plan.products {
            // A product that has not been read yet lists what it did before.
            let kept = self.kept(product).filter(|_| !self.lists.contains_key(product));
            for instrument in self.lists.get(product).into_iter().flatten().chain(kept) {
                known.insert(product, (**instrument).clone());
                listed.push(instrument.clone());
            }
        }
        self.told.directory.list(venue, listed);
        self.told.known.send_replace(Arc::new(known));
        info!(%venue, product, listed = list.len(), changed = changes.len(), "instruments known");
        // In the order in which they are followed.
        for symbol in self.told.directory.following(venue) {
            if let Some(change) = changes.get(&symbol) {
                self.tell(symbol, change);
            }
        }
    }

    /// What an earlier run listed of a product.
    fn kept(&self, product: Product) -> impl Iterator<Item = &Arc<Instrument>> {
        self.kept.iter().filter(move |i| (self.plan.product_of)(i.kind) == Some(product))
    }

    /// The venue says again what an earlier run knew: listed for this one.
    fn confirm(&mut self, said: &[Arc<Instrument>], changes: &mut BTreeMap<Symbol, Change>) {
        let said: HashSet<&Symbol> = said.iter().map(|i| &i.symbol).collect();
        self.kept.retain(|i| {
            let again = said.contains(&i.symbol);
            if again {
                changes.entry(i.symbol.clone()).or_insert(Change::Listed);
            }
            !again
        });
    }

    fn tell(&self, symbol: Symbol, change: &Change) {
        let (venue, desk) = (&self.plan.venue, &self.told.desk);
        let orders = match change {
            Change::Listed => vec![Order::Follow(symbol)],
            Change::Gone => {
                let listed = self.told.directory.market(venue, &symbol);
                if listed.is_some_and(|market| market.status == Listing::Trading) {
                    return;
                }
                warn!(%venue, %symbol, "delisted");
                vec![Order::Delisted(symbol)]
            }
            Change::Other { was, is } => {
                info!(%venue, %symbol, was, is, "listed otherwise: it begins anew");
                vec![Order::Unfollow(symbol.clone()), Order::Follow(symbol)]
            }
        };
        for order in orders {
            // The desk ends with the venue.
            let _ = desk.send(order);
        }
    }

    /// Asks for each name alone: those configured, and those followed by now.
    async fn by_name(&mut self, product: Product, mut names: Vec<(Product, String)>) -> Result<(), Unread> {
        let venue = self.plan.venue.clone();
        let followed = self.told.directory.following(&venue);
        let instruments = followed.iter().filter_map(|symbol| self.told.directory.get(&venue, symbol));
        let of = |i: Arc<Instrument>| Some(((self.plan.product_of)(i.kind)?, i.venue_symbol.clone()));
        names.extend(instruments.filter_map(of));
        let mut seen = HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        let mut failed = None;
        for (_, name) in names.into_iter().filter(|(of, _)| *of == product) {
            if self.answered.contains(&name) {
                continue;
            }
            let fetch = Fetch::Instruments { product, venue_symbols: vec![name.clone()], cursor: None };
            match self.ask.ask(&fetch).await {
                Ok(Fetched::Instruments { listed, .. }) => {
                    self.found(product, listed.into_iter().map(Arc::new).collect());
                }
                Ok(_) => return Err(Unread::Other),
                // A name the venue does not know; the others may be.
                Err(RestError::BadRequest { reason, .. }) => warn!(%venue, name, reason, "not listed"),
                // Asking again gives the same.
                Err(RestError::Decode { error, .. }) => warn!(%venue, name, %error, "not understood"),
                Err(error) => {
                    failed = Some(error);
                    continue;
                }
            }
            self.answered.insert(name);
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    fn found(&mut self, product: Product, found: Vec<Arc<Instrument>>) {
        let before = |i: &Arc<Instrument>| self.told.directory.get(&self.plan.venue, &i.symbol);
        let before: Vec<Arc<Instrument>> = found.iter().filter_map(before).collect();
        let mut changes = changes(&before, &found);
        self.confirm(&found, &mut changes);
        let venue = &self.plan.venue;
        self.told.directory.add(venue, found.clone());
        for instrument in &found {
            learn(&self.told.known, product, instrument);
        }
        for symbol in self.told.directory.following(venue) {
            if let Some(change) = changes.remove(&symbol) {
                self.tell(symbol, &change);
            }
        }
    }

    /// Says which configured symbols there are not; in the log once.
    fn complain(&mut self) {
        let first = !std::mem::replace(&mut self.complained, true);
        let venue = &self.plan.venue;
        let alone = self.told.directory.venues().len() == 1;
        let traded = |symbol: &&Symbol| {
            let market = self.told.directory.market(venue, symbol);
            let said = !self.kept.iter().any(|i| i.symbol == **symbol);
            said && market.is_some_and(|market| market.status == Listing::Trading)
        };
        let mut reason = None;
        for symbol in self.plan.symbols.iter().filter(|symbol| !traded(symbol)) {
            // Beside others a venue need not have every symbol.
            if alone {
                reason = Some(format!("SYMBOLS: {venue} does not list {symbol}"));
            }
            if first {
                info!(%venue, %symbol, "not listed here");
            }
        }
        if let Some(reason) = reason.as_ref().filter(|_| first) {
            warn!("{reason}");
        }
        self.told.board.reason(venue, Teller::Listing, reason);
    }
}

/// A share of the jitter, other each time (splitmix64).
fn jitter(seed: u64, round: u64) -> Duration {
    let mut z = seed.wrapping_add(round.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    Duration::from_millis((z ^ (z >> 31)) % REFRESH_JITTER.0.unsigned_abs())
}
