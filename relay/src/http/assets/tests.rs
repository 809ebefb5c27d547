use super::*;
use axum::http::Request;
use tower::ServiceExt;

const WASM: &str = "app-0123456789abcdef.wasm";

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let files: [(&str, &str); 5] = [
        ("index.html", "<p>page"),
        (WASM, "wasm"),
        ("app-0123456789abcdef.wasm.br", "BR"),
        ("app-0123456789abcdef.wasm.gz", "GZ"),
        (".secret", "hidden"),
    ];
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

async fn ask(dir: &Path, path: &str, fields: &[(HeaderName, &str)]) -> (StatusCode, HeaderMap, String) {
    ask_method(dir, Method::GET, path, fields).await
}

async fn ask_method(
    dir: &Path,
    method: Method,
    path: &str,
    fields: &[(HeaderName, &str)],
) -> (StatusCode, HeaderMap, String) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in fields {
        request = request.header(name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = serve(Source::Folder(dir.to_path_buf()), &[]).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn index_is_asked_for_again_and_hashed_names_are_kept() {
    let dir = folder();
    let (status, fields, body) = ask(dir.path(), "/", &[]).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "<p>page"));
    assert_eq!(fields[header::CONTENT_TYPE], "text/html; charset=utf-8");
    assert_eq!(fields[header::CACHE_CONTROL], "no-cache");
    assert_eq!(fields[header::X_CONTENT_TYPE_OPTIONS], "nosniff");

    let (status, fields, body) = ask(dir.path(), &format!("/{WASM}"), &[]).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "wasm"));
    assert_eq!(fields[header::CONTENT_TYPE], "application/wasm");
    assert_eq!(fields[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
}

#[tokio::test]
async fn the_best_accepted_twin_is_served() {
    let dir = folder();
    let cases = [
        ("gzip, br", Some("br"), "BR"),
        ("gzip;q=0.5", Some("gzip"), "GZ"),
        ("br;q=0, gzip", Some("gzip"), "GZ"),
        ("identity", None, "wasm"),
        ("", None, "wasm"),
    ];
    for (accept, coding, expected) in cases {
        let (_, fields, body) =
            ask(dir.path(), &format!("/{WASM}"), &[(header::ACCEPT_ENCODING, accept)]).await;
        assert_eq!(body, expected, "{accept}");
        assert_eq!(fields.get(header::CONTENT_ENCODING).map(|v| v.to_str().unwrap()), coding, "{accept}");
        assert_eq!(fields[header::CONTENT_TYPE], "application/wasm", "{accept}");
        assert_eq!(fields[header::VARY], "accept-encoding", "{accept}");
    }
}

#[tokio::test]
async fn an_unchanged_file_is_304_and_a_changed_one_is_not() {
    let dir = folder();
    let (_, fields, _) = ask(dir.path(), "/", &[]).await;
    let tag = fields[header::ETAG].to_str().unwrap().to_string();
    let weak = format!("\"other\", W/{tag}");
    let (status, _, body) = ask(dir.path(), "/", &[(header::IF_NONE_MATCH, &weak)]).await;
    assert_eq!((status, body.as_str()), (StatusCode::NOT_MODIFIED, ""));

    std::fs::write(dir.path().join("index.html"), "<p>newer page").unwrap();
    let (status, _, body) = ask(dir.path(), "/", &[(header::IF_NONE_MATCH, &tag)]).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "<p>newer page"));
}

#[tokio::test]
async fn twins_have_tags_of_their_own() {
    let dir = folder();
    let path = format!("/{WASM}");
    let (_, plain, _) = ask(dir.path(), &path, &[]).await;
    let (_, packed, _) = ask(dir.path(), &path, &[(header::ACCEPT_ENCODING, "br")]).await;
    assert_ne!(plain[header::ETAG], packed[header::ETAG]);
}

