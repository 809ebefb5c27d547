//! Parts of the page that are loaded when they are first needed.
//!
//! [`lazy!`] marks where such a part is entered. Release bundles are split there (feature `split`): each group becomes
//! a file of its own, fetched at the first call. Everywhere else the same code is in the one module and is called
//! directly.

use std::future::Future;
use std::pin::Pin;

use leptos::prelude::*;
use leptos::reactive::computed::ScopedFuture;
use leptos::task::spawn_local;

/// The file with this part could not be fetched; the next call tries again.
pub(crate) struct NotLoaded;

#[cfg(feature = "split")]
impl From<leptos::wasm_split::SplitLoaderError> for NotLoaded {
    fn from(_: leptos::wasm_split::SplitLoaderError) -> Self {
        Self
    }
}

/// What a function marked by [`lazy!`] gives.
pub(crate) type Loading<T> = Pin<Box<dyn Future<Output = Result<T, NotLoaded>>>>;

/// `lazy! { group: pub(crate) fn name(arg: Type) -> AnyView { .. } }`: a function whose code, and all that only it and
/// others of the group use, is loaded at the first call. Functions used together belong to one group: a group is one
/// request. Arguments are owned values; the function gives [`Loading`] of its result, for [`later`] or to be awaited.
macro_rules! lazy {
    ($(#[$meta:meta])* $group:ident: $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) -> $out:ty { $($body:tt)* }) => {
        $(#[$meta])*
        $vis fn $name($($arg: $type),*) -> $crate::ui::later::Loading<$out> {
            #[cfg(feature = "split")]
            #[leptos::wasm_split::wasm_split($group, wasm_split_path = leptos::wasm_split, fallible)]
            fn $name($($arg: $type),*) -> Result<$out, $crate::ui::later::NotLoaded> {
                Ok({ $($body)* })
            }
            #[cfg(not(feature = "split"))]
            async fn $name($($arg: $type),*) -> Result<$out, $crate::ui::later::NotLoaded> {
                Ok({ $($body)* })
            }
            Box::pin($name($($arg),*))
        }
    };
}
use crate::signal::Sig;
pub(crate) use lazy;

#[derive(Clone, Copy, PartialEq)]
enum State {
    Loading,
    Here,
    Failed,
}

/// Shows a lazily loaded view once it is there, nothing until then, and a line with "Try again" where it cannot be had.
pub(crate) fn later(load: impl Fn() -> Loading<AnyView> + 'static) -> AnyView {
    shown(Box::new(load))
}

fn shown(load: Box<dyn Fn() -> Loading<AnyView>>) -> AnyView {
    let load = StoredValue::new_local(load);
    let view = StoredValue::new_local(None::<AnyView>);
    let state = Sig::new(State::Loading);
    let owner = Owner::current().unwrap_or_default();
    let start = move || {
        let loading = load.with_value(|load| load());
        let put = async move {
            let loaded = loading.await.ok();
            let now = if loaded.is_some() { State::Here } else { State::Failed };
            // The place may be gone by now.
            if view.try_set_value(loaded).is_none() {
                state.set(now);
            }
        };
        spawn_local(ScopedFuture { owner: owner.clone(), observer: None, fut: put });
    };
    start();
    let again = move |_| {
        state.set(State::Loading);
        start();
    };
    let again = StoredValue::new_local(again);
    (move || match state.get() {
        State::Loading => ().into_any(),
        State::Here => view.try_update_value(Option::take).flatten().into_any(),
        State::Failed => view! {
            <p class="not-loaded" role="alert" data-testid="not-loaded">
                "This part of the page could not be loaded. "
                <button class="plain" on:click=move |event| again.with_value(|again| again(event))>"Try again"</button>
            </p>
        }
        .into_any(),
    })
    .into_any()
}
