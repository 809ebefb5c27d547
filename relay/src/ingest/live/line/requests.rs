//! What a line asks of its venue: subscriptions as they come and go, and what becomes of a refused one.

use std::sync::Arc;

use shared::link::{ConnId, Input, TopicSpec};

use super::{ASKED, Command, Driver};
use crate::ingest::live::desk::Msg;
use crate::venues::Stream;

impl Driver {
    pub(super) async fn obey(&mut self, command: Command) {
        match command {
            Command::Add(streams) => {
                let spec = |s: &Stream| TopicSpec { name: s.name.clone(), usual_interval: s.usual_interval };
                let topics = streams.iter().map(spec).collect();
                for stream in streams {
                    let states = self.link.topics();
                    let known = states.filter(|(name, ..)| **name == stream.name).map(|(_, state, _)| state);
                    // A second symbol on a stream that flows already hears no change of its state.
                    if let Some(state) = known.last() {
                        self.tell(Msg::Stream { stream: stream.clone(), state, usual: None }).await;
                    }
                    self.streams.entry(stream.name.clone()).or_default().push(stream);
                }
                self.input(Input::Add(topics)).await;
                self.closed.0 = None;
            }
            Command::Remove(streams) => {
                let mut gone = Vec::new();
                for stream in streams {
                    if let Some(held) = self.streams.get_mut(&stream.name) {
                        // The last one stays for the frame that unsubscribes it.
                        if held.iter().all(|s| s.symbol == stream.symbol) {
                            gone.push(stream.name.clone());
                        } else {
                            held.retain(|s| s.symbol != stream.symbol);
                        }
                    }
                }
                self.input(Input::Remove(gone.clone())).await;
                gone.iter().for_each(|name| drop(self.streams.remove(name)));
            }
            Command::Resubscribe(names) => {
                let connections: Vec<ConnId> = self.connections.keys().copied().collect();
                for connection in connections {
                    let held = &self.connections[&connection].held;
                    let on: Vec<Arc<str>> =
                        names.iter().filter(|n| held.iter().any(|s| s.name == **n)).cloned().collect();
                    if !on.is_empty() {
                        self.send(connection, &on, false);
                        self.send(connection, &on, true);
                    }
                }
            }
        }
    }

    pub(super) fn send(&mut self, connection: ConnId, topics: &[Arc<str>], subscribe: bool) {
        let first = |t: &Arc<str>| self.streams.get(t)?.first().cloned();
        let streams: Vec<Stream> = topics.iter().filter_map(first).collect();
        let Some(held) = self.connections.get_mut(&connection).map(|c| &mut c.held) else { return };
        held.retain(|held| !streams.iter().any(|s| s.name == held.name));
        self.request_id += 1;
        let id = self.request_id;
        let frames = if subscribe {
            held.extend(streams.iter().cloned());
            self.line.shared.venue.subscribe(&streams, held, id)
        } else {
            self.line.shared.venue.unsubscribe(&streams, held, id)
        };
        if subscribe && streams.len() > 1 {
            self.asked.push_back((id..id + frames.len() as u64, connection, topics.to_vec()));
            if self.asked.len() > ASKED {
                self.asked.pop_front();
            }
        }
        // A batch may take several ids.
        self.request_id += frames.len() as u64;
        let Some(connection) = self.connections.get(&connection) else { return };
        for frame in frames {
            let _ = connection.sender.send(frame);
        }
    }

    /// Sends the subscriptions of connections once more whose venue asked for it and whose time has come.
    pub(super) fn send_again(&mut self) {
        let now = self.now();
        let due: Vec<ConnId> = self.again.iter().filter(|(_, at)| **at <= now).map(|(id, _)| *id).collect();
        for connection in due {
            self.again.remove(&connection);
            let held = self.connections.get(&connection).map(|c| &c.held);
            let names: Vec<Arc<str>> = held.into_iter().flatten().map(|s| s.name.clone()).collect();
            if !names.is_empty() {
                self.send(connection, &names, true);
            }
        }
    }

    /// One bad name may have refused a whole request: each of its streams is asked for alone, once.
    pub(super) fn refused(&mut self, id: Option<u64>) {
        let Some(place) = id.and_then(|id| self.asked.iter().position(|(ids, ..)| ids.contains(&id))) else {
            return;
        };
        let Some((_, connection, names)) = self.asked.remove(place) else { return };
        for name in names {
            self.send(connection, std::slice::from_ref(&name), true);
        }
    }
}
