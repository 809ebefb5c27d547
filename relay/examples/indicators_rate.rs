//! How long the indicators of a chart take over a million closes: what `cargo xtask bench` prints.
//!
//! `cargo run --profile dist --example indicators_rate`. One line of JSON per figure:
//! `{"what", "value", "unit", "budget", "more"}`, `more` saying whether more is better.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use shared::maths::indicators::{Ema, Period, Rsi};

const CLOSES: usize = 1_000_000;
const RUNS: usize = 9;
/// Milliseconds on one core.
const BUDGET: f64 = 10.0;

fn main() -> Result<()> {
    let closes: Vec<f64> = (0..CLOSES).map(close).collect();
    let [fast, slow, strength] = [20, 50, 14].map(Period::new);
    let (fast, slow, strength) = (fast.context("ema")?, slow.context("ema")?, strength.context("rsi")?);
    let [mut emas, mut slower, mut strengths] = [(); 3].map(|()| vec![f64::NAN; CLOSES]);
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let started = Instant::now();
        let (mut fast, mut slow, mut strength) = (Ema::new(fast), Ema::new(slow), Rsi::new(strength));
        let rows = emas.iter_mut().zip(&mut slower).zip(&mut strengths);
        for (close, ((a, b), c)) in black_box(&closes).iter().zip(rows) {
            *a = fast.push(*close).unwrap_or(f64::NAN);
            *b = slow.push(*close).unwrap_or(f64::NAN);
            *c = strength.push(*close).unwrap_or(f64::NAN);
        }
        black_box((&mut emas, &mut slower, &mut strengths));
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let known = [emas, slower, strengths].iter().flatten().filter(|value| value.is_finite()).count();
    ensure!(known == 3 * CLOSES - 19 - 49 - 13, "{known} values");
    // The machine may be busy: the run that was disturbed least.
    let best = times.into_iter().fold(f64::INFINITY, f64::min);
    let line = serde_json::json!({
        "what": "EMA20, EMA50 and RSI14 over 1,000,000 closes in one pass",
        "value": (best * 100.0).round() / 100.0,
        "unit": "ms",
        "budget": BUDGET,
        "more": false,
    });
    println!("{line}");
    Ok(())
}

/// A walk up and down in ticks of a tenth.
fn close(n: usize) -> f64 {
    let noise = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
    let wave = (n % 20_000) as f64 - 10_000.0;
    60_000.0 + (wave.abs() / 10.0).round() + noise as f64 / 10.0
}
