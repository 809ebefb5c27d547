//! What the charts of a page want of one relay, joined: each topic is subscribed once while anyone wants it.

use shared::event::{Channel, Topic};
use shared::market::{Symbol, VenueId};

use crate::feed::rows::Row;

/// Topics by chart.
#[derive(Clone, Debug, Default)]
pub struct Wants(Vec<(u32, Vec<Topic>)>);

/// What a chart's new wish changes.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Change {
    /// Nobody wanted these before.
    pub new: Vec<Topic>,
    /// Nobody wants these any more.
    pub gone: Vec<Topic>,
    /// New to this chart and subscribed for another: their last values have been told already.
    pub joined: Vec<Topic>,
}

impl Wants {
    /// Sets what a chart wants; an empty list takes it out.
    pub fn set(&mut self, chart: u32, mut topics: Vec<Topic>) -> Change {
        topics.sort();
        topics.dedup();
        let place = self.0.iter().position(|(id, _)| *id == chart);
        let before = place.map_or_else(Vec::new, |at| self.0.remove(at).1);
        let others = |topic: &Topic| self.0.iter().any(|(_, held)| held.contains(topic));
        let fresh = topics.iter().filter(|t| !before.contains(t)).cloned();
        let (joined, new): (Vec<Topic>, Vec<Topic>) = fresh.partition(others);
        let gone = before.into_iter().filter(|t| !topics.contains(t) && !others(t)).collect();
        if !topics.is_empty() {
            self.0.push((chart, topics));
        }
        Change { new, gone, joined }
    }

    /// Every topic that is wanted, once, in order.
    pub fn all(&self) -> Vec<Topic> {
        let mut all: Vec<Topic> = self.0.iter().flat_map(|(_, topics)| topics.iter().cloned()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Whether a chart is to have this frame: data of its topics and holes in them, and all that is of no topic.
    pub fn is_for(&self, chart: u32, frame: &Row) -> bool {
        let gap = frame.tag == "gap";
        let channel = if gap { frame.channel } else { channel(frame) };
        let (Some(channel), Some(symbol), Some(venue)) = (channel, &frame.symbol, &frame.venue) else {
            return true;
        };
        let mut topics = self.0.iter().filter(|(id, _)| *id == chart).flat_map(|(_, topics)| topics);
        topics.any(|t| {
            t.channel == channel
                && t.symbol == *symbol
                && t.venue == *venue
                && (gap || t.interval.is_none() || t.interval == frame.interval)
        })
    }
}

/// The channel a data frame is of.
pub(super) fn channel(frame: &Row) -> Option<Channel> {
    Channel::ALL.into_iter().find(|c| c.name() == frame.tag)
}

/// Topics that one request can name: all of these channels, of all these venues.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    pub symbol: Symbol,
    pub venues: Vec<VenueId>,
    pub channels: Vec<Channel>,
    /// Of bars and signals.
    pub interval: Option<&'static str>,
}

/// As few requests as name exactly these topics.
pub fn requests(topics: &[Topic]) -> Vec<Request> {
    let mut found: Vec<Request> = Vec::new();
    // One per market and interval first ..
    for topic in topics {
        let interval = topic.interval.map(|i| i.name());
        let same = found.iter_mut().find(|r| {
            r.symbol == topic.symbol && r.venues.first() == Some(&topic.venue) && r.interval == interval
        });
        match same {
            Some(request) => request.channels.push(topic.channel),
            None => found.push(Request {
                symbol: topic.symbol.clone(),
                venues: vec![topic.venue.clone()],
                channels: vec![topic.channel],
                interval,
            }),
        }
    }
    // .. then venues that want the same.
    let mut joined: Vec<Request> = Vec::new();
    for request in found {
        let same = joined.iter_mut().find(|r| {
            r.symbol == request.symbol && r.channels == request.channels && r.interval == request.interval
        });
        match same {
            Some(held) => held.venues.extend(request.venues),
            None => joined.push(request),
        }
    }
    joined
}
