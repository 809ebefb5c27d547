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
