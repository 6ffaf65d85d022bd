//! A thousand clients at once, and nginx as the server.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use evercert_testkit::{free_port, skip};
use futures_util::StreamExt as _;
use futures_util::stream;
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::client::{Tls, TlsOptions};
use crate::dc2g::{BOTH, Parties, client, count, get};
use crate::origin::{Asks, Origin};
use crate::world::{SOON, eventually, within};

const CLIENTS: usize = 1000;
/// Connections that are opened at the same time.
const AT_ONCE: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_clients_at_once_each_carries_its_own_identity() {
    within(a_thousand(&[&TLS12], &[])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_clients_over_http2_each_carries_its_own_identity() {
    within(a_thousand(&[&TLS13], &[b"h2", b"http/1.1"])).await;
}

async fn a_thousand(versions: &[&'static SupportedProtocolVersion], alpn: &[&[u8]]) {
    let parties = Parties::new();
    let asks = Asks::Requires;
    let origin = Origin::start(&parties.servers, &parties.forging, asks, versions, alpn).await;
    let adc = parties
        .setup(origin.addr, "Mandatory")
        .conf("set ssl profile be -alpnProtocol HTTP2")
        .start()
        .await;
    let addr = adc.addr("v");
    let parties = &parties;
    let mixed = stream::iter(0..CLIENTS)
        .map(|number| async move {
            let name = format!("user{number:04}");
            let tls = client(Some(&parties.person(&name)), BOTH);
            let mut wrong = 0;
            let mut http = tls.http1(addr, "a.example").await;
            for path in ["/1", "/2", "/3"] {
                let (status, body) = http.get("a.example", path).await;
                let own = format!("CN={name},");
                let upn = format!("|{name}@corp.example|");
                if status != 200 || !body.starts_with(&own) || !body.contains(&upn) {
                    wrong += 1;
                }
            }
            wrong
        })
        .buffer_unordered(AT_ONCE)
        .fold(0, async |sum, wrong| sum + wrong)
        .await;

    assert_eq!(mixed, 0);
    let certificates = origin.certificates();
    let shown: HashSet<String> = certificates.iter().map(|c| c.serial_hex()).collect();
    assert_eq!(shown.len(), CLIENTS);
    assert_eq!(count(&adc, "dc2g_forged_total"), CLIENTS as u64);
    // One connection a client: nobody waited for, or used, another's.
    assert_eq!(origin.handshakes(), CLIENTS);
    adc.stop().await;
}

/// nginx that insists on a client certificate and answers what it saw.
struct Nginx {
    process: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Nginx {
    async fn start(
        parties: &Parties,
        protocol: &str,
    ) -> Result<Self, evercert_testkit::StartError> {
        let program = skip::require_program("nginx", "nginx-light")?;
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let (chain, key) = parties.servers.server("origin.example");
        let pem: String = chain
            .iter()
            .map(evercert_x509::Certificate::to_pem)
            .collect();
        std::fs::write(dir.path().join("server.pem"), pem).unwrap();
        std::fs::write(dir.path().join("server.key"), key.to_pkcs8_pem().expose()).unwrap();
        let ca = parties.forging.certificate().to_pem();
        std::fs::write(dir.path().join("ca.pem"), ca).unwrap();
        let conf = configuration(dir.path(), port, protocol);
        std::fs::write(dir.path().join("nginx.conf"), conf).unwrap();
        let process = Command::new(program)
            .args(["-p", dir.path().to_str().unwrap(), "-c", "nginx.conf"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let nginx = Self {
            process,
            port,
            _dir: dir,
        };
        eventually("nginx listens", SOON, async || {
            tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .ok()
        })
        .await;
        Ok(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if self.process.kill().is_ok() {
            self.process.wait().ok();
        }
    }
}

fn configuration(dir: &Path, port: u16, protocol: &str) -> String {
    let dir = dir.display();
    format!(
        r#"
daemon off;
master_process off;
error_log {dir}/error.log;
pid {dir}/pid;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_protocols {protocol};
        ssl_certificate {dir}/server.pem;
        ssl_certificate_key {dir}/server.key;
        ssl_client_certificate {dir}/ca.pem;
        ssl_verify_client on;
        location / {{
            default_type text/plain;
            return 200 "$ssl_client_verify|$ssl_client_s_dn|$ssl_client_i_dn|$ssl_protocol|$server_protocol|$ssl_client_escaped_cert";
        }}
    }}
}}
"#
    )
}

#[tokio::test]
async fn nginx_sees_subject_and_names_of_the_client() {
    within(async {
        for (protocol, name) in [("TLSv1.2", "TLSv1.2"), ("TLSv1.3", "TLSv1.3")] {
            for (alpn, http) in [("NONE", "HTTP/1.1"), ("HTTP2", "HTTP/2.0")] {
                let parties = Parties::new();
                let nginx = match Nginx::start(&parties, protocol).await {
                    Ok(nginx) => nginx,
                    Err(missing) => return skip::announce(&missing),
                };
                let addr = ([127, 0, 0, 1], nginx.port).into();
                let adc = parties
                    .setup(addr, "Mandatory")
                    .conf(&format!("set ssl profile be -alpnProtocol {alpn}"))
                    .start()
                    .await;
                let alice = Tls::new(TlsOptions {
                    identity: Some(parties.person("alice")),
                    ..TlsOptions::default()
                });

                let (status, body) = get(&adc, &alice, "/").await;

                assert_eq!(status, 200, "{body}");
                let parts: Vec<&str> = body.split('|').collect();
                let subject = "CN=alice,OU=Admins,OU=Users,DC=corp,DC=example";
                assert_eq!(&parts[..2], ["SUCCESS", subject]);
                assert_eq!(&parts[2..5], ["CN=Forging CA,O=Evercert Test", name, http]);
                // The principal name stands in the certificate as nginx got it.
                let pem = parts[5]
                    .replace("%20", " ")
                    .replace("%0A", "\n")
                    .replace("%2B", "+")
                    .replace("%2F", "/")
                    .replace("%3D", "=");
                let seen = evercert_x509::Certificate::from_pem(&pem).unwrap();
                let original = evercert_x509::forge::Original::read(seen.der()).unwrap();
                let upn = original.alt_names().unwrap().upn();
                assert_eq!(upn.as_deref(), Some("alice@corp.example"));
                adc.stop().await;
            }
        }
    })
    .await;
}