#[tokio::test]
async fn nothing_outside_the_bundle_is_served() {
    let dir = folder();
    std::fs::create_dir(dir.path().join("page")).unwrap();
    std::fs::write(dir.path().join("page/index.html"), "inner").unwrap();
    for path in [
        "/../index.html",
        "/%2e%2e/index.html",
        "/..%2findex.html",
        "//index.html",
        "/.secret",
        "/page",
        "/a\\b",
    ] {
        let Ok(uri) = path.parse::<Uri>() else { continue };
        let (status, fields, _) = ask(&dir.path().join("page"), &uri.to_string(), &[]).await;
        assert!(
            status == StatusCode::NOT_FOUND && fields[header::CONTENT_TYPE] == "application/problem+json",
            "{path}: {status}"
        );
    }
}

#[tokio::test]
async fn only_reading_is_allowed() {
    let dir = folder();
    let (status, ..) = ask_method(dir.path(), Method::POST, "/", &[]).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    let (status, ..) = ask_method(dir.path(), Method::HEAD, "/", &[]).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn without_a_page_the_root_says_how_to_build_it() {
    let dir = tempfile::tempdir().unwrap();
    let (status, fields, body) = ask(dir.path(), "/", &[]).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(fields[header::CONTENT_TYPE], "text/html; charset=utf-8");
    assert!(body.contains("cargo xtask bundle"), "{body}");
}

#[test]
fn the_policy_lets_wasm_compile_and_names_who_may_frame() {
    let policy = |ancestors: &[&str], host: Option<&str>| {
        let ancestors: Vec<String> = ancestors.iter().map(ToString::to_string).collect();
        content_security_policy(&framers(&ancestors), host).to_str().unwrap().to_string()
    };
    let own = policy(&[], Some("127.0.0.1:8000"));
    assert_eq!(
        own,
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; \
         font-src 'self'; connect-src 'self' ws://127.0.0.1:8000 wss://127.0.0.1:8000; object-src 'none'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    );
    assert!(policy(&["https://example.org"], None).ends_with("frame-ancestors 'self' https://example.org"));
    assert!(
        policy(&["x; script-src *"], None).ends_with("frame-ancestors 'self'"),
        "no entry can end the directive"
    );
    for host in ["a; script-src *", "[::1]:8000", "a b"] {
        assert!(policy(&[], Some(host)).contains("connect-src 'self';"), "{host}");
    }
}

#[tokio::test]
async fn only_the_embed_page_may_be_framed_and_its_script_loaded_elsewhere() {
    let dir = folder();
    std::fs::write(dir.path().join("embed.html"), "<p>embed").unwrap();
    std::fs::write(dir.path().join("embed.js"), "export {}").unwrap();
    let csp = |fields: &HeaderMap| fields[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_string();
    let corp = |fields: &HeaderMap| fields["cross-origin-resource-policy"].to_str().unwrap().to_string();
    for path in ["/embed", "/embed.html", "/embed?symbol=BTCUSDT-PERP"] {
        let (status, fields, body) = ask(dir.path(), path, &[(header::HOST, "localhost:8000")]).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, "<p>embed"), "{path}");
        assert_eq!(fields[header::CACHE_CONTROL], "no-cache");
        assert!(csp(&fields).contains("connect-src 'self' ws://localhost:8000 "), "{}", csp(&fields));
        assert!(csp(&fields).ends_with("frame-ancestors 'self'"), "{}", csp(&fields));
        assert_eq!(corp(&fields), "cross-origin");
        assert!(!fields.contains_key("cross-origin-opener-policy"));
    }
    let (_, fields, _) = ask(dir.path(), "/", &[]).await;
    assert!(csp(&fields).ends_with("frame-ancestors 'none'"), "{}", csp(&fields));
    assert_eq!(
        (corp(&fields).as_str(), &fields["cross-origin-opener-policy"]),
        ("same-origin", &"same-origin".parse().unwrap())
    );
    let (status, fields, _) = ask(dir.path(), "/embed.js", &[]).await;
    assert_eq!((status, corp(&fields).as_str()), (StatusCode::OK, "cross-origin"));
    assert_eq!(fields[header::CACHE_CONTROL], "no-cache");
    assert_eq!(fields[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
}

#[test]
fn only_sixteen_hex_digits_after_a_dash_are_a_hash() {
    assert!(is_hashed(WASM));
    for name in ["index.html", "app-0123456789abcdeg.js", "app-0123.js", "0123456789abcdef.js"] {
        assert!(!is_hashed(name), "{name}");
    }
}
