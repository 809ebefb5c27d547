//! The page: embedded in release builds, read from a folder in development.
//!
//! Names with a content hash may be kept for ever; everything else is asked for again and answered with 304 while it is
//! the same. Compressed twins (`NAME.br`, `NAME.gz`) written by `cargo xtask bundle` are served as they are.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri, header};

use super::error::ApiError;

const NO_PAGE: &str = "<!doctype html><meta charset=\"utf-8\"><title>tapedeck</title>\
    <p>The relay is running, but this build has no page.\
    <p>Run <code>cargo xtask run</code>, or build the page with <code>cargo xtask bundle</code> and start the relay again.\
    <p>The API is there all the same: <a href=\"/api/status\">/api/status</a>.";

#[derive(rust_embed::RustEmbed)]
#[folder = "../dist"]
#[allow_missing = true]
struct Embedded;

/// Where the page comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    /// `dist/` as it was when this binary was built; debug builds read it at each request.
    Embedded,
    Folder(PathBuf),
}

/// One file of the page.
struct Asset {
    bytes: Cow<'static, [u8]>,
    /// Changes whenever the bytes do.
    version: String,
}

impl Source {
    fn get(&self, name: &str) -> Option<Asset> {
        match self {
            Source::Embedded => {
                let file = Embedded::get(name)?;
                let hash = file.metadata.sha256_hash();
                let version = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
                Some(Asset { bytes: file.data, version })
            }
            Source::Folder(dir) => {
                let path = dir.join(name);
                let bytes = std::fs::read(&path).ok()?;
                let modified = path.metadata().and_then(|meta| meta.modified()).ok()?;
                let nanos = modified.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
                Some(Asset { version: format!("{:x}-{nanos:x}", bytes.len()), bytes: bytes.into() })
            }
        }
    }
}

/// The page for frames, also at `/embed`.
const EMBED: &str = "embed.html";

struct Page {
    source: Source,
    /// Who may show [`EMBED`] in a frame, as CSP writes it. Nobody may frame anything else.
    framers: String,
}

/// The page as a fallback service, from `page_dir` if that is given.
///
/// `frame_ancestors` are the origins besides its own that may show `/embed` in a frame; `*` admits all.
pub fn routes(frame_ancestors: &[String], page_dir: Option<PathBuf>) -> Router {
    serve(page_dir.map_or(Source::Embedded, Source::Folder), frame_ancestors)
}

fn serve(source: Source, frame_ancestors: &[String]) -> Router {
    let page = Page { source, framers: framers(frame_ancestors) };
    Router::new().fallback(answer).with_state(Arc::new(page))
}

/// Source expressions of `frame-ancestors`. An entry that could end the directive is left out: the rest of the policy
/// must hold.
fn framers(origins: &[String]) -> String {
    let clean = |origin: &&String| {
        !origin.is_empty() && origin.chars().all(|c| c.is_ascii_graphic() && !matches!(c, ';' | ','))
    };
    let listed = origins.iter().filter(clean).map(String::as_str);
    std::iter::once("'self'").chain(listed).collect::<Vec<_>>().join(" ")
}

