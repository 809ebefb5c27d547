//! The same events give the same bytes, whatever store they are in, sealed or not.

use crate::store::archive::{Archive, Archived};
use crate::store::suite::{Place, seal_all};

use super::{Arc, StatusCode, app_over, get};

#[tokio::test]
async fn every_store_gives_the_same_bytes_sealed_or_not() {
    let mut apps = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    for place in [Place::sqlite(), Place::postgres()].into_iter().flatten() {
        for sealed in [false, true] {
            let at = folder.path().join(apps.len().to_string());
            let place = match &place {
                Place::Sqlite(_) => Place::sqlite().unwrap(),
                Place::Postgres(_) => Place::postgres().unwrap(),
            };
            let (hot, archive) = (place.open().await, Arc::new(Archive::open(&at).unwrap()));
            let store = Arc::new(Archived::new(hot.clone(), archive.clone()));
            let app = app_over(store).await;
            if sealed {
                seal_all(&*hot, &archive).await;
            }
            // The place goes last: its folder is removed with it.
            apps.push((format!("{} sealed {sealed}", place.name()), app, place));
        }
    }
    let series = [
        "candles?interval=1m&venue=one",
        "candles?interval=5m&from=2024-03-15&to=2024-03-15",
        "chart/history?timeframe=1H",
        "history/bars?interval=1m&limit=70&venue=two",
        "history/bars?interval=15m&limit=70",
        "history/oi?limit=3",
        "history/oi?venue=one",
        "history/funding?from=2024-03-15",
        "history/liquidations?limit=2",
        "history/liquidations?from=2024-03-15",
        "history/book?from=2024-03-15",
        "gaps?from=2024-03-15",
    ];
    for series in series {
        for format in ["json", "columns", "csv"] {
            let uri = format!("/api/{series}&symbol=BTCUSDT-PERP&format={format}");
            let mut first: Option<(String, String)> = None;
            for (name, app, _) in &apps {
                let got = get(app, &uri).await;
                assert_eq!(got.status, StatusCode::OK, "{uri} of {name}: {}", got.text);
                let tag = got.header("etag").to_owned();
                let (expected, its_tag) = first.get_or_insert_with(|| (got.text.clone(), tag.clone()));
                assert!(expected.len() > 60, "{uri}: {expected}");
                assert_eq!((&got.text, &tag), (&*expected, &*its_tag), "{uri} of {name}");
            }
        }
    }
}
