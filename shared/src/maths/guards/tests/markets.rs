//! What is counted of which market, and for how long.

use super::*;

#[test]
fn spot_has_no_funding_open_interest_and_liquidations() {
    let spot = vec![member("a", "BTC/USDT", "USDT", &SPOT), member("a", "BTC/USDC", "USDC", &SPOT)];
    let mut machine = machine_of(spot);
    assert!(machine.take(&event("a", "BTC/USDT", mid(NOW, 101.0)), NOW));
    assert!(machine.take(&event("a", "BTC/USDC", mid(NOW, 100.0)), NOW));
    assert!(!machine.take(&event("a", "BTC/USDT", Body::Funding(funding(NOW, 1.0))), NOW));
    let guards = machine.at(NOW);
    for name in [GuardName::FundingApr, GuardName::LiqEvents5m, GuardName::PremiumBps, GuardName::OiNotional]
    {
        let none = guard(&guards, name);
        assert_eq!((none.state, none.value, none.age_ms), (GuardState::NotApplicable, None, None));
    }
    assert_eq!(guards.liq_events_5m, None);
    assert_eq!((guards.basis_bps, guards.status), (Some(100.0), GuardState::Breach), "a spread of 99 bps");
    let index = vec![member("a", "SPX", "USD", &[Channel::Bar])];
    let guards = machine_of(index).at(NOW);
    assert!(guards.guards.iter().all(|g| g.state == GuardState::NotApplicable), "{guards:?}");
    assert_eq!(guards.status, GuardState::Passing, "nothing counts");
}

#[test]
fn the_pair_of_the_basis_is_at_one_venue_where_there_is_one() {
    let usdt = |venue| member(venue, "BTCUSDT-PERP", "USDT", &PERP);
    let usdc = |venue| member(venue, "BTCUSDC-PERP", "USDC", &PERP);
    let pair = |reference: Member, group: Vec<Member>| {
        let scope = Scope::new(reference, group);
        scope.pair.map(|(a, b)| format!("{} {}, {} {}", a.venue, a.symbol, b.venue, b.symbol))
    };
    let of = |a: &str, b: &str| Some(format!("{a} BTCUSDT-PERP, {b} BTCUSDC-PERP"));
    assert_eq!(pair(usdt("a"), vec![usdt("a"), usdt("b"), usdc("b")]), of("b", "b"));
    assert_eq!(pair(usdt("a"), vec![usdt("a"), usdc("a"), usdt("b"), usdc("b")]), of("a", "a"));
    assert_eq!(pair(usdt("b"), vec![usdt("a"), usdc("a"), usdt("b"), usdc("b")]), of("b", "b"));
    assert_eq!(pair(usdc("b"), vec![usdt("a"), usdc("b")]), of("a", "b"), "apart rather than none");
    assert_eq!(pair(usdt("a"), vec![usdt("a"), usdt("b")]), None);
    let bookless = member("a", "BTCUSDC-PERP", "USDC", &[Channel::Bar]);
    assert_eq!(pair(usdt("a"), vec![usdt("a"), bookless.clone()]), None);
    let mut machine = machine_of(vec![usdt("a"), bookless]);
    let guards = machine.at(NOW);
    assert_eq!(guard(&guards, GuardName::BasisBps).state, GuardState::NotApplicable);

    // One of the two is too old: the age is the older one's.
    let mut machine = full(NOW);
    machine.take(&event("a", "BTCUSDT-PERP", mid(NOW + Ms(4_000), 101.0)), NOW + Ms(4_000));
    let guards = machine.at(NOW + Ms(5_000));
    assert_eq!((guards.basis_bps, guard(&guards, GuardName::BasisBps).age_ms), (Some(100.0), Some(5_000)));
    assert_eq!(machine.at(NOW + Ms(5_001)).basis_bps, None);
}

#[test]
fn funding_that_does_not_say_enough_is_not_known() {
    let with = |change: fn(&mut Funding)| {
        let mut machine = full(NOW - Ms(1));
        let mut funding = funding(NOW, 10.0);
        change(&mut funding);
        machine.take(&event("a", "BTCUSDT-PERP", Body::Funding(funding)), NOW);
        machine.at(NOW)
    };
    let hours = with(|f| *f = f.with_interval(None));
    assert_eq!(guard(&hours, GuardName::FundingApr).state, GuardState::Warning);
    assert_eq!(
        guard(&with(|f| f.index_price = None), GuardName::PremiumBps).state,
        GuardState::NotApplicable
    );
    assert_eq!(guard(&with(|f| f.index_price = Some(0.0)), GuardName::PremiumBps).state, GuardState::Warning);
    assert_eq!(guard(&with(|f| f.mark_price = Some(f64::NAN)), GuardName::PremiumBps).value, None);
    let paid = with(|f| (f.kind, f.funding_apr) = (FundingKind::Settled, Some(5_000.0)));
    assert_eq!(paid.funding_apr, Some(10.95), "what was paid is no forecast");
    assert_eq!(with(|f| f.timestamp = NOW - Ms(2)).funding_apr, Some(10.95), "an older one comes late");
}

