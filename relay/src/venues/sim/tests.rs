use std::time::Instant;

use shared::event::{Channel, LiquidationSide};
use shared::market::{Calendar, Civil};
use shared::maths::order_flow::MinuteBuilder;

use super::*;

const DAY: i64 = Ms::DAY.0;

fn market() -> SimMarket {
    SimMarket::new(7, Place::Sim)
}

/// What trades around the clock.
fn symbols() -> Vec<Symbol> {
    let listed = market().instruments().into_iter();
    listed.filter(|i| i.calendar == Calendar::Continuous).map(|i| i.symbol).collect()
}

fn symbol(text: &str) -> Symbol {
    text.parse().unwrap()
}

/// 2026-11-21 00:00 UTC.
fn day() -> Ms {
    Civil::midnight(2026, 11, 21)
}

fn time(update: &Update) -> Ms {
    match &update.what {
        What::Trade(x) => x.trade.timestamp,
        What::Oi(x) => x.timestamp,
        What::Funding(x) => x.timestamp,
        What::Liquidation(x) => x.timestamp,
        What::Top(x) => x.timestamp,
        other => panic!("sim does not say {other:?}"),
    }
}

#[test]
fn venues_list_their_markets_with_their_steps() {
    let listed = |place| -> Vec<_> {
        let row = |i: &Instrument| {
            assert_eq!(i.venue, Place::venue(place));
            (i.symbol.to_string(), i.group.to_string(), i.tick_size, i.step_size, i.channels.len())
        };
        SimMarket::new(7, place).instruments().iter().map(row).collect()
    };
    let rows = |rows: &[(&str, &str, f64, f64, usize)]| -> Vec<_> {
        rows.iter().map(|(s, g, t, q, n)| ((*s).to_owned(), (*g).to_owned(), *t, *q, *n)).collect()
    };
    let first = [
        ("BTCUSDT-PERP", "BTC-PERP", 0.1, 0.001, 6),
        ("ETHUSDT-PERP", "ETH-PERP", 0.01, 0.001, 6),
        ("SOLUSDT-PERP", "SOL-PERP", 0.01, 0.01, 6),
        ("BTC/USDT", "BTC-SPOT", 0.01, 0.00001, 3),
        ("PEPEUSDT-PERP", "PEPE-PERP", 1e-10, 1.0, 6),
        ("CME_MINI:MNQ1!", "MNQ-FUTURE", 0.25, 1.0, 3),
    ];
    assert_eq!(listed(Place::Sim), rows(&first));
    let second = [
        ("BTCUSDC-PERP", "BTC-PERP", 0.1, 0.001, 6),
        ("ETHUSDT-PERP", "ETH-PERP", 0.01, 0.001, 6),
        ("SOLUSDT-PERP", "SOL-PERP", 0.01, 0.01, 6),
        ("BTC/USDT", "BTC-SPOT", 0.01, 0.00001, 3),
    ];
    assert_eq!(listed(Place::SimB), rows(&second));
    // Without liquidations.
    let third = [
        ("BTCUSDT-PERP", "BTC-PERP", 0.1, 0.001, 5),
        ("ETHUSDT-PERP", "ETH-PERP", 0.01, 0.001, 5),
        ("SOLUSDT-PERP", "SOL-PERP", 0.01, 0.01, 5),
    ];
    assert_eq!(listed(Place::SimC), rows(&third));
}

#[test]
fn updates_are_the_same_in_whatever_pieces_they_are_asked() {
    let sim = market();
    // Across a minute, an hour and a funding payment.
    let (from, to) = (day() + Ms(8 * 3_600_000 - 130_000), day() + Ms(8 * 3_600_000 + 70_000));
    for symbol in symbols() {
        let whole = sim.updates(&symbol, from, to);
        for step in [100, 777, 5_000, 60_000, 61_234] {
            let mut pieces = Vec::new();
            let mut at = from;
            while at < to {
                let next = to.min(at + Ms(step));
                pieces.extend(sim.updates(&symbol, at, next));
                at = next;
            }
            assert!(pieces == whole, "{symbol} in steps of {step} ms");
        }
        assert!(whole.windows(2).all(|w| time(&w[0]) <= time(&w[1])), "{symbol} in order");
        assert!(whole.iter().all(|u| u.symbol == symbol && time(u) > from && time(u) <= to));
    }
}

