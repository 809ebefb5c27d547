use super::*;

#[test]
fn settings_survive_a_round_trip_and_junk_gives_defaults() {
    let mut s = Settings { theme: Theme::Light, panes: vec![Pane::Liq], ..Settings::default() };
    s.set_pane_height(Pane::Liq, 0.5);
    s.set_pane_height(Pane::Liq, 0.75);
    assert_eq!(Settings::parse(Some(&s.to_json())), s);
    assert_eq!(s.pane_height(Pane::Liq), 0.75);
    assert_eq!(s.pane_height(Pane::Oi), 0.22);
    for junk in [None, Some(""), Some("{"), Some("[]"), Some(r#"{"panes":["nonsense"]}"#)] {
        assert_eq!(Settings::parse(junk), Settings::default());
    }
    let partial = Settings::parse(Some(r#"{"theme":"light","later":1}"#));
    assert_eq!((partial.theme, partial.panes.len()), (Theme::Light, 4));
    let partial = Settings::parse(Some(r#"{"prefs":{"palette":"safe","later":1}}"#)).prefs;
    assert_eq!(partial, Prefs { palette: Palette::Safe, ..Prefs::default() });
    assert!(partial.shortcuts, "what is not stored takes its default");
}

#[test]
fn lists_are_what_any_window_last_stored() {
    let list = |symbol: &str| vec![symbol.to_owned()];
    let other = Settings {
        watchlist: list("ETH"),
        workspaces: vec![("Majors".into(), "2x2".into())],
        ..Settings::default()
    };
    let mut own = Settings { theme: Theme::Light, watchlist: list("BTC"), ..Settings::default() };
    for nothing in [None, Some("{".to_owned())] {
        own.take_lists(nothing);
        assert_eq!(own.watchlist, ["BTC"], "where nothing can be stored they stay");
    }
    own.take_lists(Some(other.to_json()));
    assert_eq!((&own.watchlist, &own.workspaces), (&other.watchlist, &other.workspaces));
    assert_eq!(own.theme, Theme::Light, "what else is chosen is this window's");
}

#[test]
fn what_is_computed_follows_the_panes() {
    let mut s = Settings::default();
    let names = |s: &Settings, shown: &[Pane]| -> Vec<String> {
        s.studies(shown).iter().map(ToString::to_string).collect()
    };
    assert_eq!(names(&s, &[Pane::Oi]), ["ema_20", "ema_50"]);
    s.indicators = ["bb_20_2", "rsi_7", "nonsense", "vwap"].map(String::from).into();
    assert_eq!(names(&s, &[Pane::Macd, Pane::Rsi]), ["bb_20_2", "vwap", "rsi_7", "macd_12_26_9"]);
}

#[test]
fn views_are_kept_by_symbol() {
    let view = SymbolView {
        panes: Some(vec![Pane::Oi]),
        bars: Some(120.5),
        span: Some((Ms(1), Ms(2))),
        ..SymbolView::default()
    };
    assert_eq!(SymbolView::parse(Some(&view.to_json())), view);
    assert_eq!(SymbolView::parse(Some("[")), SymbolView::default());
    assert_eq!(SymbolView::key(&"BTC/USDT".parse().unwrap()), "tapedeck.view.BTC/USDT");
}

#[test]
fn a_height_out_of_bounds_is_not_obeyed() {
    let mut s = Settings::default();
    s.set_pane_height(Pane::Oi, 0.0);
    assert_eq!(s.pane_height(Pane::Oi), 0.22);
}
