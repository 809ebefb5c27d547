//! Price alerts end to end: set over HTTP, fired by the market, told on the socket and to the webhook, kept over a kill.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use tests::relay::{Options, Relay};
use tokio::sync::{Mutex, mpsc};

const SOON: Duration = Duration::from_secs(20);
const SECRET: &str = "not-for-anybodys-eyes";

/// A chat's address that has a bad moment first; gives what it is told.
async fn webhook() -> Result<(String, mpsc::UnboundedReceiver<Value>)> {
    let (sender, told) = mpsc::unbounded_channel();
    let state = Arc::new(Mutex::new((true, sender)));
    type Held = Arc<Mutex<(bool, mpsc::UnboundedSender<Value>)>>;
    async fn take(State(held): State<Held>, body: String) -> StatusCode {
        let mut held = held.lock().await;
        if std::mem::take(&mut held.0) {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        let _ = held.1.send(serde_json::from_str(&body).unwrap_or_default());
        StatusCode::NO_CONTENT
    }
    let app = Router::new().route(&format!("/{SECRET}"), post(take)).with_state(state);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok((format!("http://{address}/{SECRET}"), told))
}

async fn send(relay: &Relay, method: &str, path: &str, body: Value, origin: &str) -> Result<(u16, Value)> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("http://{}{path}", relay.address);
    let mut request = client.request(method.parse()?, url).header("origin", origin);
    if !body.is_null() {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let answer = request.send().await?;
    Ok((answer.status().as_u16(), serde_json::from_str(&answer.text().await?)?))
}

#[tokio::test]
async fn an_alert_outlives_its_page_and_a_kill_and_is_told_once() -> Result<()> {
    let (url, mut told) = webhook().await?;
    let relay = Options::sim().env("ALERT_WEBHOOK_URL", url).start().await?;
    let own = format!("http://{}", relay.address);
    let mut client = relay.socket().await?;

    // Any price is above 1: it fires with the next trade, whatever the client subscribed to.
    let body = json!({"symbol": "BTCUSDT-PERP", "price": 1, "direction": "above", "note": "a note"});
    let (status, set) = send(&relay, "POST", "/api/alerts", body.clone(), &own).await?;
    assert_eq!(
        (status, &set["id"], &set["once"], &set["fired"]),
        (200, &json!(1), &json!(true), &json!(null))
    );
    let frame = client.wait_for("an alert", SOON, |f| f["type"] == "alert").await?;
    assert_eq!((&frame["id"], &frame["note"]), (&json!(1), &json!("a note")));
    assert!(frame["fired_price"].as_f64() > Some(1.0), "{frame}");
    let post = tokio::time::timeout(SOON, told.recv()).await?.context("told")?;
    let text = post["text"].as_str().unwrap_or_default();
    assert!(text.starts_with("BTCUSDT-PERP at or above 1 ") && text.ends_with(": a note"), "{text}");
    for (name, value) in frame.as_object().context("a frame")? {
        assert_eq!(&post[name], value, "{name}");
    }

    // One that waits, and a page of another origin that may neither set nor delete.
    let waits = json!({"symbol": "BTCUSDT-PERP", "venue": "sim", "price": 1, "direction": "below"});
    let (status, _) = send(&relay, "POST", "/api/alerts", waits.clone(), &own).await?;
    assert_eq!(status, 200);
    for (method, path, body) in [("POST", "/api/alerts", waits), ("DELETE", "/api/alerts?id=2", Value::Null)]
    {
        let (status, refusal) = send(&relay, method, path, body, "https://evil.example").await?;
        assert_eq!((status, &refusal["code"]), (403, &json!("origin_not_allowed")), "{method}");
    }
    let (status, refusal) =
        send(&relay, "POST", "/api/alerts", json!({"symbol": "NOPE-PERP", "price": 1}), &own).await?;
    assert_eq!((status, &refusal["code"]), (404, &json!("unknown_symbol")));
    let nowhere = json!({"symbol": "BTCUSDT-PERP", "venue": "mtgox", "price": 1});
    let (status, refusal) = send(&relay, "POST", "/api/alerts", nowhere, &own).await?;
    assert_eq!((status, &refusal["code"]), (400, &json!("unknown_venue")));

    let relay = relay.kill_and_restart().await?;
    let own = format!("http://{}", relay.address);
    let (_, kept) = relay.get("/api/alerts").await?;
    assert_eq!(
        (&kept[0]["fired"], &kept[1]["id"], &kept[1]["venue"]),
        (&frame["fired"], &json!(2), &json!("sim"))
    );
    assert_eq!(send(&relay, "DELETE", "/api/alerts?id=2", Value::Null, &own).await?.0, 200);
    assert_eq!(send(&relay, "DELETE", "/api/alerts?id=2", Value::Null, &own).await?.0, 404);
    assert!(told.try_recv().is_err(), "told once");
    assert!(!relay.log().contains(SECRET), "{}", relay.log());
    Ok(())
}
