use super::*;
use crate::bus::MemoryBus;
use shared::event::{Bar, Body, Channel, Cursor, Event, OpenInterest, Origin, Side, Trade};
use shared::market::{Ms, Timeframe, VenueId};

fn stamped(n: u64, body: Body) -> Arc<Stamped> {
    let symbol = "BTCUSDT-PERP".parse().expect("a symbol");
    let event = Event { received: Ms(n as i64), symbol, venue: VenueId::new("sim"), body };
    Arc::new(Stamped { event, seq: n, cursor: Cursor { epoch: 1, n } })
}

fn oi(n: u64) -> Arc<Stamped> {
    let at = Ms(n as i64);
    stamped(n, Body::Oi(OpenInterest { timestamp: at, open_interest: n as f64, open_interest_value: None }))
}

fn trade(n: u64) -> Arc<Stamped> {
    let id = n.to_string();
    stamped(n, Body::Trade(Trade { timestamp: Ms(n as i64), price: 1.0, quantity: 1.0, side: Side::Buy, id }))
}

fn bar(n: u64, minute: i64, closed: bool) -> Arc<Stamped> {
    let mut bar = Bar::flat(Ms(minute * 60_000), Timeframe::M1, n as f64, Origin::Trades);
    bar.closed = closed;
    stamped(n, Body::Bar(bar))
}

fn topic(channel: Channel) -> Topic {
    let interval = (channel == Channel::Bar).then_some(Timeframe::M1);
    Topic { symbol: "BTCUSDT-PERP".parse().expect("a symbol"), venue: VenueId::new("sim"), channel, interval }
}

/// Sequence numbers of the data frames now queued.
async fn drain(client: &Client) -> Vec<u64> {
    drain_data(client).await.iter().map(|d| d.stamped.seq).collect()
}

async fn drain_cursors(client: &Client) -> Vec<u64> {
    drain_data(client).await.iter().map(|d| d.stamped.cursor.n).collect()
}

async fn drain_data(client: &Client) -> Vec<Data> {
    let Ok(batch) = tokio::time::timeout(Duration::ZERO, client.next_batch(usize::MAX)).await else {
        return vec![];
    };
    let decoded = batch.frames.iter().filter_map(|text| ServerFrame::decode(text).ok());
    decoded.filter_map(|f| if let ServerFrame::Data(d) = f { Some(*d) } else { None }).collect()
}

#[tokio::test]
async fn state_goes_at_once_then_once_per_slot_with_the_last_value() {
    let hub = Hub::new();
    let client = hub.connect();
    hub.subscribe(&client, &[topic(Channel::Oi)], ["{}".into()], None).expect("no resume");
    let start = Instant::now();
    for n in 1..=5 {
        hub.publish(oi(n), start);
    }
    assert_eq!(drain(&client).await, [1]);
    hub.flush(start + Duration::from_millis(99));
    assert_eq!(drain(&client).await, [0; 0]);
    hub.flush(start + CONFLATE);
    assert_eq!(drain(&client).await, [5]);
    hub.flush(start + CONFLATE * 3);
    assert_eq!(drain(&client).await, [0; 0]);
}

