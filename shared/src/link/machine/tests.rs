use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::TopicSpec;
use super::*;

const S: i64 = 1_000;
/// Virtual time goes in steps of this length.
const STEP: i64 = 250;

/// A peer and a driver in virtual time.
struct World {
    link: Link,
    now: i64,
    wake: Option<i64>,
    /// Connections are accepted; otherwise refused after a step.
    accepts: bool,
    /// Nothing passes in either direction, sockets do not notice.
    black_hole: bool,
    /// Spacing of the data of each topic; missing: never.
    feeds: BTreeMap<&'static str, i64>,
    /// Subscribing on these connections is acked and delivers nothing.
    mute: BTreeSet<u64>,
    dialling: Vec<u64>,
    open: BTreeMap<u64, BTreeSet<String>>,
    log: Vec<(i64, Output)>,
}

impl World {
    fn new(config: Config, topics: &[(&'static str, Option<i64>, i64)]) -> World {
        let mut world = World {
            link: Link::new(config),
            now: 0,
            wake: None,
            accepts: true,
            black_hole: false,
            feeds: topics.iter().map(|(name, _, feed)| (*name, *feed)).collect(),
            mute: BTreeSet::new(),
            dialling: Vec::new(),
            open: BTreeMap::new(),
            log: Vec::new(),
        };
        world.give(Input::Add(topics.iter().map(|(name, usual, _)| spec(name, *usual)).collect()));
        world.give(Input::Start);
        world
    }

    fn give(&mut self, input: Input<'_>) {
        for output in self.link.handle(Ms(self.now), input) {
            match &output {
                Output::Connect(conn) => self.dialling.push(conn.0),
                Output::Close { conn, .. } => {
                    self.dialling.retain(|c| *c != conn.0);
                    self.open.remove(&conn.0);
                }
                Output::Subscribe { conn, topics } => {
                    let subscribed = self.open.get_mut(&conn.0).expect("subscribes on an open connection");
                    subscribed.extend(topics.iter().map(ToString::to_string));
                }
                Output::Unsubscribe { conn, topics } => {
                    let subscribed = self.open.get_mut(&conn.0).expect("unsubscribes on an open connection");
                    topics.iter().for_each(|t| assert!(subscribed.remove(&**t), "{t} was not subscribed"));
                }
                Output::WakeAt(at) => self.wake = at.map(|at| at.0),
                Output::Ping(_) | Output::Topic { .. } | Output::Line(_) => {}
            }
            if !matches!(output, Output::WakeAt(_)) {
                self.log.push((self.now, output));
            }
        }
        assert!(self.dialling.len() + self.open.len() <= 2, "at most two connections");
    }

    fn step(&mut self) {
        self.now += STEP;
        if !self.black_hole {
            for conn in std::mem::take(&mut self.dialling) {
                if self.accepts {
                    self.open.insert(conn, BTreeSet::new());
                    self.give(Input::Opened(ConnId(conn)));
                    // The ack: a frame that is no data.
                    self.give(Input::Frame { conn: ConnId(conn), topic: None });
                } else {
                    self.give(Input::Closed { conn: ConnId(conn), not_before: None });
                }
            }
            for (conn, topics) in self.open.clone() {
                for (name, every) in self.feeds.clone() {
                    let due = self.now.div_euclid(every) > (self.now - STEP).div_euclid(every)
                        && topics.contains(name)
                        && !self.mute.contains(&conn);
                    if due && self.open.contains_key(&conn) {
                        self.give(Input::Frame { conn: ConnId(conn), topic: Some(name) });
                    }
                }
            }
        }
        if self.wake.is_some_and(|at| at <= self.now) {
            self.give(Input::Timer);
        }
    }

    fn run(&mut self, length: i64) {
        let end = self.now + length;
        while self.now < end {
            self.step();
        }
    }

    /// Forward: the machine slept. Back: the clock was set; timers run by delay, so they go along.
    fn shift_clock(&mut self, length: i64) {
        self.now += length;
        self.wake = self.wake.map(|at| at + length.min(0));
    }

    fn cut(&mut self) {
        for conn in std::mem::take(&mut self.open).into_keys() {
            self.give(Input::Closed { conn: ConnId(conn), not_before: None });
        }
    }

    /// The log since last asked, in words, without news of topics.
    fn said(&mut self) -> Vec<String> {
        let log = std::mem::take(&mut self.log);
        let line = |(at, output): (i64, Output)| Some(format!("{} {}", at as f64 / 1_000.0, words(&output)?));
        log.into_iter().filter(|(_, o)| !matches!(o, Output::Topic { .. })).filter_map(line).collect()
    }

    /// News of topics since last asked.
    fn news(&mut self) -> Vec<String> {
        let topics = |(at, output): &(i64, Output)| match output {
            Output::Topic { name, state } => Some(format!("{} {name} {state:?}", *at as f64 / 1_000.0)),
            _ => None,
        };
        let news = self.log.iter().filter_map(topics).collect();
        self.log.clear();
        news
    }

    fn state(&self, name: &str) -> VenueState {
        self.link.topics().find(|(n, ..)| &***n == name).map_or(VenueState::Down, |(_, state, _)| state)
    }
}

fn spec(name: &str, usual: Option<i64>) -> TopicSpec {
    TopicSpec { name: Arc::from(name), usual_interval: usual.map(Ms) }
}

fn words(output: &Output) -> Option<String> {
    Some(match output {
        Output::Connect(c) => format!("connect {}", c.0),
        Output::Close { conn, reason } => format!("close {} {reason:?}", conn.0),
        Output::Subscribe { conn, topics } => format!("subscribe {} {}", conn.0, topics.join(" ")),
        Output::Unsubscribe { conn, topics } => format!("unsubscribe {} {}", conn.0, topics.join(" ")),
        Output::Ping(c) => format!("ping {}", c.0),
        Output::Line(_) | Output::WakeAt(_) | Output::Topic { .. } => return None,
    })
}

fn quick() -> Config {
    Config::venue(1)
}

const TWO: &[(&str, Option<i64>, i64)] = &[("book", Some(1_000), 500), ("trade", Some(5_000), 1_000)];

#[test]
fn line_opens_subscribes_everything_and_goes_live() {
    let mut world = World::new(quick(), TWO);
    world.run(S);
    assert_eq!(
        world.log.iter().map(|(_, o)| o.clone()).collect::<Vec<_>>(),
        [
            Output::Connect(ConnId(1)),
            Output::Line(Line::Connecting),
            Output::Line(Line::Open),
            Output::Topic { name: "book".into(), state: VenueState::Quiet },
            Output::Topic { name: "trade".into(), state: VenueState::Quiet },
            Output::Subscribe { conn: ConnId(1), topics: vec!["book".into(), "trade".into()] },
            Output::Topic { name: "book".into(), state: VenueState::Live },
            Output::Topic { name: "trade".into(), state: VenueState::Live },
        ]
    );
    world.log.clear();
    world.run(600 * S);
    assert!(world.log.is_empty(), "{:?}", world.log);
}

#[test]
fn accepted_but_silent_topic_is_reported_within_three_intervals_and_resubscribed_alone() {
    let mut world = World::new(quick(), &[("book", Some(1_000), 500), ("trade", Some(5_000), i64::MAX)]);
    world.run(S);
    world.log.clear();
    world.run(14 * S + STEP);
    assert_eq!(world.state("trade"), VenueState::Silent);
    assert_eq!(world.news(), ["15.25 trade Silent"]);
    world.run(200 * S);
    // Pauses of 15, 30, 60 .. seconds; nothing else moves.
    let again: Vec<String> = world.said();
    assert_eq!(
        again,
        [
            "30.25 unsubscribe 1 trade",
            "30.25 subscribe 1 trade",
            "60.25 unsubscribe 1 trade",
            "60.25 subscribe 1 trade",
            "120.25 unsubscribe 1 trade",
            "120.25 subscribe 1 trade",
        ]
    );
    assert_eq!((world.state("book"), world.link.line()), (VenueState::Live, Line::Open));
    world.feeds.insert("trade", 1_000);
    world.run(S);
    assert_eq!(world.news(), ["216 trade Live"]);
}

#[test]
fn topic_that_falls_silent_is_resubscribed_at_once_and_its_pauses_start_over() {
    let mut world = World::new(quick(), TWO);
    world.run(100 * S);
    world.feeds.insert("trade", i64::MAX);
    world.log.clear();
    world.run(10 * S);
    // Learned: a trade a second, so three seconds are enough.
    let first = ["103 unsubscribe 1 trade", "103 subscribe 1 trade"];
    assert_eq!(world.said()[..2], first);
    world.feeds.insert("trade", 1_000);
    world.run(20 * S);
    world.feeds.insert("trade", i64::MAX);
    world.said();
    world.run(40 * S);
    assert_eq!(world.said().len() % 2, 0);
    assert_eq!(world.state("book"), VenueState::Live);
}

#[test]
fn topic_without_interval_is_quiet_and_never_resubscribed() {
    let mut world = World::new(quick(), &[("book", Some(1_000), 500), ("liquidation", None, 300 * S)]);
    world.run(250 * S);
    assert_eq!(world.state("liquidation"), VenueState::Quiet);
    world.log.clear();
    world.run(200 * S);
    assert_eq!(world.news(), ["300 liquidation Live", "360 liquidation Quiet"]);
}

#[test]
fn lost_line_takes_the_topics_down_and_comes_back() {
    let mut world = World::new(quick(), TWO);
    world.run(60 * S);
    world.log.clear();
    world.cut();
    assert_eq!(world.news(), ["60 book Down", "60 trade Down"]);
    let Line::Waiting { until, attempt: 1 } = world.link.line() else { panic!("{:?}", world.link.line()) };
    assert!((60_800..=61_000).contains(&until.0), "{until:?}");
    world.run(3 * S);
    assert_eq!(world.said()[..2], ["61 connect 2", "61.25 subscribe 2 book trade"]);
    assert_eq!((world.state("book"), world.state("trade")), (VenueState::Live, VenueState::Live));
}

fn refused(config: Config, attempts: usize) -> Vec<i64> {
    let mut link = Link::new(config);
    let (mut now, mut at) = (Ms(0), Vec::new());
    let mut outputs = link.handle(now, Input::Start);
    while at.len() < attempts {
        let mut wake = None;
        for output in std::mem::take(&mut outputs) {
            match output {
                Output::Connect(conn) => {
                    at.push(now.0);
                    outputs = link.handle(now, Input::Closed { conn, not_before: None });
                }
                Output::WakeAt(time) => wake = time,
                _ => {}
            }
        }
        if outputs.is_empty() {
            now = wake.expect("waits for the next attempt");
            outputs = link.handle(now, Input::Timer);
        }
    }
    at
}

#[test]
fn three_hundred_refusals_never_outrun_the_back_off() {
    for (config, cap) in [(Config::venue(9), 60), (Config::browser(9), 8)] {
        let at = refused(config.clone(), 300);
        for (n, pair) in at.windows(2).enumerate() {
            let whole = (1_i64 << n.min(20)).min(cap) * S;
            let pause = pair[1] - pair[0];
            assert!((whole * 4 / 5..=whole).contains(&pause), "attempt {n}: {pause}");
        }
        assert_eq!(at, refused(config.clone(), 300), "deterministic by seed");
        assert_ne!(at, refused(Config { seed: 10, ..config }, 300));
    }
}

#[test]
fn back_off_starts_over_only_after_data_flowed_for_a_while() {
    let mut world = World::new(quick(), TWO);
    let pause = |world: &mut World, up: i64| {
        while world.open.is_empty() {
            world.step();
        }
        world.run(up);
        world.cut();
        let Line::Waiting { until, attempt } = world.link.line() else { panic!("{:?}", world.link.line()) };
        (attempt, (until.0 - world.now + 999) / S)
    };
    // Data for a moment is not enough.
    assert_eq!(pause(&mut world, 5 * S), (1, 1));
    assert_eq!(pause(&mut world, 5 * S), (2, 2));
    assert_eq!(pause(&mut world, 5 * S), (3, 4));
    assert_eq!(pause(&mut world, 40 * S), (1, 1));
    // A line that is up and says nothing is not either.
    world.feeds.clear();
    assert_eq!(pause(&mut world, 40 * S), (2, 2));
}

#[test]
fn dead_line_is_closed_and_acks_keep_it_alive() {
    let mut world = World::new(Config { ping_every: Some(Ms(20 * S)), ..quick() }, TWO);
    world.run(10 * S);
    world.said();
    world.black_hole = true;
    world.run(75 * S);
    let said = world.said();
    assert!(said.contains(&"20.25 ping 1".into()) && said.contains(&"60.25 ping 1".into()), "{said:?}");
    assert!(said.contains(&"70 close 1 Dead".into()), "{said:?}");

    let mut world = World::new(quick(), &[]);
    world.run(S);
    for _ in 0..20 {
        world.run(50 * S);
        world.give(Input::Frame { conn: ConnId(1), topic: None });
    }
    assert_eq!((world.link.line(), world.said().len()), (Line::Open, 1));
}

#[test]
fn socket_that_never_opens_is_given_up() {
    let mut world = World::new(quick(), TWO);
    world.black_hole = true;
    world.run(10 * S);
    assert_eq!(world.said(), ["0 connect 1", "10 close 1 ConnectTimeout"]);
    // A late answer of the socket given up changes nothing.
    world.give(Input::Opened(ConnId(1)));
    world.give(Input::Closed { conn: ConnId(1), not_before: None });
    world.give(Input::Frame { conn: ConnId(1), topic: Some("book") });
    assert!(world.said().is_empty() && world.news().is_empty());
    world.run(S);
    assert_eq!(world.said(), ["11 connect 2"]);
}

#[test]
fn ten_seconds_cut_is_healed_within_ten_seconds() {
    for seed in 0..50 {
        for black_hole in [false, true] {
            let mut world = World::new(Config::venue(seed), TWO);
            world.run(60 * S);
            world.accepts = false;
            world.black_hole = black_hole;
            world.cut();
            world.run(10 * S);
            (world.accepts, world.black_hole) = (true, false);
            world.run(10 * S);
            assert_eq!(world.state("book"), VenueState::Live, "seed {seed}");
        }
    }
}

const HOUR: i64 = 3_600 * S;

#[test]
fn renewal_before_a_day_overlaps_and_no_topic_notices() {
    let config = Config { renew_after: Some(Ms(23 * HOUR)), ..quick() };
    let mut world = World::new(config, &[("book", Some(1_000), 500), ("trade", Some(5_000), 2_000)]);
    world.run(S * 10);
    world.log.clear();
    world.run(23 * HOUR);
    let said = world.said();
    let at = |line: &String| line.split(' ').next().unwrap().parse::<f64>().unwrap();
    let words: Vec<&str> = said.iter().map(|l| l.split_once(' ').unwrap().1).collect();
    assert_eq!(words, ["connect 2", "subscribe 2 book trade", "close 1 Replaced"]);
    assert!((20.7 * 3_600.0..=23.0 * 3_600.0).contains(&at(&said[0])), "{said:?}");
    // Closed only once the slower topic came as well.
    assert!(at(&said[2]) - at(&said[1]) >= 0.25 && at(&said[2]) % 2.0 == 0.0, "{said:?}");
    assert_eq!((world.news(), world.link.primary()), (Vec::<String>::new(), Some(ConnId(2))));
}

fn renewing() -> World {
    let mut world = World::new(quick(), TWO);
    world.run(60 * S);
    world.log.clear();
    world
}

#[test]
fn refused_successor_leaves_the_old_line_alone() {
    let mut world = renewing();
    world.accepts = false;
    world.give(Input::Renew);
    world.run(20 * S);
    let said = world.said();
    assert!(said.len() > 2 && said.iter().all(|line| line.contains("connect")), "{said:?}");
    assert_eq!((world.link.primary(), world.link.line()), (Some(ConnId(1)), Line::Open));
    world.accepts = true;
    world.run(60 * S);
    assert!(world.link.primary() > Some(ConnId(1)));
    assert_eq!((world.open.len(), world.news()), (1, vec![]));
}

#[test]
fn successor_that_delivers_nothing_is_dropped() {
    let mut world = renewing();
    world.mute.insert(2);
    world.give(Input::Renew);
    world.run(32 * S);
    let said = world.said();
    assert_eq!(
        said[..3],
        ["60 connect 2", "60.25 subscribe 2 book trade", "90.25 close 2 SuccessorFailed"],
        "{said:?}"
    );
    assert_eq!(world.link.line(), Line::Open);
    world.run(5 * S);
    assert_eq!(world.link.primary(), Some(ConnId(3)));
}

#[test]
fn overlap_ends_in_time_when_one_topic_is_slow_to_come() {
    let mut world = World::new(quick(), &[("book", Some(1_000), 500), ("slow", Some(60 * S), 50 * S)]);
    world.run(60 * S);
    world.log.clear();
    world.give(Input::Renew);
    world.run(35 * S);
    assert_eq!(world.said(), ["60 connect 2", "60.25 subscribe 2 book slow", "90.25 close 1 Replaced"]);
    world.run(600 * S);
    assert!(world.news().is_empty());
}

#[test]
fn loss_of_the_old_line_during_renewal_costs_nothing() {
    let mut world = renewing();
    world.mute.insert(2);
    world.give(Input::Renew);
    world.run(S);
    world.log.clear();
    world.open.remove(&1);
    world.give(Input::Closed { conn: ConnId(1), not_before: None });
    assert_eq!((world.link.primary(), world.link.line()), (Some(ConnId(2)), Line::Open));
    world.mute.clear();
    world.run(5 * S);
    assert!(world.log.is_empty(), "{:?}", world.log);

    // Still connecting: the topics are down, and no pause is made.
    let mut world = renewing();
    world.give(Input::Renew);
    world.open.remove(&1);
    world.give(Input::Closed { conn: ConnId(1), not_before: None });
    assert_eq!((world.link.line(), world.state("book")), (Line::Connecting, VenueState::Down));
    world.run(2 * S);
    assert_eq!((world.link.line(), world.state("book")), (Line::Open, VenueState::Live));
}

#[test]
fn topics_come_and_go_on_an_open_line() {
    let mut world = renewing();
    world.feeds.insert("funding", 1_000);
    world.give(Input::Add(vec![spec("funding", Some(3_000)), spec("book", Some(1_000))]));
    assert_eq!(world.said(), ["60 subscribe 1 funding"]);
    world.run(S);
    assert_eq!(world.state("funding"), VenueState::Live);
    world.log.clear();
    world.give(Input::Remove(vec!["book".into(), "unknown".into()]));
    assert_eq!(world.said(), ["61 unsubscribe 1 book"]);
    world.run(60 * S);
    assert!(world.log.is_empty());
    // During an overlap on both.
    world.mute.insert(2);
    world.give(Input::Renew);
    world.run(S);
    world.said();
    world.give(Input::Add(vec![spec("book", Some(1_000))]));
    assert_eq!(world.said(), ["122 subscribe 1 book", "122 subscribe 2 book"]);
}

#[test]
fn stop_closes_and_start_begins_anew() {
    let mut world = renewing();
    world.give(Input::Renew);
    world.run(STEP);
    world.log.clear();
    world.give(Input::Stop);
    assert_eq!(world.said(), ["60.25 close 1 Stopped", "60.25 close 2 Stopped"]);
    assert_eq!((world.link.line(), world.wake, world.state("book")), (Line::Stopped, None, VenueState::Down));
    world.give(Input::Retry);
    world.give(Input::Timer);
    assert!(world.said().is_empty());
    world.give(Input::Start);
    world.give(Input::Start);
    assert_eq!(world.said(), ["60.25 connect 3"]);
}

#[test]
fn peer_says_when_to_come_again_and_a_person_may_not_wait() {
    let mut world = renewing();
    world.open.clear();
    world.give(Input::Closed { conn: ConnId(1), not_before: Some(Ms(200 * S)) });
    assert_eq!(world.link.line(), Line::Waiting { until: Ms(200 * S), attempt: 1 });
    world.said();
    world.run(139 * S);
    assert!(world.said().is_empty());
    world.give(Input::Retry);
    world.give(Input::Retry);
    assert_eq!(world.said(), ["199 connect 2"]);
}

#[test]
fn sleep_is_no_silence_and_a_line_that_did_not_survive_is_found_at_once() {
    // Alive after an hour of sleep: nothing happens.
    let mut world = World::new(Config { ping_every: Some(Ms(20 * S)), ..quick() }, TWO);
    world.run(60 * S);
    world.log.clear();
    world.shift_clock(HOUR);
    world.give(Input::Timer);
    assert_eq!(world.said(), ["3660 ping 1"]);
    world.run(15 * S);
    assert!(world.news().is_empty());
    assert_eq!(world.link.line(), Line::Open);

    // Dead: five seconds to prove otherwise, then a new connection.
    world.black_hole = true;
    world.shift_clock(HOUR);
    world.give(Input::Timer);
    world.said();
    world.run(6 * S);
    assert!(world.said().contains(&"7280 close 1 Dead".into()));

    // Asleep while waiting: the next attempt is due.
    let mut world = renewing();
    world.accepts = false;
    world.cut();
    world.run(100 * S);
    world.said();
    world.shift_clock(HOUR);
    world.give(Input::Timer);
    assert_eq!(world.said().len(), 1, "connects");
}

#[test]
fn clock_set_back_stops_nothing() {
    let mut world = renewing();
    world.shift_clock(-10 * HOUR);
    world.give(Input::Timer);
    world.run(10 * S);
    assert_eq!((world.news(), world.link.line()), (vec![], Line::Open));
    world.feeds.insert("trade", i64::MAX);
    world.run(20 * S);
    assert_eq!(world.state("trade"), VenueState::Silent);
    world.black_hole = true;
    world.run(70 * S);
    assert_ne!(world.link.line(), Line::Open);
}

#[test]
fn line_on_which_everything_is_silent_is_renewed() {
    let mut world = World::new(quick(), TWO);
    world.mute.insert(1);
    world.run(200 * S);
    assert_eq!(world.link.primary(), Some(ConnId(2)));
    assert_eq!((world.state("book"), world.state("trade")), (VenueState::Live, VenueState::Live));
}

#[derive(Clone, Debug)]
enum Act {
    Run(i64),
    Cut,
    Accepts(bool),
    BlackHole(bool),
    Mute(u64),
    Feed(bool),
    Topic(bool),
    Sleep(i64),
    Stray(u64, u8),
    Retry,
    Renew,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    proptest::collection::vec(
        prop_oneof![
            4 => (1_i64..300).prop_map(|n| Act::Run(n * 500)),
            2 => Just(Act::Cut),
            1 => any::<bool>().prop_map(Act::Accepts),
            1 => any::<bool>().prop_map(Act::BlackHole),
            1 => (1_u64..9).prop_map(Act::Mute),
            1 => any::<bool>().prop_map(Act::Feed),
            1 => any::<bool>().prop_map(Act::Topic),
            1 => (-HOUR..HOUR).prop_map(Act::Sleep),
            1 => (0_u64..9, 0_u8..3).prop_map(|(c, k)| Act::Stray(c, k)),
            1 => Just(Act::Retry),
            1 => Just(Act::Renew),
        ],
        1..40,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens, the link never forgets to go on, and heals once the world is well again.
    #[test]
    fn link_heals_after_anything(acts in acts(), seed in any::<u64>()) {
        let config = Config { renew_after: Some(Ms(HOUR)), ping_every: Some(Ms(15 * S)), ..Config::venue(seed) };
        let mut world = World::new(config, TWO);
        for act in acts {
            match act {
                Act::Run(length) => world.run(length),
                Act::Cut => world.cut(),
                Act::Accepts(yes) => world.accepts = yes,
                Act::BlackHole(yes) => world.black_hole = yes,
                Act::Mute(conn) => drop(world.mute.insert(conn)),
                Act::Feed(yes) => drop(world.feeds.insert("trade", if yes { 1_000 } else { i64::MAX })),
                Act::Topic(true) => world.give(Input::Add(vec![spec("book", Some(1_000))])),
                Act::Topic(false) => world.give(Input::Remove(vec!["book".into()])),
                Act::Sleep(length) => world.shift_clock(length),
                Act::Stray(conn, 0) if !world.dialling.contains(&conn) => world.give(Input::Opened(ConnId(conn))),
                Act::Stray(conn, 1) => {
                    world.open.remove(&conn);
                    world.dialling.retain(|c| *c != conn);
                    world.give(Input::Closed { conn: ConnId(conn), not_before: None });
                }
                Act::Stray(conn, _) if world.open.contains_key(&conn) => {
                    world.give(Input::Frame { conn: ConnId(conn), topic: Some("nonsense") });
                }
                Act::Stray(..) => {}
                Act::Retry => world.give(Input::Retry),
                Act::Renew => world.give(Input::Renew),
            }
            prop_assert!(world.wake.is_some(), "a started link always has something to wait for");
            let open = world.link.line() == Line::Open;
            for (name, state, _) in world.link.topics() {
                prop_assert_eq!(state == VenueState::Down, !open, "{}", name);
            }
        }
        (world.accepts, world.black_hole) = (true, false);
        world.mute.clear();
        world.feeds.insert("trade", 1_000);
        world.give(Input::Add(vec![spec("book", Some(1_000))]));
        world.run(180 * S);
        prop_assert_eq!(world.link.line(), Line::Open);
        prop_assert_eq!((world.state("book"), world.state("trade")), (VenueState::Live, VenueState::Live));
    }
}
