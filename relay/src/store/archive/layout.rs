//! Where a day of a series lies: from what it is to a path below the archive's folder, and back.

use shared::market::{Civil, Ms, Symbol, Timeframe, VenueId};

use crate::store::Dataset;

/// Folder of the files that join all venues.
const JOINED: &str = "liquidations";
/// How files end.
const EXTENSION: &str = ".parquet";

/// What a file holds: one day of one series.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Meta {
    pub dataset: Dataset,
    pub symbol: Symbol,
    /// `None` where one file joins all venues: liquidations.
    pub venue: Option<VenueId>,
    /// 00:00 UTC.
    pub day: Ms,
}

impl Meta {
    /// The file a row of this series at `at` belongs in.
    pub fn new(dataset: Dataset, symbol: &Symbol, venue: &VenueId, at: Ms) -> Meta {
        let venue = (!joins_venues(dataset)).then(|| venue.clone());
        Meta { dataset, symbol: symbol.clone(), venue, day: at.floor(Ms::DAY) }
    }

    /// The path below the archive's folder, parts separated by `/` on every system.
    pub fn path(&self) -> String {
        let (symbol, day) = (self.symbol.file_name(), day_name(self.day));
        match &self.venue {
            Some(venue) => format!("{venue}/{symbol}/{}/{day}{EXTENSION}", name(self.dataset)),
            None => format!("{JOINED}/{symbol}/{day}{EXTENSION}"),
        }
    }

    /// The end of the day, exclusive.
    pub fn end(&self) -> Ms {
        self.day + Ms::DAY
    }
}

/// What a path says. The symbol is in the form of file names, from which it cannot be told with certainty: the file's
/// own metadata has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place<'a> {
    pub dataset: Dataset,
    pub symbol: &'a str,
    pub venue: Option<&'a str>,
    pub day: Ms,
}

impl<'a> Place<'a> {
    /// Reads a path as [`Meta::path`] writes it; `None` for anything else.
    pub fn parse(path: &'a str) -> Option<Place<'a>> {
        let parts: Vec<&str> = path.split('/').collect();
        let (venue, symbol, dataset, file) = match parts[..] {
            [JOINED, symbol, file] => (None, symbol, Dataset::Liquidations, file),
            [venue, symbol, dataset, file] => (Some(venue), symbol, by_name(dataset)?, file),
            _ => return None,
        };
        let named = !symbol.is_empty() && venue.is_none_or(|venue| !venue.is_empty());
        if !named || venue.is_none() != joins_venues(dataset) {
            return None;
        }
        Some(Place { dataset, symbol, venue, day: parse_day(file.strip_suffix(EXTENSION)?)? })
    }
}

/// Whether one file of a dataset holds all venues.
pub fn joins_venues(dataset: Dataset) -> bool {
    dataset == Dataset::Liquidations
}

/// The name a dataset has in paths, manifest and metadata: `bars` are minutes, `bars_1h` hours.
pub fn name(dataset: Dataset) -> &'static str {
    match dataset {
        Dataset::Bars(Timeframe::M1) => "bars",
        Dataset::Bars(Timeframe::M5) => "bars_5m",
        Dataset::Bars(Timeframe::M15) => "bars_15m",
        Dataset::Bars(Timeframe::M30) => "bars_30m",
        Dataset::Bars(Timeframe::H1) => "bars_1h",
        Dataset::Bars(Timeframe::H4) => "bars_4h",
        Dataset::Bars(Timeframe::D1) => "bars_1d",
        Dataset::Bars(Timeframe::W1) => "bars_1w",
        Dataset::Bars(Timeframe::Mo1) => "bars_1mo",
        Dataset::Oi => "oi",
        Dataset::Funding => "funding",
        Dataset::Liquidations => "liquidations",
        Dataset::Book => "book",
        Dataset::Trades => "trades",
    }
}

