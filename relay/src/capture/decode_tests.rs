use super::*;
use crate::venues::binance::Binance;
use std::io::Cursor;

fn decode(lines: &[&str], product: Option<Product>) -> (Vec<serde_json::Value>, Summary) {
    let mut out = Vec::new();
    let input = Cursor::new(lines.join("\n").into_bytes());
    let summary = run(Arc::new(Binance::default()), product, input, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    (text.lines().map(|l| serde_json::from_str(l).unwrap()).collect(), summary)
}

fn kinds(lines: &[serde_json::Value]) -> Vec<String> {
    let name = |l: &serde_json::Value| l["kind"].as_str().or(l["type"].as_str()).unwrap().to_owned();
    lines.iter().map(name).collect()
}

/// Receiver clock 1.2 s behind the venue's.
fn depth(first: u64, last: u64, previous: u64, bid: &str) -> String {
    format!(
        r#"1790000000000000000 {{"stream":"ethusdt@depth@100ms","data":{{"e":"depthUpdate","E":1790000001200,"T":1790000001200,"s":"ETHUSDT","U":{first},"u":{last},"pu":{previous},"b":[["{bid}","1"]],"a":[]}}}}"#
    )
}

const SNAPSHOT: &str = r#"1790000000000000000 {"lastUpdateId":105,"E":1790000001000,"T":1790000001000,"bids":[["100.0","2"]],"asks":[["102.0","1"]]}"#;

#[test]
fn depth_gives_a_book_once_a_snapshot_in_the_stream_starts_it() {
    let lines = [
        depth(90, 99, 80, "99.0"),
        depth(101, 106, 99, "100.5"),
        SNAPSHOT.into(),
        depth(108, 110, 106, "101.0"),
        depth(108, 110, 106, "101.0"),
        SNAPSHOT.into(),
        depth(120, 125, 118, "101.5"),
        depth(126, 127, 125, "101.5"),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let (out, summary) = decode(&lines, None);
    let expected = [
        "depth_unsynced",
        "depth_unsynced",
        "book",
        "book",
        "depth_no_change",
        "depth_snapshot_spare",
        "depth_gap",
        "depth_unsynced",
    ];
    assert_eq!(kinds(&out), expected);
    assert_eq!(summary, Summary { events: 2, ignored: 6, bad: 0 });
    let book = &out[2];
    assert_eq!((book["bid_px"].as_f64(), book["ask_px"].as_f64()), (Some(100.5), Some(102.0)));
    assert_eq!(book["received"], 1_790_000_001_200_i64, "never earlier than the venue's time");
    assert_eq!((&out[3]["seq"], &out[3]["cursor"]), (&2.into(), &"0.2".into()));
    assert!(out[3]["depth_10bps"]["bid_usd"].is_number());
    assert_eq!(out[0], serde_json::json!({"type":"ignored","line":1,"kind":"depth_unsynced"}));
}

#[test]
fn the_product_comes_from_shape_then_the_last_frame_and_an_option_overrides() {
    let spot = r#"{"u":1,"s":"ETHUSDT","b":"1.0","B":"1","a":"2.0","A":"1"}"#;
    // A kline with eight decimals is spot's; this one could be of either.
    let either = r#"{"e":"kline","E":1790000000000,"s":"ETHUSDT","k":{"t":1790000000000}}"#;
    let ticker = r#"{"e":"bookTicker","u":1,"s":"ETHUSDT","b":"1.0","B":"1","a":"2.0","A":"1","T":1,"E":1}"#;
    let symbols = |lines: &[&str], product| -> Vec<String> {
        decode(lines, product).0.iter().map(|l| l["symbol"].as_str().unwrap_or("-").to_owned()).collect()
    };
    assert_eq!(symbols(&[spot, ticker, spot], None), ["ETH/USDT", "ETHUSDT-PERP", "ETH/USDT"]);
    assert_eq!(symbols(&[ticker], Some("spot")), ["ETH/USDT"]);
    assert_eq!(symbols(&[either], None), ["-"]);
    let url = r#"{"received":1790000000000,"venue":"binance","channel":"spot","data":{"e":"bookTicker","u":1,"s":"ETHUSDT","b":"1","B":"1","a":"2","A":"1"}}"#;
    assert_eq!(symbols(&[url], None), ["ETH/USDT"]);
}

#[test]
fn bad_lines_are_told_and_decoding_goes_on() {
    let trade = r#"{"e":"aggTrade","E":1790000000150,"a":7,"s":"ETHUSDT","p":"4120.50","q":"1.250","T":1790000000000,"m":true,"st":1}"#;
    let (out, summary) =
        decode(&["junk", trade, "{\"e\":\"aggTrade\"}", "\u{0}\u{1}", r#"{"result":null,"id":1}"#], None);
    assert_eq!(kinds(&out), ["error", "trade", "error", "error", "ack"]);
    assert_eq!(summary, Summary { events: 1, ignored: 1, bad: 3 });
    assert_eq!((&out[0]["line"], &out[2]["line"], &out[3]["line"]), (&1.into(), &3.into(), &4.into()));
    assert_eq!(out[1]["side"], "sell");
    assert_eq!(out[1]["venue"], "binance");
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let input = Cursor::new(b"{}\n".repeat(10));
    assert!(run(Arc::new(Binance::default()), None, input, Gone).is_ok());
}
