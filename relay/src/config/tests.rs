mod examples;
mod refused;

use std::collections::BTreeSet;

use secrecy::ExposeSecret;

use super::*;

fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn load(file: &str, variables: &[(&str, &str)], flags: &Flags) -> Result<Config, ConfigError> {
    Config::from_layers(&Layers::new(vec![environment(variables)], "tapedeck.toml", file)?, flags)
}

fn from_env(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    load("", variables, &Flags::default())
}

fn from_file(file: &str) -> Result<Config, ConfigError> {
    load(file, &[], &Flags::default())
}

fn symbols(config: &Config) -> Vec<&str> {
    config.venues.symbols.iter().map(Symbol::as_str).collect()
}

#[test]
fn nothing_set_gives_the_defaults() {
    let config = from_env(&[]).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8000");
    assert!(!config.server.public && config.server.tokens.is_empty());
    assert_eq!(config.venues.provider, Provider::Venues(vec![shared::market::VenueId::new("binance")]));
    assert_eq!(symbols(&config), ["BTCUSDT-PERP", "ETHUSDT-PERP", "SOLUSDT-PERP"]);
    assert_eq!(config.store.sqlite_path, Path::new("./tapedeck-data/hot.sqlite3"));
    assert_eq!(config.store.folders(), [Path::new("./tapedeck-data")]);
    assert_eq!((config.venues.grace_s, config.venues.dynamic_symbols), (60, 20));
    let limits = &config.limits;
    assert_eq!((limits.frames_per_second, limits.subscriptions, limits.frame_bytes), (20, 200, 65_536));
    assert_eq!(config.log, LogConfig { format: LogFormat::Text, filter: "info".into() });
}

#[test]
fn flags_beat_environment_beats_file() {
    let file = "[server]\nport = 7000\naddress = \"127.0.0.2\"\n[log]\nformat = \"json\"";
    let port = |variables: &[(&str, &str)], listen: Option<&str>| {
        let flags = Flags { listen: listen.map(|l| l.parse().unwrap()), ..Flags::default() };
        load(file, variables, &flags).unwrap().server.listen.to_string()
    };
    assert_eq!(port(&[], None), "127.0.0.2:7000");
    assert_eq!(port(&[("BACKEND_PORT", "7001")], None), "127.0.0.2:7001");
    assert_eq!(port(&[("BACKEND_PORT", "7001"), ("PORT", "7002")], None), "127.0.0.2:7002");
    assert_eq!(port(&[("PORT", "7002")], Some("[::1]:7003")), "[::1]:7003");
    assert_eq!(port(&[("PORT", " ")], None), "127.0.0.2:7000", "an empty variable is unset");
    assert_eq!(from_file(file).unwrap().log.format, LogFormat::Json);
}

#[test]
fn environment_beats_dot_env_whatever_name_is_used() {
    let dot_env = environment(&[("PORT", "7001"), ("LOG_FORMAT", "json")]);
    let layers =
        Layers::new(vec![environment(&[("BACKEND_PORT", "7002"), ("LOG_FORMAT", "")]), dot_env], "", "");
    let config = Config::from_layers(&layers.unwrap(), &Flags::default()).unwrap();
    assert_eq!((config.server.listen.port(), config.log.format), (7_002, LogFormat::Json));
}

#[test]
fn provider_is_venues_or_sim_alone() {
    assert_eq!(from_env(&[("PROVIDER", "sim")]).unwrap().venues.provider, Provider::Sim);
    let twice = from_env(&[("PROVIDER", "binance, Binance,")]).unwrap().venues.provider;
    assert_eq!(twice, Provider::Venues(vec![shared::market::VenueId::new("binance")]));
    assert_eq!(from_env(&[("PROVIDER", "binance,sim")]).unwrap_err(), ConfigError::SimBesideVenues);
    let flags = Flags { demo: true, ..Flags::default() };
    assert_eq!(load("", &[("PROVIDER", "binance")], &flags).unwrap().venues.provider, Provider::Sim);
}

