use std::collections::VecDeque;
use std::sync::Mutex;

use shared::market::{Calendar, Group, Kind, VenueId};

use super::plan::kind_of;
use super::*;
use crate::Mode;

const PERPS: Product = "perps";
const SPOT: Product = "spot";

type Answer = Result<Fetched, RestError>;

/// Answers in the order given and notes what was asked.
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    asked: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Ask for Script {
    async fn ask(&self, fetch: &Fetch) -> Answer {
        let Fetch::Instruments { product, venue_symbols, cursor } = fetch else {
            return Err(RestError::Unsupported("venue".into()));
        };
        let page = cursor.as_deref().map(|cursor| format!("@{cursor}")).unwrap_or_default();
        self.asked.lock().unwrap().push(format!("{product}{page}{}", venue_symbols.join(",")));
        self.answers.lock().unwrap().pop_front().expect("a question too many")
    }
}

fn listed(symbols: &[&str]) -> Vec<Instrument> {
    symbols.iter().map(|text| (*instrument(text)).clone()).collect()
}

fn instrument(text: &str) -> Arc<Instrument> {
    let kind = kind_of(&text.parse().unwrap());
    let base = text.split(['/', '-']).next().unwrap().trim_end_matches("USDT").to_owned();
    Arc::new(Instrument {
        symbol: text.parse().unwrap(),
        venue: VenueId::new("venue"),
        venue_symbol: text.to_lowercase(),
        group: Group::new(&base, kind),
        kind,
        base,
        quote: "USDT".into(),
        tick_size: 0.1,
        step_size: 0.1,
        multiplier: 1.0,
        channels: Vec::new(),
        calendar: Calendar::default(),
    })
}

fn page(symbols: &[&str], next: Option<&str>) -> Answer {
    Ok(Fetched::Instruments { listed: listed(symbols), next: next.map(str::to_owned) })
}

fn all(symbols: &[&str]) -> Answer {
    page(symbols, None)
}

fn failed() -> Answer {
    Err(RestError::Unavailable { venue: "venue".into(), reason: "it is away".into() })
}

struct World {
    lister: Lister<Script>,
    asked: Arc<Mutex<Vec<String>>>,
    desk: mpsc::UnboundedReceiver<Order>,
    known: watch::Receiver<Arc<Instruments>>,
}

impl World {
    /// Follows these always; `names` for a venue that cannot list.
    fn new(symbols: &[&str], named: bool, answers: Vec<Answer>) -> World {
        World::after(&[], symbols, named, answers)
    }

    /// The same after a run in which the venue listed `kept`.
    fn after(kept: &[&str], symbols: &[&str], named: bool, answers: Vec<Answer>) -> World {
        let venue = VenueId::new("venue");
        let symbols: Vec<Symbol> = symbols.iter().map(|s| s.parse().unwrap()).collect();
        let directory = Arc::new(Directory::new([venue.clone()]));
        directory.configure(&venue, &symbols);
        if !kept.is_empty() {
            directory.add(&venue, kept.iter().map(|text| instrument(text)).collect());
        }
        let product_of = |kind| Some(if kind == Kind::Spot { SPOT } else { PERPS });
        let name = |s: &Symbol| (PERPS, s.as_str().to_lowercase());
        let names = named.then(|| symbols.iter().map(name).collect());
        let products = if named { vec![PERPS] } else { vec![PERPS, SPOT] };
        let plan = Plan { venue, products, needed: 1, symbols, names, product_of: Arc::new(product_of) };
        let asked = Arc::new(Mutex::new(Vec::new()));
        let script = Script { answers: Mutex::new(answers.into()), asked: asked.clone() };
        let (known, knows) = watch::channel(Arc::default());
        let (sender, desk) = mpsc::unbounded_channel();
        let board = Arc::new(Board::new(Mode::Live, [VenueId::new("venue")]));
        let told = Told { directory, board, known, desk: sender };
        World { lister: Lister::new(plan, script, told, 7), asked, desk, known: knows }
    }

    fn directory(&self) -> &Directory {
        &self.lister.told.directory
    }

