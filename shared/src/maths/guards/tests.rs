mod markets;

use super::*;
use crate::event::{Depth, GapCause, PriceKind, Trade};
use crate::market::VenueId;
use crate::maths::joined::Member;

const NOW: Ms = Ms(1_710_496_950_000);

const PERP: [Channel; 6] = Channel::OFFERED;
const SPOT: [Channel; 3] = [Channel::Bar, Channel::Trade, Channel::Book];

fn name(venue: &str, symbol: &str) -> MemberName {
    MemberName { symbol: symbol.parse().unwrap(), venue: VenueId::new(venue) }
}

fn member(venue: &str, symbol: &str, quote: &str, channels: &[Channel]) -> Member {
    Member { name: name(venue, symbol), quote: quote.into(), channels: channels.to_vec() }
}

/// The reference at `a`, its USDC sibling there, and the same symbol at `b`.
fn group() -> Vec<Member> {
    vec![
        member("a", "BTCUSDT-PERP", "USDT", &PERP),
        member("a", "BTCUSDC-PERP", "USDC", &PERP),
        member("b", "BTCUSDT-PERP", "USDT", &PERP),
    ]
}

fn machine_of(group: Vec<Member>) -> Machine {
    Machine::new(Scope::new(group[0].clone(), group), Thresholds::default())
}

fn event(venue: &str, symbol: &str, body: Body) -> Event {
    let MemberName { symbol, venue } = name(venue, symbol);
    Event { received: NOW, symbol, venue, body }
}

/// A book around 100 of a spread and a depth.
fn book(at: Ms, spread_bps: f64, depth: Option<(f64, f64)>) -> Body {
    let mut top = BookTop::from_best(at, (99.9, 1.0), (100.1, 1.0));
    top.spread_bps = spread_bps;
    top.depth_10bps = depth.map(|(bid_usd, ask_usd)| Depth { bid_usd, ask_usd });
    Body::Book(top)
}

fn deep(at: Ms) -> Body {
    book(at, 1.0, Some((1e6, 1e6)))
}

fn mid(at: Ms, mid: f64) -> Body {
    let mut top = BookTop::from_best(at, (mid - 0.5, 1.0), (mid + 0.5, 1.0));
    top.depth_10bps = Some(Depth { bid_usd: 1e6, ask_usd: 1e6 });
    Body::Book(top)
}

fn funding(at: Ms, apr: f64) -> Funding {
    Funding {
        timestamp: at,
        kind: FundingKind::Predicted,
        funding_rate: 0.000_1,
        next_funding_time: None,
        interval_hours: Some(8.0),
        funding_apr: Some(apr),
        mark_price: Some(101.0),
        index_price: Some(100.0),
    }
}

fn oi(at: Ms, value: Option<f64>) -> Body {
    Body::Oi(OpenInterest { timestamp: at, open_interest: 10.0, open_interest_value: value })
}

fn hit(at: Ms, n: u32) -> Liquidation {
    Liquidation {
        timestamp: at,
        side: LiquidationSide::Long,
        quantity: f64::from(n + 1),
        price: 100.0,
        value: 100.0 * f64::from(n + 1),
        price_kind: PriceKind::Average,
        at_least: false,
    }
}

fn guard(guards: &Guards, name: GuardName) -> &Guard {
    let guard = &guards.guards[name.index()];
    assert_eq!(guard.name, name);
    guard
}

/// A machine with everything there is, told at `at`.
fn full(at: Ms) -> Machine {
    let mut machine = machine_of(group());
    for (venue, symbol, body) in [
        ("a", "BTCUSDT-PERP", deep(at)),
        ("a", "BTCUSDC-PERP", deep(at)),
        ("a", "BTCUSDT-PERP", Body::Funding(funding(at, 10.95))),
        ("a", "BTCUSDT-PERP", oi(at, Some(1_000.0))),
        ("a", "BTCUSDC-PERP", oi(at, Some(200.0))),
        ("b", "BTCUSDT-PERP", oi(at, Some(30.0))),
        ("b", "BTCUSDT-PERP", Body::Liquidation(hit(at, 0))),
    ] {
        assert!(machine.take(&event(venue, symbol, body), at), "{venue} {symbol}");
    }
    machine
}

