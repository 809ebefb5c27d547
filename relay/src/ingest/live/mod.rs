//! A live venue: its listing, the desk and the lines.
//!
//! `listing` reads what there is to follow; `connection` is one socket, `pace` what the venue accepts of us;
//! `line` drives the link machine over the connections of one route, `lines` opens and closes them; `desk` owns
//! the tape, `follow` begins and ends symbols, `holes` keeps the ledger; `poll` and `backfill` ask REST.

mod backfill;
mod connection;
mod desk;
mod follow;
mod holes;
mod line;
mod lines;
mod listing;
mod pace;
mod poll;

use std::sync::Arc;

use shared::market::{Ms, Symbol};
use tokio::sync::{mpsc, watch};

use super::outlet::Outlet;
use super::rest::Rest;
use crate::capture::FrameSink;
use crate::directory::Directory;
use crate::store::Store;
use crate::venues::Venue;
use desk::Desk;
use lines::{Lines, Shared};
use listing::{Lister, Plan, Told};
use pace::Gate;

/// Reads a venue's list into the directory once, for commands that open no line.
pub async fn list(rest: &Rest, symbols: &[Symbol], directory: &Arc<Directory>) {
    let (known, _) = watch::channel(Arc::default());
    let (desk, _) = mpsc::unbounded_channel();
    let told = Told { directory: directory.clone(), board: rest.board().clone(), known, desk };
    let plan = Plan::new(rest.venue().clone(), symbols.to_vec());
    Lister::new(plan, rest.clone(), told, 0).once().await;
}

/// What a running venue is told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Begin with a symbol, its past first. Nothing where it is followed already.
    Follow(Symbol),
    /// End it.
    Unfollow(Symbol),
    /// The venue no longer lists it: it ends, and what comes after its last data is lost.
    Delisted(Symbol),
}

/// Decoded frames waiting for the desk.
const DESK_QUEUE: usize = 10_000;

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
        let (sender, messages) = mpsc::channel(DESK_QUEUE);
        let (known, instruments) = watch::channel(Arc::default());
        let (to_desk, orders) = mpsc::unbounded_channel();
        let told = Told {
            directory: self.directory.clone(),
            board: self.rest.board().clone(),
            known,
            desk: to_desk,
        };
        let plan = Plan::new(self.venue.clone(), self.symbols);
        let lister = Lister::new(plan, self.rest.clone(), told, self.seed);
        let shared = Shared {
            venue: self.venue,
            instruments,
            desk: sender.clone(),
            clock: self.outlet.clock().clone(),
            proxy: self.proxy,
            frames: self.frames,
            gate: Gate::default(),
            reconnect_cap: self.reconnect_cap,
            seed: self.seed,
        };
        let lines = Lines::new(shared);
        let desk = Desk::new(self.rest, self.outlet, self.store, self.directory, lines, sender);
        tokio::join!(desk.run(messages, orders), lister.run(self.orders));
    }
}
