//! The bottom strip: the truth about the venues. And the toast.

use leptos::prelude::*;
use shared::wire::VenueState;

use crate::app::use_view;
use crate::format;

#[component]
pub(crate) fn Strip() -> impl IntoView {
    let view = use_view();
    let venues = move || {
        view.venues
            .get()
            .into_iter()
            .map(|v| {
                let (name, word) = match v.state {
                    VenueState::Live => ("live", None),
                    VenueState::Quiet => ("quiet", Some("quiet")),
                    VenueState::Silent => ("silent", Some("silent")),
                    VenueState::Down => ("down", Some("down")),
                };
                let (last, reason) = (v.last, v.reason.clone());
                let age = move || last.map(|at| format::age(view.now.get() - at));
                view! {
                    <span class="venue" data-state=name title=reason>
                        <i class="dot" aria-hidden="true"></i>
                        {v.venue}
                        <span>{word}</span>
                        <span class="num age">{age}</span>
                        <span class="warn">{v.reason}</span>
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
