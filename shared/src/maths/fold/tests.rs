use super::*;
use crate::market::Civil;

/// Minute `n` of a Monday, with dyadic numbers so that sums are exact.
fn minute(n: i64) -> Bar {
    let x = n as f64;
    Bar {
        high: 104.0 + x,
        low: 96.0 - x,
        close: 101.0 + x,
        volume: 2.0,
        buy_volume: Some(1.5),
        sell_volume: Some(0.5),
        cvd: Some(x + 1.0),
        cvd_from: Some(monday()),
        vwap: Some(100.0 + x),
        trades: Some(3),
        closed: true,
        ..Bar::flat(monday() + Ms(n * 60_000), Timeframe::M1, 100.0 + x, Origin::Trades)
    }
}

fn monday() -> Ms {
    Civil::midnight(2024, 8, 5)
}

fn m5(minutes: &[Bar]) -> Vec<Bar> {
    fold(minutes, Timeframe::M5, &Calendar::Continuous)
}

#[test]
fn bucket_takes_first_last_extremes_and_sums() {
    let minutes: Vec<Bar> = (0..5).map(minute).collect();
    let expected = Bar {
        timestamp: monday(),
        interval: Timeframe::M5,
        open: 100.0,
        high: 108.0,
        low: 92.0,
        close: 105.0,
        volume: 10.0,
        buy_volume: Some(7.5),
        sell_volume: Some(2.5),
        cvd: Some(5.0),
        cvd_from: Some(monday()),
        vwap: Some(102.0),
        trades: Some(15),
        origin: Origin::Trades,
        revision: 0,
        closed: true,
        through: None,
    };
    assert_eq!(m5(&minutes), [expected]);
}

#[test]
fn last_bucket_forms_until_its_last_minute_is_closed() {
    let mut minutes: Vec<Bar> = (0..8).map(minute).collect();
    let bars = m5(&minutes);
    assert_eq!((bars[0].closed, bars[0].through), (true, None));
    assert_eq!((bars[1].closed, bars[1].through), (false, Some(minutes[7].timestamp)));
    minutes.extend([minute(8), Bar { closed: false, ..minute(9) }]);
    assert_eq!(m5(&minutes)[1].through, Some(minutes[9].timestamp));
    minutes[9].closed = true;
    assert!(m5(&minutes)[1].closed);
}

#[test]
fn missing_minutes_leave_no_trace_and_a_later_bucket_closes() {
    let bars = m5(&[minute(1), minute(3), minute(22)]);
    assert_eq!(bars.iter().map(|b| (b.timestamp - monday()).0 / 60_000).collect::<Vec<_>>(), [0, 20]);
    assert_eq!((bars[0].volume, bars[0].open, bars[0].closed), (4.0, 101.0, true));
}

#[test]
fn unknown_parts_make_the_whole_unknown_and_origin_is_the_least() {
    let unknown = Bar { buy_volume: None, sell_volume: None, cvd: None, cvd_from: None, ..minute(1) };
    let bar = m5(&[minute(0), Bar { trades: None, origin: Origin::Kline, ..unknown }, minute(2)])[0];
    assert_eq!((bar.buy_volume, bar.sell_volume, bar.trades), (None, None, None));
    assert_eq!((bar.origin, bar.cvd, bar.vwap), (Origin::Kline, Some(3.0), Some(101.0)));
}

#[test]
fn vwap_weighs_by_volume_and_is_unknown_where_a_part_is() {
    let heavy = Bar { volume: 6.0, vwap: Some(108.0), ..minute(1) };
    let idle = Bar { volume: 0.0, vwap: None, ..minute(2) };
    assert_eq!(m5(&[minute(0), heavy, idle])[0].vwap, Some(106.0));
    assert_eq!(m5(&[idle])[0].vwap, None);
    assert_eq!(m5(&[minute(0), Bar { vwap: None, ..heavy }])[0].vwap, None);
}

#[test]
fn order_repeats_and_corrections_do_not_matter() {
    let clean: Vec<Bar> = (0..7).map(minute).collect();
    let wrong = Bar { close: 96.0, volume: 1.0, origin: Origin::Kline, ..minute(2) };
    let forming = Bar { closed: false, volume: 0.5, ..minute(4) };
    let right = Bar { revision: 1, ..minute(2) };
    let mut expected = clean.clone();
    expected[2] = right;
    let arrived =
        [clean[6], forming, wrong, clean[1], clean[0], right, wrong, clean[4], clean[3], forming, clean[5]];
    assert_eq!(m5(&arrived), m5(&expected));
    assert_eq!(m5(&arrived)[0].revision, 1);
    assert_eq!(fold(&arrived, Timeframe::M1, &Calendar::Continuous), expected);
}

