//! Which venues and symbols are followed, and how they are reached.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use secrecy::{ExposeSecret, SecretString};
use shared::market::{Ms, Symbol, VenueId};

use super::{ConfigError, Layers};
use crate::ingest::demand::FollowLimits;
use crate::venues::{self, sim::SimMarket};

/// What a venue may be, for who named another.
static EXPECTED_VENUE: LazyLock<String> = LazyLock::new(|| {
    format!("a venue: use {}, or sim alone", venues::names().collect::<Vec<_>>().join(", "))
});
/// What is followed without `SYMBOLS`.
const DEFAULT_SYMBOLS: [&str; 3] = ["BTCUSDT-PERP", "ETHUSDT-PERP", "SOLUSDT-PERP"];

/// `[venues]`.
#[derive(Clone, Debug)]
pub struct VenuesConfig {
    /// `PROVIDER`: venues to follow, or `sim` alone. Default `binance`. `--demo` means `sim`.
    pub provider: Provider,
    /// `SYMBOLS`: what to follow at each venue that lists it, in the page's order. Default BTC, ETH and SOL
    /// perpetuals; all it has for `sim`. With `--demo`, symbols the simulated market lacks are passed over.
    pub symbols: Vec<Symbol>,
    /// `HTTPS_PROXY` (or `https_proxy`): `http://[user:password@]host[:port]`, used for https and wss.
    /// Default none.
    pub https_proxy: Option<SecretString>,
    /// `TAPEDECK_GRACE_S`: how many seconds a symbol that a client opened stays open after the last one left,
    /// 1 to 86400. Default 60.
    pub grace_s: u32,
    /// `TAPEDECK_DYNAMIC_SYMBOLS`: most symbols of one venue that clients may open besides the configured ones,
    /// 0 to 1000. Default 20.
    pub dynamic_symbols: u32,
    /// `SIM_SEED`: which simulated market. Default 1.
    pub sim_seed: u64,
    /// `TAPEDECK_RECONNECT_CAP_S`: the longest pause before a lost venue is tried again. Default 60.
    pub reconnect_cap: Ms,
    /// Base addresses that differ from the venue's own, and licences, by venue. Default none.
    pub base_urls: BTreeMap<&'static str, BaseUrls>,
    /// Where the use of monthly quotas and the venues' lists are kept: `DATA_DIR`.
    pub data_dir: PathBuf,
}

/// Where events come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Provider {
    /// The simulated market.
    Sim,
    /// Real venues, the first one answering where one is asked for.
    Venues(Vec<VenueId>),
}

/// Base addresses of one venue in place of its own: a proxy, a stand-in, another region. No trailing slash.
///
/// A venue whose products have addresses of their own appends what tells them apart; the spot side follows
/// the general address unless it has its own. Binance: futures sockets are `<ws>/public/stream` and
/// `<ws>/market/stream`, spot `<spot_ws or ws>/stream`; calls go to `<rest>/fapi/..` and
/// `<spot_rest or rest>/api/..`.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct BaseUrls {
    /// `<VENUE>_WS_URL`.
    pub ws: Option<String>,
    /// `<VENUE>_REST_URL`.
    pub rest: Option<String>,
    /// `<VENUE>_SPOT_WS_URL`; default the one of `ws`.
    pub spot_ws: Option<String>,
    /// `<VENUE>_SPOT_REST_URL`; default the one of `rest`.
    pub spot_rest: Option<String>,
    /// Key and plan, for venues that want a key.
    pub licence: Licence,
}

/// What a venue under licence is followed with. `Debug` does not show the key.
#[derive(Clone, Debug)]
pub struct Licence {
    /// `<VENUE>_API_KEY`; without one the venue is off.
    pub key: Option<SecretString>,
    /// `<VENUE>_PUBLIC`: the licence allows serving the data beyond loopback. Default false.
    pub public: bool,
    /// The relay listens beyond loopback.
    pub exposed: bool,
    /// The plan's REST requests a minute and a month (UTC), and its live subscriptions. Default 25, 50000 and 2.
    pub requests_per_minute: u32,
    pub requests_per_month: u32,
    pub live_subscriptions: u32,
}

impl Default for Licence {
    fn default() -> Licence {
        Licence {
            key: None,
            public: false,
            exposed: false,
            requests_per_minute: 25,
            requests_per_month: 50_000,
            live_subscriptions: 2,
        }
    }
}

