use shared::event::{Bar, Origin, Side, Trade};
use shared::market::{Calendar, Group, Kind};
use shared::wire::AlertDirection;

use super::*;
use crate::ingest::demand::FollowLimits;
use crate::ingest::live::Order;

/// Two venues that take orders and have room for one symbol each.
struct World {
    watch: Watch,
    _orders: [mpsc::UnboundedReceiver<Order>; 2],
}

fn instrument(venue: &str, base: &str, channels: &[Channel]) -> Arc<Instrument> {
    Arc::new(Instrument {
        symbol: Symbol::perp(base, "USDT").unwrap(),
        venue: VenueId::new(venue),
        venue_symbol: format!("{base}USDT"),
        group: Group::new(base, Kind::Perp),
        kind: Kind::Perp,
        base: base.into(),
        quote: "USDT".into(),
        tick_size: 0.1,
        step_size: 0.1,
        multiplier: 1.0,
        channels: channels.to_vec(),
        calendar: Calendar::default(),
    })
}

impl World {
    fn new() -> World {
        let venues = ["one", "two"].map(VenueId::new);
        let directory = Arc::new(Directory::new(venues.clone()));
        let hub = Arc::new(Hub::new());
        let limits = FollowLimits { grace: Ms::ZERO, symbols: 1 };
        let follower = Arc::new(Follower::new(directory.clone(), hub.clone(), limits));
        let orders = venues.each_ref().map(|venue| follower.attach(venue, &[]));
        directory
            .list(&venues[0], ["AAA", "BBB"].map(|base| instrument("one", base, &[Channel::Trade])).to_vec());
        directory
            .list(&venues[1], ["CCC", "DDD"].map(|base| instrument("two", base, &[Channel::Bar])).to_vec());
        let alerts = Arc::new(Alerts::unkept());
        World { watch: Watch::new(alerts, directory, follower, hub, Clock::real(), None), _orders: orders }
    }

    fn add(&self, base: &str, created: Ms) -> u32 {
        let alert = Alert {
            id: 0,
            symbol: Symbol::perp(base, "USDT").unwrap(),
            venue: None,
            price: 100.0,
            direction: AlertDirection::Above,
            note: String::new(),
            once: true,
            created,
            reference: None,
            fired: None,
            fired_price: None,
        };
        self.watch.alerts.add(alert).unwrap().id
    }

    /// What the venues follow.
    fn followed(&self) -> Vec<String> {
        self.watch.directory.followed().iter().map(Symbol::to_string).collect()
    }

    async fn take(&mut self, venue: &str, base: &str, body: Body) {
        let (symbol, venue) = (Symbol::perp(base, "USDT").unwrap(), VenueId::new(venue));
        self.watch.take(&Event { symbol, venue, received: Ms(1), body }).await;
    }

    fn fired(&self) -> Vec<u32> {
        self.watch.alerts.list().iter().filter(|alert| alert.fired.is_some()).map(|alert| alert.id).collect()
    }
}

fn trade(timestamp: i64, price: f64) -> Body {
    Body::Trade(Trade { timestamp: Ms(timestamp), price, quantity: 1.0, side: Side::Buy, id: String::new() })
}

#[tokio::test]
async fn what_fits_is_followed_and_the_rest_once_there_is_room() {
    let mut world = World::new();
    let topic = |base: &str| topic(&instrument("one", base, &[Channel::Trade]));
    world.watch.follower.hold(7, vec![topic("BBB")]).unwrap();
    let first = world.add("AAA", Ms(1));
    world.add("CCC", Ms(1));
    world.watch.tick();
    assert_eq!(world.followed(), ["BBBUSDT-PERP", "CCCUSDT-PERP"], "a full venue hinders no other");
    // Neither alerts nor lists change.
    world.watch.follower.release(7, Vec::new());
    world.watch.tick();
    assert_eq!(world.followed(), ["AAAUSDT-PERP", "CCCUSDT-PERP"]);
    // What is followed already keeps its place, and gives it up with its alert.
    let later = world.add("BBB", Ms(1));
    world.watch.tick();
    assert_eq!(world.followed(), ["AAAUSDT-PERP", "CCCUSDT-PERP"]);
    world.watch.alerts.remove(first).unwrap();
    world.watch.tick();
    assert_eq!(world.followed(), ["BBBUSDT-PERP", "CCCUSDT-PERP"]);
    assert!(world.watch.full.is_empty());
    world.take("one", "BBB", trade(2, 101.0)).await;
    assert_eq!(world.fired(), [later]);
}

#[tokio::test]
async fn prices_from_before_an_alert_do_not_fire_it() {
    let mut world = World::new();
    let traded = world.add("AAA", Ms(100_000));
    world.take("one", "AAA", trade(99_999, 101.0)).await;
    assert!(world.fired().is_empty(), "a trade from before");
    world.take("one", "AAA", trade(100_000, 101.0)).await;
    assert_eq!(world.fired(), [traded]);

    // A minute counts at its end.
    let minutes = world.add("CCC", Ms(100_000));
    for (open, fires) in [(0, false), (60_000, true)] {
        let bar = Bar::flat(Ms(open), Timeframe::M1, 101.0, Origin::Kline);
        world.take("two", "CCC", Body::Bar(bar)).await;
        assert_eq!(world.fired().contains(&minutes), fires, "the minute from {open}");
    }
}
