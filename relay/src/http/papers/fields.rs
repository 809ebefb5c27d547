//! Schemas of rows: which fields a row has is [`super::super::routes::row_fields`]'s business, what each is, this file's.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};
use shared::event::{
    Channel, Depth, FundingKind, GapCause, GapState, LiquidationSide, Mark, MemberName, Origin, PriceKind,
    VenueVolume,
};
use shared::market::{Symbol, Timeframe, VenueId};
use shared::maths::joined::liquidations::Tally;
use shared::maths::joined::open_interest::Held;

/// Left out of a row where there is nothing to say.
const OPTIONAL: &[&str] = &[
    "cvd_from",
    "through",
    "by_venue",
    "marks",
    "missing",
    "unvalued",
    "weighted",
    "mean_hourly",
    "members",
    "count",
];

/// Schema of a row, and of many of them as columns.
pub(super) fn schemas(row: &str, fields: &[&str], generator: &mut SchemaGenerator) -> (Value, Value) {
    let mut properties = Map::new();
    let mut columns = Map::new();
    for name in fields {
        let schema = field(row, name, generator);
        let cell = if OPTIONAL.contains(name) {
            json!({ "anyOf": [schema, { "type": "null" }] })
        } else {
            schema.clone()
        };
        columns.insert((*name).into(), json!({ "type": "array", "items": cell }));
        properties.insert((*name).into(), schema);
    }
    let always: Vec<&&str> = fields.iter().filter(|name| !OPTIONAL.contains(name)).collect();
    let object = |properties: Map<String, Value>| {
        json!({
            "type": "object",
            "properties": properties,
            "required": always,
            "additionalProperties": false,
        })
    };
    (object(properties), object(columns))
}

/// The same of rows whose columns a request names: a time, and numbers or null.
pub(super) fn named_columns() -> (Value, Value) {
    let time = json!({ "type": "integer", "description": "open of the bar (Unix ms, UTC)" });
    let number = json!({ "type": ["number", "null"], "description": "null while there is not enough data" });
    let of = |time: Value, number: Value| {
        json!({
            "type": "object",
            "properties": { "timestamp": time },
            "required": ["timestamp"],
            "additionalProperties": number,
        })
    };
    let list = |items: &Value| json!({ "type": "array", "items": items });
    (of(time.clone(), number.clone()), of(list(&time), list(&number)))
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

/// The schema of one field of a kind of row.
fn field(row: &str, name: &str, generator: &mut SchemaGenerator) -> Value {
    let number = |about: &str| json!({ "type": "number", "description": about });
    let maybe = |about: &str| json!({ "type": ["number", "null"], "description": about });
    let count = |about: &str| json!({ "type": "integer", "minimum": 0, "description": about });
    let flag = |about: &str| json!({ "type": "boolean", "description": about });
    let time = |about: &str| json!({ "type": "integer", "description": format!("{about} (Unix ms, UTC)") });
    let list = |items: Value, about: &str| json!({ "type": "array", "items": items, "description": about });
    let by = |items: Value, about: &str| json!({ "type": "object", "additionalProperties": items, "description": about });
    match (row, name) {
        (_, "timestamp") => time("the venue's time; of a bar its open, of a gap when it was noticed"),
        (_, "received") => time("when this relay got it"),
        (_, "symbol") => of::<Symbol>(generator),
        (_, "venue") => of::<VenueId>(generator),
        (_, "interval") => of::<Timeframe>(generator),
        (_, "open" | "high" | "low" | "close") => number("quote currency per coin"),
        (_, "volume") => number("coins"),
        (_, "buy_volume") => maybe("coins taken by buyers; null where sides are unknown"),
        (_, "sell_volume") => maybe("coins taken by sellers; null where sides are unknown"),
        (_, "cvd") => maybe("buy - sell volume since 00:00 UTC; null without sides"),
        (_, "cvd_from") => time("since when cvd is whole"),
        (_, "vwap") => maybe("volume-weighted average price; null without trades"),
        (_, "trades") => {
            json!({ "type": ["integer", "null"], "minimum": 0, "description": "number of trades; null where unknown" })
        }
        (_, "origin") => of::<Origin>(generator),
        (_, "revision") => count("0 at first close, + 1 with each replacement by a better origin"),
        (_, "closed") => flag("whether the bar is final, better origins apart"),
        (_, "through") => time("in a forming bar: open of the last 1m bar already in it"),
        ("Candle" | "Bar", "by_venue") => {
            by(of::<VenueVolume>(generator), "of venue `all`: what each venue adds")
        }
        (_, "marks") => list(of::<Mark>(generator), "of venue `all`: members that differ, and how"),
        (_, "open_interest") => number("coins"),
        (_, "open_interest_value") => maybe("quote currency; null while no mark price is known"),
        ("Oi", "by_venue") => by(of::<Held>(generator), "of venue `all`: what each venue's members hold"),
        ("Oi" | "Funding", "missing") => {
            list(of::<MemberName>(generator), "of venue `all`: members that are not in it")
        }
        (_, "unvalued") => list(of::<MemberName>(generator), "of venue `all`: members in the coins alone"),
        ("Signal", "action") => json!({ "enum": ["buy", "sell", "hold"] }),
        (_, "confidence") => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        (_, "strategy_id") => json!({ "type": "string" }),
        (_, "metadata") => json!({ "type": "object", "description": "what it was decided on" }),
        ("Funding", "kind") => of::<FundingKind>(generator),
        (_, "funding_rate") => number("decimal for one interval"),
        (_, "next_funding_time") => {
            json!({ "type": ["integer", "null"], "description": "when it is paid (Unix ms, UTC)" })
        }
        (_, "interval_hours") => maybe("hours of one interval; null where unknown"),
        (_, "funding_apr") => maybe("percent a year; null where the interval is unknown"),
        (_, "mark_price") => maybe("quote currency per coin"),
        (_, "index_price") => maybe("quote currency per coin"),
        (_, "weighted") => flag("of venue `all`: whether the mean is weighted by open interest"),
        (_, "mean_hourly") => number("of venue `all`: unweighted mean per hour, decimal"),
        (_, "members") => count("of venue `all`: members in the mean"),
        (_, "side") => of::<LiquidationSide>(generator),
        (_, "quantity") => number("coins"),
        (_, "price") => number("quote currency per coin, as price_kind says"),
        (_, "value") => number("quote currency"),
        (_, "price_kind") => of::<PriceKind>(generator),
        (_, "at_least") => flag("the venue publishes only some: a lower bound"),
        (_, "count") => count("of venue `all`: how many in this stretch"),
        ("Liquidation", "by_venue") => {
            let tally = of::<Tally>(generator);
            let part = json!({ "allOf": [tally], "properties": { "at_least": { "type": "boolean" } }, "required": ["at_least"] });
            by(part, "of venue `all`: each venue's part")
        }
        (_, "bid_px" | "ask_px") => number("quote currency per coin"),
        (_, "bid_qty" | "ask_qty") => number("coins"),
        (_, "spread_bps") => number("(ask - bid) / mid * 10000"),
        (_, "depth_10bps") => json!({ "anyOf": [of::<Depth>(generator), { "type": "null" }] }),
        (_, "channel") => of::<Channel>(generator),
        (_, "from") => time("first moment without data"),
        (_, "to") => {
            json!({ "type": ["integer", "null"], "description": "end, exclusive; null while it grows (Unix ms, UTC)" })
        }
        (_, "cause") => of::<GapCause>(generator),
        (_, "state") => of::<GapState>(generator),
        // A test looks at every field of every row.
        (_, _) => json!(false),
    }
}
