use proptest::prelude::*;

use super::*;
use Timeframe::{D1, H1, H4, M1, M5, M15, M30, Mo1, W1};

/// `2026-03-08 22:00` in UTC.
fn at(text: &str) -> Ms {
    Ms::parse(&format!("{}:00Z", text.replace(' ', "T"))).expect("a test's time").at
}

/// Wall Street with a short week: Thanksgiving 2026, and the Friday Christmas.
fn shares() -> Calendar {
    let holidays = ["20261126", "2026-12-25", "20261126"];
    let session = Session::new("America/New_York", &[1, 2, 3, 4, 5], "0930", "16:00", &holidays).unwrap();
    Calendar::Session(Arc::new(session))
}

fn session(zone: &str, days: &[u8], start: &str, end: &str) -> Calendar {
    Calendar::Session(Arc::new(Session::new::<&str>(zone, days, start, end, &[]).unwrap()))
}

#[test]
fn continuous_buckets_follow_the_utc_calendar() {
    let at = Civil::midnight(2024, 2, 29) + Ms(13 * 3_600_000 + 47 * 60_000 + 5);
    let cases = [
        (M1, 13, 47, Ms::MINUTE),
        (M5, 13, 45, Ms(300_000)),
        (M15, 13, 45, Ms(900_000)),
        (M30, 13, 30, Ms(1_800_000)),
        (H1, 13, 0, Ms::HOUR),
        (H4, 12, 0, Ms(14_400_000)),
        (D1, 0, 0, Ms::DAY),
    ];
    let calendar = Calendar::Continuous;
    for (tf, hour, minute, len) in cases {
        let open = calendar.open(tf, at);
        assert_eq!(open, Civil::midnight(2024, 2, 29) + Ms(hour * 3_600_000 + minute * 60_000), "{tf}");
        assert_eq!((calendar.next(tf, open), calendar.close_of(tf, open)), (open + len, open + len));
    }
    // 29 February 2024 was a Thursday.
    assert_eq!(calendar.open(W1, at), Civil::midnight(2024, 2, 26));
    let month = calendar.open(Mo1, at);
    assert_eq!(month, Civil::midnight(2024, 2, 1));
    assert_eq!(calendar.next(Mo1, month), Civil::midnight(2024, 3, 1));
    assert_eq!(calendar.previous(Mo1, month), Civil::midnight(2024, 1, 1));
    assert_eq!(calendar.next(Mo1, Civil::midnight(2023, 12, 1)), Civil::midnight(2024, 1, 1));
    assert_eq!((calendar.is_open(at), calendar.next_open(at)), (true, at));
}

#[test]
fn cme_buckets_on_real_dates() {
    let cases = [
        // Wednesday, summer time: 17:00 in Chicago is 22:00 UTC.
        (D1, "2026-07-15 21:59", "2026-07-14 22:00", "2026-07-15 22:00"),
        (D1, "2026-07-15 22:00", "2026-07-15 22:00", "2026-07-16 22:00"),
        // Winter time.
        (D1, "2026-01-14 22:30", "2026-01-13 23:00", "2026-01-14 23:00"),
        // Saved daylight begins on Sunday 8 March 2026: Friday's session opened at 23:00, Monday's at 22:00.
        (D1, "2026-03-06 12:00", "2026-03-05 23:00", "2026-03-08 22:00"),
        (D1, "2026-03-08 22:00", "2026-03-08 22:00", "2026-03-09 22:00"),
        (D1, "2026-03-07 12:00", "2026-03-05 23:00", "2026-03-08 22:00"),
        // And ends on Sunday 1 November 2026.
        (D1, "2026-10-30 12:00", "2026-10-29 22:00", "2026-11-01 23:00"),
        (D1, "2026-11-01 23:00", "2026-11-01 23:00", "2026-11-02 23:00"),
        (W1, "2026-03-11 12:00", "2026-03-08 22:00", "2026-03-15 22:00"),
        (W1, "2026-03-08 21:59", "2026-03-01 23:00", "2026-03-08 22:00"),
        (W1, "2026-11-01 22:59", "2026-10-25 22:00", "2026-11-01 23:00"),
        // June 2026 begins on a Monday, whose trading day opens on Sunday, 31 May.
        (Mo1, "2026-05-31 22:00", "2026-05-31 22:00", "2026-06-30 22:00"),
        (Mo1, "2026-05-31 21:59", "2026-04-30 22:00", "2026-05-31 22:00"),
        // Friday 31 July closes the month; August begins with Monday the 3rd.
        (Mo1, "2026-08-01 12:00", "2026-06-30 22:00", "2026-08-02 22:00"),
        (Mo1, "2026-12-31 23:00", "2026-12-31 23:00", "2027-01-31 23:00"),
        // Four hours count from the open; the last bucket of a day is three hours of trade.
        (H4, "2026-07-15 01:59", "2026-07-14 22:00", "2026-07-15 02:00"),
        (H4, "2026-07-15 18:00", "2026-07-15 18:00", "2026-07-15 22:00"),
        (H4, "2026-07-15 21:30", "2026-07-15 18:00", "2026-07-15 22:00"),
        (H4, "2026-07-17 19:00", "2026-07-17 18:00", "2026-07-19 22:00"),
        (H1, "2026-07-15 20:59", "2026-07-15 20:00", "2026-07-15 22:00"),
        (H1, "2026-07-15 19:59", "2026-07-15 19:00", "2026-07-15 20:00"),
        (M30, "2026-07-17 20:45", "2026-07-17 20:30", "2026-07-19 22:00"),
        (M15, "2026-07-15 10:14", "2026-07-15 10:00", "2026-07-15 10:15"),
        (M5, "2026-07-15 20:55", "2026-07-15 20:55", "2026-07-15 22:00"),
        (M1, "2026-07-15 20:59", "2026-07-15 20:59", "2026-07-15 22:00"),
        (M1, "2026-07-15 21:30", "2026-07-15 20:59", "2026-07-15 22:00"),
    ];
    for (tf, instant, open, next) in cases {
        let found = Calendar::Cme.open(tf, at(instant));
        assert_eq!((found, Calendar::Cme.next(tf, found)), (at(open), at(next)), "{tf} of {instant}");
    }
}

