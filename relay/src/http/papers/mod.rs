//! The relay's papers: OpenAPI 3.1 of its routes, JSON Schema of its frames, and a page that shows both.
//!
//! Schemas come from the types that are written, rows from their list of fields; [`table`] says the rest, one entry a
//! route. Tests walk the router and the table both ways and hold real answers against what is said here.

mod fields;
mod page;
mod parameters;
mod schemas;
mod table;
#[cfg(test)]
pub(super) mod tests;

use std::sync::LazyLock;

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use self::table::{Answer, PAPERS, Paper};
use super::routes::row_fields;

static OPENAPI: LazyLock<Bytes> = LazyLock::new(|| openapi().to_string().into());
static FRAMES: LazyLock<Bytes> = LazyLock::new(|| shared::schema::frames().to_string().into());
/// Answers of the simulated market, shortened.
static EXAMPLES: LazyLock<Map<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("examples.json")).unwrap_or_default());

/// `/api/openapi.json`, `/api/frames.schema.json`, `/docs`.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/api/openapi.json", get(|| async { document("application/json", &OPENAPI) }))
        .route("/api/frames.schema.json", get(|| async { document("application/schema+json", &FRAMES) }))
        .route("/docs", get(page::page))
        .route("/docs/{file}", get(page::part))
}

fn document(kind: &'static str, bytes: &Bytes) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], bytes.clone())
}

/// Refusals any request may meet.
const ANYWHERE: [u16; 3] = [401, 403, 429];

/// The whole description.
fn openapi() -> Value {
    let at = |settings: &mut SchemaSettings| settings.definitions_path = "/components/schemas".into();
    let mut generator = SchemaSettings::draft2020_12().for_serialize().with(at).into_generator();
    let mut schemas = Map::new();
    let rows = row_fields().map(|(row, names)| (row, fields::schemas(row, names, &mut generator)));
    for (row, (object, columns)) in rows.into_iter().chain([("Indicator", fields::named_columns())]) {
        schemas.insert(row.to_owned(), object);
        schemas.insert(format!("{row}Columns"), columns);
    }
    let mut paths = Map::new();
    for paper in PAPERS {
        let operations = paths.entry(paper.path).or_insert_with(|| json!({}));
        if let Value::Object(operations) = operations {
            operations.insert(paper.method.to_owned(), operation(paper, &mut generator));
        }
    }
    schemas.extend(generator.take_definitions(true));
    schemas.extend(frames());
    schemas.insert("Problem".into(), problem());
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "tapedeck",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Recorded and live market data. Times are Unix milliseconds, UTC, but under /udf; \
                quantities are coins, values quote currency. Every answer carries X-Request-Id.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        // From this machine, or where the relay is public, nothing is asked for.
        "security": [{}, { "bearer": [] }, { "token": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": headers(),
            "responses": refusals(),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "token": { "type": "apiKey", "in": "query", "name": "token" },
            },
        },
    });
    shared::schema::plain_words(&mut document);
    document
}

fn operation(paper: &Paper, generator: &mut SchemaGenerator) -> Value {
    let about = if paper.about.is_empty() { paper.summary } else { paper.about };
    let parameters: Vec<Value> =
        paper.parameters.iter().filter_map(|key| parameters::parameter(key)).collect();
    let mut responses = Map::new();
    let header = |name: &str| json!({ "$ref": format!("#/components/headers/{name}") });
    let mut told = json!({ "X-Request-Id": header("X-Request-Id") });
    let example = EXAMPLES.get(paper.path);
    let content = |kind: &str, schema: Value| {
        let mut media = json!({ "schema": schema });
        if let (Value::Object(media), Some(example)) = (&mut media, example) {
            media.insert("example".into(), example.clone());
        }
        json!({ kind: media })
    };
    let content = match &paper.answer {
        Answer::Rows(row) => {
            if let Value::Object(told) = &mut told {
                for name in ["ETag", "Cache-Control", "Link", "X-Next-Cursor", "X-Incomplete"] {
                    told.insert(name.into(), header(name));
                }
            }
            if paper.method == "get" {
                let unchanged =
                    json!({ "description": "The rows are those of `If-None-Match`.", "headers": told });
                responses.insert("304".into(), unchanged);
            }
            let reference = |name: String| json!({ "$ref": format!("#/components/schemas/{name}") });
            let rows = json!({ "type": "array", "items": reference((*row).to_owned()) });
            let mut content =
                content("application/json", json!({ "anyOf": [rows, reference(format!("{row}Columns"))] }));
            if let Value::Object(content) = &mut content {
                content.insert("text/csv".into(), json!({ "schema": { "type": "string" } }));
            }
            Some(content)
        }
        Answer::Json(schema) => Some(content("application/json", schema(generator))),
        Answer::As(kind, schema) => Some(content(kind, schema(generator))),
        Answer::Text(kind, about) => {
            Some(json!({ *kind: { "schema": { "type": "string", "description": about } } }))
        }
        Answer::Socket => None,
    };
    match content {
        Some(content) => {
            let ok = json!({ "description": paper.summary, "headers": told, "content": content });
            responses.insert("200".into(), ok);
        }
        None => {
            responses.insert("101".into(), json!({ "description": "The WebSocket is open." }));
        }
    }
    for status in ANYWHERE.iter().chain(paper.refusals) {
        let reference = json!({ "$ref": format!("#/components/responses/{status}") });
        responses.insert(status.to_string(), reference);
    }
    let mut operation = json!({
        "operationId": operation_id(paper),
        "tags": [paper.group],
        "summary": paper.summary,
        "description": about,
        "parameters": parameters,
        "responses": responses,
    });
    if let Value::Object(fields) = &mut operation {
        if let Some(schema) = paper.body {
            let example: Value = serde_json::from_str(paper.example).unwrap_or_default();
            let media = json!({ "schema": schema(generator), "example": example });
            fields.insert(
                "requestBody".into(),
                json!({ "required": true, "content": { "application/json": media } }),
            );
        } else {
            fields.insert("x-request".into(), request(paper).into());
        }
    }
    operation
}

