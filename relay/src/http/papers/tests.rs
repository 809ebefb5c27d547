use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use jsonschema::Validator;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use shared::market::VenueId;
use shared::wire::ClientFrame;
use tower::ServiceExt;

use super::{openapi, parameters, table::PAPERS};
use crate::Mode;
use crate::alerts::Alerts;
use crate::app::{Parts, Relay};
use crate::clock::Clock;
use crate::config::GuardsConfig;
use crate::http::Access;
use crate::ingest::demand::FollowLimits;
use crate::store::SqliteStore;

/// A relay whose only venue is not there.
pub(in crate::http) fn relay(follow: FollowLimits) -> Relay {
    Relay::start(Parts {
        mode: Mode::Live,
        venues: vec![VenueId::new("one")],
        store: Arc::new(SqliteStore::temporary().unwrap()),
        store_trades: false,
        access: Access { public: true, ..Access::default() },
        metrics: PrometheusBuilder::new().build_recorder().handle(),
        clock: Clock::real(),
        follow,
        guards: GuardsConfig::default(),
        frame_ancestors: Vec::new(),
        page_dir: None,
        replay: None,
        alerts: (Arc::new(Alerts::unkept()), None),
    })
}

/// The whole router, of a relay without venues.
fn router() -> axum::Router {
    relay(FollowLimits::default()).router()
}

/// The paths of a router, as it tells them itself; those that catch all are left out, the page's `/` among them.
fn paths(router: &axum::Router) -> BTreeSet<String> {
    let told = format!("{router:?}");
    let quoted = told.split("RouteId(").filter_map(|part| {
        let (id, rest) = part.split_once("): \"")?;
        id.bytes().all(|b| b.is_ascii_digit()).then(|| rest.split('"').next().map(str::to_owned))?
    });
    quoted.filter(|path| path.len() > 1 && path.starts_with('/') && !path.contains("{*")).collect()
}

#[tokio::test]
async fn every_route_has_its_paper_and_every_paper_its_route() {
    let router = router();
    let routes = paths(&router);
    assert!(routes.len() > 20 && routes.contains("/ws"), "{routes:?}");
    let told: BTreeSet<String> = PAPERS.iter().map(|paper| paper.path.to_owned()).collect();
    let (untold, gone): (Vec<_>, Vec<_>) =
        (routes.difference(&told).collect(), told.difference(&routes).collect());
    assert!(untold.is_empty() && gone.is_empty(), "no paper: {untold:?}; no route: {gone:?}");
    for path in &routes {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let uri = path.replace("{file}", "docs.js");
            let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
            let there =
                router.clone().oneshot(request).await.unwrap().status() != StatusCode::METHOD_NOT_ALLOWED;
            let told =
                PAPERS.iter().any(|paper| paper.path == path && paper.method.eq_ignore_ascii_case(method));
            assert_eq!(there, told, "{method} {path}");
        }
    }
}

/// Every `$ref` of a document.
fn references<'a>(value: &'a Value, out: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            out.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|field| references(field, out));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, out)),
        _ => {}
    }
}

#[test]
fn the_description_is_whole() {
    let document = openapi();
    let mut all = Vec::new();
    references(&document, &mut all);
    for path in all {
        let found = document.pointer(path.trim_start_matches('#'));
        assert!(found.is_some(), "{path} leads nowhere");
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(jsonschema::meta::is_valid(schema), "{name}");
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            assert!(*schema != json!(false), "{name}.{field} is not described: fields.rs");
        }
    }
    for paper in PAPERS {
        for key in paper.parameters {
            assert!(parameters::parameter(key).is_some(), "{}: {key}", paper.path);
        }
        for status in paper.refusals {
            let response = &document["components"]["responses"][status.to_string()];
            assert!(response.is_object(), "{}: {status}", paper.path);
        }
    }
    let ids: BTreeSet<String> = PAPERS.iter().map(super::operation_id).collect();
    assert_eq!(ids.len(), PAPERS.len());
    assert_eq!(document["openapi"], "3.1.0");
}