    /// The orders since last asked, like `+AAA-PERP`.
    fn orders(&mut self) -> Vec<String> {
        let mut orders = Vec::new();
        while let Ok(order) = self.desk.try_recv() {
            orders.push(match order {
                Order::Follow(symbol) => format!("+{symbol}"),
                Order::Unfollow(symbol) => format!("-{symbol}"),
                Order::Delisted(symbol) => format!("x{symbol}"),
            });
        }
        orders
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn status(&self, text: &str) -> Option<Listing> {
        Some(self.directory().market(&VenueId::new("venue"), &text.parse().unwrap())?.status)
    }
}

#[tokio::test]
async fn lists_are_read_in_pages_with_backoff_and_again_a_day_later() {
    let answers = vec![
        failed(),
        all(&["CCC/USDT"]),
        page(&["AAA-PERP"], Some("2")),
        failed(),
        page(&["AAA-PERP"], Some("2")),
        all(&["BBB-PERP"]),
    ];
    let mut world = World::new(&["BBB-PERP", "AAA-PERP"], false, answers);
    assert_eq!(world.lister.round().await, RETRY);
    assert_eq!(world.asked(), ["perps", "spot"], "one that fails does not hold the others up");
    assert_eq!(world.orders(), Vec::<String>::new());
    let reason = world.lister.told.board.report(Ms(0))[0].reason.clone();
    assert_eq!(reason.as_deref(), Some("venue did not answer: it is away"));
    assert_eq!(world.lister.round().await, RETRY * 2);
    assert_eq!(world.asked(), ["perps", "perps@2"]);
    let day = world.lister.round().await;
    assert!(day >= REFRESH && day < REFRESH + Duration::from_secs(2 * 3_600), "{day:?}");
    assert_eq!(world.asked(), ["perps", "perps@2"], "what was read is not read again");
    assert_eq!(world.orders(), ["+BBB-PERP", "+AAA-PERP"], "in configured order");
    assert_eq!(world.directory().symbols().len(), 3);
    assert!(world.known.borrow().get(SPOT, "ccc/usdt").is_some());
    assert_eq!(world.lister.pending, [PERPS, SPOT]);
    assert_ne!(jitter(7, 1), jitter(7, 2));
}

#[tokio::test]
async fn followed_symbols_that_go_change_or_come_back_are_told() {
    let mut other = listed(&["AAA-PERP", "BBB-PERP", "EEE-PERP"]);
    other[0].venue_symbol = "aaa2-perp".into();
    other[2].tick_size = 0.5;
    let spot = || all(&["DDD/USDT"]);
    let answers = vec![
        all(&["AAA-PERP", "BBB-PERP", "EEE-PERP", "FFF-PERP"]),
        spot(),
        Ok(Fetched::Instruments { listed: other, next: None }),
        spot(),
        all(&["BBB-PERP", "GGG-PERP", "CCC-PERP"]),
        spot(),
        all(&["AAA-PERP", "BBB-PERP", "CCC-PERP"]),
        spot(),
    ];
    let mut world = World::new(&["AAA-PERP", "CCC-PERP"], false, answers);
    world.lister.round().await;
    assert_eq!(world.orders(), ["+AAA-PERP"]);
    world.directory().follow(&VenueId::new("venue"), &"EEE-PERP".parse().unwrap());
    world.lister.round().await;
    // Another name and another tick: both begin anew. What nobody follows goes unnoticed.
    assert_eq!(world.orders(), ["-AAA-PERP", "+AAA-PERP", "-EEE-PERP", "+EEE-PERP"]);
    assert!(world.known.borrow().get(PERPS, "aaa-perp").is_none());
    assert!(world.known.borrow().get(PERPS, "aaa2-perp").is_some());
    assert_eq!(world.status("FFF-PERP"), Some(Listing::Delisted));
    world.lister.round().await;
    assert_eq!(world.orders(), ["xAAA-PERP", "+CCC-PERP", "xEEE-PERP"]);
    assert_eq!(world.status("AAA-PERP"), Some(Listing::Delisted));
    world.lister.round().await;
    assert_eq!(world.orders(), ["+AAA-PERP"], "it is back");
    assert_eq!(world.status("AAA-PERP"), Some(Listing::Trading));
}

#[tokio::test]
async fn an_empty_or_broken_list_wipes_nothing() {
    let names = ["AAA-PERP", "BBB-PERP", "CCC-PERP", "DDD-PERP", "EEE-PERP"];
    let answers = vec![
        all(&names),
        all(&[]),
        all(&[]),
        Ok(Fetched::Ignored("something else")),
        all(&names[..2]),
        all(&["ZZZ/USDT"]),
        all(&names[..2]),
    ];
    let mut world = World::new(&["EEE-PERP"], false, answers);
    // A product nobody needs may have nothing to list.
    assert!(world.lister.round().await >= REFRESH);
    world.orders();
    assert_eq!(world.lister.round().await, RETRY, "an empty list, and one that is none");
    assert_eq!(world.lister.pending, [PERPS, SPOT]);
    assert_eq!(world.lister.round().await, RETRY * 2, "most of the market gone");
    assert_eq!((world.orders(), world.directory().symbols().len()), (Vec::<String>::new(), 6));
    assert_eq!(world.status("EEE-PERP"), Some(Listing::Trading));
    // Said twice, it is so.
    assert!(world.lister.round().await >= REFRESH);
    assert_eq!(world.orders(), ["xEEE-PERP"]);
}

#[tokio::test]
async fn a_venue_that_cannot_list_is_asked_for_each_name() {
    let unknown = Err(RestError::BadRequest { venue: "venue".into(), reason: "no such code".into() });
    let answers = vec![
        unknown,
        all(&["BBB-PERP"]),
        failed(),
        all(&["CCC-PERP"]),
        all(&[]),
        all(&["BBB-PERP"]),
        all(&["CCC-PERP"]),
        all(&["FFF-PERP"]),
    ];
    let mut world = World::new(&["AAA-PERP", "BBB-PERP", "CCC-PERP"], true, answers);
    assert_eq!(world.lister.round().await, RETRY);
    assert_eq!(world.asked(), ["perpsaaa-perp", "perpsbbb-perp", "perpsccc-perp"]);
    assert!(world.lister.round().await >= REFRESH);
    assert_eq!(world.asked(), ["perpsccc-perp"]);
    assert_eq!(world.orders(), ["+BBB-PERP", "+CCC-PERP"]);
    let report = world.lister.told.board.report(Ms(0));
    assert_eq!(report[0].reason.as_deref(), Some("SYMBOLS: venue does not list AAA-PERP"));
    // One that was found by search and is followed is asked for like the others, and decoders learn of it.
    let venue = VenueId::new("venue");
    world.directory().add(&venue, vec![instrument("FFF-PERP")]);
    world.directory().follow(&venue, &"FFF-PERP".parse().unwrap());
    world.lister.round().await;
    assert_eq!(world.asked(), ["perpsaaa-perp", "perpsbbb-perp", "perpsccc-perp", "perpsfff-perp"]);
    assert_eq!(world.orders(), Vec::<String>::new());
}

#[tokio::test]
async fn decoders_know_a_symbol_before_the_desk_does() {
    let mut world = World::new(&[], true, Vec::new());
    let found = instrument("FFF-PERP");
    world.directory().add(&VenueId::new("venue"), vec![found.clone()]);
    let (sender, orders) = mpsc::unbounded_channel();
    sender.send(Order::Follow(found.symbol.clone())).unwrap();
    sender.send(Order::Unfollow("GGG-PERP".parse().unwrap())).unwrap();
    drop(sender);
    let passing = Passing {
        venue: VenueId::new("venue"),
        product_of: world.lister.plan.product_of.clone(),
        directory: world.lister.told.directory.clone(),
        known: world.lister.told.known.clone(),
        desk: world.lister.told.desk.clone(),
    };
    passing.run(orders).await;
    assert_eq!(world.known.borrow().get(PERPS, "fff-perp"), Some(&found));
    assert_eq!(world.orders(), ["+FFF-PERP", "-GGG-PERP"]);
}

#[tokio::test]
async fn what_an_earlier_run_listed_holds_until_the_venue_lists_again() {
    let mut other = listed(&["AAA-PERP", "BBB-PERP"]);
    other[1].tick_size = 0.5;
    let answers = vec![
        failed(),
        failed(),
        // Half of it, not believed at once; the other product is not to be had.
        all(&["AAA-PERP"]),
        failed(),
        Ok(Fetched::Instruments { listed: other, next: None }),
        failed(),
        all(&["DDD/USDT"]),
    ];
    let kept = ["AAA-PERP", "BBB-PERP", "CCC-PERP", "EEE-PERP", "DDD/USDT"];
    let mut world = World::after(&kept, &["AAA-PERP", "BBB-PERP", "CCC-PERP", "DDD/USDT"], false, answers);
    for _ in 0..2 {
        world.lister.round().await;
        assert_eq!(world.orders(), Vec::<String>::new(), "nothing begins on hearsay");
        assert!(kept.iter().all(|text| world.status(text) == Some(Listing::Trading)));
    }
    world.lister.round().await;
    assert_eq!(world.orders(), ["+AAA-PERP", "-BBB-PERP", "+BBB-PERP", "xCCC-PERP"]);
    assert_eq!(world.status("CCC-PERP"), Some(Listing::Delisted));
    assert_eq!(world.status("DDD/USDT"), Some(Listing::Trading), "that product was not read");
    assert!(world.known.borrow().get(SPOT, "ddd/usdt").is_some());
    assert!(world.lister.round().await >= REFRESH);
    assert_eq!(world.orders(), ["+DDD/USDT"]);
}

#[tokio::test]
async fn a_kept_name_is_followed_once_the_venue_knows_it_still() {
    let unknown = Err(RestError::BadRequest { venue: "venue".into(), reason: "no such code".into() });
    let answers = vec![failed(), failed(), all(&["AAA-PERP"]), unknown];
    let kept = ["AAA-PERP", "BBB-PERP"];
    let mut world = World::after(&kept, &kept, true, answers);
    world.lister.round().await;
    assert_eq!(world.orders(), Vec::<String>::new());
    world.lister.round().await;
    assert_eq!(world.orders(), ["+AAA-PERP"]);
    let report = world.lister.told.board.report(Ms(0));
    assert_eq!(report[0].reason.as_deref(), Some("SYMBOLS: venue does not list BBB-PERP"));
}
