//! Properties over random feeds.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
struct Step {
    gap: i64,
    price: f64,
    quantity: f64,
    buy: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = (0_i64..200_000, 1_u32..1000, 0_u32..1000, any::<bool>()).prop_map(|(gap, p, q, buy)| Step {
        gap: gap * gap / 200_000,
        price: f64::from(p) * 0.1,
        quantity: f64::from(q) * 0.001,
        buy,
    });
    proptest::collection::vec(one, 1..120)
}

proptest! {
    /// Closed bars are contiguous, one each, and say what adding up the trades of their minute says.
    #[test]
    fn covered_feed_equals_plain_sums(steps in steps()) {
        let mut rig = Rig::covered();
        let mut time = at(0, 0.0);
        let mut sums: BTreeMap<Ms, (f64, f64, u64, f64)> = BTreeMap::new();
        for s in &steps {
            time += Ms(s.gap);
            let side = if s.buy { Side::Buy } else { Side::Sell };
            rig.builder.trade(&trade(time, s.price, s.quantity, side), &mut rig.out);
            let sum = sums.entry(time.floor(Ms::MINUTE)).or_insert((0.0, 0.0, 0, 0.0));
            if s.buy { sum.0 += s.quantity } else { sum.1 += s.quantity }
            (sum.2, sum.3) = (sum.2 + 1, s.price);
        }
        rig.builder.clock(time.floor(Ms::MINUTE) + Ms(M + 2_000), &mut rig.out);
        let closed: Vec<Bar> = rig.out.iter().filter(|b| b.closed).copied().collect();
        let (mut cvd, mut price, mut expected) = (0.0, None, *sums.keys().next().unwrap());
        for bar in &closed {
            prop_assert_eq!((bar.timestamp, bar.revision), (expected, 0));
            expected += Ms::MINUTE;
            let (buy, sell, count, close) = sums.get(&bar.timestamp).copied().unwrap_or((0.0, 0.0, 0, price.unwrap_or(0.0)));
            price = Some(close);
            prop_assert_eq!((bar.buy_volume, bar.sell_volume, bar.trades), (Some(buy), Some(sell), Some(count)));
            prop_assert_eq!(bar.close, close);
            if bar.timestamp.floor(Ms::DAY) == bar.timestamp { cvd = 0.0; }
            cvd += buy - sell;
            prop_assert_eq!(bar.cvd, Some(cvd));
        }
        prop_assert_eq!(expected, time.floor(Ms::MINUTE) + Ms::MINUTE);
    }
}

#[derive(Clone, Debug)]
enum Op {
    Trade(i64),
    Kline(i64, bool, bool),
    Covered(i64),
    Uncovered(i64),
    Refilled(i64, i64),
    Clock(i64),
}

/// Times in ms around a time that goes on by itself.
fn ops() -> impl Strategy<Value = Vec<(i64, Op)>> {
    let near = -150_000_i64..20_000;
    let op = prop_oneof![
        6 => near.clone().prop_map(Op::Trade),
        3 => (near.clone(), any::<bool>(), any::<bool>()).prop_map(|(at, closed, sides)| Op::Kline(at, closed, sides)),
        1 => near.clone().prop_map(Op::Covered),
        1 => near.clone().prop_map(Op::Uncovered),
        1 => (near.clone(), near.clone()).prop_map(|(from, to)| Op::Refilled(from, to)),
        2 => near.prop_map(Op::Clock),
    ];
    proptest::collection::vec((0_i64..30_000, op), 1..150)
}

proptest! {
    /// Whatever comes in whatever order: what is published of a minute only ever gets better.
    #[test]
    fn published_bars_only_get_better(ops in ops()) {
        // Across midnight.
        let (mut rig, mut now) = (Rig::new(), at(700, 0.0));
        for (n, (gap, op)) in ops.into_iter().enumerate() {
            now += Ms(gap);
            let minute = |shift: i64| ((now + Ms(shift)).floor(Ms::MINUTE) - noon()).0 / M;
            match op {
                Op::Trade(shift) => {
                    let side = if n % 3 == 0 { Side::Sell } else { Side::Buy };
                    rig.builder.trade(&trade(now + Ms(shift), 100.0 + n as f64, 1.0, side), &mut rig.out);
                }
                Op::Kline(shift, closed, sides) => {
                    let bar = kline(minute(shift), 100.0, 2.0, 1.0, closed);
                    let (buy_volume, sell_volume) = (bar.buy_volume.filter(|_| sides), bar.sell_volume);
                    rig.kline(Bar { buy_volume, sell_volume: sell_volume.filter(|_| sides), ..bar });
                }
                Op::Covered(shift) => rig.builder.covered_from(now + Ms(shift)),
                Op::Uncovered(shift) => rig.builder.uncovered(now + Ms(shift)),
                Op::Refilled(from, to) => rig.builder.refilled(now + Ms(from), now + Ms(to)),
                Op::Clock(shift) => rig.builder.clock(now + Ms(shift), &mut rig.out),
            }
        }
        let mut known: BTreeMap<Ms, Bar> = BTreeMap::new();
        for bar in &rig.out {
            prop_assert!(bar.is_minute() && bar.through.is_none());
            prop_assert_eq!(bar.cvd.is_some(), bar.delta().is_some());
            prop_assert_eq!(bar.cvd.is_some(), bar.cvd_from.is_some());
            if let Some(from) = bar.cvd_from {
                prop_assert!(from <= bar.timestamp && from >= bar.timestamp.floor(Ms::DAY));
            }
            match known.insert(bar.timestamp, *bar).filter(|before| before.closed) {
                Some(before) => {
                    prop_assert!(bar.supersedes(&before), "{:?} after {:?}", bar, before);
                    prop_assert_eq!(bar.revision, before.revision + 1);
                }
                None => prop_assert_eq!(bar.revision, 0),
            }
        }
    }
}
