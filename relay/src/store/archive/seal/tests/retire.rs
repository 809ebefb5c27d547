//! What goes for its age or for room, and what never does.

use super::*;

fn keep(days: u32) -> RetentionConfig {
    let days = Some(days);
    RetentionConfig { bars: days, oi: days, liquidations: days, book: days, ..RetentionConfig::default() }
}

/// A minute of a day.
fn on(day: i64, n: i64) -> i64 {
    day * 1_440 + n
}

/// A stage at 00:30 of a later day, with rows of days 0 to 3.
async fn filled(retention: RetentionConfig) -> Stage {
    let stage = Stage::keeping(retention);
    for day in 0..4 {
        stage
            .put([minute(on(day, 0)), oi(on(day, 0), 1.0), book(on(day, 0)), liquidation("okx", on(day, 0))])
            .await;
    }
    stage
}

fn days(stage: &Stage, dataset: Dataset) -> Vec<i64> {
    let all = stage.archive.manifest().all();
    let of = all.iter().filter(|entry| entry.meta.dataset == dataset);
    of.map(|entry| (entry.meta.day - DAY0).0 / Ms::DAY.0).collect()
}

#[tokio::test]
async fn days_older_than_kept_go_from_files_and_hot_rows() {
    let stage = filled(keep(2)).await;
    stage.clock.advance(DAY0 + Ms(4 * Ms::DAY.0 + 30 * 60_000));
    // Of days 0 to 3, on day 4: two are too old before they are sealed.
    let done = stage.pass().await.unwrap();
    assert_eq!((done.sealed, done.hours, done.retired, done.retired_rows), (8, 2, 0, 8));
    let datasets = [M1, H1, Dataset::Oi, Dataset::Book, Dataset::Liquidations];
    for dataset in datasets {
        assert_eq!(days(&stage, dataset), [2, 3], "{dataset:?}");
    }
    stage.clock.advance(DAY0 + Ms(5 * Ms::DAY.0 + 1));
    stage.put([minute(on(1, 5))]).await;
    let done = stage.pass().await.unwrap();
    assert_eq!((done.retired, done.retired_rows, done.sealed), (5, 1, 0));
    for dataset in datasets {
        assert_eq!(days(&stage, dataset), [3], "{dataset:?}");
        let rows = stage.rows(dataset).await;
        assert!(rows.iter().all(|row| row.timestamp() >= DAY0 + Ms(3 * Ms::DAY.0)), "{dataset:?}");
    }
    assert_eq!(files_below(stage.archive.folder()), 5 + 1, "the manifest and nothing else beside them");
}

#[tokio::test]
async fn a_deleted_day_is_no_longer_called_known() {
    let stage = filled(keep(2)).await;
    let day = |n: i64| DAY0 + Ms(n * Ms::DAY.0);
    let Event { symbol, venue, .. } = minute(0);
    let known = |dataset| Coverage {
        dataset,
        symbol: symbol.clone(),
        venue: venue.clone(),
        from: day(0),
        to: day(4),
    };
    stage.hot.write(vec![Record::Coverage(known(M1)), Record::Coverage(known(H1))]).await.unwrap();
    stage.clock.advance(day(4) + Ms(30 * 60_000));
    stage.pass().await.unwrap();
    stage.hot.flush().await.unwrap();
    let coverage = async |dataset| stage.hot.coverage(dataset, symbol.clone(), venue.clone()).await.unwrap();
    assert_eq!(coverage(M1).await, [(day(2), day(4))]);
    assert_eq!(coverage(H1).await, [(day(0), day(4))], "hours of the venue's own are not what is sealed");

    // A file that somebody deletes is as good as never fetched.
    let meta = Meta::new(M1, &symbol, &venue, day(2));
    std::fs::remove_file(stage.archive.path(&meta)).unwrap();
    let archive = Arc::new(Archive::open(stage.archive.folder()).unwrap());
    Archived::new(stage.hot.clone(), archive).uncover_lost().await.unwrap();
    assert_eq!(coverage(M1).await, [(day(3), day(4))]);
}