#[test]
fn cme_trades_from_sunday_evening_to_friday_with_a_break_each_day() {
    let cases = [
        // instant, open, opens next
        ("2026-07-15 20:59", true, "2026-07-15 20:59"),
        ("2026-07-15 21:00", false, "2026-07-15 22:00"),
        ("2026-07-15 21:59", false, "2026-07-15 22:00"),
        ("2026-07-15 22:00", true, "2026-07-15 22:00"),
        ("2026-07-17 21:00", false, "2026-07-19 22:00"),
        ("2026-07-18 12:00", false, "2026-07-19 22:00"),
        ("2026-03-06 21:59", true, "2026-03-06 21:59"),
        ("2026-03-06 22:00", false, "2026-03-08 22:00"),
        ("2026-10-30 21:00", false, "2026-11-01 23:00"),
    ];
    for (instant, open, next) in cases {
        let instant = at(instant);
        assert_eq!((Calendar::Cme.is_open(instant), Calendar::Cme.next_open(instant)), (open, at(next)));
    }
    let closes = [
        (D1, "2026-07-14 22:00", "2026-07-15 21:00"),
        (D1, "2026-03-05 23:00", "2026-03-06 22:00"),
        (W1, "2026-07-12 22:00", "2026-07-17 21:00"),
        (Mo1, "2026-06-30 22:00", "2026-07-31 21:00"),
        (H4, "2026-07-15 18:00", "2026-07-15 21:00"),
        (H4, "2026-07-15 14:00", "2026-07-15 18:00"),
        (H1, "2026-07-15 20:00", "2026-07-15 21:00"),
        (M1, "2026-07-15 20:59", "2026-07-15 21:00"),
    ];
    for (tf, open, close) in closes {
        assert_eq!(Calendar::Cme.close_of(tf, at(open)), at(close), "{tf} of {open}");
    }
    assert_eq!(Calendar::Cme.previous(D1, at("2026-03-08 22:00")), at("2026-03-05 23:00"));
    assert_eq!(Calendar::Cme.previous(M1, at("2026-07-19 22:00")), at("2026-07-17 20:59"));
}

