use proptest::prelude::*;

use super::*;
use crate::event::PriceKind;

/// 2024-03-15 10:02:30 UTC.
const NOW: Ms = Ms(1_710_496_950_000);
const OPEN: Ms = Ms(1_710_496_800_000);

fn print(at: Ms, price: f64, value: f64) -> Print {
    of(0, at, LiquidationSide::Long, price, value)
}

fn of(source: usize, timestamp: Ms, side: LiquidationSide, price: f64, value: f64) -> Print {
    let (quantity, price_kind) = (value / price, PriceKind::Average);
    let hit = Liquidation { timestamp, side, quantity, price, value, price_kind, at_least: false };
    Print::of(source, &hit).unwrap()
}

fn cells(map: &Heatmap) -> Vec<(u32, u32, u64, f64)> {
    map.cells.iter().map(|c| (c.t, c.p, c.count, c.size_usd)).collect()
}

#[test]
fn the_window_ends_with_the_running_five_minutes() {
    assert_eq!(window(NOW, 1), (OPEN - Ms(55 * 60_000), OPEN + TIME_BIN));
    assert_eq!(window(OPEN, 1).1, OPEN + TIME_BIN, "the first instant of a bin is inside");
    assert_eq!(window(OPEN - Ms(1), 1).1, OPEN);
    assert_eq!(window(NOW, 168), (OPEN + TIME_BIN - Ms(7 * Ms::DAY.0), OPEN + TIME_BIN));
    let map = paint(&Grid::centred(100.0).unwrap(), NOW, 2, Vec::new());
    assert_eq!((map.price_bins.len(), map.time_bins.len()), (51, 25));
    assert!(map.time_bins.windows(2).all(|w| w[1] - w[0] == TIME_BIN));
    assert_eq!((map.time_bins[0], map.time_bins[24]), window(NOW, 2));
    assert_eq!((map.max_size_usd, map.outside.count, map.cells.len()), (0.0, 0, 0));
}

#[test]
fn edges_are_two_per_mille_of_the_centre_apart() {
    for centre in [1e-8, 0.000_012_34, 1.0, 100.0, 73_123.4, 1e9] {
        let grid = Grid::centred(centre).unwrap();
        let edges = grid.edges();
        assert_eq!(grid.centre().to_bits(), centre.to_bits());
        assert!(edges.windows(2).all(|w| w[0] < w[1]), "{centre}");
        for (n, edge) in edges.iter().enumerate() {
            let expected = centre * (0.95 + 0.002 * n as f64);
            assert!((edge - expected).abs() <= centre * 1e-15, "{centre} {n}: {edge} {expected}");
        }
    }
    for no_price in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e16, 1e-16] {
        assert!(Grid::near(no_price).is_none() && Grid::centred(no_price).is_none(), "{no_price}");
    }
}

#[test]
fn a_print_on_an_edge_is_in_the_bin_above_it() {
    let grid = Grid::centred(100.0).unwrap();
    let edges = *grid.edges();
    for (n, edge) in edges.iter().enumerate().take(50) {
        assert_eq!(grid.bin(*edge), Some(n));
        assert_eq!(grid.bin(edge.next_down()), n.checked_sub(1));
    }
    assert_eq!(grid.bin(edges[50].next_down()), Some(49));
    assert_eq!(grid.bin(edges[50]), None);
    assert_eq!((grid.bin(0.0), grid.bin(1e300), grid.bin(f64::NAN)), (None, None, None));
}

#[test]
fn prints_are_summed_by_bin_and_counted_outside() {
    let grid = Grid::centred(100.0).unwrap();
    let (from, to) = window(NOW, 1);
    let prints = vec![
        print(from, 100.0, 10.0),
        print(from, 100.1, 5.0),
        print(from + TIME_BIN - Ms(1), 94.999, 7.0),
        print(from + TIME_BIN, 104.99, 2.5),
        print(to - Ms(1), 100.0, 1.0),
        print(to - Ms(1), 105.0, 70.0),
        // Outside the window: nowhere.
        print(from - Ms(1), 100.0, 1e6),
        print(to, 100.0, 1e6),
    ];
    let map = paint(&grid, NOW, 1, prints);
    assert_eq!(cells(&map), [(0, 25, 2, 15.0), (1, 49, 1, 2.5), (11, 25, 1, 1.0)]);
    assert_eq!((map.outside.count, map.outside.size_usd, map.max_size_usd), (2, 77.0, 15.0));
}