/// Path and query of a request that the simulated market answers.
fn request(paper: &Paper) -> String {
    match (paper.path.split_once('{'), paper.example) {
        (Some((folder, _)), file) => format!("{folder}{file}"),
        (None, "") => paper.path.to_owned(),
        (None, query) => format!("{}?{query}", paper.path),
    }
}

/// `get_api_candles`.
fn operation_id(paper: &Paper) -> String {
    let path = paper.path.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    format!("{}{}", paper.method, path.trim_end_matches('_'))
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "What went wrong, in one line that names the parameter and the fix.",
        "properties": {
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "code": { "type": "string", "pattern": "^[a-z0-9_]+$", "description": "Stable." },
            "detail": { "type": "string" },
            "s": { "const": "error", "description": "Under /udf, for the charting library." },
            "errmsg": { "type": "string", "description": "Under /udf, the same as `detail`." },
        },
        "required": ["status", "code", "detail"],
    })
}

fn headers() -> Value {
    let header = |about: &str, schema: Value| json!({ "description": about, "schema": schema });
    let text = || json!({ "type": "string" });
    json!({
        "X-Request-Id": header("That of the request, or one made for it; the log names it.", text()),
        "ETag": header("Weak; for `If-None-Match`.", json!({ "type": "string", "pattern": "^W/\"[^\"]*\"$" })),
        "Cache-Control": header("`no-cache` while the range reaches the present.", text()),
        "Link": header("`rel=\"next\"`, where more rows follow.", text()),
        "X-Next-Cursor": header("`cursor` of the next page, where more rows follow.", text()),
        "X-Incomplete": header("Why rows may be missing: a venue that is out of reach.", text()),
        "Retry-After": header("Seconds.", json!({ "type": "integer", "minimum": 1 })),
    })
}

fn refusals() -> Value {
    let mut all = Map::new();
    for (status, code, detail) in [
        (
            400,
            "invalid_interval",
            "`interval`: unknown interval `7m`: use one of 1m 5m 15m 30m 1H 4H 1D 1W 1M",
        ),
        (401, "token_required", "this relay wants a token: send `Authorization: Bearer <token>`"),
        (
            403,
            "host_not_allowed",
            "host `deck.example` is not allowed: add it to allowed_hosts in tapedeck.toml",
        ),
        (404, "unknown_symbol", "`symbol`: nobody lists `NOPE`; /api/symbols/search finds what there is"),
        (409, "no_replay", "this relay serves live data: only a replay can be directed"),
        (413, "body_too_large", "a body has at most 262144 bytes and arrives whole"),
        (
            415,
            "unsupported_media_type",
            "the body is JSON: send `Content-Type: application/json` instead of `text/plain`",
        ),
        (429, "rate_limited", "too many requests from this address"),
        (503, "venue_unavailable", "binance gives no history now: it refuses this location (451)"),
    ] {
        let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/X-Request-Id" } });
        if let (429 | 503, Value::Object(headers)) = (status, &mut headers) {
            headers.insert("Retry-After".into(), json!({ "$ref": "#/components/headers/Retry-After" }));
        }
        let media = json!({
            "schema": { "$ref": "#/components/schemas/Problem" },
            "example": { "status": status, "code": code, "detail": detail },
        });
        let description = match status {
            400 => "A parameter makes no sense; `detail` names it.",
            401 => "Beyond this machine a token is needed.",
            403 => "The name or origin is not on the relay's lists.",
            404 => "There is no such thing.",
            409 => "Not as the relay stands.",
            413 => "The body is too long.",
            415 => "The body is not said to be JSON.",
            429 => "Too often.",
            _ => "Something this relay depends on is out of reach.",
        };
        let response = json!({
            "description": description,
            "headers": headers,
            "content": { "application/problem+json": media },
        });
        all.insert(status.to_string(), response);
    }
    all.into()
}

/// The frames' definitions, where OpenAPI keeps schemas.
fn frames() -> Map<String, Value> {
    let mut schema = shared::schema::frames();
    repoint(&mut schema);
    let Some(Value::Object(definitions)) = schema.get_mut("$defs").map(Value::take) else {
        return Map::new();
    };
    definitions
}

fn repoint(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(path)) = fields.get_mut("$ref") {
                *path = path.replace("#/$defs/", "#/components/schemas/");
            }
            fields.values_mut().for_each(repoint);
        }
        Value::Array(items) => items.iter_mut().for_each(repoint),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
