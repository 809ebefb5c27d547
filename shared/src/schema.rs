//! JSON Schema (2020-12) of protocol v1, made from the types that are sent.
//!
//! Server frames are described exactly: a field this version does not send is an error. Client frames may hold
//! fields nobody reads, as the relay allows.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::event::{
    Bar, BookTop, Channel, Cursor, Funding, Gap, Guards, Heatmap, JoinedBar, Liquidation, OpenInterest,
    Signal, Trade,
};
use crate::market::{Calendar, SessionForm, Symbol, Timeframe};
use crate::wire::{Control, Data};

#[cfg(test)]
mod tests;

const DEFINITIONS: &str = "#/$defs/";

macro_rules! by_hand {
    ($type:ty, $name:literal, $schema:expr) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }
            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let schema: fn(&mut SchemaGenerator) -> Schema = $schema;
                schema(generator)
            }
        }
    };
}

by_hand!(Symbol, "Symbol", |_| json_schema!({
    "type": "string",
    "description": "`BTCUSDT-PERP`, `BTC/USDT`, or a vendor's code like `CME_MINI:MNQ1!`: letters, digits and \
                    `- _ / : ! .`, at most one `/`, no `..`, up to 64 bytes.",
    "minLength": 1,
    "maxLength": 64,
    "pattern": "^(?!.*\\.\\.)(?!.*/.*/)[\\p{L}\\p{N}_:!]([\\p{L}\\p{N}_/:!.\\-]*[\\p{L}\\p{N}_:!\\-])?$",
    "examples": ["BTCUSDT-PERP"],
}));
by_hand!(Timeframe, "Timeframe", |_| json_schema!({
    "type": "string",
    "description": "`1m` is a minute, `1M` a month.",
    "enum": Timeframe::ALL.map(Timeframe::name),
}));
by_hand!(Cursor, "Cursor", |_| json_schema!({
    "type": "string",
    "description": "A place in the one order over all topics; opaque.",
    "pattern": "^[0-9a-f]+\\.[0-9]+$",
    "examples": ["19a1b2c3d4e.4711"],
}));
by_hand!(Calendar, "Calendar", |generator| json_schema!({
    "description": "When a market trades: around the clock, by a named calendar, or by sessions.",
    "anyOf": [{ "enum": ["24x7", "cme"] }, generator.subschema_for::<SessionForm>()],
}));

/// A client's own mark on a request.
pub(crate) struct RequestId;

by_hand!(RequestId, "RequestId", |_| json_schema!({
    "description": "The `id` of the request this answers.",
    "type": ["string", "number"],
}));

/// Schema of every frame that goes over `/ws`: `$defs/ServerFrame` what the relay sends, `$defs/ClientFrame` what
/// it takes; the root takes either.
pub fn frames() -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut kinds = data_frames(&mut generator);
    kinds.extend(control_frames(&mut generator));
    let reference = |name: &String| json!({ "$ref": format!("{DEFINITIONS}{name}") });
    let server: Vec<Value> = kinds.iter().map(|(name, _)| reference(name)).collect();
    let client = client_frames(&mut generator);
    let asked: Vec<Value> = client.iter().map(|(name, _)| reference(name)).collect();
    let mut definitions = generator.take_definitions(true);
    definitions.extend(kinds);
    // What a relay sends holds nothing else; what it takes may.
    definitions.values_mut().for_each(close);
    definitions.extend(client);
    definitions.insert("ServerFrame".into(), json!({ "oneOf": server }));
    definitions.insert("ClientFrame".into(), json!({ "oneOf": asked }));
    let mut root = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": crate::wire::SUBPROTOCOL_JSON,
        "description": "Frames of tapedeck's WebSocket protocol. Times are Unix milliseconds, UTC.",
        "anyOf": [
            { "$ref": format!("{DEFINITIONS}ServerFrame") },
            { "$ref": format!("{DEFINITIONS}ClientFrame") },
        ],
        "$defs": definitions,
    });
    plain_words(&mut root);
    root
}

/// The schema of `T` in place, its parts among the generator's definitions.
fn inline<T: JsonSchema>(generator: &mut SchemaGenerator) -> Map<String, Value> {
    T::json_schema(generator).as_object().cloned().unwrap_or_default()
}

/// Data frames: the common fields and those of one kind, flat.
fn data_frames(generator: &mut SchemaGenerator) -> Vec<(String, Value)> {
    let head = inline::<Data>(generator);
    let frame = |name: &str, kind: &str, body: Map<String, Value>| {
        let kind = json!({ "type": { "const": kind } });
        let kind = json!({ "type": "object", "properties": kind, "required": ["type"] });
        let parts = [kind.as_object().cloned().unwrap_or_default(), head.clone(), body];
        (name.to_owned(), merged(parts))
    };
    vec![
        frame("BarFrame", Channel::Bar.name(), inline::<Bar>(generator)),
        frame("JoinedBarFrame", Channel::Bar.name(), inline::<JoinedBar>(generator)),
        frame("OiFrame", Channel::Oi.name(), inline::<OpenInterest>(generator)),
        frame("FundingFrame", Channel::Funding.name(), inline::<Funding>(generator)),
        frame("LiquidationFrame", Channel::Liquidation.name(), inline::<Liquidation>(generator)),
        frame("TradeFrame", Channel::Trade.name(), inline::<Trade>(generator)),
        frame("BookFrame", Channel::Book.name(), inline::<BookTop>(generator)),
        frame("SignalFrame", Channel::Signal.name(), inline::<Signal>(generator)),
        frame("GuardsFrame", Channel::Guards.name(), inline::<Guards>(generator)),
        frame("HeatmapFrame", Channel::Heatmap.name(), inline::<Heatmap>(generator)),
        frame("GapFrame", "gap", inline::<Gap>(generator)),
    ]
}

