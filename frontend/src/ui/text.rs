//! Texts and flags that change, each of one type: a closure type of its own in a view costs the first visit half a
//! kilobyte in machinery around it.

/// A text, or nothing; for children and attributes.
pub(super) type Text = Box<dyn FnMut() -> Option<String> + Send>;

pub(super) fn text<T: Into<Option<String>>>(what: impl Fn() -> T + Send + 'static) -> Text {
    Box::new(move || what().into())
}

/// Whether a class is set.
pub(super) fn flag(what: impl Fn() -> bool + Send + 'static) -> Box<dyn FnMut() -> bool + Send> {
    Box::new(what)
}