#[test]
fn the_centre_is_frozen_until_the_price_leaves() {
    let grid = Grid::centred(1000.0).unwrap();
    for price in [1000.0, 1025.0, 975.0] {
        assert_eq!(grid.follow(price), None, "{price}");
    }
    for price in [1025.0_f64.next_up(), 975.0_f64.next_down(), 1.0, 1e9] {
        let moved = grid.follow(price).unwrap();
        assert!((moved.centre() - price).abs() <= price * 0.0125, "{price} {}", moved.centre());
    }
    // What is no price moves nothing.
    for price in [f64::NAN, f64::INFINITY, 0.0, -5.0] {
        assert_eq!(grid.follow(price), None);
    }
    assert_eq!(Grid::walk([f64::NAN, -1.0]), None);
    assert_eq!(Grid::walk([f64::NAN, 1.0]).map(|g| g.centre()), Some(1.0));
    assert_eq!(Grid::walk([1.0, 0.9999, 1.0249, 0.9751]).map(|g| g.centre()), Some(1.0));
    assert_eq!(Grid::walk([1.0, 1.025_001]).map(|g| g.centre()), Some(1.025));
}

#[test]
fn walks_from_different_beginnings_meet() {
    // A slow wave over 8 %: whoever has seen the price pass two places of the lattice agrees with everybody.
    let price = |n: usize| {
        let phase = n % 400;
        let up = if phase < 200 { phase } else { 400 - phase };
        50_000.0 + 20.0 * up as f64
    };
    let all = Grid::walk((0..1_000).map(price));
    for begin in 1..700 {
        assert_eq!(Grid::walk((begin..1_000).map(price)), all, "{begin}");
    }
}

#[test]
fn a_map_that_did_not_change_is_not_told() {
    let mut map = HeatMap::new(1, NOW);
    map.push(print(NOW, 100.0, 5.0));
    assert!(map.changed().is_none(), "no price yet");
    assert!(map.price(100.0));
    let first = map.changed().unwrap();
    assert!(map.changed().is_none());
    // Within the hold, the same print again, time within the bin.
    assert!(!map.price(101.0));
    assert!(!map.push(print(NOW, 100.0, 5.0)));
    assert!(!map.advance(NOW + Ms(60_000)));
    assert!(map.changed().is_none());
    assert!(map.push(print(NOW + Ms(1), 100.0, 1.0)));
    assert_eq!(map.changed().map(|m| m.max_size_usd), Some(first.max_size_usd + 1.0));
    // A print far outside shows as well.
    map.push(print(NOW, 300.0, 9.0));
    assert_eq!(map.changed().map(|m| m.outside.count), Some(1));
    // The next five minutes begin without a print.
    assert!(map.advance(OPEN + TIME_BIN));
    let later = map.changed().unwrap();
    assert_eq!(later.time_bins[0], first.time_bins[1]);
    assert_eq!(cells(&later)[0].0, 10);
    assert!(map.price(200.0));
    assert!(map.changed().is_some_and(|m| m.cells.is_empty() && m.outside.count == 3));
}

#[test]
fn prints_leave_with_their_bin_and_memory_is_bounded() {
    let mut map = HeatMap::new(1, NOW);
    map.price(100.0);
    for n in 0..MOST_PRINTS as i64 + 5 {
        map.push(print(OPEN - Ms(n % 3_000 * 1_000), 100.0, 1.0 + n as f64));
    }
    assert!(map.len() <= MOST_PRINTS && map.len() > MOST_PRINTS / 2);
    map.advance(NOW + Ms::HOUR);
    assert!(map.is_empty());
    assert!(!map.push(print(OPEN - Ms::MINUTE, 100.0, 1.0)), "older than the window");
    // Time never goes back.
    map.advance(NOW);
    assert_eq!(map.map().map(|m| m.time_bins[12]), Some(window(NOW + Ms::HOUR, 1).1));
    // A venue's clock may be ahead of ours: its prints show when their time comes.
    let ahead = NOW + Ms::HOUR + TIME_BIN;
    assert!(!map.push(print(NOW + Ms(7_800_000), 100.0, 3.0)), "no clock is that far ahead");
    assert!(map.push(print(ahead, 100.0, 3.0)));
    assert_eq!(map.map().map(|m| m.cells.len()), Some(0));
    map.advance(ahead);
    let shown = map.map().map(|m| (m.cells.len(), m.cells[0].t, m.cells[0].size_usd));
    assert_eq!(shown, Some((1, 11, 3.0)));
}

#[test]
fn numbers_that_make_no_sense_are_no_prints() {
    let good = Liquidation {
        timestamp: NOW,
        side: LiquidationSide::Short,
        quantity: 1.0,
        price: 2.0,
        value: 2.0,
        price_kind: PriceKind::Mark,
        at_least: true,
    };
    assert!(Print::of(0, &good).is_some());
    for bad in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
        assert!(Print::of(0, &Liquidation { value: bad, ..good }).is_none());
    }
    for bad in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
        assert!(Print::of(0, &Liquidation { price: bad, ..good }).is_none());
        assert!(Print::of(0, &Liquidation { quantity: bad, ..good }).is_none());
    }
    assert!(Print::of(0, &Liquidation { timestamp: Ms(-1), ..good }).is_none());
    assert!(Print::of(0, &Liquidation { timestamp: Ms(i64::MAX), ..good }).is_none());
}

