//! Venue `all` and the views of a group.

use serde_json::json;
use shared::event::Channel;

use super::*;

/// In member order of BTCUSDT-PERP.
const MEMBERS: [(&str, &str, &str); 3] =
    [("one", "BTCUSDT-PERP", "USDT"), ("two", "BTCUSDT-PERP", "USDT"), ("one", "BTCUSDC-PERP", "USDC")];
const M: i64 = 60_000;

fn at(minutes: i64) -> Ms {
    MIDNIGHT + Ms(minutes * M)
}

/// A minute of a member: the first has 1 coin a minute, the second 2, the third 4; prices apart.
fn of(member: usize, n: i64) -> Bar {
    let coins = f64::from(1 << member);
    let mut bar = Bar::flat(at(n), Timeframe::M1, 100.0 + n as f64 + 1_000.0 * member as f64, Origin::Trades);
    (bar.volume, bar.buy_volume, bar.sell_volume) = (coins, Some(coins * 0.75), Some(coins * 0.25));
    (bar.vwap, bar.trades, bar.closed) = (Some(bar.open), Some(1), true);
    (bar.cvd, bar.cvd_from) = (Some(coins * 0.5 * (n + 1) as f64), Some(MIDNIGHT));
    bar
}

fn rate(at: Ms, kind: FundingKind, rate: f64, hours: f64) -> Funding {
    let funding = Funding {
        timestamp: at,
        kind,
        funding_rate: rate,
        next_funding_time: Some(NOW + Ms(1_000)),
        interval_hours: None,
        funding_apr: None,
        mark_price: Some(101.0),
        index_price: Some(100.0),
    };
    funding.with_interval(Some(hours))
}

/// The second member has no minute 20 and no liquidations; the third closed its last minute a moment later.
async fn group() -> axum::Router {
    group_told(Ms(7)).await
}

/// The same with open interest told so long after each minute began.
async fn group_told(after: Ms) -> axum::Router {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::temporary().unwrap());
    let event = |member: usize, body| {
        let (venue, symbol, _) = MEMBERS[member];
        let (symbol, venue) = (symbol.parse().unwrap(), VenueId::new(venue));
        Record::Event(Event { received: NOW, symbol, venue, body })
    };
    let mut records = Vec::new();
    for member in 0..3 {
        let last = if member == 2 { 149 } else { 150 };
        records.extend(
            (0..last).filter(|n| (member, *n) != (1, 20)).map(|n| event(member, Body::Bar(of(member, n)))),
        );
        for n in 0..150 {
            let coins = 10.0 * (member + 1) as f64 + n as f64;
            let value = (member < 2).then_some(coins * 100.0);
            let oi =
                OpenInterest { timestamp: at(n) + after, open_interest: coins, open_interest_value: value };
            records.push(event(member, Body::Oi(oi)));
        }
    }
    records.push(event(0, Body::Funding(rate(at(148), FundingKind::Predicted, 0.000_8, 8.0))));
    records.push(event(1, Body::Funding(rate(at(148), FundingKind::Predicted, 0.000_2, 1.0))));
    records.push(event(0, Body::Funding(rate(at(0), FundingKind::Settled, 0.001_6, 8.0))));
    for (member, minute, side, quantity) in [
        (0, 100, LiquidationSide::Long, 1.0),
        (2, 101, LiquidationSide::Long, 2.0),
        (2, 101, LiquidationSide::Short, 5.0),
        (0, 149, LiquidationSide::Short, 3.0),
    ] {
        let hit = Liquidation {
            timestamp: at(minute) + Ms(1),
            side,
            quantity,
            price: 10.0,
            value: quantity * 10.0,
            price_kind: PriceKind::Average,
            at_least: member == 0,
        };
        records.push(event(member, Body::Liquidation(hit)));
    }
    store.write(records).await.unwrap();
    store.flush().await.unwrap();
    let directory = Directory::new(["one", "two"].map(VenueId::new));
    for venue in ["one", "two"] {
        let own = MEMBERS.iter().filter(|m| m.0 == venue).map(|(venue, symbol, quote)| {
            let mut channels = Channel::OFFERED.to_vec();
            channels.retain(|c| *venue == "one" || *c != Channel::Liquidation);
            let listed = instrument(venue, symbol, Kind::Perp, &channels);
            let group = Group::new("BTC", Kind::Perp);
            Arc::new(Instrument { group, quote: (*quote).into(), ..(*listed).clone() })
        });
        let mut own: Vec<_> = own.collect();
        own.push(instrument(venue, "BTC/USDT", Kind::Spot, &[Channel::Bar]));
        directory.set(&VenueId::new(venue), own);
    }
    let nothing = |_: &VenueId, _: &Symbol| None::<Bar>;
    // The last minute ended two seconds ago.
    let now = || at(150) + Ms(2_000);
    let history = Arc::new(History::new(store.clone(), Arc::new(Away), Arc::new(nothing), now));
    serve(directory, history, store)
}

