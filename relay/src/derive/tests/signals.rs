//! Signals off the bus equal what the strategy says of the same bars.

use shared::event::Signal;
use shared::maths::signals::{EmaCrossoverRsi, verdicts};

use super::*;

/// A closed minute of the first member, `n` minutes from [`RUNNING`], on a wave that crosses its averages.
fn wave(n: i64) -> Bar {
    let close = 1_000.0 + ((n % 120) as f64 - 60.0).abs() + if n % 2 == 0 { 4.0 } else { 0.0 };
    Bar { close, high: 2_000.0, low: 1.0, ..minute(0, RUNNING + Ms(n * 60_000)) }
}

/// What the store has of the first member.
fn stored() -> Vec<Bar> {
    (1..=200).rev().map(|n| minute(0, RUNNING - Ms(n * 60_000))).collect()
}

fn signal_topic(interval: Timeframe) -> Topic {
    Topic { channel: Channel::Signal, ..topic("a", "BTCUSDT-PERP", interval) }
}

/// The signals of bars opening at `from` or later.
fn expected(bars: &[Bar], from: Ms) -> Vec<Signal> {
    let told = verdicts(&mut EmaCrossoverRsi::default(), bars);
    let signals = bars.iter().zip(told).filter(|(bar, _)| bar.timestamp >= from);
    signals.filter_map(|(bar, verdict)| verdict.signal(bar, EmaCrossoverRsi::ID)).collect()
}

/// Everything a maker put on the bus, read until there are `n` signals of a topic.
async fn signals(
    events: &mut mpsc::UnboundedReceiver<Arc<shared::event::Stamped>>,
    topic: &Topic,
    n: usize,
) -> Vec<Signal> {
    let mut found = Vec::new();
    while found.len() < n {
        let next = tokio::time::timeout(Duration::from_secs(10), events.recv()).await;
        let event = &next.expect("a signal in time").expect("an open bus").event;
        if let Body::Signal(signal) = &event.body {
            assert_eq!(event.topic(), *topic);
            assert_eq!(event.class(), shared::event::Class::Event);
            found.push((**signal).clone());
        }
    }
    found
}

#[tokio::test]
async fn a_closed_bar_is_told_once_and_corrections_count_for_those_after_it() {
    let rig = Rig::start(1, LONG).await;
    let topic = signal_topic(Timeframe::M1);
    let mut events = rig.bus.consume();
    assert!(rig.subscribe(&topic).await.is_empty(), "event topics start empty");
    let mut bars = stored();
    for n in 0..300 {
        let bar = wave(n);
        rig.feed(0, Bar { closed: false, close: 1.0, ..bar });
        rig.feed(0, bar);
        bars.push(bar);
    }
    let first = expected(&bars, RUNNING);
    assert!(first.len() >= 3, "{first:?}");
    assert_eq!(signals(&mut events, &topic, first.len()).await, first);
    // Told again, corrected, and late: nothing is said, but what follows is judged by it.
    rig.feed(0, bars[499]);
    let at = bars.iter().position(|bar| bar.timestamp == first[0].timestamp).unwrap();
    for place in [at, 480, 499] {
        let better = Bar { close: bars[place].close - 25.0, revision: 1, ..bars[place] };
        rig.feed(0, better);
        bars[place] = better;
    }
    for n in 300..420 {
        rig.feed(0, wave(n));
        bars.push(wave(n));
    }
    let second = expected(&bars, wave(300).timestamp);
    assert!(!second.is_empty());
    assert_eq!(signals(&mut events, &topic, second.len()).await, second);
}

#[tokio::test]
async fn longer_bars_are_judged_when_they_close() {
    let rig = Rig::start(1, LONG).await;
    let topic = signal_topic(Timeframe::M5);
    // Bars that are fed and not stored: they are to come from the bus from the first on.
    rig.subscribe(&Topic { channel: Channel::Bar, ..topic.clone() }).await;
    let mut events = rig.bus.consume();
    rig.subscribe(&topic).await;
    let minutes: Vec<Bar> = stored().into_iter().chain((0..1_500).map(wave_of_fives)).collect();
    for minute in &minutes[200..] {
        rig.feed(0, *minute);
    }
    // A strategy of closes: those of the last minutes of the buckets.
    let closing = |bar: &&Bar| (bar.timestamp + Ms::MINUTE).floor(Ms(300_000)) == bar.timestamp + Ms::MINUTE;
    let bars: Vec<Bar> = minutes
        .iter()
        .filter(closing)
        .map(|bar| Bar { timestamp: bar.timestamp.floor(Ms(300_000)), interval: Timeframe::M5, ..*bar })
        .collect();
    let expected = expected(&bars, RUNNING);
    assert!(expected.len() >= 2, "{expected:?}");
    assert_eq!(signals(&mut events, &topic, expected.len()).await, expected);
}

/// The wave five times as long.
fn wave_of_fives(n: i64) -> Bar {
    Bar { close: wave(n.div_euclid(5)).close, ..wave(n) }
}

#[tokio::test]
async fn what_nobody_wants_ends() {
    let rig = Rig::start(1, LONG).await;
    let (bus, directory) = (rig.bus.clone(), rig.directory.clone());
    let mut higher = HigherBars::new(bus.clone(), rig.hub.clone(), directory.clone(), rig.history.clone());
    let mut signals = Signals::new(bus, rig.hub.clone(), directory, rig.history.clone());
    signals.linger = Duration::ZERO;
    let (mut jobs, topic) = (Jobs::default(), signal_topic(Timeframe::M1));
    let client = rig.hub.connect();
    rig.hub.subscribe(&client, std::slice::from_ref(&topic), [], None).unwrap();
    signals.want(&topic, &mut higher, &mut jobs);
    let mut review = |signals: &mut Signals| {
        signals.reviewed -= Duration::from_secs(2);
        signals.tick(&mut higher, &mut jobs);
        signals.series.len()
    };
    assert_eq!(review(&mut signals), 1, "somebody listens");
    rig.hub.disconnect(&client);
    assert_eq!(review(&mut signals), 0);
}