fn frames(of: &str) -> Validator {
    let mut schema = shared::schema::frames();
    schema.as_object_mut().unwrap().remove("anyOf");
    schema["$ref"] = format!("#/$defs/{of}").into();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn the_schema_takes_what_the_relay_takes_of_a_client() {
    let schema = frames("ClientFrame");
    let long = "A".repeat(65);
    for (frame, good) in [
        (json!({"action": "subscribe", "symbols": ["BTCUSDT-PERP"]}), true),
        (
            json!({"action": "subscribe", "id": 1, "symbols": ["BTC/USDT", "CME_MINI:MNQ1!"], "channels": ["bar", "guards"],
            "venues": ["sim"], "intervals": ["1m", "1h", "1M"], "resume": "ab.12"}),
            true,
        ),
        (
            json!({"action": "subscribe", "id": "x", "symbols": ["币安人生USDT-PERP"], "channels": [], "venues": null,
            "resume": null, "more": true}),
            true,
        ),
        (json!({"action": "unsubscribe"}), true),
        (json!({"action": "unsubscribe", "symbols": [], "intervals": ["4H"]}), true),
        (json!({"action": "ping"}), true),
        (json!({"action": "ping", "id": null}), true),
        (json!({"action": "buy"}), false),
        (json!({"symbols": ["BTCUSDT-PERP"]}), false),
        (json!({"action": "subscribe"}), false),
        (json!({"action": "subscribe", "symbols": []}), false),
        (json!({"action": "subscribe", "symbols": "BTCUSDT-PERP"}), false),
        (json!({"action": "subscribe", "symbols": [7]}), false),
        (json!({"action": "subscribe", "symbols": ["../../etc"]}), false),
        (json!({"action": "subscribe", "symbols": ["a/b/c"]}), false),
        (json!({"action": "subscribe", "symbols": ["/etc"]}), false),
        (json!({"action": "subscribe", "symbols": ["etc/"]}), false),
        (json!({"action": "subscribe", "symbols": ["BTC USDT"]}), false),
        (json!({"action": "subscribe", "symbols": [""]}), false),
        (json!({"action": "subscribe", "symbols": [long]}), false),
        (json!({"action": "subscribe", "symbols": ["A-PERP"], "channels": ["x"]}), false),
        (json!({"action": "subscribe", "symbols": ["A-PERP"], "intervals": ["7m"]}), false),
        (json!({"action": "subscribe", "symbols": ["A-PERP"], "venues": [1]}), false),
        (json!({"action": "subscribe", "symbols": ["A-PERP"], "resume": 5}), false),
        (json!({"action": "ping", "id": true}), false),
        (json!({"action": "unsubscribe", "channels": "bar"}), false),
        (json!([1, 2]), false),
    ] {
        assert_eq!(schema.is_valid(&frame), good, "the schema: {frame}");
        assert_eq!(ClientFrame::parse(&frame.to_string()).is_ok(), good, "the relay: {frame}");
    }
}

#[test]
fn the_protocols_examples_are_frames() {
    let text = include_str!("../../../../docs/PROTOCOL.md");
    let (client, server) = (frames("ClientFrame"), frames("ServerFrame"));
    let mut kinds = BTreeSet::new();
    for block in text.split("```json\n").skip(1) {
        let example = block.split("```").next().unwrap();
        let frame: Value = serde_json::from_str(example).unwrap_or_else(|e| panic!("{e}: {example}"));
        // A signal has both.
        let (schema, kind) =
            if frame.get("type").is_some() { (&server, "type") } else { (&client, "action") };
        let faults: Vec<String> = schema.iter_errors(&frame).map(|e| e.to_string()).collect();
        assert!(faults.is_empty(), "{faults:?}: {example}");
        kinds.insert(frame[kind].as_str().unwrap().to_owned());
    }
    let schema = shared::schema::frames();
    for (list, kind) in [("ClientFrame", "action"), ("ServerFrame", "type")] {
        for frame in schema["$defs"][list]["oneOf"].as_array().unwrap() {
            let name = frame["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
            let kind = &schema["$defs"][name]["properties"][kind]["const"];
            assert!(kinds.contains(kind.as_str().unwrap()), "docs/PROTOCOL.md has no example of {name}");
        }
    }
}
