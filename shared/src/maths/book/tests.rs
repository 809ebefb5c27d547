use proptest::prelude::*;

use super::*;

fn book(tick: f64, bids: &[(f64, f64)], asks: &[(f64, f64)]) -> OrderBook {
    let mut book = OrderBook::new(tick);
    bids.iter().for_each(|(p, q)| book.set_bid(*p, *q));
    asks.iter().for_each(|(p, q)| book.set_ask(*p, *q));
    book
}

#[test]
fn best_prices_are_the_inner_ones_and_zero_removes() {
    let mut b = book(0.1, &[(99.9, 1.0), (100.0, 2.0), (99.8, 3.0)], &[(100.2, 5.0), (100.1, 4.0)]);
    assert_eq!((b.best_bid(), b.best_ask()), (Some((100.0, 2.0)), Some((100.1, 4.0))));
    b.set_bid(100.0, 0.0);
    b.set_ask(100.1, 7.5);
    b.set_ask(55.5, 0.0);
    assert_eq!((b.best_bid(), b.best_ask()), (Some((99.9, 1.0)), Some((100.1, 7.5))));
    assert_eq!(b.bids().collect::<Vec<_>>(), [(99.9, 1.0), (99.8, 3.0)]);
    assert!(!b.is_empty());
    b.clear();
    assert!(b.is_empty() && b.best_bid().is_none() && b.top(Ms(1)).is_none());
}

#[test]
fn a_price_finds_its_level_whatever_its_last_bit() {
    let mut b = book(0.1, &[(0.3, 1.0)], &[]);
    b.set_bid(0.1 + 0.2, 0.0);
    assert!(b.is_empty());
}

#[test]
fn top_has_spread_and_depth_with_both_bounds_inside() {
    // Mid 1000: the window is 999 to 1001.
    let bids = [(999.5, 2.0), (999.0, 1.0), (998.75, 100.0)];
    let asks = [(1000.5, 1.0), (1000.75, 4.0), (1001.25, 100.0)];
    let top = book(0.25, &bids, &asks).top(Ms(7)).unwrap();
    assert_eq!((top.timestamp, top.bid_px, top.bid_qty), (Ms(7), 999.5, 2.0));
    assert_eq!((top.ask_px, top.ask_qty, top.spread_bps), (1000.5, 1.0, 10.0));
    let depth = top.depth_10bps.unwrap();
    assert_eq!((depth.bid_usd, depth.ask_usd), (2998.0, 1000.5 + 4003.0));
}

#[test]
fn depth_can_be_zero_when_the_spread_is_wider_than_the_window() {
    let depth = book(1.0, &[(90.0, 1.0)], &[(110.0, 1.0)]).top(Ms(0)).unwrap().depth_10bps.unwrap();
    assert_eq!((depth.bid_usd.to_bits(), depth.ask_usd.to_bits()), (0, 0));
}

#[test]
fn crossed_and_one_sided_books_have_no_top() {
    for (bids, asks, crossed) in [
        (vec![(100.0, 1.0)], vec![(100.0, 1.0)], true),
        (vec![(101.0, 1.0)], vec![(100.0, 1.0)], true),
        (vec![(100.0, 1.0)], vec![], false),
        (vec![], vec![(100.0, 1.0)], false),
    ] {
        let b = book(0.5, &bids, &asks);
        assert_eq!((b.crossed(), b.top(Ms(0))), (crossed, None));
    }
}

#[test]
fn unknown_and_wrong_ticks_keep_every_price_apart() {
    for tick in [0.0, f64::NAN, -1.0, 0.5] {
        let mut b = book(tick, &[(100.0, 1.0), (100.1, 2.0), (100.2, 3.0)], &[(100.3, 1.0)]);
        assert_eq!(b.bids().collect::<Vec<_>>(), [(100.2, 3.0), (100.1, 2.0), (100.0, 1.0)], "{tick}");
        b.set_bid(100.2, 0.0);
        b.set_bid(100.0, 9.0);
        assert_eq!(b.bids().collect::<Vec<_>>(), [(100.1, 2.0), (100.0, 9.0)], "{tick}");
    }
}

#[test]
fn senseless_levels_change_nothing() {
    let mut b = book(0.1, &[(1.0, 1.0)], &[]);
    for (price, quantity) in
        [(f64::NAN, 1.0), (f64::INFINITY, 1.0), (0.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, f64::NAN)]
    {
        b.set_bid(price, quantity);
        b.set_ask(price, quantity);
    }
    assert_eq!((b.best_bid(), b.best_ask()), (Some((1.0, 1.0)), None));
}

#[derive(Clone, Debug)]
struct Order {
    buy: bool,
    ticks: i64,
    quantity: f64,
}

fn orders() -> impl Strategy<Value = Vec<Order>> {
    let one = (any::<bool>(), 1_i64..400, 0_u32..5).prop_map(|(buy, ticks, q)| Order {
        buy,
        ticks,
        quantity: f64::from(q) * 0.25,
    });
    proptest::collection::vec(one, 1..200)
}

proptest! {
    /// What a venue sends: an order first takes out what it crosses, then rests.
    #[test]
    fn valid_updates_never_cross_the_book(orders in orders(), tick in prop_oneof![Just(0.0), Just(0.1), Just(1e-8)]) {
        let unit = if tick == 0.0 { 0.1 } else { tick };
        let price = |ticks: i64| format!("{:.8}", ticks as f64 * unit).parse::<f64>().unwrap();
        let mut book = OrderBook::new(tick);
        let (mut bids, mut asks) = (BTreeMap::new(), BTreeMap::new());
        for o in orders {
            let p = price(o.ticks);
            let (own, other) = if o.buy { (&mut bids, &mut asks) } else { (&mut asks, &mut bids) };
            let hit = |t: i64| if o.buy { t <= o.ticks } else { t >= o.ticks };
            let taken: Vec<i64> = other.keys().copied().filter(|t| o.quantity > 0.0 && hit(*t)).collect();
            for t in taken {
                other.remove(&t);
                if o.buy { book.set_ask(price(t), 0.0) } else { book.set_bid(price(t), 0.0) }
            }
            if o.quantity > 0.0 { own.insert(o.ticks, o.quantity); } else { own.remove(&o.ticks); }
            if o.buy { book.set_bid(p, o.quantity) } else { book.set_ask(p, o.quantity) }

            prop_assert!(!book.crossed());
            let model: Vec<_> = bids.iter().rev().map(|(t, q)| (price(*t), *q)).collect();
            prop_assert_eq!(book.bids().collect::<Vec<_>>(), model);
            let model: Vec<_> = asks.iter().map(|(t, q)| (price(*t), *q)).collect();
            prop_assert_eq!(book.asks().collect::<Vec<_>>(), model);
            if let Some(top) = book.top(Ms(0)) {
                prop_assert!(top.spread_bps > 0.0);
                let depth = top.depth_10bps.unwrap();
                prop_assert!(depth.bid_usd >= 0.0 && depth.ask_usd >= 0.0);
            } else {
                prop_assert!(bids.is_empty() || asks.is_empty());
            }
        }
    }
}
