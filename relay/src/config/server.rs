//! Where the relay listens and who may talk to it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use secrecy::SecretString;

use super::{ConfigError, Layers};

/// Files of the relay's own certificate, PEM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// The certificate, then those that signed it.
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// `[server]`.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// `TAPEDECK_ADDRESS` (an IP address, default 127.0.0.1) and `PORT`, else `BACKEND_PORT` (default 8000; 0
    /// takes a free one). `--listen` sets both.
    pub listen: SocketAddr,
    /// `TAPEDECK_PUBLIC`: serve everybody beyond loopback, without tokens. Default false.
    pub public: bool,
    /// `TAPEDECK_TOKENS`: bearer tokens that open the relay beyond loopback. Default none.
    pub tokens: Vec<SecretString>,
    /// `TAPEDECK_ALLOWED_HOSTS`: names (without port) answered besides loopback's, against DNS rebinding; `*`
    /// admits all. Default none.
    pub allowed_hosts: Vec<String>,
    /// `TAPEDECK_ALLOWED_ORIGINS`: origins of other pages that may open `/ws`; `null` (a page from disk) only
    /// when listed, `*` admits all others. Default none: the relay's own page alone.
    pub allowed_origins: Vec<String>,
    /// `TAPEDECK_CORS_ORIGINS`: origins of other pages that may read the HTTP answers. Default: as
    /// `allowed_origins`.
    pub cors_origins: Vec<String>,
    /// `TAPEDECK_FRAME_ANCESTORS`: origins of other pages that may show `/embed` in a frame; `*` admits all. Default
    /// none: the relay's own origin alone. Nothing but `/embed` is ever framed.
    pub frame_ancestors: Vec<String>,
    /// `TAPEDECK_PAGE_DIR`: a folder with a built page to serve instead of the embedded one. Default none.
    pub page_dir: Option<PathBuf>,
    /// `TAPEDECK_TLS_CERT` and `TAPEDECK_TLS_KEY`: PEM files with which it serves https and wss itself; both or none.
    /// Default none: plain HTTP.
    pub tls: Option<TlsFiles>,
}

impl ServerConfig {
    pub(super) fn read(layers: &Layers, listen: Option<SocketAddr>) -> Result<ServerConfig, ConfigError> {
        let address = layers.one(
            "server.address",
            &["TAPEDECK_ADDRESS"],
            "an IP address: use 127.0.0.1 or 0.0.0.0",
            |t| t.parse::<IpAddr>().ok(),
        )?;
        let expected = "a port: use a number from 0 to 65535";
        let port =
            layers.one("server.port", &["PORT", "BACKEND_PORT"], expected, |t| t.parse::<u16>().ok())?;
        let default = SocketAddr::new(address.unwrap_or(Ipv4Addr::LOCALHOST.into()), port.unwrap_or(8_000));

        let expected = "a list of bearer tokens: use 8 or more visible ASCII characters for each";
        let token = |t: &str| t.len() >= 8 && t.bytes().all(|b| b.is_ascii_graphic());
        let tokens = layers.secrets("server.tokens", &["TAPEDECK_TOKENS"], expected, token)?;
        let expected = "a host name: use a name without scheme and port, like deck.example.org";
        let allowed_hosts =
            layers.list("server.allowed_hosts", &["TAPEDECK_ALLOWED_HOSTS"], expected, host_name)?;
        let origins = |key: &str, variable: &str| {
            layers.list(
                key,
                &[variable],
                "an origin: use one like https://deck.example.org, * or null",
                origin,
            )
        };
        let allowed_origins =
            origins("server.allowed_origins", "TAPEDECK_ALLOWED_ORIGINS")?.unwrap_or_default();
        let cors_origins = origins("server.cors_origins", "TAPEDECK_CORS_ORIGINS")?;
        let expected = "an origin: use one like https://deck.example.org, or *";
        let framing = |t: &str| origin(t).filter(|origin| origin != "null");
        let frame_ancestors =
            layers.list("server.frame_ancestors", &["TAPEDECK_FRAME_ANCESTORS"], expected, framing)?;
        let path = |key: &str, variable: &str, expected: &'static str| {
            layers.one(key, &[variable], expected, |t| Some(PathBuf::from(t)))
        };
        let page_dir = path("server.page_dir", "TAPEDECK_PAGE_DIR", "a folder: use a path")?;
        let pem = "a PEM file: use a path";
        let cert = path("server.tls_cert", "TAPEDECK_TLS_CERT", pem)?;
        let tls = match (cert, path("server.tls_key", "TAPEDECK_TLS_KEY", pem)?) {
            (Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
            (None, None) => None,
            (Some(_), None) => return Err(ConfigError::HalfTls { has: "tls_cert", missing: "tls_key" }),
            (None, Some(_)) => return Err(ConfigError::HalfTls { has: "tls_key", missing: "tls_cert" }),
        };
        let config = ServerConfig {
            listen: listen.unwrap_or(default),
            public: layers.switch("server.public", &["TAPEDECK_PUBLIC"])?.unwrap_or(false),
            tokens: tokens.unwrap_or_default(),
            allowed_hosts: allowed_hosts.unwrap_or_default(),
            cors_origins: cors_origins.unwrap_or_else(|| allowed_origins.clone()),
            allowed_origins,
            frame_ancestors: frame_ancestors.unwrap_or_default(),
            page_dir,
            tls,
        };
        if !config.listen.ip().is_loopback() && !config.public && config.tokens.is_empty() {
            return Err(ConfigError::Exposed { listen: config.listen });
        }
        Ok(config)
    }
}

/// A name or address without scheme, path and port; IPv6 in brackets; `*`.
fn host_name(text: &str) -> Option<String> {
    let inside = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let fits = match inside {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => text == "*" || text.chars().all(|c| c.is_alphanumeric() || "-._".contains(c)),
    };
    (fits && !text.is_empty()).then(|| text.to_lowercase())
}

/// `scheme://host[:port]` as browsers write it; `*` and `null`.
fn origin(text: &str) -> Option<String> {
    if text == "*" || text == "null" {
        return Some(text.to_owned());
    }
    let (scheme, rest) = text.split_once("://")?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let fits = !scheme.is_empty()
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        && !rest.is_empty()
        && rest.chars().all(|c| c.is_alphanumeric() || "-._:[]".contains(c));
    fits.then(|| format!("{}://{}", scheme.to_lowercase(), rest.to_lowercase()))
}
