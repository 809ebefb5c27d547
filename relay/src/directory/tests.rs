use shared::event::Channel;
use shared::market::{Calendar, Kind};

use super::*;

fn venue(name: &str) -> VenueId {
    VenueId::new(name)
}

fn symbol(text: &str) -> Symbol {
    text.parse().unwrap()
}

/// An instrument of a canonical symbol, under the name the venue gives it.
fn named(at: &str, text: &str, venue_symbol: &str) -> Arc<Instrument> {
    let (pair, kind) = text.strip_suffix("-PERP").map_or((text, Kind::Spot), |pair| (pair, Kind::Perp));
    let split =
        |quote: &&'static str| pair.strip_suffix(*quote).map(|base| (base.trim_end_matches('/'), *quote));
    let (base, quote) = ["USDT", "USDC", "USD"].iter().find_map(split).unwrap();
    Arc::new(Instrument {
        symbol: symbol(text),
        venue: venue(at),
        venue_symbol: venue_symbol.into(),
        group: Group::new(base, kind),
        kind,
        base: base.into(),
        quote: quote.into(),
        tick_size: 0.1,
        step_size: 0.001,
        multiplier: 1.0,
        channels: Vec::new(),
        calendar: Calendar::default(),
    })
}

fn instrument(at: &str, text: &str) -> Arc<Instrument> {
    named(at, text, &text.replace(['/', '-'], ""))
}

fn texts(symbols: Vec<Symbol>) -> Vec<String> {
    symbols.into_iter().map(|s| s.to_string()).collect()
}

/// Two venues: the first lists perpetuals, the second those it shares and spot.
fn directory() -> Directory {
    let directory = Directory::new(["one", "two"].map(venue));
    directory.configure(&venue("one"), &["BTCUSDT-PERP", "NONEUSDT-PERP"].map(symbol));
    let perps = ["ETHUSDT-PERP", "BTCUSDC-PERP", "BTCUSDT-PERP", "BTCDOMUSDT-PERP"];
    directory.list(&venue("one"), perps.map(|s| instrument("one", s)).to_vec());
    let mixed = vec![
        instrument("two", "BTC/USD"),
        named("two", "BTCUSDT-PERP", "BTC-USDT-SWAP"),
        named("two", "PEPEUSDT-PERP", "1000PEPE-USDT-SWAP"),
    ];
    directory.list(&venue("two"), mixed);
    directory
}

#[test]
fn what_is_listed_is_found_by_venue_symbol_and_group() {
    let directory = directory();
    let names = |list: Vec<Arc<Instrument>>| -> Vec<String> {
        list.iter().map(|i| format!("{} {}", i.venue, i.symbol)).collect()
    };
    assert_eq!(names(directory.listings(&symbol("BTCUSDT-PERP"))), ["one BTCUSDT-PERP", "two BTCUSDT-PERP"]);
    let group = Group::new("BTC", Kind::Perp);
    let members = ["one BTCUSDC-PERP", "one BTCUSDT-PERP", "two BTCUSDT-PERP"];
    assert_eq!(names(directory.members(&group)), members);
    assert_eq!(names(directory.members(&Group::new("BTC", Kind::Spot))), ["two BTC/USD"]);
    assert_eq!(names(directory.members(&Group::new("XRP", Kind::Perp))), Vec::<String>::new());
    assert!(directory.get(&venue("one"), &symbol("BTC/USD")).is_none());
    assert!(directory.get(&venue("none"), &symbol("BTC/USD")).is_none());
}

#[test]
fn configured_symbols_come_first_and_dynamic_ones_while_wanted() {
    let directory = directory();
    // What is configured and listed nowhere has no row.
    assert_eq!(texts(directory.followed()), ["BTCUSDT-PERP"]);
    directory.follow(&venue("two"), &symbol("PEPEUSDT-PERP"));
    directory.follow(&venue("one"), &symbol("ETHUSDT-PERP"));
    directory.follow(&venue("one"), &symbol("BTCUSDT-PERP"));
    assert_eq!(texts(directory.followed()), ["BTCUSDT-PERP", "ETHUSDT-PERP", "PEPEUSDT-PERP"]);
    let follows = |at: &str, text: &str| directory.market(&venue(at), &symbol(text)).unwrap().followed;
    assert!(follows("one", "BTCUSDT-PERP") && follows("two", "PEPEUSDT-PERP") && !follows("two", "BTC/USD"));
    for text in ["ETHUSDT-PERP", "BTCUSDT-PERP"] {
        directory.unfollow(&venue("one"), &symbol(text));
    }
    assert_eq!(texts(directory.followed()), ["BTCUSDT-PERP", "PEPEUSDT-PERP"]);
    let configured = |at: &str| directory.is_configured(&venue(at), &symbol("BTCUSDT-PERP"));
    assert!(configured("one") && !configured("two"));
}

