use std::sync::atomic::{AtomicUsize, Ordering};

use shared::market::{Calendar, Group, Kind};

use super::*;

/// Has two instruments whose names tell nothing of `apple`, and answers that alone.
struct Vendor {
    calls: AtomicUsize,
    works: bool,
}

fn instrument(venue: &str, symbol: &str) -> Instrument {
    Instrument {
        symbol: symbol.parse().unwrap(),
        venue: VenueId::new(venue),
        venue_symbol: symbol.into(),
        group: Group::new(symbol, Kind::Stock),
        kind: Kind::Stock,
        base: symbol.into(),
        quote: "USD".into(),
        tick_size: 0.01,
        step_size: 1.0,
        multiplier: 1.0,
        channels: Vec::new(),
        calendar: Calendar::default(),
    }
}

#[async_trait]
impl Finder for Vendor {
    fn venue(&self) -> VenueId {
        VenueId::new(if self.works { "vendor" } else { "broken" })
    }

    async fn find(&self, text: &str) -> Result<Vec<Instrument>, RestError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if !self.works {
            return Err(RestError::Unavailable { venue: "broken".into(), reason: "it is away".into() });
        }
        // A search does not tell ticks.
        let found = |symbol: &&str| Instrument { tick_size: 0.0, ..instrument("vendor", symbol) };
        Ok(["NASDAQ:AAPL", "NASDAQ:APLE"].iter().filter(|_| text == "apple").map(found).collect())
    }

    async fn resolve(&self, symbol: &Symbol) -> Result<Vec<Instrument>, RestError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        match symbol.as_str() {
            "NYSE:IBM" | "NASDAQ:AAPL" if self.works => Ok(vec![instrument("vendor", symbol.as_str())]),
            _ => Err(RestError::BadRequest { venue: "vendor".into(), reason: "no such code".into() }),
        }
    }
}

struct World {
    lookup: Lookup,
    directory: Arc<Directory>,
    clock: Clock,
    vendor: Arc<Vendor>,
    broken: Arc<Vendor>,
}

fn world() -> World {
    let directory = Arc::new(Directory::new(["vendor", "broken"].map(VenueId::new)));
    let clock = Clock::recorded();
    let lookup = Lookup::new(directory.clone(), clock.clone());
    let [vendor, broken] = [true, false].map(|works| Arc::new(Vendor { calls: AtomicUsize::new(0), works }));
    lookup.add(vendor.clone());
    lookup.add(broken.clone());
    World { lookup, directory, clock, vendor, broken }
}

impl World {
    async fn find(&self, text: &str) -> Vec<String> {
        self.lookup.find(text).await.iter().map(ToString::to_string).collect()
    }

    fn calls(&self) -> (usize, usize) {
        (self.vendor.calls.load(Ordering::Relaxed), self.broken.calls.load(Ordering::Relaxed))
    }
}

#[tokio::test]
async fn a_venues_answer_is_merged_kept_and_asked_for_anew_in_time() {
    let world = world();
    assert_eq!(world.find("Apple ").await, ["NASDAQ:AAPL", "NASDAQ:APLE"]);
    assert!(world.directory.get(&VenueId::new("vendor"), &"NASDAQ:AAPL".parse().unwrap()).is_some());
    assert_eq!(world.calls(), (1, 1), "one that fails does not fail the search");
    assert_eq!(world.find("apple").await.len(), 2);
    assert_eq!(world.calls(), (1, 2), "what is known is not asked again, what failed is");
    world.clock.advance(GOOD_FOR);
    assert_eq!(world.find("apple").await.len(), 2);
    assert_eq!(world.calls(), (2, 3));
    assert_eq!(world.find("a").await, Vec::<String>::new());
    assert_eq!(world.calls(), (2, 3), "one letter asks nobody");
}

#[tokio::test]
async fn typing_cannot_use_up_a_venues_budget() {
    let world = world();
    for n in 0..A_MINUTE + 5 {
        world.find(&format!("text {n}")).await;
    }
    assert_eq!(world.calls(), (A_MINUTE, A_MINUTE));
    assert_eq!(world.find("apple").await, Vec::<String>::new());
    world.clock.advance(Ms::MINUTE);
    assert_eq!(world.find("apple").await.len(), 2);
    for n in 0..A_DAY as i64 {
        world.clock.advance(Ms(Ms::MINUTE.0 * (n + 2)));
        world.find(&format!("more {n}")).await;
    }
    assert_eq!(world.calls(), (A_DAY, A_DAY));
    world.clock.advance(Ms(Ms::DAY.0 + Ms::MINUTE.0 * 2));
    world.find("tomorrow").await;
    assert_eq!(world.calls(), (A_DAY + 1, A_DAY + 1));
}

#[tokio::test]
async fn an_unknown_symbol_is_asked_for_by_name_once() {
    let world = world();
    let ibm: Symbol = "NYSE:IBM".parse().unwrap();
    world.lookup.resolve(&ibm).await;
    world.lookup.resolve(&ibm).await;
    assert_eq!(world.directory.listings(&ibm).len(), 1);
    assert_eq!(world.calls(), (1, 1));
    let none: Symbol = "NYSE:NONE".parse().unwrap();
    world.lookup.resolve(&none).await;
    world.lookup.resolve(&none).await;
    assert_eq!(world.calls(), (2, 2), "a name it does not know is remembered as such");
}

#[tokio::test]
async fn what_a_search_found_is_asked_for_by_name_before_it_is_used() {
    let world = world();
    world.find("apple").await;
    let apple: Symbol = "NASDAQ:AAPL".parse().unwrap();
    let tick = || world.directory.listings(&apple).first().map(|i| i.tick_size);
    assert_eq!(tick(), Some(0.0));
    world.lookup.resolve(&apple).await;
    assert_eq!(tick(), Some(0.01));
    world.clock.advance(GOOD_FOR);
    world.find("apple").await;
    assert_eq!(tick(), Some(0.01), "a search does not take back what is known");
}

#[tokio::test]
async fn the_memory_is_bounded() {
    let world = world();
    for n in 0..MOST_KEPT + 20 {
        world.clock.advance(Ms(Ms::MINUTE.0 * n as i64 / 8));
        world.find(&format!("text {n}")).await;
    }
    let kept = world.lookup.lock().iter().map(|asked| asked.answers.len()).max();
    assert!(kept <= Some(MOST_KEPT), "{kept:?}");
    assert!(world.lookup.lock().iter().all(|asked| asked.times.len() <= A_DAY));
}