impl PartialEq for Licence {
    fn eq(&self, other: &Licence) -> bool {
        let key = |licence: &Licence| licence.key.as_ref().map(|key| key.expose_secret().to_owned());
        let rest = |l: &Licence| {
            (l.public, l.exposed, l.requests_per_minute, l.requests_per_month, l.live_subscriptions)
        };
        key(self) == key(other) && rest(self) == rest(other)
    }
}

impl VenuesConfig {
    pub(super) fn read(layers: &Layers, demo: bool) -> Result<VenuesConfig, ConfigError> {
        let expected = EXPECTED_VENUE.as_str();
        let venue = |text: &str| {
            let name = text.to_lowercase();
            (name == "sim" || venues::names().any(|v| v == name)).then_some(name)
        };
        let named = layers.list("venues.provider", &["PROVIDER"], expected, venue)?.unwrap_or_default();
        let provider = if demo { Provider::Sim } else { provider(named)? };

        let expected = "a symbol: use one like BTCUSDT-PERP or BTC/USDT";
        let symbols = layers.list("venues.symbols", &["SYMBOLS"], expected, |t| t.parse::<Symbol>().ok())?;
        let sim_seed = layers
            .one("venues.sim_seed", &["SIM_SEED"], "a seed: use a whole number from 0", |t| t.parse().ok())?
            .unwrap_or(1);
        let symbols = match provider {
            Provider::Sim => sim_symbols(sim_seed, symbols, demo)?,
            Provider::Venues(_) => match symbols.filter(|s| !s.is_empty()) {
                Some(symbols) => unique(symbols),
                None => DEFAULT_SYMBOLS.iter().filter_map(|text| text.parse().ok()).collect(),
            },
        };

        let expected = "a proxy address: use http://host:port or http://user:password@host:port";
        let https_proxy =
            layers.secret("venues.https_proxy", &["HTTPS_PROXY", "https_proxy"], expected, is_proxy)?;

        let expected = "a number of seconds: use a whole number from 1 to 86400";
        let seconds = |text: &str| text.parse().ok().filter(|s| (1..=86_400).contains(s));
        let grace_s = layers.one("venues.grace_s", &["TAPEDECK_GRACE_S"], expected, seconds)?;
        let expected = "a number of symbols: use a whole number from 0 to 1000";
        let number = |text: &str| text.parse().ok().filter(|n| (0..=1_000).contains(n));
        let variables = ["TAPEDECK_DYNAMIC_SYMBOLS"];
        let dynamic_symbols = layers.one("venues.dynamic_symbols", &variables, expected, number)?;
        let reconnect_cap = layers.count("venues.reconnect_cap_s", &["TAPEDECK_RECONNECT_CAP_S"])?;
        let reconnect_cap = Ms::seconds(reconnect_cap.unwrap_or(60).into());

        let mut base_urls = BTreeMap::new();
        for venue in venues::names() {
            let urls = BaseUrls::read(layers, venue)?;
            if urls != BaseUrls::default() || venues::is_licensed(venue) {
                base_urls.insert(venue, urls);
            }
        }
        Ok(VenuesConfig {
            provider,
            symbols,
            grace_s: grace_s.unwrap_or(60),
            dynamic_symbols: dynamic_symbols.unwrap_or(20),
            https_proxy,
            sim_seed,
            reconnect_cap,
            base_urls,
            data_dir: PathBuf::new(),
        })
    }

    /// The settings of symbols followed on demand.
    pub fn follow_limits(&self) -> FollowLimits {
        let symbols = usize::try_from(self.dynamic_symbols).unwrap_or(usize::MAX);
        FollowLimits { grace: Ms::seconds(self.grace_s.into()), symbols }
    }

    /// What other sections say about venues: whether the relay listens beyond loopback, and where it keeps things.
    pub(super) fn settle(&mut self, exposed: bool, data_dir: &Path) {
        self.base_urls.values_mut().for_each(|urls| urls.licence.exposed = exposed);
        self.data_dir = data_dir.to_owned();
    }
}

