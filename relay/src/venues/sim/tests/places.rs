//! What the venues beside the first one and the future do.

use super::*;

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
