//! uacme from Debian gets a certificate from the Local CA.
//!
//! Debian's uacme trusts the system's roots only and cannot be given others; so the test puts a
//! plain HTTP proxy in front of the CA, whose URLs then begin with the proxy's address.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use evercert_testkit::skip::{announce, require_program};
use evercert_x509::{Chain, verify_chain_links, verify_names};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::support::program::{run, succeeded, write_script};
use crate::support::responder::reserve;
use crate::support::world::World;

/// Passes requests on to the CA over HTTPS.
fn proxy(listener: TcpListener, root: &str, ca: SocketAddr) -> JoinHandle<()> {
    let root = reqwest::Certificate::from_pem(root.as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([root])
        .no_proxy()
        .build()
        .unwrap();
    let router = Router::new()
        .fallback(forward)
        .with_state((client, format!("https://{ca}")));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() })
}

async fn forward(
    State((client, ca)): State<(reqwest::Client, String)>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let mut headers = parts.headers;
    headers.remove("host");
    let reply = client
        .request(parts.method, format!("{ca}{}", parts.uri))
        .headers(headers)
        .body(body)
        .send()
        .await
        .unwrap();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = reply.status();
    *response.headers_mut() = reply.headers().clone();
    *response.body_mut() = Body::from(reply.bytes().await.unwrap());
    response
}

#[tokio::test]
async fn uacme_issues_by_dns01_with_its_hook() {
    let program = match require_program("uacme", "uacme") {
        Ok(program) => program,
        Err(missing) => return announce(&missing),
    };
    let (port, listener) = reserve().await;
    let url = format!("http://127.0.0.1:{port}");
    let world = World::with(|config| config.external_url = Some(url.clone())).await;
    let proxy = proxy(listener, &world.ca.tls_root_pem(), world.ca.addr());
    let dir = tempfile::tempdir().unwrap();
    let records = dir.path().join("records");
    std::fs::create_dir(&records).unwrap();
    world.dns.read_files_of(records.clone());
    let hook = dir.path().join("hook.sh");
    // uacme calls it with: method, type, identifier, token, value.
    let text = format!(
        "#!/bin/sh\n[ \"$2\" = dns-01 ] || exit 1\n\
         [ \"$1\" = begin ] && echo \"$5\" >> '{}'/_acme-challenge.\"$3\"\nexit 0\n",
        records.display()
    );
    write_script(&hook, &text);
    let uacme = || {
        let mut command = Command::new(&program);
        command
            .args([
                "-y",
                "-v",
                "-t",
                "EC",
                "-a",
                &format!("{url}/directory"),
                "-c",
            ])
            .arg(dir.path());
        command
    };

    succeeded(&run(uacme().args(["new", "admin@a.example"])).await);
    let issue = ["issue", "a.example", "*.a.example"];
    succeeded(&run(uacme().arg("-h").arg(&hook).args(issue)).await);

    proxy.abort();
    let pem = std::fs::read_to_string(dir.path().join("a.example/cert.pem")).unwrap();
    let chain = Chain::from_pem(&pem).unwrap();
    verify_chain_links(&chain).unwrap();
    let names = ["a.example".parse().unwrap(), "*.a.example".parse().unwrap()];
    verify_names(chain.leaf(), &names).unwrap();
}
