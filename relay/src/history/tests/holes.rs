//! What the venue does not have, not yet, or cannot be asked for.

use super::*;

#[tokio::test]
async fn the_time_before_the_listing_is_skipped_and_remembered() {
    let listed = NOW.floor(Ms::DAY) - Ms(3 * Ms::DAY.0);
    let deck = deck(Venue { listed, ..Venue::new(&Timeframe::ALL) });
    let q = BarsQuery { from: Civil::midnight(2019, 1, 1), newest: false, limit: 10, ..query(Timeframe::M1) };
    let rows = bars(deck.history.candles(&q).await.unwrap());
    assert_eq!((rows.len(), rows[0].timestamp), (10, listed));
    assert!(deck.venue.calls().len() <= 3);
    deck.history.candles(&q).await.unwrap();
    assert_eq!(deck.venue.calls(), []);
    let days = bars(deck.history.candles(&query(Timeframe::D1)).await.unwrap());
    assert_eq!(days.iter().map(|b| b.timestamp).collect::<Vec<_>>()[0], listed);
    assert_eq!(days.len(), 4);
}

#[tokio::test]
async fn a_hole_at_the_venue_stays_one_and_is_not_asked_for_again() {
    let edge = NOW.floor(Ms::HOUR);
    let holes: HashSet<Ms> = (0..30).map(|i| edge - Ms(i * 60_000)).collect();
    let deck = deck(Venue { holes, ..Venue::new(&[Timeframe::M1]) });
    let q = BarsQuery { limit: 90, ..query(Timeframe::M1) };
    let rows = bars(deck.history.candles(&q).await.unwrap());
    assert_eq!(rows.len(), 90);
    assert!(rows.windows(2).any(|pair| pair[1].timestamp - pair[0].timestamp == Ms(31 * 60_000)));
    deck.venue.calls();
    deck.history.candles(&q).await.unwrap();
    assert_eq!(deck.venue.calls(), []);
}

#[tokio::test]
async fn a_minute_the_venue_does_not_have_yet_is_asked_for_again() {
    let late = NOW.floor(Ms::MINUTE) - Ms::MINUTE;
    let deck = deck(Venue { holes: HashSet::from([late]), ..Venue::new(&[Timeframe::M1]) });
    let q = BarsQuery { from: late - Ms(300_000), newest: false, ..query(Timeframe::M1) };
    assert_eq!(deck.history.candles(&q).await.unwrap().candles.len(), 5 + 1);
    deck.venue.calls();
    deck.history.candles(&q).await.unwrap();
    assert_eq!(deck.venue.calls(), [(Timeframe::M1, late, late + Ms::MINUTE)]);
}

#[tokio::test]
async fn a_venue_out_of_reach_leaves_what_is_stored_and_is_left_alone() {
    let deck = deck(Venue::new(&Timeframe::ALL));
    deck.venue.down.store(true, Ordering::Relaxed);
    let past = BarsQuery { to: NOW.floor(Ms::DAY), ..query(Timeframe::H1) };
    let error = deck.history.candles(&past).await.unwrap_err();
    assert!(matches!(&error, HistoryError::Source(e) if e.reason.contains("banned")), "{error}");
    // Minutes recorded live still make hours.
    let edge = NOW.floor(Ms::MINUTE);
    record(&deck, edge - Ms(180 * 60_000), edge).await;
    let answer = deck.history.candles(&query(Timeframe::H1)).await.unwrap();
    assert!(answer.incomplete.as_ref().is_some_and(|why| why.contains("banned")), "{answer:?}");
    let opens: Vec<i64> = bars(answer).iter().map(|b| b.timestamp.0 / Ms::HOUR.0 % 24).collect();
    assert_eq!(opens, [9, 10, 11, 12]);
    assert_eq!(deck.venue.calls().len(), 1, "asked once, then left alone");
}
