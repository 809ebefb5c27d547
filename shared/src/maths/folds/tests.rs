use proptest::prelude::*;

use super::*;
use crate::event::Origin;
use crate::market::Civil;

const M: i64 = 60_000;

/// Near the end of a month, a week and a day: Sunday 2024-06-30, 22:00 UTC.
fn start() -> Ms {
    Civil::midnight(2024, 6, 30) + Ms(22 * 3_600_000)
}

fn minute(n: i64) -> Bar {
    let x = ((n * 37) % 11) as f64 * 0.1;
    Bar {
        high: 101.5 + x,
        low: 99.5 - x,
        close: 100.3 + x,
        volume: 0.3 + x,
        buy_volume: Some(0.1 + x),
        sell_volume: Some(0.2),
        cvd: Some(x),
        cvd_from: Some(start()),
        vwap: Some(100.1 + x),
        trades: Some(n.unsigned_abs()),
        closed: true,
        ..Bar::flat(start() + Ms(n * M), Timeframe::M1, 100.1 + x, Origin::Trades)
    }
}

fn forming(n: i64, volume: f64) -> Bar {
    Bar { closed: false, volume, ..minute(n) }
}

/// What a chart would hold: the bars handed out, newest version by open time.
#[derive(Default)]
struct Charts([BTreeMap<Ms, Bar>; 9]);

impl Charts {
    fn push(&mut self, folds: &mut Folds, minute: &Bar) -> usize {
        let mut count = 0;
        folds.push(minute, |bar| {
            count += 1;
            self.0[bar.interval.index()].insert(bar.timestamp, *bar);
        });
        count
    }

    fn push_all(&mut self, folds: &mut Folds, minutes: &[Bar]) {
        for minute in minutes {
            self.push(folds, minute);
        }
    }

    fn bars(&self, timeframe: Timeframe) -> Vec<Bar> {
        self.0[timeframe.index()].values().copied().collect()
    }
}

fn live() -> Folds {
    Folds::new(Calendar::Continuous, 50_000)
}

fn batch(minutes: &[Bar], timeframe: Timeframe) -> Vec<Bar> {
    fold(minutes, timeframe, &Calendar::Continuous)
}

#[test]
fn forming_updates_change_each_timeframe_once_and_repeats_none() {
    let (mut folds, mut charts) = (live(), Charts::default());
    assert_eq!(charts.push(&mut folds, &forming(0, 1.0)), 9);
    assert_eq!(charts.push(&mut folds, &forming(0, 2.0)), 9);
    assert_eq!(charts.push(&mut folds, &forming(0, 2.0)), 0);
    // Closing changes the minute and nothing that a higher bar shows but its own first minute's volume.
    assert_eq!(charts.push(&mut folds, &minute(0)), 9);
    assert_eq!(charts.push(&mut folds, &forming(0, 9.0)), 0);
    for timeframe in Timeframe::ALL {
        assert_eq!(charts.bars(timeframe), batch(&[minute(0)], timeframe));
        assert_eq!(folds.forming(timeframe), charts.bars(timeframe).last().copied());
        assert_eq!(folds.bars(timeframe), charts.bars(timeframe));
    }
}

#[test]
fn correction_of_an_old_minute_refolds_its_buckets() {
    let (mut folds, mut charts) = (live(), Charts::default());
    let mut minutes: Vec<Bar> = (0..300).map(minute).collect();
    charts.push_all(&mut folds, &minutes);
    minutes[7] = Bar { volume: 50.0, high: 900.0, revision: 1, ..minutes[7] };
    assert_eq!(charts.push(&mut folds, &minutes[7]), 9);
    for timeframe in Timeframe::ALL {
        assert_eq!(charts.bars(timeframe), batch(&minutes, timeframe), "{timeframe}");
    }
    assert!(folds.take_stale().is_empty());
}