#[tokio::test]
async fn joined_bars_sum_the_group_and_keep_the_venues_beside() {
    let app = group().await;
    let (from, to) = (at(10).0, at(12).0);
    for path in ["/api/candles", "/api/history/bars", "/api/chart/history"] {
        let got = get(&app, &format!("{path}?symbol=BTCUSDT-PERP&venue=all&from={from}&to={to}")).await;
        let rows = got.json();
        let expected = json!({
            "one": {"volume": 5.0, "buy_volume": 3.75, "sell_volume": 1.25},
            "two": {"volume": 2.0, "buy_volume": 1.5, "sell_volume": 0.5},
        });
        assert_eq!(rows[0]["by_venue"], expected, "{path}");
        let marks = json!([{"symbol": "BTCUSDC-PERP", "venue": "one", "why": ["other_quote"]}]);
        assert_eq!(rows[0]["marks"], marks, "{path}");
        let fields = ["symbol", "venue", "open", "close", "volume", "buy_volume", "trades", "cvd", "closed"];
        let row: Vec<Value> = fields.iter().map(|f| rows[0][f].clone()).collect();
        let expected = json!(["BTCUSDT-PERP", "all", 110.0, 110.0, 7.0, 5.25, 3, 38.5, true]);
        assert_eq!(Value::from(row), expected, "{path}");
        assert_eq!(rows[0]["vwap"], (110.0 + 2.0 * 1_110.0 + 4.0 * 2_110.0) / 7.0);
        assert_eq!(rows.as_array().unwrap().len(), 2);
    }
    // The asked symbol is the reference; spot is another group.
    let usdc = get(&app, &format!("/api/candles?symbol=BTCUSDC-PERP&venue=all&from={from}&to={to}")).await;
    assert_eq!(
        (usdc.column("close"), usdc.column("volume")),
        (vec![2_110.0.into(), 2_111.0.into()], vec![7.0.into(); 2])
    );
    assert_eq!(get(&app, "/api/candles?symbol=BTC/USDT&venue=all").await.json(), json!([]));
    // A hole is marked.
    let hole =
        get(&app, &format!("/api/candles?symbol=BTCUSDT-PERP&venue=all&from={}&to={}", at(20).0, at(21).0))
            .await
            .json();
    assert_eq!((&hole[0]["volume"], &hole[0]["cvd"]), (&json!(5.0), &Value::Null));
    assert_eq!(hole[0]["marks"][0], json!({"symbol": "BTCUSDT-PERP", "venue": "two", "why": ["no_bar"]}));
    let csv =
        get(&app, &format!("/api/candles?symbol=BTCUSDT-PERP&venue=all&from={from}&to={to}&format=csv"))
            .await;
    assert!(csv.text.lines().next().unwrap().ends_with(",through,by_venue,marks"), "{}", csv.text);
    assert!(csv.text.contains("\"{\"\"one\"\":{\"\"volume\"\":5.0"), "{}", csv.text);
}