#[test]
fn the_simulated_market_has_its_own_symbols() {
    let all = [
        "BTCUSDT-PERP",
        "ETHUSDT-PERP",
        "SOLUSDT-PERP",
        "BTC/USDT",
        "PEPEUSDT-PERP",
        "CME_MINI:MNQ1!",
        "BTCUSDC-PERP",
    ];
    assert_eq!(symbols(&from_env(&[("PROVIDER", "sim")]).unwrap()), all);
    let chosen = from_env(&[("PROVIDER", "sim"), ("SYMBOLS", "BTC/USDT,ETHUSDT-PERP")]).unwrap();
    assert_eq!(symbols(&chosen), ["BTC/USDT", "ETHUSDT-PERP"]);
    let refused = from_env(&[("PROVIDER", "sim"), ("SYMBOLS", "XRPUSDT-PERP")]).unwrap_err().to_string();
    assert_eq!(
        refused,
        format!("SYMBOLS: the simulated market has no XRPUSDT-PERP: use some of {}", all.join(", "))
    );
    // A file meant for real venues does not stop the demo.
    let demo = Flags { demo: true, ..Flags::default() };
    assert_eq!(symbols(&load("", &[("SYMBOLS", "XRPUSDT-PERP")], &demo).unwrap()), all);
    let some = load("", &[("SYMBOLS", "XRPUSDT-PERP,BTC/USDT")], &demo).unwrap();
    assert_eq!(symbols(&some), ["BTC/USDT"]);
}

#[test]
fn store_url_beats_sqlite_path_beats_data_dir() {
    let path = |variables: &[(&str, &str)]| from_env(variables).unwrap().store.sqlite_path;
    let dir = ("DATA_DIR", "/d");
    assert_eq!(path(&[dir]), Path::new("/d/hot.sqlite3"));
    assert_eq!(path(&[dir, ("SQLITE_PATH", "/s/a.db")]), Path::new("/s/a.db"));
    for (url, file) in [("sqlite:u.db", "u.db"), ("sqlite:///u/b.db", "/u/b.db"), ("sqlite:/u.db", "/u.db")] {
        assert_eq!(path(&[dir, ("SQLITE_PATH", "/s/a.db"), ("STORE_URL", url)]), Path::new(file));
    }
    let elsewhere = from_env(&[dir, ("SQLITE_PATH", "/s/a.db")]).unwrap().store;
    assert_eq!(elsewhere.folders(), [Path::new("/d"), Path::new("/s")]);
    let here = from_env(&[dir, ("SQLITE_PATH", "a.db")]).unwrap().store;
    assert_eq!(here.folders(), [Path::new("/d"), Path::new(".")]);
    let postgres = [dir, ("SQLITE_PATH", "/s/a.db"), ("STORE_URL", "postgres://me:hidden@db:6543/deck")];
    let postgres = from_env(&postgres).unwrap().store;
    assert_eq!(format!("{:?}", postgres.postgres), "Some(PostgreSQL at db:6543/deck)");
    assert_eq!(postgres.folders(), [Path::new("/d")]);
    for bad in
        ["postgres://me:hidden@db:port/deck", "postgres://me:hidden@db/deck?sslmode=require", "mysql://a"]
    {
        let error = from_env(&[("STORE_URL", bad)]).unwrap_err().to_string();
        assert!(error.contains("STORE_URL") && error.contains("postgres://"), "{error}");
        assert!(!error.contains("hidden") && !error.contains('\n'), "{error}");
    }
}