#[test]
fn history_seeds_every_timeframe_at_once() {
    let minutes: Vec<Bar> = (0..200).map(minute).collect();
    let mut folds = live();
    folds.seed_minutes(&minutes[..150], minutes[0].timestamp);
    let mut charts = Charts::default();
    charts.push_all(&mut folds, &minutes[150..]);
    for timeframe in Timeframe::ALL {
        let first = folds.first_whole(timeframe).unwrap();
        let expected: Vec<Bar> =
            batch(&minutes, timeframe).into_iter().filter(|b| b.timestamp >= first).collect();
        assert_eq!(folds.bars(timeframe), expected, "{timeframe}");
    }
    // The history begins at 22:00: its day, week and month began earlier and cannot be told.
    assert_eq!(folds.bars(Timeframe::D1).len(), 1);
    assert_eq!(folds.bars(Timeframe::H1).len(), 4);
    assert_eq!(folds.bars(Timeframe::M1), minutes);
}

#[test]
fn base_continues_a_bucket_that_began_before_the_history() {
    let minutes: Vec<Bar> = (0..100).map(minute).collect();
    let mut folds = live();
    folds.seed_minutes(&minutes[60..80], minutes[60].timestamp);
    assert_eq!(
        (folds.forming(Timeframe::D1), folds.forming(Timeframe::H1)),
        (None, Some(batch(&minutes[60..80], Timeframe::H1)[0]))
    );
    let base = *batch(&minutes[..70], Timeframe::D1).last().unwrap();
    let told = folds.seed_base(&base).unwrap();
    let whole = batch(&minutes[..80], Timeframe::D1)[0];
    // The base's own sum of vwap * volume is known to rounding only.
    assert!((told.vwap.unwrap() - whole.vwap.unwrap()).abs() < 1e-9);
    assert_eq!(Bar { vwap: whole.vwap, ..told }, whole);

    let mut charts = Charts::default();
    charts.push_all(&mut folds, &minutes[80..]);
    let bar = folds.forming(Timeframe::D1).unwrap();
    let whole = batch(&minutes, Timeframe::D1)[0];
    assert_eq!(Bar { vwap: whole.vwap, ..bar }, whole);
    assert_eq!(charts.bars(Timeframe::D1), [bar]);
    assert_eq!(charts.bars(Timeframe::W1), []);
}

#[test]
fn base_that_cannot_help_is_refused() {
    let minutes: Vec<Bar> = (0..100).map(minute).collect();
    let base = *batch(&minutes[..70], Timeframe::D1).last().unwrap();
    let mut folds = live();
    assert_eq!(folds.seed_base(&base), None, "nothing exists elsewhere");
    folds.seed_minutes(&minutes[60..80], minutes[60].timestamp);
    for bad in [
        Bar { closed: true, ..base },
        Bar { through: None, ..base },
        Bar { through: Some(base.timestamp + Ms::DAY), ..base },
        Bar { timestamp: base.timestamp + Ms(1), ..base },
        Bar { timestamp: base.timestamp - Ms::DAY, ..base },
        Bar { interval: Timeframe::M1, ..base },
        Bar { volume: f64::NAN, ..base },
        *batch(&minutes[..70], Timeframe::H1).last().unwrap(),
    ] {
        assert_eq!(folds.seed_base(&bad), None, "{bad:?}");
    }
    assert!(folds.seed_base(&base).is_some());
}

#[test]
fn correction_inside_a_base_is_told_as_stale_and_mended_by_a_new_base() {
    let minutes: Vec<Bar> = (0..100).map(minute).collect();
    let mut folds = live();
    folds.seed_minutes(&minutes[60..], minutes[60].timestamp);
    folds.seed_base(batch(&minutes[..80], Timeframe::D1).last().unwrap());
    let mut charts = Charts::default();
    // Not held here: a first version is in the base, a correction may not be.
    charts.push(&mut folds, &minutes[10]);
    assert!(folds.take_stale().is_empty());
    charts.push(&mut folds, &Bar { revision: 1, ..minutes[70] });
    let day = batch(&minutes, Timeframe::D1)[0].timestamp;
    let stale = folds.take_stale();
    assert!(stale.contains(&(Timeframe::D1, day)), "{stale:?}");
    assert!(charts.bars(Timeframe::D1).is_empty());
    // After the base a correction is folded as usual.
    let better = Bar { revision: 1, volume: 70.0, ..minutes[90] };
    charts.push(&mut folds, &better);
    assert_eq!(charts.bars(Timeframe::D1)[0].revision, 1);
    assert!(!folds.take_stale().contains(&(Timeframe::D1, day)));
}

