//! `tapedeck check`: what a configuration amounts to.

use std::fmt::Write;

use shared::event::GuardName;
use shared::maths::guards::{Limits, Thresholds};

use crate::config::{BaseUrls, Config, LogFormat, Provider, RetentionConfig};
use crate::venues;

/// The effective settings, one a line, secrets as counts or "set".
pub fn report(config: &Config) -> String {
    let list = |items: &[String]| if items.is_empty() { "none".to_owned() } else { items.join(", ") };
    let (server, venues, store, limits) = (&config.server, &config.venues, &config.store, &config.limits);
    let provider = match &venues.provider {
        Provider::Sim => format!("sim (simulated market, seed {})", venues.sim_seed),
        Provider::Venues(ids) => ids.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", "),
    };
    let symbols: Vec<String> = venues.symbols.iter().map(ToString::to_string).collect();
    let access = if server.public {
        "public".to_owned()
    } else if server.tokens.is_empty() {
        "loopback only".to_owned()
    } else {
        format!("{} token(s) beyond loopback", server.tokens.len())
    };
    let mut lines = vec![
        ("listens on", server.listen.to_string()),
        (
            "https",
            match &server.tls {
                Some(tls) => format!("with the certificate in {}", tls.cert.display()),
                None => "no".to_owned(),
            },
        ),
        ("access", access),
        ("allowed hosts", list(&server.allowed_hosts)),
        ("allowed origins", list(&server.allowed_origins)),
        ("venues", provider),
        ("symbols", list(&symbols)),
        ("proxy", if venues.https_proxy.is_some() { "set" } else { "none" }.to_owned()),
        (
            "database",
            match &store.postgres {
                Some(url) => url.shown().to_owned(),
                None => store.sqlite_path.display().to_string(),
            },
        ),
        ("data folder", store.data_dir.display().to_string()),
        ("trades kept", if store.trades { "yes" } else { "no" }.to_owned()),
        ("kept", kept(&config.retention)),
        (
            "limits",
            format!(
                "{} sockets and {} requests/s per address, {} subscriptions, {} frames/s of {} bytes",
                limits.connections_per_address,
                limits.requests_per_second,
                limits.subscriptions,
                limits.frames_per_second,
                limits.frame_bytes
            ),
        ),
        (
            "log",
            format!(
                "{} as {}",
                config.log.filter,
                match config.log.format {
                    LogFormat::Text => "text",
                    LogFormat::Json => "json",
                }
            ),
        ),
    ];
    if let Provider::Venues(ids) = &venues.provider {
        let own = BaseUrls::default();
        for id in ids {
            let urls = venues.base_urls.get(id.as_str()).unwrap_or(&own);
            let off = venues::build(id, urls).and_then(|venue| venue.off());
            lines.extend(off.map(|off| ("off", off.reason)));
        }
    }
    lines.push(("guards", thresholds(config.guards.thresholds)));
    for (symbol, own) in &config.guards.symbols {
        lines.push(("guards", format!("{symbol}: {}", thresholds(*own))));
    }
    for (venue, urls) in &venues.base_urls {
        let all = [&urls.ws, &urls.rest, &urls.spot_ws, &urls.spot_rest];
        let mut shown: Vec<String> = all.into_iter().flatten().cloned().collect();
        shown.sort();
        shown.dedup();
        if shown.is_empty() {
            continue;
        }
        lines.push(("addresses", format!("{venue}: {}", shown.join(", "))));
    }
    let mut text = String::from("configuration ok\n");
    for (name, value) in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<16}{value}");
    }
    text
}

fn kept(retention: &RetentionConfig) -> String {
    let RetentionConfig { bars, oi, funding, liquidations, imports, book, trades, disk_cap } = retention;
    let days = [
        ("bars", bars),
        ("oi", oi),
        ("funding", funding),
        ("liquidations", liquidations),
        ("imports", imports),
        ("book", book),
        ("trades", trades),
    ];
    let mut said: Vec<String> =
        days.into_iter().filter_map(|(name, days)| days.map(|days| format!("{name} {days} days"))).collect();
    said.push("the rest for ever".to_owned());
    said.extend(disk_cap.map(|cap| format!("less book and trades beyond {} MB", cap / 1_000_000)));
    said.join(", ")
}

/// Warning and breach of every guard.
fn thresholds(all: Thresholds) -> String {
    let pair = |name| match all.of(name) {
        Limits { warning: Some(warning), breach: Some(breach) } => format!("{name} {warning}/{breach}"),
        Limits { .. } => format!("{name} off"),
    };
    GuardName::ALL.map(pair).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Flags, Layers};

    #[test]
    fn a_venue_that_is_off_is_told_with_its_reason() {
        let text = |file: &str| {
            let layers = Layers::new(vec![], "tapedeck.toml", file).unwrap();
            report(&Config::from_layers(&layers, &Flags::default()).unwrap())
        };
        let both = "[venues]\nprovider = [\"binance\", \"insightsentry\"]\n";
        let off = "  off             insightsentry is off: it needs a key, set INSIGHTSENTRY_API_KEY";
        assert!(text(both).lines().any(|l| l == off), "{}", text(both));
        let with_key = text(&format!("{both}[venues.insightsentry]\napi_key = \"open-sesame\""));
        assert!(!with_key.contains(" off ") && !with_key.contains("sesame"), "{with_key}");
        let exposed = format!("[server]\naddress = \"0.0.0.0\"\npublic = true\n{both}");
        let exposed = text(&format!("{exposed}[venues.insightsentry]\napi_key = \"open-sesame\""));
        assert!(exposed.contains("INSIGHTSENTRY_PUBLIC=true"), "{exposed}");
        assert!(!text("").contains(" off "), "one that is not asked for is not missed");
    }

    #[test]
    fn the_report_shows_settings_and_no_secret() {
        let file = r#"
            [server]
            address = "0.0.0.0"
            tokens = ["open-sesame-1"]
            [venues]
            https_proxy = "http://me:hidden-pass@proxy.example:3128"
            [store]
            url = "postgres://me:hidden-pass@db.example/deck"
            [venues.binance]
            ws_url = "ws://127.0.0.1:9001/"
            [guards]
            basis_bps = [50, 100]
            [guards."BTCUSDT-PERP"]
            spread_bps = [2.5, 5]
            funding_apr = "off"
        "#;
        let layers = Layers::new(vec![], "tapedeck.toml", file).unwrap();
        let text = report(&Config::from_layers(&layers, &Flags::default()).unwrap());
        for line in [
            "configuration ok",
            "  listens on      0.0.0.0:8000",
            "  access          1 token(s) beyond loopback",
            "  venues          binance",
            "  symbols         BTCUSDT-PERP, ETHUSDT-PERP, SOLUSDT-PERP",
            "  proxy           set",
            "  database        PostgreSQL at db.example:5432/deck",
            "  kept            book 30 days, trades 30 days, the rest for ever",
            "  addresses       binance: ws://127.0.0.1:9001",
            "  guards          spread_bps 10/25, depth_10bps 50000/10000, funding_apr 300/1000, liq_events_5m 10/30, \
             basis_bps 50/100, premium_bps off, oi_notional off",
            "  guards          BTCUSDT-PERP: spread_bps 2.5/5, depth_10bps 50000/10000, funding_apr off, \
             liq_events_5m 10/30, basis_bps 50/100, premium_bps off, oi_notional off",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
        assert!(!text.contains("sesame") && !text.contains("hidden-pass"), "{text}");
    }
}