#[tokio::test]
async fn longer_joined_bars_end_with_one_minute_for_all() {
    let app = group().await;
    let rows = get(&app, "/api/candles?symbol=BTCUSDT-PERP&venue=all&interval=1H").await.json();
    let volumes: Vec<f64> = rows.as_array().unwrap().iter().map(|r| r["volume"].as_f64().unwrap()).collect();
    // The third has not closed minute 149 and has the time for it: minutes 120 to 148 of all are the base.
    assert_eq!(volumes, [60.0 * 7.0 - 2.0, 60.0 * 7.0, 29.0 * 7.0]);
    assert_eq!((&rows[2]["through"], &rows[2]["closed"]), (&at(148).0.into(), &false.into()));
    assert_eq!(rows[2]["close"], 248.0);
    // The latest is to look at, with all there is.
    let latest = get(&app, "/api/latest-candle?symbol=BTCUSDT-PERP&venue=all&interval=1H").await.json();
    assert_eq!((&latest["volume"], &latest["venue"]), (&json!(29.0 * 7.0 + 3.0), &json!("all")));
    // 150 minutes in pages.
    let (mut uri, mut seen) =
        ("/api/candles?symbol=BTCUSDT-PERP&venue=all&from=2024-03-15&limit=40".to_owned(), Vec::new());
    loop {
        let got = get(&app, &uri).await;
        seen.extend(got.column("timestamp").iter().map(|t| (t.as_i64().unwrap() - MIDNIGHT.0) / M));
        let cursor = got.header("x-next-cursor").to_owned();
        if cursor.is_empty() {
            break;
        }
        uri = format!("/api/candles?symbol=BTCUSDT-PERP&venue=all&from=2024-03-15&limit=40&cursor={cursor}");
    }
    assert_eq!(seen, (0..150).collect::<Vec<_>>());
    let newest = get(&app, "/api/candles?symbol=BTCUSDT-PERP&venue=all&limit=3").await;
    assert_eq!(newest.column("timestamp"), [147, 148, 149].map(|n| Value::from(at(n).0)));
    assert_eq!(newest.column("closed"), [true, true, false]);
}

/// Rows of venue `all`, and the others.
fn split(got: &Got) -> (Vec<Value>, Vec<Value>) {
    let rows = got.json().as_array().unwrap().clone();
    rows.into_iter().partition(|r| r["venue"] == "all")
}

#[tokio::test]
async fn sums_are_the_same_on_pages_of_any_size() {
    // On the grid itself, so that pages end among the rows that make a sum.
    let app = group_told(Ms(0)).await;
    for (series, whole) in [("oi", 450), ("funding", 3), ("liquidations", 4)] {
        let base = format!("/api/history/{series}?symbol=BTCUSDT-PERP&venue=all&interval=1m");
        let from = format!("{base}&from={}", at(0).0);
        let (sums, own) = split(&get(&app, &from).await);
        assert_eq!(own.len(), whole, "{series}");
        for limit in [1, 2, 3, 4, 7, 100] {
            let (mut uri, mut seen) = (format!("{from}&limit={limit}"), (Vec::new(), Vec::new()));
            loop {
                let got = get(&app, &uri).await;
                let (all, members) = split(&got);
                seen.0.extend(all);
                seen.1.extend(members);
                let cursor = got.header("x-next-cursor");
                if cursor.is_empty() {
                    break;
                }
                uri = format!("{from}&limit={limit}&cursor={cursor}");
            }
            assert!(seen == (sums.clone(), own.clone()), "{series}, pages of {limit}");
            // The newest: what it has of the sums is right, from its first row on.
            let (newest, members) = split(&get(&app, &format!("{base}&limit={limit}")).await);
            assert_eq!(members, own[own.len().saturating_sub(limit)..], "{series}, newest {limit}");
            let first = members[0]["timestamp"].as_i64();
            let since: Vec<&Value> = sums.iter().filter(|s| s["timestamp"].as_i64() >= first).collect();
            assert_eq!(newest.iter().collect::<Vec<_>>(), since, "{series}, newest {limit}");
        }
    }
}

