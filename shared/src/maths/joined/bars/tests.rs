use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::event::{Body, Origin};
use crate::maths::fold::fold;
use crate::maths::joined::rig;

const M: i64 = 60_000;
/// 2024-03-15 10:00 UTC.
const TEN: i64 = 1_710_496_800_000;

fn group() -> Members {
    rig::members(
        "BTCUSDT-PERP",
        &[("a", "BTCUSDT-PERP", "USDT"), ("a", "BTCUSDC-PERP", "USDC"), ("b", "BTCUSDT-PERP", "USDT")],
    )
}

/// A closed minute: open and close are the price, half of the volume but one coin is bought.
fn minute(n: i64, price: f64, volume: f64) -> Bar {
    let mut bar = Bar::flat(Ms(TEN + n * M), Timeframe::M1, price, Origin::Trades);
    (bar.high, bar.low) = (price + 1.0, price - 1.0);
    (bar.volume, bar.buy_volume, bar.sell_volume) = (volume, Some(volume / 2.0), Some(volume / 2.0));
    (bar.vwap, bar.trades, bar.closed) = (Some(price), Some(volume as u64), true);
    (bar.cvd, bar.cvd_from) = (Some(volume * 10.0), Some(Ms(TEN - 600 * M)));
    bar
}

fn joiner() -> Joiner {
    Joiner::new(&group(), Timeframe::M1, 100)
}

fn why(joined: &JoinedBar) -> Vec<(String, Vec<Difference>)> {
    let name = |m: &Mark| format!("{} {}", m.member.venue, m.member.symbol);
    joined.marks.iter().map(|m| (name(m), m.why.clone())).collect()
}

const USDC: (&str, Difference) = ("a BTCUSDC-PERP", Difference::OtherQuote);

#[test]
fn volumes_add_up_and_prices_are_the_references() {
    let mut joiner = joiner();
    // In member order: a USDT, b USDT, a USDC.
    assert!(joiner.push(1, &minute(0, 101.0, 6.0)).is_some());
    let later = Bar { cvd_from: Some(Ms(TEN)), ..minute(0, 99.0, 2.0) };
    joiner.push(2, &later);
    let JoinedBar { bar, by_venue, marks } = joiner.push(0, &minute(0, 100.0, 4.0)).unwrap();
    assert_eq!((bar.open, bar.high, bar.low, bar.close), (100.0, 101.0, 99.0, 100.0));
    assert_eq!((bar.volume, bar.buy_volume, bar.sell_volume), (12.0, Some(6.0), Some(6.0)));
    assert_eq!((bar.trades, bar.cvd, bar.cvd_from), (Some(12), Some(120.0), Some(Ms(TEN))));
    assert_eq!(bar.vwap, Some((4.0 * 100.0 + 6.0 * 101.0 + 2.0 * 99.0) / 12.0));
    assert_eq!((bar.closed, bar.revision, bar.origin), (true, 2, Origin::Trades));
    let volumes: Vec<_> = by_venue.iter().map(|(v, x)| (v.as_str(), x.volume, x.buy_volume)).collect();
    assert_eq!(volumes, [("a", 6.0, Some(3.0)), ("b", 6.0, Some(3.0))]);
    assert_eq!(marks.len(), 1);
    assert_eq!((marks[0].member.symbol.as_str(), &marks[0].why[..]), ("BTCUSDC-PERP", &[USDC.1][..]));
}

#[test]
fn what_is_missing_is_marked_and_never_added_as_nothing() {
    let mut joiner = joiner();
    let sideless =
        Bar { buy_volume: None, sell_volume: None, cvd: None, cvd_from: None, ..minute(0, 9.0, 6.0) };
    joiner.push(1, &Bar { vwap: None, trades: None, ..sideless });
    let forming = joiner.push(0, &minute(0, 100.0, 4.0)).unwrap();
    // The third may still come.
    assert_eq!((forming.bar.closed, forming.bar.revision), (false, 0));
    assert_eq!(
        why(&forming),
        [("b BTCUSDT-PERP".into(), vec![Difference::NoSides]), (USDC.0.into(), vec![USDC.1])]
    );
    let end = TEN + M + GRACE.0;
    assert_eq!(joiner.clock(Ms(end - 1)), []);
    let closed = joiner.clock(Ms(end)).pop().unwrap();
    assert_eq!(joiner.clock(Ms(end + 1)), []);
    assert_eq!((closed.bar.closed, closed.bar.revision, closed.bar.volume), (true, 1, 10.0));
    let unknown =
        (closed.bar.buy_volume, closed.bar.cvd, closed.bar.cvd_from, closed.bar.vwap, closed.bar.trades);
    assert_eq!(unknown, (None, None, None, None, None));
    assert_eq!(
        why(&closed),
        [
            ("b BTCUSDT-PERP".into(), vec![Difference::NoSides]),
            (USDC.0.into(), vec![Difference::NoBar, Difference::OtherQuote]),
        ]
    );
    assert_eq!(closed.by_venue[&VenueId::new("b")].buy_volume, None);
    // It comes late: a better version.
    let late = joiner.push(2, &minute(0, 101.0, 1.0)).unwrap();
    assert_eq!((late.bar.closed, late.bar.revision, late.bar.volume), (true, 2, 11.0));
    assert!(late.bar.supersedes(&closed.bar));
}

