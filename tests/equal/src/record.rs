//! What was computed, as counts and digests.

use std::fmt::Write;

use serde::Serialize;
use shared::maths::digest::Digest;

/// The parts of a section.
#[derive(Default)]
pub(crate) struct Report(String);

/// The rows of one part.
#[derive(Default)]
pub(crate) struct Part {
    rows: u64,
    digest: Digest,
}

impl Part {
    /// Takes a row as it is sent. Numbers are written so that different bits are different texts.
    pub(crate) fn row(&mut self, row: &impl Serialize) {
        self.rows += 1;
        // A row that cannot be written shows as a text of its own.
        self.digest.text(&serde_json::to_string(row).unwrap_or_else(|e| e.to_string()));
    }

    pub(crate) fn rows<'a, T: Serialize + 'a>(&mut self, rows: impl IntoIterator<Item = &'a T>) {
        rows.into_iter().for_each(|row| self.row(row));
    }

    /// Takes numbers by their bits.
    pub(crate) fn numbers(&mut self, numbers: &[Option<f64>]) {
        self.rows += 1;
        numbers.iter().for_each(|number| self.digest.maybe(*number));
    }
}

impl Report {
    pub(crate) fn part(&mut self, name: &str, of: impl FnOnce(&mut Part)) {
        let mut part = Part::default();
        of(&mut part);
        // Writing to a text does not fail.
        let _ = writeln!(self.0, "{name} {} {:016x}", part.rows, part.digest.value());
    }

    pub(crate) fn text(self) -> String {
        self.0
    }
}
