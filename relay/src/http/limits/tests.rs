use super::*;

fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.clone(), value.parse().expect("a header value"))).collect()
}

#[test]
fn hosts_are_loopback_or_listed() {
    let access = Access { allowed_hosts: vec!["deck.example".into()], ..Access::default() };
    for (host, ok) in [
        ("127.0.0.1:8000", true),
        ("localhost", true),
        ("[::1]:8000", true),
        ("deck.example:443", true),
        ("evil.example", false),
        ("127.0.0.1.evil.example", false),
    ] {
        assert_eq!(check_host(&access, &headers(&[(header::HOST, host)]), None).is_ok(), ok, "{host}");
    }
}

#[test]
fn origins_are_own_or_listed_and_null_only_by_name() {
    let any = Access { allowed_origins: vec!["*".into()], ..Access::default() };
    let some =
        Access { allowed_origins: vec!["https://a.example".into(), "null".into()], ..Access::default() };
    let none = Access::default();
    let check = |access: &Access, origin: &str| {
        let pairs = [(header::HOST, "127.0.0.1:8000"), (header::ORIGIN, origin)];
        check_origin(access, &headers(&pairs)).is_ok()
    };
    assert!(check_origin(&none, &headers(&[])).is_ok());
    assert!(check(&none, "http://127.0.0.1:8000") && !check(&none, "http://127.0.0.1:9000"));
    assert!(check(&some, "https://a.example") && check(&some, "null") && !check(&some, "https://b.example"));
    assert!(check(&any, "https://b.example") && !check(&any, "null"));
}

#[test]
fn a_refusal_names_the_setting_that_admits() {
    let from_disk = headers(&[(header::HOST, "127.0.0.1:8000"), (header::ORIGIN, "null")]);
    let detail = |access: &Access| check_reader(access, &from_disk).err().map(|refusal| refusal.detail);
    let none = detail(&Access::default()).unwrap_or_default();
    assert!(none.ends_with("start the relay with TAPEDECK_ALLOWED_ORIGINS=null"), "{none}");
    let sockets = Access { allowed_origins: vec!["null".into()], ..Access::default() };
    let apart = detail(&sockets).unwrap_or_default();
    assert!(apart.contains("add it to cors_origins"), "{apart}");
    let both = Access { cors_origins: vec!["null".into()], ..sockets };
    assert_eq!(detail(&both), None);
}

#[test]
fn tokens_open_what_is_not_public() {
    let access = Access { tokens: vec!["s3cret".into()], ..Access::default() };
    let bearer = |t: &str| headers(&[(header::AUTHORIZATION, t)]);
    assert!(check_token(&access, &bearer("Bearer s3cret"), None).is_ok());
    assert!(check_token(&access, &headers(&[]), Some("a=1&token=s3cret")).is_ok());
    assert!(check_token(&access, &bearer("Bearer s3creT"), None).is_err());
    assert!(check_token(&Access::default(), &bearer("Bearer "), Some("token=")).is_err());
    assert!(!format!("{access:?}").contains("s3cret"));
}

#[test]
fn connections_are_counted_per_address_and_given_back() {
    let connections = Connections::new(1);
    let ip: IpAddr = "192.0.2.1".parse().expect("an address");
    let first = connections.admit(ip);
    assert!(first.is_ok() && connections.admit(ip).is_err());
    drop(first);
    assert!(connections.admit(ip).is_ok());
    let local: IpAddr = "127.0.0.1".parse().expect("an address");
    let held: Vec<_> = (0..5).map(|_| connections.admit(local)).collect();
    assert!(held.iter().all(Result::is_ok));
}

#[test]
fn requests_are_counted_per_network_and_quiet_peers_are_forgotten() {
    let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
    let slow = RequestLimiter::new(&Access { requests_per_second: 1, ..Access::default() });
    let now = Instant::now();
    let same = (1..=5).map(|n| slow.check(ip(&format!("2001:db8::{n}")), now).is_ok());
    assert_eq!(same.collect::<Vec<_>>(), [true, true, true, true, false], "one network, one share");
    assert!(slow.check(ip("2001:db8:0:1::1"), now).is_ok());

    // Their share is whole again after a microsecond.
    let fast = RequestLimiter::new(&Access { requests_per_second: 1_000_000, ..Access::default() });
    for n in 0..100 {
        assert!(fast.check(ip(&format!("192.0.2.{n}")), fast.began + Duration::from_secs(59)).is_ok());
    }
    assert_eq!(fast.rates.len(), 100);
    std::thread::sleep(Duration::from_millis(1));
    assert!(fast.check(ip("192.0.2.1"), fast.began + Duration::from_secs(60)).is_ok());
    assert_eq!(fast.rates.len(), 1);
}

#[test]
fn a_rate_window_forgets_after_a_second() {
    let mut window = RateWindow::new(2);
    let t = Instant::now();
    assert!(window.admit(t) && window.admit(t) && !window.admit(t));
    assert!(window.admit(t + Duration::from_secs(1)));
}