#[test]
fn capacity_bounds_the_minutes_and_keeps_the_newest_bucket_right() {
    let minutes: Vec<Bar> = (0..400).map(minute).collect();
    let (mut folds, mut charts) = (Folds::new(Calendar::Continuous, 50), Charts::default());
    charts.push_all(&mut folds, &minutes);
    assert_eq!(folds.minutes().count(), 50);
    for timeframe in Timeframe::ALL {
        assert_eq!(charts.bars(timeframe), batch(&minutes, timeframe), "{timeframe}");
    }
    // Too old to be taken: nothing changes.
    assert_eq!(charts.push(&mut folds, &Bar { revision: 1, ..minutes[100] }), 0);
    // Kept, but the start of its day is not: only what can be told is told.
    let corrected = charts.push(&mut folds, &Bar { revision: 1, ..minutes[370] });
    assert_eq!(corrected, 6, "1m 5m 15m 30m 1H 4H");
    assert_eq!(
        folds.take_stale().iter().map(|s| s.0).collect::<Vec<_>>(),
        [Timeframe::D1, Timeframe::W1, Timeframe::Mo1]
    );
}

#[test]
fn session_markets_fold_alike_minute_by_minute_and_at_once() {
    // Friday's close to Monday's break in July 2026.
    let friday = Ms::parse("2026-07-17T17:00:00Z").unwrap().at;
    let minutes: Vec<Bar> = (0..5 * 1440)
        .map(|n| Bar { timestamp: friday + Ms(n * Ms::MINUTE.0), ..minute(n) })
        .filter(|bar| Calendar::Cme.is_open(bar.timestamp))
        .collect();
    assert_eq!(minutes.len(), 4 * 60 + 3 * 23 * 60 - 5 * 60 + 60, "until Wednesday 17:00 UTC");
    let (mut folds, mut charts) = (Folds::new(Calendar::Cme, 50_000), Charts::default());
    charts.push_all(&mut folds, &minutes);
    for timeframe in Timeframe::ALL {
        let batch = fold(&minutes, timeframe, &Calendar::Cme);
        assert_eq!(charts.bars(timeframe), batch, "{timeframe}");
        assert_eq!(folds.bars(timeframe), batch, "{timeframe}");
    }
    let days: Vec<Ms> = charts.bars(Timeframe::D1).iter().map(|b| b.timestamp).collect();
    let day = |text: &str| Ms::parse(text).unwrap().at;
    let opens = ["2026-07-16", "2026-07-19", "2026-07-20", "2026-07-21"];
    assert_eq!(days, opens.map(|d| day(&format!("{d}T22:00:00Z"))));
    // The rest of a day on top of a base, as a page that joins inside a session has it.
    let mut late = Folds::new(Calendar::Cme, 50_000);
    let at = minutes.len() - 30;
    late.seed_minutes(&minutes[at - 10..], minutes[at - 10].timestamp);
    late.seed_base(fold(&minutes[..at], Timeframe::D1, &Calendar::Cme).last().unwrap());
    assert_eq!(late.forming(Timeframe::D1), charts.bars(Timeframe::D1).last().copied());
}

/// Arrivals: each minute in some versions, with repeats, in an order shuffled within a window; some missing.
fn arrivals() -> impl Strategy<Value = Vec<Bar>> {
    let version = (0_u32..4, 1_u32..2000, 0_usize..40);
    proptest::collection::vec(proptest::collection::vec(version, 0..4), 1..260).prop_map(|minutes| {
        let mut keyed = Vec::new();
        for (n, versions) in minutes.into_iter().enumerate() {
            for (revision, volume, jitter) in versions {
                let base = minute(n as i64);
                let volume = f64::from(volume) * 0.001;
                let bar = if revision == 0 {
                    forming(n as i64, volume)
                } else {
                    let origin = if revision == 1 { Origin::Kline } else { Origin::Trades };
                    let sided = revision > 1;
                    Bar {
                        volume,
                        revision: revision - 1,
                        origin,
                        buy_volume: base.buy_volume.filter(|_| sided),
                        sell_volume: base.sell_volume.filter(|_| sided),
                        high: base.high + volume,
                        ..base
                    }
                };
                keyed.push((n + jitter, bar));
                if jitter % 5 == 0 {
                    keyed.push((n + jitter + 1, bar));
                }
            }
        }
        keyed.sort_by_key(|(key, _)| *key);
        keyed.into_iter().map(|(_, bar)| bar).collect()
    })
}

