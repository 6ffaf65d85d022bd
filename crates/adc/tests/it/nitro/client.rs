//! A raw NITRO client: it sends the octets a test gives it, and keeps status line and body as they come.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_adc::config::{AdcConfig, NitroConfig};
use evercert_adc::{Adc, AdcHandle};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::world::Setup;

/// Name and password of a user who may do everything.
pub(crate) const ADMIN: (&str, &str) = ("admin", "s3cret-Pass");

/// An ADC with NITRO on a free port, and where its files are.
pub(crate) struct Box {
    pub(crate) adc: AdcHandle,
    pub(crate) dir: PathBuf,
}

/// Sends requests to one of its doors.
#[derive(Clone)]
pub(crate) struct Client {
    door: Door,
    headers: Vec<(String, String)>,
}

#[derive(Clone)]
enum Door {
    Http(SocketAddr),
    Local(PathBuf),
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// `HTTP/1.1 200 OK`
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: String,
}

impl Box {
    /// Starts one with these lines of ns.conf, and a user to log in as.
    pub(crate) async fn start(dir: &Path, conf: &str) -> Self {
        Self::with(Setup::new(dir).conf(conf)).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let started = Self::with_config(setup.config()).await;
        let local = started.local();
        let (name, password) = ADMIN;
        let user = json!({"systemuser": {"username": name, "password": password}});
        local.post("systemuser", user).await.is("201 Created");
        let binding = json!({"systemuser_systemcmdpolicy_binding":
            {"username": name, "policyname": "superuser", "priority": 1}});
        let binding = local
            .put("systemuser_systemcmdpolicy_binding", binding)
            .await;
        binding.is("201 Created");
        started
    }

    pub(crate) async fn with_config(mut config: AdcConfig) -> Self {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        config.nitro = NitroConfig {
            https: Some(free),
            http: Some(free),
            ..config.nitro
        };
        let dir = config.ns_conf.path.parent().unwrap().to_owned();
        let adc = Adc::start(config).await.unwrap();
        Self { adc, dir }
    }

    /// Over HTTP, as nobody yet.
    pub(crate) fn nobody(&self) -> Client {
        Client {
            door: Door::Http(self.adc.nitro_addrs().http.unwrap()),
            headers: Vec::new(),
        }
    }

    /// Over HTTP, with name and password in every request.
    pub(crate) fn admin(&self) -> Client {
        let client = self.nobody().with("X-NITRO-USER", ADMIN.0);
        client.with("X-NITRO-PASS", ADMIN.1)
    }

    /// Over the status socket.
    pub(crate) fn local(&self) -> Client {
        Client {
            door: Door::Local(self.dir.join("state").join("adc.sock")),
            headers: Vec::new(),
        }
    }

    /// Over HTTP, in a session.
    pub(crate) async fn session(&self) -> Client {
        let (name, password) = ADMIN;
        let body = json!({"login": {"username": name, "password": password}});
        let body = self.nobody().post("login", body).await.created();
        let token = body["sessionid"].as_str().unwrap().to_owned();
        self.nobody()
            .with("Cookie", &format!("NITRO_AUTH_TOKEN={token}"))
    }

    pub(crate) fn vserver(&self, name: &str) -> SocketAddr {
        self.adc.vserver_addrs()[name]
    }

    pub(crate) async fn stop(self) {
        self.adc.shutdown(std::time::Duration::from_secs(5)).await;
    }
}

impl Client {
    /// The same with a header more.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Json) -> Answer {
        self.send("POST", path, Some(body.to_string())).await
    }

    pub(crate) async fn put(&self, path: &str, body: Json) -> Answer {
        self.send("PUT", path, Some(body.to_string())).await
    }

    /// `path` is below `/nitro/v1/config/` unless it begins with a slash.
    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<String>) -> Answer {
        let path = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("/nitro/v1/config/{path}"),
        };
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: adc\r\nConnection: close\r\n");
        for (name, value) in &self.headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &body {
            let own = self
                .headers
                .iter()
                .any(|(n, _)| n.eq_ignore_ascii_case("content-type"));
            if !own {
                request.push_str("Content-Type: application/json\r\n");
            }
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        request.push_str(body.as_deref().unwrap_or_default());
        match &self.door {
            Door::Http(address) => {
                exchange(TcpStream::connect(address).await.unwrap(), &request).await
            }
            Door::Local(path) => exchange(UnixStream::connect(path).await.unwrap(), &request).await,
        }
    }

    /// Uploads a file as most tools do.
    pub(crate) async fn upload(&self, name: &str, location: &str, bytes: &[u8]) -> Answer {
        let file = json!({"systemfile": {"filename": name, "filelocation": location,
            "filecontent": STANDARD.encode(bytes), "fileencoding": "BASE64"}});
        self.post("systemfile", file).await
    }
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, request: &str) -> Answer {
    crate::world::within(async {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut octets = Vec::new();
        stream.read_to_end(&mut octets).await.unwrap();
        let text = String::from_utf8(octets).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap().to_owned();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned()));
        Answer {
            line,
            headers: headers.collect(),
            text: body.to_owned(),
        }
    })
    .await
}

impl Answer {
    /// The body, whose envelope must be whole: clients look for its members without asking whether they are there.
    pub(crate) fn json(&self) -> Json {
        let body: Json =
            serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        assert!(body["errorcode"].is_u64(), "{self:?}");
        assert!(body["message"].is_string(), "{self:?}");
        let severity = body["severity"].as_str();
        assert!(
            matches!(severity, Some("NONE" | "WARNING" | "ERROR")),
            "{self:?}"
        );
        body
    }

    /// Checks the whole status line; returns the body.
    #[track_caller]
    pub(crate) fn is(&self, status: &str) -> Json {
        assert_eq!(self.line, format!("HTTP/1.1 {status}"), "{}", self.text);
        self.json()
    }

    /// Checks for a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Json {
        let body = self.is("200 OK");
        assert_eq!(body["errorcode"], 0, "{}", self.text);
        assert_eq!(body["message"], "Done", "{}", self.text);
        body
    }

    /// Checks for a new object.
    #[track_caller]
    pub(crate) fn created(&self) -> Json {
        let body = self.is("201 Created");
        assert_eq!(body["errorcode"], 0, "{}", self.text);
        body
    }

    /// Checks status line and error code.
    #[track_caller]
    pub(crate) fn fails(&self, status: &str, code: u32) -> Json {
        let body = self.is(status);
        assert_eq!(body["errorcode"], code, "{}", self.text);
        assert_eq!(body["severity"], "ERROR", "{}", self.text);
        body
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}
