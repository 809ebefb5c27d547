use proptest::prelude::*;

use super::*;
use crate::maths::joined::{MAX_AGE, rig};

fn group() -> Members {
    rig::members(
        "BTCUSDT-PERP",
        &[("a", "BTCUSDT-PERP", "USDT"), ("a", "BTCUSDC-PERP", "USDC"), ("b", "BTCUSDT-PERP", "USDT")],
    )
}

fn oi(at: i64, coins: f64, value: Option<f64>) -> OpenInterest {
    OpenInterest { timestamp: Ms(at), open_interest: coins, open_interest_value: value }
}

fn names(of: &[MemberName]) -> Vec<String> {
    of.iter().map(|m| format!("{} {}", m.venue, m.symbol)).collect()
}

#[test]
fn fresh_members_add_up_and_the_others_are_named() {
    let mut join = OiJoin::new(&group(), MAX_AGE);
    assert_eq!(join.at(Ms(0)), None);
    // In member order: a USDT, b USDT, a USDC.
    join.push(0, &oi(1_000, 10.0, Some(1_000.0)));
    join.push(2, &oi(2_000, 5.0, None));
    join.push(7, &oi(2_000, 5.0, None));
    let joined = join.at(Ms(3_000)).unwrap();
    assert_eq!(
        (joined.timestamp, joined.open_interest, joined.open_interest_value),
        (Ms(3_000), 15.0, Some(1_000.0))
    );
    assert_eq!(names(&joined.missing), ["b BTCUSDT-PERP"]);
    assert_eq!(names(&joined.unvalued), ["a BTCUSDC-PERP"]);
    assert_eq!(
        joined.by_venue.into_iter().collect::<Vec<_>>(),
        [(VenueId::new("a"), Held { open_interest: 15.0, open_interest_value: None })]
    );
    join.push(1, &oi(2_500, 2.0, Some(200.0)));
    join.push(2, &oi(2_600, 6.0, Some(600.0)));
    // Older than what is known.
    join.push(0, &oi(999, 99.0, Some(99.0)));
    let joined = join.at(Ms(3_000)).unwrap();
    assert_eq!((joined.open_interest, joined.open_interest_value), (18.0, Some(1_800.0)));
    assert!(joined.missing.is_empty() && joined.unvalued.is_empty());
    // Each leaves the sum when it is older than the limit.
    let at = |now: i64| join.at(Ms(now)).map(|j| (j.open_interest, names(&j.missing)));
    assert_eq!(at(1_000 + MAX_AGE.0), Some((18.0, vec![])));
    assert_eq!(at(1_001 + MAX_AGE.0), Some((8.0, vec!["a BTCUSDT-PERP".into()])));
    assert_eq!(at(2_601 + MAX_AGE.0), None);
}

#[test]
fn what_is_no_number_is_not_taken() {
    let mut join = OiJoin::new(&group(), MAX_AGE);
    join.push(0, &oi(1, f64::NAN, None));
    join.push(0, &oi(1, -1.0, None));
    assert_eq!(join.at(Ms(1)), None);
}

#[test]
fn a_series_stands_on_its_grid() {
    let rows =
        [vec![oi(90, 1.0, Some(1.0)), oi(250, 3.0, Some(3.0))], vec![oi(110, 10.0, Some(10.0))], vec![]];
    let points = series(&group(), &rows, (Ms(50), Ms(400)), Ms(100), Ms(160));
    let seen: Vec<_> = points.iter().map(|p| (p.timestamp.0, p.open_interest, p.missing.len())).collect();
    assert_eq!(seen, [(100, 1.0, 2), (200, 11.0, 1), (300, 3.0, 2)]);
    assert!(series(&group(), &rows, (Ms(400), Ms(400)), Ms(100), Ms(160)).is_empty());
    assert!(series(&group(), &rows, (Ms(0), Ms(90)), Ms(0), Ms(160)).is_empty());
}

proptest! {
    /// The order of arrival does not matter, and a series is what the running sum said at each instant.
    #[test]
    fn any_order_gives_the_same_and_the_series_is_the_running_sum(
        rows in proptest::collection::vec((0_usize..3, 0_i64..2_000, 0_u32..1_000), 0..60),
        order in Just((0..60_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let rows: Vec<(usize, OpenInterest)> = rows
            .into_iter()
            .map(|(n, at, coins)| {
                let coins = f64::from(coins) * 0.1;
                // Of one instant and size one value.
                (n, oi(at, coins, (at % 2 == 0).then_some(coins * 7.0)))
            })
            .collect();
        let members = group();
        let mut lists = vec![Vec::new(); members.len()];
        let mut shuffled: Vec<(usize, OpenInterest)> = rows.clone();
        let mut place = order.iter();
        shuffled.sort_by_cached_key(|_| place.next().copied());
        for (n, row) in &shuffled {
            lists[*n].push(*row);
        }
        let points = series(&members, &lists, (Ms(0), Ms(2_500)), Ms(100), Ms(300));
        let mut expected = Vec::new();
        for at in (0..2_500).step_by(100).map(Ms) {
            let mut join = OiJoin::new(&members, Ms(300));
            for (n, row) in rows.iter().filter(|(_, row)| row.timestamp <= at) {
                join.push(*n, row);
            }
            expected.extend(join.at(at));
        }
        prop_assert_eq!(points, expected);
    }
}