#[test]
fn all_is_well() {
    let guards = full(NOW).at(NOW);
    assert_eq!(guards.status, GuardState::Passing, "{guards:#?}");
    assert!(guards.guards.iter().all(|g| g.state == GuardState::Passing && g.age_ms == Some(0)));
    assert_eq!(guards.guards.iter().map(|g| g.name).collect::<Vec<_>>(), GuardName::ALL);
    assert_eq!(guards.reference, name("a", "BTCUSDT-PERP"));
    assert_eq!(
        (guards.spread_bps, guards.depth_10bps, guards.funding_apr),
        (Some(1.0), Some(Depth { bid_usd: 1e6, ask_usd: 1e6 }), Some(10.95))
    );
    assert_eq!((guards.basis_bps, guards.premium_bps), (Some(0.0), Some(100.0)));
    assert_eq!((guards.oi_notional, guards.liq_events_5m), (Some(1_230.0), Some(1)));
    let inputs: Vec<(&str, &str, Option<f64>)> = guards
        .guards
        .iter()
        .flat_map(|g| &g.inputs)
        .map(|i| (&*i.name, i.market.venue.as_str(), i.value))
        .collect();
    let expected = [
        ("bid_px", "a", Some(99.9)),
        ("ask_px", "a", Some(100.1)),
        ("bid_usd", "a", Some(1e6)),
        ("ask_usd", "a", Some(1e6)),
        ("funding_rate", "a", Some(0.000_1)),
        ("interval_hours", "a", Some(8.0)),
        // In member order: the asked symbol first.
        ("liquidations", "a", Some(0.0)),
        ("liquidations", "b", Some(1.0)),
        ("liquidations", "a", Some(0.0)),
        ("mid", "a", Some(100.0)),
        ("mid", "a", Some(100.0)),
        ("mark_price", "a", Some(101.0)),
        ("index_price", "a", Some(100.0)),
        ("open_interest_value", "a", Some(1_000.0)),
        ("open_interest_value", "b", Some(30.0)),
        ("open_interest_value", "a", Some(200.0)),
    ];
    assert_eq!(inputs, expected);
}

#[test]
fn before_anything_comes_all_is_unknown_but_the_count() {
    let guards = machine_of(group()).at(NOW);
    for guard in &guards.guards {
        let count = guard.name == GuardName::LiqEvents5m;
        let expected = if count { GuardState::Passing } else { GuardState::Warning };
        assert_eq!((guard.state, guard.value), (expected, count.then_some(0.0)), "{guard:?}");
        assert!(guard.reason.ends_with('.') && (count || guard.age_ms.is_none()), "{guard:?}");
    }
    assert_eq!((guards.status, guards.liq_events_5m), (GuardState::Warning, Some(0)));
    assert_eq!(guards.spread_bps.or(guards.funding_apr).or(guards.oi_notional), None);
}

/// One step of a double away from zero.
fn over(x: f64) -> f64 {
    f64::from_bits(x.to_bits() + 1)
}

fn under(x: f64) -> f64 {
    f64::from_bits(x.to_bits() - 1)
}

#[test]
fn thresholds_are_passed_only_beyond_them() {
    use GuardState::{Breach, Passing, Warning};
    let at = |body: Body, guard_name: GuardName| {
        let mut machine = full(NOW);
        machine.take(&event("a", "BTCUSDT-PERP", body), NOW);
        let guards = machine.at(NOW);
        assert_eq!(guards.status, guard(&guards, guard_name).state);
        guard(&guards, guard_name).clone()
    };
    for (value, state) in
        [(10.0, Passing), (over(10.0), Warning), (25.0, Warning), (over(25.0), Breach), (0.0, Passing)]
    {
        let found = at(book(NOW, value, Some((1e6, 1e6))), GuardName::SpreadBps);
        assert_eq!((found.value, found.state), (Some(value), state));
    }
    for (bid, ask, thinner, state) in [
        (50_000.0, 1e6, 50_000.0, Passing),
        (1e6, 50_000.0, 50_000.0, Passing),
        (under(50_000.0), 1e6, under(50_000.0), Warning),
        (1e6, 10_000.0, 10_000.0, Warning),
        (1e6, under(10_000.0), under(10_000.0), Breach),
        (0.0, 0.0, 0.0, Breach),
    ] {
        let found = at(book(NOW, 1.0, Some((bid, ask))), GuardName::Depth10Bps);
        assert_eq!((found.value, found.state), (Some(thinner), state), "{bid} {ask}");
    }
    for (apr, state) in
        [(300.0, Passing), (over(300.0), Warning), (1_000.0, Warning), (over(1_000.0), Breach)]
    {
        for sign in [1.0, -1.0] {
            let found = at(Body::Funding(funding(NOW, sign * apr)), GuardName::FundingApr);
            assert_eq!((found.value, found.state), (Some(sign * apr), state));
        }
    }
    for (count, state) in [(10, Passing), (11, Warning), (30, Warning), (31, Breach)] {
        // One is there already.
        let mut machine = full(NOW);
        for n in 1..count {
            machine.take(&event("a", "BTCUSDT-PERP", Body::Liquidation(hit(NOW, n))), NOW);
        }
        let guards = machine.at(NOW);
        assert_eq!((guards.liq_events_5m, guards.status), (Some(u64::from(count)), state));
    }
}

