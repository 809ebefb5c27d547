use shared::market::Timeframe;

use super::*;

const S: i64 = 1_000;

fn topic(venue: &str, channel: Channel) -> Topic {
    let interval = (channel == Channel::Bar).then_some(Timeframe::M1);
    Topic { symbol: "BTCUSDT-PERP".parse().unwrap(), venue: VenueId::new(venue), channel, interval }
}

fn frame(text: &str) -> Row {
    Row::decode(text).unwrap()
}

fn book(n: u64) -> Row {
    frame(&format!(r#"{{"type":"book","symbol":"BTCUSDT-PERP","venue":"sim","cursor":"1.{n}"}}"#))
}

/// A session for one chart that wants bars and book, and what it did about them so far.
fn begun() -> (Session, Vec<Act>) {
    let mut session = Session::new(1);
    let wanted = vec![topic("sim", Channel::Bar), topic("sim", Channel::Book)];
    let (acts, joined) = session.want(Ms(0), 1, wanted);
    assert!(joined.is_empty());
    (session, acts)
}

fn connected() -> Session {
    let (mut session, acts) = begun();
    assert_eq!(acts, [Act::Connect(ConnId(1))]);
    session.input(Ms(10), Input::Opened(ConnId(1)));
    session
}

fn closed(session: &mut Session, now: i64, conn: u64) -> Vec<Act> {
    session.input(Ms(now), Input::Closed { conn: ConnId(conn), not_before: None })
}

fn sent(acts: &[Act]) -> Vec<&str> {
    let sent = acts.iter().filter_map(|act| if let Act::Send(_, text) = act { Some(&**text) } else { None });
    sent.collect()
}

#[test]
fn first_wish_opens_the_line_and_everything_is_subscribed_once() {
    let (mut session, acts) = begun();
    assert_eq!(acts, [Act::Connect(ConnId(1))]);
    assert_eq!(session.view(Ms(0)).state, LinkState::Connecting);
    let acts = session.input(Ms(10), Input::Opened(ConnId(1)));
    assert_eq!(
        sent(&acts),
        [
            r#"{"action":"subscribe","symbols":["BTCUSDT-PERP"],"venues":["sim"],"channels":["bar"],"intervals":["1m"]}"#,
            r#"{"action":"subscribe","symbols":["BTCUSDT-PERP"],"venues":["sim"],"channels":["book"]}"#,
        ]
    );
    assert_eq!(session.view(Ms(10)).state, LinkState::Live);
    assert!(!acts.contains(&Act::Again), "nothing was missed");
}

#[test]
fn charts_share_topics_and_the_last_one_takes_them_off() {
    let mut session = connected();
    let (acts, joined) =
        session.want(Ms(20), 2, vec![topic("sim", Channel::Book), topic("sim", Channel::Oi)]);
    assert_eq!(joined, [topic("sim", Channel::Book)], "its last value was told before");
    assert_eq!(
        sent(&acts),
        [r#"{"action":"subscribe","symbols":["BTCUSDT-PERP"],"venues":["sim"],"channels":["oi"]}"#]
    );
    let (acts, _) = session.want(Ms(30), 1, vec![]);
    assert_eq!(
        sent(&acts),
        [
            r#"{"action":"unsubscribe","symbols":["BTCUSDT-PERP"],"venues":["sim"],"channels":["bar"],"intervals":["1m"]}"#
        ],
        "the book is still wanted"
    );
    assert!(!session.wants().is_for(1, &book(1)));
    assert!(session.wants().is_for(2, &book(1)));
    let (acts, _) = session.want(Ms(40), 2, vec![]);
    assert_eq!(sent(&acts).len(), 1, "one request for both: {acts:?}");
}

#[test]
fn after_three_failures_values_are_polled_until_the_socket_is_back() {
    let (mut session, _) = begun();
    let (mut now, mut polls, mut attempts) = (0, Vec::new(), vec![0]);
    closed(&mut session, now, 1);
    assert_eq!(session.view(Ms(now)).state, LinkState::Offline);
    let mut conn = 1;
    while now < 40 * S {
        now += 100;
        if session.wake().is_some_and(|at| at <= Ms(now))
            && session.input(Ms(now), Input::Timer).iter().any(|act| matches!(act, Act::Connect(_)))
        {
            conn += 1;
            attempts.push(now);
            closed(&mut session, now, conn);
        }
        if session.is_poll_due(Ms(now)) {
            polls.push(now);
            session.polled(true);
            assert_eq!(session.view(Ms(now)).state, LinkState::Polling);
        }
    }
    assert_eq!(polls[0], attempts[2], "at the third failure");
    assert!(polls.windows(2).all(|w| w[1] - w[0] == 5 * S), "{polls:?}");
    assert!(attempts.len() >= 7, "tried on in the background: {attempts:?}");
    assert!(attempts.windows(2).all(|w| w[1] - w[0] <= 8 * S + 100), "{attempts:?}");
    let wake = session.wake().unwrap();
    session.input(wake, Input::Timer);
    session.input(wake, Input::Opened(ConnId(conn + 1)));
    assert_eq!(session.view(wake).state, LinkState::Live);
    assert!(!session.is_poll_due(wake + Ms(60 * S)), "no polling while the socket lives");
    session.polled(true);
    assert_eq!(session.view(wake).state, LinkState::Live, "a late answer changes nothing");
}

#[test]
fn a_line_that_broke_resumes_after_the_newest_frame() {
    let mut session = connected();
    for n in [7, 9, 8] {
        session.frame(Ms(20), ConnId(1), &book(n));
    }
    let acts = closed(&mut session, 1_000, 1);
    assert!(acts.contains(&Act::Lost));
    let view = session.view(Ms(1_000));
    assert_eq!(view.state, LinkState::Offline);
    let retry = view.retry_at.unwrap();
    assert!((Ms(1_800)..=Ms(2_000)).contains(&retry), "{retry:?}");
    assert_eq!(session.input(Ms(2_000), Input::Timer), [Act::Connect(ConnId(2))]);
    let acts = session.input(Ms(2_010), Input::Opened(ConnId(2)));
    assert!(acts.contains(&Act::Again));
    assert!(sent(&acts).iter().all(|text| text.ends_with(r#""resume":"1.9"}"#)), "{acts:?}");
    // What is wanted from now on has no place to resume from.
    closed(&mut session, 3_000, 2);
    session.want(Ms(3_000), 1, vec![topic("sim", Channel::Book), topic("sim", Channel::Oi)]);
    let at = session.wake().unwrap();
    session.input(at, Input::Timer);
    let acts = session.input(at, Input::Opened(ConnId(3)));
    assert!(sent(&acts).iter().all(|text| !text.contains("resume")), "{acts:?}");
}

#[test]
fn a_slow_page_is_called_so_for_a_while() {
    let mut session = connected();
    session.frame(Ms(S), ConnId(1), &frame(r#"{"type":"slow","dropped":1,"conflated":2}"#));
    assert!(session.view(Ms(S)).slow);
    assert!(session.view(Ms(16 * S - 1)).slow);
    assert!(!session.view(Ms(16 * S)).slow);
}

#[test]
fn pongs_tell_the_latency_and_proof_is_a_ping_at_once() {
    let mut session = connected();
    let acts = session.input(Ms(2_000), Input::Prove);
    assert_eq!(sent(&acts), [r#"{"action":"ping","id":1}"#]);
    session.frame(Ms(2_050), ConnId(1), &frame(r#"{"type":"pong","id":1}"#));
    assert_eq!(session.view(Ms(2_050)).latency_ms, Some(25.0));
    // Asleep for an hour and dead since: closed five seconds after waking.
    session.input(Ms(3_600_000), Input::Timer);
    let acts = session.input(Ms(3_605_000), Input::Timer);
    assert!(acts.contains(&Act::Close(ConnId(1))) && acts.contains(&Act::Lost), "{acts:?}");
}

#[test]
fn requests_name_exactly_the_topics() {
    let mut topics = Vec::new();
    for venue in ["a", "b", "c"] {
        topics.push(topic(venue, Channel::Oi));
        topics.push(topic(venue, Channel::Funding));
    }
    topics.push(topic("a", Channel::Bar));
    topics.push(topic("c", Channel::Liquidation));
    topics.sort();
    let requests = requests(&topics);
    let said: Vec<_> = requests
        .iter()
        .map(|r| {
            let venues: Vec<&str> = r.venues.iter().map(VenueId::as_str).collect();
            let channels: Vec<&str> = r.channels.iter().map(|c| c.name()).collect();
            format!("{} of {} {}", channels.join("+"), venues.join("+"), r.interval.unwrap_or("-"))
        })
        .collect();
    assert_eq!(said, ["bar of a 1m", "oi+funding of a+b -", "oi+funding+liquidation of c -"]);
}

#[test]
fn frames_go_to_the_charts_that_want_them() {
    let (session, _) = begun();
    let is_for = |text: &str| session.wants().is_for(1, &frame(text));
    assert!(is_for(r#"{"type":"bar","symbol":"BTCUSDT-PERP","venue":"sim","interval":"1m"}"#));
    assert!(!is_for(r#"{"type":"bar","symbol":"BTCUSDT-PERP","venue":"sim","interval":"5m"}"#));
    assert!(!is_for(r#"{"type":"book","symbol":"BTCUSDT-PERP","venue":"other"}"#));
    assert!(is_for(r#"{"type":"gap","symbol":"BTCUSDT-PERP","venue":"sim","channel":"bar"}"#));
    assert!(!is_for(r#"{"type":"gap","symbol":"BTCUSDT-PERP","venue":"sim","channel":"oi"}"#));
    assert!(is_for(r#"{"type":"status"}"#) && is_for(r#"{"type":"error","message":"no"}"#));
}
