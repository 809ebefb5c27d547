//! The relay's papers against what it really answers, in the simulated market.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use tests::relay::{Options, Relay};

const SOON: Duration = Duration::from_secs(30);
/// Answers in the description are cut to so many rows, and texts of the file they are in.
const EXAMPLE_ROWS: usize = 1;
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../relay/src/http/papers/examples.json");

/// A schema of a description, with what it refers to.
fn validator(api: &Value, schema: &Value) -> Result<Validator> {
    let mut whole = schema.clone();
    whole["components"] = api["components"].clone();
    Ok(jsonschema::validator_for(&whole)?)
}

fn faults(validator: &Validator, value: &Value) -> Vec<String> {
    let fault = |e: jsonschema::ValidationError<'_>| {
        let told: String = e.to_string().chars().take(300).collect();
        format!("{}: {told}", e.instance_path())
    };
    validator.iter_errors(value).map(fault).collect()
}

/// What comes with 200 is what is told: media type, headers, body.
fn check(api: &Value, op: &Value, headers: &reqwest::header::HeaderMap, body: &Value) -> Result<()> {
    let told = &op["responses"]["200"];
    let kind = headers.get("content-type").and_then(|v| v.to_str().ok()).context("a content type")?;
    let media = kind.split(';').next().unwrap_or_default();
    let content = told["content"].as_object().context("a content")?;
    let media = content.iter().find(|(name, _)| {
        *name == media || name.strip_suffix("/*").is_some_and(|family| media.starts_with(family))
    });
    let schema = &media.with_context(|| format!("{kind} is not told"))?.1["schema"];
    // A plain number reads as JSON too.
    let body =
        if kind.starts_with("text/") && !body.is_string() { &Value::from(body.to_string()) } else { body };
    let faults = faults(&validator(api, schema)?, body);
    ensure!(faults.is_empty(), "{faults:#?}\n{:.600}", body.to_string());
    ensure!(headers.contains_key("x-request-id"), "no X-Request-Id");
    if told["headers"].get("ETag").is_some() {
        let tag = headers.get("etag").and_then(|v| v.to_str().ok()).context("no ETag")?;
        ensure!(tag.starts_with("W/\""), "{tag}");
    }
    Ok(())
}

/// The start of long lists.
fn shortened(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().take(EXAMPLE_ROWS).map(shortened).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(k, v)| (k.clone(), shortened(v))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

async fn post(relay: &Relay, path: &str, body: &Value) -> Result<(u16, reqwest::header::HeaderMap, Value)> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let request = client.post(format!("http://{}{path}", relay.address));
    let answer = request.header("content-type", "application/json").body(body.to_string()).send().await?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Ok((status, headers, serde_json::from_str(&answer.text().await?)?))
}

