use std::sync::Arc;

use shared::event::Body;
use shared::market::VenueId;
use tokio::sync::{mpsc, watch};

use super::super::lines::{Lines, Shared};
use super::super::pace::Gate;
use super::*;
use crate::Mode;
use crate::bus::{Bus, MemoryBus};
use crate::clock::Clock;
use crate::config::BaseUrls;
use crate::directory::Directory;
use crate::ingest::Board;
use crate::ingest::outlet::Outlet;
use crate::ingest::rest::{Rest, http_client};
use crate::store::SqliteStore;
use crate::venues;

/// A desk that follows nothing.
fn desk(bus: Arc<dyn Bus>) -> Desk {
    crate::run::install_tls();
    let id = VenueId::new("binance");
    let venue = venues::build(&id, &BaseUrls::default()).unwrap();
    let board = Arc::new(Board::new(Mode::Live, [id.clone()]));
    let rest = Rest::new(venue.clone(), http_client(None).unwrap(), board.clone(), None);
    let outlet = Outlet::new(id.clone(), bus, board, Clock::real());
    let (sender, _) = mpsc::channel(1);
    let (_, instruments) = watch::channel(Arc::default());
    let lines = Lines::new(Shared {
        venue,
        instruments,
        desk: sender.clone(),
        clock: Clock::real(),
        proxy: None,
        frames: None,
        gate: Gate::default(),
        reconnect_cap: Ms::MINUTE,
        seed: 1,
    });
    let store = Arc::new(SqliteStore::temporary().unwrap());
    Desk::new(rest, outlet, store, Arc::new(Directory::new([id])), lines, sender)
}

#[tokio::test]
async fn rows_of_a_symbol_nobody_follows_any_more_refill_nothing() {
    let bus = Arc::new(MemoryBus::new(1));
    let mut told = bus.consume();
    let mut desk = desk(bus);
    let symbol: Symbol = "BTCUSDT-PERP".parse().unwrap();
    let hole = Hole { from: Ms(1_000), cause: GapCause::Disconnect, noticed: Ms(2_000) };
    let (to, span) = (Ms(3_000), (Ms(1_000), Ms(3_000)));
    desk.rows_refilled(&symbol, Channel::Oi, hole, to, Some(Vec::new()), (span, true));
    let stamped = told.try_recv().unwrap();
    let Body::Gap(gap) = &stamped.event.body else { panic!("{stamped:?}") };
    assert_eq!(
        (gap.state, gap.channel, gap.from, gap.to),
        (GapState::Lost, Channel::Oi, hole.from, Some(to))
    );
}