#[test]
fn without_the_reference_the_next_member_gives_the_prices() {
    let mut joiner = joiner();
    joiner.push(2, &minute(0, 102.0, 1.0));
    assert_eq!(joiner.at(Ms(TEN)).unwrap().bar.close, 102.0);
    joiner.push(1, &minute(0, 101.0, 1.0));
    assert_eq!(joiner.at(Ms(TEN)).unwrap().bar.close, 101.0);
    assert_eq!(joiner.at(Ms(TEN + M)), None);
}

#[test]
fn a_bar_that_forms_leans_on_the_sums_of_the_bucket_before() {
    let mut joiner = joiner();
    for member in 0..3 {
        joiner.push(member, &minute(0, 100.0, 1.0));
    }
    let running = Bar { closed: false, cvd: Some(7.0), ..minute(1, 100.0, 2.0) };
    let bar = joiner.push(0, &running).unwrap().bar;
    assert_eq!((bar.closed, bar.cvd, bar.volume), (false, Some(27.0), 2.0));
    // Not over a hole.
    let bar = joiner.push(0, &Bar { timestamp: Ms(TEN + 3 * M), ..running }).unwrap().bar;
    assert_eq!(bar.cvd, None);
    // At midnight all sums begin anew.
    let midnight = Ms(TEN + 14 * 60 * M);
    let bar = joiner.push(0, &Bar { timestamp: midnight, cvd_from: Some(midnight), ..running }).unwrap().bar;
    assert_eq!((bar.cvd, bar.cvd_from), (Some(7.0), Some(midnight)));
    // A bar that never closed is closed by time, and its own close is a correction.
    let stuck = joiner.clock(midnight + Ms(M) + GRACE).pop().unwrap().bar;
    assert_eq!((stuck.closed, stuck.revision, stuck.volume), (true, 0, 2.0));
}

#[test]
fn corrections_raise_the_revision_and_repeats_say_nothing() {
    let mut joiner = joiner();
    for member in 0..3 {
        joiner.push(member, &minute(0, 100.0, 1.0));
    }
    assert_eq!(joiner.push(1, &minute(0, 100.0, 1.0)), None);
    assert_eq!(joiner.push(1, &Bar { closed: false, ..minute(0, 100.0, 9.0) }), None);
    assert_eq!(joiner.push(9, &minute(0, 100.0, 1.0)), None);
    assert_eq!(joiner.push(1, &Bar { interval: Timeframe::M5, ..minute(0, 100.0, 1.0) }), None);
    assert_eq!(joiner.push(1, &Bar { low: -1.0, ..minute(1, 100.0, 1.0) }), None);
    let better = joiner.push(1, &Bar { revision: 1, ..minute(0, 100.0, 3.0) }).unwrap();
    assert_eq!((better.bar.revision, better.bar.volume), (3, 5.0));
}

#[test]
fn only_the_newest_buckets_are_kept() {
    let mut joiner = Joiner::new(&group(), Timeframe::M1, 3);
    for n in 0..10 {
        joiner.push(0, &minute(n, 100.0, 1.0));
    }
    assert_eq!(joiner.push(0, &minute(2, 100.0, 1.0)), None);
    let opens: Vec<i64> = joiner.bars().iter().map(|b| (b.bar.timestamp.0 - TEN) / M).collect();
    assert_eq!(opens, [7, 8, 9]);
    assert_eq!(joiner.newest(2), joiner.bars()[1..]);
}

#[test]
fn a_joined_bar_is_a_bar_frame_with_its_parts() {
    let mut joiner = joiner();
    joiner.push(0, &minute(0, 100.0, 4.0));
    let joined = joiner.push(1, &minute(0, 101.0, 2.0)).unwrap();
    let body = Body::Joined(Box::new(joined));
    let value = serde_json::to_value(&body).unwrap();
    assert_eq!((&value["type"], &value["volume"]), (&json!("bar"), &json!(6.0)));
    assert_eq!(value["by_venue"]["b"], json!({"volume": 2.0, "buy_volume": 1.0, "sell_volume": 1.0}));
    assert_eq!(value["marks"], json!([{"symbol": "BTCUSDC-PERP", "venue": "a", "why": ["other_quote"]}]));
    assert_eq!(serde_json::from_value::<Body>(value).unwrap(), body);
    let plain = Body::Bar(minute(0, 1.5, 1.0));
    let value = serde_json::to_value(&plain).unwrap();
    assert_eq!(
        (value.get("by_venue"), serde_json::from_value::<Body>(value.clone()).unwrap()),
        (None, plain)
    );
}

