//! Certificates for real: certbot asks Pebble, and what Pebble validates is answered by the ADC. certbot's hooks are
//! shell scripts that drive NITRO by curl, with the objects that NetScaler's own tools make.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use evercert_testkit::challtestsrv::Challtestsrv;
use evercert_testkit::pebble::{Pebble, PebbleOptions};
use evercert_testkit::port::free_addr;
use evercert_testkit::process::StartError;
use evercert_testkit::skip::{announce, require_program};
use evercert_x509::{Chain, verify_chain_links, verify_names};
use tokio::process::Command;

use crate::backend::Backend;
use crate::client::exchange_raw;
use crate::world::{Setup, TestAdc};

/// certbot's run may take longer than other tests' steps.
const PATIENCE: Duration = Duration::from_secs(150);

/// What every script begins with: `nitro METHOD PATH [BODY]`, over the socket whose owner is `nsroot`.
fn preamble(dir: &Path) -> String {
    let socket = dir.join("state/adc.sock");
    let log = dir.join("nitro.log");
    format!(
        r#"#!/bin/sh
set -eu
nitro() {{
    echo "$1 $2 ${{3-}}" >> '{log}'
    failed=0
    answer=$(curl --silent --show-error --fail-with-body --max-time 20 --unix-socket '{socket}' \
        --request "$1" --header 'Content-Type: application/json' ${{3+--data "$3"}} \
        "http://adc/nitro/v1/config/$2") || failed=$?
    echo "$answer" | tee -a '{log}'
    return $failed
}}
"#,
        log = log.display(),
        socket = socket.display()
    )
}

fn script(dir: &Path, name: &str, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.join(name);
    std::fs::write(&path, format!("{}{text}", preamble(dir))).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).unwrap();
    path
}

async fn run(command: &mut Command) -> Output {
    let running = command.kill_on_drop(true).output();
    let output = tokio::time::timeout(PATIENCE, running).await;
    output.expect("a program hangs").unwrap()
}

/// certbot with two hooks, asking for these names by this challenge.
async fn certbot(dir: &Path, pebble: &Pebble, challenge: &str, names: &[&str]) -> Chain {
    let program = require_program("certbot", "certbot").unwrap();
    let root = dir.join("root.pem");
    std::fs::write(&root, pebble.ca_bundle_pem()).unwrap();
    let mut command = Command::new(program);
    command
        .env("REQUESTS_CA_BUNDLE", root)
        .args(["certonly", "--non-interactive", "--agree-tos", "--manual"])
        .args(["--renew-with-new-domains"])
        .args(["--email", "admin@example.com", "--cert-name", "it"])
        .args(["--server", &pebble.directory_url()])
        .args(["--preferred-challenges", challenge])
        .arg("--manual-auth-hook")
        .arg(dir.join("auth.sh"))
        .arg("--manual-cleanup-hook")
        .arg(dir.join("cleanup.sh"));
    for (option, name) in [
        ("--config-dir", "config"),
        ("--work-dir", "work"),
        ("--logs-dir", "logs"),
    ] {
        command.arg(option).arg(dir.join(name));
    }
    for name in names {
        command.args(["-d", name]);
    }
    let output = run(&mut command).await;
    let nitro = std::fs::read_to_string(dir.join("nitro.log")).unwrap_or_default();
    assert!(output.status.success(), "{output:?}\n{nitro}");
    let file = dir.join("config/live/it/fullchain.pem");
    let chain = Chain::from_pem(&std::fs::read_to_string(file).unwrap()).unwrap();
    verify_chain_links(&chain).unwrap();
    let names: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
    verify_names(chain.leaf(), &names).unwrap();
    chain
}

/// The programs a test needs, or the reason to skip it.
fn programs() -> Result<(), StartError> {
    for program in ["certbot", "curl", "pebble"] {
        require_program(program, program)?;
    }
    Ok(())
}

