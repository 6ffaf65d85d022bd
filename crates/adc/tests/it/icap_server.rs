//! A scripted ICAP server: what it does depends on the path of the service asked for.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The server, and what it was asked.
pub(crate) struct IcapServer {
    pub(crate) addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    options: AtomicUsize,
}

/// One inspected message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Request line and fields, lower-case.
    pub(crate) head: String,
    pub(crate) request: String,
    pub(crate) response: String,
    /// As far as it was read.
    pub(crate) body: Vec<u8>,
    /// Bytes that came before `100 Continue`; `None` without preview.
    pub(crate) preview: Option<usize>,
}

impl IcapServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let server = shared.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tcp.set_nodelay(true).unwrap();
                server.connections.fetch_add(1, Ordering::SeqCst);
                let shared = server.clone();
                tokio::spawn(async move {
                    let mut conversation = Conversation {
                        stream: BufReader::new(tcp),
                        shared,
                    };
                    while conversation.exchange().await.unwrap_or(false) {}
                });
            }
        });
        Self { addr, shared }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub(crate) fn last(&self) -> Seen {
        self.seen().pop().unwrap()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How often it was asked for its options.
    pub(crate) fn options(&self) -> usize {
        self.shared.options.load(Ordering::SeqCst)
    }
}

struct Conversation {
    stream: BufReader<TcpStream>,
    shared: Arc<Shared>,
}

impl Conversation {
    /// One request and its answer; false when the connection is over.
    async fn exchange(&mut self) -> io::Result<bool> {
        let head = self.head().await?;
        if head.is_empty() {
            return Ok(false);
        }
        let path = head.split(' ').nth(1).unwrap_or_default();
        let path = path.splitn(4, '/').nth(3).unwrap_or_default().to_owned();
        let path = path.split('?').next().unwrap_or_default().to_owned();
        if head.starts_with("options") {
            return self.options(&path).await;
        }
        let mut seen = Seen {
            head: head.clone(),
            ..Seen::default()
        };
        let encapsulated = field(&head, "encapsulated").unwrap_or_default();
        if encapsulated.contains("req-hdr") {
            seen.request = self.head().await?;
        }
        if encapsulated.contains("res-hdr") {
            seen.response = self.head().await?;
        }
        let has_body = !encapsulated.contains("null-body");
        let mut is_whole = !has_body;
        if has_body && field(&head, "preview").is_some() {
            is_whole = self.chunks(&mut seen.body).await?;
            seen.preview = Some(seen.body.len());
        }
        let goes_on = self.act(&path, &mut seen, is_whole).await;
        self.shared.seen.lock().unwrap().push(seen);
        goes_on
    }

    async fn options(&mut self, path: &str) -> io::Result<bool> {
        self.shared.options.fetch_add(1, Ordering::SeqCst);
        if path == "unknown" {
            return self
                .say("ICAP/1.0 404 Not Found\r\nEncapsulated: null-body=0\r\n\r\n")
                .await;
        }
        let methods = if path.starts_with("resp") {
            "RESPMOD"
        } else {
            "REQMOD"
        };
        let more = match path {
            "busy" => "Max-Connections: 1\r\n",
            "fresh" => "Options-TTL: 1\r\n",
            "ignoring" => "Transfer-Preview: *\r\nTransfer-Ignore: jpg\r\n",
            _ => "",
        };
        let answer = format!(
            "ICAP/1.0 200 OK\r\nMethods: {methods}\r\nISTag: \"t1\"\r\nAllow: 204\r\nPreview: 1024\r\n{more}\
             Encapsulated: null-body=0\r\n\r\n"
        );
        self.say(&answer).await
    }

