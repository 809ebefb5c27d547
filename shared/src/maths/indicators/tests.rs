mod goldens;
mod properties;

use super::*;
use crate::event::Origin;
use crate::market::{Ms, Timeframe};

/// A minute bar `n` minutes after 2024-03-15 00:00 UTC.
fn bar(n: i64, high: f64, low: f64, close: f64, volume: f64) -> Bar {
    let at = Ms(1_710_460_800_000 + n * 60_000);
    Bar { high, low, close, volume, ..Bar::flat(at, Timeframe::M1, close, Origin::Kline) }
}

fn period(bars: u32) -> Period {
    Period::new(bars).unwrap()
}

#[test]
fn names_read_and_write_alike() {
    let same = [
        "ema_20",
        "ema_1",
        "sma_5000",
        "rsi_14",
        "macd_12_26_9",
        "bb_20_2",
        "bb_20_2.5",
        "bb_1_0.01",
        "bb_20_10",
        "bb_3_0.3",
        "atr_14",
        "vwap",
    ];
    for name in same {
        assert_eq!(name.parse::<Indicator>().map(|i| i.to_string()), Ok(name.to_owned()));
    }
    let columns = |name: &str| name.parse::<Indicator>().unwrap().columns();
    assert_eq!(columns("ema_20"), ["ema_20"]);
    assert_eq!(columns("macd_12_26_9"), ["macd_12_26_9", "macd_12_26_9_signal", "macd_12_26_9_hist"]);
    assert_eq!(columns("bb_20_2.5"), ["bb_20_2.5_upper", "bb_20_2.5_middle", "bb_20_2.5_lower"]);
    assert_eq!(columns("vwap"), ["vwap"]);
}