/// A member's series: which minutes it has, and whether with sides.
fn series() -> impl Strategy<Value = Vec<Vec<Bar>>> {
    let bar = (0_i64..12, 1_u32..9_000, 0_u32..500, any::<bool>(), 0_u32..2).prop_map(
        |(n, p, v, sides, revision)| {
            let mut bar = minute(n, 1.0 + f64::from(p) * 0.1, f64::from(v) * 0.001);
            if !sides {
                (bar.buy_volume, bar.sell_volume, bar.cvd, bar.cvd_from) = (None, None, None, None);
            }
            Bar { revision, ..bar }
        },
    );
    let member = proptest::collection::vec(bar, 0..14).prop_map(|mut bars| {
        // Of one minute one bar: two closed ones of the same rank would be told apart by their order.
        bars.sort_by_key(|b: &Bar| b.timestamp);
        bars.dedup_by_key(|b| b.timestamp);
        bars
    });
    proptest::collection::vec(member, 3..=3)
}

proptest! {
    /// Neither the order of arrival nor how the clock is told matters: the joined bars are those of the batch.
    #[test]
    fn any_order_gives_the_batch(
        series in series(),
        order in Just((0..64_usize).collect::<Vec<_>>()).prop_shuffle(),
        ticks in proptest::collection::vec(0_i64..20, 0..5),
        end in 0_i64..20,
    ) {
        let mut arrivals: Vec<(usize, &Bar)> =
            series.iter().enumerate().flat_map(|(n, bars)| bars.iter().map(move |b| (n, b))).collect();
        let mut place = order.iter();
        arrivals.sort_by_cached_key(|_| place.next().copied());
        let now = Ms(TEN + end * M);
        let mut joiner = joiner();
        for (step, (member, bar)) in arrivals.iter().enumerate() {
            joiner.push(*member, bar);
            // A forming version before it changes nothing in the end.
            joiner.push(*member, &Bar { closed: false, volume: 0.5, ..**bar });
            if let Some(tick) = ticks.get(step) {
                joiner.clock(now.min(Ms(TEN + tick * M)));
            }
        }
        joiner.clock(now);
        prop_assert_eq!(joiner.bars(), join(&group(), Timeframe::M1, Calendar::default(), &series, now));
    }

    /// What is told as it happens ends with what the whole says: nobody is left with an old version.
    #[test]
    fn changes_told_add_up_to_the_whole(series in series(), end in 0_i64..20) {
        let mut joiner = joiner();
        let mut told = BTreeMap::new();
        for n in 0..12 {
            for (member, bars) in series.iter().enumerate() {
                for bar in bars.iter().filter(|b| b.timestamp == Ms(TEN + n * M)) {
                    told.extend(joiner.push(member, bar).map(|j| (j.bar.timestamp, j)));
                }
            }
            let now = Ms(TEN + end.min(n) * M);
            for joined in joiner.clock(now) {
                if let Some(before) = told.insert(joined.bar.timestamp, joined.clone()) {
                    prop_assert!(joined.bar.supersedes(&before.bar));
                }
            }
        }
        // Only the sum of a running bucket may have been carried from one that changed since.
        let whole = joiner.bars();
        prop_assert_eq!(told.len(), whole.len());
        for (told, whole) in told.values().zip(&whole) {
            prop_assert_eq!(&told.by_venue, &whole.by_venue);
            prop_assert_eq!((told.bar.closed, told.bar.volume, told.bar.close), (whole.bar.closed, whole.bar.volume, whole.bar.close));
        }
    }

    /// Longer bars joined are the members' volumes, however they are added up.
    #[test]
    fn longer_bars_hold_the_volume_of_their_minutes(series in series()) {
        let now = Ms(TEN + 60 * M);
        let calendar = Calendar::default();
        let longer: Vec<Vec<Bar>> = series.iter().map(|bars| fold(bars, Timeframe::M5, &calendar)).collect();
        for joined in join(&group(), Timeframe::M5, calendar.clone(), &longer, now) {
            let inside = joined.bar.timestamp..joined.bar.timestamp + Ms(5 * M);
            let minutes = series.iter().flatten().filter(|b| inside.contains(&b.timestamp));
            let volume: f64 = minutes.clone().map(|b| b.volume).sum();
            prop_assert!((joined.bar.volume - volume).abs() <= 1e-9 * volume.max(1.0));
            let sides = minutes.clone().all(|b| b.buy_volume.is_some());
            prop_assert_eq!(joined.bar.buy_volume.is_some(), sides);
            let venues: f64 = joined.by_venue.values().map(|v| v.volume).sum();
            prop_assert!((venues - volume).abs() <= 1e-9 * volume.max(1.0));
        }
    }
}