/// Pebble that looks names up there, and validates HTTP-01 at the port.
async fn pebble(dns: std::net::SocketAddr, http_port: Option<u16>) -> Pebble {
    let options = PebbleOptions {
        dns_server: Some(dns),
        http_port,
        ..PebbleOptions::default()
    };
    Pebble::start(options).await.unwrap()
}

/// How many objects of a type NITRO tells of.
async fn left(dir: &Path, path: &str) -> usize {
    let script = script(dir, "left.sh", r#"nitro GET "$1""#);
    let output = run(Command::new(script).arg(path)).await;
    assert!(output.status.success(), "{output:?}");
    let body: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let kind = path.split(['?', '/']).next().unwrap();
    body[kind].as_array().map_or(0, Vec::len)
}

/// `NetScalerToolkit`'s objects in content switching mode, and one responder policy for each authorisation.
const TOOLKIT_BEFORE: &str = r#"
nitro POST 'nsfeature?action=enable' '{"nsfeature":{"feature":["LB","RESPONDER","CS","SSL"]}}'
nitro POST service '{"service":{"name":"svc_letsencrypt_cert_dummy","ip":"1.2.3.4","servicetype":"HTTP","port":80,"healthmonitor":"NO"}}'
nitro POST lbvserver '{"lbvserver":{"name":"lb_letsencrypt_cert","servicetype":"HTTP","ipv46":"0.0.0.0"}}'
nitro PUT lbvserver_service_binding '{"lbvserver_service_binding":{"name":"lb_letsencrypt_cert","servicename":"svc_letsencrypt_cert_dummy"}}'
nitro POST csaction '{"csaction":{"name":"csa_letsencrypt","targetlbvserver":"lb_letsencrypt_cert"}}'
nitro POST cspolicy '{"cspolicy":{"policyname":"csp_letsencrypt","rule":"HTTP.REQ.URL.CONTAINS(\"well-known/acme-challenge/\")","action":"csa_letsencrypt"}}'
nitro PUT csvserver_cspolicy_binding '{"csvserver_cspolicy_binding":{"name":"cs","policyname":"csp_letsencrypt","priority":11,"gotopriorityexpression":"END"}}'
"#;

const TOOLKIT_AUTH: &str = r#"
number=$(( $(wc -l < "$0.count" 2>/dev/null || echo 0) + 101 ))
echo "$number" >> "$0.count"
nitro POST responderaction '{"responderaction":{"name":"rsa_letsencrypt_'"$number"'","type":"respondwith","target":"\"HTTP/1.0 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r\\n'"$CERTBOT_VALIDATION"'\""}}'
nitro POST responderpolicy '{"responderpolicy":{"name":"rsp_letsencrypt_'"$number"'","rule":"HTTP.REQ.URL.CONTAINS(\".well-known/acme-challenge/'"$CERTBOT_TOKEN"'\")","action":"rsa_letsencrypt_'"$number"'"}}'
nitro PUT lbvserver_responderpolicy_binding '{"lbvserver_responderpolicy_binding":{"name":"lb_letsencrypt_cert","policyname":"rsp_letsencrypt_'"$number"'","priority":'"$number"'}}'
"#;

const TOOLKIT_AFTER: &str = r#"
nitro DELETE 'csvserver_cspolicy_binding/cs?args=policyname:csp_letsencrypt,priority:11'
for number in 101 102; do
    nitro DELETE "lbvserver_responderpolicy_binding/lb_letsencrypt_cert?args=policyname:rsp_letsencrypt_$number,priority:$number,bindpoint:REQUEST"
    nitro DELETE "responderpolicy/rsp_letsencrypt_$number"
    nitro DELETE "responderaction/rsa_letsencrypt_$number"
done
nitro DELETE cspolicy/csp_letsencrypt
nitro DELETE csaction/csa_letsencrypt
nitro DELETE 'lbvserver_service_binding/lb_letsencrypt_cert?args=servicename:svc_letsencrypt_cert_dummy'
nitro DELETE lbvserver/lb_letsencrypt_cert
nitro DELETE service/svc_letsencrypt_cert_dummy
"#;

#[tokio::test]
async fn certbot_is_validated_by_http01_through_content_switching_as_netscalertoolkit_does_it() {
    if let Err(missing) = programs() {
        return announce(&missing);
    }
    let dir = tempfile::tempdir().unwrap();
    let (backend, dns) = (Backend::start().await, Challtestsrv::start().await.unwrap());
    let adc = Setup::new(dir.path())
        .vserver("web", "HTTP", &[backend.addr])
        .later("cs")
        .conf("add cs vserver cs HTTP 192.0.2.80 80\nbind cs vserver cs -lbvserver web")
        .start()
        .await;
    let pebble = pebble(dns.addr(), Some(adc.addr("cs").port())).await;
    let before = script(dir.path(), "before.sh", TOOLKIT_BEFORE);
    let after = script(dir.path(), "after.sh", TOOLKIT_AFTER);
    script(dir.path(), "auth.sh", TOOLKIT_AUTH);
    script(dir.path(), "cleanup.sh", "");

    let made = run(&mut Command::new(before)).await;
    assert!(made.status.success(), "{made:?}");
    certbot(
        dir.path(),
        &pebble,
        "http",
        &["a.example.com", "b.example.com"],
    )
    .await;
    assert_eq!(left(dir.path(), "responderpolicy").await, 2);
    let cleaned = run(&mut Command::new(after)).await;
    assert!(cleaned.status.success(), "{cleaned:?}");

    for kind in ["responderpolicy", "responderaction", "cspolicy", "csaction"] {
        assert_eq!(left(dir.path(), kind).await, 0, "{kind}");
    }
    check_site(&adc, "cs", &backend).await;
    adc.stop().await;
}

/// The site is served as ever, and challenges go to it again.
async fn check_site(adc: &TestAdc, vserver: &str, backend: &Backend) {
    let before = backend.requests().len();
    let request = b"GET /.well-known/acme-challenge/x HTTP/1.1\r\nHost: a.example.com\r\nConnection: close\r\n\r\n";
    let answer = exchange_raw(adc.addr(vserver), request).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(backend.requests().len(), before + 1);
}

/// lens: no vserver is named; the first free priority from 33501 on in the bank before all others.
const LENS_AUTH: &str = r#"
name="${CERTBOT_DOMAIN}_20261121120000"
nitro POST responderaction '{"responderaction":[{"name":"RSA_LENS_'"$name"'","type":"respondwith","target":"\"HTTP/1.1 200 OK\\r\\n\\r\\n'"$CERTBOT_VALIDATION"'\""}]}'
nitro POST responderpolicy '{"responderpolicy":[{"name":"RSP_LENS_'"$name"'","rule":"HTTP.REQ.HOSTNAME.EQ(\"'"$CERTBOT_DOMAIN"'\") && HTTP.REQ.URL.EQ(\"/.well-known/acme-challenge/'"$CERTBOT_TOKEN"'\")","action":"RSA_LENS_'"$name"'","undefaction":""}]}'
taken=$(nitro GET 'responderglobal_responderpolicy_binding?args=type:REQ_OVERRIDE&attrs=priority')
priority=33501
while echo "$taken" | grep -q "\"$priority\""; do priority=$((priority + 1)); done
nitro POST responderglobal_responderpolicy_binding '{"responderglobal_responderpolicy_binding":[{"policyname":"RSP_LENS_'"$name"'","type":"REQ_OVERRIDE","priority":"'"$priority"'","gotopriorityexpression":"END"}]}'
"#;

const LENS_CLEANUP: &str = r#"
name="${CERTBOT_DOMAIN}_20261121120000"
nitro DELETE "responderglobal_responderpolicy_binding?args=policyname:RSP_LENS_$name,type:REQ_OVERRIDE"
nitro DELETE "responderpolicy/RSP_LENS_$name"
nitro DELETE "responderaction/RSA_LENS_$name"
"#;

#[tokio::test]
async fn certbot_is_validated_by_http01_through_global_policies_as_lens_does_it() {
    if let Err(missing) = programs() {
        return announce(&missing);
    }
    let dir = tempfile::tempdir().unwrap();
    let (backend, dns) = (Backend::start().await, Challtestsrv::start().await.unwrap());
    let adc = Setup::new(dir.path())
        .vserver("web", "HTTP", &[backend.addr])
        .conf("enable ns feature RESPONDER")
        .start()
        .await;
    let pebble = pebble(dns.addr(), Some(adc.addr("web").port())).await;
    script(dir.path(), "auth.sh", LENS_AUTH);
    script(dir.path(), "cleanup.sh", LENS_CLEANUP);

    certbot(
        dir.path(),
        &pebble,
        "http",
        &["a.example.com", "b.example.com"],
    )
    .await;

    let log = std::fs::read_to_string(dir.path().join("nitro.log")).unwrap();
    assert!(log.contains("\"priority\":\"33502\""), "{log}");
    assert_eq!(left(dir.path(), "responderpolicy").await, 0);
    assert_eq!(left(dir.path(), "responderaction").await, 0);
    check_site(&adc, "web", &backend).await;
    adc.stop().await;
}

/// lens and `NetScalerToolkit` make it alike; lens' name ends with a point.
const DNS_AUTH: &str = r#"
nitro POST dnstxtrec '{"dnstxtrec":[{"domain":"_acme-challenge.'"$CERTBOT_DOMAIN"'.","string":["'"$CERTBOT_VALIDATION"'"],"ttl":30}]}'
"#;

/// `NetScalerToolkit` removes it by its value.
const BY_VALUE: &str = r#"
nitro DELETE "dnstxtrec/_acme-challenge.$CERTBOT_DOMAIN?args=String:$CERTBOT_VALIDATION"
"#;

/// lens looks for its number, and removes it by that.
const BY_NUMBER: &str = r#"
record=$(nitro GET "dnstxtrec/_acme-challenge.$CERTBOT_DOMAIN.?attrs=string,recordid" | tr '{' '\n' | grep -F -e "$CERTBOT_VALIDATION")
number=$(echo "$record" | sed 's/.*"recordid":"\{0,1\}\([0-9]*\).*/\1/')
nitro DELETE "dnstxtrec/_acme-challenge.$CERTBOT_DOMAIN.?args=recordid:$number"
"#;

#[tokio::test]
async fn certbot_is_validated_by_dns01_through_the_adcs_own_dns() {
    if let Err(missing) = programs() {
        return announce(&missing);
    }
    let dir = tempfile::tempdir().unwrap();
    // Pebble asks one address by UDP and TCP.
    let dns = free_addr();
    let adc = Setup::new(dir.path())
        .conf(&format!(
            "add dns soaRec example.com -originServer ns.example.com -contact admin.example.com
            add dns nsRec example.com ns.example.com
            add dns zone example.com -proxyMode NO
            add service adns_udp {ip} ADNS {port}
            add service adns_tcp {ip} ADNS_TCP {port}",
            ip = dns.ip(),
            port = dns.port()
        ))
        .start()
        .await;
    let pebble = pebble(dns, None).await;
    script(dir.path(), "auth.sh", DNS_AUTH);

    // Two authorisations with two values at one name.
    script(dir.path(), "cleanup.sh", BY_NUMBER);
    certbot(
        dir.path(),
        &pebble,
        "dns",
        &["example.com", "*.example.com"],
    )
    .await;

    assert_eq!(left(dir.path(), "dnstxtrec").await, 0);
    script(dir.path(), "cleanup.sh", BY_VALUE);
    certbot(dir.path(), &pebble, "dns", &["www.example.com"]).await;
    assert_eq!(left(dir.path(), "dnstxtrec").await, 0);
    adc.stop().await;
}
