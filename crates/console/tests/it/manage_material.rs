//! Files in and out: every format, chains completed, keys only for those who may.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_api::Problem;
use evercert_api::certificates::{
    Certificate, ExportFormat, ExportPart, ExportRequest, ImportRequest,
};
use evercert_api::revocations::RebuildRequest;
use evercert_console::lifecycle::{certificates, import};
use evercert_console::{Console, Environment};
use evercert_types::{Clock as _, KeyAlgorithm, RenewalMode, Secret, SystemClock};
use evercert_x509::mint::{Authority, LeafRequest};
use evercert_x509::{Chain, KeyPair, bundle, encrypted_key, pkcs12};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::world::{World, actor, console_config, standing_clock, wanted};

const P256: KeyAlgorithm = KeyAlgorithm::EcdsaP256;

struct Made {
    key: KeyPair,
    chain: Chain,
    root: Authority,
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

fn made(names: &[&str]) -> Made {
    let now = SystemClock.now() - days(2);
    let root = Authority::self_signed("Other root", P256, days(3650), now).unwrap();
    let ca = root
        .intermediate("Other CA", P256, days(1825), now)
        .unwrap();
    let key = KeyPair::generate(P256).unwrap();
    let names: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
    let chain = ca
        .issue_chain(&LeafRequest::for_key(&key, &names, days(90), now))
        .unwrap();
    Made { key, chain, root }
}

/// A Console alone, without CA, DNS or tasks.
async fn console(
    change: impl FnOnce(&mut evercert_console::ConsoleConfig),
) -> (Console, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = console_config(dir.path(), standing_clock(), ([127, 0, 0, 1], 1).into());
    change(&mut config);
    let console = Console::open_in(config, Environment::default())
        .await
        .unwrap();
    (console, dir)
}

fn file(name: &str, content: &[u8]) -> Value {
    json!({"name": name, "store": "zero_touch", "content": STANDARD.encode(content)})
}

async fn imported(console: &Console, request: Value) -> Result<Certificate, Problem> {
    let request: ImportRequest = serde_json::from_value(request).unwrap();
    let done = import::import(console, &actor(), request).await;
    done.map_err(|error| error.to_problem())
}

fn with(mut request: Value, key: &str, value: impl Into<Value>) -> Value {
    request[key] = value.into();
    request
}

#[tokio::test]
async fn files_of_every_format_are_taken_by_what_is_in_them() {
    let (console, _dir) = console(|_| {}).await;
    let Made { key, chain, root } = made(&["a.example.com"]);
    let sealed = encrypted_key::encrypt_to_pem(&key, "secret").unwrap();
    let mixed = format!(
        "{}{}{}{}",
        chain.pem_without_leaf(),
        root.certificate().to_pem(),
        sealed.expose(),
        chain.leaf().to_pem()
    );
    let modern = pkcs12::export(&key, &chain, "secret", pkcs12::Profile::Modern).unwrap();
    let legacy = pkcs12::export(&key, &chain, "secret", pkcs12::Profile::Legacy).unwrap();
    let der_key = STANDARD.encode(encrypted_key::encrypt(&key, "secret").unwrap());
    for (number, request) in [
        file("x", mixed.as_bytes()),
        file("x", &modern),
        file("x", &legacy),
        with(file("x", chain.leaf().der()), "key_content", der_key),
    ]
    .into_iter()
    .enumerate()
    {
        let certificate = imported(&console, with(request, "password", "secret"))
            .await
            .unwrap();

        let active = certificate.keys[0].active.as_ref().unwrap();
        assert_eq!(active.generation, i64::try_from(number + 1).unwrap());
        assert_eq!(active.fingerprint, chain.leaf().fingerprint());
        let export = certificates::export(&console, "x", &ExportRequest::default())
            .await
            .unwrap();
        assert_eq!(
            Chain::from_pem(&export.chain_pem).unwrap(),
            chain,
            "{number}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_taken_is_said_clearly() {
    let (console, _dir) = console(|_| {}).await;
    let Made { key, chain, .. } = made(&["a.example.com"]);
    let other = made(&["b.example.com"]);
    let p12 = pkcs12::export(&key, &chain, "secret", pkcs12::Profile::Modern).unwrap();
    let keys = key.to_pkcs8_pem();
    let wrong_key = format!("{}{}", chain.to_pem(), other.key.to_pkcs8_pem().expose());
    let two = format!("{}{}", chain.to_pem(), other.chain.to_pem());
    let now = SystemClock.now() - days(100);
    let over = other.root.issue(&LeafRequest::for_key(
        &key,
        &["c.example.com".parse().unwrap()],
        days(10),
        now,
    ));
    let over = format!("{}{}", over.unwrap().to_pem(), keys.expose());
    for (request, pointer, words) in [
        (file("x", &p12), "/password", "no password was given"),
        (
            with(file("x", &p12), "password", "Secret"),
            "/password",
            "does not open with this password",
        ),
        (
            file("x", wrong_key.as_bytes()),
            "/content",
            "was issued for another private key",
        ),
        (
            file("x", two.as_bytes()),
            "/content",
            "several server certificates",
        ),
        (
            file("x", over.as_bytes()),
            "/content",
            "the certificate expired at",
        ),
        (
            file("x", keys.expose().as_bytes()),
            "/content",
            "only a private key",
        ),
        (
            file("x", b"hello"),
            "/content",
            "none of PEM, DER and PKCS#12",
        ),
        (file("x", b""), "/content", "is empty"),
        (
            with(file("x", b""), "content", "%%%"),
            "/content",
            "not Base64",
        ),
        (
            file("x", chain.to_pem().as_bytes()),
            "/key_pem",
            "needs the private key",
        ),
        (
            with(file("x", b"x"), "chain_pem", "y"),
            "/content",
            "not both",
        ),
        (
            with(file("x", chain.leaf().der()), "format", "pkcs12"),
            "/content",
            "PKCS#12 file could not be used",
        ),
    ] {
        let problem = imported(&console, request).await.unwrap_err();
        assert_eq!(problem.pointer.as_deref(), Some(pointer), "{problem:?}");
        assert!(problem.detail.contains(words), "{words}: {problem:?}");
    }
    assert!(console.db.certificate_by_name("x").await.unwrap().is_none());
}

#[tokio::test]
async fn a_missing_intermediate_is_taken_from_a_certificate_of_the_same_ca() {
    let (console, _dir) = console(|_| {}).await;
    let now = SystemClock.now() - days(2);
    let root = Authority::self_signed("Root", P256, days(3650), now).unwrap();
    let ca = root.intermediate("CA", P256, days(1825), now).unwrap();
    let leaf = |name: &str| {
        let key = KeyPair::generate(P256).unwrap();
        let request = LeafRequest::for_key(&key, &[name.parse().unwrap()], days(90), now);
        (
            ca.issue_chain(&request).unwrap(),
            key.to_pkcs8_pem().expose().clone(),
        )
    };
    let ((first, first_key), (second, second_key)) = (leaf("a.example.com"), leaf("b.example.com"));
    let bare = format!("{}{first_key}", first.leaf().to_pem());

    let incomplete = imported(&console, file("a", bare.as_bytes()))
        .await
        .unwrap();
    let warning = &incomplete.warnings[0];
    assert!(
        warning.contains("not complete") && warning.contains("CN=CA"),
        "{warning}"
    );
    let whole = format!("{}{second_key}", second.to_pem());
    assert!(
        imported(&console, file("b", whole.as_bytes()))
            .await
            .unwrap()
            .warnings
            .is_empty()
    );
    let completed = imported(&console, file("a", bare.as_bytes()))
        .await
        .unwrap();

    assert!(
        completed.warnings[0].contains("was completed with CN=CA"),
        "{:?}",
        completed.warnings
    );
    let export = certificates::export(&console, "a", &ExportRequest::default())
        .await
        .unwrap();
    assert_eq!(Chain::from_pem(&export.chain_pem).unwrap(), first);
}

#[tokio::test]
async fn an_appliances_default_certificate_is_kept_but_not_renewed_by_itself() {
    let (console, _dir) = console(|_| {}).await;
    let vendor = evercert_db::vendors::Vendor {
        id: evercert_types::VendorId::new(),
        name: "public".to_owned(),
        directory_url: "https://ca.example/dir".to_owned(),
        email: None,
        ca_bundle: None,
        eab_kid: None,
        renew_before: None,
        profile: None,
        preferred_chain: None,
        capabilities: json!({}),
        options: evercert_db::terms::VendorOptions {
            type_code: Some("lets-encrypt".to_owned()),
            ..Default::default()
        },
        created_at: console.now(),
        updated_at: console.now(),
    };
    let mut tx = console.db.begin_write().await.unwrap();
    tx.insert_vendor(&vendor, None).await.unwrap();
    tx.commit().await.unwrap();
    let adcd = made(&["adcd"]);
    let pem = format!(
        "{}{}",
        adcd.chain.to_pem(),
        adcd.key.to_pkcs8_pem().expose()
    );
    let kept = imported(
        &console,
        with(file("adcd", pem.as_bytes()), "vendor", "public"),
    )
    .await
    .unwrap();
    assert_eq!(kept.renewal_mode, RenewalMode::Manual);

    let change = serde_json::from_value(json!({"renewal_mode": "automatic"})).unwrap();
    let refused = certificates::change(&console, &actor(), "adcd", change).await;

    let problem = refused.unwrap_err().to_problem();
    let words = "Certificate has invalid domain - ADCD error";
    assert_eq!(
        (problem.title.as_str(), problem.known_as.as_deref()),
        (words, Some(words)),
        "{problem:?}"
    );
    assert_eq!(problem.code, "certificate.invalid_domain");
}

#[tokio::test]
async fn exports_hold_what_was_asked_for_and_nothing_else() {
    let (console, _dir) = console(|_| {}).await;
    let Made { key, chain, .. } = made(&["a.example.com"]);
    let pem = format!("{}{}", chain.to_pem(), key.to_pkcs8_pem().expose());
    imported(&console, file("x", pem.as_bytes())).await.unwrap();
    let export = async |request: &ExportRequest| certificates::export(&console, "x", request).await;
    let password = || Some(Secret::new("secret".to_owned()));
    let plain = ExportRequest::default;

    let leaf = export(&ExportRequest {
        part: ExportPart::Leaf,
        ..plain()
    })
    .await
    .unwrap();
    assert_eq!(
        (leaf.chain_pem, leaf.key_pem.is_none()),
        (chain.leaf().to_pem(), true)
    );
    let above = export(&ExportRequest {
        part: ExportPart::Intermediates,
        ..plain()
    })
    .await
    .unwrap();
    assert_eq!(above.chain_pem, chain.pem_without_leaf());
    let sealed = ExportRequest {
        part: ExportPart::Key,
        password: password(),
        ..plain()
    };
    let sealed = export(&sealed).await.unwrap().key_pem.unwrap();
    let opened = KeyPair::from_pem_with_password(&sealed, "secret").unwrap();
    assert_eq!(opened.spki_der(), key.spki_der());
    let der = export(&ExportRequest {
        format: ExportFormat::Der,
        part: ExportPart::Leaf,
        ..plain()
    })
    .await
    .unwrap();
    assert_eq!(
        STANDARD.decode(der.content.unwrap()).unwrap(),
        chain.leaf().der()
    );
    assert_eq!(
        (der.file_name.as_str(), der.media_type.as_str()),
        ("x.cer", "application/pkix-cert")
    );
    for legacy in [false, true] {
        let wanted = ExportRequest {
            format: ExportFormat::Pkcs12,
            legacy,
            password: password(),
            ..plain()
        };
        let content = STANDARD
            .decode(export(&wanted).await.unwrap().content.unwrap())
            .unwrap();
        let read = bundle::read(&content, Some("secret")).unwrap();
        assert_eq!(read.keys[0].spki_der(), key.spki_der());
        assert_eq!(Chain::for_key(read.certificates, &key).unwrap(), chain);
    }
    for (request, pointer) in [
        (
            ExportRequest {
                format: ExportFormat::Pkcs12,
                ..plain()
            },
            "/password",
        ),
        (
            ExportRequest {
                format: ExportFormat::Der,
                ..plain()
            },
            "/part",
        ),
        (
            ExportRequest {
                password: password(),
                ..plain()
            },
            "/password",
        ),
    ] {
        let problem = export(&request).await.err().unwrap().to_problem();
        assert_eq!(problem.pointer.as_deref(), Some(pointer), "{problem:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_is_built_anew_without_another_certificate() {
    let world = World::start().await;
    world.issue(wanted("www", &["www.example.test"])).await;
    let before = world.first_key("www").await.active.unwrap();
    let whole = world
        .console
        .db
        .version_chain(before.id)
        .await
        .unwrap()
        .unwrap();
    let request = RebuildRequest::default();
    let same = certificates::rebuild_chain(&world.console, &actor(), "www", &request)
        .await
        .unwrap();
    assert_eq!(same.warnings, ["the chain is as it was"]);

    // As if the intermediate had been lost.
    let bare = Chain::from_pem(&whole).unwrap().leaf().to_pem();
    let export = ExportRequest {
        with_key: true,
        ..ExportRequest::default()
    };
    let key = certificates::export(&world.console, "www", &export)
        .await
        .unwrap()
        .key_pem
        .unwrap();
    let mut tx = world.console.db.begin_write().await.unwrap();
    let version = evercert_db::versions::Version {
        id: evercert_types::VersionId::new(),
        generation: 2,
        ..world.console.db.version(before.id).await.unwrap().unwrap()
    };
    let material = evercert_db::versions::Material {
        version,
        chain_pem: bare,
        key: Some(KeyPair::from_pem(&key).unwrap().to_pkcs8_der()),
    };
    let id = material.version.certificate_id;
    tx.insert_version(&material).await.unwrap();
    tx.repoint_slot(id, P256, material.version.id)
        .await
        .unwrap();
    tx.commit().await.unwrap();

    certificates::rebuild_chain(&world.console, &actor(), "www", &request)
        .await
        .unwrap();

    let after = world.generation("www", 3).await.active.unwrap();
    assert_eq!(after.fingerprint, before.fingerprint);
    assert_eq!(
        world
            .console
            .db
            .version_chain(after.id)
            .await
            .unwrap()
            .unwrap(),
        whole
    );
    assert_eq!(world.ca.issued(), 1);
    let items = world.console.db.store_items_after(0, 10).await.unwrap();
    assert_eq!(items.last().unwrap().generation, 3);
    world.stop().await;
}

/// Runs OpenSSL in a directory; `None`, said loudly, where it is not installed.
fn openssl(dir: &std::path::Path, arguments: &str) -> Option<()> {
    let program = evercert_testkit::skip::require_program("openssl", "openssl");
    let program = program.inspect_err(evercert_testkit::skip::announce).ok()?;
    let output = std::process::Command::new(program)
        .args(arguments.split_whitespace())
        .current_dir(dir)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {words}");
    Some(())
}

/// A root, a CA and a leaf, of which each says where the one above is; the leaf with its key in `leaf.pem`.
fn hierarchy(dir: &std::path::Path, address: std::net::SocketAddr) -> Option<()> {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    let extensions = |name: &str, above: &str, more: &str| {
        let text =
            format!("authorityInfoAccess=caIssuers;URI:http://{address}/{above}.der\n{more}\n");
        std::fs::write(dir.join(format!("{name}.ext")), text).unwrap();
    };
    extensions("ca", "root", "basicConstraints=critical,CA:TRUE");
    extensions("leaf", "ca", "subjectAltName=DNS:leaf.example.com");
    openssl(
        dir,
        &format!("req -x509 {key} -keyout root.key -out root.pem -subj /CN=Root -days 30"),
    )?;
    for (name, above) in [("ca", "root"), ("leaf", "ca")] {
        openssl(
            dir,
            &format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN=Fetched-{name}"),
        )?;
        openssl(
            dir,
            &format!(
                "x509 -req -in {name}.csr -CA {above}.pem -CAkey {above}.key -CAcreateserial -days 20 \
                 -extfile {name}.ext -out {name}.pem"
            ),
        )?;
    }
    for name in ["root", "ca"] {
        openssl(
            dir,
            &format!("x509 -in {name}.pem -outform DER -out {name}.der"),
        )?;
    }
    Some(())
}

#[tokio::test]
async fn a_missing_intermediate_is_fetched_only_where_that_is_allowed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let files = tempfile::tempdir().unwrap();
    let Some(()) = hierarchy(files.path(), address) else {
        return;
    };
    let served = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (count, dir) = (served.clone(), files.path().to_owned());
    let router = axum::Router::new().fallback(async move |uri: http::Uri| {
        count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        std::fs::read(dir.join(uri.path().trim_start_matches('/'))).unwrap_or_default()
    });
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let read = |name: &str| std::fs::read_to_string(files.path().join(name)).unwrap();
    let pem = format!("{}{}", read("leaf.pem"), read("leaf.key"));

    let (console, _dir) = console(|_| {}).await;
    let bare = imported(&console, file("x", pem.as_bytes())).await.unwrap();
    assert!(
        bare.warnings[0].contains("not complete"),
        "{:?}",
        bare.warnings
    );
    assert_eq!(served.load(std::sync::atomic::Ordering::SeqCst), 0);

    let (console, _dir) = self::console(|config| config.fetch_intermediates = true).await;
    let whole = imported(&console, file("x", pem.as_bytes())).await.unwrap();
    assert_eq!(
        whole.warnings,
        ["the chain was completed with CN=Fetched-ca"]
    );
    let export = certificates::export(&console, "x", &ExportRequest::default())
        .await
        .unwrap();
    assert_eq!(
        Chain::from_pem(&export.chain_pem)
            .unwrap()
            .certificates()
            .len(),
        2
    );

    server.abort();
    let again = imported(&console, file("y", pem.as_bytes())).await.unwrap();
    assert_eq!(
        again.warnings, whole.warnings,
        "from the stores, though nothing is served any more"
    );
}