#[test]
fn updates_come_at_their_rates() {
    let (from, to) = (day(), day() + Ms(600_000));
    let sim = market();
    let count = |symbol: &str, is: fn(&What) -> bool| {
        sim.updates(&self::symbol(symbol), from, to).iter().filter(|u| is(&u.what)).count()
    };
    assert_eq!(count("BTCUSDT-PERP", |w| matches!(w, What::Top(_))), 6_000);
    assert_eq!(count("BTCUSDT-PERP", |w| matches!(w, What::Oi(_))), 120);
    assert_eq!(count("BTCUSDT-PERP", |w| matches!(w, What::Funding(_))), 600);
    assert_eq!(count("BTC/USDT", |w| matches!(w, What::Top(_))), 6_000);
    assert_eq!(count("BTC/USDT", |w| matches!(w, What::Oi(_) | What::Funding(_) | What::Liquidation(_))), 0);
    assert!(sim.updates(&symbol("DOGEUSDT-PERP"), from, to).is_empty());
    assert!(sim.updates(&symbol("BTCUSDT-PERP"), to, from).is_empty());
    assert!(sim.bars(&symbol("BTCUSDT-PERP"), to, to).is_empty());
}

#[test]
fn trades_are_numbered_without_a_jump() {
    for symbol in symbols() {
        let mut last = None;
        for update in market().updates(&symbol, day() - Ms(3_600_000), day() + Ms(3_600_000)) {
            if let What::Trade(update) = update.what {
                let sequence = update.sequence.unwrap();
                assert_eq!(update.trade.id, sequence.to_string());
                assert!(last.is_none_or(|last| sequence == last + 1), "{symbol} {sequence} after {last:?}");
                last = Some(sequence);
            }
        }
        assert!(last.is_some());
    }
}

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

#[test]
fn liquidations_burst_in_fast_moves_on_the_losing_side_and_open_interest_falls() {
    let sim = market();
    let btc = symbol("BTCUSDT-PERP");
    let (from, to) = (day() - Ms(30 * DAY), day());
    let bars = sim.bars(&btc, from, to);
    let all = sim.liquidations(&btc, from, to);
    assert!(all.iter().any(|l| l.side == LiquidationSide::Long));
    assert!(all.iter().any(|l| l.side == LiquidationSide::Short));
    assert!(all.iter().all(|l| l.value == l.price * l.quantity && l.quantity > 0.0 && !l.at_least));
    let within = |at: Ms| all.iter().filter(move |l| l.timestamp.floor(Ms::MINUTE) == at);
    let fall = bars.iter().min_by(|a, b| (a.close / a.open).total_cmp(&(b.close / b.open))).unwrap();
    assert!(within(fall.timestamp).count() >= 5, "{fall:?}");
    assert!(within(fall.timestamp).all(|l| l.side == LiquidationSide::Long));

    // The hour with most of them against a usual one.
    let hour = |at: Ms| all.iter().filter(|l| (at..at + Ms::HOUR).contains(&l.timestamp)).count();
    let hours = (0..720).map(|h| from + Ms(h * Ms::HOUR.0));
    let worst = hours.max_by_key(|at| hour(*at)).unwrap();
    assert!(hour(worst) > 20 * all.len() / 720, "{} of {}", hour(worst), all.len());
    let around = sim.open_interest_history(&btc, worst, worst + Ms::HOUR + Ms(1));
    assert!(around[12].open_interest < around[0].open_interest * 0.985, "{around:?}");

    // History and live say the same.
    let live = sim.updates(&btc, fall.timestamp - Ms(1), fall.timestamp + Ms(59_999));
    let live: Vec<_> = live
        .into_iter()
        .filter_map(|u| if let What::Liquidation(l) = u.what { Some(l) } else { None })
        .collect();
    assert_eq!(live, sim.liquidations(&btc, fall.timestamp, fall.timestamp + Ms::MINUTE));
}