impl Licence {
    fn read(layers: &Layers, venue: &str) -> Result<Licence, ConfigError> {
        let name = |name: &str| format!("{}_{}", venue.to_uppercase(), name.to_uppercase());
        let key = |name: &str| format!("venues.{venue}.{name}");
        let own = Licence::default();
        let expected = "a key: use 8 or more visible characters";
        let visible = |text: &str| text.len() >= 8 && text.bytes().all(|b| b.is_ascii_graphic());
        let count = |field: &str, default: u32| {
            layers.count(&key(field), &[&name(field)]).map(|given| given.unwrap_or(default))
        };
        Ok(Licence {
            key: layers.secret(&key("api_key"), &[&name("api_key")], expected, visible)?,
            public: layers.switch(&key("public"), &[&name("public")])?.unwrap_or(false),
            exposed: false,
            requests_per_minute: count("requests_per_minute", own.requests_per_minute)?,
            requests_per_month: count("requests_per_month", own.requests_per_month)?,
            live_subscriptions: count("live_subscriptions", own.live_subscriptions)?,
        })
    }
}

impl BaseUrls {
    fn read(layers: &Layers, venue: &str) -> Result<BaseUrls, ConfigError> {
        let read = |name: &str, expected: &'static str, schemes: [&str; 2]| {
            let variable = format!("{}_{}", venue.to_uppercase(), name.to_uppercase());
            let key = format!("venues.{venue}.{name}");
            layers.one(&key, &[variable.as_str()], expected, |text| base_url(text, schemes))
        };
        let ws = |name| read(name, "a socket address: use one like wss://host:port", ["ws://", "wss://"]);
        let rest = |name| read(name, "an address: use one like https://host:port", ["http://", "https://"]);
        let (general, general_rest) = (ws("ws_url")?, rest("rest_url")?);
        if venues::is_licensed(venue) {
            let licence = Licence::read(layers, venue)?;
            return Ok(BaseUrls { ws: general, rest: general_rest, licence, ..BaseUrls::default() });
        }
        let (spot, spot_rest) = (ws("spot_ws_url")?, rest("spot_rest_url")?);
        Ok(BaseUrls {
            spot_ws: spot.or_else(|| general.clone()),
            spot_rest: spot_rest.or_else(|| general_rest.clone()),
            ws: general,
            rest: general_rest,
            licence: Licence::default(),
        })
    }
}

fn provider(named: Vec<String>) -> Result<Provider, ConfigError> {
    let named = unique(named);
    match named.as_slice() {
        [] => Ok(Provider::Venues(venues::names().take(1).map(VenueId::new).collect())),
        [only] if only == "sim" => Ok(Provider::Sim),
        some if some.iter().any(|name| name == "sim") => Err(ConfigError::SimBesideVenues),
        some => Ok(Provider::Venues(some.iter().map(|name| VenueId::new(name)).collect())),
    }
}

/// The simulated market's symbols, of those asked for. `lenient`: what it lacks was meant for real venues.
fn sim_symbols(seed: u64, asked: Option<Vec<Symbol>>, lenient: bool) -> Result<Vec<Symbol>, ConfigError> {
    let listed = SimMarket::all(seed).into_iter().flat_map(|market| market.instruments());
    let has = unique(listed.map(|i| i.symbol).collect::<Vec<Symbol>>());
    let (known, missing): (Vec<_>, Vec<_>) =
        unique(asked.unwrap_or_default()).into_iter().partition(|symbol| has.contains(symbol));
    match missing.first() {
        Some(symbol) if !lenient => {
            let has = has.iter().map(Symbol::to_string).collect::<Vec<_>>().join(", ");
            Err(ConfigError::NotSimulated { symbol: symbol.clone(), has })
        }
        _ if known.is_empty() => Ok(has),
        _ => Ok(known),
    }
}

/// The list without repeats, in its order.
fn unique<T: PartialEq>(list: Vec<T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::with_capacity(list.len());
    for item in list {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

/// An address of one of the schemes, without its trailing slashes.
fn base_url(text: &str, schemes: [&str; 2]) -> Option<String> {
    let rest = schemes.iter().find_map(|scheme| text.strip_prefix(scheme))?;
    let host = rest.split('/').next()?;
    let fits = !host.is_empty() && !text.contains(char::is_whitespace) && !text.contains(['?', '#', '@']);
    fits.then(|| text.trim_end_matches('/').to_owned())
}

fn is_proxy(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("http://") else { return false };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let address = rest.rsplit_once('@').map_or(rest, |(_, address)| address);
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "80"));
    let fits = |c: char| c.is_alphanumeric() || "-._[]:".contains(c);
    !host.is_empty() && host.chars().all(fits) && port.parse::<u16>().is_ok_and(|port| port > 0)
}
