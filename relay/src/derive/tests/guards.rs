//! Guards in recorded time: the relay's clock goes on only when told.

use shared::event::{
    BookTop, Depth, Funding, FundingKind, GuardName, GuardState, Guards, Liquidation, LiquidationSide,
    OpenInterest, PriceKind, Stamped,
};

use super::*;

const WAIT: Duration = Duration::from_secs(20);

struct Guarded {
    bus: Arc<dyn Bus>,
    hub: Arc<Hub>,
    clock: Clock,
    directory: Arc<Directory>,
    asker: Asker,
    told: mpsc::UnboundedReceiver<Arc<Stamped>>,
}

fn of(member: usize, body: Body) -> Event {
    Event { body, ..event(member, Bar::flat(NOW, Timeframe::M1, 1.0, Origin::Trades)) }
}

fn book(at: Ms, bid: f64, ask: f64) -> Body {
    let mut top = BookTop::from_best(at, (bid, 1.0), (ask, 1.0));
    top.depth_10bps = Some(Depth { bid_usd: 1e6, ask_usd: 2e6 });
    Body::Book(top)
}

fn hit(at: Ms) -> Body {
    Body::Liquidation(Liquidation {
        timestamp: at,
        side: LiquidationSide::Short,
        quantity: 1.0,
        price: 100.0,
        value: 100.0,
        price_kind: PriceKind::Average,
        at_least: false,
    })
}

fn oi(at: Ms, value: f64) -> Body {
    Body::Oi(OpenInterest { timestamp: at, open_interest: 1.0, open_interest_value: Some(value) })
}

fn rate(at: Ms) -> Body {
    let funding = Funding {
        timestamp: at,
        kind: FundingKind::Predicted,
        funding_rate: 0.000_1,
        next_funding_time: None,
        interval_hours: None,
        funding_apr: None,
        mark_price: Some(100.0),
        index_price: Some(100.0),
    };
    Body::Funding(funding.with_interval(Some(8.0)))
}

impl Guarded {
    /// A relay that has just begun: the store knows the minutes before, the hub nothing.
    async fn start(linger: Duration) -> Guarded {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::temporary().unwrap());
        let before = |ms: i64| NOW - Ms(ms);
        let stored = [
            of(0, hit(before(299_999))),
            of(2, hit(before(10_000))),
            of(2, hit(before(300_000))),
            of(0, rate(before(30_000))),
            of(0, oi(before(60_000), 700.0)),
            of(0, oi(before(120_000), 1.0)),
            of(2, oi(before(60_000), 50.0)),
            of(1, oi(before(600_001), 9e9)),
        ];
        store.write(stored.into_iter().map(Record::Event).collect()).await.unwrap();
        let directory = Arc::new(Directory::new(["a", "b", "c"].map(VenueId::new)));
        list(&directory, 3);
        let (bus, hub): (Arc<dyn Bus>, _) = (Arc::new(MemoryBus::new(1)), Arc::new(Hub::new()));
        let nothing = |_: &VenueId, _: &Symbol| None::<Bar>;
        let history = History::new(store.clone(), Arc::new(Stored), Arc::new(nothing), || NOW);
        let history = Arc::new(history);
        let higher = HigherBars::new(bus.clone(), hub.clone(), directory.clone(), history.clone());
        let joined = JoinedBars::new(bus.clone(), hub.clone(), directory.clone(), history.clone());
        let heat = HeatMaps::new(bus.clone(), hub.clone(), directory.clone(), history.clone());
        let signals = Signals::new(bus.clone(), hub.clone(), directory.clone(), history);
        let (clock, config) = (Clock::recorded(), GuardsConfig::default());
        clock.advance(NOW);
        let mut guards =
            GuardsMaker::new(bus.clone(), hub.clone(), directory.clone(), store, clock.clone(), config);
        guards.linger = linger;
        let (demand, wanted) = mpsc::unbounded_channel();
        let asker = Asker::new(hub.clone(), demand);
        tokio::spawn(hub.clone().run(bus.consume()));
        let told = bus.consume();
        tokio::spawn(run(bus.clone(), Makers { higher, joined, guards, heat, signals }, wanted));
        Guarded { bus, hub, clock, directory, asker, told }
    }

    async fn want(&self, topic: &Topic) -> Guards {
        self.asker.wanted(std::slice::from_ref(topic)).await;
        let last = self.hub.last(topic).pop().expect("wanted topics have values");
        guards(&last).expect("guards")
    }

    /// The next guards that are as wished; how many came until then.
    async fn next(&mut self, what: &str, wish: impl Fn(&Guards) -> bool) -> (Guards, usize) {
        let found = async {
            let mut count = 0;
            while let Some(stamped) = self.told.recv().await {
                let Some(guards) = guards(&stamped) else { continue };
                count += 1;
                if wish(&guards) {
                    return Some((guards, count));
                }
            }
            None
        };
        tokio::time::timeout(WAIT, found).await.ok().flatten().unwrap_or_else(|| panic!("no guards: {what}"))
    }
}

fn list(directory: &Directory, members: usize) {
    for venue in ["a", "b", "c"] {
        let own = MEMBERS[..members].iter().filter(|m| m.0 == venue);
        directory.set(&VenueId::new(venue), own.map(|m| instrument(*m, Kind::Perp)).collect());
    }
}

fn guards(stamped: &Stamped) -> Option<Guards> {
    if let Body::Guards(guards) = &stamped.event.body { Some((**guards).clone()) } else { None }
}

fn topic(venue: &str) -> Topic {
    let (symbol, venue) = ("BTCUSDT-PERP".parse().unwrap(), VenueId::new(venue));
    Topic { symbol, venue, channel: Channel::Guards, interval: None }
}

