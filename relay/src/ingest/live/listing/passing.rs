//! Orders of clients on their way to the desk: decoders learn of a symbol before it does.

use std::sync::Arc;

use shared::market::{Instrument, VenueId};
use tokio::sync::{mpsc, watch};

use super::plan::ProductOf;
use crate::directory::Directory;
use crate::ingest::live::Order;
use crate::venues::{Instruments, Product};

/// Orders on their way to the desk.
pub(super) struct Passing {
    pub(super) venue: VenueId,
    pub(super) product_of: ProductOf,
    pub(super) directory: Arc<Directory>,
    pub(super) known: watch::Sender<Arc<Instruments>>,
    pub(super) desk: mpsc::UnboundedSender<Order>,
}

impl Passing {
    pub(super) async fn run(self, mut orders: mpsc::UnboundedReceiver<Order>) {
        while let Some(order) = orders.recv().await {
            self.pass(order);
        }
    }

    fn pass(&self, order: Order) {
        if let Order::Follow(symbol) = &order
            && let Some(instrument) = self.directory.get(&self.venue, symbol)
            && let Some(product) = (self.product_of)(instrument.kind)
        {
            // One that was found by search may be unknown to decoders yet.
            learn(&self.known, product, &instrument);
        }
        // The desk ends with the venue.
        let _ = self.desk.send(order);
    }
}

pub(super) fn learn(known: &watch::Sender<Arc<Instruments>>, product: Product, instrument: &Arc<Instrument>) {
    known.send_if_modified(|known| {
        let same = known.get(product, &instrument.venue_symbol) == Some(instrument);
        if !same {
            Arc::make_mut(known).insert(product, (**instrument).clone());
        }
        !same
    });
}
