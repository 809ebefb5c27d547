//! The bottom strip: the truth about the venues. And the toast.

use leptos::prelude::*;
use shared::wire::VenueState;

use crate::app::use_view;
use crate::deck::view::LinkState;
use crate::format;

#[component]
pub(crate) fn Strip() -> impl IntoView {
    let view = use_view();
    let lost = Memo::new(move |_| view.link.get().state == LinkState::Offline);
    let venues = move || {
        // Without the relay nothing is known of the venues but when they were last heard.
        let lost = lost.get();
        view.venues
            .get()
            .into_iter()
            .map(|v| {
                let (name, word) = match v.state {
                    _ if lost => ("unknown", Some("unknown")),
                    VenueState::Live => ("live", None),
                    VenueState::Quiet => ("quiet", Some("quiet")),
                    VenueState::Silent => ("silent", Some("silent")),
                    VenueState::Down => ("down", Some("down")),
                    VenueState::Off => ("off", Some("off")),
                };
                let said = v.reason.filter(|_| !lost);
                let (last, reason) = (v.last, said.clone());
                let age = move || last.map(|at| format::age(view.now.get() - at));
                view! {
                    <span class="venue" data-state=name title=reason>
                        <i class="dot" aria-hidden="true"></i>
                        {v.venue}
                        <span>{word}</span>
                        <span class="num age">{age}</span>
                        <span class="warn">{said}</span>
                    </span>
                }
            })
            .collect_view()
    };
    view! {
        <footer class="strip" data-testid="venue-strip">
            {venues}
            <span class="gap">{move || view.notice.get()}</span>
            <span class="clock num">{move || format!("{} UTC", format::clock(view.now.get()))}</span>
        </footer>
    }
}

#[component]
pub(crate) fn Toast() -> impl IntoView {
    let view = use_view();
    view! {
        <div class="toasts" aria-live="polite">
            {move || view.toast.get().map(|text| view! { <p class="toast" data-testid="toast">{text}</p> })}
        </div>
    }
}
