use serde_json::{Value, json};

use super::frames;
use crate::event::Channel;

fn printed() -> String {
    serde_json::to_string_pretty(&frames()).unwrap() + "\n"
}

/// `UPDATE=1 cargo test -p shared --features schema` writes it anew.
#[test]
fn the_committed_schema_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/frames.schema.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, printed()).unwrap();
    }
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(committed == frames(), "docs/frames.schema.json differs: UPDATE=1 writes it anew");
}

#[test]
fn every_channel_and_notice_has_a_frame() {
    let schema = frames();
    let frames = schema["$defs"]["ServerFrame"]["oneOf"].as_array().unwrap();
    let kind = |frame: &Value| {
        let name = frame["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        schema["$defs"][name]["properties"]["type"]["const"].as_str().unwrap().to_owned()
    };
    let kinds: Vec<String> = frames.iter().map(kind).collect();
    for channel in Channel::ALL {
        assert!(kinds.iter().any(|k| k == channel.name()), "{channel}: {kinds:?}");
    }
    for notice in ["gap", "status", "subscribed", "error", "pong", "slow"] {
        assert!(kinds.iter().any(|k| k == notice), "{notice}: {kinds:?}");
    }
}

#[test]
fn frames_are_flat_and_closed() {
    let schema = frames();
    let bar = &schema["$defs"]["BarFrame"];
    for field in
        ["type", "timestamp", "received", "symbol", "venue", "seq", "cursor", "open", "vwap", "closed"]
    {
        assert!(bar["properties"].get(field).is_some(), "{field}");
        assert!(bar["required"].as_array().unwrap().contains(&json!(field)), "{field}");
    }
    for optional in ["snapshot", "cvd_from", "through"] {
        assert!(bar["properties"].get(optional).is_some(), "{optional}");
        assert!(!bar["required"].as_array().unwrap().contains(&json!(optional)), "{optional}");
    }
    assert_eq!(bar["additionalProperties"], false);
    assert_eq!(schema["$defs"]["Depth"]["additionalProperties"], false);
}
