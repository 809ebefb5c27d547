//! Bad input: a clear error each, and nobody else disturbed.

mod socket;

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::client::Client;
use tests::relay::{Options, Relay};

const SOON: Duration = Duration::from_secs(10);

/// A client that watches trades, and must not notice anything.
async fn bystander(relay: &Relay) -> Result<Client> {
    let mut client = relay.socket().await?;
    client.send(&json!({"action": "subscribe", "symbols": ["BTCUSDT-PERP"], "venues": ["sim"], "channels": ["trade"]})).await?;
    client.wait_for("a trade", SOON, |f| f["type"] == "trade").await?;
    Ok(client)
}

/// Trades went on, one by one, with no pause that anyone would see.
async fn undisturbed(mut client: Client) -> Result<()> {
    let before = client.frames.len();
    client.wait("trades go on", SOON, |f| f.len() > before + 2).await?;
    assert_eq!(client.closed, None);
    let seqs: Vec<u64> =
        client.frames.iter().filter(|f| f["type"] == "trade").filter_map(|f| f["seq"].as_u64()).collect();
    assert!(seqs.windows(2).all(|w| w[1] == w[0] + 1), "{seqs:?}");
    assert!(client.frames.iter().all(|f| f["type"] != "gap" && f["type"] != "slow"));
    Ok(())
}

