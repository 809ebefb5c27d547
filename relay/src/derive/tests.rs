//! Hand-fed buses: what is joined and folded equals plain sums.

mod guards;
mod heatmap;
mod signals;

use std::sync::atomic::{AtomicI64, Ordering};

use shared::event::{Bar, Body, Difference, Event, JoinedBar, Origin};
use shared::market::{Calendar, Group, Instrument, Kind, Ms, Symbol, VenueId};
use shared::wire::Data;

use super::*;
use crate::bus::{Bus, MemoryBus};
use crate::clock::Clock;
use crate::config::GuardsConfig;
use crate::directory::Directory;
use crate::history::{History, HistorySource, SourceError};
use crate::hub::Hub;
use crate::store::{Record, SqliteStore, Store};

/// 2024-03-15 10:02:30 UTC.
const NOW: Ms = Ms(1_710_496_950_000);
/// The minute that runs at [`NOW`].
const RUNNING: Ms = Ms(1_710_496_920_000);

/// All history is in the store.
struct Stored;

#[async_trait::async_trait]
impl HistorySource for Stored {
    fn native_timeframes(&self, _: &VenueId) -> Vec<Timeframe> {
        Vec::new()
    }
    async fn klines(
        &self,
        _: &VenueId,
        _: &Symbol,
        _: Timeframe,
        _: Ms,
        _: Ms,
    ) -> Result<Vec<Bar>, SourceError> {
        Ok(Vec::new())
    }
    fn history_start(&self, _: &VenueId, _: &Symbol) -> Option<Ms> {
        None
    }
}

struct Rig {
    bus: Arc<dyn Bus>,
    store: Arc<dyn Store>,
    history: Arc<History>,
    hub: Arc<Hub>,
    directory: Arc<Directory>,
    demand: mpsc::UnboundedSender<Demand>,
    now: Arc<AtomicI64>,
}

const MEMBERS: [(&str, &str, &str); 4] = [
    ("a", "BTCUSDT-PERP", "USDT"),
    ("a", "BTCUSDC-PERP", "USDC"),
    ("b", "BTCUSDT-PERP", "USDT"),
    ("c", "BTCUSD-PERP", "USD"),
];

fn instrument((venue, symbol, quote): (&str, &str, &str), kind: Kind) -> Arc<Instrument> {
    Arc::new(Instrument {
        symbol: symbol.parse().unwrap(),
        venue: VenueId::new(venue),
        venue_symbol: symbol.into(),
        group: Group::new("BTC", kind),
        kind,
        base: "BTC".into(),
        quote: quote.into(),
        tick_size: 0.1,
        step_size: 0.001,
        multiplier: 1.0,
        channels: Channel::OFFERED.to_vec(),
        calendar: Calendar::default(),
    })
}

/// A closed minute of a member: its numbers follow from both.
fn minute(member: usize, at: Ms) -> Bar {
    let n = (at.0 / 60_000 % 97) as f64 + member as f64 / 7.0;
    let mut bar = Bar::flat(at, Timeframe::M1, 100.0 + n, Origin::Trades);
    (bar.high, bar.low) = (bar.open + n, bar.open - 0.5);
    bar.close = bar.open + n / 2.0;
    (bar.volume, bar.buy_volume, bar.sell_volume) = (1.0 + n, Some(0.75 * n), Some(1.0 + 0.25 * n));
    (bar.cvd, bar.cvd_from) = (Some(n * 3.0), Some(at.floor(Ms::DAY)));
    (bar.vwap, bar.trades, bar.closed) = (Some(bar.open), Some(3), true);
    bar
}

fn event(member: usize, bar: Bar) -> Event {
    let (venue, symbol, _) = MEMBERS[member];
    let (symbol, venue) = (symbol.parse().unwrap(), VenueId::new(venue));
    Event { received: bar.timestamp, symbol, venue, body: Body::Bar(bar) }
}

