//! Values that views and effects follow.
//!
//! [`Sig`] is for the page what `RwSignal` and `Memo` are in Leptos, and Leptos tracks it. Only its value knows its
//! type: Leptos' own cost the first visit two kilobytes of code for each type they hold.

use std::any::Any;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;

use leptos::prelude::*;
use leptos::reactive::computed::ArcMemo;
use leptos::reactive::signal::ArcRwSignal;

/// A value of any type. Whoever reads holds it meanwhile; a change puts another in its place.
type Held = Rc<dyn Any>;
/// In the arena, given back with the owner under which it was made.
type Place = StoredValue<Rc<Slot>, LocalStorage>;

enum Slot {
    Written(ArcRwSignal<()>, RefCell<Held>),
    /// Counts changes; the value is held by another slot.
    Computed(ArcMemo<u32>, Place),
}

fn put(slot: Slot) -> Place {
    StoredValue::new_local(Rc::new(slot))
}

fn written(value: Held) -> Place {
    put(Slot::Written(ArcRwSignal::new(()), RefCell::new(value)))
}

fn computed(held: Place, changes: Box<dyn Fn() -> bool + Send + Sync>) -> Place {
    let memo = ArcMemo::new_owning(move |count: Option<u32>| {
        let changed = changes();
        (count.unwrap_or(0).wrapping_add(changed.into()), changed)
    });
    put(Slot::Computed(memo, held))
}

#[inline(never)]
fn read(place: Place, follow: bool) -> Held {
    match &*place.get_value() {
        Slot::Written(signal, value) => {
            if follow {
                signal.track();
            }
            value.borrow().clone()
        }
        Slot::Computed(memo, held) => {
            if follow {
                memo.get()
            } else {
                memo.get_untracked()
            };
            read(*held, false)
        }
    }
}

/// False where the place is gone.
#[inline(never)]
fn change(place: Place, act: &mut dyn FnMut(&mut Held)) -> bool {
    let slot = place.try_get_value();
    let Some(Slot::Written(signal, value)) = slot.as_deref() else { return false };
    act(&mut value.borrow_mut());
    signal.notify();
    true
}

fn write(place: Place, value: Held) -> bool {
    let mut value = Some(value);
    let mut old = None;
    change(place, &mut |held| old = value.take().map(|value| std::mem::replace(held, value)))
}

#[cold]
#[inline(never)]
fn unlike() -> ! {
    panic!("a signal's value is of the type it was made with, and is changed by nobody who reads it")
}

#[inline(never)]
fn typed<T: 'static>(held: &Held) -> &T {
    held.downcast_ref().unwrap_or_else(|| unlike())
}

/// A value that views and effects follow, or one computed of such.
pub(crate) struct Sig<T> {
    place: Place,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Sig<T> {
    fn clone(&self) -> Sig<T> {
        *self
    }
}

impl<T> Copy for Sig<T> {}

impl<T: 'static> Sig<T> {
    /// A value to be set.
    pub(crate) fn new(value: T) -> Sig<T> {
        Sig { place: written(Rc::new(value)), of: PhantomData }
    }

    /// A value computed, of the one before, when it is read after something it follows changed. Whoever follows it
    /// hears only of other values.
    pub(crate) fn memo(compute: impl Fn(Option<&T>) -> T + Send + Sync + 'static) -> Sig<T>
    where
        T: PartialEq,
    {
        let held = written(Rc::new(()));
        let changes = move || {
            let before = read(held, false);
            let before = before.downcast_ref();
            let now = compute(before);
            let changed = before != Some(&now);
            if changed {
                write(held, Rc::new(now));
            }
            changed
        };
        Sig { place: computed(held, Box::new(changes)), of: PhantomData }
    }

    /// Looks at the value and follows it.
    pub(crate) fn with<U>(self, look: impl FnOnce(&T) -> U) -> U {
        look(typed(&read(self.place, true)))
    }

    /// Looks at the value.
    pub(crate) fn with_untracked<U>(self, look: impl FnOnce(&T) -> U) -> U {
        look(typed(&read(self.place, false)))
    }

    /// Follows the value.
    pub(crate) fn track(self) {
        read(self.place, true);
    }

    /// Sets the value and tells who follows, also where it is the same; nothing where the signal is gone.
    pub(crate) fn set(self, value: T) {
        write(self.place, Rc::new(value));
    }

    /// Changes the value and tells who follows; nothing where the signal is gone.
    pub(crate) fn update(self, act: impl FnOnce(&mut T)) {
        let mut act = Some(act);
        change(self.place, &mut |held| {
            if let Some(act) = act.take() {
                act(Rc::get_mut(held).and_then(|held| held.downcast_mut()).unwrap_or_else(|| unlike()));
            }
        });
    }

    /// Tells who follows as if it had changed.
    pub(crate) fn notify(self) {
        change(self.place, &mut |_| ());
    }
}

impl<T: Clone + 'static> Sig<T> {
    /// A copy of the value, which is followed.
    pub(crate) fn get(self) -> T {
        self.with(T::clone)
    }

    /// A copy of the value.
    pub(crate) fn get_untracked(self) -> T {
        self.with_untracked(T::clone)
    }
}

/// Runs `act` after this turn, and again after a change of what it follows.
pub(crate) fn effect(act: impl FnMut() + 'static) {
    run(Box::new(act));
}

fn run(mut act: Box<dyn FnMut()>) {
    Effect::new(move |_| act());
}
