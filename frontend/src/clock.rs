//! The relay's clock by ours.

use shared::market::Ms;

/// Clocks that differ by less show the same time, ms.
const SAME_TIME: i64 = 2_000;

/// Relay's clock less ours, of an answer that tells the time `told` and was asked for and taken at two moments by our
/// clock. It told it between these: where equal clocks could have, they are equal, however long the answer took. A
/// replay runs in another time, and clocks go wrong.
pub fn offset(asked: Ms, told: Ms, taken: Ms) -> Ms {
    let (least, most) = (told - taken, told - asked);
    if least.0 < SAME_TIME && most.0 > -SAME_TIME { Ms::ZERO } else { Ms(least.0.midpoint(most.0)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_took_long_moves_no_clock() {
        // asked, told, taken; the relay's clock less ours
        for (asked, told, taken, is) in [
            (0, 10, 20, 0),
            // Told at once, and taken ten seconds later, the page having had other work; and the other way round.
            (0, 5, 10_000, 0),
            (0, 9_995, 10_000, 0),
            (0, 11_999, 10_000, 0),
            (0, -1_999, 10_000, 0),
            // Sooner than asked, later than taken: clocks that differ.
            (0, 12_000, 10_000, 7_000),
            (0, -2_000, 10_000, -7_000),
            (1_000, 61_100, 1_200, 60_000),
            (1_000, -58_900, 1_200, -60_000),
        ] {
            assert_eq!(offset(Ms(asked), Ms(told), Ms(taken)), Ms(is), "{asked} {told} {taken}");
        }
    }
}
