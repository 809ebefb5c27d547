//! Incremental against batch, and both against the formulas written out.

use proptest::prelude::*;

use super::*;

/// Closes with holes: most of them prices, some missing.
fn closes() -> impl Strategy<Value = Vec<f64>> {
    let close = prop_oneof![
        20 => (1_u32..2_000_000).prop_map(|ticks| f64::from(ticks) / 100.0),
        3 => Just(20.0),
        1 => Just(f64::NAN),
    ];
    proptest::collection::vec(close, 0..150)
}

fn walls(closes: &[f64]) -> Vec<Bar> {
    let wide = |(n, close): (usize, &f64)| {
        // Minutes around a midnight, some left out.
        let minute = n as i64 - 70 + 3 * (n as i64 / 20);
        bar(minute, close * 1.01, close * 0.98, *close, (n % 7) as f64)
    };
    closes.iter().enumerate().map(wide).collect()
}

fn indicator() -> impl Strategy<Value = Indicator> {
    let n = || (1_u32..40).prop_map(period);
    prop_oneof![
        n().prop_map(Indicator::Ema),
        n().prop_map(Indicator::Sma),
        n().prop_map(Indicator::Rsi),
        n().prop_map(Indicator::Atr),
        Just(Indicator::Vwap),
        (1_u32..20, 1_u32..20, n()).prop_map(|(fast, more, signal)| Indicator::Macd {
            fast: period(fast),
            slow: period(fast + more),
            signal,
        }),
        (n(), 1_u32..400).prop_map(|(period, width)| Indicator::Bollinger {
            period,
            deviations: Deviations::hundredths(width).unwrap(),
        }),
    ]
}

fn bits(values: &[f64]) -> Vec<Option<u64>> {
    values.iter().map(|v| (!v.is_nan()).then_some(v.to_bits())).collect()
}

/// The last `n` closes up to and with `at`, if all are known.
fn window(closes: &[f64], at: usize, n: usize) -> Option<&[f64]> {
    let window = &closes[(at + 1).checked_sub(n)?..=at];
    window.iter().all(|c| !c.is_nan()).then_some(window)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / values.len() as f64).sqrt()
}

proptest! {
    /// One bar at a time, in a set, as columns of bars and as columns of closes: the same bits.
    #[test]
    fn all_forms_are_equal(closes in closes(), indicators in proptest::collection::vec(indicator(), 1..6)) {
        let bars = walls(&closes);
        let together = columns(&indicators, &bars);
        let mut sets: Vec<IndicatorSet> = indicators.iter().map(|i| IndicatorSet::new(&[*i])).collect();
        let mut single = vec![Vec::new(); together.len()];
        for bar in &bars {
            let row: Vec<Option<f64>> = sets.iter_mut().flat_map(|set| set.push(bar).to_vec()).collect();
            for (column, value) in single.iter_mut().zip(row) {
                column.push(value.unwrap_or(f64::NAN));
            }
        }
        let mut over = Vec::new();
        for indicator in &indicators {
            match *indicator {
                Indicator::Ema(n) => over.push(Ema::over(n, &closes)),
                Indicator::Sma(n) => over.push(Sma::over(n, &closes)),
                Indicator::Rsi(n) => over.push(Rsi::over(n, &closes)),
                Indicator::Macd { fast, slow, signal } => over.extend(Macd::over((fast, slow, signal), &closes)),
                Indicator::Bollinger { period, deviations } => over.extend(Bollinger::over(period, deviations, &closes)),
                Indicator::Atr(n) => over.push(Atr::over(n, &bars)),
                Indicator::Vwap => over.push(Vwap::over(&bars)),
            }
        }
        for (((name, column), single), over) in together.iter().zip(&single).zip(&over) {
            prop_assert_eq!(bits(column), bits(single), "{}", name);
            prop_assert_eq!(bits(column), bits(over), "{}", name);
        }
        prop_assert_eq!((together.len(), single.len()), (over.len(), over.len()));
    }

    #[test]
    fn windows_are_means_and_deviations_of_the_last_closes(closes in closes(), n in 1_u32..30) {
        let [upper, middle, lower] = Bollinger::over(period(n), Deviations::hundredths(200).unwrap(), &closes);
        let sma = Sma::over(period(n), &closes);
        for at in 0..closes.len() {
            let Some(window) = window(&closes, at, n as usize) else {
                prop_assert!(sma[at].is_nan() && upper[at].is_nan() && middle[at].is_nan() && lower[at].is_nan());
                continue;
            };
            let (mean, width) = (mean(window), 2.0 * deviation(window));
            let scale = window.iter().copied().fold(0.0, f64::max);
            for (ours, plain) in [(sma[at], mean), (middle[at], mean), (upper[at], mean + width), (lower[at], mean - width)] {
                prop_assert!((ours - plain).abs() <= 1e-13 * scale, "{at}: {ours} {plain}");
            }
        }
    }

    /// The weights of an exponential mean written out: 1 for the first close, `alpha` for each later one, faded
    /// by `1 - alpha` per bar.
    #[test]
    fn an_exponential_mean_is_its_weighted_sum(n in 1_u32..30, closes in proptest::collection::vec(1.0_f64..1e5, 1..120)) {
        let alpha = 2.0 / (f64::from(n) + 1.0);
        let ema = Ema::over(period(n), &closes);
        let mut fade = 1.0;
        let mut parts: Vec<f64> = Vec::new();
        for close in closes.iter().skip(1).rev() {
            parts.push(alpha * fade * close);
            fade *= 1.0 - alpha;
        }
        let plain: f64 = parts.iter().rev().fold(fade * closes[0], |sum, part| sum + part);
        let last = ema.last().copied().unwrap_or(f64::NAN);
        prop_assert_eq!(last.is_nan(), closes.len() < n as usize);
        prop_assert!(last.is_nan() || (last - plain).abs() <= 1e-12 * plain);
    }

    #[test]
    fn rsi_stays_between_0_and_100(closes in closes(), n in 1_u32..30) {
        let rsi = Rsi::over(period(n), &closes);
        prop_assert!(rsi.iter().all(|v| v.is_nan() || (0.0..=100.0).contains(v)));
    }
}

/// A million closes that climb by orders of magnitude and fall back: what sums that add and take away would
/// carry along is not there.
#[test]
fn windows_do_not_drift() {
    let mut state = 7_u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1_u32 << 31)
    };
    let closes: Vec<f64> =
        (0..1_000_000).map(|n| if n % 100_000 == 50_000 { 1e12 } else { 20.0 + draw() }).collect();
    let [upper, middle, _] = Bollinger::over(period(20), Deviations::hundredths(200).unwrap(), &closes);
    for at in (19..closes.len()).step_by(997).chain(999_000..1_000_000).chain(950_000..950_100) {
        let window = window(&closes, at, 20).unwrap();
        let (mean, width) = (mean(window), 2.0 * deviation(window));
        assert!((middle[at] - mean).abs() <= 1e-13 * mean, "{at}: {} {mean}", middle[at]);
        assert!(
            (upper[at] - mean - width).abs() <= 1e-13 * (mean + width),
            "{at}: {} {mean} {width}",
            upper[at]
        );
    }
}