#[test]
fn guards_have_thresholds_per_symbol() {
    use shared::event::GuardName::{BasisBps, Depth10Bps, FundingApr, SpreadBps};
    use shared::maths::guards::{Limits, Thresholds};
    let pair = |a: f64, b: f64| Limits { warning: Some(a), breach: Some(b) };
    let symbol = |text: &str| text.parse().unwrap();
    let standard = from_env(&[]).unwrap().guards;
    assert_eq!((&standard, standard.thresholds), (&GuardsConfig::default(), Thresholds::default()));
    let file = "[guards]\nspread_bps = [2.5, 5]\nfunding_apr = \"off\"\n\
                [guards.\"BTCUSDT-PERP\"]\ndepth_10bps = [1e6, 500000]\n\
                [guards.\"NYSE:BRK.B\"]\nspread_bps = \"30, 40\"\n[guards.\"BTC/USDT\"]";
    let read = |variables: &[(&str, &str)]| {
        let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config::from_layers(&Layers::new(vec![variables], "tapedeck.toml", file).unwrap(), &Flags::default())
    };
    let set = read(&[]).unwrap().guards;
    assert_eq!(set.symbols.len(), 2, "an empty section is none: {set:?}");
    let of = |name, guard| set.of(&symbol(name)).of(guard);
    assert_eq!(
        (of("ETHUSDT-PERP", SpreadBps), of("BTCUSDT-PERP", SpreadBps)),
        (pair(2.5, 5.0), pair(2.5, 5.0))
    );
    assert_eq!(of("BTCUSDT-PERP", Depth10Bps), pair(1e6, 500_000.0));
    assert_eq!((of("NYSE:BRK.B", SpreadBps), of("NYSE:BRK.B", FundingApr)), (pair(30.0, 40.0), Limits::NONE));
    let over = read(&[("GUARDS_SPREAD_BPS", "1,2"), ("GUARDS_BASIS_BPS", "50, 100")]).unwrap().guards;
    let of = |name, guard| over.of(&symbol(name)).of(guard);
    assert_eq!(
        (of("BTCUSDT-PERP", SpreadBps), of("BTCUSDT-PERP", BasisBps)),
        (pair(1.0, 2.0), pair(50.0, 100.0))
    );
    assert_eq!(of("NYSE:BRK.B", SpreadBps), pair(30.0, 40.0), "a symbol's own is nearer");

    for (text, start) in [
        ("[guards]\nspread_bps = [25, 10]", "guards.spread_bps in tapedeck.toml: `25, 10` is not a pair"),
        ("[guards]\ndepth_10bps = [1, 2]", "guards.depth_10bps in tapedeck.toml: `1, 2` is not a pair"),
        ("[guards]\nspread_bps = 10", "guards.spread_bps in tapedeck.toml: `integer` is not a pair"),
        ("[guards]\nspread_bps = [-1, 10]", "guards.spread_bps in tapedeck.toml: `-1, 10` is not"),
        ("[guards]\nspread_bps = [nan, inf]", "guards.spread_bps in tapedeck.toml: `NaN, inf` is not"),
        ("[guards]\nspread_bps = [1, 2, 3]", "guards.spread_bps in tapedeck.toml: `1, 2, 3` is not"),
        ("[guards]\nspred_bps = [1, 2]", "unknown setting guards.spred_bps in tapedeck.toml: [guards] has "),
        (
            "[guards.BTCUSDT-PERP]\nfunding = [1, 2]",
            "unknown setting guards.BTCUSDT-PERP.funding in tapedeck.toml: [guards.BTCUSDT-PERP] has basis_bps, ",
        ),
        ("[guards.\"../x\"]\nspread_bps = [1, 2]", "guards.../x: that is no symbol"),
        (
            "[guards.BTCUSDT-PERP]\nspread_bps = [2, 1]",
            "guards.BTCUSDT-PERP.spread_bps in tapedeck.toml: `2, 1`",
        ),
    ] {
        let error = from_file(text).unwrap_err().to_string();
        assert!(error.starts_with(start) && !error.contains('\n'), "{error}");
    }
    let error = from_env(&[("GUARDS_FUNDING_APR", "a,b")]).unwrap_err().to_string();
    assert!(error.starts_with("GUARDS_FUNDING_APR: `a, b` is not a pair of thresholds"), "{error}");
}

#[test]
fn retention_is_days_or_forever_and_a_cap_has_a_unit() {
    let standard = from_env(&[]).unwrap().retention;
    assert_eq!(standard, RetentionConfig::default());
    assert_eq!((standard.bars, standard.book, standard.disk_cap), (None, Some(30), None));
    let set = [("RETENTION_BOOK_DAYS", "forever"), ("RETENTION_BARS_DAYS", "400"), ("DISK_CAP", "20GB")];
    let set = from_env(&set).unwrap().retention;
    assert_eq!((set.bars, set.book, set.disk_cap), (Some(400), None, Some(20_000_000_000)));
    let file = "[retention]\ntrades_days = 7\nimports_days = \"forever\"\ndisk_cap = \"1.5TB\"";
    let set = from_file(file).unwrap().retention;
    assert_eq!((set.trades, set.imports, set.disk_cap), (Some(7), None, Some(1_500_000_000_000)));
    for (name, value) in [("RETENTION_OI_DAYS", "0"), ("RETENTION_FUNDING_DAYS", "-1"), ("DISK_CAP", "20")] {
        let error = from_env(&[(name, value)]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name}: `{value}` is not ")), "{error}");
    }
}

#[test]
fn venue_addresses_cover_spot_unless_it_has_its_own() {
    let urls = |variables: &[(&str, &str)]| from_env(variables).unwrap().venues.base_urls.remove("binance");
    assert_eq!(urls(&[]), None);
    let ws = ("BINANCE_WS_URL", "ws://127.0.0.1:9/");
    let found = urls(&[ws, ("BINANCE_SPOT_REST_URL", "http://127.0.0.1:8/spot/")]).unwrap();
    let expected = BaseUrls {
        ws: Some("ws://127.0.0.1:9".into()),
        rest: None,
        spot_ws: Some("ws://127.0.0.1:9".into()),
        spot_rest: Some("http://127.0.0.1:8/spot".into()),
        licence: Licence::default(),
    };
    assert_eq!(found, expected);
}