#[test]
fn reasons_name_the_threshold_that_was_passed() {
    let reason = |spread| {
        let mut machine = full(NOW);
        machine.take(&event("a", "BTCUSDT-PERP", book(NOW, spread, Some((9_000.0, 1e6)))), NOW);
        let guards = machine.at(NOW);
        [GuardName::SpreadBps, GuardName::Depth10Bps, GuardName::BasisBps]
            .map(|name| guard(&guards, name).reason.clone())
    };
    assert_eq!(
        reason(12.0),
        [
            "Above the warning threshold of 10 bps.",
            "Below the breach threshold of 10000 USD.",
            "No thresholds are set for it."
        ]
    );
    assert_eq!(reason(26.0)[0], "Above the breach threshold of 25 bps.");
    assert_eq!(reason(2.0)[0], "Within its thresholds.");
}

#[test]
fn ages_count_to_the_millisecond() {
    use GuardName::{BasisBps, Depth10Bps, FundingApr, OiNotional, PremiumBps, SpreadBps};
    for (limit, names) in [
        (BOOK_AGE, vec![SpreadBps, Depth10Bps, BasisBps]),
        (FUNDING_AGE, vec![FundingApr, PremiumBps]),
        (OI_AGE, vec![OiNotional]),
    ] {
        let mut machine = full(NOW);
        let within = machine.at(NOW + limit);
        let beyond = machine.at(NOW + limit + Ms(1));
        for name in names {
            let fresh = guard(&within, name);
            assert!(fresh.value.is_some() && fresh.state == GuardState::Passing, "{fresh:?}");
            assert_eq!((fresh.age_ms, fresh.since), (Some(limit.0), NOW + limit));
            let stale = guard(&beyond, name);
            assert_eq!((stale.value, stale.state), (None, GuardState::Warning), "{stale:?}");
            assert_eq!((stale.age_ms, stale.since), (Some(limit.0 + 1), NOW + limit + Ms(1)));
            assert!(stale.reason.contains("older than"), "{stale:?}");
        }
    }
    assert_eq!((BOOK_AGE, FUNDING_AGE, OI_AGE), (Ms(5_000), Ms(120_000), Ms(600_000)));
    let gone = full(NOW).at(NOW + BOOK_AGE + Ms(1));
    assert_eq!((gone.spread_bps, gone.depth_10bps, gone.basis_bps), (None, None, None));
    assert_eq!(gone.status, GuardState::Warning);
}

#[test]
fn a_book_without_depth_or_with_crossed_prices_is_not_judged() {
    let with = |body: Body| {
        let mut machine = full(NOW);
        machine.take(&event("a", "BTCUSDT-PERP", body), NOW);
        machine.at(NOW)
    };
    let best = with(book(NOW, 1.0, None));
    let depth = guard(&best, GuardName::Depth10Bps);
    assert_eq!((depth.value, depth.state, depth.age_ms), (None, GuardState::Warning, Some(0)));
    assert_eq!((best.spread_bps, best.depth_10bps), (Some(1.0), None));
    for (bid, ask, word) in [
        (100.2, 100.1, "crossed"),
        (0.0, 100.1, "usable"),
        (f64::NAN, 100.1, "usable"),
        (99.0, f64::INFINITY, "usable"),
    ] {
        let guards = with(Body::Book(BookTop::from_best(NOW, (bid, 1.0), (ask, 1.0))));
        for name in [GuardName::SpreadBps, GuardName::Depth10Bps, GuardName::BasisBps] {
            let found = guard(&guards, name);
            assert_eq!((found.value, found.state), (None, GuardState::Warning), "{found:?}");
            assert!(found.reason.contains(word), "{found:?}");
        }
    }
    let locked = with(Body::Book(BookTop::from_best(NOW, (100.0, 1.0), (100.0, 1.0))));
    assert_eq!(locked.spread_bps, Some(0.0), "bid and ask at one price cross nothing");
    let odd = with(book(NOW, 1.0, Some((1e6, f64::NAN))));
    assert_eq!((odd.depth_10bps, guard(&odd, GuardName::Depth10Bps).state), (None, GuardState::Warning));
}
