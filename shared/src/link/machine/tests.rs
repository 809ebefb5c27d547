mod chaos;
mod commands;
mod renewal;

use std::collections::{BTreeMap, BTreeSet};

use super::super::TopicSpec;
use super::*;

const S: i64 = 1_000;
const HOUR: i64 = 3_600 * S;
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

fn settled() -> World {
    let mut world = World::new(quick(), TWO);
    world.run(60 * S);
    world.log.clear();
    world
}
