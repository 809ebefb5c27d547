//! The way out of ingest: every event passes here once, counted, on its way to the bus.

use std::collections::HashMap;
use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use shared::event::{Body, Channel, Class, Event};
use shared::market::{Ms, VenueId};

use super::Board;
use crate::bus::Bus;
use crate::clock::Clock;

/// Publishes one venue's events and keeps its numbers.
pub struct Outlet {
    venue: VenueId,
    bus: Arc<dyn Bus>,
    board: Arc<Board>,
    clock: Clock,
    channels: HashMap<Channel, ChannelMetrics>,
    errors: Counter,
    reconnects: Counter,
}

struct ChannelMetrics {
    messages: Counter,
    latency: Histogram,
    last: Gauge,
}

impl Outlet {
    pub fn new(venue: VenueId, bus: Arc<dyn Bus>, board: Arc<Board>, clock: Clock) -> Outlet {
        let name = venue.to_string();
        let channels = Channel::OFFERED.into_iter().map(|channel| {
            let labels = [("venue", name.clone()), ("channel", channel.name().to_owned())];
            let metrics = ChannelMetrics {
                messages: counter!("tapedeck_messages_total", &labels),
                latency: histogram!("tapedeck_latency_seconds", &labels),
                last: gauge!("tapedeck_last_message_timestamp_seconds", &labels),
            };
            (channel, metrics)
        });
        let errors = counter!("tapedeck_errors_total", "venue" => name.clone());
        let reconnects = counter!("tapedeck_reconnects_total", "venue" => name.clone());
        Outlet { channels: channels.collect(), venue, bus, board, clock, errors, reconnects }
    }

    /// Hands an event on.
    pub fn publish(&self, event: Event) {
        if matches!(event.body, Body::Gap(_)) {
            return self.publish_gap(event);
        }
        let channel = event.channel();
        if let Some(metrics) = self.channels.get(&channel) {
            metrics.messages.increment(1);
            metrics.last.set(event.received.0 as f64 / 1_000.0);
            // A bar's time is its bucket's, which is no latency.
            if channel != Channel::Bar {
                metrics.latency.record((event.received - event.timestamp()).0.max(0) as f64 / 1_000.0);
            }
        }
        self.board.event(&self.venue, &event.symbol, channel, event.received);
        self.bus.publish(event);
    }

    /// Hands on an event that repeats what is recorded, for those who listen from now on.
    pub fn seed(&self, event: Event) {
        debug_assert_eq!(event.class(), Class::Event);
        self.bus.publish(event);
    }

    /// Tells of a hole; that is no data of the channel.
    pub fn publish_gap(&self, event: Event) {
        let labels = [("venue", self.venue.to_string()), ("channel", event.channel().name().to_owned())];
        counter!("tapedeck_gaps_total", &labels).increment(1);
        self.bus.publish(event);
    }

    /// A frame or answer that could not be used.
    pub fn error(&self) {
        self.errors.increment(1);
        self.board.error(&self.venue);
    }

    pub fn reconnected(&self) {
        self.reconnects.increment(1);
        self.board.reconnected(&self.venue);
    }

    pub fn venue(&self) -> &VenueId {
        &self.venue
    }

    pub fn board(&self) -> &Board {
        &self.board
    }

    pub fn now(&self) -> Ms {
        self.clock.now()
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }
}
