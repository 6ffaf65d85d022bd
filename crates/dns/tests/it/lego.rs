//! lego itself as the reference: its `exec` and `httpreq` call a program and an endpoint as ours do.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use axum::http::StatusCode;
use evercert_dns::{Settings, TxtTarget};
use evercert_testkit::skip::{announce, require_program};
use evercert_testkit::{Pebble, PebbleOptions, StartError};
use serde_json::Value;
use tokio::process::Command;

use crate::httpreq;

const DOMAIN: &str = "lego.example.org";
const NAME: &str = "_acme-challenge.lego.example.org";

/// Lets lego get a certificate with a DNS provider of its own; `false`, said loudly, where something is not installed.
async fn run_lego(provider: &str, env: &[(&str, String)]) -> bool {
    let program = match require_program("lego", "lego") {
        Ok(program) => program,
        Err(reason) => {
            announce(&reason);
            return false;
        }
    };
    let options = PebbleOptions {
        always_valid: true,
        ..PebbleOptions::default()
    };
    let pebble = match Pebble::start(options).await {
        Ok(pebble) => pebble,
        Err(reason @ StartError::Missing { .. }) => {
            announce(&reason);
            return false;
        }
        Err(failure) => panic!("{failure}"),
    };
    let dir = tempfile::tempdir().unwrap();
    let anchor = dir.path().join("ca.pem");
    std::fs::write(&anchor, pebble.ca_bundle_pem()).unwrap();
    let mut command = Command::new(program);
    command
        .args([
            "--server",
            &pebble.directory_url(),
            "--accept-tos",
            "--email",
            "lego@example.org",
        ])
        .args([
            "--domains",
            DOMAIN,
            "--dns",
            provider,
            "--dns.disable-cp",
            "--path",
        ])
        .arg(dir.path())
        .arg("run")
        .env("LEGO_CA_CERTIFICATES", &anchor)
        .envs(env.iter().map(|(name, value)| (*name, value.as_str())))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(60), command.output());
    let output = output.await.expect("lego ends in time").unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    true
}

/// A program that notes each of its arguments, and a line between calls.
fn noting(dir: &Path) -> (String, impl Fn() -> Vec<Vec<String>>) {
    use std::os::unix::fs::PermissionsExt;
    let (program, notes) = (dir.join("hook"), dir.join("notes"));
    let script = format!(
        "#!/bin/sh\n{{ printf '%s\\n' \"$@\"; echo --; }} >> {}\n",
        notes.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let read = move || {
        let text = std::fs::read_to_string(&notes).unwrap();
        let calls = text.split_terminator("--\n");
        calls
            .map(|call| call.lines().map(str::to_owned).collect())
            .collect()
    };
    (program.display().to_string(), read)
}

#[tokio::test]
async fn exec_calls_a_program_as_lego_does() {
    let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (program, calls) = noting(theirs.path());
    if !run_lego("exec", &[("EXEC_PATH", program)]).await {
        return;
    }
    let theirs = calls();
    let (program, calls) = noting(ours.path());
    let settings: Settings = [("program".to_owned(), program.into())].into();
    let provider = evercert_dns::build("exec", &settings).unwrap();
    let target = TxtTarget::new(NAME, theirs[0][2].clone());

    let receipt = provider.add(&target).await.unwrap();
    provider.remove(&target, Some(&receipt)).await.unwrap();

    assert_eq!(theirs.len(), 2, "{theirs:?}");
    assert_eq!(calls(), theirs);
}

#[tokio::test]
async fn httpreq_calls_an_endpoint_as_lego_does() {
    let (url, theirs) = httpreq::endpoint(StatusCode::OK).await;
    let env = [
        ("HTTPREQ_ENDPOINT", format!("{url}/some/path")),
        ("HTTPREQ_USERNAME", "anna".to_owned()),
        ("HTTPREQ_PASSWORD", "right".to_owned()),
    ];
    if !run_lego("httpreq", &env).await {
        return;
    }
    let theirs = theirs.lock().unwrap().clone();
    let body: Value = serde_json::from_str(&theirs[0].2).unwrap();
    let (url, ours) = httpreq::endpoint(StatusCode::OK).await;
    let url = format!("{url}/some/path");
    let provider = httpreq::provider(&[
        ("base_url", &url),
        ("username", "anna"),
        ("password", "right"),
    ])
    .unwrap();
    let target = TxtTarget::new(NAME, body["value"].as_str().unwrap());

    let receipt = provider.add(&target).await.unwrap();
    provider.remove(&target, Some(&receipt)).await.unwrap();

    let ours = ours.lock().unwrap().clone();
    assert_eq!((theirs.len(), ours.len()), (2, 2));
    for (their, our) in theirs.iter().zip(&ours) {
        assert_eq!(our.0, their.0);
        for header in ["authorization", "content-type"] {
            assert_eq!(our.1.get(header), their.1.get(header), "{header}");
        }
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(json(&our.2), json(&their.2));
    }
}
