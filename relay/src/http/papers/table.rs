//! One paper per route. The order is that of the page.

use schemars::SchemaGenerator;
use serde_json::{Value, json};
use shared::wire::{Alert, Replay};

use super::super::{routes, status};
use super::schemas::{any_object, health, new_alert, of, replay_orders, request, row};

/// What a route takes and gives.
pub(super) struct Paper {
    pub(super) method: &'static str,
    /// As the router has it.
    pub(super) path: &'static str,
    pub(super) group: &'static str,
    pub(super) summary: &'static str,
    pub(super) about: &'static str,
    /// Names that [`super::parameters`] knows; required ones begin with `!`.
    pub(super) parameters: &'static [&'static str],
    /// Schema of a request's body.
    pub(super) body: Option<Schema>,
    pub(super) answer: Answer,
    /// Refusals beyond those any request may meet (401, 403, 429).
    pub(super) refusals: &'static [u16],
    /// Query (or body) of a request that the simulated market answers with 200.
    pub(super) example: &'static str,
}

pub(super) type Schema = fn(&mut SchemaGenerator) -> Value;

/// What comes with 200.
pub(super) enum Answer {
    /// Rows by the name of [`routes::row_fields`], in three formats, paged, with validators.
    Rows(&'static str),
    Json(Schema),
    /// JSON under another media type.
    As(&'static str, Schema),
    Text(&'static str, &'static str),
    /// No 200: the connection becomes a WebSocket.
    Socket,
}

const fn get(path: &'static str, group: &'static str, summary: &'static str, about: &'static str) -> Paper {
    Paper {
        method: "get",
        path,
        group,
        summary,
        about,
        parameters: &[],
        body: None,
        answer: Answer::Json(any_object),
        refusals: &[],
        example: "",
    }
}

/// A series in three formats.
const fn series(path: &'static str, row: &'static str, summary: &'static str, about: &'static str) -> Paper {
    Paper {
        answer: Answer::Rows(row),
        refusals: &[400, 404, 503],
        example: "symbol=BTCUSDT-PERP&limit=2",
        ..get(path, "History", summary, about)
    }
}

const BARS: &[&str] =
    &["!symbol", "interval", "timeframe", "venue", "from", "to", "limit", "cursor", "format"];
const SERIES: &[&str] = &["!symbol", "venue", "from", "to", "limit", "cursor", "format", "grid"];

/// Something computed of bars, asked for with a body.
const fn computed(
    path: &'static str,
    row: &'static str,
    summary: &'static str,
    about: &'static str,
) -> Paper {
    Paper {
        method: "post",
        parameters: &["limit", "cursor", "format"],
        answer: Answer::Rows(row),
        refusals: &[400, 404, 413, 415, 503],
        ..get(path, "Analytics", summary, about)
    }
}

/// Every route of the relay.
pub(super) const PAPERS: &[Paper] = &[
    Paper {
        parameters: BARS,
        example: "symbol=BTCUSDT-PERP&interval=5m&limit=2",
        ..series(
            "/api/candles",
            "Candle",
            "Bars of a timeframe",
            "Ascending, one per bucket. Without `from` the newest 500, else up to 20,000 from there on. A forming bar \
             above 1m holds closed minutes up to its `through`: whoever follows the stream adds the later ones. \
             Venue `all` joins the members of the symbol's group.",
        )
    },
    Paper {
        parameters: BARS,
        example: "symbol=BTCUSDT-PERP&timeframe=1H&limit=2",
        ..series("/api/chart/history", "Candle", "Bars for a chart", "The same rows as `/api/candles`.")
    },
    Paper {
        parameters: &["!symbol", "interval", "timeframe", "venue"],
        answer: Answer::Json(|_| row("Candle")),
        refusals: &[400, 404, 503],
        example: "symbol=BTCUSDT-PERP&interval=1m",
        ..get("/api/latest-candle", "History", "The newest bar", "With the running minute in it.")
    },
    Paper {
        parameters: BARS,
        ..series("/api/history/bars", "Bar", "Bars as the live frames have them", "With `received`.")
    },
    Paper {
        parameters: SERIES,
        ..series(
            "/api/history/oi",
            "Oi",
            "Open interest",
            "Of all venues unless one is named, by (timestamp, venue). Venue `all` adds the group's members and \
             their sums on a grid of `interval`.",
        )
    },
    Paper {
        parameters: SERIES,
        ..series(
            "/api/history/funding",
            "Funding",
            "Funding rates",
            "Predicted and settled, of all venues unless one is named. Venue `all` adds the members' means per hour.",
        )
    },
    Paper {
        parameters: SERIES,
        ..series(
            "/api/history/liquidations",
            "Liquidation",
            "Liquidations",
            "`side` is the position that died. Venue `all` adds counts and sums per side and stretch of the grid.",
        )
    },
    Paper {
        parameters: &["!symbol", "venue", "from", "to", "limit", "cursor", "format"],
        ..series("/api/history/book", "Book", "Top of the book", "Once a second, of one venue.")
    },
    Paper {
        parameters: &["symbol", "venue", "from", "to", "limit", "cursor", "format"],
        example: "symbol=BTCUSDT-PERP&limit=2",
        ..series("/api/gaps", "Gap", "Holes in the record", "Of one symbol or of all, by when they began.")
    },
    Paper {
        parameters: &["!symbol", "hours", "grid"],
        answer: Answer::Json(of::<Vec<routes::OiPoint>>),
        refusals: &[400, 404, 503],
        example: "symbol=BTCUSDT-PERP&hours=1",
        ..get(
            "/api/market/oi_history",
            "Market",
            "Open interest of a group",
            "Sums over all venues on a grid of 5 minutes, ascending.",
        )
    },
    Paper {
        parameters: &["!symbol", "hours_back", "venue"],
        answer: Answer::Json(of::<routes::HeatmapAnswer>),
        refusals: &[400, 404, 503],
        example: "symbol=BTCUSDT-PERP",
        ..get(
            "/api/market/liq_heatmap",
            "Market",
            "Heat map of liquidation prints",
            "Liquidations of the group, or of one venue, by price and time, on a grid that stands still until the price \
             leaves its middle. docs/HEATMAP.md has the rules.",
        )
    },
    Paper {
        parameters: &["!symbol"],
        answer: Answer::Json(of::<routes::Overview>),
        refusals: &[400, 404, 503],
        example: "symbol=BTCUSDT-PERP",
        ..get("/api/market/overview", "Market", "A group now", "Every member beside the sums.")
    },
    Paper {
        parameters: &["!symbol", "venue"],
        answer: Answer::Json(of::<routes::GuardsAnswer>),
        refusals: &[400, 404, 503],
        example: "symbol=BTCUSDT-PERP",
        ..get(
            "/api/engine/guards",
            "Analytics",
            "Risk guards",
            "Spread, depth, funding, liquidations, basis and premium against thresholds; each guard with its inputs, \
             their ages and why it stands as it does. docs/GUARDS.md has the rules.",
        )
    },
    Paper {
        body: Some(|generator| {
            let names =
                json!({ "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": 50 });
            request(generator, "indicators", names)
        }),
        example: r#"{"symbol":"BTCUSDT-PERP","interval":"1H","limit":2,"indicators":["ema_20","rsi_14"]}"#,
        ..computed(
            "/api/indicators",
            "Indicator",
            "Indicators over bars",
            "A row per closed bar, a column per value, null while there is not enough data; computed from the start of \
             the range. Names: `ema_20 sma_20 rsi_14 macd_12_26_9 bb_20_2 atr_14 vwap` with periods from 1 to 5,000.",
        )
    },
    Paper {
        body: Some(|generator| request(generator, "strategy_id", json!({ "type": "string" }))),
        example: r#"{"symbol":"BTCUSDT-PERP","interval":"1H","limit":2,"strategy_id":"ema_crossover_rsi"}"#,
        ..computed(
            "/api/signals",
            "Signal",
            "What a strategy says of bars",
            "A row per closed bar, computed from the start of the range. Strategies: `ema_crossover_rsi`, \
             `bollinger_reversion`.",
        )
    },
    Paper {
        parameters: &["all"],
        answer: Answer::Json(of::<Vec<routes::SymbolRow>>),
        refusals: &[400],
        example: "all=false",
        ..get("/api/symbols", "Symbols", "Symbols that are followed", "Configured ones first.")
    },
    Paper {
        parameters: &["q", "limit_found"],
        answer: Answer::Json(of::<Vec<routes::SymbolRow>>),
        refusals: &[400],
        example: "q=btc&limit=1",
        ..get(
            "/api/symbols/search",
            "Symbols",
            "Everything the venues list",
            "What matches `q` in symbol, base, group or the venue's own name, best match first.",
        )
    },
    Paper {
        parameters: &["!symbol", "venue", "channels", "intervals"],
        answer: Answer::Json(of::<status::SnapshotAnswer>),
        refusals: &[400, 404],
        example: "symbol=BTCUSDT-PERP&venue=sim&channels=bar,oi",
        ..get(
            "/api/snapshot",
            "Live",
            "The last values",
            "The frames a new subscriber would get, and the cursor to resume from: for clients that poll.",
        )
    },
    Paper {
        answer: Answer::Socket,
        refusals: &[400],
        ..get(
            "/ws",
            "Live",
            "Live frames",
            "A WebSocket, subprotocol `tapedeck.v1.json`; docs/PROTOCOL.md tells all, `/api/frames.schema.json` \
             has every frame.",
        )
    },
    Paper {
        answer: Answer::Json(of::<status::StatusAnswer>),
        ..get(
            "/api/status",
            "Relay",
            "State of everything",
            "Venues with every topic, budgets, store, clients.",
        )
    },
    Paper {
        answer: Answer::Json(of::<Vec<Alert>>),
        ..get("/api/alerts", "Alerts", "Price alerts", "Oldest first, those that have fired included.")
    },
    Paper {
        method: "post",
        body: Some(new_alert),
        answer: Answer::Json(of::<Alert>),
        refusals: &[400, 404, 409, 413, 415, 503],
        example: r#"{"symbol":"BTCUSDT-PERP","price":1,"direction":"below","note":"far away","once":true}"#,
        ..get(
            "/api/alerts",
            "Alerts",
            "Sets a price alert",
            "Held by the relay, over restarts too; at most 200. When the newest trade (of markets without trades the \
             newest minute's close) reaches `price`, an `alert` frame goes to every client of `/ws` and one POST to \
             `ALERT_WEBHOOK_URL`. `direction` is `cross` where it is not given; `once` true. With \
             `once` false it fires each time the price comes there again, at most once a minute. What was traded \
             before it was set does not count.",
        )
    },
    Paper {
        method: "delete",
        parameters: &["!alert_id"],
        answer: Answer::Json(of::<Alert>),
        refusals: &[400, 404, 503],
        example: "id=1",
        ..get("/api/alerts", "Alerts", "Deletes a price alert", "Answers what it was.")
    },
    Paper {
        answer: Answer::Json(of::<Replay>),
        refusals: &[404],
        ..get("/api/replay", "Replay", "How the replay stands", "404 where nothing is replayed.")
    },
    Paper {
        method: "post",
        body: Some(replay_orders),
        answer: Answer::Json(of::<Replay>),
        refusals: &[400, 409, 413, 415, 503],
        example: r#"{"action":"step","interval":"5m"}"#,
        ..get(
            "/api/replay",
            "Replay",
            "Plays, pauses, seeks, steps",
            "The answer is how it stands once the order is in force; a seek or a step may be on its way then. Seeking \
             forward plays at full speed up to that instant. Seeking back begins anew in an empty store: `run` counts \
             on, sockets are closed with 1012, and a resume finds its cursor expired. A step plays until the next bar \
             of `interval` (`1m` where it is not given) closes, then pauses. 409 where nothing is replayed.",
        )
    },
    Paper { answer: Answer::Json(health), ..get("/health", "Relay", "Whether it can serve", "") },
    Paper {
        answer: Answer::Text("text/plain", "Prometheus' text form."),
        ..get("/metrics", "Relay", "Metrics", "")
    },
    Paper {
        answer: Answer::Json(any_object),
        ..get("/api/openapi.json", "Relay", "This description", "OpenAPI 3.1.")
    },
    Paper {
        answer: Answer::As("application/schema+json", any_object),
        ..get("/api/frames.schema.json", "Relay", "JSON Schema of every frame", "Draft 2020-12.")
    },
    Paper {
        answer: Answer::Text("text/html", "The page."),
        ..get("/docs", "Relay", "This description as a page", "Works without any other server.")
    },
    Paper {
        parameters: &["!file"],
        answer: Answer::Text("text/*", "Script or style."),
        refusals: &[404],
        example: "docs.js",
        ..get("/docs/{file}", "Relay", "What that page is made of", "")
    },
    Paper {
        answer: Answer::Json(of::<routes::UdfConfig>),
        ..get("/udf/config", "UDF", "What the data feed can do", "")
    },
    Paper {
        parameters: &["!udf_symbol"],
        answer: Answer::Json(|g| {
            let told = json!({ "s": { "const": "error" }, "errmsg": { "type": "string" } });
            let unknown = json!({ "type": "object", "properties": told, "required": ["s", "errmsg"] });
            json!({ "anyOf": [of::<routes::UdfSymbol>(g), unknown] })
        }),
        refusals: &[400],
        example: "symbol=sim:BTCUSDT-PERP",
        ..get(
            "/udf/symbols",
            "UDF",
            "A symbol in full",
            "An unknown one is told as `s: error` with status 200.",
        )
    },
    Paper {
        parameters: &["query", "type", "exchange", "limit_found"],
        answer: Answer::Json(of::<Vec<routes::UdfFound>>),
        refusals: &[400],
        example: "query=BTC&type=&exchange=&limit=1",
        ..get("/udf/search", "UDF", "Symbols that match", "A row per venue, best match first.")
    },
    Paper {
        parameters: &["!udf_symbol", "!resolution", "from_s", "to_s", "countback"],
        answer: Answer::Json(of::<routes::UdfHistory>),
        refusals: &[400, 503],
        example: "symbol=sim:BTCUSDT-PERP&resolution=60&countback=2",
        ..get(
            "/udf/history",
            "UDF",
            "Bars in columns",
            "Times in Unix seconds. With `countback` so many bars before `to`, wherever they begin.",
        )
    },
    Paper {
        answer: Answer::Text("text/plain", "Unix seconds."),
        ..get("/udf/time", "UDF", "The relay's clock", "")
    },
];
