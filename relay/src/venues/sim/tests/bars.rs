//! Bars are their trades, recorded or live.

use super::*;

/// Folds trades the plain way, by itself, for comparison.
fn fold(trades: &[Trade], cvd_before: f64) -> Bar {
    let side = |side: Side| trades.iter().filter(|t| t.side == side).fold(0.0, |sum, t| sum + t.quantity);
    let volume = trades.iter().fold(0.0, |sum, t| sum + t.quantity);
    let value = trades.iter().fold(0.0, |sum, t| sum + t.price * t.quantity);
    let (buy, sell) = (side(Side::Buy), side(Side::Sell));
    let start = trades[0].timestamp.floor(Ms::MINUTE);
    Bar {
        timestamp: start,
        open: trades[0].price,
        high: trades.iter().map(|t| t.price).reduce(f64::max).unwrap(),
        low: trades.iter().map(|t| t.price).reduce(f64::min).unwrap(),
        close: trades[trades.len() - 1].price,
        volume,
        buy_volume: Some(buy),
        sell_volume: Some(sell),
        cvd: Some(cvd_before + (buy - sell)),
        cvd_from: Some(start.floor(Ms::DAY)),
        vwap: Some(value / volume),
        trades: Some(trades.len() as u64),
        closed: true,
        ..Bar::flat(start, Timeframe::M1, 0.0, Origin::Sim)
    }
}

#[test]
fn bars_are_the_fold_of_the_trades_to_the_last_bit() {
    let sim = market();
    let (from, to) = (day() - Ms(1_800_000), day() + Ms(1_800_000));
    for symbol in symbols() {
        let bars = sim.bars(&symbol, from, to);
        let mut cvd = sim.bars(&symbol, from - Ms::MINUTE, from)[0].cvd.unwrap();
        assert_eq!(bars.len(), 60);
        for bar in bars {
            let said = sim.updates(&symbol, bar.timestamp - Ms(1), bar.timestamp + Ms(59_999));
            let trades: Vec<_> = said
                .into_iter()
                .filter_map(|u| if let What::Trade(t) = u.what { Some(t.trade) } else { None })
                .collect();
            if bar.timestamp == day() {
                cvd = 0.0;
            }
            let folded = fold(&trades, cvd);
            assert_eq!(bar, folded, "{symbol}");
            cvd = folded.cvd.unwrap();
        }
    }
}

#[test]
fn recorded_bars_are_those_built_live() {
    let sim = market();
    let (from, to) = (day() - Ms(600_000), day() + Ms(600_000));
    for symbol in symbols() {
        let mut builder = MinuteBuilder::new(Origin::Sim, Calendar::Continuous);
        builder.resume(&sim.bars(&symbol, from - Ms::MINUTE, from)[0]);
        builder.covered_from(from);
        let mut out = Vec::new();
        for update in sim.updates(&symbol, from - Ms(1), to) {
            if let What::Trade(update) = update.what {
                builder.trade(&update.trade, &mut out);
            }
        }
        builder.clock(to + Ms(2_000), &mut out);
        out.retain(|bar| bar.closed && bar.timestamp < to);
        assert_eq!(out, sim.bars(&symbol, from, to), "{symbol}");
    }
}

#[test]
fn bars_do_not_depend_on_where_the_range_begins() {
    let sim = market();
    let btc = symbol("BTCUSDT-PERP");
    let whole = sim.bars(&btc, day() - Ms::DAY, day() + Ms::HOUR);
    assert_eq!(whole.len(), 1_500);
    assert!(whole.windows(2).all(|w| w[1].timestamp == w[0].timestamp + Ms::MINUTE));
    let part = sim.bars(&btc, day() - Ms(59_999), day() + Ms(60_001));
    assert_eq!(part, whole[1_440..1_442]);
}

#[test]
fn thirty_days_are_sane_and_timed() {
    let sim = market();
    let (from, to) = (day() - Ms(30 * DAY), day());
    let started = Instant::now();
    let mut rows = Vec::new();
    for symbol in symbols() {
        let bars = sim.bars(&symbol, from, to);
        let (oi, funding) =
            (sim.open_interest_history(&symbol, from, to), sim.funding_history(&symbol, from, to));
        rows.push((symbol.clone(), bars, oi, funding, sim.liquidations(&symbol, from, to)));
    }
    println!("30 days of five symbols: {} ms", started.elapsed().as_millis());
    for (symbol, bars, oi, funding, liquidations) in rows {
        assert_eq!(bars.len(), 43_200);
        for bar in &bars {
            let prices = [bar.open, bar.high, bar.low, bar.close, bar.vwap.unwrap()];
            assert!(prices.iter().all(|p| p.is_finite() && *p > 0.0), "{bar:?}");
            assert!(bar.high >= bar.open.max(bar.close) && bar.low <= bar.open.min(bar.close), "{bar:?}");
            assert!(bar.low <= prices[4] * (1.0 + 1e-12) && prices[4] <= bar.high * (1.0 + 1e-12), "{bar:?}");
            assert!(bar.volume > 0.0 && bar.trades.unwrap() > 0 && bar.cvd.unwrap().is_finite());
            assert!((bar.close / bar.open - 1.0).abs() < 0.05, "{bar:?}");
        }
        let low = bars.iter().map(|b| b.low).fold(f64::INFINITY, f64::min);
        let high = bars.iter().map(|b| b.high).fold(0.0, f64::max);
        assert!(high / low > 1.02, "{symbol} does not move: {low} {high}");
        if symbol.as_str() == "BTC/USDT" {
            assert!(oi.is_empty() && funding.is_empty() && liquidations.is_empty());
            continue;
        }
        assert_eq!((oi.len(), funding.len()), (8_640, 90));
        assert!(oi.iter().all(|o| o.open_interest > 0.0 && o.open_interest_value.unwrap() > 0.0));
        assert!(funding.iter().all(|f| f.funding_rate.abs() <= path::FUNDING_CAP));
        assert!(funding.iter().all(|f| f.kind == FundingKind::Settled && f.timestamp.0 % 28_800_000 == 0));
        let rates: Vec<_> = funding.iter().map(|f| f.funding_rate).collect();
        assert!(rates.iter().any(|r| *r != rates[0]), "{symbol}: funding never changes");
        assert!((300..100_000).contains(&liquidations.len()), "{symbol}: {}", liquidations.len());
        assert!(liquidations.windows(2).all(|w| w[0].timestamp <= w[1].timestamp));
        println!(
            "{symbol}: {low} to {high}, {} liquidations, funding {:?}",
            liquidations.len(),
            rates.iter().copied().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), r| (a.min(r), b.max(r)))
        );
    }
}
