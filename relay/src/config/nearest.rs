//! Which known name was meant by an unknown one.

/// Slips of the finger between two names: letters left out, put in, changed, or swapped with their neighbour.
pub(super) fn slips(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // Rows of the table for the last two letters of `a`; a swap looks back two.
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i];
        for j in 1..=b.len() {
            let change = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = change.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

/// The known name with the fewest slips; the first of several.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known.min_by_key(|known| slips(name, known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_a_letter_more_less_other_or_swapped() {
        for (a, b, expected) in [
            ("", "", 0),
            ("SYMBOLS", "SYMBOLS", 0),
            ("SYMBOL", "SYMBOLS", 1),
            ("SSYMBOLS", "SYMBOLS", 1),
            ("SYNBOLS", "SYMBOLS", 1),
            ("SYMBLOS", "SYMBOLS", 1),
            ("YSMBLOS", "SYMBOLS", 2),
            ("", "ABC", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!((slips(a, b), slips(b, a)), (expected, expected), "{a} {b}");
        }
        assert_eq!(nearest("PROVDIER", ["PORT", "PROVIDER", "DATA_DIR"].into_iter()), Some("PROVIDER"));
        assert_eq!(nearest("X", std::iter::empty()), None);
    }
}
