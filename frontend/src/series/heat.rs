//! The heat map of liquidations as it is held, and as a picture.

use shared::market::Ms;

/// The prints of one bin of price and time.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Cell {
    /// Index of the price bin.
    pub p: u32,
    /// Index of the time bin.
    pub t: u32,
    pub count: u64,
    /// Quote currency.
    pub size_usd: f64,
}

/// Liquidations by price and time: see docs/HEATMAP.md.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Heat {
    /// Edges of the price bins, ascending.
    pub prices: Vec<f64>,
    /// Edges of the time bins, ascending.
    pub times: Vec<Ms>,
    /// By time bin, then price bin.
    pub cells: Vec<Cell>,
}

impl Heat {
    /// `None` where the bins make no grid.
    pub fn new(prices: Vec<f64>, times: Vec<Ms>, mut cells: Vec<Cell>) -> Option<Heat> {
        let grid = prices.len() > 1 && times.len() > 1;
        cells.retain(|c| (c.p as usize) + 1 < prices.len() && (c.t as usize) + 1 < times.len());
        grid.then_some(Heat { prices, times, cells })
    }

    /// Takes the newest hour into a longer map, which moves along; false where the price bins differ, and the longer
    /// one must be read anew.
    pub fn take(&mut self, live: &Heat) -> bool {
        let (Some(from), Some(to), Some(end)) =
            (live.times.first(), live.times.last(), self.times.last().copied())
        else {
            return true;
        };
        if live.prices != self.prices || *from > end {
            return false;
        }
        let fresh = live.times.iter().filter(|at| **at > end).count();
        let start = self.times.partition_point(|at| at < from);
        self.cells.retain(|c| (c.t as usize) < start);
        self.cells.extend(live.cells.iter().map(|c| Cell { t: c.t + start as u32, ..*c }));
        self.times.extend(live.times.iter().filter(|at| **at > end));
        if *to > end {
            self.times.drain(..fresh);
            self.cells.retain(|c| c.t as usize >= fresh);
            self.cells.iter_mut().for_each(|c| c.t -= fresh as u32);
        }
        true
    }

    /// Time bins across, price bins down, the dearest first; four bytes a cell. Green, yellow and red by the logarithm
    /// of the size against the largest, transparent where nothing was.
    pub fn pixels(&self) -> Vec<u8> {
        let (across, down) = (self.times.len().saturating_sub(1), self.prices.len().saturating_sub(1));
        let mut pixels = vec![0; across * down * 4];
        let largest = self.cells.iter().map(|c| c.size_usd).fold(0.0, f64::max);
        for cell in self.cells.iter().filter(|c| c.size_usd > 0.0) {
            let share = (1.0 - (cell.size_usd / largest).ln() / FAINTEST.ln()).clamp(0.0, 1.0);
            let row = down - 1 - (cell.p as usize).min(down - 1);
            let at = 4 * (row * across + cell.t as usize);
            if let Some(pixel) = pixels.get_mut(at..at + 4) {
                pixel.copy_from_slice(&colour(share));
            }
        }
        pixels
    }

    pub fn cell(&self, t: usize, p: usize) -> Option<&Cell> {
        self.cells.iter().find(|c| (c.t as usize, c.p as usize) == (t, p))
    }
}

/// The smallest size told apart from others, as a part of the largest.
const FAINTEST: f64 = 0.001;
const GREEN: [f64; 4] = [34.0, 197.0, 94.0, 90.0];
const YELLOW: [f64; 4] = [250.0, 204.0, 21.0, 140.0];
const RED: [f64; 4] = [239.0, 68.0, 68.0, 190.0];

/// Of 0 to 1; red, green, blue and how opaque.
fn colour(share: f64) -> [u8; 4] {
    let (from, to, part) =
        if share < 0.5 { (GREEN, YELLOW, share * 2.0) } else { (YELLOW, RED, share * 2.0 - 1.0) };
    std::array::from_fn(|i| match (from.get(i), to.get(i)) {
        (Some(a), Some(b)) => (a + (b - a) * part).round() as u8,
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(p: u32, t: u32, size_usd: f64) -> Cell {
        Cell { p, t, count: 1, size_usd }
    }

    fn heat(from: i64, bins: i64, cells: Vec<Cell>) -> Heat {
        Heat::new(vec![1.0, 2.0, 3.0], (from..=from + bins).map(|n| Ms(n * 300_000)).collect(), cells)
            .unwrap()
    }

    #[test]
    fn colours_go_by_log_from_green_to_red() {
        let heat = heat(0, 2, vec![cell(0, 0, 1_000.0), cell(1, 1, 31.622_776_601_683_8), cell(0, 1, 1.0)]);
        let pixels = heat.pixels();
        let at = |row: usize, t: usize| &pixels[4 * (row * 2 + t)..][..4];
        assert_eq!(at(1, 0), [239, 68, 68, 190], "cheap prices are below");
        assert_eq!(at(0, 1), [250, 204, 21, 140]);
        assert_eq!(at(1, 1), [34, 197, 94, 90]);
        assert_eq!(at(0, 0), [0, 0, 0, 0]);
        assert_eq!(heat.cell(1, 1).map(|c| c.count), Some(1));
        assert_eq!(Heat::new(vec![1.0], vec![Ms(0), Ms(1)], vec![]), None);
    }

    #[test]
    fn a_longer_map_moves_along_with_the_newest_hour() {
        let mut day = heat(0, 6, vec![cell(0, 0, 1.0), cell(1, 3, 2.0), cell(1, 5, 3.0)]);
        assert!(day.take(&heat(4, 3, vec![cell(1, 1, 4.0), cell(0, 2, 5.0)])));
        assert_eq!(day, heat(1, 6, vec![cell(1, 2, 2.0), cell(1, 4, 4.0), cell(0, 5, 5.0)]));
        assert!(!day.take(&heat(20, 3, vec![])), "too far ahead");
        let mut other = heat(4, 3, vec![]);
        other.prices = vec![1.0, 2.0, 4.0];
        assert!(!day.take(&other), "another grid");
    }
}