/// The dataset of a [`name`].
pub fn by_name(text: &str) -> Option<Dataset> {
    let others = [Dataset::Oi, Dataset::Funding, Dataset::Liquidations, Dataset::Book, Dataset::Trades];
    let mut all = Timeframe::ALL.into_iter().map(Dataset::Bars).chain(others);
    all.find(|dataset| name(*dataset) == text)
}

/// `YYYYMMDD`, UTC.
pub fn day_name(day: Ms) -> String {
    let date = day.civil();
    format!("{:04}{:02}{:02}", date.year, date.month, date.day)
}

/// The day of a [`day_name`].
pub fn parse_day(text: &str) -> Option<Ms> {
    if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (year, month, day) = (text.get(..4)?, text.get(4..6)?, text.get(6..)?);
    let (month, date) = (month.parse::<u8>().ok()?, day.parse::<u8>().ok()?);
    let day = Civil::midnight(year.parse().ok()?, month, date);
    // A round trip refuses month 0 and 30 February.
    ((1..=12).contains(&month) && day_name(day) == text).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_contract_and_read_back() {
        let at = Civil::midnight(2025, 1, 31) + Ms(86_399_999);
        let cases = [
            (Dataset::Bars(Timeframe::M1), "BTCUSDT-PERP", "binance/BTCUSDT-PERP/bars/20250131.parquet"),
            (Dataset::Bars(Timeframe::H1), "BTCUSDT-PERP", "binance/BTCUSDT-PERP/bars_1h/20250131.parquet"),
            (Dataset::Oi, "BTC/USDT", "binance/BTC_USDT/oi/20250131.parquet"),
            (Dataset::Funding, "CME_MINI:MNQ1!", "binance/CME_MINI_MNQ1!/funding/20250131.parquet"),
            (Dataset::Book, "币安人生USDT-PERP", "binance/币安人生USDT-PERP/book/20250131.parquet"),
            (Dataset::Trades, "BTCUSDT-PERP", "binance/BTCUSDT-PERP/trades/20250131.parquet"),
            (Dataset::Liquidations, "BTC/USDT", "liquidations/BTC_USDT/20250131.parquet"),
        ];
        for (dataset, symbol, path) in cases {
            let meta = Meta::new(dataset, &symbol.parse().unwrap(), &VenueId::new("binance"), at);
            assert_eq!(meta.path(), path);
            let place = Place::parse(path).unwrap();
            assert_eq!((place.dataset, place.day), (dataset, Civil::midnight(2025, 1, 31)));
            assert_eq!(place.symbol, meta.symbol.file_name());
            assert_eq!(place.venue, meta.venue.as_ref().map(VenueId::as_str));
        }
    }

    #[test]
    fn other_paths_are_nobodys() {
        for path in [
            "",
            "manifest.jsonl",
            "binance/BTCUSDT-PERP/bars/20250131.parquet.tmp",
            "binance/BTCUSDT-PERP/bars/20250230.parquet",
            "binance/BTCUSDT-PERP/bars/00000000.parquet",
            "binance/BTCUSDT-PERP/bars/+2025131.parquet",
            "binance/BTCUSDT-PERP/candles/20250131.parquet",
            "binance/BTCUSDT-PERP/liquidations/20250131.parquet",
            "binance//bars/20250131.parquet",
            "/BTCUSDT-PERP/bars/20250131.parquet",
            "liquidations/20250131.parquet",
            "x/binance/BTCUSDT-PERP/bars/20250131.parquet",
        ] {
            assert_eq!(Place::parse(path), None, "{path}");
        }
    }

    #[test]
    fn every_dataset_has_a_name_of_its_own() {
        let bars = Timeframe::ALL.map(Dataset::Bars);
        let others = [Dataset::Oi, Dataset::Funding, Dataset::Liquidations, Dataset::Book, Dataset::Trades];
        for dataset in bars.into_iter().chain(others) {
            assert_eq!(by_name(name(dataset)), Some(dataset));
        }
        assert_eq!(by_name("bars_2h"), None);
    }
}
