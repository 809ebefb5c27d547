use std::sync::atomic::{AtomicI64, Ordering};

use shared::event::{Body, Channel, Cursor, Event, OpenInterest, Stamped};
use shared::market::{Calendar, Group, Instrument, Kind};
use tokio::sync::mpsc::UnboundedReceiver;

use super::*;

const GRACE: Ms = Ms(60_000);

/// `one:AAA` is AAAUSDT-PERP at venue one.
fn key(text: &str) -> MarketKey {
    let (venue, base) = text.split_once(':').unwrap();
    (VenueId::new(venue), format!("{base}USDT-PERP").parse().unwrap())
}

fn keys(texts: &str) -> BTreeSet<MarketKey> {
    texts.split_whitespace().map(key).collect()
}

/// Steps in the order they were told: `+one:AAA -one:BBB`.
fn told(steps: Vec<Step>) -> String {
    let name =
        |(venue, symbol): &MarketKey| format!("{venue}:{}", symbol.as_str().trim_end_matches("USDT-PERP"));
    let step = |step: &Step| match step {
        Step::Open(key) => format!("+{}", name(key)),
        Step::Close(key) => format!("-{}", name(key)),
    };
    steps.iter().map(step).collect::<Vec<_>>().join(" ")
}

enum Do {
    /// From now on a client wants these.
    Hold(u64, &'static str),
    Poll(&'static str),
    Tick,
}
use Do::{Hold, Poll, Tick};

/// Plays a table of (second, what happens, what is told) against at most two markets a venue.
fn play(table: &[(i64, Do, &str)]) {
    let mut wants = Wants::new(GRACE, 2);
    for (line, (second, what, expected)) in table.iter().enumerate() {
        let now = Ms::seconds(*second);
        let answer = match what {
            Hold(client, markets) => wants.hold(*client, keys(markets), now),
            Poll(markets) => wants.poll(&keys(markets), now),
            Tick => Ok(wants.tick(now)),
        };
        let answer = answer.map_or_else(|TooMany { venue, .. }| format!("full {venue}"), told);
        assert_eq!(answer, *expected, "line {line}, second {second}");
    }
}

#[test]
fn the_first_want_opens_and_the_last_closes_after_the_grace_period() {
    play(&[
        (0, Hold(1, "one:AAA"), "+one:AAA"),
        (1, Hold(1, "one:AAA"), ""),
        (2, Hold(2, "one:AAA two:AAA"), "+two:AAA"),
        (3, Hold(1, ""), ""),
        (100, Tick, ""),
        (101, Hold(2, "one:AAA"), ""),
        (160, Tick, ""),
        (161, Tick, "-two:AAA"),
        (162, Hold(2, ""), ""),
        (221, Tick, ""),
        (222, Tick, "-one:AAA"),
        (223, Tick, ""),
    ]);
}

#[test]
fn who_comes_back_within_the_grace_period_finds_it_open() {
    play(&[
        (0, Hold(1, "one:AAA"), "+one:AAA"),
        (10, Hold(1, ""), ""),
        (69, Hold(2, "one:AAA"), ""),
        (200, Tick, ""),
        (201, Hold(2, ""), ""),
        (260, Tick, ""),
        (261, Tick, "-one:AAA"),
        (262, Hold(2, "one:AAA"), "+one:AAA"),
    ]);
}

#[test]
fn polls_keep_a_symbol_for_the_grace_period_each() {
    play(&[
        (0, Poll("one:AAA"), "+one:AAA"),
        (50, Poll("one:AAA"), ""),
        (109, Tick, ""),
        (110, Tick, "-one:AAA"),
        (111, Poll("one:AAA"), "+one:AAA"),
        // A client that comes and goes does not shorten what the poll was promised.
        (112, Hold(1, "one:AAA"), ""),
        (113, Hold(1, ""), ""),
        (172, Tick, ""),
        (173, Tick, "-one:AAA"),
    ]);
}

#[test]
fn a_full_venue_refuses_what_it_cannot_make_room_for() {
    play(&[
        (0, Hold(1, "one:AAA one:BBB"), "+one:AAA +one:BBB"),
        (1, Hold(2, "one:AAA one:CCC two:CCC"), "full one"),
        (2, Hold(2, "one:AAA two:CCC"), "+two:CCC"),
        (3, Poll("one:CCC"), "full one"),
        // What was only left goes early to make room, though not at once, the longest left first.
        (4, Hold(1, "one:BBB"), ""),
        (5, Hold(2, "two:CCC"), ""),
        (19, Hold(3, "one:CCC"), "full one"),
        (20, Hold(3, "one:CCC"), "-one:AAA +one:CCC"),
        (21, Hold(1, ""), ""),
        // What was polled does not.
        (22, Poll("one:BBB"), ""),
        (50, Hold(4, "one:DDD"), "full one"),
        // Coming back to what waits for its end needs no room.
        (51, Hold(4, "one:BBB"), ""),
        (52, Hold(4, ""), ""),
        (111, Tick, ""),
        (112, Tick, "-one:BBB"),
        (113, Hold(4, "one:DDD"), "+one:DDD"),
    ]);
}

#[test]
fn a_refused_want_changes_nothing() {
    let mut wants = Wants::new(GRACE, 1);
    wants.hold(1, keys("one:AAA"), Ms(0)).unwrap();
    let refused = wants.hold(1, keys("one:AAA two:AAA one:BBB"), Ms(1)).unwrap_err();
    assert_eq!(refused, TooMany { venue: VenueId::new("one"), most: 1 });
    assert!(refused.to_string().contains("one follows 1 symbols on demand"), "{refused}");
    assert_eq!(wants.held(1), keys("one:AAA"));
    assert!(!wants.is_open(&key("two:AAA")));
    assert_eq!(told(wants.tick(Ms(i64::MAX))), "");
}

#[test]
fn nothing_dynamic_where_no_room_is_configured() {
    let mut wants = Wants::new(GRACE, 0);
    assert!(wants.hold(1, keys("one:AAA"), Ms(0)).is_err());
    assert_eq!(wants.hold(1, BTreeSet::new(), Ms(0)), Ok(Vec::new()));
}

/// Two venues that take orders, with two perpetuals each; the first follows AAA always.
struct World {
    directory: Arc<Directory>,
    hub: Arc<Hub>,
    follower: Follower,
    clock: Arc<AtomicI64>,
    orders: Vec<(&'static str, UnboundedReceiver<Order>)>,
}

fn instrument(venue: &str, base: &str, quote: &str) -> Arc<Instrument> {
    Arc::new(Instrument {
        symbol: Symbol::perp(base, quote).unwrap(),
        venue: VenueId::new(venue),
        venue_symbol: format!("{base}{quote}"),
        group: Group::new(base, Kind::Perp),
        kind: Kind::Perp,
        base: base.into(),
        quote: quote.into(),
        tick_size: 0.1,
        step_size: 0.1,
        multiplier: 1.0,
        channels: Channel::OFFERED.to_vec(),
        calendar: Calendar::default(),
    })
}

fn topic(venue: &str, symbol: &str) -> Topic {
    let (symbol, venue) = (symbol.parse().unwrap(), VenueId::new(venue));
    Topic { symbol, venue, channel: Channel::Trade, interval: None }
}

impl World {
    fn new() -> World {
        let directory = Arc::new(Directory::new(["one", "two"].map(VenueId::new)));
        let hub = Arc::new(Hub::new());
        let limits = FollowLimits { grace: GRACE, symbols: 3 };
        let clock = Arc::new(AtomicI64::new(0));
        let time = clock.clone();
        let now = move || Ms(time.load(Ordering::Relaxed));
        let follower = Follower::with_clock(directory.clone(), hub.clone(), limits, now);
        let configured: [Symbol; 1] = ["AAAUSDT-PERP".parse().unwrap()];
        let one = follower.attach(&VenueId::new("one"), &configured);
        let two = follower.attach(&VenueId::new("two"), &[]);
        for venue in ["one", "two"] {
            let listed = vec![instrument(venue, "AAA", "USDT"), instrument(venue, "BBB", "USDT")];
            directory.list(&VenueId::new(venue), listed);
        }
        World { directory, hub, follower, clock, orders: vec![("one", one), ("two", two)] }
    }

    /// What the venues were told since last asked: `one+BBBUSDT-PERP`.
    fn told(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        for (venue, orders) in &mut self.orders {
            while let Ok(order) = orders.try_recv() {
                told.push(match order {
                    Order::Follow(symbol) => format!("{venue}+{symbol}"),
                    Order::Unfollow(symbol) => format!("{venue}-{symbol}"),
                    Order::Delisted(symbol) => format!("{venue}x{symbol}"),
                });
            }
        }
        told
    }

    fn pass(&self, time: Ms) {
        self.clock.fetch_add(time.0, Ordering::Relaxed);
        self.follower.tick();
    }

    fn followed(&self) -> Vec<String> {
        self.directory.followed().iter().map(ToString::to_string).collect()
    }
}

#[test]
fn venues_are_told_of_the_first_and_after_the_last_client() {
    let mut world = World::new();
    let topics =
        vec![topic("one", "AAAUSDT-PERP"), topic("one", "BBBUSDT-PERP"), topic("two", "AAAUSDT-PERP")];
    world.follower.hold(1, topics.clone()).unwrap();
    // What is configured needs no order.
    assert_eq!(world.told(), ["one+BBBUSDT-PERP", "two+AAAUSDT-PERP"]);
    assert_eq!(world.followed(), ["AAAUSDT-PERP", "BBBUSDT-PERP"]);
    world.follower.hold(2, topics).unwrap();
    world.follower.release(1, Vec::new());
    world.pass(Ms(GRACE.0 * 2));
    assert_eq!(world.told(), Vec::<String>::new(), "the second client still wants it");
    world.follower.release(2, vec![topic("two", "AAAUSDT-PERP")]);
    world.pass(GRACE);
    assert_eq!(world.told(), ["one-BBBUSDT-PERP"]);
    assert_eq!(world.followed(), ["AAAUSDT-PERP"]);
}

#[test]
fn venue_all_means_every_member_also_those_listed_later() {
    let mut world = World::new();
    world.follower.hold(1, vec![topic("all", "AAAUSDT-PERP")]).unwrap();
    assert_eq!(world.told(), ["two+AAAUSDT-PERP"]);
    let more = vec![instrument("two", "AAA", "USDT"), instrument("two", "AAA", "USDC")];
    world.directory.list(&VenueId::new("two"), more);
    world.follower.tick();
    assert_eq!(world.told(), ["two+AAAUSDC-PERP"]);
    world.follower.tick();
    assert_eq!(world.told(), Vec::<String>::new());
    world.follower.release(1, Vec::new());
    world.pass(GRACE);
    assert_eq!(world.told(), ["two-AAAUSDC-PERP", "two-AAAUSDT-PERP"]);
}

#[test]
fn polls_count_and_a_full_venue_refuses() {
    let mut world = World::new();
    let four = ["AAA", "BBB", "CCC", "DDD"];
    world.directory.list(&VenueId::new("two"), four.map(|base| instrument("two", base, "USDT")).to_vec());
    let all: Vec<Topic> = four.iter().map(|base| topic("two", &format!("{base}USDT-PERP"))).collect();
    assert_eq!(world.follower.poll(&all), Err(TooMany { venue: VenueId::new("two"), most: 3 }));
    assert_eq!(world.follower.hold(7, all.clone()), Err(TooMany { venue: VenueId::new("two"), most: 3 }));
    assert_eq!(world.told(), Vec::<String>::new());
    world.follower.poll(&all[..1]).unwrap();
    assert_eq!(world.told(), ["two+AAAUSDT-PERP"]);
    world.pass(GRACE);
    assert_eq!(world.told(), ["two-AAAUSDT-PERP"]);
}

#[test]
fn a_delisted_symbol_is_not_opened_and_old_values_are_forgotten() {
    let mut world = World::new();
    let symbol: Symbol = "BBBUSDT-PERP".parse().unwrap();
    let oi = OpenInterest { timestamp: Ms(1), open_interest: 1.0, open_interest_value: None };
    for (n, venue) in [(1, "one"), (2, "two")] {
        let (venue, body) = (VenueId::new(venue), Body::Oi(oi));
        let event = Event { received: Ms(1), symbol: symbol.clone(), venue, body };
        let stamped = Stamped { event, seq: n, cursor: Cursor { epoch: 1, n } };
        world.hub.publish(Arc::new(stamped), Instant::now());
    }
    let last = |world: &World, venue: &str| {
        world.hub.last(&Topic { channel: Channel::Oi, ..topic(venue, "BBBUSDT-PERP") }).len()
    };
    assert_eq!((last(&world, "one"), last(&world, "two")), (1, 1));
    world.directory.list(&VenueId::new("one"), vec![instrument("one", "AAA", "USDT")]);
    world.follower.hold(1, vec![topic("one", "BBBUSDT-PERP")]).unwrap();
    assert_eq!(world.told(), Vec::<String>::new());
    assert_eq!((last(&world, "one"), last(&world, "two")), (0, 1));
}
