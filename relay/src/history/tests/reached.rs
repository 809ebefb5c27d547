//! Venues whose answers reach back from now, whatever was asked for.

use super::*;

#[tokio::test]
async fn what_an_answer_brings_beside_is_kept_and_not_asked_for_again() {
    let listed = NOW.floor(Ms::MINUTE) - Ms(700 * 60_000);
    let deck = deck(Venue { reached: Some(2_000), listed, ..Venue::new(&[Timeframe::M1]) });
    let ask = |limit| BarsQuery { limit, ..query(Timeframe::M1) };
    // A failure is no answer.
    deck.venue.down.store(true, Ordering::Relaxed);
    assert!(deck.history.candles(&BarsQuery { to: NOW - Ms::DAY, ..ask(10) }).await.is_err());
    deck.venue.down.store(false, Ordering::Relaxed);
    deck.history.failed.lock().unwrap().clear();
    deck.venue.calls();

    assert_eq!(bars(deck.history.candles(&ask(100)).await.unwrap()).len(), 100);
    assert_eq!(deck.venue.calls().len(), 1);
    for limit in [10, 500, 720] {
        let found = bars(deck.history.candles(&ask(limit)).await.unwrap());
        assert_eq!(found.len(), limit.min(701), "it goes back no further");
    }
    // What came after the answer comes live; what lies before its reach is another matter.
    deck.clock.fetch_add(120_000, Ordering::Relaxed);
    deck.history.candles(&ask(10)).await.unwrap();
    assert_eq!(deck.venue.calls(), []);
    let old = NOW - Ms(3_000 * 60_000);
    deck.history
        .candles(&BarsQuery { from: old, to: old + Ms::HOUR, newest: false, ..ask(10) })
        .await
        .unwrap();
    assert_eq!(deck.venue.calls().len(), 1);
}

#[tokio::test]
async fn one_answer_settles_every_stretch_it_reaches() {
    let edge = NOW.floor(Ms::MINUTE);
    let deck = deck(Venue { reached: Some(2_000), ..Venue::new(&[Timeframe::M1]) });
    // Three stretches, too far apart to be one.
    for minutes in [1_200, 600] {
        let start = edge - Ms(minutes * 60_000);
        record(&deck, start, start + Ms(200 * 60_000)).await;
    }
    let q = BarsQuery { from: edge - Ms(1_500 * 60_000), to: edge, limit: 5_000, ..query(Timeframe::M1) };
    let rows = bars(deck.history.candles(&q).await.unwrap());
    assert_eq!(deck.venue.calls().len(), 1);
    let opens: Vec<i64> = rows.iter().map(|bar| bar.timestamp.0).collect();
    assert_eq!(opens, (q.from.0..edge.0).step_by(60_000).collect::<Vec<_>>(), "each minute once");
}

#[tokio::test]
async fn an_answer_that_ends_before_the_range_takes_one_call() {
    let edge = NOW.floor(Ms::MINUTE);
    let holes = (1..=120).map(|m| edge - Ms(m * 60_000)).collect();
    let deck = deck(Venue { reached: Some(2_000), holes, ..Venue::new(&[Timeframe::M1]) });
    let q = BarsQuery { from: edge - Ms::HOUR, to: edge, newest: false, ..query(Timeframe::M1) };
    assert_eq!(deck.history.candles(&q).await.unwrap().candles, []);
    assert_eq!(deck.venue.calls().len(), 1);
}