/// What happens to a kept map.
#[derive(Clone, Debug)]
enum Step {
    Print(Print),
    Price(f64),
    Time(i64),
    Look,
}

fn step(scale: f64) -> impl Strategy<Value = Step> {
    let sides = prop_oneof![Just(LiquidationSide::Long), Just(LiquidationSide::Short)];
    // Few instants, prices and values, so that prints meet on edges, in bins and in each other.
    let prints = (0..3_usize, -80..10_i64, sides, 900..1_100_u32, 1..40_u32).prop_map(
        move |(source, minutes, side, price, value)| {
            let at = NOW + Ms(minutes * 60_000);
            Step::Print(of(source, at, side, f64::from(price) / 10.0 * scale, f64::from(value) / 3.0))
        },
    );
    prop_oneof![
        8 => prints,
        2 => (930..1_080_u32).prop_map(move |p| Step::Price(f64::from(p) / 10.0 * scale)),
        1 => (0..20_i64).prop_map(|minutes| Step::Time(minutes * 60_000)),
        1 => Just(Step::Look),
    ]
}

proptest! {
    #[test]
    fn a_kept_map_is_the_painted_one(
        steps in prop_oneof![Just(1.0), Just(1e-8), Just(1e4)]
            .prop_flat_map(|scale| prop::collection::vec(step(scale), 1..200)),
        hours in 1..4_usize,
    ) {
        let mut kept = HeatMap::new(hours, NOW);
        let (mut prints, mut prices, mut now) = (Vec::new(), Vec::new(), NOW);
        for step in steps {
            match step {
                Step::Print(print) => {
                    kept.push(print);
                    prints.push(print);
                }
                Step::Price(price) => {
                    kept.price(price);
                    prices.push(price);
                }
                Step::Time(ms) => {
                    now = now.max(NOW + Ms(ms));
                    kept.advance(NOW + Ms(ms));
                }
                Step::Look => {
                    kept.changed();
                }
            }
        }
        let grid = Grid::walk(prices);
        prop_assert_eq!(grid.as_ref(), kept.grid());
        let painted = grid.as_ref().map(|grid| paint(grid, now, hours, prints.clone()));
        let map = kept.map();
        prop_assert_eq!(map.as_ref().map(fingerprint), painted.as_ref().map(fingerprint));
        prop_assert_eq!(&map, &painted);
        // And it is what plain sums say.
        let (Some(map), Some(grid)) = (map, grid) else { return Ok(()) };
        let (from, to) = window(now, hours);
        order(&mut prints);
        prints.retain(|p| from <= p.timestamp && p.timestamp < to);
        let total: f64 = prints.iter().map(|p| p.value).sum();
        let shown = map.cells.iter().map(|c| c.size_usd).sum::<f64>() + map.outside.size_usd;
        prop_assert!((total - shown).abs() <= 1e-9 * total.max(1.0));
        let count = map.cells.iter().map(|c| c.count).sum::<u64>() + map.outside.count;
        prop_assert_eq!(count, prints.len() as u64);
        for cell in &map.cells {
            let inside = |p: &&Print| {
                let (low, high) = (map.price_bins[cell.p as usize], map.price_bins[cell.p as usize + 1]);
                let (open, end) = (map.time_bins[cell.t as usize], map.time_bins[cell.t as usize + 1]);
                low <= p.price && p.price < high && open <= p.timestamp && p.timestamp < end
            };
            let sum: f64 = prints.iter().filter(inside).map(|p| p.value).sum();
            prop_assert_eq!(cell.size_usd.to_bits(), sum.to_bits());
            prop_assert_eq!(cell.count, prints.iter().filter(inside).count() as u64);
        }
        prop_assert!(map.cells.windows(2).all(|w| (w[0].t, w[0].p) < (w[1].t, w[1].p)));
        prop_assert_eq!(map.max_size_usd, map.cells.iter().map(|c| c.size_usd).fold(0.0, f64::max));
        prop_assert!(grid.edges().windows(2).all(|w| w[0] < w[1]));
    }

    #[test]
    fn every_price_has_a_centre_near_it(mantissa in 1.0..10.0_f64, exponent in -14..15_i32) {
        let price = mantissa * format!("1e{exponent}").parse::<f64>().unwrap();
        let grid = Grid::near(price).unwrap();
        prop_assert!((grid.centre() - price).abs() <= price * 0.012_8, "{price} {}", grid.centre());
        prop_assert_eq!(grid.follow(price), None);
        prop_assert!(grid.bin(price).is_some());
        prop_assert!(grid.edges().windows(2).all(|w| w[0] < w[1]));
    }
}