#[tokio::test]
async fn http_names_what_is_wrong() -> Result<()> {
    let relay = Options::sim().start().await?;
    let watching = bystander(&relay).await?;
    let candles = "/api/candles?symbol=BTCUSDT-PERP&interval=1m";
    let long = "A".repeat(5_000);
    let cases = [
        ("/api/candles?symbol=NOPEUSDT-PERP&interval=1m".to_owned(), 404, "symbol"),
        ("/api/candles?interval=1m".to_owned(), 400, "symbol"),
        ("/api/candles?symbol=BTCUSDT-PERP&interval=7m".to_owned(), 400, "interval"),
        ("/api/chart/history?symbol=BTCUSDT-PERP&timeframe=7m".to_owned(), 400, "timeframe"),
        (format!("{candles}&from=2000&to=1000"), 400, "from"),
        (format!("{candles}&from=soon"), 400, "from"),
        (format!("{candles}&to=2025-02-30"), 400, "to"),
        (format!("{candles}&venue=mtgox"), 404, "venue"),
        ("/api/candles?symbol=..%2F..%2Fetc%2Fpasswd&interval=1m".to_owned(), 400, "symbol"),
        (format!("/api/candles?symbol={long}&interval=1m"), 400, "symbol"),
        ("/api/latest-candle?symbol=NOPEUSDT-PERP&interval=1m".to_owned(), 404, "symbol"),
        ("/api/history/oi?symbol=BTCUSDT-PERP&from=2000&to=1000".to_owned(), 400, "from"),
        ("/api/history/funding?symbol=%00".to_owned(), 400, "symbol"),
        ("/api/history/nonsense?symbol=BTCUSDT-PERP".to_owned(), 404, ""),
        ("/api/snapshot?symbol=BTCUSDT-PERP&channels=nonsense".to_owned(), 400, "channels"),
        ("/api/nonsense".to_owned(), 404, ""),
        ("/ws".to_owned(), 400, "upgrade"),
    ];
    let mut wrong = Vec::new();
    for (path, status, names) in cases {
        let (got, headers, body) = relay.get_with(&path, &[]).await?;
        let kind = headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or("");
        let detail = body["detail"].as_str().unwrap_or("");
        // An unknown venue is bad input or nothing found: both say so.
        let status_fits = got == status || (names == "venue" && got == 400);
        let code = body["code"].as_str().unwrap_or("");
        let snake = !code.is_empty()
            && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit());
        let fits = status_fits
            && kind.starts_with("application/problem+json")
            && body["status"] == got
            && snake
            && detail.contains(names)
            && headers.contains_key("x-request-id");
        if !fits {
            let path: String = path.chars().take(100).collect();
            wrong.push(format!("{path}: {got} {kind} {body}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    undisturbed(watching).await
}

/// Values that a parameter must refuse, by what the description says of it; percent-encoded.
fn nonsense(parameter: &Value) -> Vec<String> {
    let schema = &parameter["schema"];
    let mut bad: Vec<String> = Vec::new();
    let text = |value: &str| value.to_owned();
    match parameter["name"].as_str() {
        Some("symbol") => bad.extend(["..%2F..%2Fetc%2Fpasswd", "%00", "%3Cb%3E", "%ff"].map(text)),
        Some("venue" | "exchange") => bad.push(text("mtgox")),
        Some("file") => return Vec::new(),
        _ => {}
    }
    if schema.get("enum").is_some() || schema.get("pattern").is_some() || schema["type"] == "array" {
        bad.extend(["nonsense", "1m%00", "%E2%82%BF"].map(text));
    }
    if schema["type"] == "array" {
        bad.extend([",", "bar,,nonsense"].map(text));
    }
    if schema["type"] == "integer" {
        bad.extend(
            ["ten", "1.5", "1e3", "0x10", "99999999999999999999", "-99999999999999999999", "%20"].map(text),
        );
        bad.extend(schema["minimum"].as_i64().map(|least| (least - 1).to_string()));
        bad.extend(schema["maximum"].as_i64().map(|most| (most + 1).to_string()));
    }
    if schema.get("anyOf").is_some() {
        bad.extend(["soon", "-1", "2025-02-30", "2025-01-31T25:00:00Z", "99999999999999999999"].map(text));
    }
    if let Some(most) = schema["maxLength"].as_u64() {
        bad.push("A".repeat(most as usize + 1));
        bad.push("A".repeat(5_000));
    }
    bad
}

/// A table over every endpoint and parameter, as the relay itself describes them: a new one is in it by itself.
#[tokio::test]
async fn every_parameter_of_every_endpoint_refuses_nonsense() -> Result<()> {
    let relay = Options::sim().start().await?;
    let watching = bystander(&relay).await?;
    let (_, api) = relay.get("/api/openapi.json").await?;
    let mut cases: Vec<(String, String)> = Vec::new();
    for (path, operations) in api["paths"].as_object().expect("paths") {
        let op = &operations["get"];
        let Some(request) = op["x-request"].as_str() else { continue };
        let given: Vec<&str> = request.split_once('?').map_or(Vec::new(), |(_, q)| q.split('&').collect());
        let parameters = op["parameters"].as_array().expect("parameters");
        for parameter in parameters.iter().filter(|p| p["in"] == "query") {
            let name = parameter["name"].as_str().expect("a name");
            let others = given.iter().filter(|pair| !pair.starts_with(&format!("{name}=")));
            let others: String = others.map(|pair| format!("&{pair}")).collect();
            let mut bad = nonsense(parameter);
            bad.iter_mut().for_each(|value| *value = format!("{name}={value}"));
            bad.push(format!("{name}=1&{name}=1"));
            if parameter["required"] == true {
                bad.extend([String::new(), format!("{name}=")]);
            }
            cases.extend(bad.into_iter().map(|pair| (format!("{path}?{pair}{others}"), name.to_owned())));
        }
        if parameters.iter().any(|p| p["name"] == "from") {
            cases.push((format!("{request}&from=2000&to=1000"), "from".into()));
        }
    }
    assert!(cases.len() > 500, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for (path, names) in &cases {
        let (got, headers, body) = relay.get_with(path, &[]).await?;
        let kind = headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or("");
        let named = body["detail"].as_str().is_some_and(|detail| detail.contains(&format!("`{names}`")));
        if !(400..500).contains(&got) || kind != "application/problem+json" || body["status"] != got || !named
        {
            wrong.push(format!("{path:.120}: {got} {kind} {body:.200}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    undisturbed(watching).await
}

#[tokio::test]
async fn bodies_are_refused_by_the_field_that_is_wrong() -> Result<()> {
    let relay = Options::sim().start().await?;
    let watching = bystander(&relay).await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let many: Vec<String> = (0..10_000).map(|n| format!("ema_{}", n % 5_000 + 1)).collect();
    let routes = [
        ("/api/indicators", "indicators", json!(["ema_20"])),
        ("/api/signals", "strategy_id", json!("ema_crossover_rsi")),
    ];
    let mut wrong = Vec::new();
    for (path, own, good) in routes {
        let with = |field: &str, value: Value| {
            let mut body = json!({"symbol": "BTCUSDT-PERP", "interval": "1H", "limit": 2});
            body[own] = good.clone();
            body[field] = value;
            body.to_string()
        };
        let own_bad = if own == "indicators" {
            vec![
                json!([]),
                json!(["ema_0"]),
                json!(["nonsense"]),
                json!([7]),
                json!("ema_20"),
                json!(many),
                json!({}),
            ]
        } else {
            vec![json!("nonsense"), json!(""), json!([]), json!(7), json!({})]
        };
        let own_bad = own_bad.into_iter().chain([Value::Null]).map(|value| (with(own, value), 400, own));
        let cases = [
            (String::new(), 400, "JSON"),
            ("[1,2".into(), 400, "JSON"),
            ("[]".into(), 400, "object"),
            ("null".into(), 400, "object"),
            (with("symbol", Value::Null), 400, "symbol"),
            (with("symbol", json!("../etc")), 400, "symbol"),
            (with("symbol", json!(["BTCUSDT-PERP"])), 400, "symbol"),
            (with("symbol", json!("NOPEUSDT-PERP")), 404, "symbol"),
            (with("venue", json!("mtgox")), 400, "venue"),
            (with("interval", json!("7m")), 400, "interval"),
            (with("interval", json!(5)), 400, "interval"),
            (with("limit", json!(0)), 400, "limit"),
            (with("limit", json!(-5)), 400, "limit"),
            (with("limit", json!(1e300)), 400, "limit"),
            (with("limit", json!(20_001)), 400, "limit"),
            (with("limit", json!([])), 400, "limit"),
            (with("from", json!("soon")), 400, "from"),
            (with("from", json!(-1)), 400, "from"),
            (with("from", json!(9e18)), 400, "from"),
            (with("to", json!(true)), 400, "to"),
            (with("cursor", json!("junk")), 400, "cursor"),
            (with("format", json!("xml")), 400, "format"),
            (with("nonsense", json!(1)), 400, "nonsense"),
        ];
        for (body, status, names) in cases.into_iter().chain(own_bad) {
            let shown: String = body.chars().take(120).collect();
            let request = client.post(format!("http://{}{path}", relay.address));
            let answer = request.header("content-type", "application/json").body(body).send().await;
            let answer = answer.with_context(|| format!("{path} {shown}\n{}", relay.log()))?;
            let got = answer.status().as_u16();
            let problem: Value = serde_json::from_str(&answer.text().await?).unwrap_or_default();
            let named = problem["detail"].as_str().is_some_and(|detail| detail.contains(names));
            if got != status || problem["status"] != got || !named {
                wrong.push(format!("{path} {shown}: {got} {problem}"));
            }
        }
        let text = client.post(format!("http://{}{path}", relay.address)).body("{}").send().await?;
        assert_eq!(text.status().as_u16(), 415);
        let long = format!("\"{}\"", "x".repeat(1 << 20));
        let request = client.post(format!("http://{}{path}", relay.address));
        let long = request.header("content-type", "application/json").body(long).send().await?;
        assert_eq!(long.status().as_u16(), 413);
        assert_eq!(long.headers().get("connection").map(|v| v.as_bytes()), Some(&b"close"[..]));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    undisturbed(watching).await
}

#[tokio::test]
async fn hosts_and_origins_are_allow_lists() -> Result<()> {
    let relay = Options::sim()
        .env("TAPEDECK_ALLOWED_HOSTS", "deck.example")
        .env("TAPEDECK_ALLOWED_ORIGINS", "https://trusted.example")
        .start()
        .await?;
    for (host, status) in
        [("deck.example", 200), ("localhost", 200), ("evil.example", 403), ("127.0.0.1.evil.example", 403)]
    {
        let (got, _, body) = relay.get_with("/api/status", &[("host", host)]).await?;
        assert_eq!(got, status, "{host}: {body}");
    }
    let own = format!("http://{}", relay.address);
    for (origin, allowed) in [
        (own.as_str(), true),
        ("https://trusted.example", true),
        ("https://evil.example", false),
        ("null", false),
    ] {
        let socket = Client::connect_with(&relay.socket_url(), &[("origin", origin)]).await;
        match (socket, allowed) {
            (Ok(_), true) => {}
            (Err(refusal), false) => assert_eq!(refusal.to_string(), "refused with 403", "{origin}"),
            (Ok(_), false) => panic!("{origin} was let in"),
            (Err(refusal), true) => panic!("{origin}: {refusal}"),
        }
    }
    let (status, headers, _) = relay.get_with("/api/status", &[("origin", "https://evil.example")]).await?;
    assert_eq!((status, headers.contains_key("access-control-allow-origin")), (403, false));
    let (status, headers, _) =
        relay.get_with("/api/status", &[("origin", "https://trusted.example")]).await?;
    assert_eq!((status, &headers["access-control-allow-origin"]), (200, &"https://trusted.example".parse()?));
    assert_eq!(headers["content-security-policy"], "default-src 'none'; frame-ancestors 'none'");
    // A page opened from disk may read what would admit it.
    let (status, headers, body) = relay.get_with("/api/status", &[("origin", "null")]).await?;
    assert_eq!((status, &headers["access-control-allow-origin"]), (403, &"null".parse()?));
    let detail = body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("TAPEDECK_ALLOWED_ORIGINS=null"), "{detail}");
    // The page's own files may be loaded from anywhere; what they show may not.
    let (status, headers, _) = relay.get_with("/", &[("origin", "https://evil.example")]).await?;
    assert!(status != 403 && !headers.contains_key("access-control-allow-origin"), "{status}");
    Ok(())
}

#[test]
fn a_folder_that_is_not_there_is_not_called_sound() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let output = std::process::Command::new(tests::relay::binary())
        .args(["archive", "verify"])
        .env("DATA_DIR", folder.path().join("mistyped"))
        .current_dir(folder.path())
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.starts_with("tapedeck: DATA_DIR: there is no ") && told.contains("mistyped"), "{told}");
    Ok(())
}

#[test]
fn a_file_without_a_single_frame_ends_the_replay_with_one_line_and_nothing_is_left() -> Result<()> {
    let (folder, temporary) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let file = folder.path().join("notes.jsonl");
    std::fs::write(&file, "# notes\nno frame here\n{\"a\":1}\n")?;
    let output = std::process::Command::new(tests::relay::binary())
        .args(["replay", "--exit", "--speed", "max", "--listen", "127.0.0.1:0"])
        .arg(&file)
        .current_dir(folder.path())
        .env("TMPDIR", temporary.path())
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    // The folder for temporary files is a variable of its own elsewhere.
    if cfg!(unix) {
        assert_eq!(std::fs::read_dir(temporary.path())?.count(), 0, "its store is gone");
    }
    let last = told.lines().last().unwrap_or("");
    assert!(last.contains("nothing to replay") && last.contains("notes.jsonl"), "{told}");
    Ok(())
}
