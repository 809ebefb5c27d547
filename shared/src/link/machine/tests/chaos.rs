//! Random trouble.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Act {
    Run(i64),
    Cut,
    Accepts(bool),
    BlackHole(bool),
    Mute(u64),
    Feed(bool),
    Topic(bool),
    Sleep(i64),
    Stray(u64, u8),
    Retry,
    Renew,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    proptest::collection::vec(
        prop_oneof![
            4 => (1_i64..300).prop_map(|n| Act::Run(n * 500)),
            2 => Just(Act::Cut),
            1 => any::<bool>().prop_map(Act::Accepts),
            1 => any::<bool>().prop_map(Act::BlackHole),
            1 => (1_u64..9).prop_map(Act::Mute),
            1 => any::<bool>().prop_map(Act::Feed),
            1 => any::<bool>().prop_map(Act::Topic),
            1 => (-HOUR..HOUR).prop_map(Act::Sleep),
            1 => (0_u64..9, 0_u8..3).prop_map(|(c, k)| Act::Stray(c, k)),
            1 => Just(Act::Retry),
            1 => Just(Act::Renew),
        ],
        1..40,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens, the link never forgets to go on, and heals once the world is well again.
    #[test]
    fn link_heals_after_anything(acts in acts(), seed in any::<u64>()) {
        let config = Config { renew_after: Some(Ms(HOUR)), ping_every: Some(Ms(15 * S)), ..Config::venue(seed) };
        let mut world = World::new(config, TWO);
        for act in acts {
            match act {
                Act::Run(length) => world.run(length),
                Act::Cut => world.cut(),
                Act::Accepts(yes) => world.accepts = yes,
                Act::BlackHole(yes) => world.black_hole = yes,
                Act::Mute(conn) => drop(world.mute.insert(conn)),
                Act::Feed(yes) => drop(world.feeds.insert("trade", if yes { 1_000 } else { i64::MAX })),
                Act::Topic(true) => world.give(Input::Add(vec![spec("book", Some(1_000))])),
                Act::Topic(false) => world.give(Input::Remove(vec!["book".into()])),
                Act::Sleep(length) => world.shift_clock(length),
                Act::Stray(conn, 0) if !world.dialling.contains(&conn) => world.give(Input::Opened(ConnId(conn))),
                Act::Stray(conn, 1) => {
                    world.open.remove(&conn);
                    world.dialling.retain(|c| *c != conn);
                    world.give(Input::Closed { conn: ConnId(conn), not_before: None });
                }
                Act::Stray(conn, _) if world.open.contains_key(&conn) => {
                    world.give(Input::Frame { conn: ConnId(conn), topic: Some("nonsense") });
                }
                Act::Stray(..) => {}
                Act::Retry => world.give(Input::Retry),
                Act::Renew => world.give(Input::Renew),
            }
            prop_assert!(world.wake.is_some(), "a started link always has something to wait for");
            let open = world.link.line() == Line::Open;
            for (name, state, _) in world.link.topics() {
                prop_assert_eq!(state == VenueState::Down, !open, "{}", name);
            }
        }
        (world.accepts, world.black_hole) = (true, false);
        world.mute.clear();
        world.feeds.insert("trade", 1_000);
        world.give(Input::Add(vec![spec("book", Some(1_000))]));
        world.run(180 * S);
        prop_assert_eq!(world.link.line(), Line::Open);
        prop_assert_eq!((world.state("book"), world.state("trade")), (VenueState::Live, VenueState::Live));
    }
}
