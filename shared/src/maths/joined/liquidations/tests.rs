use proptest::prelude::*;

use super::*;
use crate::event::PriceKind;
use crate::maths::joined::{Member, rig};

/// `c` publishes no liquidations.
fn group() -> Members {
    let all = rig::members(
        "BTCUSDT-PERP",
        &[("a", "BTCUSDT-PERP", "USDT"), ("b", "BTCUSDT-PERP", "USDT"), ("c", "BTCUSD-PERP", "USD")],
    );
    let mut list: Vec<Member> = all.list().to_vec();
    list[2].channels.retain(|c| *c != Channel::Liquidation);
    Members::new(list, &"BTCUSDT-PERP".parse().unwrap())
}

fn hit(at: i64, side: LiquidationSide, quantity: f64, at_least: bool) -> Liquidation {
    Liquidation {
        timestamp: Ms(at),
        side,
        quantity,
        price: 10.0,
        value: quantity * 10.0,
        price_kind: PriceKind::Average,
        at_least,
    }
}

use LiquidationSide::{Long, Short};

#[test]
fn a_window_counts_each_side_by_venue_and_over_all() {
    let mut join = LiquidationJoin::new(&group(), Ms(100));
    for (member, hit) in [
        (1, hit(150, Short, 2.0, false)),
        (0, hit(120, Long, 1.0, true)),
        (0, hit(200, Long, 3.0, true)),
        (0, hit(100, Long, 50.0, true)),
        (0, hit(201, Long, 70.0, true)),
        (1, hit(f64::MAX as i64 / 2, Short, f64::NAN, false)),
        (9, hit(150, Short, 9.0, false)),
    ] {
        join.push(member, &hit);
    }
    // (100, 200]: neither the one at its start nor the one after its end.
    let joined = join.at(Ms(200));
    assert_eq!((joined.from, joined.to), (Ms(100), Ms(200)));
    let long = Tally { count: 2, quantity: 4.0, value: 40.0 };
    let short = Tally { count: 1, quantity: 2.0, value: 20.0 };
    assert_eq!(joined.sum, Sides { long, short, at_least: true });
    let none = Tally::default();
    assert_eq!(
        joined.by_venue.into_iter().collect::<Vec<_>>(),
        [
            (VenueId::new("a"), Sides { long, short: none, at_least: true }),
            (VenueId::new("b"), Sides { long: none, short, at_least: false }),
        ]
    );
    // Unavailable is not zero.
    assert_eq!(joined.unavailable.iter().map(|m| m.venue.as_str()).collect::<Vec<_>>(), ["c"]);
    let times: Vec<i64> = join.hits(Ms(200)).iter().map(|(_, h)| h.timestamp.0).collect();
    assert_eq!(times, [120, 150, 200]);
    join.forget(Ms(300));
    assert_eq!(join.hits(Ms(250)).len(), 1);
    assert_eq!(join.at(Ms(200)).sum.long.count, 0);
}

#[test]
fn stretches_sum_what_began_in_them() {
    let rows = [
        vec![hit(1_999, Long, 1.0, false), hit(1_000, Short, 2.0, false)],
        vec![hit(2_000, Long, 4.0, true), hit(1_000, Short, 8.0, false)],
    ];
    let stretches = series(&group(), &rows, Ms(1_000));
    let seen: Vec<_> = stretches
        .iter()
        .map(|s| (s.timestamp.0, s.sum.long.quantity, s.sum.short.quantity, s.by_venue.len(), s.sum.at_least))
        .collect();
    assert_eq!(seen, [(1_000, 1.0, 10.0, 2, false), (2_000, 4.0, 0.0, 1, true)]);
}

proptest! {
    /// The order of arrival does not matter to the bit; forgetting changes no later window; batch equals running.
    #[test]
    fn any_order_gives_the_same(
        rows in proptest::collection::vec((0_usize..2, 0_i64..500, any::<bool>(), 1_u32..1_000, any::<bool>()), 0..80),
        order in Just((0..80_usize).collect::<Vec<_>>()).prop_shuffle(),
        now in 0_i64..700,
    ) {
        let rows: Vec<(usize, Liquidation)> = rows
            .into_iter()
            .map(|(n, at, long, q, at_least)| (n, hit(at, if long { Long } else { Short }, f64::from(q) * 0.1, at_least)))
            .collect();
        let mut shuffled = rows.clone();
        let mut place = order.iter();
        shuffled.sort_by_cached_key(|_| place.next().copied());
        let mut lists = vec![Vec::new(); 2];
        let (mut one, mut other) = (LiquidationJoin::new(&group(), Ms(100)), LiquidationJoin::new(&group(), Ms(100)));
        for (n, row) in &rows {
            one.push(*n, row);
            lists[*n].push(*row);
        }
        let mut mixed = vec![Vec::new(); 2];
        for (n, row) in &shuffled {
            other.push(*n, row);
            mixed[*n].push(*row);
        }
        other.forget(Ms(now));
        prop_assert_eq!(one.at(Ms(now)).sum.long.quantity.to_bits(), other.at(Ms(now)).sum.long.quantity.to_bits());
        let numbers = |hits: &[(usize, Liquidation)]| hits.iter().map(|(n, h)| (*n, order_of(h))).collect::<Vec<_>>();
        prop_assert_eq!(numbers(&merge(&lists)), numbers(&merge(&mixed)));
        // Stretches of the batch are windows that end where they do.
        for stretch in series(&group(), &mixed, Ms(100)) {
            let window = one.at(stretch.timestamp + Ms(99));
            prop_assert_eq!(stretch.sum, window.sum);
        }
    }
}

fn order_of(hit: &Liquidation) -> (Ms, LiquidationSide, u64) {
    (hit.timestamp, hit.side, hit.quantity.to_bits())
}
