//! How an alert makes itself heard: two tones, and a notification of the system where the person asked for those.

use std::rc::Weak;

use js_sys::Reflect;
use shared::market::Symbol;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AudioContext, Notification, NotificationOptions, NotificationPermission};

use super::Desk;

/// What makes the sound.
pub(super) type Bell = AudioContext;

/// Pitch in Hz and beginning in s of each tone.
const TONES: [(f32, f64); 2] = [(880.0, 0.0), (1_318.5, 0.14)];
/// How long a tone takes to fade, s, and how loud it begins.
const FADE: f64 = 0.35;
const LOUD: f32 = 0.2;

/// Sounds the bell. Browsers let a page be heard only after the person did something on it: before that, silence.
pub(super) fn ring(bell: &mut Option<Bell>) {
    if !is_touched() {
        return;
    }
    if bell.is_none() {
        *bell = AudioContext::new().ok();
    }
    if let Some(bell) = bell {
        // A context sleeps after the tab did.
        let _ = bell.resume();
        for (pitch, after) in TONES {
            let _ = tone(bell, pitch, after);
        }
    }
}

fn tone(bell: &Bell, pitch: f32, after: f64) -> Result<(), JsValue> {
    let at = bell.current_time() + after;
    let (tone, volume) = (bell.create_oscillator()?, bell.create_gain()?);
    tone.frequency().set_value(pitch);
    volume.gain().set_value_at_time(LOUD, at)?;
    volume.gain().exponential_ramp_to_value_at_time(0.001, at + FADE)?;
    tone.connect_with_audio_node(&volume)?.connect_with_audio_node(&bell.destination())?;
    tone.start_with_when(at)?;
    tone.stop_with_when(at + FADE)
}

/// Whether the person did something on the page; a browser that does not say decides for itself.
fn is_touched() -> bool {
    let navigator = web_sys::window().map(|w| w.navigator());
    let active = navigator.and_then(|n| Reflect::get(&n, &"userActivation".into()).ok());
    let been = active.and_then(|active| Reflect::get(&active, &"hasBeenActive".into()).ok());
    been.and_then(|been| been.as_bool()).unwrap_or(true)
}

/// Asks the person for notifications; on a press only. Answers whether they may be shown.
pub(crate) async fn ask_notify() -> bool {
    let Ok(asked) = Notification::request_permission() else { return false };
    let _ = JsFuture::from(asked).await;
    Notification::permission() == NotificationPermission::Granted
}

/// Shows a notification that leads to its symbol, where that is allowed.
pub(super) fn notify(desk: &Weak<Desk>, symbol: Symbol, words: &str) {
    if Notification::permission() != NotificationPermission::Granted {
        return;
    }
    let options = NotificationOptions::new();
    options.set_body(words);
    // Phones have none without a worker: the toast stands alone there.
    let Ok(shown) = Notification::new_with_options("Price alert", &options) else { return };
    let desk = desk.clone();
    let pressed = Closure::once_into_js(move || {
        let _ = web_sys::window().map(|w| w.focus());
        if let Some(desk) = desk.upgrade() {
            let deck = desk.active_now();
            let rows = deck.view.symbols;
            if let Some(row) =
                rows.with_untracked(|rows| rows.iter().find(|row| row.symbol == symbol).cloned())
            {
                deck.open(&row, None);
            }
        }
    });
    shown.set_onclick(Some(pressed.unchecked_ref()));
}
