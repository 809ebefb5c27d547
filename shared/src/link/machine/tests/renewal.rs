//! A second connection takes over before the first one is ended.

use super::*;

#[test]
fn renewal_before_a_day_overlaps_and_no_topic_notices() {
    let config = Config { renew_after: Some(Ms(23 * HOUR)), ..quick() };
    let mut world = World::new(config, &[("book", Some(1_000), 500), ("trade", Some(5_000), 2_000)]);
    world.run(S * 10);
    world.log.clear();
    world.run(23 * HOUR);
    let said = world.said();
    let at = |line: &String| line.split(' ').next().unwrap().parse::<f64>().unwrap();
    let words: Vec<&str> = said.iter().map(|l| l.split_once(' ').unwrap().1).collect();
    assert_eq!(words, ["connect 2", "subscribe 2 book trade", "close 1 Replaced"]);
    assert!((20.7 * 3_600.0..=23.0 * 3_600.0).contains(&at(&said[0])), "{said:?}");
    // Closed only once the slower topic came as well.
    assert!(at(&said[2]) - at(&said[1]) >= 0.25 && at(&said[2]) % 2.0 == 0.0, "{said:?}");
    assert_eq!((world.news(), world.link.primary()), (Vec::<String>::new(), Some(ConnId(2))));
}

#[test]
fn refused_successor_leaves_the_old_line_alone() {
    let mut world = settled();
    world.accepts = false;
    world.give(Input::Renew);
    world.run(20 * S);
    let said = world.said();
    assert!(said.len() > 2 && said.iter().all(|line| line.contains("connect")), "{said:?}");
    assert_eq!((world.link.primary(), world.link.line()), (Some(ConnId(1)), Line::Open));
    world.accepts = true;
    world.run(60 * S);
    assert!(world.link.primary() > Some(ConnId(1)));
    assert_eq!((world.open.len(), world.news()), (1, vec![]));
}

#[test]
fn successor_that_delivers_nothing_is_dropped() {
    let mut world = settled();
    world.mute.insert(2);
    world.give(Input::Renew);
    world.run(32 * S);
    let said = world.said();
    assert_eq!(
        said[..3],
        ["60 connect 2", "60.25 subscribe 2 book trade", "90.25 close 2 SuccessorFailed"],
        "{said:?}"
    );
    assert_eq!(world.link.line(), Line::Open);
    world.run(5 * S);
    assert_eq!(world.link.primary(), Some(ConnId(3)));
}

#[test]
fn overlap_ends_in_time_when_one_topic_is_slow_to_come() {
    let mut world = World::new(quick(), &[("book", Some(1_000), 500), ("slow", Some(60 * S), 50 * S)]);
    world.run(60 * S);
    world.log.clear();
    world.give(Input::Renew);
    world.run(35 * S);
    assert_eq!(world.said(), ["60 connect 2", "60.25 subscribe 2 book slow", "90.25 close 1 Replaced"]);
    world.run(600 * S);
    assert!(world.news().is_empty());
}

#[test]
fn loss_of_the_old_line_during_renewal_costs_nothing() {
    let mut world = settled();
    world.mute.insert(2);
    world.give(Input::Renew);
    world.run(S);
    world.log.clear();
    world.open.remove(&1);
    world.give(Input::Closed { conn: ConnId(1), not_before: None });
    assert_eq!((world.link.primary(), world.link.line()), (Some(ConnId(2)), Line::Open));
    world.mute.clear();
    world.run(5 * S);
    assert!(world.log.is_empty(), "{:?}", world.log);

    // Still connecting: the topics are down, and no pause is made.
    let mut world = settled();
    world.give(Input::Renew);
    world.open.remove(&1);
    world.give(Input::Closed { conn: ConnId(1), not_before: None });
    assert_eq!((world.link.line(), world.state("book")), (Line::Connecting, VenueState::Down));
    world.run(2 * S);
    assert_eq!((world.link.line(), world.state("book")), (Line::Open, VenueState::Live));
}
