//! What is to be read of a venue, and in which order.

use std::sync::Arc;

use shared::market::{Kind, Symbol, VenueId};

use crate::venues::{Product, Venue};

/// Which product an instrument's kind belongs to.
pub(super) type ProductOf = Arc<dyn Fn(Kind) -> Option<Product> + Send + Sync>;

/// What is to be read of a venue.
pub(in super::super) struct Plan {
    pub(super) venue: VenueId,
    /// Those that configured symbols need come first.
    pub(super) products: Vec<Product>,
    pub(super) needed: usize,
    /// Followed always.
    pub(super) symbols: Vec<Symbol>,
    /// Where the venue cannot list: what the configured symbols are called there.
    pub(super) names: Option<Vec<(Product, String)>>,
    pub(super) product_of: ProductOf,
}

impl Plan {
    pub(in super::super) fn new(venue: Arc<dyn Venue>, symbols: Vec<Symbol>) -> Plan {
        let named: Vec<(Product, String)> = symbols.iter().filter_map(|s| venue.guess_name(s)).collect();
        let by_form = symbols.iter().filter_map(|s| venue.product_of(kind_of(s)));
        let mut products: Vec<Product> = Vec::new();
        let mut add = |product| {
            if !products.contains(&product) {
                products.push(product);
            }
            products.len()
        };
        let needed =
            by_form.chain(named.iter().map(|(product, _)| *product)).map(&mut add).max().unwrap_or(0);
        venue.products().iter().for_each(|product| {
            add(product);
        });
        let names = venue.unlisted().then_some(named);
        let id = venue.id();
        Plan {
            venue: id,
            products,
            needed,
            symbols,
            names,
            product_of: Arc::new(move |k| venue.product_of(k)),
        }
    }
}

/// The kind a canonical symbol's form tells.
pub(super) fn kind_of(symbol: &Symbol) -> Kind {
    match symbol.as_str() {
        s if s.ends_with("-PERP") => Kind::Perp,
        s if s.contains('/') => Kind::Spot,
        _ => Kind::Future,
    }
}