impl Rig {
    /// The minutes of the last hours are stored; `listed` members are known.
    async fn start(listed: usize, linger: Duration) -> Rig {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::temporary().unwrap());
        let stored = (1..=200).flat_map(|n| {
            let at = RUNNING - Ms(n * 60_000);
            (0..MEMBERS.len()).map(move |member| Record::Event(event(member, minute(member, at))))
        });
        store.write(stored.collect()).await.unwrap();
        store.flush().await.unwrap();
        let directory = Arc::new(Directory::new(["a", "b", "c"].map(VenueId::new)));
        let now = Arc::new(AtomicI64::new(NOW.0));
        let clock = now.clone();
        let nothing = |_: &VenueId, _: &Symbol| None::<Bar>;
        let clock = move || Ms(clock.load(Ordering::Relaxed));
        let kept = store.clone();
        let history = Arc::new(History::new(store.clone(), Arc::new(Stored), Arc::new(nothing), clock));
        let bus: Arc<dyn Bus> = Arc::new(MemoryBus::new(1));
        let hub = Arc::new(Hub::new());
        let higher = HigherBars::new(bus.clone(), hub.clone(), directory.clone(), history.clone());
        let mut heat = HeatMaps::new(bus.clone(), hub.clone(), directory.clone(), history.clone());
        heat.linger = linger;
        let mut joined = JoinedBars::new(bus.clone(), hub.clone(), directory.clone(), history.clone());
        let signals = Signals::new(bus.clone(), hub.clone(), directory.clone(), history.clone());
        joined.linger = linger;
        let (clock, config) = (Clock::recorded(), GuardsConfig::default());
        let guards =
            GuardsMaker::new(bus.clone(), hub.clone(), directory.clone(), kept, clock.clone(), config);
        let (demand, wanted) = mpsc::unbounded_channel();
        tokio::spawn(hub.clone().run(bus.consume()));
        tokio::spawn(run(bus.clone(), Makers { higher, joined, guards, heat, signals }, wanted));
        let rig = Rig { bus, store, history, hub, directory, demand, now };
        rig.list(listed);
        rig
    }

    fn list(&self, members: usize) {
        for venue in ["a", "b", "c"] {
            let own = MEMBERS[..members].iter().filter(|m| m.0 == venue);
            let mut own: Vec<_> = own.map(|m| instrument(*m, Kind::Perp)).collect();
            // Spot is never joined with perps.
            own.push(instrument((venue, "BTC/USDT", "USDT"), Kind::Spot));
            self.directory.set(&VenueId::new(venue), own);
        }
    }

    /// What a subscriber of a topic gets first, as the socket's session asks for it.
    async fn subscribe(&self, topic: &Topic) -> Vec<Data> {
        let (ready, made) = oneshot::channel();
        assert!(self.demand.send(Demand { topics: vec![topic.clone()], ready }).is_ok());
        self.hub.reached(made.await.unwrap()).await;
        self.hub.snapshot(std::slice::from_ref(topic))
    }

    /// The newest joined bars that the hub has, once they are as wished.
    async fn wait(&self, topic: &Topic, what: &str, wish: impl Fn(&[JoinedBar]) -> bool) -> Vec<JoinedBar> {
        for _ in 0..400 {
            let bars: Vec<JoinedBar> = self.hub.last(topic).iter().map(|s| joined(&s.event)).collect();
            if wish(&bars) {
                return bars;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{what}: {:?}", self.hub.last(topic));
    }

    fn feed(&self, member: usize, bar: Bar) {
        self.bus.publish(event(member, bar));
    }
}

fn joined(event: &Event) -> JoinedBar {
    match &event.body {
        Body::Joined(bar) => (**bar).clone(),
        other => panic!("not joined: {other:?}"),
    }
}

fn topic(venue: &str, symbol: &str, interval: Timeframe) -> Topic {
    let (symbol, venue) = (symbol.parse().unwrap(), VenueId::new(venue));
    Topic { symbol, venue, channel: Channel::Bar, interval: Some(interval) }
}

/// Σ over members of Σ over the minutes of `[from, to)`, and the last minute's sums of sides.
fn sums(members: &[usize], from: Ms, to: Ms) -> (f64, f64, f64, u64) {
    let minutes: Vec<Ms> = (from.0..to.0).step_by(60_000).map(Ms).collect();
    let of = |f: &dyn Fn(Bar) -> f64| -> f64 {
        members.iter().flat_map(|m| minutes.iter().map(|at| f(minute(*m, *at)))).sum()
    };
    let last = to - Ms::MINUTE;
    let cvd = members.iter().map(|m| minute(*m, last).cvd.unwrap()).sum();
    (of(&|b| b.volume), of(&|b| b.buy_volume.unwrap()), cvd, 3 * (members.len() * minutes.len()) as u64)
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs().max(1.0)
}

#[tokio::test]
async fn the_first_subscriber_finds_the_last_closed_and_the_forming_bar() {
    let rig = Rig::start(4, LONG).await;
    // 10:00 and 10:01 are closed: bars of all longer intervals form.
    for interval in Timeframe::ALL.into_iter().skip(1) {
        for venue in ["a", "all"] {
            let frames = rig.subscribe(&topic(venue, "BTCUSDT-PERP", interval)).await;
            let states: Vec<_> = frames.iter().map(|d| (d.snapshot, d.stamped.event.class())).collect();
            let forming = (true, shared::event::Class::State);
            // Of yesterday nothing is stored.
            let expected = if interval <= Timeframe::H4 {
                vec![(true, shared::event::Class::Event), forming]
            } else {
                vec![forming]
            };
            assert_eq!(states, expected, "{venue} {interval}");
            let bar = frames.last().and_then(|d| d.stamped.event.body.bar()).unwrap();
            assert_eq!(
                (bar.interval, bar.through),
                (interval, Some(RUNNING - Ms::MINUTE)),
                "{venue} {interval}"
            );
        }
    }
    // Asking again changes nothing.
    let again = rig.subscribe(&topic("all", "BTCUSDT-PERP", Timeframe::M5)).await;
    assert_eq!(again.len(), 2);
}

#[tokio::test]
async fn a_market_that_was_left_begins_anew_with_the_minutes_missed() {
    let rig = Rig::start(1, LONG).await;
    let topic = topic("a", "BTCUSDT-PERP", Timeframe::M5);
    let forming = |frames: Vec<Data>| *frames.last().and_then(|d| d.stamped.event.body.bar()).unwrap();
    let open = Calendar::default().open(Timeframe::M5, RUNNING);
    assert_eq!(forming(rig.subscribe(&topic).await).through, Some(RUNNING - Ms::MINUTE));
    // Nobody follows it any more; a minute later it is opened again, and its backfill is in the store alone.
    rig.hub.forget(&topic.venue, &topic.symbol);
    rig.store.write(vec![Record::Event(event(0, minute(0, RUNNING)))]).await.unwrap();
    rig.store.flush().await.unwrap();
    rig.now.store(RUNNING.0 + 70_000, Ordering::Relaxed);
    let again = forming(rig.subscribe(&topic).await);
    assert_eq!((again.timestamp, again.through), (open, Some(RUNNING)));
    rig.feed(0, minute(0, RUNNING + Ms::MINUTE));
    let place = rig.bus.head();
    rig.hub.reached(place).await;
    let last = rig.hub.last(&topic);
    let volume = sums(&[0], open, RUNNING + Ms(2 * 60_000)).0;
    let after = last.last().and_then(|s| s.event.body.bar()).unwrap();
    assert!(close(after.volume, volume), "{after:?} is not {volume}");
}

const LONG: Duration = Duration::from_secs(600);

#[tokio::test]
async fn joined_bars_are_the_members_sums_at_all_intervals() {
    let rig = Rig::start(4, LONG).await;
    let everybody = [0, 1, 2, 3];
    for interval in [Timeframe::M1, Timeframe::M5, Timeframe::H1] {
        let topic = topic("all", "BTCUSDT-PERP", interval);
        let frames = rig.subscribe(&topic).await;
        let closed = joined(&frames[0].stamped.event);
        let (from, to) = (closed.bar.timestamp, Calendar::default().next(interval, closed.bar.timestamp));
        let (volume, buy, cvd, trades) = sums(&everybody, from, to);
        assert!(close(closed.bar.volume, volume), "{interval}: {} is not {volume}", closed.bar.volume);
        assert!(
            close(closed.bar.buy_volume.unwrap(), buy) && close(closed.bar.cvd.unwrap(), cvd),
            "{interval}"
        );
        assert_eq!((closed.bar.trades, closed.bar.closed), (Some(trades), true), "{interval}");
        // Prices are those of the first configured venue's market of the asked symbol.
        assert_eq!(
            (closed.bar.open, closed.bar.close),
            (minute(0, from).open, minute(0, to - Ms::MINUTE).close)
        );
        let at = |venue: &str| closed.by_venue[&VenueId::new(venue)].volume;
        assert!(close(at("a"), sums(&[0, 1], from, to).0) && close(at("b"), sums(&[2], from, to).0));
        assert_eq!(closed.by_venue.len(), 3);
        let marked: Vec<_> =
            closed.marks.iter().map(|m| (m.member.symbol.as_str(), m.why.as_slice())).collect();
        let quote = &[Difference::OtherQuote][..];
        assert_eq!(marked, [("BTCUSDC-PERP", quote), ("BTCUSD-PERP", quote)]);
    }
}

#[tokio::test]
async fn live_minutes_join_as_they_come_and_close_by_time_without_a_member() {
    let rig = Rig::start(4, LONG).await;
    let (one, five) =
        (topic("all", "BTCUSDC-PERP", Timeframe::M1), topic("all", "BTCUSDC-PERP", Timeframe::M5));
    rig.subscribe(&one).await;
    rig.subscribe(&five).await;
    for member in [2, 0, 1] {
        rig.feed(member, Bar { closed: false, ..minute(member, RUNNING) });
    }
    let volume = |members: &[usize], from: Ms| sums(members, from, RUNNING + Ms::MINUTE).0;
    let forming = rig
        .wait(&one, "three members", |b| {
            b.last().is_some_and(|j| close(j.bar.volume, volume(&[0, 1, 2], RUNNING)))
        })
        .await;
    let bar = forming.last().unwrap().bar;
    // The asked symbol is the reference, wherever it is configured.
    assert_eq!((bar.closed, bar.open), (false, minute(1, RUNNING).open));
    for member in [0, 1, 2] {
        rig.feed(member, minute(member, RUNNING));
    }
    rig.now.store(RUNNING.0 + 70_000, Ordering::Relaxed);
    let closed = |b: &[JoinedBar]| b.first().is_some_and(|j| j.bar.closed && j.bar.timestamp == RUNNING);
    let without = rig.wait(&one, "closed by time", closed).await.remove(0);
    assert!(close(without.bar.volume, volume(&[0, 1, 2], RUNNING)));
    let hole = without.marks.iter().find(|m| m.member.symbol.as_str() == "BTCUSD-PERP").unwrap();
    assert_eq!(hole.why, [Difference::NoBar, Difference::OtherQuote]);
    assert_eq!((without.bar.cvd, without.by_venue.len()), (None, 2));
    // The hole is refilled: a better version.
    rig.feed(3, minute(3, RUNNING));
    let whole = |b: &[JoinedBar]| b.first().is_some_and(|j| j.by_venue.len() == 3);
    let whole = rig.wait(&one, "refilled", whole).await.remove(0);
    assert!(whole.bar.supersedes(&without.bar) && whole.bar.cvd.is_some());
    let open = Calendar::default().open(Timeframe::M5, RUNNING);
    let five = rig
        .wait(&five, "five minutes", |b| {
            b.last().is_some_and(|j| close(j.bar.volume, volume(&[0, 1, 2, 3], open)))
        })
        .await;
    assert_eq!(five.last().unwrap().bar.through, Some(RUNNING));
}

#[tokio::test]
async fn members_that_come_later_are_joined_and_topics_without_listeners_end() {
    let rig = Rig::start(1, Duration::ZERO).await;
    let topic = topic("all", "BTCUSDT-PERP", Timeframe::M1);
    let client = rig.hub.connect();
    rig.hub.subscribe(&client, std::slice::from_ref(&topic), [], None).unwrap();
    let alone = rig.subscribe(&topic).await;
    assert_eq!(joined(&alone[0].stamped.event).by_venue.len(), 1);
    rig.list(4);
    let all = rig.wait(&topic, "all members", |b| b.iter().any(|j| j.by_venue.len() == 3)).await;
    assert!(all[0].bar.supersedes(&joined(&alone[0].stamped.event).bar));
    // Nobody listens any more: nothing is kept.
    rig.hub.disconnect(&client);
    rig.wait(&topic, "the end", <[JoinedBar]>::is_empty).await;
    rig.feed(0, minute(0, RUNNING));
    let place = rig.bus.head();
    rig.hub.reached(place).await;
    assert!(rig.hub.last(&topic).is_empty());
    // And begins anew for the next.
    assert_eq!(rig.subscribe(&topic).await.len(), 1);
}

#[tokio::test]
async fn what_nobody_lists_is_answered_all_the_same() {
    let rig = Rig::start(4, LONG).await;
    assert!(rig.subscribe(&topic("all", "DOGEUSDT-PERP", Timeframe::M1)).await.is_empty());
    assert!(rig.subscribe(&topic("a", "DOGEUSDT-PERP", Timeframe::M5)).await.is_empty());
    let spot = rig.subscribe(&topic("all", "BTC/USDT", Timeframe::M1)).await;
    assert!(spot.is_empty(), "spot has no bars here: {spot:?}");
    let derived = |venue, interval| is_derived(&topic(venue, "X-PERP", interval));
    assert!(!derived("a", Timeframe::M1));
    assert!(derived("a", Timeframe::M5) && derived("all", Timeframe::M1));
}
