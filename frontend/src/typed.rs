//! What a person types to get somewhere.

use shared::market::Timeframe;

/// The timeframe meant by `5`, `15m`, `60`, `4h`, `1D`, `w`: a bare number is minutes, a bare letter is one of them.
/// `1m` is a minute and `1M` a month.
pub fn timeframe(text: &str) -> Option<Timeframe> {
    let text = text.trim();
    let name = match text {
        "60" => "1H",
        "240" => "4H",
        "1440" => "1D",
        "H" | "h" | "D" | "d" | "W" | "w" | "M" => return format!("1{text}").parse().ok(),
        _ if text.bytes().all(|b| b.is_ascii_digit()) => return format!("{text}m").parse().ok(),
        _ => text,
    };
    name.parse().ok()
}

/// Whether every word that was typed occurs in `text`; upper and lower case of ASCII count as the same.
pub fn matches(text: &str, typed: &str) -> bool {
    let text = text.to_ascii_lowercase();
    typed.to_ascii_lowercase().split_whitespace().all(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeframes_are_known_by_minutes_and_by_letters() {
        let cases = [
            ("1", Timeframe::M1),
            ("5", Timeframe::M5),
            (" 15 ", Timeframe::M15),
            ("60", Timeframe::H1),
            ("240", Timeframe::H4),
            ("1h", Timeframe::H1),
            ("4H", Timeframe::H4),
            ("d", Timeframe::D1),
            ("1W", Timeframe::W1),
            ("1m", Timeframe::M1),
            ("1M", Timeframe::Mo1),
            ("M", Timeframe::Mo1),
        ];
        for (text, expected) in cases {
            assert_eq!(timeframe(text), Some(expected), "{text}");
        }
        for text in ["", "7", "h5", "5x", "0", "m"] {
            assert_eq!(timeframe(text), None, "{text}");
        }
    }

    #[test]
    fn all_words_must_occur() {
        assert!(matches("Timeframe 1H", "time 1h") && matches("anything", ""));
        assert!(!matches("Timeframe 1H", "time 4h"));
    }
}
