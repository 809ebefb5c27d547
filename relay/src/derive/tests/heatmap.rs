//! Heat maps of the hand-fed group.

use shared::event::{Heatmap, Liquidation, LiquidationSide, PriceKind};
use shared::maths::heatmap::{Grid, Painter, fingerprint, window};

use super::super::heatmap_topic;
use super::*;

const SYMBOL: &str = "BTCUSDT-PERP";

/// A forced close of a member.
fn death(member: usize, at: Ms, price: f64, value: f64) -> Event {
    let (venue, symbol, _) = MEMBERS[member];
    let hit = Liquidation {
        timestamp: at,
        side: LiquidationSide::Long,
        quantity: value / price,
        price,
        value,
        price_kind: PriceKind::Average,
        at_least: false,
    };
    let (symbol, venue) = (symbol.parse().unwrap(), VenueId::new(venue));
    Event { received: at, symbol, venue, body: Body::Liquidation(hit) }
}

/// The centre that the stored minutes of a member lead to.
fn walked(member: usize) -> Grid {
    Grid::walk((1..=200).rev().map(|n| minute(member, RUNNING - Ms(n * 60_000)).close)).unwrap()
}

impl Rig {
    async fn record(&self, events: impl IntoIterator<Item = Event>) {
        self.store.write(events.into_iter().map(Record::Event).collect()).await.unwrap();
        self.store.flush().await.unwrap();
    }

    /// How many maps have been told, and the last one.
    fn told(&self) -> Option<(u64, Heatmap)> {
        let last = self.hub.last(&heatmap_topic(&SYMBOL.parse().unwrap()));
        let stamped = last.last()?;
        let Body::Heatmap(map) = &stamped.event.body else { panic!("no heat map: {stamped:?}") };
        Some((stamped.seq, (**map).clone()))
    }