#[test]
fn live_and_recorded_funding_and_open_interest_agree() {
    let sim = market();
    let sol = symbol("SOLUSDT-PERP");
    let at = day() + Ms(8 * 3_600_000);
    let said = sim.updates(&sol, at - Ms(1), at);
    let funding: Vec<_> =
        said.iter().filter_map(|u| if let What::Funding(f) = u.what { Some(f) } else { None }).collect();
    assert_eq!(funding.len(), 2);
    assert_eq!(sim.funding_history(&sol, at, at + Ms(1)), funding[..1]);
    assert_eq!((funding[0].kind, funding[1].kind), (FundingKind::Settled, FundingKind::Predicted));
    assert_eq!(funding[1].next_funding_time, Some(at + Ms(8 * Ms::HOUR.0)));
    assert_eq!(funding[0].interval_hours, Some(8.0));
    let oi: Vec<_> =
        said.iter().filter_map(|u| if let What::Oi(o) = u.what { Some(o) } else { None }).collect();
    assert_eq!(sim.open_interest_history(&sol, at, at + Ms(1)), oi);
}

#[test]
fn books_are_never_crossed_and_trades_print_at_them() {
    for symbol in symbols() {
        let mut top = None;
        let mut far = 0;
        let mut trades = 0;
        for update in market().updates(&symbol, day(), day() + Ms(120_000)) {
            match update.what {
                What::Top(t) => {
                    assert!(t.ask_px > t.bid_px && t.bid_qty > 0.0 && t.ask_qty > 0.0 && t.spread_bps < 10.0);
                    let depth = t.depth_10bps.unwrap();
                    assert!(depth.bid_usd > 0.0 && depth.ask_usd > 0.0);
                    top = Some(t);
                }
                What::Trade(t) => {
                    trades += 1;
                    let top = top.unwrap();
                    let near = top.mid() * 0.000_5;
                    far += i32::from(t.trade.price < top.bid_px - near || t.trade.price > top.ask_px + near);
                }
                _ => {}
            }
        }
        assert!(trades > 20 && far == 0, "{symbol}: {far} of {trades}");
    }
}

#[test]
fn spot_follows_the_perpetual_at_the_index() {
    let sim = market();
    let (from, to) = (day(), day() + Ms::HOUR);
    let spot = sim.bars(&symbol("BTC/USDT"), from, to);
    let perp = sim.bars(&symbol("BTCUSDT-PERP"), from, to);
    assert!(spot.iter().zip(&perp).all(|(s, p)| (s.close / p.close - 1.0).abs() < 0.003));
    assert!(spot.iter().zip(&perp).any(|(s, p)| s.close != p.close));
    for update in sim.updates(&symbol("BTCUSDT-PERP"), from, from + Ms(10_000)) {
        if let What::Funding(f) = update.what {
            let spot = sim.updates(&symbol("BTC/USDT"), f.timestamp - Ms(100), f.timestamp);
            let mid = spot.iter().find_map(|u| if let What::Top(t) = u.what { Some(t.mid()) } else { None });
            assert!((f.index_price.unwrap() / mid.unwrap() - 1.0).abs() < 0.001);
        }
    }
}

