use proptest::prelude::*;

use super::*;
use crate::maths::joined::rig;

const HOUR: i64 = 3_600_000;

fn group() -> Members {
    rig::members(
        "BTCUSDT-PERP",
        &[("a", "BTCUSDT-PERP", "USDT"), ("b", "BTCUSDT-PERP", "USDT"), ("c", "BTCUSD-PERP", "USD")],
    )
}

fn rate(at: i64, kind: FundingKind, rate: f64, hours: Option<f64>) -> Funding {
    let funding = Funding {
        timestamp: Ms(at),
        kind,
        funding_rate: rate,
        next_funding_time: Some(Ms(at + HOUR)),
        interval_hours: None,
        funding_apr: None,
        mark_price: None,
        index_price: None,
    };
    funding.with_interval(hours)
}

fn predicted(at: i64, of: f64, hours: f64) -> Funding {
    rate(at, FundingKind::Predicted, of, Some(hours))
}

#[test]
fn rates_of_any_interval_stand_on_one_basis() {
    for (of, hours, hourly, eight, apr) in [
        (0.000_1, 8.0, 0.000_012_5, 0.000_1, 10.95),
        (0.000_012_5, 1.0, 0.000_012_5, 0.000_1, 10.95),
        (0.000_05, 4.0, 0.000_012_5, 0.000_1, 10.95),
        (-0.000_2, 2.0, -0.000_1, -0.000_8, -87.6),
        (0.0, 8.0, 0.0, 0.0, 0.0),
    ] {
        let funding = predicted(0, of, hours);
        let basis = Basis::of(&funding).unwrap();
        assert_eq!((basis.hourly, basis.rate_8h), (hourly, eight), "{of} each {hours} h");
        assert_eq!(Some(basis.apr), funding.funding_apr);
        assert!((basis.apr - apr).abs() < 1e-9, "{} is not {apr}", basis.apr);
    }
    for hours in [None, Some(0.0), Some(-1.0), Some(f64::NAN)] {
        let mut funding = rate(0, FundingKind::Predicted, 0.000_1, None);
        funding.interval_hours = hours;
        assert_eq!(Basis::of(&funding), None);
    }
}

#[test]
fn the_countdown_ends_at_nothing() {
    let funding = predicted(0, 0.1, 8.0);
    assert_eq!(countdown(&funding, Ms(1_000)), Some(Ms(HOUR - 1_000)));
    assert_eq!(countdown(&funding, Ms(2 * HOUR)), Some(Ms(0)));
    assert_eq!(countdown(&Funding { next_funding_time: None, ..funding }, Ms(0)), None);
}

#[test]
fn means_are_plain_and_by_open_interest() {
    let mut join = FundingJoin::new(&group());
    assert_eq!(join.at(FundingKind::Predicted, &[], Ms(0)), None);
    join.push(0, &predicted(0, 0.000_8, 8.0));
    join.push(1, &predicted(0, 0.000_3, 1.0));
    let joined = join.at(FundingKind::Predicted, &[Some(30.0), Some(10.0), None], Ms(1)).unwrap();
    assert_eq!((joined.members, joined.missing.len()), (2, 1));
    assert_eq!(joined.mean.hourly, (0.000_8 / 8.0 + 0.000_3) / 2.0);
    let weighted = joined.weighted.unwrap();
    assert_eq!(weighted.hourly, (30.0 * (0.000_8 / 8.0) + 10.0 * 0.000_3) / 40.0);
    assert_eq!(weighted.rate_8h, weighted.hourly * 8.0);
    // A member with a rate and no weight: nobody knows the weighted mean.
    for weights in
        [&[Some(30.0)][..], &[Some(30.0), None], &[Some(0.0), Some(0.0)], &[Some(f64::NAN), Some(1.0)]]
    {
        let joined = join.at(FundingKind::Predicted, weights, Ms(1)).unwrap();
        assert_eq!(joined.weighted, None, "{weights:?}");
    }
    // Without an interval it cannot be compared, and says so.
    join.push(2, &rate(0, FundingKind::Predicted, 0.5, None));
    let joined = join.at(FundingKind::Predicted, &[], Ms(1)).unwrap();
    assert_eq!((joined.members, joined.missing[0].venue.as_str()), (2, "c"));
}

#[test]
fn what_was_paid_stands_apart_from_what_is_forecast() {
    let mut join = FundingJoin::new(&group());
    join.push(0, &predicted(0, 0.000_8, 8.0));
    join.push(0, &rate(-10, FundingKind::Settled, 0.001_6, Some(8.0)));
    // Older than the one known.
    join.push(0, &rate(-20, FundingKind::Settled, 9.9, Some(8.0)));
    let hourly = |kind, now| join.at(kind, &[], Ms(now)).map(|j| j.mean.hourly);
    assert_eq!(hourly(FundingKind::Predicted, 1), Some(0.000_8 / 8.0));
    assert_eq!(hourly(FundingKind::Settled, 1), Some(0.001_6 / 8.0));
    assert_eq!(hourly(FundingKind::Predicted, MAX_AGE.0), Some(0.000_8 / 8.0));
    assert_eq!(hourly(FundingKind::Predicted, MAX_AGE.0 + 1), None);
    let overdue = -10 + 8 * HOUR + MAX_AGE.0;
    assert_eq!(hourly(FundingKind::Settled, overdue), Some(0.001_6 / 8.0));
    assert_eq!(hourly(FundingKind::Settled, overdue + 1), None);
}

proptest! {
    /// The order of arrival does not matter, and a series is what the running means said at each instant.
    #[test]
    fn any_order_gives_the_same_and_the_series_is_the_running_mean(
        rows in proptest::collection::vec((0_usize..3, 0_i64..4_000, -500_i32..500, any::<bool>()), 0..50),
        order in Just((0..50_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let members = group();
        let rows: Vec<(usize, Funding)> = rows
            .into_iter()
            .map(|(n, at, of, paid)| {
                let kind = if paid { FundingKind::Settled } else { FundingKind::Predicted };
                // Of one instant and rate one interval.
                let hours = [Some(1.0), Some(4.0), Some(8.0), None][(at % 4) as usize];
                (n, rate(at * 1_000, kind, f64::from(of) * 1e-6, hours))
            })
            .collect();
        let mut lists = vec![Vec::new(); members.len()];
        let mut shuffled = rows.clone();
        let mut place = order.iter();
        shuffled.sort_by_cached_key(|_| place.next().copied());
        for (n, row) in &shuffled {
            lists[*n].push(*row);
        }
        let weights = |at: Ms| vec![Some(at.0 as f64), Some(2.0), Some(0.3)];
        let range = (Ms(0), Ms(5_000_000));
        for kind in [FundingKind::Predicted, FundingKind::Settled] {
            let points = series(&members, &lists, kind, range, Ms(100_000), weights);
            let mut expected = Vec::new();
            for at in (0..5_000_000).step_by(100_000).map(Ms) {
                let mut join = FundingJoin::new(&members);
                for (n, row) in rows.iter().filter(|(_, row)| row.timestamp <= at) {
                    join.push(*n, row);
                }
                expected.extend(join.at(kind, &weights(at), at));
            }
            prop_assert_eq!(points, expected);
        }
    }
}
