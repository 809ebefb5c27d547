//! One socket to a venue: opens it (through a proxy where one is set), reads, writes paced, reports.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::{SinkExt, StreamExt};
use secrecy::{ExposeSecret, SecretString};
use shared::link::ConnId;
use shared::market::Ms;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Bytes, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::pace::{Gate, Pacer};
use crate::clock::Clock;
use crate::venues::Pace;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// No venue frame is larger.
const MAX_FRAME_BYTES: usize = 16 * 1024 * 1024;

/// What a connection tells its line.
#[derive(Debug)]
pub(super) enum Heard {
    Opened,
    Frame(Ms, Bytes),
    /// A ping or pong: the line lives.
    Beat,
    /// The end, with the reason in one line.
    Closed(CloseReason),
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// The venue does not serve this location (HTTP 451 or 403 at the handshake).
    RefusedLocation(String),
    /// The venue does not know the key (HTTP 401 at the handshake).
    RefusedKey(String),
    Other(String),
}

/// How to open a connection.
#[derive(Clone)]
pub(super) struct Target {
    pub url: String,
    /// `http://[user:password@]host:port` of an HTTP proxy that takes CONNECT.
    pub proxy: Option<SecretString>,
    pub messages: Vec<Pace>,
    pub connects: Vec<Pace>,
    pub gate: Gate,
    /// Frames but the ping replace one another: after the first, one waits so long for those that take its place.
    pub settle: Option<Ms>,
    pub ping: Option<String>,
}

/// Runs one connection until it ends or `outgoing` closes; everything it hears goes to `heard` with `id`.
pub(super) async fn run(
    id: ConnId,
    target: Target,
    clock: Clock,
    mut outgoing: mpsc::UnboundedReceiver<String>,
    heard: mpsc::Sender<(ConnId, Heard)>,
) {
    let tell = async |what| heard.send((id, what)).await.is_ok();
    tokio::select! {
        // Given up while it waited: it takes nobody's turn.
        biased;
        None = outgoing.recv() => return,
        () = target.gate.pass(&target.url, &target.connects, &clock) => {}
    }
    let opened = tokio::time::timeout(CONNECT_TIMEOUT, open(&target)).await;
    let mut socket = match opened {
        Ok(Ok(socket)) => socket,
        Ok(Err(reason)) => {
            tell(Heard::Closed(reason)).await;
            return;
        }
        Err(_) => {
            tell(Heard::Closed(CloseReason::Other("no answer to the handshake".to_owned()))).await;
            return;
        }
    };
    if !tell(Heard::Opened).await {
        return;
    }
    let mut pacer = Pacer::new(target.messages.clone());
    let mut held: Option<String> = None;
    let (mut settled, mut sent) = (clock.now(), false);
    loop {
        let ping = held.is_some() && held == target.ping;
        let due = (pacer.next(clock.now(), ping).max(settled) - clock.now()).0.max(0).unsigned_abs();
        tokio::select! {
            message = socket.next() => {
                let what = match message {
                    Some(Ok(Message::Text(text))) => Heard::Frame(clock.now(), text.into()),
                    Some(Ok(Message::Binary(bytes))) => Heard::Frame(clock.now(), bytes),
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Heard::Beat,
                    Some(Ok(Message::Close(frame))) => {
                        let reason = frame.map_or("closed".to_owned(), |f| format!("closed with {}", f.code));
                        Heard::Closed(CloseReason::Other(reason))
                    }
                    Some(Err(error)) => Heard::Closed(CloseReason::Other(error.to_string())),
                    None => Heard::Closed(CloseReason::Other("closed".to_owned())),
                };
                let over = matches!(what, Heard::Closed(_));
                if !tell(what).await || over {
                    return;
                }
            }
            // One frame at a time waits for its turn; reading goes on meanwhile.
            text = outgoing.recv(), if held.is_none() || target.settle.is_some() => {
                let Some(text) = text else {
                    let _ = tokio::time::timeout(Duration::from_secs(1), socket.close(None)).await;
                    return;
                };
                match target.settle {
                    Some(_) if target.ping.as_ref() == Some(&text) => {
                        if let Err(error) = socket.send(Message::text(text)).await {
                            tell(Heard::Closed(CloseReason::Other(error.to_string()))).await;
                            return;
                        }
                        continue;
                    }
                    Some(settle) if sent && held.is_none() => settled = clock.now() + settle,
                    Some(_) | None => {}
                }
                held = Some(text);
            }
            () = tokio::time::sleep(Duration::from_millis(due)), if held.is_some() => {
                pacer.take(clock.now(), ping);
                sent = true;
                let text = held.take().unwrap_or_default();
                if let Err(error) = socket.send(Message::text(text)).await {
                    tell(Heard::Closed(CloseReason::Other(error.to_string()))).await;
                    return;
                }
            }
        }
    }
}