/// Scripts, styles, fonts and connections from this origin alone; WebAssembly may compile. `host` is the name the page
/// was asked by: some browsers do not count sockets of the same host as `'self'`. Pictures may be made by the page
/// (snapshots).
fn content_security_policy(framers: &str, host: Option<&str>) -> HeaderValue {
    let plain = |host: &&str| host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:".contains(&b));
    let sockets = match host.filter(plain) {
        Some(host) => format!(" ws://{host} wss://{host}"),
        None => String::new(),
    };
    let policy = format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; \
         font-src 'self'; connect-src 'self'{sockets}; object-src 'none'; base-uri 'none'; form-action 'none'; \
         frame-ancestors {framers}"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

async fn answer(
    State(page): State<Arc<Page>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    if method != Method::GET && method != Method::HEAD {
        let mut refused =
            refuse(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "the page is read with GET or HEAD");
        refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
        return refused;
    }
    let name = uri.path().strip_prefix('/').unwrap_or_default().to_string();
    let name = match name.as_str() {
        "" => "index.html".to_string(),
        "embed" => EMBED.to_string(),
        _ => name,
    };
    if !is_plain(&name) {
        return refuse(StatusCode::NOT_FOUND, "not_found", "there is no such file");
    }
    let accepted =
        [(".br", "br"), (".gz", "gzip")].map(|(twin, coding)| (twin, coding, accepts(&headers, coding)));
    // Files are read outside the executor's threads.
    let read = tokio::task::spawn_blocking(move || {
        let found = find(&page.source, &name, &accepted);
        (page, name, found)
    });
    let Ok((page, name, found)) = read.await else {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the page could not be read");
    };
    let Some((asset, coding)) = found else {
        return if name == "index.html" || name == EMBED {
            page.response(StatusCode::SERVICE_UNAVAILABLE, &name, &headers, Body::from(NO_PAGE))
        } else {
            refuse(StatusCode::NOT_FOUND, "not_found", "there is no such file")
        };
    };
    let tag =
        format!("\"{}{}\"", asset.version, coding.map(|coding| format!("-{coding}")).unwrap_or_default());
    let mut response = if matches_tag(&headers, &tag) {
        page.response(StatusCode::NOT_MODIFIED, &name, &headers, Body::empty())
    } else {
        page.response(StatusCode::OK, &name, &headers, Body::from(asset.bytes.into_owned()))
    };
    let fields = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        fields.insert(header::ETAG, tag);
    }
    if let Some(coding) = coding {
        fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    let kept = if is_hashed(&name) { "public, max-age=31536000, immutable" } else { "no-cache" };
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    response
}

impl Page {
    fn response(&self, status: StatusCode, name: &str, asked: &HeaderMap, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let fields = response.headers_mut();
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
        fields.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        fields.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        let document = name.ends_with(".html");
        let framers = if name == EMBED { self.framers.as_str() } else { "'none'" };
        let host = asked.get(header::HOST).and_then(|host| host.to_str().ok()).filter(|_| document);
        fields.insert(header::CONTENT_SECURITY_POLICY, content_security_policy(framers, host));
        // What other pages are made of when they embed the deck they may load as it is: it is no secret.
        let apart = name == EMBED || !document;
        let policy = HeaderValue::from_static(if apart { "cross-origin" } else { "same-origin" });
        fields.insert(HeaderName::from_static("cross-origin-resource-policy"), policy);
        if !apart {
            let opener = HeaderName::from_static("cross-origin-opener-policy");
            fields.insert(opener, HeaderValue::from_static("same-origin"));
        }
        response
    }
}

fn refuse(status: StatusCode, code: &'static str, detail: &'static str) -> Response<Body> {
    use axum::response::IntoResponse;
    ApiError::new(status, code, detail).into_response()
}

/// The file, as its best accepted twin.
fn find(
    source: &Source,
    name: &str,
    twins: &[(&str, &'static str, bool)],
) -> Option<(Asset, Option<&'static str>)> {
    let twin = twins.iter().filter(|(_, _, accepted)| *accepted).find_map(|(ending, coding, _)| {
        source.get(&format!("{name}{ending}")).map(|asset| (asset, Some(*coding)))
    });
    twin.or_else(|| source.get(name).map(|asset| (asset, None)))
}

/// Whether a request path names a file below the folder and nothing else. The bundle has plain ASCII names, so an
/// escaped path is no file of ours.
fn is_plain(name: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    name.split('/').all(plain)
}

/// `app-0123456789abcdef.js`: the bytes behind such a name never change.
fn is_hashed(name: &str) -> bool {
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    stem.rsplit_once('-').is_some_and(|(_, hash)| {
        hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

/// Whether `Accept-Encoding` names this coding with a quality above 0.
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let fields = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    fields.flat_map(|value| value.split(',')).any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
        let refused = parts.any(|part| {
            part.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|quality| quality <= 0.0))
        });
        named && !refused
    })
}

/// `If-None-Match`, compared weakly as the standard asks.
fn matches_tag(headers: &HeaderMap, tag: &str) -> bool {
    let fields = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    fields.flat_map(|value| value.split(',')).map(str::trim).any(|entry| {
        let entry = entry.strip_prefix("W/").unwrap_or(entry);
        entry == tag || entry == "*"
    })
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
