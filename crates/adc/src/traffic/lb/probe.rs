//! Probes: one look at a service, the way NetScaler's monitors look.

use std::io;
use std::sync::Arc;

use evercert_ns::model::MonitorView;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Bytes of an answer that are looked at.
const LOOK: usize = 24 << 10;

/// One look at a service.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    /// `host:port`.
    pub(super) address: String,
    pub(super) kind: ProbeKind,
    /// For `-secure YES`: no certificate is verified, as by NetScaler's monitors.
    pub(super) tls: Option<Arc<ClientConfig>>,
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProbeKind {
    /// A connection.
    Tcp,
    /// A connection on which something is sent and something comes back.
    TcpEcv { send: Vec<u8>, receive: Vec<u8> },
    /// A request whose answer has one of these statuses.
    Http {
        request: String,
        codes: Vec<(u16, u16)>,
    },
    /// A request whose answer contains something.
    HttpEcv { request: String, receive: Vec<u8> },
}

impl ProbeKind {
    /// What a monitor does; `None` for types that are not carried out.
    pub(crate) fn of(monitor: &MonitorView, host: &str) -> Option<Self> {
        Some(match monitor.kind.as_str() {
            // Echo requests need rights a server program should not have; a connection tells more.
            "TCP" | "PING" => Self::Tcp,
            "TCP-ECV" if monitor.send.is_empty() && monitor.receive.is_empty() => Self::Tcp,
            "TCP-ECV" => Self::TcpEcv {
                send: unescape(&monitor.send).into_bytes(),
                receive: unescape(&monitor.receive).into_bytes(),
            },
            "HTTP" => Self::Http {
                request: request(&monitor.request, &monitor.headers, host),
                codes: match monitor.codes.is_empty() {
                    true => vec![(200, 200)],
                    false => monitor.codes.clone(),
                },
            },
            "HTTP-ECV" => {
                let line = match monitor.send.is_empty() {
                    true => "GET /",
                    false => &monitor.send,
                };
                Self::HttpEcv {
                    request: request(line, &monitor.headers, host),
                    receive: unescape(&monitor.receive).into_bytes(),
                }
            }
            _ => return None,
        })
    }
}

impl Probe {
    /// Looks once; what was found, or why it failed.
    pub(super) async fn run(&self) -> Result<String, String> {
        let tcp = match TcpStream::connect(&self.address).await {
            Ok(tcp) => tcp,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                return Err("TCP connection was refused.".to_owned());
            }
            Err(error) => return Err(format!("TCP connection could not be made: {error}.")),
        };
        let Some(tls) = &self.tls else {
            return self.converse(tcp).await;
        };
        let host = self.address.rsplit_once(':').map_or("", |(host, _)| host);
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
            .map_err(|_| format!("{host} is no name for TLS."))?;
        match TlsConnector::from(tls.clone()).connect(name, tcp).await {
            Ok(stream) => self.converse(stream).await,
            Err(error) => Err(format!("SSL handshake failed: {error}.")),
        }
    }

    async fn converse(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
    ) -> Result<String, String> {
        match &self.kind {
            ProbeKind::Tcp if self.tls.is_some() => Ok("SSL handshake completed.".to_owned()),
            ProbeKind::Tcp => Ok("TCP syn+ack received.".to_owned()),
            ProbeKind::TcpEcv { send, receive } => {
                let answer = ask(&mut stream, send, |answer| contains(answer, receive)).await?;
                match contains(&answer, receive) {
                    true => Ok("Pattern found in response.".to_owned()),
                    false => Err("Pattern not found in response.".to_owned()),
                }
            }
            ProbeKind::Http { request, codes } => {
                let status = status(&ask(&mut stream, request.as_bytes(), has_status).await?)?;
                let is_expected = codes
                    .iter()
                    .any(|(from, to)| (*from..=*to).contains(&status));
                match is_expected {
                    true => Ok(format!("HTTP response code {status} received.")),
                    false => Err(format!("HTTP response code {status} received.")),
                }
            }
            ProbeKind::HttpEcv { request, receive } => {
                let answer = ask(&mut stream, request.as_bytes(), |answer| {
                    has_status(answer) && contains(answer, receive)
                })
                .await?;
                let status = status(&answer)?;
                match contains(&answer, receive) {
                    true => Ok("Pattern found in response.".to_owned()),
                    false => Err(format!("Pattern not found in response with code {status}.")),
                }
            }
        }
    }
}

