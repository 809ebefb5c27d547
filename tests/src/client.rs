//! A WebSocket client that keeps every frame and waits for conditions.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, client_async, connect_async, connect_async_tls_with_config,
};

/// One socket, and what came over it.
pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Text frames in order, as JSON (or as a JSON text, where they were none).
    pub frames: Vec<Value>,
    /// When each of [`Self::frames`] was read.
    pub times: Vec<Instant>,
    /// Close code, once closed; 1006 where the line ended without one.
    pub closed: Option<u16>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When the handshake is refused; the error says with which status.
    pub async fn connect(url: &str) -> Result<Client> {
        Client::connect_with(url, &[]).await
    }

    /// Connects with further headers.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect_with(url: &str, headers: &[(&str, &str)]) -> Result<Client> {
        let mut request = url.into_client_request()?;
        for (name, value) in headers {
            let name: HeaderName = name.parse()?;
            request.headers_mut().insert(name, HeaderValue::from_str(value)?);
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Client { socket, frames: Vec::new(), times: Vec::new(), closed: None }),
            Err(Error::Http(response)) => bail!("refused with {}", response.status().as_u16()),
            Err(error) => Err(error).context(url.to_owned()),
        }
    }

    /// Connects to a `wss://` address with roots of one's own, as the page of `origin`.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect_trusting(
        url: &str,
        origin: &str,
        roots: Arc<rustls::ClientConfig>,
    ) -> Result<Client> {
        let mut request = url.into_client_request()?;
        request.headers_mut().insert("origin", HeaderValue::from_str(origin)?);
        let connector = Some(Connector::Rustls(roots));
        let (socket, _) = connect_async_tls_with_config(request, None, true, connector).await?;
        Ok(Client { socket, frames: Vec::new(), times: Vec::new(), closed: None })
    }

    /// Connects with so small a receive buffer that not reading is soon felt at the other end.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect_narrow(address: SocketAddr) -> Result<Client> {
        let tcp = TcpSocket::new_v4()?;
        tcp.set_recv_buffer_size(4_096)?;
        // Loopback segments of 64 KiB would earn this line megabytes of buffer at the other end.
        #[cfg(unix)]
        socket2::SockRef::from(&tcp).set_tcp_mss(536)?;
        let stream = MaybeTlsStream::Plain(tcp.connect(address).await?);
        let (socket, _) = client_async(format!("ws://{address}/ws"), stream).await?;
        Ok(Client { socket, frames: Vec::new(), times: Vec::new(), closed: None })
    }

    /// Sends a JSON frame.
    ///
    /// # Errors
    /// When the socket is closed.
    pub async fn send(&mut self, frame: &Value) -> Result<()> {
        self.send_text(&frame.to_string()).await
    }

    /// Sends a text as it is.
    ///
    /// # Errors
    /// When the socket is closed.
    pub async fn send_text(&mut self, text: &str) -> Result<()> {
        Ok(self.socket.send(Message::text(text)).await?)
    }

    /// Sends bytes as a binary frame.
    ///
    /// # Errors
    /// When the socket is closed.
    pub async fn send_bytes(&mut self, bytes: Vec<u8>) -> Result<()> {
        Ok(self.socket.send(Message::binary(bytes)).await?)
    }

    /// Closes properly.
    pub async fn close(mut self) {
        // The other side may have closed first.
        drop(self.socket.close(None).await);
    }

    /// Reads one message into [`Self::frames`]; whether anything more may come.
    async fn read(&mut self) -> bool {
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => {
                let frame = serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.to_string()));
                self.frames.push(frame);
                self.times.push(Instant::now());
            }
            Some(Ok(Message::Close(frame))) => self.closed = Some(frame.map_or(1005, |f| f.code.into())),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => {
                self.closed.get_or_insert(1006);
                return false;
            }
        }
        true
    }

    /// Reads on until `done` of the frames so far, at most for `within`.
    ///
    /// # Errors
    /// With the last frames, when the time is over or the socket closes first.
    pub async fn wait(
        &mut self,
        what: &str,
        within: Duration,
        done: impl Fn(&[Value]) -> bool,
    ) -> Result<()> {
        let until = Instant::now() + within;
        while !done(&self.frames) {
            let open = timeout_at(until, self.read()).await;
            if !matches!(open, Ok(true)) && !done(&self.frames) {
                let tail: Vec<String> = self
                    .frames
                    .iter()
                    .rev()
                    .take(5)
                    .map(|f| f.to_string().chars().take(300).collect())
                    .collect();
                let why = if open.is_err() { "not within" } else { "closed within" };
                bail!(
                    "{what}: {why} {within:?}; closed {:?}, {} frames, last {tail:#?}",
                    self.closed,
                    self.frames.len()
                );
            }
        }
        Ok(())
    }

    /// Waits for a frame that `wanted` takes, and gives the first.
    ///
    /// # Errors
    /// As [`Client::wait`].
    pub async fn wait_for(
        &mut self,
        what: &str,
        within: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        self.wait(what, within, |frames| frames.iter().any(&wanted)).await?;
        self.frames.iter().find(|f| wanted(f)).cloned().context("the frame just seen")
    }

    /// Reads everything that comes within `lasting`.
    pub async fn read_for(&mut self, lasting: Duration) {
        let until = Instant::now() + lasting;
        while self.closed.is_none() && matches!(timeout_at(until, self.read()).await, Ok(true)) {}
    }

    /// Reads until the socket is closed and gives the close code (1006: ended without one).
    ///
    /// # Errors
    /// When it is still open after `within`.
    pub async fn wait_closed(&mut self, within: Duration) -> Result<u16> {
        let until = Instant::now() + within;
        loop {
            match timeout_at(until, self.read()).await {
                Ok(true) => {}
                Ok(false) => return self.closed.context("a close code"),
                Err(_) => bail!("still open after {within:?}"),
            }
        }
    }

    /// Takes all frames so far.
    pub fn take(&mut self) -> Vec<Value> {
        self.times.clear();
        std::mem::take(&mut self.frames)
    }
}
