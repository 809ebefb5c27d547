//! How many venue frames one core decodes and normalises in a second: what `cargo xtask bench` prints.
//!
//! `cargo run --profile dist --example decode_rate -- [RECORDING]`. Without a recording the frames are generated in
//! Binance's documented shapes. One line of JSON per kind: `{"what", "frames", "per_second"}`.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use relay::capture::interpret::{Interpreter, Reading};
use relay::capture::{FrameReader, RawFrame, Source};
use relay::config::BaseUrls;
use relay::venues;
use shared::market::{Ms, VenueId};

/// How long each kind is measured.
const SPAN: Duration = Duration::from_secs(2);
const FRAMES: u64 = 20_000;
/// 2024-08-09 00:00 UTC.
const START: i64 = 1_723_161_600_000;

fn main() -> Result<()> {
    match std::env::args().nth(1) {
        Some(path) => {
            let frames =
                FrameReader::open(Path::new(&path)).with_context(|| format!("cannot read {path}"))?;
            report("recorded frames", &frames.collect::<Result<Vec<_>, _>>()?)
        }
        None => {
            report("trades", &generated(trade))?;
            report("depth updates, 20 levels a side", &generated(depth))
        }
    }
}

/// Reads all frames again and again for [`SPAN`], each time with a fresh interpreter.
fn report(what: &str, frames: &[RawFrame]) -> Result<()> {
    let venue = venues::build(&VenueId::new("binance"), &BaseUrls::default()).context("no venue binance")?;
    let (mut read, mut updates) = (0_u64, 0_usize);
    let started = Instant::now();
    while started.elapsed() < SPAN {
        let mut interpreter = Interpreter::new(venue.clone(), None);
        for frame in frames {
            if let Reading::Updates(found) = interpreter.read(frame)? {
                updates += std::hint::black_box(found).len();
            }
            read += 1;
        }
    }
    let per_second = read as f64 / started.elapsed().as_secs_f64();
    ensure!(updates > 0, "{what}: no frame held an update");
    let line = serde_json::json!({"what": what, "frames": frames.len(), "per_second": per_second.round()});
    println!("{line}");
    Ok(())
}

fn generated(text: fn(u64) -> String) -> Vec<RawFrame> {
    let frame = |i: u64| RawFrame {
        line: i + 1,
        received: Some(Ms(START + 10 * i as i64)),
        venue: Some("binance".into()),
        channel: Some("wss://fstream.binance.com/market/stream".into()),
        source: Source::Socket,
        data: text(i).into_bytes(),
    };
    (0..FRAMES).map(frame).collect()
}

fn trade(i: u64) -> String {
    let at = START + 10 * i as i64;
    let (price, quantity) = (600_000 + (i * 7_919) % 1_000, 1 + (i * 104_729) % 5_000);
    format!(
        r#"{{"stream":"btcusdt@aggTrade","data":{{"e":"aggTrade","E":{at},"a":{},"s":"BTCUSDT","p":"{}.{}","q":"{}.{:03}","f":{i},"l":{i},"T":{at},"m":{}}}}}"#,
        i + 1,
        price / 10,
        price % 10,
        quantity / 1_000,
        quantity % 1_000,
        i.is_multiple_of(2),
    )
}

fn depth(i: u64) -> String {
    let at = START + 10 * i as i64;
    let side = |sign: i64| {
        let level = |n: i64| {
            let price = 600_000 + sign * (1 + n + (i % 5) as i64);
            let quantity = (i * 31 + n as u64 * 17) % 9_000;
            format!(r#"["{}.{}","{}.{:03}"]"#, price / 10, price % 10, quantity / 1_000, quantity % 1_000)
        };
        (0..20).map(level).collect::<Vec<_>>().join(",")
    };
    let (first, last) = (100 * i + 1, 100 * (i + 1));
    format!(
        r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":{at},"T":{at},"s":"BTCUSDT","U":{first},"u":{last},"pu":{},"b":[{}],"a":[{}]}}}}"#,
        first - 1,
        side(-1),
        side(1),
    )
}
