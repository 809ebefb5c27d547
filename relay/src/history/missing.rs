//! Which stretches of a range are neither stored nor known to be empty.

use shared::market::{Calendar, Ms, Timeframe};

/// Stretches closer together than this are fetched as one: a call costs more than some rows.
const JOIN: usize = 64;

/// Stretches `[from, to)` of whole buckets in `range` that have no row in `present` (ascending) and lie in none of
/// `covered`; ascending, disjoint. `range.1` must be a bucket's open (or in the future).
pub(super) fn missing(
    calendar: &Calendar,
    timeframe: Timeframe,
    range: (Ms, Ms),
    present: impl Iterator<Item = Ms>,
    covered: &[(Ms, Ms)],
) -> Vec<(Ms, Ms)> {
    let mut stretches: Vec<(Ms, Ms)> = Vec::new();
    let mut since_last = usize::MAX;
    let mut covered = covered.iter().peekable();
    let mut present = present.peekable();
    let mut open = calendar.open(timeframe, range.0);
    if open < range.0 {
        open = calendar.next(timeframe, open);
    }
    while open < range.1 {
        let next = calendar.next(timeframe, open);
        while present.next_if(|at| *at < open).is_some() {}
        while covered.next_if(|(_, to)| *to <= open).is_some() {}
        let known = covered.peek().is_some_and(|(from, to)| *from <= open && next <= *to);
        if known || present.peek() == Some(&open) {
            since_last = since_last.saturating_add(1);
        } else {
            match stretches.last_mut() {
                Some(last) if since_last <= JOIN => last.1 = next,
                _ => stretches.push((open, next)),
            }
            since_last = 0;
        }
        open = next;
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_what_is_neither_stored_nor_covered() {
        let minutes = |range: (i64, i64), present: &[i64], covered: &[(i64, i64)]| {
            let ms = |m: i64| Ms(m * 60_000);
            let present = present.iter().map(|m| ms(*m));
            let covered: Vec<_> = covered.iter().map(|(a, b)| (ms(*a), ms(*b))).collect();
            let found =
                missing(&Calendar::Continuous, Timeframe::M1, (ms(range.0), ms(range.1)), present, &covered);
            found.iter().map(|(a, b)| (a.0 / 60_000, b.0 / 60_000)).collect::<Vec<_>>()
        };
        assert_eq!(minutes((0, 10), &[], &[]), [(0, 10)]);
        assert_eq!(minutes((0, 10), &[0, 1, 2], &[(3, 10)]), []);
        assert_eq!(minutes((0, 10), &[4], &[]), [(0, 10)], "one row inside is not worth a second call");
        assert_eq!(minutes((0, 300), &[], &[(50, 200)]), [(0, 50), (200, 300)]);
        assert_eq!(minutes((0, 300), &[0, 299], &[(1, 100), (150, 290)]), [(100, 150), (290, 299)]);
        assert_eq!(minutes((5, 5), &[], &[]), []);
    }

    #[test]
    fn a_range_that_begins_inside_a_bucket_begins_with_the_next() {
        let hour = Ms::HOUR;
        let range = (Ms(hour.0 / 2), Ms(3 * hour.0));
        let found = missing(&Calendar::Continuous, Timeframe::H1, range, std::iter::empty(), &[]);
        assert_eq!(found, [(hour, Ms(3 * hour.0))]);
        // A bucket covered in part is not covered.
        let half = [(Ms(0), Ms(hour.0 * 3 / 2))];
        let found = missing(&Calendar::Continuous, Timeframe::H1, range, std::iter::empty(), &half);
        assert_eq!(found, [(hour, Ms(3 * hour.0))]);
    }
}