#[tokio::test]
async fn a_fresh_relay_knows_what_is_recorded() {
    let rig = Guarded::start(WAIT).await;
    let guards = rig.want(&topic("all")).await;
    assert_eq!((guards.timestamp, guards.liq_events_5m), (NOW, Some(2)));
    assert_eq!((guards.oi_notional, guards.premium_bps), (Some(750.0), Some(0.0)));
    assert_eq!(guards.funding_apr, Some(Funding::apr(0.000_1, 8.0)));
    assert_eq!((guards.spread_bps, guards.status), (None, GuardState::Warning));
    let there = rig.want(&topic("b")).await;
    assert_eq!((there.reference.venue.as_str(), there.funding_apr), ("b", None));
    assert_eq!((there.liq_events_5m, there.oi_notional), (Some(2), Some(750.0)));
}

#[tokio::test]
async fn what_the_hub_has_counts_from_the_start() {
    let rig = Guarded::start(WAIT).await;
    let place = rig.bus.publish(of(0, book(NOW, 99.9, 100.1))).cursor;
    rig.hub.reached(place).await;
    assert_eq!(rig.want(&topic("all")).await.depth_10bps, Some(Depth { bid_usd: 1e6, ask_usd: 2e6 }));
}

#[tokio::test]
async fn changes_are_told_at_once_and_ageing_within_a_second() {
    let mut rig = Guarded::start(WAIT).await;
    assert_eq!(rig.want(&topic("all")).await.status, GuardState::Warning);
    rig.bus.publish(of(0, book(NOW, 99.99, 100.01)));
    rig.bus.publish(of(1, book(NOW, 99.99, 100.01)));
    let (passing, _) = rig.next("all is known", |g| g.status == GuardState::Passing).await;
    assert_eq!((passing.timestamp, passing.basis_bps), (NOW, Some(0.0)));

    rig.bus.publish(of(2, hit(NOW)));
    rig.bus.publish(of(2, hit(NOW)));
    let (more, _) = rig.next("a liquidation", |g| g.liq_events_5m != Some(2)).await;
    assert_eq!(more.liq_events_5m, Some(3), "told twice, counted once");

    // Nothing comes any more: the last millisecond of the limit, then the first beyond.
    rig.clock.advance(NOW + Ms(5_000));
    let (last, _) = rig.next("the last of the book", |g| g.timestamp == NOW + Ms(5_000)).await;
    assert_eq!(last.status, GuardState::Passing);
    rig.clock.advance(NOW + Ms(5_001));
    let (stale, _) = rig.next("the book is too old", |g| g.status == GuardState::Warning).await;
    assert_eq!((stale.timestamp, stale.since, stale.spread_bps), (NOW + Ms(5_001), NOW + Ms(5_001), None));
    let spread = &stale.guards[GuardName::SpreadBps.index()];
    assert_eq!((spread.state, spread.age_ms), (GuardState::Warning, Some(5_001)));
    assert_eq!(stale.liq_events_5m, Some(2), "the oldest has left the window");

    // Nothing changes, and it is told that it does not.
    rig.clock.advance(NOW + Ms(6_000));
    let (again, _) = rig.next("a second later", |g| g.timestamp == NOW + Ms(6_000)).await;
    assert_eq!((again.since, again.status), (NOW + Ms(5_001), GuardState::Warning));
}

#[tokio::test]
async fn a_flood_of_changes_is_told_ten_times_a_second() {
    let mut rig = Guarded::start(WAIT).await;
    rig.want(&topic("all")).await;
    let begun = std::time::Instant::now();
    for n in 1..=400_i32 {
        rig.bus.publish(of(0, book(NOW, 99.0, 100.0 + f64::from(n))));
        if n % 40 == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let (last, count) =
        rig.next("the last", |g| g.spread_bps.is_some_and(|x| x > 13_300.0 && x < 13_400.0)).await;
    assert_eq!(last.spread_bps, Some((500.0 - 99.0) / ((99.0 + 500.0) / 2.0) * 10_000.0));
    let most = begun.elapsed().as_millis() / 100 + 2;
    assert!(count >= 5 && count as u128 <= most, "{count} of at most {most}");
}

#[tokio::test]
async fn members_that_come_later_join_with_what_is_recorded() {
    let mut rig = Guarded::start(WAIT).await;
    list(&rig.directory, 2);
    assert_eq!(rig.want(&topic("all")).await.liq_events_5m, Some(1));
    list(&rig.directory, 3);
    let (joined, _) = rig.next("b is listed", |g| g.liq_events_5m == Some(2)).await;
    assert_eq!(joined.oi_notional, Some(750.0));
}

#[tokio::test]
async fn guards_end_with_their_last_listener() {
    let rig = Guarded::start(Duration::from_millis(200)).await;
    rig.want(&topic("all")).await;
    let client = rig.hub.connect();
    rig.hub.subscribe(&client, &[topic("all")], [], None).unwrap();
    // Longer than it lingers and is reviewed.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(!rig.hub.last(&topic("all")).is_empty(), "somebody listens");
    rig.hub.disconnect(&client);
    for _ in 0..2_000 {
        if rig.hub.last(&topic("all")).is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(rig.hub.last(&topic("all")).is_empty());
    assert_eq!(rig.want(&topic("all")).await.liq_events_5m, Some(2), "and begin anew");
}

#[tokio::test]
async fn guards_of_a_market_that_is_opened_anew_are_there() {
    let rig = Guarded::start(WAIT).await;
    let there = topic("b");
    rig.want(&there).await;
    rig.hub.forget(&there.venue, &there.symbol);
    assert_eq!(rig.want(&there).await.reference.venue.as_str(), "b");
}
