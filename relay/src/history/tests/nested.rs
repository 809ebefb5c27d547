//! Timeframes a venue lacks while it has others.

use super::*;

const COINBASE: [Timeframe; 5] = [Timeframe::M1, Timeframe::M5, Timeframe::M15, Timeframe::H1, Timeframe::D1];
const LACKING: [(Timeframe, Timeframe); 4] = [
    (Timeframe::M30, Timeframe::M15),
    (Timeframe::H4, Timeframe::H1),
    (Timeframe::W1, Timeframe::D1),
    (Timeframe::Mo1, Timeframe::D1),
];

/// Sums of sums differ from one long sum in the last bits only.
fn same(found: &Bar, expected: &Bar) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= b.abs() * 1e-12;
    let prices =
        |bar: &Bar| (bar.timestamp, bar.interval, bar.open, bar.high, bar.low, bar.close, bar.closed);
    prices(found) == prices(expected) && near(found.volume, expected.volume)
}

#[tokio::test]
async fn they_are_folded_from_whole_buckets_of_the_largest_that_nests() {
    for (timeframe, rung) in LACKING {
        let deck = deck(Venue::new(&COINBASE));
        // What was recorded live is no more than a beginning.
        record(&deck, NOW.floor(Ms::MINUTE) - Ms(30 * 60_000), NOW.floor(Ms::MINUTE)).await;
        let open = Calendar::Continuous.open(timeframe, NOW);
        let mut from = open;
        for _ in 0..5 {
            from = Calendar::Continuous.previous(timeframe, from);
        }
        let expected = deck.venue.bars(timeframe, from, open, 5);
        let newest = BarsQuery { limit: 6, ..query(timeframe) };
        let rows = bars(deck.history.candles(&newest).await.unwrap());
        assert_eq!(rows.len(), 6, "{timeframe}");
        assert!(rows.iter().zip(&expected).all(|(row, bar)| same(row, bar)), "{timeframe}");
        assert_eq!((rows[5].timestamp, rows[5].closed), (open, false), "{timeframe}");
        assert_eq!(rows[5].through, Some(NOW.floor(Ms::MINUTE) - Ms::MINUTE), "{timeframe}");
        let calls = deck.venue.calls();
        assert!(calls.iter().any(|(tf, ..)| *tf == rung), "{timeframe}: {calls:?}");
        assert!(calls.iter().all(|(tf, ..)| COINBASE.contains(tf)), "{timeframe}: {calls:?}");

        // From the middle of a bucket, cut at the limit.
        let oldest = BarsQuery { from: from + Ms(1), limit: 2, newest: false, ..query(timeframe) };
        let rows = bars(deck.history.candles(&oldest).await.unwrap());
        assert_eq!(rows.len(), 2, "{timeframe}");
        assert!(rows.iter().zip(&expected[1..]).all(|(row, bar)| same(row, bar)), "{timeframe}");
        let past = BarsQuery { from, to: open - Ms(1), limit: 3, ..query(timeframe) };
        let rows = bars(deck.history.candles(&past).await.unwrap());
        assert_eq!(rows.len(), 3, "{timeframe}");
        assert!(rows.iter().zip(&expected[2..]).all(|(row, bar)| same(row, bar)), "{timeframe}");
    }
}

#[tokio::test]
async fn a_bucket_with_a_part_the_venue_does_not_have_yet_is_finished_from_minutes() {
    let start = Civil::midnight(2024, 3, 15) + Ms(12 * Ms::HOUR.0);
    let late: HashSet<Ms> = (15..30).map(|m| start + Ms(m * 60_000)).collect();
    let deck = deck(Venue { holes: late, ..Venue::new(&COINBASE) });
    record(&deck, start, NOW.floor(Ms::MINUTE)).await;
    let minutes: Vec<Bar> = (0..30).map(|m| minute(start + Ms(m * 60_000))).collect();
    let expected = fold(&minutes, Timeframe::M30, &Calendar::Continuous)[0];
    for newest in [true, false] {
        let q = BarsQuery { from: start - Ms::HOUR, newest, ..query(Timeframe::M30) };
        let rows = bars(deck.history.candles(&q).await.unwrap());
        assert_eq!(rows.len(), 4);
        assert!(same(&rows[2], &expected), "{:?} is not {expected:?}", rows[2]);
    }
}

#[tokio::test]
async fn a_bucket_is_never_answered_in_part_while_the_venue_is_out_of_reach() {
    let deck = deck(Venue::new(&COINBASE));
    let noon = NOW.floor(Ms::DAY) + Ms(12 * Ms::HOUR.0);
    // Hours of yesterday from 06:00 on are known: the bucket from 04:00 in half.
    let known = noon - Ms(30 * Ms::HOUR.0);
    let hours = BarsQuery { from: known, to: noon, newest: false, ..query(Timeframe::H1) };
    deck.history.candles(&hours).await.unwrap();
    deck.venue.down.store(true, Ordering::Relaxed);
    let q = BarsQuery { from: known - Ms::DAY, to: noon, ..query(Timeframe::H4) };
    for newest in [true, false] {
        let answer = deck.history.candles(&BarsQuery { newest, ..q.clone() }).await.unwrap();
        assert!(answer.incomplete.is_some());
        let rows = bars(answer);
        assert_eq!(rows[0].timestamp, known + Ms(2 * Ms::HOUR.0));
        assert_eq!(rows.len(), 7);
    }
}