#[test]
fn levels_stay_within_bounds_over_years_and_seeds() {
    let bounds = [
        ("BTCUSDT-PERP", 45_000.0, 120_000.0),
        ("ETHUSDT-PERP", 1_500.0, 6_000.0),
        ("SOLUSDT-PERP", 60.0, 380.0),
        ("BTC/USDT", 45_000.0, 120_000.0),
        ("PEPEUSDT-PERP", 2e-6, 3e-5),
    ];
    for seed in 0..4 {
        let sim = SimMarket::new(seed, Place::Sim);
        for (name, low, high) in bounds {
            // A minute each 20 hours or so, from 2000 to 2080.
            for n in 0..35_000 {
                let minute = 15_778_000 + n * 1_201;
                let price = sim.path(&symbol(name)).unwrap().price(minute);
                assert!((low..high).contains(&price), "seed {seed}: {name} at {price} in minute {minute}");
            }
        }
    }
}

#[test]
fn other_seeds_give_other_markets() {
    let btc = symbol("BTCUSDT-PERP");
    let bars = |seed| SimMarket::new(seed, Place::Sim).bars(&btc, day(), day() + Ms::HOUR);
    assert_eq!(bars(7), bars(7));
    assert!(bars(7).iter().zip(bars(8)).all(|(a, b)| a.volume != b.volume));
}

#[test]
fn siblings_trade_the_same_coin_nearby_in_other_volumes() {
    let [first, second, third] = SimMarket::all(7);
    let (from, to) = (day() - Ms(2 * DAY), day());
    let bars = |market: &SimMarket, name: &str| {
        let bars = market.bars(&symbol(name), from, to);
        bars.into_iter().map(|bar| (bar.timestamp, bar)).collect::<std::collections::BTreeMap<_, _>>()
    };
    let reference = bars(&first, "BTCUSDT-PERP");
    assert_eq!(reference.len(), 2_880, "the first venue is flawless");
    for (market, name, share) in [(&second, "BTCUSDC-PERP", 0.45), (&third, "BTCUSDT-PERP", 0.3)] {
        let theirs = bars(market, name);
        assert!((2_400..2_880).contains(&theirs.len()), "{name}: {} minutes", theirs.len());
        let (mut least, mut most, mut volume, mut against) = (f64::INFINITY, f64::NEG_INFINITY, 0.0, 0.0);
        for (at, bar) in &theirs {
            let ours = &reference[at];
            let bps = (bar.close / ours.close - 1.0) * 1e4;
            (least, most) = (least.min(bps), most.max(bps));
            volume += bar.volume;
            against += ours.volume;
        }
        assert!(least > -20.0 && most < 20.0 && most - least > 2.0, "{name}: {least} to {most} bps");
        assert!((volume / against / share - 1.0).abs() < 0.3, "{name}: {}", volume / against);
        let refilled = theirs.values().filter(|bar| bar.origin == Origin::Kline).count();
        assert!((60..800).contains(&refilled), "{name}: {refilled} refilled");
        println!("{name}: {} minutes, {refilled} refilled, {least:.1} to {most:.1} bps", theirs.len());
    }
    let funding = third.funding_history(&symbol("BTCUSDT-PERP"), from, to);
    assert_eq!((funding.len(), funding[0].interval_hours), (48, Some(1.0)));
    assert!(third.liquidations(&symbol("BTCUSDT-PERP"), from, to).is_empty());
    assert!(!second.liquidations(&symbol("BTCUSDC-PERP"), from, to).is_empty());
}

