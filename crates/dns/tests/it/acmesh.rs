//! The runner of acme.sh's scripts, with an acme.sh and a script that keep values in a file.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use evercert_dns::{Context, LocalAccess, Provider, Settings, TxtTarget};

use crate::harness::{FIRST, SECOND};

const NAME: &str = "_acme-challenge.example.org";

/// Prints its help without arguments, as the real one does, and has a function for scripts.
const ACME_SH: &str = "#!/bin/sh\n_saveaccountconf_mutable() { echo \"SAVED_$1='$2'\" >> \"$ACCOUNT_CONF_PATH\"; }\n\
    [ $# -gt 0 ] && { echo \"unexpected: $*\" >&2; exit 9; }\necho 'Usage: acme.sh'\n";

const SCRIPT: &str = "dns_file_add() {\n  [ \"$FILE_Token\" = right-token ] || { echo \"bad token $FILE_Token\"; return 1; }\n\
    _saveaccountconf_mutable FILE_Token \"$FILE_Token\"\n  echo \"$1 $2\" >> \"$LE_CONFIG_HOME/zone\"\n}\n\
    dns_file_rm() {\n  grep -v -x -e \"$1 $2\" \"$LE_CONFIG_HOME/zone\" > \"$LE_CONFIG_HOME/zone.new\"\n  mv \"$LE_CONFIG_HOME/zone.new\" \"$LE_CONFIG_HOME/zone\"\n}\n";

fn provider(dir: &Path, token: &str, timeout: &str) -> Arc<dyn Provider> {
    std::fs::create_dir_all(dir.join("dnsapi")).unwrap();
    std::fs::create_dir_all(dir.join("kept")).unwrap();
    std::fs::write(dir.join("acme.sh"), ACME_SH).unwrap();
    std::fs::write(dir.join("dnsapi/dns_file.sh"), SCRIPT).unwrap();
    std::fs::write(
        dir.join("dnsapi/dns_slow.sh"),
        "dns_slow_add() { sleep 60; }\n",
    )
    .unwrap();
    let name = if timeout == "15m" {
        "dns_file"
    } else {
        "dns_slow"
    };
    let pairs = [
        ("acme_sh", dir.join("acme.sh").display().to_string()),
        ("script", name.to_owned()),
        ("env", format!("FILE_Token={token}")),
        ("directory", dir.join("kept").display().to_string()),
        ("timeout", timeout.to_owned()),
    ];
    let settings: Settings = pairs
        .map(|(key, value)| (key.to_owned(), value.into()))
        .into();
    evercert_dns::build("acmesh", &settings).unwrap()
}

