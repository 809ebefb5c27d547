use super::*;
use clap::CommandFactory;

fn parse(line: &str) -> Result<Command, clap::Error> {
    Cli::try_parse_from(line.split_whitespace()).map(|cli| cli.command)
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn serve_takes_demo_config_and_listen() {
    let Ok(Command::Serve(serve)) = parse("tapedeck serve --demo --config x.toml --listen 127.0.0.1:0")
    else {
        panic!("not understood")
    };
    let flags =
        Flags { demo: true, config: Some("x.toml".into()), listen: Some("127.0.0.1:0".parse().unwrap()) };
    assert_eq!(serve.flags(), flags);
    assert!(parse("tapedeck serve --listen 8000").is_err());
}

#[test]
fn archive_is_verified_or_compacted() {
    let Ok(Command::Archive(Archive::Verify(options))) = parse("tapedeck archive verify --config x.toml")
    else {
        panic!("not understood")
    };
    assert_eq!(options.flags().config, Some("x.toml".into()));
    assert!(matches!(parse("tapedeck archive compact"), Ok(Command::Archive(Archive::Compact(_)))));
    assert!(parse("tapedeck archive").is_err());
}

#[test]
fn replay_takes_files_and_a_speed() {
    let speed = |line: &str| match parse(line) {
        Ok(Command::Replay(replay)) => Some((replay.files.len(), replay.speed, replay.exit)),
        _ => None,
    };
    assert_eq!(speed("tapedeck replay a b --speed max --exit"), Some((2, Speed::Max, true)));
    assert_eq!(speed("tapedeck replay a --speed 2.5"), Some((1, Speed::Times(2.5), false)));
    assert_eq!(speed("tapedeck replay a"), Some((1, Speed::Times(1.0), false)));
    for bad in [
        "replay",
        "replay a --speed 0",
        "replay a --speed -1",
        "replay a --speed NaN",
        "replay a --speed fast",
    ] {
        assert_eq!(speed(&format!("tapedeck {bad}")), None, "{bad}");
    }
}

#[test]
fn record_and_decode_name_venue_and_symbols() {
    let Ok(Command::Record(record)) =
        parse("tapedeck record out --venue binance --symbol BTCUSDT-PERP,BTC/USDT --symbol ETHUSDT-PERP")
    else {
        panic!("not understood")
    };
    let symbols: Vec<_> = record.symbols.iter().map(Symbol::as_str).collect();
    assert_eq!(symbols, ["BTCUSDT-PERP", "BTC/USDT", "ETHUSDT-PERP"]);
    assert!(parse("tapedeck record out --venue binance --symbol ../etc").is_err());
    assert!(parse("tapedeck record out --venue binance").is_err());
    let Ok(Command::Decode(decode)) = parse("tapedeck decode binance --product spot") else {
        panic!("not understood")
    };
    assert_eq!(
        (decode.venue.as_str(), decode.file, decode.product.as_deref()),
        ("binance", None, Some("spot"))
    );
}

#[test]
fn import_export_and_backfill_take_a_series_and_a_range() {
    let Ok(Command::Import(import)) =
        parse("tapedeck import a.csv --symbol BTC/USDT --venue binance --interval 1h")
    else {
        panic!("not understood")
    };
    let series = import.series.series(Some(&import.venue));
    assert_eq!(series.to_string(), "1H bars of BTC/USDT at binance");
    let line = "tapedeck export --dataset oi --symbol BTCUSDT-PERP --from 2025-01-01 --to 2025-01-02 --format parquet";
    let Ok(Command::Export(export)) = parse(line) else { panic!("not understood") };
    assert_eq!(export.series.series(None).to_string(), "open interest of BTCUSDT-PERP at all venues");
    let (from, to) = export.range.or(Ms(0), Ms(1));
    assert_eq!((to - from, export.format), (Ms(2 * Ms::DAY.0), Some(FormatName::Parquet)));
    let line = "tapedeck backfill --symbol BTCUSDT-PERP,BTC/USDT --venue binance --from 0";
    let Ok(Command::Backfill(backfill)) = parse(line) else { panic!("not understood") };
    assert_eq!((backfill.symbols.len(), backfill.range.or(Ms(7), Ms(9))), (2, (Ms(0), Ms(9))));
    for bad in [
        "import a.csv --venue binance",
        "import a.csv --symbol BTC/USDT",
        "import a.csv --symbol BTC/USDT --venue v --dataset signals",
        "export --symbol BTC/USDT --from yesterday",
        "backfill --interval 7m",
    ] {
        assert!(parse(&format!("tapedeck {bad}")).is_err(), "{bad}");
    }
}

#[test]
fn a_mistake_is_one_line_that_names_what_is_wrong() {
    for (line, names) in [
        ("tapedeck serve --listen nope", "'nope' for '--listen"),
        ("tapedeck serve --rolle relay", "'--rolle'"),
        ("tapedeck replay", "<FILE>"),
        ("tapedeck import a.csv --venue binance", "--symbol"),
        ("tapedeck sevre", "'sevre'"),
    ] {
        let told = one_line(&parse(line).unwrap_err()).unwrap();
        assert!(
            told.lines().count() == 1 && told.contains(names) && told.contains("--help"),
            "{line}: {told}"
        );
    }
    for line in ["tapedeck", "tapedeck --help", "tapedeck --version", "tapedeck help serve"] {
        assert_eq!(one_line(&parse(line).unwrap_err()), None, "{line}");
    }
}
