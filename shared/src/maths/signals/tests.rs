use super::*;
use crate::event::Origin;
use crate::market::{Ms, Timeframe};
use crate::maths::indicators::{Ema, Period, Rsi};

fn bars(closes: &[f64]) -> Vec<Bar> {
    let bar = |(n, close): (usize, &f64)| {
        let mut bar = Bar::flat(Ms(n as i64 * 60_000), Timeframe::M1, *close, Origin::Sim);
        bar.closed = true;
        bar
    };
    closes.iter().enumerate().map(bar).collect()
}

/// Bars with an action, and which.
fn actions(id: &str, closes: &[f64]) -> Vec<(usize, &'static str)> {
    let told = verdicts(&mut *strategy(id).unwrap(), &bars(closes));
    assert_eq!(told.len(), closes.len());
    let acting = told.iter().enumerate().filter(|(_, v)| v.action.is_some());
    acting.map(|(n, v)| (n, v.name())).collect()
}

/// A triangle wave of small noise-free steps, `n` bars.
fn waves(n: usize) -> Vec<f64> {
    (0..n).map(|n| 1_000.0 + ((n % 160) as f64 - 80.0).abs() + if n % 2 == 0 { 2.0 } else { 0.0 }).collect()
}

#[test]
fn names_are_found_and_others_told_which_there_are() {
    for (name, _) in STRATEGIES {
        assert_eq!(strategy(name).unwrap().id(), *name);
    }
    let error = strategy("golden_cross").err().unwrap().to_string();
    assert_eq!(error, "unknown strategy `golden_cross`: use one of ema_crossover_rsi, bollinger_reversion");
    assert!(strategy(&"x".repeat(5_000)).err().unwrap().to_string().len() < 200);
}

#[test]
fn averages_that_cross_make_signals_where_rsi_lets_them() {
    let closes = waves(800);
    let period = |n| Period::new(n).unwrap();
    let (fast, slow) = (Ema::over(period(20), &closes), Ema::over(period(50), &closes));
    let strength = Rsi::over(period(14), &closes);
    // Written out from the batch columns; a comparison with NaN is false.
    let expected: Vec<(usize, &str)> = (1..closes.len())
        .filter_map(|n| {
            let (before, now) = (fast[n - 1] - slow[n - 1], fast[n] - slow[n]);
            let buy = before <= 0.0 && now > 0.0 && strength[n] < 70.0;
            let sell = before >= 0.0 && now < 0.0 && strength[n] > 30.0;
            if buy { Some((n, "buy")) } else { sell.then_some((n, "sell")) }
        })
        .collect();
    assert!(expected.len() >= 4, "{expected:?}");
    assert_eq!(actions(EmaCrossoverRsi::ID, &closes), expected);
    let told = verdicts(&mut EmaCrossoverRsi::default(), &bars(&closes));
    for (n, verdict) in told.iter().enumerate() {
        let known = |column: &[f64]| (!column[n].is_nan()).then_some(column[n]);
        let inputs = [("ema_20", known(&fast)), ("ema_50", known(&slow)), ("rsi_14", known(&strength))];
        assert_eq!(verdict.inputs, inputs, "{n}");
        let confidence = match verdict.action {
            Some(Action::Buy) => ((70.0 - strength[n]) / 40.0).min(1.0),
            Some(Action::Sell) => ((strength[n] - 30.0) / 40.0).min(1.0),
            None => 0.0,
        };
        assert_eq!(verdict.confidence, confidence, "{n}");
    }
}

#[test]
fn an_overbought_market_is_not_bought() {
    // Falling a little and then straight up: RSI is near 100 where the averages cross.
    let mut closes: Vec<f64> = (0..80).map(|n| 1_000.0 - f64::from(n) * 0.1).collect();
    closes.extend((0..40).map(|n| 992.0 + f64::from(n) * 5.0));
    let told = verdicts(&mut EmaCrossoverRsi::default(), &bars(&closes));
    let input = |verdict: &Verdict, n: usize| verdict.inputs[n].1.unwrap_or(f64::NAN);
    let crossed = told.windows(2).any(|pair| {
        let [before, now] = [&pair[0], &pair[1]].map(|v| input(v, 0) - input(v, 1));
        before <= 0.0 && now > 0.0 && input(&pair[1], 2) > 70.0
    });
    assert!(crossed);
    assert!(told.iter().all(|v| v.action.is_none() && v.confidence == 0.0));
}

