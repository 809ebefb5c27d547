//! Topics, stop and start, waiting, sleep, clocks.

use super::*;

#[test]
fn topics_come_and_go_on_an_open_line() {
    let mut world = settled();
    world.feeds.insert("funding", 1_000);
    world.give(Input::Add(vec![spec("funding", Some(3_000)), spec("book", Some(1_000))]));
    assert_eq!(world.said(), ["60 subscribe 1 funding"]);
    world.run(S);
    assert_eq!(world.state("funding"), VenueState::Live);
    world.log.clear();
    world.give(Input::Remove(vec!["book".into(), "unknown".into()]));
    assert_eq!(world.said(), ["61 unsubscribe 1 book"]);
    world.run(60 * S);
    assert!(world.log.is_empty());
    // During an overlap on both.
    world.mute.insert(2);
    world.give(Input::Renew);
    world.run(S);
    world.said();
    world.give(Input::Add(vec![spec("book", Some(1_000))]));
    assert_eq!(world.said(), ["122 subscribe 1 book", "122 subscribe 2 book"]);
}

#[test]
fn stop_closes_and_start_begins_anew() {
    let mut world = settled();
    world.give(Input::Renew);
    world.run(STEP);
    world.log.clear();
    world.give(Input::Stop);
    assert_eq!(world.said(), ["60.25 close 1 Stopped", "60.25 close 2 Stopped"]);
    assert_eq!((world.link.line(), world.wake, world.state("book")), (Line::Stopped, None, VenueState::Down));
    world.give(Input::Retry);
    world.give(Input::Timer);
    assert!(world.said().is_empty());
    world.give(Input::Start);
    world.give(Input::Start);
    assert_eq!(world.said(), ["60.25 connect 3"]);
}

#[test]
fn peer_says_when_to_come_again_and_a_person_may_not_wait() {
    let mut world = settled();
    world.open.clear();
    world.give(Input::Closed { conn: ConnId(1), not_before: Some(Ms(200 * S)) });
    assert_eq!(world.link.line(), Line::Waiting { until: Ms(200 * S), attempt: 1 });
    world.said();
    world.run(139 * S);
    assert!(world.said().is_empty());
    world.give(Input::Retry);
    world.give(Input::Retry);
    assert_eq!(world.said(), ["199 connect 2"]);
}

#[test]
fn sleep_is_no_silence_and_a_line_that_did_not_survive_is_found_at_once() {
    // Alive after an hour of sleep: nothing happens.
    let mut world = World::new(Config { ping_every: Some(Ms(20 * S)), ..quick() }, TWO);
    world.run(60 * S);
    world.log.clear();
    world.shift_clock(HOUR);
    world.give(Input::Timer);
    assert_eq!(world.said(), ["3660 ping 1"]);
    world.run(15 * S);
    assert!(world.news().is_empty());
    assert_eq!(world.link.line(), Line::Open);

    // Dead: five seconds to prove otherwise, then a new connection.
    world.black_hole = true;
    world.shift_clock(HOUR);
    world.give(Input::Timer);
    world.said();
    world.run(6 * S);
    assert!(world.said().contains(&"7280 close 1 Dead".into()));

    // Asleep while waiting: the next attempt is due.
    let mut world = settled();
    world.accepts = false;
    world.cut();
    world.run(100 * S);
    world.said();
    world.shift_clock(HOUR);
    world.give(Input::Timer);
    assert_eq!(world.said().len(), 1, "connects");
}

#[test]
fn clock_set_back_stops_nothing() {
    let mut world = settled();
    world.shift_clock(-10 * HOUR);
    world.give(Input::Timer);
    world.run(10 * S);
    assert_eq!((world.news(), world.link.line()), (vec![], Line::Open));
    world.feeds.insert("trade", i64::MAX);
    world.run(20 * S);
    assert_eq!(world.state("trade"), VenueState::Silent);
    world.black_hole = true;
    world.run(70 * S);
    assert_ne!(world.link.line(), Line::Open);
}

#[test]
fn line_on_which_everything_is_silent_is_renewed() {
    let mut world = World::new(quick(), TWO);
    world.mute.insert(1);
    world.run(200 * S);
    assert_eq!(world.link.primary(), Some(ConnId(2)));
    assert_eq!((world.state("book"), world.state("trade")), (VenueState::Live, VenueState::Live));
}

#[test]
fn closed_session_is_not_silent_and_asks_for_nothing() {
    let mut world = settled();
    world.feeds.insert("trade", i64::MAX);
    world.run(20 * S);
    assert_eq!(world.state("trade"), VenueState::Silent);
    world.log.clear();
    world.give(Input::Session { topics: vec!["trade".into(), "unknown".into()], open: false });
    assert_eq!(world.state("trade"), VenueState::Quiet);
    world.log.clear();
    world.run(HOUR);
    assert!(world.log.is_empty(), "{:?}", world.log);
    world.give(Input::Session { topics: vec!["trade".into()], open: true });
    assert_eq!(world.state("trade"), VenueState::Quiet);
    world.run(60 * S);
    assert_eq!(world.state("trade"), VenueState::Silent);
}

#[test]
fn proof_asked_for_is_a_ping_at_once_and_a_few_seconds() {
    let mut world = World::new(Config { ping_every: Some(Ms(10 * S)), ..quick() }, &[("book", None, 1_000)]);
    world.give(Input::Start);
    world.run(60 * S);
    world.said();
    world.give(Input::Prove);
    assert_eq!(world.said(), ["60 ping 1"]);
    world.run(20 * S);
    assert_eq!(world.link.line(), Line::Open, "data is proof");
    world.mute.insert(1);
    world.said();
    world.give(Input::Prove);
    world.run(6 * S);
    let said = world.said();
    assert!(said.contains(&"85 close 1 Dead".to_owned()), "{said:?}");
}
