//! The providers that write zone files: the file, and NSD reading it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use evercert_dns::{Fault, Provider, Settings, TxtTarget};

use evercert_testkit::{Nsd, Zone, start_or_skip};

use crate::harness::{FIRST, SECOND, txt};

const NAME: &str = "_acme-challenge.example.org";
const OTHERS: &str = "example.org. 60 IN SOA ns.example.org. admin.example.org. 7 3600 900 604800 60\n\
    example.org. 60 IN NS ns.example.org.\nns.example.org. 60 IN A 127.0.0.1\n\
    _acme-challenge.example.org. 60 IN TXT \"somebody-elses\"\n";

fn provider(code: &str, pairs: &[(&str, String)]) -> Arc<dyn Provider> {
    let pairs = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone().into()));
    let settings: Settings = pairs
        .chain([("zone".to_owned(), "example.org".to_owned().into())])
        .collect();
    evercert_dns::build(code, &settings).unwrap()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn zone_file(dir: &Path, text: &str) -> PathBuf {
    let path = dir.join("example.org.zone");
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn nsd_s_lines_come_and_go_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = zone_file(dir.path(), OTHERS);
    let read = || std::fs::read_to_string(&path).unwrap();
    let make = || {
        provider(
            "nsd",
            &[
                ("zone_file", shown(&path)),
                ("command", "true".to_owned()),
                ("raise_serial", "true".to_owned()),
            ],
        )
    };

    assert!(
        make()
            .add(&TxtTarget::new(NAME, FIRST))
            .await
            .unwrap()
            .created
    );
    assert!(
        !make()
            .add(&TxtTarget::new(NAME, FIRST))
            .await
            .unwrap()
            .created
    );
    make().add(&TxtTarget::new(NAME, SECOND)).await.unwrap();
    assert!(
        read().contains(&format!(
            "\n{NAME}. 300 IN TXT \"{FIRST}\"\n{NAME}. 300 IN TXT \"{SECOND}\"\n"
        )),
        "{}",
        read()
    );
    assert!(read().contains("admin.example.org. 9 3600"), "{}", read());
    make()
        .remove(&TxtTarget::new(NAME, FIRST), None)
        .await
        .unwrap();
    make()
        .remove(&TxtTarget::new(NAME, SECOND), None)
        .await
        .unwrap();
    make()
        .remove(&TxtTarget::new(NAME, SECOND), None)
        .await
        .unwrap();
    assert_eq!(read(), OTHERS.replace(" 7 ", " 11 "));
}

#[tokio::test]
async fn many_writers_of_one_file_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = zone_file(dir.path(), OTHERS);
    let make = || {
        provider(
            "nsd",
            &[("zone_file", shown(&path)), ("command", "true".to_owned())],
        )
    };
    let changes = |add: bool| {
        let tasks = (0..12).map(|number| {
            let (provider, target) = (make(), TxtTarget::new(NAME, format!("value-{number}")));
            tokio::spawn(async move {
                match add {
                    true => provider.add(&target).await.map(drop),
                    false => provider.remove(&target, None).await,
                }
            })
        });
        tasks.collect::<Vec<_>>()
    };

    for task in changes(true) {
        task.await.unwrap().unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&path)
            .unwrap()
            .matches("\"value-")
            .count(),
        12
    );
    for task in changes(false) {
        task.await.unwrap().unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), OTHERS);
}

#[tokio::test]
async fn what_cannot_be_done_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = zone_file(dir.path(), OTHERS);
    let make = |command: &str, file: &Path| {
        provider(
            "nsd",
            &[("zone_file", shown(file)), ("command", command.to_owned())],
        )
    };

    let error = make("false", &path)
        .add(&TxtTarget::new(NAME, FIRST))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("false failed"), "{error}");
    let error = make("true", &dir.path().join("none"))
        .add(&TxtTarget::new(NAME, FIRST))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
    let elsewhere = TxtTarget::new("_acme-challenge.example.net", FIRST);
    let error = make("true", &path).add(&elsewhere).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Zone, "{error}");
    let report = make("true", &path).check(Some(NAME)).await.unwrap();
    assert_eq!(report.zone.as_deref(), Some("example.org"));
}

#[tokio::test]
async fn maradns_s_lines_come_and_go_and_duende_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = zone_file(
        dir.path(),
        "ns.example.org. A 127.0.0.1 ~\n_acme-challenge.example.org. +300 TXT 'somebody-elses' ~\n",
    );
    let before = std::fs::read_to_string(&path).unwrap();
    // Stands for duende: notes each signal.
    let told = dir.path().join("told");
    let script = format!(
        "trap 'echo x >> {0}' HUP; echo ready > {0}.ready; while :; do sleep 0.05; done",
        shown(&told)
    );
    let mut duende = tokio::process::Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    until(|| dir.path().join("told.ready").exists()).await;
    let pid_file = dir.path().join("duende.pid");
    std::fs::write(&pid_file, format!("{}\n", duende.id().unwrap())).unwrap();
    let provider = provider(
        "maradns",
        &[("zone_file", shown(&path)), ("pid_file", shown(&pid_file))],
    );

    assert!(
        provider
            .add(&TxtTarget::new(NAME, FIRST))
            .await
            .unwrap()
            .created
    );
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .ends_with(&format!("\n{NAME}. TXT '{FIRST}' ~\n"))
    );
    until(|| told.exists()).await;
    provider.check(Some(NAME)).await.unwrap();
    provider
        .remove(&TxtTarget::new(NAME, FIRST), None)
        .await
        .unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    duende.kill().await.unwrap();
    let error = provider
        .add(&TxtTarget::new(NAME, FIRST))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("kill failed"), "{error}");
}

async fn until(is: impl Fn() -> bool) {
    let wait = async {
        while !is() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), wait)
        .await
        .unwrap();
}

#[tokio::test]
async fn nsd_shows_what_was_written() {
    let nsd = start_or_skip!(Nsd::start(&[Zone::new("example.org")]).await);
    let file = nsd.zone_file("example.org");
    let command = nsd.reload_command("example.org");
    let provider = provider(
        "nsd",
        &[
            ("zone_file", shown(&file)),
            ("command", command),
            ("raise_serial", "true".to_owned()),
        ],
    );

    provider.check(Some(NAME)).await.unwrap();
    provider.add(&TxtTarget::new(NAME, FIRST)).await.unwrap();
    provider.add(&TxtTarget::new(NAME, SECOND)).await.unwrap();
    let mut both = [FIRST, SECOND];
    both.sort_unstable();
    seen(&nsd, &both).await;
    provider
        .remove(&TxtTarget::new(NAME, FIRST), None)
        .await
        .unwrap();
    seen(&nsd, &[SECOND]).await;
    provider
        .remove(&TxtTarget::new(NAME, SECOND), None)
        .await
        .unwrap();
    seen(&nsd, &[]).await;
}

/// The server reads the file a moment after it was told.
async fn seen(nsd: &Nsd, values: &[&str]) {
    let wait = async {
        while txt(nsd.addr(), NAME).await != values {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), wait)
        .await
        .unwrap();
}
