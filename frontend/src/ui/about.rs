//! The About box with the notices of what the page is built on.

use leptos::html;
use leptos::prelude::*;

#[component]
pub(crate) fn About() -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    let show = move |_| {
        if let Some(dialog) = dialog.get() {
            let _ = dialog.show_modal();
        }
    };
    view! {
        <button class="icon" aria-label="About tapedeck" title="About tapedeck" on:click=show>
            <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
                <circle cx="8" cy="8" r="6" fill="none" stroke="currentColor"/>
                <path d="M8 7v4.2M8 4.6v.6" stroke="currentColor" stroke-width="1.4"/>
            </svg>
        </button>
        <dialog class="about" node_ref=dialog aria-labelledby="about-title">
            <h2 id="about-title">"tapedeck " <span class="num muted">{env!("CARGO_PKG_VERSION")}</span></h2>
            <p>"A self-hosted market deck. Nothing on this page is advice, and nothing is sent to third parties."</p>
            <p>"Liquidations are lower bounds where a venue publishes only some of them. All times are UTC."</p>
            <h3>"Notices"</h3>
            <p>
                "TradingView Lightweight Charts™" <br/>
                "Copyright (с) 2025 TradingView, Inc. "
                <a href="https://www.tradingview.com/" target="_blank" rel="noopener">"https://www.tradingview.com/"</a>
                <br/> "Licensed under the Apache License 2.0."
            </p>
            <p>"IBM Plex Mono, Copyright 2017 IBM Corp., SIL Open Font License 1.1."</p>
            <form method="dialog">
                <button class="plain">"Close"</button>
            </form>
        </dialog>
    }
}
