//! What stops the start, each with one line.

use super::*;

#[test]
fn what_cannot_be_used_is_one_line_with_name_and_fix() {
    let variables = [
        (("PORT", "abc"), "PORT: `abc` is not a port: use a number from 0 to 65535"),
        (("PORT", "65536"), "PORT: `65536` is not a port: use a number from 0 to 65535"),
        (("BACKEND_PORT", "-1"), "BACKEND_PORT: `-1` is not a port: use a number from 0 to 65535"),
        (
            ("PROVIDER", "mtgox"),
            "PROVIDER: `mtgox` is not a venue: use binance, bybit, okx, hyperliquid, coinbase, insightsentry, or sim alone",
        ),
        (
            ("SYMBOLS", "BTCUSDT-PERP,../etc"),
            "SYMBOLS: `../etc` is not a symbol: use one like BTCUSDT-PERP or BTC/USDT",
        ),
        (("STORE_TRADES", "maybe"), "STORE_TRADES: `maybe` is not a switch: use true or false"),
        (("LOG_FORMAT", "xml"), "LOG_FORMAT: `xml` is not a log format: use json or text"),
        (
            ("RUST_LOG", "a=b=c"),
            "RUST_LOG: `a=b=c` is not a log filter: use a level like info, or info,relay=debug",
        ),
        (("SIM_SEED", "1.5"), "SIM_SEED: `1.5` is not a seed: use a whole number from 0"),
        (
            ("TAPEDECK_GRACE_S", "0"),
            "TAPEDECK_GRACE_S: `0` is not a number of seconds: use a whole number from 1 to 86400",
        ),
        (
            ("TAPEDECK_DYNAMIC_SYMBOLS", "-1"),
            "TAPEDECK_DYNAMIC_SYMBOLS: `-1` is not a number of symbols: use a whole number from 0 to 1000",
        ),
        (
            ("BINANCE_WS_URL", "https://x"),
            "BINANCE_WS_URL: `https://x` is not a socket address: use one like wss://host:port",
        ),
        (
            ("BINANCE_REST_URL", "x\ny"),
            "BINANCE_REST_URL: `x y` is not an address: use one like https://host:port",
        ),
        (
            ("HTTPS_PROXY", "socks5://me:secret@x:1"),
            "HTTPS_PROXY: this is not a proxy address: use http://host:port or http://user:password@host:port",
        ),
        (
            ("TAPEDECK_TOKENS", "short"),
            "TAPEDECK_TOKENS: this is not a list of bearer tokens: use 8 or more visible ASCII characters for each",
        ),
        (
            ("STORE_URL", "mysql://me:secret@x"),
            "STORE_URL: this is not a store's address: use sqlite:PATH or postgres://user:password@host:port/database (connections are not encrypted: no sslmode=require)",
        ),
        (
            ("TAPEDECK_ALLOWED_HOSTS", "https://deck.example"),
            "TAPEDECK_ALLOWED_HOSTS: `https://deck.example` is not a host name: use a name without scheme and port, like deck.example.org",
        ),
        (
            ("TAPEDECK_SUBSCRIPTIONS", "0"),
            "TAPEDECK_SUBSCRIPTIONS: `0` is not a limit: use a whole number from 1 to 1000000",
        ),
        (
            ("TAPEDECK_ADDRESS", "0.0.0.0"),
            "server.address: 0.0.0.0:8000 is reachable from outside: set TAPEDECK_TOKENS, or TAPEDECK_PUBLIC=true to serve everybody, or listen on 127.0.0.1",
        ),
    ];
    for (pair, expected) in variables {
        assert_eq!(from_env(&[pair]).unwrap_err().to_string(), expected);
    }
    let files = [
        (
            "[server]\nport = \"x\"",
            "server.port in tapedeck.toml: `x` is not a port: use a number from 0 to 65535",
        ),
        (
            "[server]\nport = [1]",
            "server.port in tapedeck.toml: `array` is not a port: use a number from 0 to 65535",
        ),
        (
            "[server]\npublik = true",
            "unknown setting server.publik in tapedeck.toml: [server] has address, allowed_hosts, allowed_origins, cors_origins, frame_ancestors, page_dir, port, public, tls_cert, tls_key, tokens",
        ),
        (
            "[server]\ntls_key = \"key.pem\"",
            "server.tls_cert is not set, but server.tls_key is: https needs both (TAPEDECK_TLS_CERT and TAPEDECK_TLS_KEY)",
        ),
        (
            "port = 1",
            "unknown setting port in tapedeck.toml: the sections are [alerts], [guards], [limits], [log], [retention], [server], [store], [venues]",
        ),
        (
            "[venues.kraken]\nws_url = \"x\"",
            "unknown setting venues.kraken in tapedeck.toml: [venues] has dynamic_symbols, grace_s, https_proxy, provider, reconnect_cap_s, sim_seed, symbols",
        ),
        (
            "[log]\n\ntokens = [secret]",
            "tapedeck.toml line 3 is not TOML: write name = \"text\", name = 123, name = true or name = [\"a\", \"b\"]",
        ),
    ];
    for (file, expected) in files {
        assert_eq!(from_file(file).unwrap_err().to_string(), expected);
    }
}

#[test]
fn an_unknown_variable_stops_the_start_and_the_nearest_is_named() {
    for (name, nearest) in [
        ("TAPEDECK_TOKEN", "TAPEDECK_TOKENS"),
        ("TAPEDECK_PUBLICK", "TAPEDECK_PUBLIC"),
        ("TAPEDECK_RECONNECT_CAP", "TAPEDECK_RECONNECT_CAP_S"),
        ("SYMBOL", "SYMBOLS"),
        ("PROVDIER", "PROVIDER"),
        ("DATADIR", "DATA_DIR"),
        ("BINANCE_WS_URI", "BINANCE_WS_URL"),
    ] {
        let expected = format!(
            "unknown setting {name} in the environment: did you mean {nearest}? .env.example has them all"
        );
        assert_eq!(from_env(&[(name, "open-sesame")]).unwrap_err().to_string(), expected);
        assert!(from_env(&[(name, " ")]).is_ok(), "{name}: an empty variable is unset");
        // In `.env` as well.
        let layers = Layers::new(vec![environment(&[]), environment(&[(name, "x")])], "", "").unwrap();
        assert!(Config::from_layers(&layers, &Flags::default()).is_err(), "{name}");
    }
    let odd = from_env(&[("TAPEDECK_\nX", "1")]).unwrap_err().to_string();
    assert!(odd.starts_with("unknown setting TAPEDECK_ X in") && !odd.contains('\n'), "{odd}");
    // Other programs have variables of their own, and so have our tests.
    let others = ["PATH", "HOME", "PORTS", "HTTP_PROXY", "http_proxy", "NO_PROXY", "RUST_LOG_STYLE"];
    let tools = [
        "TAPEDECK_CAPTURES",
        "TAPEDECK_ENDURANCE_MIN",
        "TAPEDECK_KILLS",
        "TAPEDECK_SOAK_S",
        "TAPEDECK_SOAK_SEED",
    ];
    for name in others.into_iter().chain(tools) {
        assert!(from_env(&[(name, "x")]).is_ok(), "{name}");
    }
}