#[tokio::test]
async fn open_interest_of_a_group_has_members_and_sums() {
    let app = group().await;
    let range = format!("from={}&to={}", at(10).0, at(20).0);
    let (all, own) =
        split(&get(&app, &format!("/api/history/oi?symbol=BTCUSDT-PERP&venue=all&{range}")).await);
    assert_eq!((all.len(), own.len()), (2, 30));
    // At minute 10 the rows of minute 9 stand.
    let (one, two, three) = (19.0, 29.0, 39.0);
    assert_eq!(
        all[0],
        json!({
            "timestamp": at(10).0, "received": at(10).0, "symbol": "BTCUSDT-PERP", "venue": "all",
            "open_interest": one + two + three, "open_interest_value": (one + two) * 100.0,
            "by_venue": {"one": {"open_interest": one + three, "open_interest_value": null},
                "two": {"open_interest": two, "open_interest_value": two * 100.0}},
            "missing": [], "unvalued": [{"symbol": "BTCUSDC-PERP", "venue": "one"}],
        })
    );
    assert!(own.iter().all(|r| r.get("by_venue").is_none()));
    let symbols: Vec<_> = own[..3].iter().map(|r| format!("{} {}", r["venue"], r["symbol"])).collect();
    assert_eq!(symbols, ["\"one\" \"BTCUSDC-PERP\"", "\"one\" \"BTCUSDT-PERP\"", "\"two\" \"BTCUSDT-PERP\""]);
    // Pages give each row and each sum once.
    let (mut seen, mut cursor) = ((Vec::new(), Vec::new()), String::new());
    loop {
        let more = if cursor.is_empty() { String::new() } else { format!("&cursor={cursor}") };
        let got = get(
            &app,
            &format!("/api/history/oi?symbol=BTCUSDT-PERP&venue=all&interval=1m&{range}&limit=7{more}"),
        )
        .await;
        let (all, own) = split(&got);
        seen.0.extend(all);
        seen.1.extend(own);
        cursor = got.header("x-next-cursor").to_owned();
        if cursor.is_empty() {
            break;
        }
    }
    let whole = split(
        &get(&app, &format!("/api/history/oi?symbol=BTCUSDT-PERP&venue=all&interval=1m&{range}")).await,
    );
    assert_eq!((seen.0.len(), seen.1.len()), (10, 30));
    assert_eq!(seen, whole);
    // The newest, and from the very beginning.
    let (all, own) = split(&get(&app, "/api/history/oi?symbol=BTCUSDT-PERP&venue=all&limit=9").await);
    assert_eq!((all.len(), own.len()), (1, 9));
    assert_eq!(all[0]["timestamp"], at(150).0);
    let (all, _) = split(&get(&app, "/api/history/oi?symbol=BTCUSDT-PERP&venue=all&from=0").await);
    assert_eq!((all.len(), &all[0]["timestamp"]), (30, &json!(at(5).0)));
    // Without a venue only the symbol's own.
    let plain = get(&app, &format!("/api/history/oi?symbol=BTCUSDT-PERP&{range}")).await;
    assert_eq!(plain.json().as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn funding_of_a_group_stands_on_one_hourly_basis() {
    let app = group().await;
    let uri = format!("/api/history/funding?symbol=BTCUSDT-PERP&venue=all&from={}&interval=1m", at(147).0);
    let (all, own) = split(&get(&app, &uri).await);
    assert_eq!(own.len(), 2);
    let predicted: Vec<&Value> = all.iter().filter(|r| r["kind"] == "predicted").collect();
    assert_eq!(
        predicted.iter().map(|r| r["timestamp"].as_i64().unwrap()).collect::<Vec<_>>(),
        [at(148).0, at(149).0, at(150).0]
    );
    // By open interest at that minute, which is the row of the minute before.
    let (one, two) = (10.0 + 147.0, 20.0 + 147.0);
    let hourly = (one * (0.000_8 / 8.0) + two * 0.000_2) / (one + two);
    assert_eq!(predicted[0]["funding_rate"], hourly);
    assert_eq!((&predicted[0]["interval_hours"], &predicted[0]["weighted"]), (&json!(1.0), &json!(true)));
    assert_eq!(predicted[0]["funding_apr"], Funding::apr(hourly, 1.0));
    assert_eq!(predicted[0]["mean_hourly"], (0.000_8 / 8.0 + 0.000_2) / 2.0);
    assert_eq!(predicted[0]["missing"], json!([{"symbol": "BTCUSDC-PERP", "venue": "one"}]));
    // Paid hours ago, and it stands until the next payment.
    let settled: Vec<&Value> = all.iter().filter(|r| r["kind"] == "settled").collect();
    assert_eq!((settled.len(), &settled[0]["funding_rate"]), (4, &json!(0.001_6 / 8.0)));
    assert_eq!(settled[0]["members"], 1);
}

#[tokio::test]
async fn liquidations_of_a_group_are_summed_per_side_and_stretch() {
    let app = group().await;
    let uri = format!("/api/history/liquidations?symbol=BTCUSDT-PERP&venue=all&from={}", at(100).0);
    let (all, own) = split(&get(&app, &uri).await);
    assert_eq!((all.len(), own.len()), (3, 4));
    let long = json!({
        "timestamp": at(100).0, "received": at(100).0, "symbol": "BTCUSDT-PERP", "venue": "all", "side": "LONG",
        "quantity": 3.0, "price": 10.0, "value": 30.0, "price_kind": "average", "at_least": true, "count": 2,
        "by_venue": {"one": {"count": 2, "quantity": 3.0, "value": 30.0, "at_least": true}},
    });
    assert_eq!(all[0], long);
    assert_eq!(
        (&all[1]["side"], &all[1]["quantity"], &all[2]["timestamp"]),
        (&json!("SHORT"), &json!(5.0), &json!(at(145).0))
    );
}

#[tokio::test]
async fn the_overview_says_what_is_known_of_every_member_and_what_is_not() {
    let app = group().await;
    let now = get(&app, "/api/market/overview?symbol=BTCUSDT-PERP").await.json();
    assert_eq!((&now["group"], &now["timestamp"]), (&json!("BTC-PERP"), &json!(at(150).0 + 2_000)));
    let members = now["members"].as_array().unwrap();
    let names: Vec<_> =
        members.iter().map(|m| (m["venue"].as_str().unwrap(), m["symbol"].as_str().unwrap())).collect();
    assert_eq!(names, MEMBERS.map(|(venue, symbol, _)| (venue, symbol)));
    // Nothing is handed out live here; what is recorded is known.
    assert_eq!((&members[0]["open_interest"], &members[0]["last_price"]), (&Value::Null, &Value::Null));
    assert_eq!(members[0]["state"], "down");
    assert_eq!(members[0]["predicted"]["hourly"], 0.000_8 / 8.0);
    assert_eq!(
        (&members[0]["predicted"]["rate_8h"], &members[0]["mark_price"]),
        (&json!(0.000_8), &json!(101.0))
    );
    assert_eq!(members[0]["predicted"]["countdown_ms"], NOW.0 + 1_000 - at(150).0 - 2_000);
    assert_eq!(members[0]["settled"]["hourly"], 0.001_6 / 8.0);
    assert_eq!(
        members[0]["volume_24h"],
        json!({"volume": 150.0, "value": (0..150).map(|n| 100.0 + f64::from(n)).sum::<f64>(), "minutes": 150})
    );
    assert_eq!(
        (&members[1]["liquidations"], &members[1]["unavailable"]),
        (&Value::Null, &json!(["liquidation"]))
    );
    assert_eq!(members[0]["liquidations"]["long"]["count"], 1);
    assert_eq!(members[0]["age_ms"]["oi"], Value::Null);
    let sum = &now["sum"];
    assert_eq!(
        (&sum["volume_24h"], &sum["volume_missing"]),
        (&json!(150.0 + 149.0 * 2.0 + 149.0 * 4.0), &json!([]))
    );
    assert_eq!(
        (&sum["liquidations"]["long"]["value"], &sum["liquidations"]["short"]["value"]),
        (&json!(30.0), &json!(80.0))
    );
    assert_eq!(sum["liquidations"]["unavailable"], json!([{"symbol": "BTCUSDT-PERP", "venue": "two"}]));
    assert_eq!((&sum["predicted"]["members"], &sum["predicted"]["weighted"]), (&json!(2), &Value::Null));
}

#[tokio::test]
async fn open_interest_history_is_valued_by_venue() {
    let app = group().await;
    let rows = get(&app, "/api/market/oi_history?symbol=BTCUSDT-PERP&hours=1").await.json();
    let rows = rows.as_array().unwrap();
    let times: Vec<i64> = rows.iter().map(|r| (r["timestamp"].as_i64().unwrap() - MIDNIGHT.0) / M).collect();
    assert_eq!(times, (95..=150).step_by(5).collect::<Vec<_>>());
    let (one, two) = (10.0 + 149.0, 20.0 + 149.0);
    let last = rows.last().unwrap();
    assert_eq!(
        (&last["oi_notional"], &last["by_venue"]),
        (&json!((one + two) * 100.0), &json!({"two": two * 100.0}))
    );
    assert_eq!(last["unvalued"], json!([{"symbol": "BTCUSDC-PERP", "venue": "one"}]));
    let minutes = get(&app, "/api/market/oi_history?symbol=BTCUSDT-PERP&interval=1m").await.json();
    assert_eq!(minutes.as_array().unwrap().len(), 150);
}