#[tokio::test]
async fn answers_are_what_the_description_says() -> Result<()> {
    let relay = Options::sim().start().await?;
    let (status, api) = relay.get("/api/openapi.json").await?;
    ensure!(status == 200 && api["openapi"] == "3.1.0");
    let mut examples = Map::new();
    let mut wrong = Vec::new();
    for (path, operations) in api["paths"].as_object().context("paths")? {
        for (method, op) in operations.as_object().context("operations")? {
            if op["responses"].get("101").is_some() {
                continue;
            }
            let (status, headers, body) = if method == "delete" {
                let request = op["x-request"].as_str().context("a request")?;
                let client = reqwest::Client::builder().no_proxy().build()?;
                let answer = client.delete(format!("http://{}{request}", relay.address)).send().await?;
                let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
                (status, headers, serde_json::from_str(&answer.text().await?)?)
            } else if method == "post" {
                post(&relay, path, &op["requestBody"]["content"]["application/json"]["example"]).await?
            } else {
                relay.get_with(op["x-request"].as_str().context("a request")?, &[]).await?
            };
            // The simulated market is no replay, and nobody has set an alert yet.
            let refused = matches!(
                (path.as_str(), status, body["code"].as_str()),
                ("/api/replay", 404 | 409, Some("no_replay")) | ("/api/alerts", 404, Some("unknown_alert"))
            );
            if refused && op["responses"].get(status.to_string()).is_some() {
                continue;
            }
            let fits =
                if status == 200 { check(&api, op, &headers, &body) } else { Err(anyhow::anyhow!("{body}")) };
            if let Err(why) = fits {
                wrong.push(format!("{method} {path}: {status} {why:#}"));
            }
            if op["responses"]["200"]["content"].get("application/json").is_some()
                && path != "/api/openapi.json"
            {
                examples.insert(path.clone(), shortened(&body));
            }
            // Other forms of the same rows.
            if op["responses"].get("304").is_some() {
                let request = op["x-request"].as_str().unwrap_or_default();
                for format in ["columns", "csv"] {
                    let (status, headers, body) =
                        relay.get_with(&format!("{request}&format={format}"), &[]).await?;
                    if let Err(why) = check(&api, op, &headers, &body) {
                        wrong.push(format!("{path} {format}: {status} {why:#}"));
                    }
                }
                let joined = request.replace("BTCUSDT-PERP", "BTCUSDT-PERP&venue=all");
                if !path.ends_with("/book") && path != "/api/gaps" {
                    let (status, headers, body) = relay.get_with(&joined, &[]).await?;
                    if let Err(why) = check(&api, op, &headers, &body) {
                        wrong.push(format!("{path} of all venues: {status} {why:#}"));
                    }
                }
            }
            // A refusal is a problem, and told as such.
            let symbol = op["parameters"]
                .as_array()
                .is_some_and(|all| all.iter().any(|p| p["name"] == "symbol" && p["required"] == true));
            if symbol {
                let (status, headers, body) = relay.get_with(path, &[]).await?;
                let problem = json!({"$ref": "#/components/schemas/Problem"});
                let told = op["responses"].get(status.to_string()).is_some();
                let kind = headers.get("content-type").and_then(|v| v.to_str().ok());
                if status != 400
                    || !told
                    || kind != Some("application/problem+json")
                    || !validator(&api, &problem)?.is_valid(&body)
                {
                    wrong.push(format!("{path}: {status} {kind:?} {body}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(EXAMPLES, serde_json::to_string_pretty(&Value::from(examples))? + "\n")?;
    }
    // Examples in the description are of the answers it describes.
    let kept: Map<String, Value> = serde_json::from_str(&std::fs::read_to_string(EXAMPLES)?)?;
    assert!(kept.len() > 20, "UPDATE=1 writes {EXAMPLES} anew");
    for (path, example) in &kept {
        let op =
            api["paths"][path].as_object().and_then(|all| all.values().next()).context("an operation")?;
        let schema = &op["responses"]["200"]["content"]["application/json"]["schema"];
        assert_eq!(faults(&validator(&api, schema)?, example), [] as [String; 0], "{path}");
    }
    Ok(())
}

/// Fails a frame that has a field less, one more, or one of another type.
fn mutations(frame: &Value) -> Vec<Value> {
    let fields = frame.as_object().cloned().unwrap_or_default();
    let changed = |change: &dyn Fn(&mut Map<String, Value>)| {
        let mut copy = fields.clone();
        change(&mut copy);
        Value::from(copy)
    };
    vec![
        changed(&|f| drop(f.remove("type"))),
        changed(&|f| drop(f.insert("type".into(), "nonsense".into()))),
        changed(&|f| drop(f.insert("nonsense".into(), 1.into()))),
        changed(&|f| {
            for name in ["timestamp", "topics", "message"] {
                if f.contains_key(name) {
                    f.insert(name.into(), json!({"not": "this"}));
                }
            }
            f.insert(
                "type".into(),
                f["type"].as_str().map_or("", |t| if t == "pong" { "slow" } else { t }).into(),
            );
        }),
    ]
}

#[tokio::test]
async fn every_frame_sent_is_one_of_the_schema() -> Result<()> {
    let relay = Options::sim().start().await?;
    let (status, mut schema) = relay.get("/api/frames.schema.json").await?;
    ensure!(status == 200);
    let channels = schema["$defs"]["Channel"]["enum"].as_array().context("channels")?.clone();
    schema.as_object_mut().context("a schema")?.remove("anyOf");
    schema["$ref"] = "#/$defs/ServerFrame".into();
    let validator = jsonschema::validator_for(&schema)?;

    let mut client = relay.socket().await?;
    client.send(&json!({"action": "ping", "id": 1})).await?;
    client.send(&json!({"action": "ping"})).await?;
    client.send(&json!({"action": "nonsense", "id": "x"})).await?;
    client.send_text("junk").await?;
    let symbols = ["BTCUSDT-PERP", "BTC/USDT"];
    let subscribe = json!({"action": "subscribe", "id": 2, "symbols": symbols, "channels": channels,
        "intervals": ["1m", "5m"]});
    client.send(&subscribe).await?;
    let joined =
        json!({"action": "subscribe", "id": 3, "symbols": symbols, "venues": ["all"], "channels": channels});
    client.send(&joined).await?;
    let expired = json!({"action": "subscribe", "id": 4, "symbols": ["ETHUSDT-PERP"], "resume": "1.1"});
    client.send(&expired).await?;
    let wanted = ["bar", "oi", "funding", "trade", "book", "gap", "status", "subscribed", "error", "pong"];
    client
        .wait("every kind of frame", SOON, |frames| {
            let seen = |kind: &str| frames.iter().any(|f| f["type"] == kind);
            wanted.iter().all(|kind| seen(kind)) && frames.iter().any(|f| f["by_venue"].is_object())
        })
        .await?;
    client.send(&json!({"action": "unsubscribe", "id": 5})).await?;
    client
        .wait("the last answer", SOON, |f| f.iter().any(|f| f["type"] == "subscribed" && f["id"] == 5))
        .await?;
    for frame in &client.frames {
        assert_eq!(faults(&validator, frame), [] as [String; 0], "{frame}");
        for mutated in mutations(frame) {
            assert!(!validator.is_valid(&mutated), "{mutated}");
        }
    }
    // What the page polls are the same frames.
    let (_, snapshot) = relay.get("/api/snapshot?symbol=BTCUSDT-PERP").await?;
    for frame in snapshot["frames"].as_array().context("frames")? {
        assert_eq!(faults(&validator, frame), [] as [String; 0], "{frame}");
    }
    Ok(())
}
