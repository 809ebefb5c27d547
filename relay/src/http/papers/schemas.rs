//! Schemas of what routes take and give where no type has them.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};
use shared::market::Symbol;
use shared::wire::ReplaySpeed;

/// The schema of a type.
pub(super) fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

pub(super) fn row(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

pub(super) fn any_object(_: &mut SchemaGenerator) -> Value {
    json!({ "type": "object" })
}

pub(super) fn health(_: &mut SchemaGenerator) -> Value {
    json!({
        "type": "object",
        "properties": { "status": { "const": "ok" } },
        "required": ["status"],
        "additionalProperties": false,
    })
}

/// What a price alert is set with.
pub(super) fn new_alert(generator: &mut SchemaGenerator) -> Value {
    json!({
        "type": "object",
        "properties": {
            "symbol": of::<Symbol>(generator),
            "venue": { "type": ["string", "null"] },
            "price": { "type": "number", "exclusiveMinimum": 0 },
            "direction": { "enum": ["above", "below", "cross", null] },
            "note": { "type": ["string", "null"], "maxLength": 200 },
            "once": { "type": ["boolean", "null"] },
        },
        "required": ["symbol", "price"],
        "additionalProperties": false,
    })
}

/// What `/api/replay` takes.
pub(super) fn replay_orders(generator: &mut SchemaGenerator) -> Value {
    let order = |action: &str, own: Option<(&str, Value, bool)>| {
        let mut order = json!({
            "type": "object",
            "properties": { "action": { "const": action } },
            "required": ["action"],
            "additionalProperties": false,
        });
        if let Some((name, schema, required)) = own {
            order["properties"][name] = schema;
            if required {
                order["required"] = json!(["action", name]);
            }
        }
        order
    };
    let time = json!({ "type": ["integer", "string"], "description": "Unix ms, RFC 3339 or a date (UTC)." });
    let interval = json!({ "type": ["string", "null"] });
    json!({ "oneOf": [
        order("play", None),
        order("pause", None),
        order("speed", Some(("speed", of::<ReplaySpeed>(generator), true))),
        order("seek", Some(("to", time, true))),
        order("step", Some(("interval", interval, false))),
    ] })
}

/// What the bars of a computation are asked for by, with one field more.
pub(super) fn request(generator: &mut SchemaGenerator, own: &str, schema: Value) -> Value {
    let time = || json!({ "type": ["integer", "string", "null"] });
    let timeframe = || json!({ "type": ["string", "null"] });
    let mut properties = json!({
        "symbol": of::<Symbol>(generator),
        "interval": timeframe(),
        "timeframe": timeframe(),
        "venue": { "type": ["string", "null"] },
        "from": time(),
        "to": time(),
        "limit": { "type": ["integer", "string", "null"] },
        "cursor": { "type": ["string", "null"] },
        "format": { "enum": ["json", "columns", "csv", null] },
    });
    properties[own] = schema;
    json!({
        "type": "object",
        "description": "Times, limit, cursor and format as in queries.",
        "properties": properties,
        "required": ["symbol", own],
        "additionalProperties": false,
    })
}
