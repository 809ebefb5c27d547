//! Ranges that take many calls.

use super::*;

fn small(page: u32, native: &[Timeframe]) -> Venue {
    Venue { page: page as usize, per_call: Some(page), ..Venue::new(native) }
}

fn opens(rows: &[Bar]) -> Vec<i64> {
    rows.iter().map(|bar| bar.timestamp.0).collect()
}

#[tokio::test]
async fn a_long_answer_in_small_pages_has_no_holes() {
    let edge = NOW.floor(Ms::MINUTE);
    let from = edge - Ms(6_000 * 60_000);
    let expected: Vec<i64> = (from.0..edge.0).step_by(60_000).collect();
    for newest in [false, true] {
        let deck = deck(small(100, &[Timeframe::M1]));
        let q = BarsQuery { from, to: edge, limit: 6_000, newest, ..query(Timeframe::M1) };
        let answer = deck.history.candles(&q).await.unwrap();
        assert_eq!(answer.incomplete, None);
        assert!(opens(&bars(answer)) == expected, "newest: {newest}");
        assert_eq!(deck.venue.calls().len(), 60);
    }
}

#[tokio::test]
async fn an_answer_that_takes_too_many_calls_ends_before_the_hole_and_goes_on_when_asked_again() {
    let deck = deck(small(1, &[Timeframe::M1]));
    let to = NOW.floor(Ms::MINUTE);
    let from = to - Ms(400 * 60_000);
    // Behind the hole there are rows, which are not to be taken for what comes next.
    record(&deck, to - Ms::MINUTE, to).await;
    let q = BarsQuery { from, newest: false, limit: 1_000, ..query(Timeframe::M1) };
    let first = deck.history.candles(&q).await.unwrap();
    assert!(first.incomplete.as_ref().is_some_and(|why| why.contains("ask again")), "{:?}", first.incomplete);
    let first = opens(&bars(first));
    assert!(first.len() < 399, "{}", first.len());
    let expected: Vec<i64> = (from.0..=to.0).step_by(60_000).collect();
    assert_eq!(first, expected[..first.len()]);
    // The newest, on the other hand, are whole at their end.
    let newest = deck.history.candles(&BarsQuery { newest: true, to, ..q.clone() }).await.unwrap();
    let again = deck.history.candles(&q).await.unwrap();
    assert_eq!((&newest.incomplete, &again.incomplete), (&None, &None));
    assert_eq!(opens(&bars(again)), expected);
}

#[tokio::test]
async fn the_newest_rows_stay_whole_when_the_calls_run_out() {
    let deck = deck(small(1, &[Timeframe::M1]));
    let to = NOW.floor(Ms::MINUTE);
    let q = BarsQuery { from: to - Ms(400 * 60_000), to, limit: 1_000, ..query(Timeframe::M1) };
    let newest = deck.history.candles(&q).await.unwrap();
    assert!(newest.incomplete.is_some());
    let newest = opens(&bars(newest));
    let expected: Vec<i64> = (to.0 - 400 * 60_000..to.0).step_by(60_000).collect();
    assert!((200..400).contains(&newest.len()), "{}", newest.len());
    assert_eq!(newest, expected[400 - newest.len()..]);
}

#[tokio::test]
async fn empty_calls_do_not_end_the_way_to_the_first_row() {
    let listed = NOW.floor(Ms::DAY) - Ms(3 * Ms::DAY.0);
    let deck = deck(Venue { listed, ..small(100, &Timeframe::ALL) });
    let q = BarsQuery { from: Civil::midnight(2019, 1, 1), newest: false, limit: 10, ..query(Timeframe::M1) };
    let answer = deck.history.candles(&q).await.unwrap();
    assert_eq!(answer.incomplete, None);
    let rows = bars(answer);
    assert_eq!((rows.len(), rows[0].timestamp), (10, listed));
    let calls = deck.venue.calls();
    assert!(calls.len() < 20, "{} calls", calls.len());
}

#[tokio::test]
async fn a_last_row_that_never_closed_does_not_hide_those_before_it() {
    let deck = deck(Venue::new(&[]));
    let old = NOW.floor(Ms::MINUTE) - Ms(1_000 * 60_000);
    record(&deck, old, old + Ms(300_000)).await;
    abandon(&deck, old + Ms(300_000)).await;
    let q = BarsQuery { to: NOW - Ms::HOUR, limit: 10, ..query(Timeframe::M1) };
    assert_eq!(deck.history.candles(&q).await.unwrap().candles.len(), 5);
}

#[tokio::test]
async fn minutes_after_one_that_never_closed_are_folded() {
    let deck = deck(Venue::new(&[]));
    let start = Civil::midnight(2024, 3, 1);
    // One chunk is 20,000 rows, of which one is no closed minute.
    let abandoned = start + Ms(50 * 60_000);
    let end = start + Ms(20_160 * 60_000);
    record(&deck, start, abandoned).await;
    abandon(&deck, abandoned).await;
    record(&deck, abandoned + Ms::MINUTE, end).await;
    let q = BarsQuery { to: end, limit: 1, ..query(Timeframe::H1) };
    let rows = bars(deck.history.candles(&q).await.unwrap());
    assert_eq!(opens(&rows), [end.0 - Ms::HOUR.0]);
    // The first recorded one does not hide that there is a record.
    let empty = self::deck(Venue::new(&[]));
    abandon(&empty, start).await;
    record(&empty, start + Ms::MINUTE, start + Ms::HOUR).await;
    let q = BarsQuery { from: start, to: start + Ms::DAY, newest: false, ..query(Timeframe::H1) };
    assert_eq!(bars(empty.history.candles(&q).await.unwrap()).len(), 1);
}
