//! The runner of acme.sh's scripts, with an acme.sh and a script that keep values in a file.

use std::path::Path;
use std::sync::Arc;

use evercert_dns::{Provider, Settings, TxtTarget};

use crate::harness::{FIRST, SECOND};

const NAME: &str = "_acme-challenge.example.org";

/// Prints its help without arguments, as the real one does, and has a function for scripts.
const ACME_SH: &str = "#!/bin/sh\n_saveaccountconf_mutable() { echo \"SAVED_$1='$2'\" >> \"$ACCOUNT_CONF_PATH\"; }\n\
    [ $# -gt 0 ] && { echo \"unexpected: $*\" >&2; exit 9; }\necho 'Usage: acme.sh'\n";

const SCRIPT: &str = "dns_file_add() {\n  [ \"$FILE_Token\" = right-token ] || { echo \"bad token $FILE_Token\"; return 1; }\n\
    _saveaccountconf_mutable FILE_Token \"$FILE_Token\"\n  echo \"$1 $2\" >> \"$HOME/zone\"\n}\n\
    dns_file_rm() {\n  grep -v -x -e \"$1 $2\" \"$HOME/zone\" > \"$HOME/zone.new\"\n  mv \"$HOME/zone.new\" \"$HOME/zone\"\n}\n";

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
