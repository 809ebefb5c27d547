//! Does what a session says: owns the sockets and timers of a line and tells the charts.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use gloo_timers::callback::{Interval, Timeout};
use shared::event::Topic;
use shared::link::{ConnId, Input};
use shared::market::Ms;

use super::session::{Act, LinkView, Session};
use super::wants::requests;
use crate::feed::http;
use crate::feed::rows::Row;
use crate::feed::socket::{Socket, Word};
use crate::listener::Listener;

/// What a chart is told.
pub(crate) enum Said<'a> {
    /// Data of what it wants, from the socket or a poll; status and errors.
    Frame(&'a Row),
    /// The line was up and is down.
    Lost,
    /// It is up again: what passed meanwhile is missing.
    Again,
    /// Frames were merged or dropped on the way here.
    Slow,
    /// Values were polled; what has no last value is not among them.
    Polled,
    /// Once a second, and after every change of the line: how it is.
    Link(LinkView),
    /// Once a second.
    Tick(Ms),
}

type Hear = Rc<dyn Fn(&Said<'_>)>;

/// One line per relay and page.
pub(crate) struct Line {
    relay: String,
    session: RefCell<Session>,
    sockets: RefCell<Vec<(ConnId, Socket)>>,
    charts: RefCell<Vec<(u32, Hear)>>,
    next_chart: Cell<u32>,
    /// Armed for the session's wake time.
    timer: Cell<Option<Timeout>>,
    armed: Cell<Option<Ms>>,
    _clock: Interval,
    _listeners: [Listener; 4],
    me: Weak<Line>,
}

/// A chart's place on the line; leaves it on drop.
pub(crate) struct Member {
    line: Rc<Line>,
    chart: u32,
}

thread_local! {
    /// Charts find the line of their relay here; it ends with the last of them.
    static LINES: RefCell<Vec<Weak<Line>>> = const { RefCell::new(Vec::new()) };
}

impl Line {
    /// A place on the line to the relay at `relay` (empty: the page's host), shared with all who asked for the same.
    pub(crate) fn join(relay: &str, hear: impl Fn(&Said<'_>) + 'static) -> Member {
        let line = LINES.with_borrow_mut(|lines| {
            lines.retain(|line| line.strong_count() > 0);
            let held = lines.iter().filter_map(Weak::upgrade).find(|line| line.relay == relay);
            held.unwrap_or_else(|| {
                let line = Line::new(relay);
                lines.push(Rc::downgrade(&line));
                line
            })
        });
        let chart = line.next_chart.get();
        line.next_chart.set(chart + 1);
        line.charts.borrow_mut().push((chart, Rc::new(hear)));
        Member { line, chart }
    }

    fn new(relay: &str) -> Rc<Line> {
        Rc::new_cyclic(|me: &Weak<Line>| {
            let on = |act: fn(&Line)| {
                let me = me.clone();
                move || {
                    if let Some(line) = me.upgrade() {
                        act(&line);
                    }
                }
            };
            Line {
                relay: relay.to_owned(),
                session: RefCell::new(Session::new(js_sys::Math::random().to_bits())),
                sockets: RefCell::default(),
                charts: RefCell::default(),
                next_chart: Cell::new(0),
                timer: Cell::new(None),
                armed: Cell::new(None),
                _clock: Interval::new(1_000, on(Line::tick)),
                // The network or the tab is back, or was frozen: the line shows that it lives, or is tried at once.
                _listeners: [
                    Listener::window("online", on(Line::look)),
                    Listener::window("offline", on(Line::look)),
                    Listener::window("pageshow", on(Line::look)),
                    Listener::document("visibilitychange", on(Line::look)),
                ],
                me: me.clone(),
            }
        })
    }

    fn tick(&self) {
        let now = now();
        if self.session.borrow_mut().is_poll_due(now) {
            self.poll();
        }
        self.show(now);
        self.tell(&Said::Tick(now));
    }

    /// Looks at the line now.
    fn look(&self) {
        let hidden = web_sys::window().and_then(|w| w.document()).is_some_and(|d| d.hidden());
        if !hidden {
            self.input(Input::Retry);
            self.input(Input::Prove);
        }
    }

    fn input(&self, input: Input<'_>) {
        let acts = self.session.borrow_mut().input(now(), input);
        self.perform(acts);
    }

    fn perform(&self, acts: Vec<Act>) {
        for act in acts {
            match act {
                Act::Connect(conn) => {
                    let me = self.me.clone();
                    let said = move |word| {
                        if let Some(line) = me.upgrade() {
                            line.hear(conn, word);
                        }
                    };
                    match Socket::open(&self.relay, said) {
                        Ok(socket) => self.sockets.borrow_mut().push((conn, socket)),
                        Err(_) => self.input(Input::Closed { conn, not_before: None }),
                    }
                }
                Act::Close(conn) => self.forget(conn),
                Act::Send(conn, text) => {
                    let sockets = self.sockets.borrow();
                    if let Some((_, socket)) = sockets.iter().find(|(id, _)| *id == conn) {
                        socket.send(&text);
                    }
                }
                Act::Lost => self.tell(&Said::Lost),
                Act::Again => self.tell(&Said::Again),
            }
            self.show(now());
        }
        self.arm();
    }

    /// Sets the timer to the session's wake time.
    fn arm(&self) {
        let wake = self.session.borrow().wake();
        if self.armed.replace(wake) == wake {
            return;
        }
        let me = self.me.clone();
        self.timer.set(wake.map(|at| {
            let wait = (at - now()).0.clamp(0, i64::from(i32::MAX));
            Timeout::new(wait as u32, move || {
                if let Some(line) = me.upgrade() {
                    line.armed.set(None);
                    line.input(Input::Timer);
                }
            })
        }));
    }

    /// Closes a socket, outside of the borrow: its own callback may be running.
    fn forget(&self, conn: ConnId) {
        let mut sockets = self.sockets.borrow_mut();
        let gone = sockets.iter().position(|(id, _)| *id == conn).map(|at| sockets.remove(at));
        drop(sockets);
        drop(gone);
    }

    fn hear(&self, conn: ConnId, word: Word) {
        match word {
            Word::Opened => self.input(Input::Opened(conn)),
            Word::Closed => {
                self.forget(conn);
                self.input(Input::Closed { conn, not_before: None });
            }
            Word::Text(text) => {
                // Junk, or a type of a newer relay: skipped.
                let Ok(frame) = Row::decode(&text) else { return };
                let acts = self.session.borrow_mut().frame(now(), conn, &frame);
                self.perform(acts);
                match frame.tag.as_str() {
                    "pong" => self.show(now()),
                    "slow" => {
                        self.show(now());
                        self.tell(&Said::Slow);
                    }
                    _ => self.pass(&frame, None),
                }
            }
        }
    }

    /// Tells a frame to the charts that are to have it, or to the one asked for.
    fn pass(&self, frame: &Row, only: Option<u32>) {
        let charts = self.charts.borrow().clone();
        for (chart, hear) in charts {
            let meant = only.is_none_or(|only| only == chart);
            if meant && self.session.borrow().wants().is_for(chart, frame) {
                hear(&Said::Frame(frame));
            }
        }
    }

    fn tell(&self, said: &Said<'_>) {
        let charts = self.charts.borrow().clone();
        charts.iter().for_each(|(_, hear)| hear(said));
    }

    fn show(&self, now: Ms) {
        let view = self.session.borrow().view(now);
        self.tell(&Said::Link(view));
    }

    /// Last values by HTTP while the socket is down; the socket goes on being tried.
    fn poll(&self) {
        let Some(line) = self.me.upgrade() else { return };
        leptos::task::spawn_local(async move {
            let topics = line.session.borrow().wants().all();
            let answered = line.snapshot(&topics, None).await;
            line.session.borrow_mut().polled(answered);
            line.show(now());
            if answered {
                line.tell(&Said::Polled);
            }
        });
    }

    /// Reads the last values of topics and tells them; false where the relay does not answer.
    async fn snapshot(&self, topics: &[Topic], only: Option<u32>) -> bool {
        for request in requests(topics) {
            let channels: Vec<&str> = request.channels.iter().map(|c| c.name()).collect();
            for venue in &request.venues {
                let query = [
                    ("symbol", request.symbol.to_string()),
                    ("venue", venue.to_string()),
                    ("channels", channels.join(",")),
                ];
                match http::get::<Row>(&self.relay, "snapshot", &query).await {
                    // A poll's answer is of no use beside a live socket.
                    Ok(_) if only.is_none() && self.session.borrow().is_open() => return true,
                    Ok(snapshot) => snapshot.frames.iter().for_each(|frame| self.pass(frame, only)),
                    // One market that cannot be asked for does not keep the others from being told.
                    Err(http::HttpError::Refused { status, .. }) if status < 500 => {}
                    Err(_) => return false,
                }
            }
        }
        true
    }
}

impl Member {
    /// What this chart wants from now on. Topics that others have already are told from a snapshot: to subscribe them
    /// anew would tear a hole into the others' events.
    pub(crate) fn want(&self, topics: Vec<Topic>) {
        let (acts, joined) = self.line.session.borrow_mut().want(now(), self.chart, topics);
        self.line.perform(acts);
        if !joined.is_empty() {
            let (line, chart) = (self.line.clone(), self.chart);
            leptos::task::spawn_local(async move {
                line.snapshot(&joined, Some(chart)).await;
            });
        }
    }

    /// Tries now instead of waiting.
    pub(crate) fn retry(&self) {
        self.line.look();
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.line.charts.borrow_mut().retain(|(chart, _)| *chart != self.chart);
        let (acts, _) = self.line.session.borrow_mut().want(now(), self.chart, Vec::new());
        self.line.perform(acts);
    }
}

fn now() -> Ms {
    Ms(js_sys::Date::now() as i64)
}