#[test]
fn open_interest_without_a_part_is_at_least_the_rest() {
    let mut machine = full(NOW);
    let later = NOW + OI_AGE + Ms(1);
    machine.take(&event("a", "BTCUSDT-PERP", oi(later, Some(1_500.0))), later);
    machine.take(&event("b", "BTCUSDT-PERP", oi(later, None)), later);
    let guards = machine.at(later);
    let found = guard(&guards, GuardName::OiNotional);
    assert_eq!((found.value, found.at_least, found.state), (Some(1_500.0), true, GuardState::Passing));
    assert_eq!(found.reason, "No thresholds are set for it. At least: 2 of 3 markets are not in the sum.");
    let mut coins = machine_of(group());
    coins.take(&event("b", "BTCUSDT-PERP", oi(NOW, None)), NOW);
    let guards = coins.at(NOW);
    let found = guard(&guards, GuardName::OiNotional);
    assert_eq!((found.value, found.state, found.age_ms), (None, GuardState::Warning, Some(0)));
    assert!(!found.at_least && found.reason.contains("coins"), "{found:?}");
}

#[test]
fn liquidations_are_counted_once_and_for_five_minutes() {
    let mut machine = machine_of(group());
    let mut take =
        |venue, at, n, now| machine.take(&event(venue, "BTCUSDT-PERP", Body::Liquidation(hit(at, n))), now);
    assert!(take("a", NOW, 0, NOW));
    assert!(!take("a", NOW, 0, NOW), "told twice");
    assert!(take("b", NOW, 0, NOW) && take("a", NOW, 1, NOW), "elsewhere, and another size");
    assert!(!take("a", NOW - WINDOW, 0, NOW), "the window does not hold its start");
    assert!(take("a", NOW - WINDOW + Ms(1), 0, NOW));
    assert!(take("a", NOW + Ms(900), 0, NOW), "a clock that is ahead");
    assert_eq!(machine.at(NOW).liq_events_5m, Some(5));
    assert_eq!(machine.next_change(NOW), Some(NOW + Ms(1)));
    assert_eq!(machine.at(NOW + Ms(1)).liq_events_5m, Some(4));
    assert_eq!(machine.at(NOW + WINDOW - Ms(1)).liq_events_5m, Some(4));
    assert_eq!(machine.at(NOW + WINDOW).liq_events_5m, Some(0));
}

#[test]
fn a_count_over_an_unseen_stretch_is_a_lower_bound() {
    let gap = |from: Ms, to: Option<Ms>, state| {
        let (timestamp, channel, cause) = (from, Channel::Liquidation, GapCause::Disconnect);
        event("b", "BTCUSDT-PERP", Body::Gap(Gap { timestamp, channel, from, to, cause, state }))
    };
    let mut machine = full(NOW);
    let at_least = |machine: &mut Machine, now| {
        let guards = machine.at(now);
        let found = guard(&guards, GuardName::LiqEvents5m);
        assert_eq!(found.state, GuardState::Passing);
        found.at_least
    };
    assert!(!machine.take(&gap(NOW - Ms(900_000), Some(NOW - WINDOW), GapState::Lost), NOW), "too old");
    assert!(!at_least(&mut machine, NOW));
    assert!(machine.take(&gap(NOW - Ms(5_000), None, GapState::Open), NOW));
    assert!(at_least(&mut machine, NOW) && at_least(&mut machine, NOW + Ms(9 * 60_000)));
    let to = NOW + Ms(1_000);
    assert!(machine.take(&gap(NOW - Ms(5_000), Some(to), GapState::Lost), to));
    assert!(at_least(&mut machine, to + WINDOW - Ms(1)));
    assert!(!at_least(&mut machine, to + WINDOW));
    machine.take(&gap(NOW - Ms(5_000), Some(to), GapState::Lost), to);
    assert!(machine.take(&gap(NOW - Ms(5_000), Some(to), GapState::Refilled), to));
    assert!(!at_least(&mut machine, to));
    let some = Liquidation { at_least: true, ..hit(to, 3) };
    machine.take(&event("a", "BTCUSDT-PERP", Body::Liquidation(some)), to);
    assert!(at_least(&mut machine, to));
}