#[test]
fn reported_sessions_skip_their_holidays_and_cut_the_clock() {
    let shares = shares();
    let cases = [
        // The half hour after the open belongs to no full hour.
        (H1, "2026-11-25 14:45", "2026-11-25 14:30", "2026-11-25 15:00"),
        (H1, "2026-11-25 20:59", "2026-11-25 20:00", "2026-11-27 14:30"),
        (H4, "2026-11-25 19:00", "2026-11-25 18:30", "2026-11-27 14:30"),
        // Thanksgiving has no session.
        (D1, "2026-11-26 15:00", "2026-11-25 14:30", "2026-11-27 14:30"),
        (W1, "2026-11-26 15:00", "2026-11-23 14:30", "2026-11-30 14:30"),
        (D1, "2026-12-25 15:00", "2026-12-24 14:30", "2026-12-28 14:30"),
        (W1, "2026-12-25 15:00", "2026-12-21 14:30", "2026-12-28 14:30"),
        // Summer time.
        (D1, "2026-06-30 13:30", "2026-06-30 13:30", "2026-07-01 13:30"),
        (Mo1, "2026-06-30 13:30", "2026-06-01 13:30", "2026-07-01 13:30"),
    ];
    for (tf, instant, open, next) in cases {
        let found = shares.open(tf, at(instant));
        assert_eq!((found, shares.next(tf, found)), (at(open), at(next)), "{tf} of {instant}");
    }
    assert_eq!(shares.close_of(W1, at("2026-12-21 14:30")), at("2026-12-24 21:00"));

    // A Monday off: the week opens with Tuesday's session.
    let off = Session::new("America/Chicago", &[1, 2, 3, 4, 5], "1700", "1600", &["20260907"]).unwrap();
    let off = Calendar::Session(Arc::new(off));
    assert_eq!(off.open(W1, at("2026-09-09 12:00")), at("2026-09-07 22:00"));
    assert_eq!(off.next(W1, at("2026-08-30 22:00")), at("2026-09-07 22:00"));
    assert!(!off.is_open(at("2026-09-07 12:00")));

    // Summer time in Europe: 29 March to 25 October 2026.
    let frankfurt = session("Europe/Berlin", &[1, 2, 3, 4, 5], "0900", "1730");
    for (day, open) in [
        ("2026-03-27 12:00", "2026-03-27 08:00"),
        ("2026-03-30 12:00", "2026-03-30 07:00"),
        ("2026-10-23 12:00", "2026-10-23 07:00"),
        ("2026-10-26 12:00", "2026-10-26 08:00"),
    ] {
        assert_eq!(frankfurt.open(D1, at(day)), at(open));
    }
    // Half past in UTC is the full hour in Mumbai.
    let mumbai = session("Asia/Kolkata", &[1, 2, 3, 4, 5], "0915", "1530");
    assert_eq!(mumbai.open(H1, at("2026-07-15 05:29")), at("2026-07-15 04:30"));
    assert_eq!(mumbai.open(H1, at("2026-07-15 04:29")), at("2026-07-15 03:45"));
    // Around the clock on all days, and from evening to evening.
    let always = session("UTC", &[1, 2, 3, 4, 5, 6, 7], "0000", "2400");
    assert_eq!(always.open(D1, at("2026-07-15 05:29")), at("2026-07-15 00:00"));
    assert!(always.is_open(at("2026-07-18 23:59")));
    let currencies = session("America/New_York", &[1, 2, 3, 4, 5], "1700", "1700");
    assert_eq!(currencies.open(D1, at("2026-07-15 21:00")), at("2026-07-15 21:00"));
    assert_eq!(currencies.open(W1, at("2026-07-15 21:00")), at("2026-07-12 21:00"));
    assert!(!currencies.is_open(at("2026-07-17 21:00")));
}