#[test]
fn minute_timeframe_is_the_identity_and_junk_is_left_out() {
    let minutes: Vec<Bar> = (0..3).map(minute).collect();
    assert_eq!(fold(&minutes, Timeframe::M1, &Calendar::Continuous), minutes);
    let junk = [
        Bar { interval: Timeframe::M5, ..minute(3) },
        Bar { timestamp: Ms(i64::MAX), ..minute(3) },
        Bar { timestamp: monday() + Ms(1), ..minute(3) },
        Bar { high: f64::NAN, ..minute(3) },
        Bar { volume: f64::INFINITY, ..minute(3) },
    ];
    assert_eq!(m5(&[&minutes[..], &junk[..]].concat()), m5(&minutes));
    assert!(m5(&[]).is_empty());
}

#[test]
fn weeks_begin_on_monday_and_months_on_the_first() {
    // Sunday 2024-06-30 23:58 to Monday 2024-07-01 00:01.
    let sunday = Civil::midnight(2024, 6, 30);
    let minutes: Vec<Bar> =
        (0..4).map(|n| Bar { timestamp: sunday + Ms((1438 + n) * 60_000), ..minute(n) }).collect();
    for (timeframe, opens) in [
        (Timeframe::D1, [sunday, Civil::midnight(2024, 7, 1)]),
        (Timeframe::W1, [Civil::midnight(2024, 6, 24), Civil::midnight(2024, 7, 1)]),
        (Timeframe::Mo1, [Civil::midnight(2024, 6, 1), Civil::midnight(2024, 7, 1)]),
    ] {
        let bars = fold(&minutes, timeframe, &Calendar::Continuous);
        assert_eq!(bars.iter().map(|b| b.timestamp).collect::<Vec<_>>(), opens);
        assert_eq!((bars[0].volume, bars[1].volume), (4.0, 4.0));
    }
}

/// 2026-07-17 (a Friday) 20:50 to 21:00 UTC and Sunday 22:00 to 22:10: the end of a week and the begin of one.
#[test]
fn session_day_closes_with_its_last_minute_and_the_next_begins_on_sunday() {
    let at = |text: &str| Ms::parse(text).unwrap().at;
    let (friday, sunday) = (at("2026-07-17T20:50:00Z"), at("2026-07-19T22:00:00Z"));
    let minute = |open: Ms, price: f64| Bar {
        volume: 1.0,
        closed: true,
        ..Bar::flat(open, Timeframe::M1, price, Origin::Sim)
    };
    let ten = |open: Ms| (0..10).map(move |i| minute(open + Ms(i * Ms::MINUTE.0), 100.0 + i as f64));
    let minutes: Vec<Bar> = ten(friday).chain(ten(sunday)).collect();
    let folded = |minutes: &[Bar], timeframe| -> Vec<(Ms, f64, bool, Option<Ms>)> {
        let bars = fold(minutes, timeframe, &Calendar::Cme);
        bars.iter().map(|b| (b.timestamp, b.volume, b.closed, b.through)).collect()
    };
    let through = Some(sunday + Ms(9 * Ms::MINUTE.0));
    for (timeframe, first) in [
        (Timeframe::H1, "2026-07-17T20:00:00Z"),
        (Timeframe::H4, "2026-07-17T18:00:00Z"),
        (Timeframe::D1, "2026-07-16T22:00:00Z"),
        (Timeframe::W1, "2026-07-12T22:00:00Z"),
    ] {
        let whole = folded(&minutes, timeframe);
        assert_eq!(whole, [(at(first), 10.0, true, None), (sunday, 10.0, false, through)], "{timeframe}");
        // Friday's last minute closes it, long before the next session.
        assert_eq!(folded(&minutes[..10], timeframe), [(at(first), 10.0, true, None)], "{timeframe}");
        assert!(!folded(&minutes[..9], timeframe)[0].2, "{timeframe}");
    }
    let month = folded(&minutes, Timeframe::Mo1);
    assert_eq!(month, [(at("2026-06-30T22:00:00Z"), 20.0, false, through)]);
}
