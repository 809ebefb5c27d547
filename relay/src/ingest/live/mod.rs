//! A live venue: its listing, then the desk and the lines.
//!
//! `connection` is one socket, `pace` what the venue accepts of us; `line` drives the link machine over the
//! connections of one route, `lines` opens and closes them; `desk` owns the tape, `follow` begins and ends
//! symbols, `holes` keeps the ledger; `poll` and `backfill` ask REST.

mod backfill;
mod connection;
mod desk;
mod follow;
mod holes;
mod line;
mod lines;
mod pace;
mod poll;

use std::sync::Arc;
use std::time::Duration;

use shared::market::{Instrument, Kind, Ms, Symbol};
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use super::outlet::Outlet;
use super::rest::{Rest, RestError};
use crate::capture::FrameSink;
use crate::directory::Directory;
use crate::store::Store;
use crate::venues::{Fetch, Fetched, Instruments, Product, Venue};
use desk::{Desk, Msg};
use lines::{Lines, Shared};
use pace::Gate;

/// What a running venue is told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Begin with a symbol, its past first. Nothing where it is followed already.
    Follow(Symbol),
    /// End it.
    Unfollow(Symbol),
}

/// Decoded frames waiting for the desk.
const DESK_QUEUE: usize = 10_000;
const INSTRUMENT_PATIENCE: Duration = Duration::from_secs(20);
/// Between attempts to learn a venue's instruments, doubled up to the longest.
const RETRY: Duration = Duration::from_secs(2);
const RETRY_LONGEST: Duration = Duration::from_secs(60);

/// What a live venue needs.
pub struct LiveVenue {
    pub venue: Arc<dyn Venue>,
    /// What is followed all the time.
    pub symbols: Vec<Symbol>,
    /// The longest pause before a lost line is tried again.
    pub reconnect_cap: Ms,
    pub orders: mpsc::UnboundedReceiver<Order>,
    pub rest: Rest,
    pub outlet: Outlet,
    pub store: Arc<dyn Store>,
    pub directory: Arc<Directory>,
    /// The proxy's address, where sockets go through a proxy.
    pub proxy: Option<secrecy::SecretString>,
    /// Where raw frames are recorded to, if anywhere.
    pub frames: Option<FrameSink>,
    /// Seeds the jitter of reconnects.
    pub seed: u64,
}

impl LiveVenue {
    /// Runs until dropped.
    pub async fn run(self) {
        let (instruments, known) = self.instruments().await;
        self.directory.set(&self.venue.id(), instruments.clone());
        let (sender, messages) = mpsc::channel(DESK_QUEUE);
        let (listing, listed) = watch::channel(Arc::new(known));
        let shared = Shared {
            venue: self.venue,
            instruments: listed,
            desk: sender.clone(),
            clock: self.outlet.clock().clone(),
            proxy: self.proxy,
            frames: self.frames,
            gate: Gate::default(),
            reconnect_cap: self.reconnect_cap,
            seed: self.seed,
        };
        let lines = Lines::new(shared);
        let desk = Desk::new(self.rest, self.outlet, self.store, self.directory, lines, sender.clone());
        let configured = async {
            for instrument in instruments {
                let _ = sender.send(Msg::Follow(instrument)).await;
            }
        };
        tokio::join!(desk.run(messages, self.orders), configured);
        drop(listing);
    }

    /// The configured symbols as the venue lists them, and everything it lists; asks until it has an answer.
    async fn instruments(&self) -> (Vec<Arc<Instrument>>, Instruments) {
        let mut products: Vec<Product> = Vec::new();
        for kind in [Kind::Perp, Kind::Spot, Kind::Future, Kind::Stock, Kind::Index] {
            let wanted = self.symbols.iter().any(|s| kind_of(s) == kind);
            products.extend(self.venue.product_of(kind).filter(|p| wanted && !products.contains(p)));
        }
        let (mut found, mut known) = (Vec::new(), Instruments::default());
        if self.venue.unlisted() {
            for (product, name) in self.symbols.iter().filter_map(|s| self.venue.guess_name(s)) {
                for instrument in self.named(product, name).await {
                    found.push(Arc::new(instrument.clone()));
                    known.insert(product, instrument);
                }
            }
            products.clear();
        }
        for product in products {
            for instrument in self.listed(product).await {
                if self.symbols.contains(&instrument.symbol) {
                    found.push(Arc::new(instrument.clone()));
                }
                known.insert(product, instrument);
            }
        }
        for symbol in &self.symbols {
            if !found.iter().any(|i| i.symbol == *symbol) {
                let reason = format!("SYMBOLS: {} does not list {symbol}", self.venue.id());
                warn!("{reason}");
                self.outlet.board().reason(&self.venue.id(), Some(reason));
            }
        }
        info!(venue = %self.venue.id(), count = found.len(), "instruments known");
        (found, known)
    }

    /// One instrument of a venue that cannot list them; none where it does not know the name.
    async fn named(&self, product: Product, name: String) -> Vec<Instrument> {
        let mut pause = RETRY;
        let fetch = Fetch::Instruments { product, venue_symbols: vec![name], cursor: None };
        loop {
            match self.rest.fetch(&fetch, INSTRUMENT_PATIENCE).await {
                Ok(Fetched::Instruments { listed, .. }) => return listed,
                Err(RestError::BadRequest { .. }) => return Vec::new(),
                Ok(_) => error!(venue = %self.venue.id(), product, "the listing is of no use"),
                Err(error) => {
                    warn!(%error, product, "an instrument is unknown");
                    self.outlet.error();
                    self.outlet.board().reason(&self.venue.id(), Some(error.to_string()));
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_LONGEST);
        }
    }

    async fn listed(&self, product: Product) -> Vec<Instrument> {
        let mut pause = RETRY;
        let (mut found, mut next) = (Vec::new(), None);
        loop {
            let intervals = Fetch::FundingIntervals { product };
            // Intervals first: instruments without them would tell no yearly rate.
            if let Err(error) = self.rest.fetch(&intervals, INSTRUMENT_PATIENCE).await {
                tracing::debug!(%error, "no funding intervals");
            }
            let (venue_symbols, cursor) = (Vec::new(), next.clone());
            let fetch = Fetch::Instruments { product, venue_symbols, cursor };
            match self.rest.fetch(&fetch, INSTRUMENT_PATIENCE).await {
                Ok(Fetched::Instruments { listed, next: more }) => {
                    found.extend(listed);
                    if more.is_none() || more == next {
                        return found;
                    }
                    next = more;
                    continue;
                }
                Ok(_) => error!(venue = %self.venue.id(), product, "the instrument list is of no use"),
                Err(error) => {
                    warn!(%error, product, "instruments are unknown");
                    self.outlet.error();
                    self.outlet.board().reason(&self.venue.id(), Some(error.to_string()));
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_LONGEST);
        }
    }
}

/// The kind a canonical symbol's form tells.
fn kind_of(symbol: &Symbol) -> Kind {
    match symbol.as_str() {
        s if s.ends_with("-PERP") => Kind::Perp,
        s if s.contains('/') => Kind::Spot,
        _ => Kind::Future,
    }
}
