mod bars;
mod places;

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