/// The frames that are not data, by their `type`.
fn control_frames(generator: &mut SchemaGenerator) -> Vec<(String, Value)> {
    let mut all = inline::<Control>(generator);
    let Some(Value::Array(variants)) = all.remove("oneOf") else { return Vec::new() };
    let frame = |variant: Value| {
        let Value::Object(mut variant) = variant else { return None };
        let kind = variant.get("properties")?.get("type")?.get("const")?.as_str()?.to_owned();
        let mut body = Map::new();
        if let Some(Value::String(path)) = variant.remove("$ref") {
            let name = path.strip_prefix(DEFINITIONS)?;
            let Some(Value::Object(whole)) = generator.definitions_mut().remove(name) else { return None };
            body = whole;
        }
        let mut name = kind;
        name.get_mut(..1)?.make_ascii_uppercase();
        Some((format!("{name}Frame"), merged([variant, body])))
    };
    variants.into_iter().filter_map(frame).collect()
}

/// Control frames as [`crate::wire::ClientFrame::parse`] reads them.
fn client_frames(generator: &mut SchemaGenerator) -> Vec<(String, Value)> {
    let list = |items: Value| json!({ "type": ["array", "null"], "items": items });
    let symbol = generator.subschema_for::<Symbol>().to_value();
    let intervals =
        json!({ "enum": ["1m", "5m", "15m", "30m", "1H", "1h", "4H", "4h", "1D", "1d", "1W", "1w", "1M"] });
    let narrowed = |symbols: Value| {
        json!({
            "id": { "type": ["number", "string", "null"], "description": "Comes back in the answer." },
            "symbols": symbols,
            "channels": list(json!({ "enum": Channel::ALL.map(Channel::name) })),
            "venues": list(json!({ "type": "string" })),
            "intervals": list(intervals.clone()),
        })
    };
    let wanted = json!({ "type": "array", "items": symbol.clone(), "minItems": 1 });
    let frame = |name: &str, about: &str, action: &str, mut fields: Value, required: &[&str]| {
        if let Value::Object(fields) = &mut fields {
            fields.insert("action".into(), json!({ "const": action }));
        }
        let schema =
            json!({ "type": "object", "description": about, "properties": fields, "required": required });
        (name.to_owned(), schema)
    };
    let mut subscribe = narrowed(wanted);
    let resume = "The `cursor` of the last frame taken: go on after it instead of from snapshots.";
    if let Value::Object(fields) = &mut subscribe {
        fields.insert("resume".into(), json!({ "type": ["string", "null"], "description": resume }));
    }
    let ping =
        json!({ "id": { "type": ["number", "string", "null"], "description": "Comes back in the answer." } });
    vec![
        frame(
            "Subscribe",
            "Adds topics. Without `channels`: bar, oi, funding, liquidation; without `intervals`: 1m; without \
             `venues`: every venue that lists the symbol.",
            "subscribe",
            subscribe,
            &["action", "symbols"],
        ),
        frame(
            "Unsubscribe",
            "Takes topics back; an absent or empty list means all.",
            "unsubscribe",
            narrowed(list(symbol)),
            &["action"],
        ),
        frame("Ping", "Is answered with `pong`.", "ping", ping, &["action"]),
    ]
}

/// Objects in one: properties and required fields of all, what else they say from the last that says it.
fn merged(parts: impl IntoIterator<Item = Map<String, Value>>) -> Value {
    let (mut all, mut properties, mut required) = (Map::new(), Map::new(), Vec::new());
    for mut part in parts {
        if let Some(Value::Object(more)) = part.remove("properties") {
            properties.extend(more);
        }
        if let Some(Value::Array(more)) = part.remove("required") {
            required.extend(more);
        }
        all.extend(part);
    }
    all.insert("properties".into(), properties.into());
    all.insert("required".into(), required.into());
    all.into()
}

/// Objects with named fields hold no others, and a field that may be left out is never null.
fn close(schema: &mut Value) {
    if let Value::Object(fields) = schema {
        let required = fields.get("required").cloned().unwrap_or_default();
        let left_out = |name: &str| !required.as_array().is_some_and(|r| r.iter().any(|n| n == name));
        if let Some(Value::Object(properties)) = fields.get_mut("properties") {
            properties.iter_mut().filter(|(name, _)| left_out(name)).for_each(|(_, field)| never_null(field));
            fields.entry("additionalProperties").or_insert(false.into());
        }
        fields.values_mut().for_each(close);
    } else if let Value::Array(items) = schema {
        items.iter_mut().for_each(close);
    }
}

fn never_null(field: &mut Value) {
    let Value::Object(field) = field else { return };
    if let Some(Value::Array(types)) = field.get_mut("type") {
        types.retain(|kind| kind != "null");
    }
    if let Some(Value::Array(choices)) = field.get_mut("anyOf") {
        choices.retain(|choice| choice["type"] != "null");
    }
}

/// Links of the source's documentation as plain code.
pub fn plain_words(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(text)) = fields.get_mut("description") {
                *text = text.replace("[`", "`").replace("`]", "`").replace(['\n'], " ");
            }
            fields.values_mut().for_each(plain_words);
        }
        Value::Array(items) => items.iter_mut().for_each(plain_words),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