#[test]
fn calendars_are_told_as_names_or_sessions() {
    let json = |calendar: &Calendar| serde_json::to_string(calendar).unwrap();
    assert_eq!(json(&Calendar::Continuous), r#""24x7""#);
    assert_eq!(json(&Calendar::Cme), r#""cme""#);
    let told = concat!(
        r#"{"zone":"America/New_York","days":[1,2,3,4,5],"start":"09:30","end":"16:00","#,
        r#""holidays":["2026-11-26","2026-12-25"]}"#
    );
    assert_eq!(json(&shares()), told);
    let night = session("-03:30", &[7], "1700", "1600");
    assert!(json(&night).contains(r#""zone":"-03:30","days":[7],"start":"17:00","end":"16:00""#));
    for calendar in [Calendar::Continuous, Calendar::Cme, shares(), night] {
        assert_eq!(serde_json::from_str::<Calendar>(&json(&calendar)).unwrap(), calendar);
    }
    for bad in [r#""utc""#, "7", "{}", r#"{"zone":"UTC","days":[],"start":"0900","end":"1700"}"#] {
        assert!(serde_json::from_str::<Calendar>(bad).is_err(), "{bad}");
    }
}

#[test]
fn wrong_sessions_are_named() {
    let new = |zone, days: &[u8], start, end, holiday: &str| Session::new(zone, days, start, end, &[holiday]);
    let wrong = [
        (new("Mars/Olympus", &[1], "0900", "1700", "20260101"), CalendarError::Zone("Mars/Olympus".into())),
        (new("+25:00", &[1], "0900", "1700", "20260101"), CalendarError::Zone("+25:00".into())),
        (new("+é:00", &[1], "0900", "1700", "20260101"), CalendarError::Zone("+é:00".into())),
        (new("UTC", &[0], "0900", "1700", "20260101"), CalendarError::Days),
        (new("UTC", &[8], "0900", "1700", "20260101"), CalendarError::Days),
        (new("UTC", &[1], "900", "1700", "20260101"), CalendarError::Clock("900".into())),
        (new("UTC", &[1], "0900", "2401", "20260101"), CalendarError::Clock("2401".into())),
        (new("UTC", &[1], "0960", "1700", "20260101"), CalendarError::Clock("0960".into())),
        (new("UTC", &[1], "+900", "1700", "20260101"), CalendarError::Clock("+900".into())),
        (new("UTC", &[1], "0900", "1700", "20260230"), CalendarError::Holiday("20260230".into())),
        (new("UTC", &[1], "0900", "1700", "Boxing Day"), CalendarError::Holiday("Boxing Day".into())),
    ];
    for (got, expected) in wrong {
        assert_eq!(got, Err(expected));
    }
    let many = vec!["20260101"; 1_001];
    assert_eq!(Session::new("UTC", &[1], "0900", "1700", &many), Err(CalendarError::Holidays(1_001)));
}

fn any_calendar() -> impl Strategy<Value = Calendar> {
    let zones = ["UTC", "America/New_York", "Europe/London", "Asia/Kolkata", "-05:00", "Pacific/Honolulu"];
    let days = proptest::sample::subsequence(vec![1_u8, 2, 3, 4, 5, 6, 7], 1..=7);
    let clock = || (0..24_u32, 0..60_u32).prop_map(|(hour, minute)| format!("{hour:02}{minute:02}"));
    let holiday = (1..=12_u32, 1..=28_u32).prop_map(|(month, day)| format!("2026{month:02}{day:02}"));
    let holidays = proptest::collection::vec(holiday, 0..20);
    let session = (proptest::sample::select(zones.to_vec()), days, clock(), clock(), holidays)
        .prop_map(|(zone, days, start, end, off)| Session::new(zone, &days, &start, &end, &off).unwrap());
    prop_oneof![
        1 => Just(Calendar::Continuous),
        2 => Just(Calendar::Cme),
        5 => session.prop_map(|session| Calendar::Session(Arc::new(session))),
    ]
}

proptest! {
    #[test]
    fn every_instant_has_one_bucket_and_buckets_tile(
        calendar in any_calendar(),
        // From 2025-12 to 2027-02, and anywhere.
        at in prop_oneof![9 => 1_764_547_200_000..1_801_440_000_000_i64, 1 => 0..=Ms::LATEST.0],
        index in 0..9_usize,
    ) {
        let (at, timeframe) = (Ms(at), Timeframe::ALL[index]);
        let open = calendar.open(timeframe, at);
        let next = calendar.next(timeframe, open);
        prop_assert!(open <= at && at < next, "{open:?} {at:?} {next:?}");
        prop_assert_eq!(calendar.open(timeframe, open), open);
        prop_assert_eq!(calendar.open(timeframe, next), next, "the next bucket begins there");
        prop_assert_eq!(calendar.open(timeframe, next - Ms(1)), open, "and nothing is in between");
        prop_assert_eq!(calendar.previous(timeframe, next), open);
        prop_assert!(calendar.is_open(open), "a bucket opens when trade does");
        // Trading ends in it, at an instant after its open.
        let close = calendar.close_of(timeframe, open);
        prop_assert!(open < close && close <= next);
        prop_assert!(close == next || !calendar.is_open(close));
        prop_assert!(calendar.is_open(close - Ms(1)));
        // A longer bucket holds a shorter one; not months weeks, nor 4H what a session off the hour cuts.
        let on_the_hour = !matches!(calendar, Calendar::Session(_)) || timeframe == M1;
        let holds = |longer: Timeframe| match longer {
            H4 => on_the_hour,
            Mo1 => timeframe != W1,
            _ => true,
        };
        for longer in Timeframe::ALL[index..].iter().filter(|tf| holds(**tf)) {
            prop_assert_eq!(calendar.open(*longer, open), calendar.open(*longer, at), "{} of {}", longer, timeframe);
        }
    }

    #[test]
    fn next_open_is_the_first_open_instant(calendar in any_calendar(), at in 1_764_547_200_000..1_801_440_000_000_i64) {
        let at = Ms(at);
        let next = calendar.next_open(at);
        prop_assert!(next >= at && calendar.is_open(next));
        prop_assert_eq!(next == at, calendar.is_open(at));
        if next > at {
            prop_assert!(!calendar.is_open(next - Ms(1)));
            prop_assert_eq!(calendar.open(Timeframe::D1, next), next);
            let between = Ms(at.0 + (next - at).0 / 2);
            prop_assert!(!calendar.is_open(between));
        }
    }
}