#[test]
fn beyond_loopback_wants_tokens_or_public() {
    let open = ("TAPEDECK_ADDRESS", "0.0.0.0");
    assert!(matches!(from_env(&[open]), Err(ConfigError::Exposed { .. })));
    assert!(from_env(&[open, ("TAPEDECK_PUBLIC", "true")]).unwrap().server.public);
    let tokens = from_env(&[open, ("TAPEDECK_TOKENS", "abcdefgh, 12345678")]).unwrap().server.tokens;
    let tokens: Vec<_> = tokens.iter().map(ExposeSecret::expose_secret).collect();
    assert_eq!(tokens, ["abcdefgh", "12345678"]);
    let flags = Flags { listen: Some("192.0.2.1:80".parse().unwrap()), ..Flags::default() };
    assert!(matches!(load("", &[], &flags), Err(ConfigError::Exposed { .. })));
}

#[test]
fn origins_are_as_browsers_write_them() {
    let config =
        from_env(&[("TAPEDECK_ALLOWED_ORIGINS", "https://Deck.example/,null,http://[::1]:3000")]).unwrap();
    let expected = ["https://deck.example", "null", "http://[::1]:3000"];
    assert_eq!(config.server.allowed_origins, expected);
    assert_eq!(config.server.cors_origins, expected);
    assert!(config.server.frame_ancestors.is_empty());
    let own = "[server]\nallowed_origins = [\"null\"]\ncors_origins = []";
    assert!(from_file(own).unwrap().server.cors_origins.is_empty());
}

#[test]
fn secrets_show_neither_in_debug_nor_in_errors() {
    let config = from_env(&[
        ("TAPEDECK_TOKENS", "open-sesame"),
        ("HTTPS_PROXY", "http://me:open-sesame@proxy.example:3128"),
        ("INSIGHTSENTRY_API_KEY", "open-sesame"),
        ("STORE_URL", "postgres://me:open-sesame@x/deck"),
    ])
    .unwrap();
    assert_eq!(config.server.tokens[0].expose_secret(), "open-sesame");
    assert!(!format!("{config:?} {config:#?}").contains("sesame"));
    let bad = [
        from_file("[server]\ntokens = [\"open-sesame\", \"open sesame\"]"),
        from_file("[server]\ntokens = open-sesame"),
        from_file("[server]\ntokens = { a = \"open-sesame\" }"),
        from_file("[venues]\nhttps_proxy = \"https://me:open-sesame@x\""),
        from_file("[store]\nurl = \"postgres://me:open-sesame@x:port\""),
        from_file("[venues.insightsentry]\napi_key = \"open-sesame with blanks\""),
    ];
    for error in bad.map(Result::unwrap_err) {
        assert!(!format!("{error} {error:?}").contains("sesame"), "{error:?}");
    }
}

#[test]
fn a_licence_has_a_key_a_plan_and_knows_who_listens() {
    let licence = |variables: &[(&str, &str)]| {
        from_env(variables).unwrap().venues.base_urls["insightsentry"].licence.clone()
    };
    assert_eq!(licence(&[]), Licence::default());
    let set = licence(&[
        ("INSIGHTSENTRY_API_KEY", "open-sesame"),
        ("INSIGHTSENTRY_PUBLIC", "true"),
        ("INSIGHTSENTRY_REQUESTS_PER_MINUTE", "80"),
        ("TAPEDECK_ADDRESS", "0.0.0.0"),
        ("TAPEDECK_PUBLIC", "true"),
    ]);
    let key = Some("open-sesame".into());
    let expected =
        Licence { key, public: true, exposed: true, requests_per_minute: 80, ..Licence::default() };
    assert_eq!(set, expected);
    assert_eq!(from_env(&[("DATA_DIR", "/d")]).unwrap().venues.data_dir, Path::new("/d"));
}

#[test]
fn dot_env_is_read_and_its_errors_name_the_line() {
    let text = "# comment\n\nPORT=7000\nexport LOG_FORMAT='json'\nSYMBOLS=\"BTC/USDT\" # one\n";
    let expected = environment(&[("PORT", "7000"), ("LOG_FORMAT", "json"), ("SYMBOLS", "BTC/USDT")]);
    assert_eq!(dot_env(text), Ok(expected));
    assert_eq!(dot_env("A=1\nsecret words\n"), Err(ConfigError::DotEnv { line: 2 }));
}

#[test]
fn a_named_file_must_be_there() {
    let flags = Flags { config: Some("/nowhere/deck.toml".into()), ..Flags::default() };
    let error = Config::load(&flags).unwrap_err().to_string();
    assert!(
        error.starts_with("cannot read /nowhere/deck.toml: ")
            && error.ends_with("name another with --config")
    );
}