#[test]
fn troubles_are_the_same_however_they_are_asked_for_and_leave_the_first_venue_alone() {
    let (from, to) = (day(), day() + Ms(DAY));
    for market in SimMarket::all(7) {
        let troubles = market.troubles();
        let outages: Vec<Outage> = troubles.outages(from, to).collect();
        let silences: Vec<Silence> = troubles.silences(from, to).collect();
        let lulls: Vec<_> = troubles.lulls(from, to).collect();
        if market.place() == Place::Sim {
            assert!(outages.is_empty() && silences.is_empty() && lulls.is_empty());
            assert_eq!(troubles.latency(from), Ms::ZERO);
            continue;
        }
        assert!(outages.len() >= 40 && silences.len() >= 20 && lulls.len() >= 60, "{:?}", market.place());
        assert!(outages.iter().any(|o| o.refills) && outages.iter().any(|o| !o.refills));
        assert!(outages.windows(2).all(|w| w[0].to < w[1].from));
        for outage in &outages {
            assert!((Ms(6_000)..Ms(38_000)).contains(&(outage.to - outage.from)), "{outage:?}");
            for at in [outage.from, outage.to - Ms(1)] {
                assert_eq!(troubles.outages(at, at + Ms(1)).collect::<Vec<_>>(), [*outage]);
            }
            assert_eq!(troubles.outages(outage.from - Ms(1), outage.from).count(), 0);
            assert_eq!(troubles.outages(outage.to, outage.to + Ms(1)).count(), 0);
        }
        assert!(silences.iter().all(|s| s.noticed() < s.to && s.noticed() > s.from), "{silences:?}");
        for channel in [Channel::Trade, Channel::Book, Channel::Funding, Channel::Oi] {
            assert!(silences.iter().any(|s| s.channel == channel), "{channel}");
        }
        let latencies: Vec<i64> = (0..10_000).map(|n| troubles.latency(from + Ms(n * 70)).0).collect();
        let (least, most) = (latencies.iter().min().unwrap(), latencies.iter().max().unwrap());
        assert!(*least >= 35 && *most < 320 && most > least, "{least} to {most}");
    }
}

#[test]
fn the_future_trades_within_its_sessions() {
    let sim = market();
    let mnq = symbol("CME_MINI:MNQ1!");
    // Friday 20 November 2026: the session closes at 22:00 UTC, the next opens on Sunday at 23:00.
    let close = day() - Ms(2 * 3_600_000);
    let open = day() + Ms(DAY + 23 * 3_600_000);
    let bars = sim.bars(&mnq, close - Ms::HOUR, open + Ms::HOUR);
    let times: Vec<Ms> = bars.iter().map(|bar| bar.timestamp).collect();
    let hour = |from: Ms| (0..60).map(move |n| from + Ms(n * 60_000));
    assert_eq!(times, hour(close - Ms::HOUR).chain(hour(open)).collect::<Vec<_>>());
    assert!(bars.iter().all(|bar| (bar.close * 4.0).fract() == 0.0 && bar.volume.fract() == 0.0));
    // The sum of deltas begins with the UTC day, on Sunday an hour before its end.
    assert_eq!(bars[60].cvd, bars[60].delta());
    assert_eq!(bars[60].cvd_from, Some(day() + Ms(DAY)));
    assert_eq!(bars[59].cvd_from, Some(day() - Ms(DAY)));
    assert!(sim.updates(&mnq, close, open - Ms(1)).is_empty());
    let said = sim.updates(&mnq, open - Ms(1), open + Ms::MINUTE);
    assert!(said.iter().all(|u| matches!(u.what, What::Trade(_) | What::Top(_))) && said.len() > 600);
    assert!(sim.open_interest_history(&mnq, close - Ms::HOUR, close).is_empty());
    assert!(sim.funding_history(&mnq, close - Ms::HOUR, close).is_empty());
    // As built live, over the daily break.
    let friday = day() - Ms(DAY);
    let (from, to) = (friday - Ms(3 * 3_600_000), friday);
    let mut builder = MinuteBuilder::new(Origin::Sim, Calendar::Cme);
    builder.resume(&sim.bars(&mnq, from - Ms::MINUTE, from)[0]);
    builder.covered_from(from);
    let mut out = Vec::new();
    for n in 0..180 {
        let at = from + Ms(n * Ms::MINUTE.0);
        for update in sim.updates(&mnq, at - Ms(1), at + Ms(59_999)) {
            if let What::Trade(update) = update.what {
                builder.trade(&update.trade, &mut out);
            }
        }
        builder.clock(at + Ms(62_000), &mut out);
    }
    out.retain(|bar| bar.closed && bar.timestamp < to);
    assert_eq!(out.len(), 120);
    assert_eq!(out, sim.bars(&mnq, from, to));
}