#[tokio::test]
async fn events_are_never_merged_and_start_empty() {
    let hub = Hub::new();
    let now = Instant::now();
    hub.publish(trade(1), now);
    let client = hub.connect();
    hub.subscribe(&client, &[topic(Channel::Trade)], ["{}".into()], None).expect("no resume");
    for n in 2..=9 {
        hub.publish(trade(n), now);
    }
    assert_eq!(drain(&client).await, (2..=9).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_bar_subscriber_gets_last_closed_and_forming() {
    let hub = Hub::new();
    let now = Instant::now();
    hub.publish(bar(1, 0, false), now);
    hub.publish(bar(2, 0, true), now);
    hub.publish(bar(3, 1, false), now);
    let client = hub.connect();
    hub.subscribe(&client, &[topic(Channel::Bar)], ["{}".into()], None).expect("no resume");
    assert_eq!(drain(&client).await, [2, 3]);
    // Subscribing again is idempotent.
    hub.subscribe(&client, &[topic(Channel::Bar)], ["{}".into()], None).expect("no resume");
    assert_eq!(drain(&client).await, [0; 0]);
    // A closed bar overtakes and drops the forming value of its own bucket.
    hub.publish(bar(4, 1, false), now);
    hub.publish(bar(5, 1, true), now);
    hub.flush(now + CONFLATE * 2);
    assert_eq!(drain(&client).await, [5]);
    assert_eq!(hub.last(&topic(Channel::Bar)).len(), 1);
}

#[tokio::test]
async fn a_closed_bar_does_not_overtake_the_next_minute() {
    let hub = Hub::new();
    let client = hub.connect();
    hub.subscribe(&client, &[topic(Channel::Bar)], ["{}".into()], None).expect("no resume");
    let now = Instant::now();
    hub.publish(bar(1, 0, false), now);
    assert_eq!(drain(&client).await, [1]);
    // A joined minute closes when its last member has closed it; the next one has begun by then.
    hub.publish(bar(2, 1, false), now);
    hub.publish(bar(3, 1, false), now);
    hub.publish(bar(4, 0, true), now);
    hub.publish(bar(5, 1, false), now);
    let told = drain_data(&client).await;
    let places: Vec<_> = told.iter().map(|d| (d.stamped.seq, d.stamped.cursor.n)).collect();
    assert_eq!(places, [(3, 3), (4, 4)]);
    hub.flush(now + CONFLATE);
    assert_eq!(drain(&client).await, [5]);
}

#[tokio::test]
async fn a_slow_client_has_state_conflated_and_lost_events_told() {
    let hub = Hub::new();
    let client = hub.connect();
    hub.subscribe(&client, &[topic(Channel::Oi), topic(Channel::Trade)], ["{}".into()], None)
        .expect("no resume");
    let start = Instant::now();
    for n in 1..=50 {
        hub.publish(oi(n), start + CONFLATE * n as u32);
    }
    for n in 51..=6_000 {
        hub.publish(trade(n), start);
    }
    let first = client.next_batch(usize::MAX).await;
    assert_eq!(first.frames.iter().filter(|t| t.contains("open_interest_value")).count(), 1);
    let (topic, loss) = first.lost.first().cloned().expect("a loss");
    assert_eq!(topic.channel, Channel::Trade);
    assert_eq!(loss.to, Ms(6_000));
    let (dropped, conflated) = client.take_counts();
    assert_eq!((dropped, conflated), (loss.count, 49));
}

#[tokio::test]
async fn a_loss_is_told_before_what_came_after_it() {
    let hub = Hub::new();
    let client = hub.connect();
    hub.subscribe(&client, &[topic(Channel::Trade)], ["{}".into()], None).expect("no resume");
    let start = Instant::now();
    for n in 1..=5_000 {
        hub.publish(trade(n), start);
    }
    // There is room again, and the loss lies between what waits and what comes.
    let first = client.next_batch(10_000).await;
    assert!(first.lost.is_empty());
    hub.publish(trade(5_001), start);
    let second = client.next_batch(usize::MAX).await;
    let (_, loss) = second.lost.first().cloned().expect("a loss");
    let last = Ms(second.cursor.n as i64);
    assert_eq!((loss.from, loss.to), (last + Ms(1), Ms(5_000)), "its reader stands right before it");
    assert_eq!(drain_cursors(&client).await, [5_001]);
}

/// A small generator (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

#[tokio::test]
async fn who_resumes_from_any_cursor_it_saw_misses_nothing() {
    let topics = [Channel::Oi, Channel::Trade, Channel::Bar].map(topic);
    for seed in 1..=300 {
        let (bus, hub, mut random) = (MemoryBus::new(1), Hub::new(), Random(seed));
        let (mut consumer, mut now) = (bus.consume(), Instant::now());
        let mut published: Vec<Arc<Stamped>> = Vec::new();
        let mut client = hub.connect();
        hub.subscribe(&client, &topics, [], None).expect("no resume");
        // What the client has of all its connections, and where the newest of them began.
        let (mut seen, mut began): (Vec<Data>, usize) = (Vec::new(), 0);
        for step in 1..=400 {
            match random.below(12) {
                0..=4 => {
                    let minute = published.len() as i64 / 40;
                    let value = match random.below(4) {
                        0 => oi(step),
                        1 => bar(step, minute, false),
                        2 => bar(step, minute, true),
                        _ => trade(step),
                    };
                    published.push(bus.publish(value.event.clone()));
                }
                5..=8 => {
                    if let Ok(next) = consumer.try_recv() {
                        hub.publish(next, now);
                    }
                }
                9 => {
                    now += Duration::from_millis(40);
                    hub.flush(now);
                }
                10 => seen.extend(drain_data(&client).await),
                _ => {
                    // The line breaks, and the client goes back to any frame it had.
                    seen.extend(drain_data(&client).await);
                    seen.truncate(random.below(seen.len() as u64 + 1) as usize);
                    let place = seen.last().map_or(Cursor { epoch: 1, n: 0 }, |d| d.stamped.cursor);
                    hub.disconnect(&client);
                    client = hub.connect();
                    hub.subscribe(&client, &topics, [], Some((&bus, place))).expect("held");
                    began = seen.len();
                }
            }
            let cursors: Vec<u64> = seen.iter().skip(began).map(|d| d.stamped.cursor.n).collect();
            assert!(cursors.is_sorted(), "seed {seed}: {cursors:?}");
        }
        while let Ok(next) = consumer.try_recv() {
            hub.publish(next, now);
        }
        hub.flush(now + CONFLATE);
        seen.extend(drain_data(&client).await);
        for told in published.iter().filter(|s| !is_state(s)) {
            let same = |d: &&Data| d.stamped.event == told.event && d.stamped.seq == told.seq;
            assert!(seen.iter().any(|d| same(&d)), "seed {seed}: {told:?} was never told");
        }
        for topic in &topics {
            let newest = hub.snapshot(std::slice::from_ref(topic)).pop().filter(|d| is_state(&d.stamped));
            let last = seen.iter().rfind(|d| d.stamped.event.topic() == *topic);
            if let Some(newest) = newest {
                assert_eq!(last.map(|d| d.stamped.seq), Some(newest.stamped.seq), "seed {seed}: {topic:?}");
            }
        }
    }
}

#[tokio::test]
async fn unsubscribe_and_disconnect_stop_frames() {
    let hub = Hub::new();
    let (a, b) = (hub.connect(), hub.connect());
    for client in [&a, &b] {
        hub.subscribe(client, &[topic(Channel::Trade)], ["{}".into()], None).expect("no resume");
    }
    assert_eq!(hub.clients(), 2);
    hub.unsubscribe(&a, |t| t.channel == Channel::Trade);
    hub.disconnect(&b);
    hub.publish(trade(1), Instant::now());
    assert_eq!((drain(&a).await, drain(&b).await), (vec![], vec![]));
    assert_eq!(hub.clients(), 1);
}

#[tokio::test]
async fn resume_gives_what_was_missed_once_and_says_when_it_cannot() {
    let bus = MemoryBus::new(1);
    let hub = Hub::new();
    let mut consumer = bus.consume();
    let places: Vec<_> =
        [trade(1), oi(2), trade(3), oi(4)].iter().map(|s| bus.publish(s.event.clone()).cursor).collect();
    for _ in 0..3 {
        hub.publish(consumer.try_recv().expect("an event"), Instant::now());
    }
    let client = hub.connect();
    let topics = [topic(Channel::Oi), topic(Channel::Trade)];
    hub.subscribe(&client, &topics, ["{}".into()], Some((&bus, places[0]))).expect("held");
    // The fourth event is on the bus but not handed out yet: it comes live.
    hub.publish(consumer.try_recv().expect("an event"), Instant::now());
    hub.flush(Instant::now() + CONFLATE);
    assert_eq!(drain_cursors(&client).await, [2, 3, 4]);
    let other = Cursor { epoch: 9, n: 1 };
    assert!(hub.subscribe(&hub.connect(), &topics, ["{}".into()], Some((&bus, other))).is_err());
}
