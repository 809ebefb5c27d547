//! Against `ta` 0.11; `goldens/make.py` wrote the files.

use super::*;

/// Columns of a golden file, NaN where a cell is empty.
fn read(text: &str) -> Vec<(String, Vec<f64>)> {
    let mut lines = text.lines();
    let mut columns: Vec<(String, Vec<f64>)> =
        lines.next().unwrap().split(',').map(|name| (name.to_owned(), Vec::new())).collect();
    for line in lines {
        let cells =
            line.split(',').map(|cell| if cell.is_empty() { f64::NAN } else { cell.parse().unwrap() });
        for ((_, column), cell) in columns.iter_mut().zip(cells) {
            column.push(cell);
        }
    }
    columns
}

/// The indicators a golden file has columns of.
fn indicators(columns: &[(String, Vec<f64>)]) -> Vec<Indicator> {
    columns.iter().filter_map(|(name, _)| name.strip_suffix("_middle").unwrap_or(name).parse().ok()).collect()
}

#[test]
fn values_are_those_of_ta() {
    let files = [
        ("missing_bars", include_str!("../goldens/missing_bars.csv")),
        ("missing_closes", include_str!("../goldens/missing_closes.csv")),
        ("too_short", include_str!("../goldens/too_short.csv")),
        ("standing_still", include_str!("../goldens/standing_still.csv")),
        ("tiny_prices", include_str!("../goldens/tiny_prices.csv")),
    ];
    for (file, text) in files {
        let golden = read(text);
        let of = |name: &str| &golden.iter().find(|(n, _)| n == name).unwrap().1;
        let bars: Vec<Bar> = (0..of("close").len())
            .map(|n| {
                let bar = bar(0, of("high")[n], of("low")[n], of("close")[n], of("volume")[n]);
                Bar { timestamp: Ms(of("timestamp")[n] as i64), ..bar }
            })
            .collect();
        let names = indicators(&golden);
        assert!(names.len() >= 13, "{file}: {names:?}");
        let mut values = 0;
        for (name, column) in columns(&names, &bars) {
            for (n, (ours, theirs)) in column.iter().zip(of(&name)).enumerate() {
                assert_eq!(ours.is_nan(), theirs.is_nan(), "{file} {name} row {n}: {ours}, ta {theirs}");
                if ours.is_nan() {
                    continue;
                }
                values += 1;
                // Summing in another order rounds otherwise; where prices come to stand still, pandas keeps a rest
                // of the variance before.
                let tolerance = match name.split('_').next() {
                    Some("ema" | "rsi" | "macd") => 0.0,
                    Some("bb") if file == "standing_still" => 1e-7,
                    _ => 1e-9,
                };
                assert!(
                    (ours - theirs).abs() <= tolerance * theirs.abs(),
                    "{file} {name} row {n}: {ours}, ta {theirs}"
                );
            }
        }
        let enough = if file == "too_short" { 100 } else { 2_000 };
        assert!(values > enough, "{file}: {values}");
    }
}
