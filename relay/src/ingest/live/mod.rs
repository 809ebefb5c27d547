//! A live venue: instruments, start-up fill, then lines, pollers and the desk.
//!
//! `connection` is one socket; `line` drives the link machine over the connections of one route; `desk`
//! owns the tape; `poll` and `backfill` ask REST.

mod backfill;
mod connection;
mod desk;
mod line;
mod pace;
mod poll;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use shared::event::{Channel, Origin};
use shared::market::{Instrument, Kind, Ms, Symbol};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use super::outlet::Outlet;
use super::rest::Rest;
use super::tape::Tape;
use crate::capture::FrameSink;
use crate::directory::Directory;
use crate::store::Store;
use crate::venues::{Fetch, Fetched, Instruments, Product, Stream, Venue};
use desk::Desk;
use line::Line;
use pace::Gate;

/// Decoded frames waiting for the desk.
const DESK_QUEUE: usize = 10_000;
const INSTRUMENT_PATIENCE: Duration = Duration::from_secs(20);
/// Between attempts to learn a venue's instruments, doubled up to the longest.
const RETRY: Duration = Duration::from_secs(2);
const RETRY_LONGEST: Duration = Duration::from_secs(60);

/// What a live venue needs.
pub struct LiveVenue {
    pub venue: Arc<dyn Venue>,
    pub symbols: Vec<Symbol>,
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
        let mut listed = self.instruments().await;
        let mut known = Instruments::default();
        for (product, instrument) in &listed {
            known.insert(product, (**instrument).clone());
        }
        let instruments: Vec<Arc<Instrument>> = listed.drain(..).map(|(_, i)| i).collect();
        self.directory.set(&self.venue.id(), instruments.clone());
        let mut tape = Tape::new(self.venue.id(), Origin::Trades);
        for instrument in &instruments {
            tape.add(instrument.clone(), self.venue.book_of(instrument.kind));
            backfill::run(instrument, &mut tape, &self.rest, &self.outlet, &*self.store).await;
        }
        self.stream(instruments, Arc::new(known), tape).await;
    }

    async fn stream(self, instruments: Vec<Arc<Instrument>>, known: Arc<Instruments>, tape: Tape) {
        let (sender, messages) = mpsc::channel(DESK_QUEUE);
        let gate = Gate::default();
        let mut tasks = JoinSet::new();
        for (number, (route, streams)) in self.routes(&instruments).into_iter().enumerate() {
            let line = Line {
                venue: self.venue.clone(),
                route,
                instruments: known.clone(),
                streams,
                desk: sender.clone(),
                clock: self.outlet.clock().clone(),
                proxy: self.proxy.clone(),
                frames: self.frames.clone(),
                gate: gate.clone(),
                seed: self.seed.wrapping_add(number as u64),
            };
            tasks.spawn(line.run());
        }
        let clock = self.outlet.clock().clone();
        let polled: Vec<(Symbol, Ms)> = poll::open_interest(&*self.venue, &instruments, clock.now());
        let (number, rest) = (instruments.len(), self.rest.clone());
        for (index, instrument) in instruments.into_iter().enumerate() {
            let place = (index, number);
            tasks.spawn(poll::run(instrument, place, rest.clone(), clock.clone(), sender.clone()));
        }
        // The tasks end with this future.
        Desk::new(tape, self.outlet, self.rest, sender, polled.into_iter()).run(messages).await;
    }

    /// The streams of every instrument by route, split where one connection may not carry them all.
    fn routes(&self, instruments: &[Arc<Instrument>]) -> Vec<(crate::venues::RouteSpec, Vec<Stream>)> {
        let mut by_route: HashMap<&str, Vec<Stream>> = HashMap::new();
        for instrument in instruments {
            for stream in self.venue.streams(instrument, &Channel::ALL) {
                by_route.entry(stream.route).or_default().push(stream);
            }
        }
        let mut lines = Vec::new();
        for route in self.venue.routes() {
            for streams in by_route.remove(route.name).unwrap_or_default().chunks(route.max_streams.max(1)) {
                lines.push((route.clone(), streams.to_vec()));
            }
        }
        for route in by_route.keys() {
            error!(venue = %self.venue.id(), route, "streams on a route the venue does not have");
        }
        lines
    }

    /// The configured symbols as the venue lists them; asks until it has an answer.
    async fn instruments(&self) -> Vec<(Product, Arc<Instrument>)> {
        let mut products: Vec<Product> = Vec::new();
        for kind in [Kind::Perp, Kind::Spot, Kind::Future, Kind::Stock, Kind::Index] {
            let wanted = self.symbols.iter().any(|s| kind_of(s) == kind);
            products.extend(self.venue.product_of(kind).filter(|p| wanted && !products.contains(p)));
        }
        let mut found = Vec::new();
        for product in products {
            let listed = self.listed(product).await;
            found.extend(
                listed
                    .into_iter()
                    .filter(|i| self.symbols.contains(&i.symbol))
                    .map(|i| (product, Arc::new(i))),
            );
        }
        for symbol in &self.symbols {
            if !found.iter().any(|(_, i)| i.symbol == *symbol) {
                let reason = format!("SYMBOLS: {} does not list {symbol}", self.venue.id());
                warn!("{reason}");
                self.outlet.board().reason(&self.venue.id(), Some(reason));
            }
        }
        info!(venue = %self.venue.id(), count = found.len(), "instruments known");
        found
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