#[test]
fn a_delisted_symbol_stays_readable_behind_those_that_trade() {
    let directory = directory();
    let before = directory.changes();
    directory.list(&venue("one"), vec![instrument("one", "ETHUSDT-PERP")]);
    assert!(directory.changes() > before);
    let markets = directory.markets(&symbol("BTCUSDT-PERP"));
    let seen: Vec<_> = markets.iter().map(|m| (m.instrument.venue.as_str(), m.status)).collect();
    assert_eq!(seen, [("two", Listing::Trading), ("one", Listing::Delisted)]);
    let members = directory.members(&Group::new("BTC", Kind::Perp));
    assert_eq!(members.iter().map(|i| i.venue.as_str()).collect::<Vec<_>>(), ["two"]);
    assert_eq!(texts(directory.followed()), ["BTCUSDT-PERP"], "its history is still to be had");
    // Listed again, it trades again.
    directory.list(&venue("one"), ["BTCUSDT-PERP", "ETHUSDT-PERP"].map(|s| instrument("one", s)).to_vec());
    let status = directory.market(&venue("one"), &symbol("BTCUSDT-PERP")).unwrap().status;
    assert_eq!(status, Listing::Trading);
    assert_eq!(directory.symbols().iter().filter(|s| s.as_str() == "BTCUSDT-PERP").count(), 1);
}

#[test]
fn search_ranks_the_same_before_the_beginning_before_the_rest() {
    let directory = directory();
    let search = |text: &str| texts(directory.search(text, &[], 50));
    // Exact base: the followed one first, then by length; a base that only begins so comes later.
    let btc = ["BTCUSDT-PERP", "BTC/USD", "BTCUSDC-PERP", "BTCDOMUSDT-PERP"];
    assert_eq!(search("btc"), btc);
    assert_eq!(search(" BTC "), btc);
    assert_eq!(search("1000pepe"), ["PEPEUSDT-PERP"], "by the venue's own name");
    assert_eq!(search("eth-perp"), ["ETHUSDT-PERP"], "by group");
    assert_eq!(search("dom"), ["BTCDOMUSDT-PERP"]);
    assert_eq!(search("usdc"), ["BTCUSDC-PERP"]);
    assert_eq!(search("nothing"), Vec::<String>::new());
    assert_eq!(search("").len(), 6);
    assert_eq!(search("").first().map(String::as_str), Some("BTCUSDT-PERP"), "what is followed leads");
    assert_eq!(directory.search("btc", &[], 2).len(), 2);
    // What a venue answered stands last unless its name matches.
    let told = [symbol("PEPEUSDT-PERP"), symbol("BTC/USD")];
    assert_eq!(texts(directory.search("usdc", &told, 9)), ["BTCUSDC-PERP", "BTC/USD", "PEPEUSDT-PERP"]);
}

#[test]
fn what_was_found_is_forgotten_in_time_unless_followed() {
    let directory = Directory::new([venue("one")]);
    directory.add(&venue("one"), vec![instrument("one", "KEEPUSDT-PERP")]);
    directory.follow(&venue("one"), &symbol("KEEPUSDT-PERP"));
    for n in 0..MOST_FOUND + 10 {
        directory.add(&venue("one"), vec![instrument("one", &format!("A{n}USDT-PERP"))]);
        // Found again, it counts as new.
        directory.add(&venue("one"), vec![instrument("one", "A0USDT-PERP")]);
    }
    assert_eq!(directory.symbols().len(), MOST_FOUND);
    let known = |text: &str| directory.get(&venue("one"), &symbol(text)).is_some();
    assert!(
        known("KEEPUSDT-PERP") && known("A0USDT-PERP") && known(&format!("A{}USDT-PERP", MOST_FOUND + 9))
    );
    assert!(!known("A1USDT-PERP"));
    assert_eq!(directory.members(&Group::new("A1", Kind::Perp)), Vec::new());
}

#[test]
fn what_the_relay_makes_follows_from_what_the_group_has() {
    let offering = |at: &str, text: &str, channels: &[Channel]| {
        Arc::new(Instrument { channels: channels.to_vec(), ..(*instrument(at, text)).clone() })
    };
    let directory = Directory::new([venue("one"), venue("two")]);
    let spot = offering("one", "BTC/USDT", &[Channel::Bar, Channel::Book]);
    let perp = offering("one", "BTCUSDT-PERP", &[Channel::Book]);
    directory.set(&venue("one"), vec![spot, perp]);
    let made = |text: &str| directory.made(&symbol(text));
    assert_eq!(made("BTC/USDT"), [Channel::Signal, Channel::Guards]);
    assert_eq!(made("BTCUSDT-PERP"), [Channel::Guards], "no bars, and nobody's liquidations");
    directory.set(&venue("two"), vec![offering("two", "BTCUSDC-PERP", &[Channel::Liquidation])]);
    assert_eq!(made("BTCUSDT-PERP"), [Channel::Guards, Channel::Heatmap], "a sibling publishes liquidations");
    directory.list(&venue("one"), Vec::new());
    assert_eq!(made("BTC/USDT"), [Channel::Signal], "what is recorded stays");
    assert_eq!(made("XRPUSDT-PERP"), []);
}