/// Sends, and reads until there is enough, or the end.
async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    send: &[u8],
    is_enough: impl Fn(&[u8]) -> bool,
) -> Result<Vec<u8>, String> {
    let broke = |error: io::Error| format!("The connection broke: {error}.");
    stream.write_all(send).await.map_err(broke)?;
    stream.flush().await.map_err(broke)?;
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while answer.len() < LOOK {
        match stream.read(&mut part).await {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(&part[..read]),
            // What came before may be enough.
            Err(_) if !answer.is_empty() => break,
            Err(error) => return Err(broke(error)),
        }
        if is_enough(&answer) {
            break;
        }
    }
    Ok(answer)
}

fn has_status(answer: &[u8]) -> bool {
    answer.contains(&b'\n')
}

fn status(answer: &[u8]) -> Result<u16, String> {
    let line = answer
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_ascii_whitespace();
    let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/"));
    let code = words.next().and_then(|word| word.parse().ok());
    match code.filter(|_| is_http) {
        Some(code) => Ok(code),
        None if answer.is_empty() => {
            Err("The service closed the connection without an answer.".to_owned())
        }
        None => Err("The answer is not HTTP.".to_owned()),
    }
}

fn contains(answer: &[u8], wanted: &[u8]) -> bool {
    match wanted.is_empty() {
        true => !answer.is_empty(),
        false => answer.windows(wanted.len()).any(|window| window == wanted),
    }
}

/// A whole request made of its line and the monitor's fields.
fn request(line: &str, fields: &str, host: &str) -> String {
    let line = unescape(line);
    if line.contains("\r\n\r\n") {
        return line;
    }
    let line = line.trim_end();
    let version = if line.contains(" HTTP/") {
        ""
    } else {
        " HTTP/1.1"
    };
    let fields = unescape(fields);
    let own: String = fields
        .lines()
        .map(str::trim)
        .filter(|field| !field.is_empty())
        .map(|field| format!("{field}\r\n"))
        .collect();
    let has_host = (line.lines().skip(1).chain(own.lines())).any(|field| {
        field
            .get(..5)
            .is_some_and(|name| name.eq_ignore_ascii_case("host:"))
    });
    let host = if has_host {
        String::new()
    } else {
        format!("Host: {host}\r\n")
    };
    let (first, rest) = line.split_once("\r\n").unwrap_or((line, ""));
    let rest = if rest.is_empty() {
        String::new()
    } else {
        format!("{rest}\r\n")
    };
    format!("{first}{version}\r\n{host}{rest}{own}Connection: close\r\n\r\n")
}

fn unescape(text: &str) -> String {
    text.replace("\\r", "\r")
        .replace("\\n", "\n")
        .replace("\\t", "\t")
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;

    /// A monitor with NetScaler's defaults.
    pub(crate) fn monitor(kind: &str) -> MonitorView {
        MonitorView {
            name: "m".to_owned(),
            kind: kind.to_owned(),
            weight: 1,
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            retries: 3,
            failure_retries: 0,
            success_retries: 1,
            down_time: Duration::from_secs(30),
            address: None,
            port: None,
            reverse: false,
            secure: false,
            request: "HEAD /".to_owned(),
            codes: Vec::new(),
            headers: String::new(),
            send: String::new(),
            receive: String::new(),
        }
    }

    #[test]
    fn requests_are_completed() {
        assert_eq!(
            request("HEAD /", "", "192.0.2.1"),
            "HEAD / HTTP/1.1\r\nHost: 192.0.2.1\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(
            request(
                "GET /x HTTP/1.0",
                "Host: a.example\\r\\nX-B: c\\r\\n",
                "192.0.2.1"
            ),
            "GET /x HTTP/1.0\r\nHost: a.example\r\nX-B: c\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(
            request("GET / HTTP/1.0\\r\\n\\r\\n", "", "a"),
            "GET / HTTP/1.0\r\n\r\n"
        );
    }

    #[test]
    fn kinds_follow_the_type() {
        assert_eq!(ProbeKind::of(&monitor("PING"), "a"), Some(ProbeKind::Tcp));
        assert_eq!(
            ProbeKind::of(&monitor("TCP-ECV"), "a"),
            Some(ProbeKind::Tcp)
        );
        assert_eq!(ProbeKind::of(&monitor("LDAP"), "a"), None);
        let Some(ProbeKind::Http { codes, .. }) = ProbeKind::of(&monitor("HTTP"), "a") else {
            panic!("HTTP");
        };
        assert_eq!(codes, [(200, 200)]);
    }

    #[test]
    fn answers_are_understood() {
        assert_eq!(status(b"HTTP/1.1 503 No\r\n"), Ok(503));
        assert!(status(b"").unwrap_err().contains("without an answer"));
        assert!(status(b"220 smtp\r\n").unwrap_err().contains("not HTTP"));
        assert!(contains(b"abc", b"") && contains(b"abc", b"bc") && !contains(b"", b""));
    }
}