#[test]
fn a_wrong_name_is_told_what_is_wrong_with_it() {
    let cases = [
        ("", "unknown indicator ``: use ema_20, sma_50"),
        ("EMA_20", "unknown indicator `EMA_20`"),
        ("ema20", "unknown indicator `ema20`"),
        ("wma_20", "unknown indicator `wma_20`"),
        (" ema_20", "unknown indicator"),
        ("ema", "`ema` has not the form of ema_20"),
        ("ema_20_2", "form of ema_20"),
        ("macd_12_26", "form of macd_12_26_9"),
        ("macd_1_2_3_4_5_6_7_8", "form of macd_12_26_9"),
        ("bb_20", "form of bb_20_2"),
        ("vwap_20", "form of vwap"),
        ("ema_", "`ema_`: a period is a whole number of bars from 1 to 5000"),
        ("ema_0", "1 to 5000"),
        ("ema_5001", "1 to 5000"),
        ("ema_-5", "1 to 5000"),
        ("ema_+5", "1 to 5000"),
        ("rsi_14.0", "1 to 5000"),
        ("sma_99999999999999999999", "1 to 5000"),
        ("sma_é", "1 to 5000"),
        ("macd_26_12_9", "shorter than the second"),
        ("macd_12_12_9", "shorter than the second"),
        ("bb_20_0", "from 0.01 to 10"),
        ("bb_20_10.01", "from 0.01 to 10"),
        ("bb_20_-2", "from 0.01 to 10"),
        ("bb_20_NaN", "from 0.01 to 10"),
        ("bb_20_2.555", "two decimals"),
        ("bb_20_.5", "two decimals"),
        ("ema_020", "`ema_020` is written `ema_20`"),
        ("bb_20_2.0", "is written `bb_20_2`"),
        ("bb_20_2.", "is written `bb_20_2`"),
    ];
    for (name, expected) in cases {
        let error = name.parse::<Indicator>().unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    let error = "x".repeat(10_000).parse::<Indicator>().unwrap_err().to_string();
    assert!(error.len() < 200, "{error}");
}

#[test]
fn an_average_begins_with_the_first_close_and_speaks_after_its_period() {
    let mut ema = Ema::new(period(3));
    // alpha = 1/2: 10, 11, 12, 14
    assert_eq!([10.0, 12.0, 13.0, 16.0].map(|c| ema.push(c)), [None, None, Some(12.0), Some(14.0)]);
    let mut sma = Sma::new(period(3));
    assert_eq!([10.0, 12.0, 14.0, 19.0].map(|c| sma.push(c)), [None, None, Some(12.0), Some(15.0)]);
    let mut rsi = Rsi::new(period(2));
    // alpha = 1/2: gains 0, 1, 1/2; losses 0, 0, 1.
    assert_eq!([10.0, 12.0, 10.0].map(|c| rsi.push(c)), [None, Some(100.0), Some(100.0 - 100.0 / 1.5)]);
}

#[test]
fn bands_are_deviations_of_the_population_around_the_mean() {
    let mut bands = Bollinger::new(period(2), Deviations::hundredths(200).unwrap());
    assert_eq!(bands.push(10.0), None);
    assert_eq!(bands.push(14.0), Some(Bands { upper: 16.0, middle: 12.0, lower: 8.0 }));
    assert_eq!(bands.push(14.0), Some(Bands { upper: 14.0, middle: 14.0, lower: 14.0 }));
}

#[test]
fn a_true_range_reaches_to_the_close_before() {
    let mut atr = Atr::new(period(2));
    assert_eq!(atr.push(11.0, 9.0, 10.0), None);
    // A gap up: 15 - 10.
    assert_eq!(atr.push(15.0, 14.0, 14.0), Some(3.5));
    assert_eq!(atr.push(f64::NAN, 14.0, 14.0), Some(3.5));
    // A gap down: 14 - 8.
    assert_eq!(atr.push(9.0, 8.0, 8.5), Some(4.75));
}

#[test]
fn vwap_begins_anew_at_midnight_and_is_silent_until_something_is_traded() {
    let mut vwap = Vwap::default();
    assert_eq!(vwap.push(&bar(-2, 10.0, 10.0, 10.0, 5.0)), Some(10.0));
    assert_eq!(vwap.push(&bar(-1, 12.0, 12.0, 12.0, 5.0)), Some(11.0));
    assert_eq!(vwap.push(&bar(0, 20.0, 20.0, 20.0, 0.0)), None);
    assert_eq!(vwap.push(&bar(1, 33.0, 30.0, 30.0, 1.0)), Some(31.0));
    assert_eq!(vwap.push(&bar(2, 30.0, 30.0, 30.0, f64::NAN)), Some(31.0));
    assert_eq!(vwap.push(&bar(3, 37.0, 37.0, 37.0, 2.0)), Some(35.0));
}

#[test]
fn a_set_gives_a_row_per_bar_in_the_order_asked_for() {
    let indicators = ["sma_2", "bb_2_1", "vwap", "macd_1_2_1"].map(|n| n.parse().unwrap());
    assert_eq!(
        IndicatorSet::columns(&indicators),
        [
            "sma_2",
            "bb_2_1_upper",
            "bb_2_1_middle",
            "bb_2_1_lower",
            "vwap",
            "macd_1_2_1",
            "macd_1_2_1_signal",
            "macd_1_2_1_hist"
        ]
    );
    let mut set = IndicatorSet::new(&indicators);
    set.push_earlier(&bar(0, 40.0, 40.0, 40.0, 1.0));
    let first = set.push(&bar(1, 10.0, 10.0, 10.0, 1.0)).to_vec();
    assert_eq!(first, [None, None, None, None, Some(25.0), None, None, None]);
    let second = set.push(&bar(2, 14.0, 14.0, 14.0, 0.0)).to_vec();
    assert_eq!(second[..5], [Some(12.0), Some(14.0), Some(12.0), Some(10.0), Some(25.0)]);
    let [Some(line), Some(signal), Some(histogram)] = second[5..] else { panic!("{second:?}") };
    // alpha = 2/3 of the slow one: 14 - (10 / 3 + 28 / 3).
    assert!((line - 4.0 / 3.0).abs() < 1e-12 && line == signal && histogram == 0.0);
}