    async fn map(&self, what: &str, wish: impl Fn(&Heatmap) -> bool) -> (u64, Heatmap) {
        for _ in 0..200 {
            if let Some(told) = self.told().filter(|(_, map)| wish(map)) {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{what} within 2 s: {:?}", self.told());
    }

    /// What the request for the same map finds.
    async fn asked(&self) -> u64 {
        let market = self.directory.joined(&SYMBOL.parse().unwrap()).unwrap();
        let grid = self.history.heat_grid(&market.with(Channel::Bar)).await.unwrap().unwrap().grid;
        let now = self.history.now();
        let mut painter = Painter::new(&grid, now, 1);
        let deaths = market.with(Channel::Liquidation);
        self.history.prints(&deaths, window(now, 1), |print| painter.add(&print)).await.unwrap();
        fingerprint(&painter.finish())
    }
}

/// Count and sum of all cells.
fn inside(map: &Heatmap) -> (u64, f64) {
    (map.cells.iter().map(|c| c.count).sum(), map.cells.iter().map(|c| c.size_usd).sum())
}

#[tokio::test]
async fn a_subscriber_finds_the_groups_recorded_prints_around_the_walked_centre() {
    let rig = Rig::start(4, LONG).await;
    let centre = walked(0).centre();
    let (from, to) = window(NOW, 1);
    let prints = [
        death(0, from, centre, 5.0),
        death(1, from, centre, 6.0),
        death(2, from + Ms(1), centre, 7.5),
        death(3, to - Ms(1), centre * 1.01, 9.0),
        death(3, to - Ms(1), centre * 1.06, 100.0),
        // Before the window.
        death(0, from - Ms(1), centre, 1e6),
    ];
    rig.record(prints).await;
    let topic = heatmap_topic(&SYMBOL.parse().unwrap());
    let frames = rig.subscribe(&topic).await;
    assert_eq!((frames.len(), frames[0].snapshot), (1, true));
    let (seq, map) = rig.told().unwrap();
    assert_eq!(map.price_bins, walked(0).edges());
    assert_eq!((map.time_bins[0], map.time_bins[12]), (from, to));
    let cells: Vec<_> = map.cells.iter().map(|c| (c.t, c.p, c.count, c.size_usd)).collect();
    assert_eq!(cells, [(0, 25, 3, 18.5), (11, 30, 1, 9.0)]);
    assert_eq!((map.outside.count, map.outside.size_usd, map.max_size_usd), (1, 100.0, 18.5));
    assert_eq!((seq, map.timestamp), (1, NOW));
    assert_eq!(fingerprint(&map), rig.asked().await);
    // The other symbol of the group has the same prints around its own price.
    let frames = rig.subscribe(&heatmap_topic(&"BTCUSDC-PERP".parse().unwrap())).await;
    let Body::Heatmap(other) = &frames[0].stamped.event.body else { panic!("{frames:?}") };
    assert_eq!(other.price_bins, walked(1).edges());
    assert_eq!(inside(other).0 + other.outside.count, 5);
}

#[tokio::test]
async fn a_new_print_shows_within_two_seconds_and_what_changes_nothing_is_not_told() {
    let rig = Rig::start(4, LONG).await;
    let centre = walked(0).centre();
    // Whoever is answered knows that the makers listen to the bus.
    rig.subscribe(&topic("all", SYMBOL, Timeframe::M1)).await;
    // On the bus, and not on record yet.
    rig.bus.publish(death(2, NOW - Ms(500), centre, 3.0));
    rig.subscribe(&heatmap_topic(&SYMBOL.parse().unwrap())).await;
    let (first, _) = rig.map("the print on the bus", |map| inside(map) == (1, 3.0)).await;
    rig.bus.publish(death(2, NOW, centre, 4.0));
    assert_eq!(rig.map("the new print", |map| inside(map) == (2, 7.0)).await.0, first + 1);
    // The same again, one of another group, one too old, a price within the hold: nothing.
    rig.bus.publish(death(2, NOW, centre, 4.0));
    rig.bus.publish(death(0, NOW - Ms::DAY, centre, 4.0));
    let spot = Event { symbol: "BTC/USDT".parse().unwrap(), ..death(0, NOW, centre, 4.0) };
    rig.bus.publish(spot);
    let mut still = minute(0, RUNNING);
    still.close = centre * 1.01;
    rig.feed(0, still);
    // Another minute's price further away moves the centre only where it is the reference's.
    rig.feed(1, Bar { close: centre * 2.0, ..minute(1, RUNNING) });
    rig.bus.publish(death(0, NOW + Ms(1), centre * 1.5, 8.0));
    let (seq, map) = rig.map("the print outside", |map| map.outside.count == 1).await;
    assert_eq!((seq, inside(&map), map.price_bins[25]), (first + 2, (2, 7.0), centre));
    rig.feed(0, Bar { close: centre * 1.5, ..minute(0, RUNNING + Ms::MINUTE) });
    let (seq, map) = rig.map("the centre moved", |map| map.outside.count == 2).await;
    assert_eq!((seq, inside(&map)), (first + 3, (1, 8.0)));
    assert!((map.price_bins[25] / (centre * 1.5) - 1.0).abs() < 0.013);
    // Five minutes begin without anything else.
    rig.now.fetch_add(TIME, Ordering::Relaxed);
    let (seq, later) = rig.map("the window moved", |m| m.time_bins[0] > map.time_bins[0]).await;
    assert_eq!((seq, later.time_bins[0]), (first + 4, map.time_bins[1]));
    assert_eq!(later.cells[0].t + 1, map.cells[0].t);
}

/// Five minutes.
const TIME: i64 = 300_000;

#[tokio::test]
async fn maps_end_without_listeners_and_begin_anew_with_the_members_there_are() {
    let rig = Rig::start(1, Duration::ZERO).await;
    let topic = heatmap_topic(&SYMBOL.parse().unwrap());
    let centre = walked(0).centre();
    rig.record([death(0, NOW, centre, 1.0), death(3, NOW, centre, 2.0)]).await;
    let client = rig.hub.connect();
    rig.hub.subscribe(&client, std::slice::from_ref(&topic), [], None).unwrap();
    rig.subscribe(&topic).await;
    assert_eq!(rig.told().map(|(_, map)| inside(&map)), Some((1, 1.0)));
    rig.list(4);
    rig.map("the later member's print", |map| inside(map) == (2, 3.0)).await;
    rig.hub.disconnect(&client);
    for _ in 0..400 {
        if rig.told().is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(rig.told(), None, "nobody listens");
    assert_eq!(rig.subscribe(&topic).await.len(), 1);
    // Where nobody publishes liquidations there is no map, and an answer all the same.
    assert!(rig.subscribe(&heatmap_topic(&"DOGE-PERP".parse().unwrap())).await.is_empty());
}
