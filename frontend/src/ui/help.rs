//! What the page is, and the notices of what it is built on.

use leptos::prelude::*;

use super::later::lazy;
use super::surface::{Surface, dialog};

lazy! {
    dialogs: pub(crate) fn help() -> AnyView { built() }
}

fn built() -> AnyView {
    let body = view! {
        <p>"A self-hosted market deck, version " <span class="num">{env!("CARGO_PKG_VERSION")}</span> ". Nothing on this page is advice, and nothing is sent to third parties."</p>
        <p>"Liquidations are lower bounds where a venue publishes only some of them."</p>
        <h3>"Notices"</h3>
        <p>
            "TradingView Lightweight Charts™" <br/> "Copyright (с) 2025 TradingView, Inc. "
            <a href="https://www.tradingview.com/" target="_blank" rel="noopener">"https://www.tradingview.com/"</a> <br/>
            "Licensed under the Apache License 2.0."
        </p>
        <p>"IBM Plex Mono, Copyright 2017 IBM Corp., SIL Open Font License 1.1."</p>
    };
    dialog(Surface::Help, "About tapedeck", body.into_any())
}
