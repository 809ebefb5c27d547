//! `tapedeck healthcheck`: asks the running relay whether it serves.

mod anyone;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::config::ServerConfig;

/// How long connecting, and each read, may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why a relay counts as unhealthy; exit code 1.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    #[error("no answer from {address}: {detail}")]
    Silent { address: SocketAddr, detail: std::io::Error },
    #[error("{address} answered `{status}` to GET /health")]
    Unwell { address: SocketAddr, status: String },
}

/// Asks `GET /health` of the relay of that configuration; blocks for a few seconds at most.
///
/// # Errors
/// [`HealthError`] when it does not answer 200.
pub fn probe(server: &ServerConfig) -> Result<(), HealthError> {
    let address = SocketAddr::new(reachable(server.listen.ip()), server.listen.port());
    let status =
        ask(address, server.tls.is_some()).map_err(|detail| HealthError::Silent { address, detail })?;
    let healthy = status.split(' ').nth(1) == Some("200") && status.starts_with("HTTP/1.");
    if healthy { Ok(()) } else { Err(HealthError::Unwell { address, status }) }
}

/// Where a relay that listens on all addresses is found from inside.
fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

/// The status line of the answer. One plain request needs no HTTP library, nor its start-up.
fn ask(address: SocketAddr, tls: bool) -> std::io::Result<String> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    if tls { status_line(anyone::encrypted(stream)?) } else { status_line(stream) }
}

fn status_line(mut stream: impl Read + Write) -> std::io::Result<String> {
    // A loopback name is always an allowed host.
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut head = [0u8; 128];
    let mut held = 0;
    while held < head.len() && !head[..held].contains(&b'\n') {
        match stream.read(&mut head[held..])? {
            0 => break,
            n => held += n,
        }
    }
    let line = head[..held].split(|b| *b == b'\r' || *b == b'\n').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Flags, Layers};
    use std::net::TcpListener;

    fn answer_once(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                request.push(byte[0]);
            }
            assert!(request.starts_with(b"GET /health HTTP/1.1\r\nHost: localhost\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    fn at(listen: SocketAddr) -> ServerConfig {
        let flags = Flags { listen: Some(listen), ..Flags::default() };
        let layers = Layers::new(vec![[("TAPEDECK_PUBLIC".to_owned(), "true".to_owned())].into()], "", "");
        Config::from_layers(&layers.unwrap(), &flags).unwrap().server
    }

    #[test]
    fn only_200_is_healthy() {
        let address = answer_once("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"status\":\"ok\"}");
        probe(&at(address)).unwrap();
        // Listening on every address, it is asked over loopback.
        let address = answer_once("HTTP/1.1 200 OK\r\n\r\n");
        probe(&at(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port()))).unwrap();
        for bad in ["HTTP/1.1 503 Service Unavailable\r\n\r\n", "", "SSH-2.0 200\r\n"] {
            assert!(matches!(probe(&at(answer_once(bad))), Err(HealthError::Unwell { .. })), "{bad}");
        }
    }

    #[test]
    fn a_closed_port_is_silent() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = probe(&at(free)).unwrap_err();
        assert!(matches!(error, HealthError::Silent { .. }) && error.to_string().contains(&free.to_string()));
    }
}
