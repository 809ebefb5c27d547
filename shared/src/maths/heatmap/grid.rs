//! The price bins and the centre they stand around.

/// Price bins of a map.
pub const PRICE_BINS: usize = 50;
/// The centre stays while the price is within this fraction of it.
const HOLD: f64 = 0.025;
/// Distance of two places of the lattice, as a factor: as far as the centre holds, so that between two of them
/// both may hold, and whoever meets one of them takes it.
const STEP: f64 = 1.0 + HOLD;
/// Prices that have a grid: below, bins would be too narrow to be told apart; above, they are no prices.
const PRICES: std::ops::RangeInclusive<f64> = 1e-15..=1e15;

/// 50 equal price bins over +-5 % of a centre.
#[derive(Clone, PartialEq, Debug)]
pub struct Grid {
    edges: [f64; PRICE_BINS + 1],
}

impl Grid {
    /// Around the place of the lattice nearest to a price; `None` where that is no price.
    pub fn near(price: f64) -> Option<Grid> {
        PRICES.contains(&price).then(|| Grid::around(lattice(price)))
    }

    /// With this very centre; `None` where that is no price.
    pub fn centred(centre: f64) -> Option<Grid> {
        PRICES.contains(&centre).then(|| Grid::around(centre))
    }

    /// The grid after these prices in their order; `None` where none of them is a price.
    pub fn walk(prices: impl IntoIterator<Item = f64>) -> Option<Grid> {
        let next = |grid: Option<Grid>, price| match grid {
            Some(grid) => grid.follow(price).or(Some(grid)),
            None => Grid::near(price),
        };
        prices.into_iter().fold(None, next)
    }

    fn around(centre: f64) -> Grid {
        // 2 per mille each; the middle edge is the centre to the bit.
        let edge = |n: usize| centre + centre * ((2 * n) as f64 - PRICE_BINS as f64) / 1000.0;
        Grid { edges: std::array::from_fn(edge) }
    }

    /// 51 edges, ascending.
    pub fn edges(&self) -> &[f64; PRICE_BINS + 1] {
        &self.edges
    }

    /// The middle edge.
    pub fn centre(&self) -> f64 {
        self.edges[PRICE_BINS / 2]
    }

    /// The grid this one gives way to at a price that left +-2.5 % of its centre; `None` while it stays.
    pub fn follow(&self, price: f64) -> Option<Grid> {
        let centre = self.centre();
        let stays = (price - centre).abs() <= centre * HOLD;
        if stays { None } else { Grid::near(price) }
    }

    /// The bin of a price; a price on an edge is in the bin above it.
    pub fn bin(&self, price: f64) -> Option<usize> {
        let above = self.edges.partition_point(|edge| *edge <= price);
        // Before the first edge none is at or below it; from the last one on all are.
        above.checked_sub(1).filter(|bin| *bin < PRICE_BINS)
    }
}

/// The nearest of 1, 1.025, 1.025^2 .. and 1 / 1.025, 1 / 1.025^2 ..: found by the same steps everywhere.
fn lattice(price: f64) -> f64 {
    let (mut below, mut above) = (1.0, STEP);
    while above <= price {
        (below, above) = (above, above * STEP);
    }
    while price < below {
        (below, above) = (below / STEP, below);
    }
    if price - below <= above - price { below } else { above }
}