#[tokio::test]
async fn a_script_adds_and_removes_and_keeps_its_notes() {
    let dir = tempfile::tempdir().unwrap();
    let provider = provider(dir.path(), "right-token", "15m");
    let zone = || std::fs::read_to_string(dir.path().join("kept/zone")).unwrap();

    provider.check(None).await.unwrap();
    provider.add(&TxtTarget::new(NAME, FIRST)).await.unwrap();
    provider.add(&TxtTarget::new(NAME, SECOND)).await.unwrap();
    assert_eq!(zone(), format!("{NAME} {FIRST}\n{NAME} {SECOND}\n"));
    provider
        .remove(&TxtTarget::new(NAME, FIRST), None)
        .await
        .unwrap();
    assert_eq!(zone(), format!("{NAME} {SECOND}\n"));
    let notes = std::fs::read_to_string(dir.path().join("kept/account.conf")).unwrap();
    assert!(notes.contains("SAVED_FILE_Token='right-token'"), "{notes}");
    let mode = |name: &str| {
        dir.path()
            .join(name)
            .metadata()
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!((mode("kept"), mode("kept/account.conf")), (0o700, 0o600));
}

/// acme.sh's functions and what the script sees of its surroundings.
const LOOK: &str = "dns_look_add() {\n  echo \"$HOME|$DOMAIN_CONF|$ACCOUNT_CONF_PATH|$PWD\" >> \"$LE_CONFIG_HOME/seen\"\n\
    touch \"$HOME/cookie\"\n  env | cut -d= -f1 | sort | tr '\\n' ' ' > \"$LE_CONFIG_HOME/names\"\n}\n";

#[tokio::test]
async fn a_script_sees_its_own_directory_a_fresh_home_and_nothing_of_this_process() {
    let dir = tempfile::tempdir().unwrap();
    provider(dir.path(), "x", "15m");
    std::fs::write(dir.path().join("dnsapi/dns_look.sh"), LOOK).unwrap();
    let own = dir.path().join("state/entry");
    let settings: Settings = [
        ("acme_sh", dir.path().join("acme.sh").display().to_string()),
        ("script", "dns_look.sh".to_owned()),
        ("env", "LOOK_Token=t".to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value.into()))
    .into();
    let context = Context {
        state_dir: Some(own.clone()),
        local: LocalAccess::Within(vec![dir.path().to_owned()]),
        ..Context::default()
    };
    let provider = evercert_dns::build_with("acmesh", &settings, &context).unwrap();

    for _ in 0..2 {
        provider.add(&TxtTarget::new(NAME, FIRST)).await.unwrap();
    }

    let seen = std::fs::read_to_string(own.join("seen")).unwrap();
    let homes: Vec<&str> = seen
        .lines()
        .map(|line| line.split('|').next().unwrap())
        .collect();
    assert_ne!(homes[0], homes[1]);
    for line in seen.lines() {
        let own = own.display();
        assert!(line.starts_with(&format!("{own}/home-")), "{line}");
        assert!(
            line.ends_with(&format!("|{own}/domain.conf|{own}/account.conf|{own}")),
            "{line}"
        );
    }
    assert!(
        homes.iter().all(|home| !Path::new(home).exists()),
        "{homes:?}"
    );
    let names = std::fs::read_to_string(own.join("names")).unwrap();
    assert!(names.contains("LOOK_Token"), "{names}");
    for inherited in ["CARGO", "RUST", "NEXTEST", "USER"] {
        assert!(
            !names.split(' ').any(|name| name.starts_with(inherited)),
            "{names}"
        );
    }
}

#[tokio::test]
async fn what_acme_sh_would_take_for_code_or_for_its_own_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |env: &str, local: LocalAccess| {
        let settings: Settings = [
            ("acme_sh", dir.path().join("acme.sh").display().to_string()),
            ("script", "dns_x".to_owned()),
            ("directory", dir.path().display().to_string()),
            ("env", env.to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value.into()))
        .into();
        let context = Context {
            local,
            ..Context::default()
        };
        evercert_dns::build_with("acmesh", &settings, &context).unwrap_err()
    };
    for env in [
        "X_Token=a'; id; '",
        "ACCOUNT_CONF_PATH=/tmp/x",
        "LE_WORKING_DIR=/tmp",
        "_H1=x",
        "LD_PRELOAD=/x",
    ] {
        let error = refused(env, LocalAccess::Anywhere);
        assert!(
            error.to_string().contains("env:") && !error.to_string().contains("id;"),
            "{error}"
        );
    }
    let error = refused("X_Token=a", LocalAccess::Within(Vec::new()));
    assert!(error.remedy().contains("dns_directories"), "{error}");
}

#[tokio::test]
async fn a_script_that_fails_is_told_with_what_it_said_and_without_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let error = provider(dir.path(), "wrong-token", "15m")
        .add(&TxtTarget::new(NAME, FIRST))
        .await
        .unwrap_err();

    assert!(error.to_string().contains("dns_file_add failed"), "{error}");
    assert!(error.to_string().contains("bad token ***"), "{error}");
    let error = provider(dir.path(), "x", "1s")
        .add(&TxtTarget::new(NAME, FIRST))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("did not end within 1s"),
        "{error}"
    );
    std::fs::remove_file(dir.path().join("dnsapi/dns_slow.sh")).unwrap();
}
