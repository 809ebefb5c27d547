//! Keys, what the page is, and the notices of what it is built on.

use leptos::prelude::*;

use super::keys::KEYS;
use super::later::lazy;
use super::surface::{Surface, dialog};

lazy! {
    dialogs: pub(crate) fn help() -> AnyView { built() }
}

fn built() -> AnyView {
    let keys: Vec<_> = KEYS
        .iter()
        .map(|(keys, what)| view! { <dt><kbd class="num">{*keys}</kbd></dt> <dd>{*what}</dd> })
        .collect();
    let body = view! {
        <p>"Letters, digits and + − ? Delete act while the chart has focus; the settings switch them off."</p>
        <dl class="keys">{keys}</dl>
        <h3>"About"</h3>
        <p>"A self-hosted market deck, version " <span class="num">{env!("CARGO_PKG_VERSION")}</span> ". Nothing on this page is advice, and nothing is sent to third parties. Liquidations are lower bounds where a venue publishes only some of them."</p>
        <h3>"Notices"</h3>
        <p>
            "TradingView Lightweight Charts™" <br/> "Copyright (с) 2025 TradingView, Inc. "
            <a href="https://www.tradingview.com/" target="_blank" rel="noopener">"https://www.tradingview.com/"</a> <br/>
            "Licensed under the Apache License 2.0."
        </p>
        <p>"IBM Plex Mono, Copyright 2017 IBM Corp., SIL Open Font License 1.1."</p>
    };
    dialog(Surface::Help, "Keys and notices", body.into_any())
}