    async fn act(&mut self, path: &str, seen: &mut Seen, is_whole: bool) -> io::Result<bool> {
        match path {
            "pass" | "respass" | "ignoring" | "fresh" => return self.no_change().await,
            "block" => {
                self.page(
                    "res-hdr",
                    "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\n\r\n",
                    b"blocked",
                )
                .await?;
                // A server that has not read the body cannot go on.
                return Ok(is_whole);
            }
            "reset" => {
                self.stream.get_ref().set_zero_linger()?;
                return Ok(false);
            }
            "garbage" => return self.say("220 ready\r\n\r\n").await,
            "hang" => {
                std::future::pending::<()>().await;
            }
            "error" => {
                return self
                    .say("ICAP/1.0 500 Oops\r\nEncapsulated: null-body=0\r\n\r\n")
                    .await;
            }
            _ => {}
        }
        if !is_whole {
            if seen.preview.is_some() {
                self.say("ICAP/1.0 100 Continue\r\n\r\n").await?;
            }
            if path == "echo" {
                return self.echo(seen).await;
            }
            self.chunks(&mut seen.body).await?;
        }
        match path {
            "late" | "resplate" | "busy" => self.no_change().await,
            "hang-late" => std::future::pending().await,
            "half" => {
                let head = seen.request.clone();
                let text = format!(
                    "ICAP/1.0 200 OK\r\nEncapsulated: req-hdr=0, req-body={}\r\n\r\n{head}4\r\nabcd\r\n",
                    head.len()
                );
                self.say(&text).await?;
                Ok(false)
            }
            "change" => {
                let head = seen
                    .request
                    .replace("\r\n\r\n", "\r\nx-inspected: yes\r\n\r\n");
                let body = seen.body.to_ascii_uppercase();
                self.page("req-hdr", &head, &[&body[..], b"!"].concat())
                    .await
            }
            "respchange" => {
                let head = seen
                    .response
                    .replace("\r\n\r\n", "\r\nx-inspected: yes\r\n\r\n");
                let body = seen.body.to_ascii_uppercase();
                self.page("res-hdr", &head, &[&body[..], b"!"].concat())
                    .await
            }
            other => panic!("no such service: {other}"),
        }
    }

    /// Sends the body back while it comes.
    async fn echo(&mut self, seen: &mut Seen) -> io::Result<bool> {
        let head = seen.request.clone();
        let text = format!(
            "ICAP/1.0 200 OK\r\nEncapsulated: req-hdr=0, req-body={}\r\n\r\n{head}",
            head.len()
        );
        self.say(&text).await?;
        let first = std::mem::take(&mut seen.body);
        self.chunk(&first).await?;
        loop {
            let mut part = Vec::new();
            let (size, _) = self.one_chunk(&mut part).await?;
            if size == 0 {
                return self.say("0\r\n\r\n").await;
            }
            self.chunk(&part).await?;
        }
    }

    async fn chunk(&mut self, data: &[u8]) -> io::Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        let size = format!("{:x}\r\n", data.len());
        let stream = self.stream.get_mut();
        stream.write_all(size.as_bytes()).await?;
        stream.write_all(data).await?;
        stream.write_all(b"\r\n").await
    }

    async fn no_change(&mut self) -> io::Result<bool> {
        self.say("ICAP/1.0 204 No Content\r\nISTag: \"t1\"\r\nEncapsulated: null-body=0\r\n\r\n")
            .await
    }

    async fn page(&mut self, kind: &str, head: &str, body: &[u8]) -> io::Result<bool> {
        let body_name = kind.replace("hdr", "body");
        let text = format!(
            "ICAP/1.0 200 OK\r\nISTag: \"t1\"\r\nEncapsulated: {kind}=0, {body_name}={}\r\n\r\n{head}",
            head.len()
        );
        self.say(&text).await?;
        self.chunk(body).await?;
        self.say("0\r\n\r\n").await
    }

    async fn say(&mut self, text: &str) -> io::Result<bool> {
        self.stream.get_mut().write_all(text.as_bytes()).await?;
        Ok(true)
    }

    /// Lines up to an empty one, lower-case; nothing at the connection's end.
    async fn head(&mut self) -> io::Result<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head).await? == 0 {
                return Ok(String::new());
            }
        }
        let (line, fields) = head.split_once("\r\n").unwrap();
        let line = match line.starts_with("HTTP") || line.contains(" HTTP/") {
            true => line.to_owned(),
            false => line.to_ascii_lowercase(),
        };
        Ok(format!("{line}\r\n{}", fields.to_ascii_lowercase()))
    }

    /// Chunks up to the last one; whether it said `ieof`.
    async fn chunks(&mut self, body: &mut Vec<u8>) -> io::Result<bool> {
        loop {
            let (size, ieof) = self.one_chunk(body).await?;
            if size == 0 {
                return Ok(ieof);
            }
        }
    }

    async fn one_chunk(&mut self, body: &mut Vec<u8>) -> io::Result<(usize, bool)> {
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        let bad = || io::Error::from(io::ErrorKind::InvalidData);
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(digits, 16).map_err(|_| bad())?;
        let mut data = vec![0; size + 2];
        self.stream.read_exact(&mut data).await?;
        body.extend_from_slice(&data[..size]);
        Ok((size, line.contains("ieof")))
    }
}

fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(have, _)| *have == name)
        .map(|(_, value)| value.trim())
}
