//! Query and path parameters, each told once.

use serde_json::{Value, json};
use shared::event::Channel;
use shared::market::Timeframe;

/// The parameter object under a key of [`super::table::Paper::parameters`]; a key that begins with `!` is required.
pub(super) fn parameter(key: &str) -> Option<Value> {
    let required = key.starts_with('!');
    let key = key.trim_start_matches('!');
    let (name, schema, about, example) = described(key)?;
    let place = if key == "file" { "path" } else { "query" };
    let mut parameter = json!({
        "name": name,
        "in": place,
        "required": required,
        "description": about,
        "schema": schema,
        "example": example,
    });
    if schema["type"] == "array"
        && let Value::Object(fields) = &mut parameter
    {
        // One comma list, not the parameter again and again.
        fields.insert("style".into(), "form".into());
        fields.insert("explode".into(), false.into());
    }
    Some(parameter)
}

fn number(least: u64, most: u64, default: Option<u64>) -> Value {
    let mut schema = json!({ "type": "integer", "minimum": least, "maximum": most });
    if let (Some(default), Value::Object(fields)) = (default, &mut schema) {
        fields.insert("default".into(), default.into());
    }
    schema
}

fn described(key: &str) -> Option<(&str, Value, &'static str, Value)> {
    let time = || {
        json!({ "anyOf": [
            { "type": "integer", "minimum": 0, "maximum": 253_402_300_799_999_u64 },
            { "type": "string", "format": "date-time" },
            { "type": "string", "format": "date" },
        ] })
    };
    let timeframes = json!({ "type": "string", "enum":
        ["1m", "5m", "15m", "30m", "1H", "1h", "4H", "4h", "1D", "1d", "1W", "1w", "1M"], "default": "1m" });
    let second =
        json!({ "type": "integer", "minimum": -253_402_300_799_i64, "maximum": 253_402_300_799_i64 });
    let text = |most: u32| json!({ "type": "string", "maxLength": most });
    let symbol = json!({ "$ref": "#/components/schemas/Symbol" });
    Some(match key {
        "symbol" => (key, symbol, "`BTCUSDT-PERP`, `BTC/USDT` or a vendor's code.", json!("BTCUSDT-PERP")),
        "venue" => (
            key,
            text(64),
            "A configured venue; `all` joins the members of the symbol's group where a route can. Without it the \
             first venue that lists the symbol, or all of them where rows are of all venues.",
            json!("sim"),
        ),
        "interval" => (key, timeframes, "`1m` is a minute, `1M` a month.", json!("5m")),
        "timeframe" => (key, timeframes, "The same as `interval`, which goes first.", json!("5m")),
        "grid" => (
            "interval",
            json!({ "type": "string", "enum": ["1m", "5m", "15m", "30m", "1H", "1h", "4H", "4h", "1D", "1d"], "default": "5m" }),
            "Spacing of sums over venues; `5m` where it is not given.",
            json!("5m"),
        ),
        "from" => (key, time(), "Unix ms, RFC 3339 or a date (UTC); inclusive.", json!("2026-11-20")),
        "to" => (
            key,
            time(),
            "Unix ms, RFC 3339 or a date (UTC); exclusive, but a date includes that day.",
            json!("2026-11-20"),
        ),
        "limit" => (
            key,
            number(1, 20_000, None),
            "Most rows: 500 of the newest where there is no `from`, else 20,000.",
            json!(2),
        ),
        "limit_found" => ("limit", number(1, 500, None), "Most answers.", json!(1)),
        "cursor" => (
            key,
            json!({ "type": "string", "pattern": "^[0-9]{1,15}\\.[0-9]{1,5}$" }),
            "The text of `X-Next-Cursor` of the page before.",
            json!("1763683200000.1"),
        ),
        "format" => (
            key,
            json!({ "type": "string", "enum": ["json", "columns", "csv"], "default": "json" }),
            "A list of objects, an object of lists, or a header line and a line per row.",
            json!("json"),
        ),
        "alert_id" => ("id", number(1, 4_294_967_295, None), "Number of an alert.", json!(7)),
        "hours" => (key, number(1, 168, Some(24)), "How far back.", json!(1)),
        "hours_back" => ("hours", number(1, 168, Some(1)), "How far back.", json!(1)),
        "all" => (
            key,
            json!({ "type": "string", "enum": ["true", "false"], "default": "false" }),
            "Every symbol the venues list instead of those followed.",
            json!("false"),
        ),
        "q" => (key, text(64), "A few letters.", json!("btc")),
        "channels" => (
            key,
            json!({ "type": "array", "items": { "enum": Channel::ALL.map(Channel::name) } }),
            "A comma list; bar, oi, funding and liquidation where it is not given.",
            json!(["bar", "oi"]),
        ),
        "intervals" => (
            key,
            json!({ "type": "array", "items": { "enum": Timeframe::ALL.map(Timeframe::name) } }),
            "A comma list, for bars.",
            json!(["1m"]),
        ),
        "file" => (key, json!({ "enum": ["docs.js", "docs.css"] }), "", json!("docs.js")),
        "udf_symbol" => ("symbol", text(128), "`SYMBOL`, or `VENUE:SYMBOL`.", json!("sim:BTCUSDT-PERP")),
        "resolution" => (
            key,
            json!({ "type": "string", "enum": ["1", "5", "15", "30", "60", "240", "1D", "1W", "1M", "D", "W", "M"] }),
            "Minutes, or a letter.",
            json!("60"),
        ),
        "from_s" => ("from", second, "Unix seconds, inclusive.", json!(1_763_683_200)),
        "to_s" => ("to", second, "Unix seconds, exclusive; now where it is not given.", json!(1_763_690_400)),
        "countback" => (
            key,
            number(1, 1_000_000, None),
            "So many bars before `to`, and `from` does not matter; an answer holds up to 20,000.",
            json!(2),
        ),
        "query" => (key, text(64), "A few letters.", json!("BTC")),
        "type" => (
            key,
            json!({ "type": "string", "enum":
                ["", "swap", "spot", "futures", "stock", "index", "perp", "future"] }),
            "Empty: all.",
            json!("swap"),
        ),
        "exchange" => (key, text(64), "A venue; empty: all.", json!("sim")),
        _ => return None,
    })
}
