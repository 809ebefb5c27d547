//! Limits, idle sockets and faults by command.

use super::*;

#[tokio::test]
async fn limits_are_counted_and_breaches_noted() {
    let clock = VenueClock::default();
    clock.hold(1_795_008_000_500);
    let options = Options { history_days: 1, clock: clock.clone(), ..Options::default() };
    let fake = FakeOkx::start(options).await.expect("a free port");
    let path = "/api/v5/public/mark-price?instType=SWAP";
    for _ in 0..10 {
        assert_eq!(get(&fake, path).await.1["code"], "0");
    }
    let mut statuses = Vec::new();
    for _ in 0..2 {
        let (status, answer) = get(&fake, path).await;
        assert_eq!(answer["code"], "50011");
        statuses.push(status);
    }
    assert_eq!(statuses, [200, 429]);
    // Instruments count apart where the venue says so.
    for id in [BTC, "ETH-USDT-SWAP"] {
        for _ in 0..10 {
            assert_eq!(get(&fake, &format!("/api/v5/public/funding-rate?instId={id}")).await.1["code"], "0");
        }
    }
    assert_eq!(fake.violations().len(), 2);
    clock.hold(1_795_008_002_500);
    assert_eq!(get(&fake, path).await.1["code"], "0");

    let mut client = Client::connect(&fake.socket(Path::Public)).await.unwrap();
    for n in 0..481 {
        let op = if n % 2 == 0 { "subscribe" } else { "unsubscribe" };
        client
            .send(&json!({"op": op, "args": [{"channel": "instruments", "instType": "SWAP"}]}))
            .await
            .unwrap();
    }
    client.wait_for("refusal", SOON, |f| f["code"] == "60014").await.unwrap();
    for _ in 0..2 {
        Client::connect(&fake.socket(Path::Public)).await.unwrap();
    }
    let refused = Client::connect(&fake.socket(Path::Public)).await.map(|_| ()).unwrap_err();
    assert_eq!(refused.to_string(), "refused with 429");
    assert_eq!(fake.violations().len(), 4);
}

#[tokio::test]
async fn idle_sockets_are_closed_unless_they_ping() {
    let options = Options { history_days: 1, idle: Duration::from_millis(600), ..Options::default() };
    let fake = FakeOkx::start(options).await.expect("a free port");
    let quiet = json!([{"channel": "instruments", "instType": "SWAP"}]);
    let mut lively = connect(&fake, Path::Public, quiet.clone()).await;
    let mut dead = connect(&fake, Path::Public, quiet).await;
    for _ in 0..6 {
        lively.read_for(Duration::from_millis(200)).await;
        lively.send_text("ping").await.unwrap();
    }
    assert_eq!(dead.wait_closed(SOON).await.unwrap(), 4004);
    assert_eq!(lively.closed, None);
    assert_eq!(fake.counts().idle_closes, 1);
}

#[tokio::test]
async fn faults_do_what_they_say() {
    let fake = fake().await;
    let args = json!([{"channel": "mark-price", "instId": BTC}]);
    let mut client = connect(&fake, Path::Public, args.clone()).await;
    client.wait("marks", SOON, |f| pushes(f, "mark-price").len() >= 2).await.unwrap();
    fake.mute(&key("mark-price", BTC), Mute::Subscribes(1));
    client.read_for(Duration::from_millis(300)).await;
    client.take();
    client.read_for(Duration::from_millis(600)).await;
    assert!(client.frames.is_empty());
    client.send(&json!({"op": "subscribe", "args": args})).await.unwrap();
    client.wait("marks again", SOON, |f| pushes(f, "mark-price").len() >= 2).await.unwrap();
    assert_eq!(fake.counts().subscribed["mark-price:BTC-USDT-SWAP"], 2);
    assert_eq!(fake.drop_subscription(&key("mark-price", BTC)), 1);
    assert!(fake.held().is_empty());

    fake.announce_upgrade();
    let notice = client.wait_for("notice", SOON, |f| f["event"] == "notice").await.unwrap();
    assert_eq!(notice["code"], "64008");
    fake.error_event(&PATHS, 64007);
    client.wait_for("error", SOON, |f| f["code"] == "64007").await.unwrap();
    assert_eq!(fake.junk(), JUNK.len() + 1);
    client.wait("junk", SOON, |f| f.iter().any(|x| x == "[[[[")).await.unwrap();

    fake.fail_rest(1);
    let (status, answer) = get(&fake, "/api/v5/public/time").await;
    assert_eq!((status, &answer["code"]), (503, &json!("50001")));
    for (http, status) in [(false, 200), (true, 429)] {
        fake.too_many_requests(1, http);
        let (got, answer) = get(&fake, "/api/v5/public/time").await;
        assert_eq!((got, &answer["code"]), (status, &json!("50011")));
    }
    fake.refuse_location(true);
    assert_eq!(get(&fake, "/api/v5/public/time").await.1["code"], "50121");
    fake.refuse_location(false);
    fake.refuse_sockets(true);
    assert!(Client::connect(&fake.socket(Path::Public)).await.is_err());
    assert_eq!(fake.disconnect(&PATHS), 1);
    assert_eq!(client.wait_closed(SOON).await.unwrap(), 1006);
    assert_eq!(fake.violations(), [""; 0]);
}

#[tokio::test]
async fn swallowed_trades_are_missing_on_the_socket_alone() {
    let fake = fake().await;
    let from = fake.now();
    fake.skip_trades(BTC, 2);
    let mut client = connect(&fake, Path::Public, json!([{"channel": "trades", "instId": BTC}])).await;
    client.wait("trades", Duration::from_secs(30), |f| rows(f, "trades").len() >= 3).await.unwrap();
    let told: Vec<i64> = rows(&client.frames, "trades").iter().map(|t| number(&t["tradeId"])).collect();
    let known: Vec<i64> = fake.trades(BTC, from, fake.now() + 1).iter().map(|t| t.id as i64).collect();
    let first = known.iter().position(|id| *id == told[0]).expect("a known trade");
    assert!(first >= 2, "{known:?} {told:?}");
    assert!(told.windows(2).all(|w| w[1] == w[0] + 1));
}