#[tokio::test]
async fn by_default_only_book_and_trades_go() {
    let stage = filled(RetentionConfig::default()).await;
    stage.pass().await.unwrap();
    stage.clock.advance(DAY0 + Ms(3_000 * Ms::DAY.0));
    let done = stage.pass().await.unwrap();
    assert_eq!((done.retired, done.retired_rows), (1, 3));
    assert_eq!(days(&stage, Dataset::Book), [0; 0]);
    for dataset in [M1, H1, Dataset::Oi, Dataset::Liquidations] {
        assert_eq!(days(&stage, dataset), [0, 1, 2, 3], "{dataset:?}");
    }
}

#[tokio::test]
async fn days_with_imported_bars_are_kept_unless_their_own_time_is_over() {
    let imported =
        |n| Event { body: Body::Bar(Bar { origin: Origin::Import, ..bar(&minute(n)) }), ..minute(n) };
    for (imports, kept) in [(None, vec![0]), (Some(3), vec![0]), (Some(2), vec![]), (Some(1), vec![])] {
        let stage = Stage::keeping(RetentionConfig { bars: Some(1), imports, ..RetentionConfig::default() });
        stage.put([imported(0), minute(1)]).await;
        stage.pass().await.unwrap();
        assert_eq!((days(&stage, M1), days(&stage, H1)), (vec![0], vec![0]));
        stage.clock.advance(DAY0 + Ms(3 * Ms::DAY.0));
        // Late rows of a day that is too old are not taken either, imports aside.
        stage.put([imported(9), minute(1_440)]).await;
        stage.pass().await.unwrap();
        assert_eq!((days(&stage, M1), days(&stage, H1)), (kept.clone(), kept.clone()), "{imports:?}");
        assert_eq!(stage.rows(M1).await.len(), kept.len() * 3, "{imports:?}");
    }
}

#[tokio::test]
async fn the_cap_takes_the_oldest_book_and_trades_and_says_when_that_is_not_enough() {
    let stage = filled(RetentionConfig::default()).await;
    stage.clock.advance(DAY0 + Ms(4 * Ms::DAY.0 + 30 * 60_000));
    stage.pass().await.unwrap();
    let used = stage.store.stats().await.unwrap().disk.unwrap().used_bytes;
    // Room is wanted for about two days of book.
    let book = stage.archive.manifest().all();
    let size = book.iter().find(|e| e.meta.dataset == Dataset::Book).unwrap().written.bytes;
    let Stage { folder, hot, clock, .. } = stage;
    let capped = |cap| RetentionConfig { disk_cap: Some(cap), ..RetentionConfig::default() };
    let stage = Stage::with(folder, hot, clock, capped(used - size - 1));
    let done = stage.pass().await.unwrap();
    assert_eq!(done, Summary { retired: 2, ..Summary::default() });
    assert_eq!(days(&stage, Dataset::Book), [2, 3]);
    let disk = stage.store.stats().await.unwrap().disk.unwrap();
    assert_eq!((disk.cap_bytes, disk.error), (Some(used - size - 1), None));

    let Stage { folder, hot, clock, .. } = stage;
    let stage = Stage::with(folder, hot, clock, capped(1_000));
    let done = stage.pass().await.unwrap();
    assert_eq!(done, Summary { retired: 2, ..Summary::default() });
    for dataset in [M1, H1, Dataset::Oi, Dataset::Liquidations] {
        assert_eq!(days(&stage, dataset), [0, 1, 2, 3], "{dataset:?}");
    }
    let disk = stage.store.stats().await.unwrap().disk.unwrap();
    assert!(disk.error.unwrap().starts_with("DISK_CAP is reached"));
    assert_eq!(disk.days_left, Some(0));
}