proptest! {
    /// What was handed out minute by minute is, in all nine timeframes, what the batch says, bit for bit.
    #[test]
    fn incremental_equals_batch(arrived in arrivals()) {
        let (mut folds, mut charts) = (live(), Charts::default());
        for (i, minute) in arrived.iter().enumerate() {
            charts.push(&mut folds, minute);
            // Also half way.
            if i == arrived.len() / 2 {
                for timeframe in Timeframe::ALL {
                    prop_assert_eq!(charts.bars(timeframe), batch(&arrived[..=i], timeframe));
                }
            }
        }
        for timeframe in Timeframe::ALL {
            prop_assert_eq!(charts.bars(timeframe), batch(&arrived, timeframe), "{}", timeframe);
            prop_assert_eq!(folds.bars(timeframe), charts.bars(timeframe));
        }
    }

    /// The order of arrival does not matter once every minute has its final version.
    #[test]
    fn any_order_gives_the_same_bars(order in Just((0..150_i64).collect::<Vec<_>>()).prop_shuffle()) {
        let (mut folds, mut charts) = (live(), Charts::default());
        for n in &order {
            charts.push(&mut folds, &minute(*n));
        }
        let clean: Vec<Bar> = (0..150).map(minute).collect();
        for timeframe in Timeframe::ALL {
            prop_assert_eq!(charts.bars(timeframe), batch(&clean, timeframe));
        }
    }

    /// No volume is lost or doubled, whatever the timeframe; trades likewise.
    #[test]
    fn volume_is_conserved(arrived in arrivals()) {
        // Multiples of 2^-10 add up exactly.
        let dyadic: Vec<Bar> = arrived
            .iter()
            .map(|b| Bar { volume: (b.volume * 1000.0).round() / 1024.0, vwap: None, ..*b })
            .collect();
        let total = |bars: &[Bar]| (bars.iter().map(|b| b.volume).sum::<f64>(), bars.iter().filter_map(|b| b.trades).sum::<u64>());
        let minutes = batch(&dyadic, Timeframe::M1);
        for timeframe in Timeframe::ALL {
            prop_assert_eq!(total(&batch(&dyadic, timeframe)), total(&minutes));
        }
    }

    /// A chart that joins late, with a base, agrees with one that saw everything.
    #[test]
    fn base_plus_later_minutes_equals_all(join in 1_i64..180, held in 0_i64..40, more in 0_i64..100) {
        let minutes: Vec<Bar> = (0..join + more).map(minute).collect();
        let from = (join - held).max(0) as usize;
        let mut folds = live();
        folds.seed_minutes(&minutes[from..join as usize], minutes.get(from).map_or(start(), |m| m.timestamp));
        for timeframe in Timeframe::ALL {
            folds.seed_base(batch(&minutes[..join as usize], timeframe).last().unwrap());
        }
        for m in &minutes[join as usize..] {
            folds.push(m, |_| {});
        }
        for timeframe in Timeframe::ALL {
            let expected = *batch(&minutes, timeframe).last().unwrap();
            let got = folds.forming(timeframe);
            // A bucket whose last minute closed just before joining has no base, and no minutes yet.
            if let Some(got) = got {
                let off = (got.vwap.unwrap() - expected.vwap.unwrap()).abs();
                prop_assert!(off < 1e-9);
                prop_assert_eq!(Bar { vwap: expected.vwap, ..got }, expected, "{}", timeframe);
            } else {
                prop_assert!(expected.closed || more == 0, "{}", timeframe);
            }
        }
    }
}