#[test]
fn nothing_is_said_before_both_averages_are_known_twice() {
    let mut closes: Vec<f64> = (0..50).map(|n| 1_000.0 - f64::from(n)).collect();
    assert_eq!(actions(EmaCrossoverRsi::ID, &closes), []);
    closes.push(1_500.0);
    let told = verdicts(&mut EmaCrossoverRsi::default(), &bars(&closes));
    assert_eq!(told[48].inputs[1].1, None);
    // Crossed on the 51st bar, and RSI forbids it.
    assert!(told[50].inputs[0].1 > told[50].inputs[1].1 && told[50].inputs[2].1 > Some(70.0));
}

#[test]
fn a_standing_market_makes_no_signals() {
    assert_eq!(actions(EmaCrossoverRsi::ID, &[100.0; 500]), []);
    assert_eq!(actions(BollingerReversion::ID, &[100.0; 500]), []);
}

#[test]
fn the_way_back_into_the_bands_is_traded_with_what_is_left_of_it() {
    let mut closes: Vec<f64> = (0..40).map(|n| if n % 2 == 0 { 100.0 } else { 101.0 }).collect();
    // Out below, back at once; out above, back beyond the middle.
    closes.extend([95.0, 99.0, 100.0, 101.0, 100.0, 101.0, 106.0, 100.0]);
    let told = verdicts(&mut *strategy(BollingerReversion::ID).unwrap(), &bars(&closes));
    assert_eq!(actions(BollingerReversion::ID, &closes), [(41, "buy"), (47, "sell")]);
    let input = |n: usize, name: &str| told[n].inputs.iter().find(|(k, _)| *k == name).unwrap().1.unwrap();
    let (middle, lower) = (input(41, "bb_20_2_middle"), input(41, "bb_20_2_lower"));
    assert_eq!(told[41].confidence, (middle - 99.0) / (middle - lower));
    assert!(told[41].confidence > 0.0 && told[41].confidence < 1.0);
    assert!(input(47, "close") < input(47, "bb_20_2_middle"));
    assert_eq!(told[47].confidence, 0.0);
}

#[test]
fn a_signal_says_what_the_verdict_says() {
    let closes = waves(800);
    let bars = bars(&closes);
    let told = verdicts(&mut EmaCrossoverRsi::default(), &bars);
    let (n, verdict) = told.iter().enumerate().find(|(_, v)| v.action.is_some()).unwrap();
    let signal = verdict.signal(&bars[n], EmaCrossoverRsi::ID).unwrap();
    assert_eq!((signal.timestamp, signal.interval), (bars[n].timestamp, Timeframe::M1));
    assert_eq!((Some(signal.action), signal.confidence), (verdict.action, verdict.confidence));
    let names: Vec<&str> = signal.metadata.keys().map(String::as_str).collect();
    assert_eq!(names, ["ema_20", "ema_50", "rsi_14"]);
    assert_eq!(signal.metadata["rsi_14"].as_f64(), verdict.inputs[2].1);
    assert_eq!(told[0].signal(&bars[0], EmaCrossoverRsi::ID), None);
    assert_eq!(told[0].metadata()["ema_50"], Value::Null);
}

/// One bar at a time over a copy that goes on is the same as all at once.
#[test]
fn verdicts_do_not_depend_on_how_bars_come() {
    let closes = waves(400);
    let bars = bars(&closes);
    for (_, make) in STRATEGIES {
        let whole = verdicts(&mut *make(), &bars);
        for cut in [1, 49, 50, 51, 200] {
            let mut strategy = make();
            let mut parts = verdicts(&mut *strategy, &bars[..cut]);
            parts.extend(verdicts(&mut *strategy, &bars[cut..]));
            assert_eq!(parts, whole);
        }
    }
}