async fn open(target: &Target) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, CloseReason> {
    let other = |e: String| CloseReason::Other(e);
    let request = target.url.as_str().into_client_request().map_err(|e| other(e.to_string()))?;
    let uri = request.uri();
    let host = uri.host().unwrap_or_default().to_owned();
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("wss") { 443 } else { 80 });
    let stream = match &target.proxy {
        Some(proxy) if !is_local(&host) => tunnel(proxy.expose_secret(), &host, port).await,
        _ => TcpStream::connect((host.trim_matches(['[', ']']), port)).await,
    };
    let stream = stream.map_err(|e| other(e.to_string()))?;
    let _ = stream.set_nodelay(true);
    let config = WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .max_message_size(Some(MAX_FRAME_BYTES))
        .max_frame_size(Some(MAX_FRAME_BYTES));
    match client_async_tls_with_config(request, stream, Some(config), None).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(answer)) if matches!(answer.status().as_u16(), 403 | 451) => {
            Err(CloseReason::RefusedLocation(format!("the handshake was answered with {}", answer.status())))
        }
        Err(tungstenite::Error::Http(answer)) if answer.status().as_u16() == 401 => {
            Err(CloseReason::RefusedKey("the handshake was answered with 401".to_owned()))
        }
        Err(error) => Err(other(error.to_string())),
    }
}

fn is_local(host: &str) -> bool {
    let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

/// Opens a tunnel through an HTTP proxy (RFC 9110, CONNECT).
async fn tunnel(proxy: &str, host: &str, port: u16) -> std::io::Result<TcpStream> {
    let invalid = |what: &str| std::io::Error::other(format!("HTTPS_PROXY: {what}"));
    let address = proxy.strip_prefix("http://").unwrap_or(proxy).trim_end_matches('/');
    let (login, address) = address.rsplit_once('@').map_or((None, address), |(l, a)| (Some(l), a));
    let login = login.map(|l| format!("Proxy-Authorization: Basic {}\r\n", BASE64_STANDARD.encode(l)));
    let mut stream = BufReader::new(TcpStream::connect(address).await?);
    let login = login.unwrap_or_default();
    let request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{login}\r\n");
    stream.get_mut().write_all(request.as_bytes()).await?;
    let mut line = String::new();
    // A proxy's answer is a few short lines; one that goes on is no proxy.
    let mut head = (&mut stream).take(16 * 1024);
    head.read_line(&mut line).await?;
    if !line.split_whitespace().nth(1).is_some_and(|code| code.starts_with('2')) {
        return Err(invalid(&format!("the proxy answered `{}`", line.trim())));
    }
    loop {
        line.clear();
        if head.read_line(&mut line).await? == 0 {
            return Err(invalid("the proxy hung up"));
        }
        if line == "\r\n" || line == "\n" {
            // The venue speaks only after our handshake: nothing is buffered past the head.
            return Ok(stream.into_inner());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_tunnel_asks_for_the_host_and_passes_bytes() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let proxy = tokio::spawn(async move {
            let (mut peer, _) = listener.accept().await.expect("a peer");
            let mut head = [0; 256];
            let n = peer.read(&mut head).await.expect("a head");
            peer.write_all(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n").await.expect("an answer");
            let mut byte = [0; 1];
            peer.read_exact(&mut byte).await.expect("a byte");
            (String::from_utf8_lossy(&head[..n]).into_owned(), byte[0])
        });
        let mut stream =
            tunnel(&format!("http://me:pass@{address}"), "venue.example", 443).await.expect("a tunnel");
        stream.write_all(b"!").await.expect("written");
        let (head, byte) = proxy.await.expect("the proxy");
        assert!(head.starts_with("CONNECT venue.example:443 HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("Proxy-Authorization: Basic bWU6cGFzcw==\r\n"), "{head}");
        assert_eq!(byte, b'!');
    }

    #[tokio::test]
    async fn a_proxy_that_refuses_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            let (mut peer, _) = listener.accept().await.expect("a peer");
            let _ = peer.read(&mut [0; 256]).await;
            let _ = peer.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
        });
        let error = tunnel(&address.to_string(), "venue.example", 443).await.expect_err("refused");
        assert!(error.to_string().contains("407"), "{error}");
    }
}
