//! A TCP line that a test can cut, stall, delay and restore.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// State of the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Line {
    /// Passes bytes, each piece this much later.
    Open(Duration),
    /// Ends what is open and whatever comes, at once.
    Cut,
    /// Takes connections and bytes, passes nothing.
    Stalled,
}

/// Passes connections on to one target; stops when dropped.
pub struct Proxy {
    /// Where to connect instead of the target.
    pub address: SocketAddr,
    line: watch::Sender<Line>,
    accepted: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(target: SocketAddr) -> Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (line, state) = watch::channel(Line::Open(Duration::ZERO));
        let accepted = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&accepted);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                passing.spawn(pass(client, target, state.clone()));
                while passing.try_join_next().is_some() {}
            }
        });
        Ok(Proxy { address, line, accepted, _tasks: tasks })
    }

    /// Ends all connections; new ones are closed at once until [`Proxy::restore`].
    pub fn cut(&self) {
        self.line.send_replace(Line::Cut);
    }

    /// Lets nothing through in either direction, without closing anything.
    pub fn stall(&self) {
        self.line.send_replace(Line::Stalled);
    }

    /// Passes each piece `by` later.
    pub fn delay(&self, by: Duration) {
        self.line.send_replace(Line::Open(by));
    }

    pub fn restore(&self) {
        self.delay(Duration::ZERO);
    }

    /// Connections taken so far, those closed at once included.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}

async fn pass(client: TcpStream, target: SocketAddr, mut state: watch::Receiver<Line>) {
    // A stalled line holds the connection without reaching the target.
    let Ok(line) = state.wait_for(|line| *line != Line::Stalled).await.map(|line| *line) else { return };
    if line == Line::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let mut ended = state.clone();
    tokio::select! {
        () = pump(client_in, server_out, state.clone()) => {}
        () = pump(server_in, client_out, state) => {}
        _ = ended.wait_for(|line| *line == Line::Cut) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<Line>) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else { return };
        let Ok(line) = state.wait_for(|line| *line != Line::Stalled).await.map(|line| *line) else { return };
        match line {
            Line::Open(delay) if !delay.is_zero() => tokio::time::sleep(delay).await,
            Line::Open(_) => {}
            Line::Cut | Line::Stalled => return,
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    drop(tokio::io::copy(&mut from, &mut to).await);
                });
            }
        });
        address
    }

    async fn round(stream: &mut TcpStream) -> Option<[u8; 2]> {
        let mut answer = [0; 2];
        stream.write_all(b"hi").await.ok()?;
        let read = tokio::time::timeout(Duration::from_millis(300), stream.read_exact(&mut answer)).await;
        read.ok()?.ok()?;
        Some(answer)
    }

    #[tokio::test]
    async fn the_line_is_cut_stalled_and_restored() {
        let proxy = Proxy::start(echo().await).await.expect("a proxy");
        let mut first = TcpStream::connect(proxy.address).await.expect("a line");
        assert_eq!(round(&mut first).await, Some(*b"hi"));

        proxy.stall();
        assert_eq!(round(&mut first).await, None);
        proxy.restore();
        // What was held back comes now, and the line goes on.
        let mut held = [0; 2];
        first.read_exact(&mut held).await.expect("the held bytes");
        assert_eq!(&held, b"hi");

        proxy.cut();
        assert_eq!(first.read(&mut held).await.unwrap_or(0), 0);
        let mut refused = TcpStream::connect(proxy.address).await.expect("accepted");
        assert_eq!(round(&mut refused).await, None);

        proxy.restore();
        let mut again = TcpStream::connect(proxy.address).await.expect("a line");
        assert_eq!(round(&mut again).await, Some(*b"hi"));
        assert_eq!(proxy.accepted(), 3);
    }
}
