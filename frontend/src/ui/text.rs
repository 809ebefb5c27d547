//! Texts and flags that change, each of one type: a closure type of its own in a view costs the first visit half a
//! kilobyte in machinery around it.

use crate::signal::Sig;

/// A text, or nothing; for children and attributes.
pub(super) type Text = Box<dyn FnMut() -> Option<String> + Send>;

pub(super) fn text<T: Into<Option<String>>>(what: impl Fn() -> T + Send + 'static) -> Text {
    Box::new(move || what().into())
}

/// Whether a class is set.
pub(super) fn flag(what: impl Fn() -> bool + Send + 'static) -> Box<dyn FnMut() -> bool + Send> {
    Box::new(what)
}

/// For `data-beat`: 0 and 1 in turn with each change of a value that was known before, so that its flash begins anew.
pub(super) fn beat(what: impl Fn() -> Option<String> + Send + Sync + 'static) -> Text {
    turns(Box::new(what))
}

fn turns(what: Box<dyn Fn() -> Option<String> + Send + Sync>) -> Text {
    let turn = Sig::memo(move |before: Option<&(Option<String>, Option<bool>)>| {
        let now = what();
        let turn = match before {
            Some((held, turn)) if *held == now => *turn,
            Some((Some(_), turn)) => Some(turn.is_none_or(|odd| !odd)),
            _ => None,
        };
        (now, turn)
    });
    text(move || turn.get().1.map(|odd| u8::from(odd).to_string()))
}
