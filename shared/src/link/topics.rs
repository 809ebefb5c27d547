//! The topics of a link: what state each is in and when to subscribe a silent one again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Freshness, Output, TopicSpec};
use crate::market::Ms;
use crate::wire::VenueState;

/// Ordered by name, so that outputs are the same in every run.
#[derive(Clone, Debug, Default)]
pub(super) struct Topics(BTreeMap<Arc<str>, Topic>);

#[derive(Clone, Debug)]
struct Topic {
    fresh: Freshness,
    state: VenueState,
    /// Next attempt to subscribe it alone, while it is silent.
    resubscribe_at: Option<Ms>,
    /// Attempts since data came.
    tries: u32,
    /// Delivered on the connection that is to take over.
    on_successor: bool,
}

/// The longest pause between two attempts to subscribe a silent topic.
const LONGEST_PAUSE: Ms = Ms(300_000);

impl Topic {
    fn set(&mut self, name: &Arc<str>, state: VenueState, out: &mut Vec<Output>) {
        if self.state != state {
            self.state = state;
            out.push(Output::Topic { name: name.clone(), state });
        }
    }

    fn silent(&self) -> bool {
        self.state == VenueState::Silent
    }
}

impl Topics {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, VenueState, Option<Ms>)> {
        self.0.iter().map(|(name, t)| (name, t.state, t.fresh.expected()))
    }

    pub(super) fn names(&self) -> Vec<Arc<str>> {
        self.0.keys().cloned().collect()
    }

    /// Answers the names that are new.
    pub(super) fn add(&mut self, specs: Vec<TopicSpec>) -> Vec<Arc<str>> {
        let mut new = Vec::new();
        for TopicSpec { name, usual_interval } in specs {
            self.0.entry(name.clone()).or_insert_with(|| {
                new.push(name);
                Topic {
                    fresh: Freshness::new(usual_interval),
                    state: VenueState::Down,
                    resubscribe_at: None,
                    tries: 0,
                    on_successor: false,
                }
            });
        }
        new
    }

    /// Answers the names that were there.
    pub(super) fn remove(&mut self, mut names: Vec<Arc<str>>) -> Vec<Arc<str>> {
        names.retain(|name| self.0.remove(name).is_some());
        names
    }

    /// The market of these topics opened or closed.
    pub(super) fn session(&mut self, names: &[Arc<str>], open: bool, now: Ms) {
        for name in names {
            if let Some(topic) = self.0.get_mut(name) {
                topic.fresh.session(now, open);
            }
        }
    }

    /// The line is lost.
    pub(super) fn down(&mut self, out: &mut Vec<Output>) {
        for (name, topic) in &mut self.0 {
            (topic.resubscribe_at, topic.tries) = (None, 0);
            topic.set(name, VenueState::Down, out);
        }
    }

    /// What was down is subscribed now and awaits data.
    pub(super) fn subscribed(&mut self, now: Ms, out: &mut Vec<Output>) {
        for (name, topic) in self.0.iter_mut().filter(|(_, t)| t.state == VenueState::Down) {
            topic.fresh.subscribed(now);
            topic.set(name, VenueState::Quiet, out);
        }
    }

    /// Data of a topic came; answers when it may be missed next, `None` for an unknown topic.
    pub(super) fn data(&mut self, name: &str, successor: bool, now: Ms, out: &mut Vec<Output>) -> Option<Ms> {
        let topic = self.0.get_mut(name)?;
        topic.fresh.data(now);
        (topic.resubscribe_at, topic.tries) = (None, 0);
        topic.on_successor |= successor;
        if topic.state != VenueState::Live {
            topic.set(&Arc::from(name), VenueState::Live, out);
        }
        Some(topic.fresh.deadline())
    }

    /// Judges every topic of an open line; answers the silent ones to subscribe again now, unless `hold`.
    pub(super) fn judge(&mut self, now: Ms, hold: bool, out: &mut Vec<Output>) -> Vec<Arc<str>> {
        let mut again = Vec::new();
        for (name, topic) in &mut self.0 {
            topic.set(name, topic.fresh.state(now), out);
            if !topic.silent() {
                (topic.resubscribe_at, topic.tries) = (None, 0);
                continue;
            }
            if *topic.resubscribe_at.get_or_insert(now) > now || hold {
                continue;
            }
            let longest = LONGEST_PAUSE.max(topic.fresh.window());
            let pause = topic.fresh.window().0.saturating_mul(1 << topic.tries.min(20)).min(longest.0);
            topic.resubscribe_at = Some(now + Ms(pause));
            topic.tries = topic.tries.saturating_add(1);
            topic.fresh.asked_again(now);
            again.push(name.clone());
        }
        again
    }

    /// When to judge next.
    pub(super) fn deadline(&self, hold: bool) -> Option<Ms> {
        let due = |topic: &Topic| match topic.state {
            VenueState::Live => Some(topic.fresh.deadline()),
            VenueState::Quiet => topic.fresh.expected().map(|_| topic.fresh.deadline()),
            VenueState::Silent => topic.resubscribe_at.filter(|_| !hold),
            VenueState::Down | VenueState::Off => None,
        };
        self.0.values().filter_map(due).min()
    }

    /// A second connection begins to deliver.
    pub(super) fn handover_begins(&mut self) {
        self.0.values_mut().for_each(|t| t.on_successor = false);
    }

    /// Whether everything that is live came on the second connection as well.
    pub(super) fn handed_over(&self) -> bool {
        self.must_speak().all(|t| t.on_successor || t.state != VenueState::Live)
            && self.0.values().any(|t| t.on_successor)
    }

    pub(super) fn any_live(&self) -> bool {
        self.must_speak().any(|t| t.state == VenueState::Live)
    }

    /// Whether there are topics that should speak and none of them does.
    pub(super) fn all_silent(&self) -> bool {
        self.must_speak().next().is_some() && self.must_speak().all(Topic::silent)
    }

    fn must_speak(&self) -> impl Iterator<Item = &Topic> {
        self.0.values().filter(|t| t.fresh.expected().is_some())
    }
}
