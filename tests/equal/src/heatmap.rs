//! Heat maps, kept as prints, prices and time come, and painted at once.

use shared::market::Ms;
use shared::maths::heatmap::{Grid, HeatMap, Print, fingerprint, paint};

use crate::market::{Noise, SCALES, START, Walk, liquidations};
use crate::record::Report;

pub(crate) fn heatmap(report: &mut Report) {
    for (name, scale) in SCALES {
        let hits = liquidations(150, scale, 6_000);
        let prints = || hits.iter().filter_map(|(source, hit)| Print::of(*source, hit));
        report.part(&format!("kept:{name}"), |part| {
            let (mut noise, mut walk) = (Noise::new(151), Walk::new(152, scale));
            let mut map = HeatMap::new(1, START);
            for print in prints() {
                map.push(print);
                if noise.once_in(3) {
                    map.price(walk.next());
                }
                if noise.once_in(5) {
                    map.advance(print.timestamp() + Ms(noise.below(20_000) as i64));
                }
                if noise.once_in(10)
                    && let Some(map) = map.changed()
                {
                    part.row(&(fingerprint(&map), map));
                }
            }
        });
        report.part(&format!("painted:{name}"), |part| {
            let mut walk = Walk::new(153, scale);
            for hours in [1, 5, 24] {
                let grid = Grid::walk((0..2_000).map(|_| walk.next()));
                let now = hits.last().map_or(START, |(_, hit)| hit.timestamp);
                let map = grid.map(|grid| paint(&grid, now, hours, prints().collect()));
                part.row(&map);
            }
        });
    }
}
