//! How many venue frames one core decodes and normalises in a second: what `cargo xtask bench` prints.
//!
//! `cargo run --profile dist --example decode_rate -- [RECORDING]`. Without a recording (of Binance) the frames are
//! generated in each venue's documented shapes. One line of JSON per kind:
//! `{"what", "frames", "per_second", "allocations"}`, the last per frame.

mod frames;

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

fn main() -> Result<()> {
    match std::env::args().nth(1) {
        Some(path) => {
            let frames =
                FrameReader::open(Path::new(&path)).with_context(|| format!("cannot read {path}"))?;
            report("binance", "recorded frames", &frames.collect::<Result<Vec<_>, _>>()?)
        }
        None => {
            for kind in frames::KINDS {
                report(kind.venue, &format!("{}: {}", kind.venue, kind.what), &generated(kind))?;
            }
            Ok(())
        }
    }
}

/// Reads all frames again and again for [`SPAN`], each time with a fresh interpreter.
fn report(venue: &str, what: &str, frames: &[RawFrame]) -> Result<()> {
    let venue = venues::build(&VenueId::new(venue), &BaseUrls::default()).context("no such venue")?;
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
    // Counted apart from the time, and without what a recording's first frames cost.
    let mut interpreter = Interpreter::new(venue, None);
    interpreter.read(frames.first().context("no frames")?)?;
    let allocated = allocation_counter::measure(|| {
        for frame in frames {
            let _ = std::hint::black_box(interpreter.read(frame));
        }
    });
    let allocations = allocated.count_total as f64 / frames.len() as f64;
    let line = serde_json::json!({
        "what": what,
        "frames": frames.len(),
        "per_second": per_second.round(),
        "allocations": (allocations * 10.0).round() / 10.0,
    });
    println!("{line}");
    Ok(())
}

fn generated(kind: &frames::Kind) -> Vec<RawFrame> {
    let frame = |i: u64| RawFrame {
        line: i + 1,
        received: Some(Ms(frames::START + 10 * i as i64)),
        venue: Some(kind.venue.into()),
        channel: Some(kind.channel.into()),
        source: Source::Socket,
        data: (kind.text)(i).into_bytes(),
    };
    (0..FRAMES).map(frame).collect()
}
