use super::*;

#[tokio::test]
async fn guards_answer_for_a_symbol_and_for_one_venue() {
    let app = app().await;
    let answer = get(&app, "/api/engine/guards?symbol=BTCUSDT-PERP").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let guards = answer.json();
    assert_eq!((&guards["ts"], &guards["timestamp"]), (&NOW.0.into(), &NOW.0.into()));
    assert_eq!((&guards["symbol"], &guards["venue"]), (&"BTCUSDT-PERP".into(), &"all".into()));
    assert_eq!(guards["reference"], serde_json::json!({"symbol": "BTCUSDT-PERP", "venue": "one"}));
    let names: Vec<&str> =
        guards["guards"].as_array().unwrap().iter().map(|g| g["name"].as_str().unwrap()).collect();
    let expected = [
        "spread_bps",
        "depth_10bps",
        "funding_apr",
        "liq_events_5m",
        "basis_bps",
        "premium_bps",
        "oi_notional",
    ];
    assert_eq!(names, expected);
    let states: Vec<Value> =
        guards["guards"].as_array().unwrap().iter().map(|g| g["state"].clone()).collect();
    // No venue has a book or funding; the open interest on record is too old; nobody was liquidated lately.
    assert_eq!(states, ["n/a", "n/a", "n/a", "passing", "n/a", "n/a", "warning"]);
    for missing in ["spread_bps", "depth_10bps", "funding_apr", "basis_bps", "premium_bps", "oi_notional"] {
        assert_eq!(guards[missing], Value::Null, "{missing}");
    }
    assert_eq!((&guards["liq_events_5m"], &guards["status"]), (&0.into(), &"warning".into()));
    assert_eq!(guards["guards"][0]["warning"], 10.0);
    let all = get(&app, "/api/engine/guards?symbol=BTCUSDT-PERP&venue=all").await.json();
    assert_eq!(all["guards"], guards["guards"]);
    let two = get(&app, "/api/engine/guards?symbol=BTCUSDT-PERP&venue=two").await.json();
    assert_eq!((&two["venue"], &two["reference"]["venue"]), (&"two".into(), &"two".into()));
}

#[tokio::test]
async fn guards_of_nothing_name_the_parameter() {
    let app = app().await;
    for (query, status, code, word) in [
        ("", 400, "missing_symbol", "`symbol`"),
        ("symbol=../x", 400, "invalid_symbol", "`symbol`"),
        ("symbol=NONE-PERP", 404, "unknown_symbol", "`symbol`"),
        ("symbol=NONE-PERP&venue=all", 404, "unknown_symbol", "`symbol`"),
        ("symbol=BTCUSDT-PERP&venue=nowhere", 400, "unknown_venue", "`venue`"),
        ("symbol=BTCUSDT-PERP&venue=away", 404, "unknown_symbol", "`venue`"),
        ("symbol=BTCUSDT-PERP&symbol=BTCUSDT-PERP", 400, "repeated_parameter", "`symbol`"),
    ] {
        let answer = get(&app, &format!("/api/engine/guards?{query}")).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (status, &code.into()), "{query}");
        assert!(answer.text.contains(word), "{query}: {}", answer.text);
    }
}
