use std::sync::Arc;

use shared::market::{Calendar, Session};

use super::symbol::{Hours, hours, price_steps};

#[test]
fn price_steps_are_whole_numbers_of_the_last_place() {
    for (tick, steps) in [
        (0.1, (1, 10)),
        (0.25, (25, 100)),
        (0.05, (5, 100)),
        (1.0, (1, 1)),
        (5.0, (5, 1)),
        (1e-8, (1, 100_000_000)),
        (2.5e-7, (25, 100_000_000)),
        // Divided by a multiplier of 1000.
        (0.000_1 / 1_000.0, (1, 10_000_000)),
        (0.1 + 0.2, (3, 10)),
        (0.0, (1, 100)),
        (f64::NAN, (1, 100)),
    ] {
        assert_eq!(price_steps(tick), steps, "{tick}");
    }
}

#[test]
fn sessions_are_told_in_the_librarys_words() {
    let told = |session: &str, timezone: &str, holidays: &str| Hours {
        session: session.into(),
        timezone: timezone.into(),
        holidays: holidays.into(),
    };
    let of = |zone: &str, days: &[u8], start: &str, end: &str, holidays: &[&str]| {
        hours(&Calendar::Session(Arc::new(Session::new(zone, days, start, end, holidays).unwrap())))
    };
    assert_eq!(hours(&Calendar::Continuous), told("24x7", "Etc/UTC", ""));
    assert_eq!(hours(&Calendar::Cme), told("1700-1600:23456", "America/Chicago", ""));
    assert_eq!(
        of("US/Eastern", &[1, 2, 3, 4, 5], "0930", "1600", &["2026-11-26", "20261225"]),
        told("0930-1600:23456", "America/New_York", "20261126,20261225")
    );
    // Sunday comes first.
    assert_eq!(of("Asia/Tokyo", &[7, 1], "0900", "1500", &[]), told("0900-1500:12", "Asia/Tokyo", ""));
    assert_eq!(of("+05:45", &[1], "0900", "1500", &[]), told("24x7", "Etc/UTC", ""));
}
