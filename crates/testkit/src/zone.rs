//! What the DNS servers of tests serve: zones, TSIG keys, and the question whether they answer.

use std::net::SocketAddr;

/// A zone with SOA, one name server `ns1.<zone>` at 127.0.0.1, and further lines.
#[derive(Clone, Debug)]
pub struct Zone {
    name: String,
    lines: Vec<String>,
}

impl Zone {
    /// A zone by its name, without final dot.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            lines: Vec::new(),
        }
    }

    /// Adds a line in master-file form, names relative to the zone (`www 60 IN A 127.0.0.1`).
    #[must_use]
    pub fn with(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// Its name, without final dot.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The further lines.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The whole master file.
    pub fn master_file(&self) -> String {
        let origin = &self.name;
        let mut text = format!(
            "$ORIGIN {origin}.\n$TTL 60\n\
             @ IN SOA ns1.{origin}. hostmaster.{origin}. 1 3600 600 86400 5\n\
             @ IN NS ns1.{origin}.\nns1 IN A 127.0.0.1\n"
        );
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

/// A TSIG key that a test server knows.
#[derive(Clone, Debug)]
pub struct TsigKey {
    /// Its name, without final dot.
    pub name: String,
    /// `hmac-sha1`, `-sha224`, `-sha256`, `-sha384` or `-sha512`.
    pub algorithm: String,
    /// The secret, in Base64.
    pub secret: String,
}

impl TsigKey {
    /// A key of the algorithm, with a fixed secret of 48 octets: these servers only live for a test.
    pub fn new(name: &str, algorithm: &str) -> Self {
        Self {
            name: name.to_owned(),
            algorithm: algorithm.to_owned(),
            secret: "ZXZlcmNlcnQgdGVzdCBzZWNyZXQsIGZvcnR5LWVpZ2h0IG9jdGV0cyBsb25nISE=".to_owned(),
        }
    }

    /// The settings of the nsupdate provider for a server at `addr` that knows this key.
    pub fn nsupdate_settings(&self, addr: SocketAddr) -> Vec<(String, String)> {
        [
            ("server", addr.to_string()),
            ("key_name", self.name.clone()),
            ("key_algorithm", self.algorithm.clone()),
            ("key_secret", self.secret.clone()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }
}

impl Default for TsigKey {
    fn default() -> Self {
        Self::new("evercert", "hmac-sha256")
    }
}

/// Whether a SOA query for the zone gets an answer over UDP.
pub(crate) async fn serves(addr: SocketAddr, zone: &str) -> bool {
    ask_soa(addr, zone).await.unwrap_or(false)
}

async fn ask_soa(addr: SocketAddr, zone: &str) -> std::io::Result<bool> {
    let socket = tokio::net::UdpSocket::bind(("127.0.0.1", 0)).await?;
    socket.connect(addr).await?;
    socket.send(&soa_query(zone)).await?;
    let mut answer = [0; 1500];
    let length = socket.recv(&mut answer).await?;
    let no_error = answer[3] & 0x0f == 0;
    let answers = u16::from_be_bytes([answer[6], answer[7]]);
    Ok(length >= 12 && no_error && answers > 0)
}

fn soa_query(zone: &str) -> Vec<u8> {
    let mut query = vec![0x45, 0x43, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in zone.split('.') {
        query.push(u8::try_from(label.len()).unwrap_or(0));
        query.extend_from_slice(label.as_bytes());
    }
    query.extend_from_slice(&[0, 0, 6, 0, 1]);
    query
}
