//! Programs of the operator's.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use evercert_dns::{Context, Fault, LocalAccess, Settings, TxtTarget};
use evercert_testkit::eventually;
use tempfile::TempDir;

use crate::conformance::{Shown, Subject};
use crate::harness::{FIRST, NAME, provider, settings, with};

/// A directory with a shell script in it, and the settings to run it.
struct Hook {
    dir: TempDir,
    settings: Settings,
}

impl Hook {
    fn new(script: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hook");
        std::fs::write(&path, format!("#!/bin/sh\n{script}")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        let pair = |key: &str, path: &Path| (key.to_owned(), path.display().to_string());
        let settings = settings(&[pair("program", &path), pair("directory", dir.path())]);
        Self { dir, settings }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    async fn failure(&self) -> evercert_dns::DnsError {
        let provider = provider("exec", &self.settings);
        provider
            .add(&TxtTarget::new(NAME, FIRST))
            .await
            .unwrap_err()
    }
}

/// Keeps `NAME. VALUE` lines in a file, one writer at a time.
const STORE: &str = r#"
[ "$#" -eq 3 ] || exit 2
(
  flock 9
  touch store
  grep -v -x -F -e "$2 $3" store > rest
  [ "$1" = present ] && printf '%s %s\n' "$2" "$3" >> rest
  mv rest store
) 9> lock
"#;

#[tokio::test]
async fn conforms() {
    let hook = Hook::new(STORE);
    let subject = Subject {
        code: "exec",
        settings: hook.settings.clone(),
        refused: None,
        shown: Shown::File(hook.file("store")),
        sees_presence: false,
    };

    crate::conformance::conforms(&subject).await;
}

#[tokio::test]
async fn arguments_are_a_vector_and_the_environment_is_clean() {
    let mut hook = Hook::new(
        "printf '%s\\n' \"$@\" > args; env | cut -d= -f1 | sort > names; echo \"$TOKEN\" > token",
    );
    hook.settings = with(&hook.settings, "args", "--zone file\n$(touch harm)");
    hook.settings = with(&hook.settings, "env", "TOKEN=a b=c");

    let provider = provider("exec", &hook.settings);
    provider.add(&TxtTarget::new(NAME, FIRST)).await.unwrap();

    let read = |name| std::fs::read_to_string(hook.file(name)).unwrap();
    let expected = format!("--zone file\n$(touch harm)\npresent\n{NAME}.\n{FIRST}\n");
    assert_eq!(read("args"), expected);
    assert_eq!(read("token"), "a b=c\n");
    let names = read("names");
    for inherited in ["CARGO", "USER", "RUST_LOG"] {
        assert!(
            !names.lines().any(|name| name.starts_with(inherited)),
            "{names}"
        );
    }
    assert!(!hook.file("harm").exists());
}

#[tokio::test]
async fn failures_carry_the_end_of_the_output_without_secrets() {
    let mut hook =
        Hook::new("yes noise | head -c 200000; echo \"refused with $TOKEN\" >&2; exit 7");
    hook.settings = with(&hook.settings, "env", "TOKEN=hunter2");

    let error = hook.failure().await;

    assert_eq!(error.fault(), Fault::Provider);
    assert_eq!(error.status(), Some("exit status: 7"));
    let words = error.words().unwrap();
    assert!(words.ends_with("refused with ***"), "{words}");
    assert_eq!(words.chars().count(), 2048);
    assert!(error.output().unwrap().len() > 60_000);
    assert!(!format!("{error:?} {:?}", provider("exec", &hook.settings)).contains("hunter2"));
}

#[tokio::test]
async fn a_program_that_hangs_is_killed_with_its_children() {
    let mut hook = Hook::new("sleep 600 & echo $! > child; echo working; wait");
    hook.settings = with(&hook.settings, "timeout", "2s");
    let start = Instant::now();

    let error = hook.failure().await;

    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(
        error.to_string().contains("did not end within 2s"),
        "{error}"
    );
    assert_eq!(error.words(), Some("working"));
    child_ends(&hook).await;
}

#[tokio::test]
async fn a_call_given_up_kills_the_program_and_its_children() {
    let hook = Hook::new("sleep 600 & echo $! > child; wait");
    let provider = provider("exec", &hook.settings);
    let target = TxtTarget::new(NAME, FIRST);

    let adding = tokio::spawn(async move { provider.add(&target).await });
    let started = async || hook.file("child").exists().then_some(());
    eventually("the program's start", Duration::from_secs(10), started).await;
    adding.abort();

    child_ends(&hook).await;
}

async fn child_ends(hook: &Hook) {
    let pid = async || {
        let text = std::fs::read_to_string(hook.file("child")).unwrap_or_default();
        text.trim().parse::<u32>().ok()
    };
    let pid = eventually("the child's id", Duration::from_secs(10), pid).await;
    let gone = async || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        status
            .map_or(true, |status| status.contains(") Z "))
            .then_some(())
    };
    eventually("the child's end", Duration::from_secs(10), gone).await;
}

#[tokio::test]
async fn a_child_that_outlives_a_failed_program_does_not_hold_the_call() {
    let hook = Hook::new("sleep 30 & echo $! > child; echo failed; exit 1");
    let start = Instant::now();

    let error = hook.failure().await;

    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(error.words(), Some("failed"));
    let pid = std::fs::read_to_string(hook.file("child")).unwrap();
    std::process::Command::new("kill")
        .arg(pid.trim())
        .status()
        .unwrap();
}

#[tokio::test]
async fn a_program_that_is_not_there_is_a_configuration_fault() {
    let hook = Hook::new("true");
    let missing = with(&hook.settings, "program", "/no/such/program");
    let relative = with(&hook.settings, "program", "hook");

    let error = provider("exec", &missing).check(None).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Configuration, "{error}");
    let adding = provider("exec", &missing);
    let error = adding.add(&TxtTarget::new(NAME, FIRST)).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Configuration, "{error}");
    assert!(evercert_dns::build("exec", &relative).is_err());
}

#[tokio::test]
async fn only_programs_of_named_directories_are_run_and_only_harmless_variables_given() {
    let hook = Hook::new("true");
    let elsewhere = tempfile::tempdir().unwrap();
    let build = |settings: &Settings, directory: &Path| {
        let context = Context {
            local: LocalAccess::Within(vec![directory.to_owned()]),
            ..Context::default()
        };
        evercert_dns::build_with("exec", settings, &context)
    };

    build(&hook.settings, hook.dir.path()).unwrap();
    let error = build(&hook.settings, elsewhere.path()).unwrap_err();
    assert!(error.remedy().contains("dns_directories"), "{error}");
    let outside = with(&hook.settings, "directory", "/tmp/..");
    assert!(build(&outside, hook.dir.path()).is_err());
    let preload = with(&hook.settings, "env", "LD_PRELOAD=/tmp/x.so");
    let error = build(&preload, hook.dir.path()).unwrap_err();
    assert!(error.to_string().contains("LD_PRELOAD"), "{error}");
}