#[test]
fn since_is_when_the_state_began() {
    let mut machine = full(NOW);
    let wide = |at, bps| event("a", "BTCUSDT-PERP", book(at, bps, Some((1e6, 1e6))));
    assert_eq!(machine.at(NOW).since, NOW);
    for (n, bps, since, state) in [
        (1, 2.0, 0, GuardState::Passing),
        (2, 12.0, 2, GuardState::Warning),
        (3, 14.0, 2, GuardState::Warning),
        (4, 40.0, 4, GuardState::Breach),
        (5, 2.0, 5, GuardState::Passing),
    ] {
        let at = NOW + Ms(n);
        assert!(machine.take(&wide(at, bps), at));
        let guards = machine.at(at);
        let found = guard(&guards, GuardName::SpreadBps);
        assert_eq!((found.state, found.since), (state, NOW + Ms(since)));
        assert_eq!((guards.status, guards.since), (state, NOW + Ms(since)));
        assert_eq!(guard(&guards, GuardName::FundingApr).since, NOW);
    }
}

#[test]
fn time_alone_changes_at_the_told_instants() {
    let (mut machine, mut now) = (full(NOW), NOW);
    let mut seen = Vec::new();
    while let Some(next) = machine.next_change(now) {
        let told = |guards: &Guards| {
            let states = guards.guards.iter().map(|g| (g.state, g.value)).collect::<Vec<_>>();
            (guards.status, states)
        };
        let (before, after) = (told(&machine.at(next - Ms(1))), told(&machine.at(next)));
        assert_ne!(before, after, "{next:?}");
        seen.push((next - NOW).0);
        now = next;
    }
    assert_eq!(seen, [5_001, 120_001, 300_000, 600_001]);
}

#[test]
fn other_events_and_markets_change_nothing() {
    let mut machine = full(NOW);
    let trade =
        Trade { timestamp: NOW, price: 1.0, quantity: 1.0, side: crate::event::Side::Buy, id: "1".into() };
    for (venue, symbol, body) in [
        ("a", "BTCUSDT-PERP", Body::Trade(trade)),
        ("b", "BTCUSDT-PERP", deep(NOW)),
        ("b", "BTCUSDT-PERP", Body::Funding(funding(NOW, 1.0))),
        ("c", "BTCUSDT-PERP", oi(NOW, Some(1.0))),
        ("c", "BTCUSDT-PERP", Body::Liquidation(hit(NOW, 1))),
        ("a", "BTCUSDT-PERP", deep(NOW - Ms(1))),
    ] {
        assert!(!machine.take(&event(venue, symbol, body), NOW), "{venue} {symbol}");
    }
}

#[test]
fn a_new_scope_keeps_what_stays() {
    let mut machine = full(NOW);
    let before = machine.at(NOW);
    let mut group = group();
    group.push(member("c", "BTCUSDT-PERP", "USDT", &PERP));
    machine.look_at(Scope::new(group[0].clone(), group.clone()));
    let guards = machine.at(NOW + Ms(1));
    assert_eq!((guards.spread_bps, guards.funding_apr), (before.spread_bps, before.funding_apr));
    assert_eq!((guards.oi_notional, guards.liq_events_5m, guards.since), (Some(1_230.0), Some(1), NOW));
    assert!(guard(&guards, GuardName::OiNotional).at_least);
    // The default venue is another one now.
    group.remove(0);
    machine.look_at(Scope::new(group[1].clone(), group));
    let guards = machine.at(NOW + Ms(2));
    assert_eq!(guards.reference, name("b", "BTCUSDT-PERP"));
    assert_eq!((guards.spread_bps, guards.funding_apr, guards.oi_notional), (None, None, Some(230.0)));
}

#[test]
fn thresholds_are_numbers_in_order() {
    let limits = |name, warning, breach| Limits::new(name, warning, breach).is_some();
    for name in GuardName::ALL {
        let less = less_is_worse(name);
        assert_eq!(limits(name, 1.0, 2.0), !less, "{name}");
        assert_eq!(limits(name, 2.0, 1.0), less, "{name}");
        assert!(limits(name, 2.0, 2.0));
        for odd in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(!limits(name, odd, 2.0) && !limits(name, 2.0, odd), "{name} {odd}");
        }
        assert_eq!(Limits::NONE.judge(name, 1e300), GuardState::Passing);
        assert!(!unit(name).is_empty());
    }
    let mut own = Thresholds::default();
    own.set(GuardName::OiNotional, Limits::new(GuardName::OiNotional, 1_000.0, 2_000.0).unwrap());
    let mut machine = full(NOW);
    machine.thresholds = own;
    let guards = machine.at(NOW);
    assert_eq!(guard(&guards, GuardName::OiNotional).state, GuardState::Warning);
    assert_eq!(
        (guards.status, Thresholds::default().of(GuardName::OiNotional)),
        (GuardState::Warning, Limits::NONE)
    );
}
