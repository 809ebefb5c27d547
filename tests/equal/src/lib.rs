//! Every kind of market maths over the same generated markets, told as counts and digests.
//!
//! Compiled natively and to wasm, the reports must be the same text: `cargo xtask test` compares them section by
//! section (`SECTIONS`). Each line of a section is a part with the number of rows it gave and a digest of all their
//! bits; where it differs, that part computes something else in a browser than in the relay.
//!
//! - `market`: the markets, from a fixed seed: holes, extremes, prices down to 1e-8;
//! - `bars`, `joined`, `guards`, `heatmap`, `indicators`: what is computed of them; `record`: how it is told;
//! - `bench`: what `cargo xtask bench` times in Node.

mod bars;
mod bench;
mod guards;
mod heatmap;
mod indicators;
mod joined;
mod market;
mod record;

pub use bench::Closes;
use record::Report;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen::prelude::wasm_bindgen;

/// A kind of maths: its name and what it reports.
type Section = (&'static str, fn(&mut Report));

/// All sections, in the order they are told.
const SECTIONS: &[Section] = &[
    ("order_flow", bars::order_flow),
    ("fold", bars::fold),
    ("folds", bars::folds),
    ("book", bars::book),
    ("joined", joined::joined),
    ("guards", guards::guards),
    ("heatmap", heatmap::heatmap),
    ("indicators", indicators::indicators),
    ("signals", indicators::signals),
];

/// Names of the sections, by spaces.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen)]
pub fn sections() -> String {
    SECTIONS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

/// The report of one section: a line `part rows digest` for each part; empty for a name that is none.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen)]
pub fn section(name: &str) -> String {
    let mut report = Report::default();
    if let Some((_, of)) = SECTIONS.iter().find(|(known, _)| *known == name) {
        of(&mut report);
    }
    report.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_tells_rows_and_tells_the_same_again() {
        for name in sections().split(' ') {
            let report = section(name);
            assert!(report.lines().count() >= 3, "{name}: {report}");
            for line in report.lines() {
                let fields: Vec<&str> = line.split(' ').collect();
                let rows: u64 = fields[1].parse().unwrap();
                assert!(fields.len() == 3 && fields[2].len() == 16 && rows > 0, "{name}: {line}");
            }
            assert_eq!(section(name), report, "{name}");
        }
        assert_eq!(section("nothing"), "");
    }
}
