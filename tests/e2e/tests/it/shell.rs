//! An administrator at NetScaler's command line: whole sessions with `evercert shell`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use evercert_e2e::adc::AdcSetup;
use evercert_e2e::program::evercert;
use evercert_e2e::role::Role;
use evercert_testkit::port::free_addr;
use evercert_testkit::skip;
use evercert_types::{Clock as _, KeyAlgorithm, SystemClock};
use evercert_x509::mint::{Authority, LeafRequest};
use evercert_x509::{Certificate, KeyPair};
use jiff::SignedDuration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

const LIMIT: Duration = Duration::from_secs(60);

/// What a run of the shell left behind.
#[derive(Debug)]
struct Run {
    out: String,
    err: String,
    code: i32,
}

/// Runs `evercert shell` with these arguments, and this text to read.
async fn shell(arguments: &[&str], input: &str) -> Run {
    let mut command = Command::new(evercert());
    command.arg("shell").args(arguments);
    run(command, input).await
}

async fn run(mut command: Command, input: &str) -> Run {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let output = tokio::time::timeout(LIMIT, child.wait_with_output());
    let output = output.await.expect("the shell hangs").unwrap();
    Run {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap(),
    }
}

/// A local ADC and the way to its shell.
struct Box {
    adc: AdcSetup,
    state: String,
}

impl Box {
    async fn new(dir: &Path) -> Self {
        let adc = AdcSetup::new(dir, free_addr(), None).await.unwrap();
        let state = adc.state_dir().to_str().unwrap().to_owned();
        certificate(&dir.join("ssl"));
        Self { adc, state }
    }

    /// Starts it, and waits until it answers at its socket.
    async fn start(&self) -> Role {
        let mut role = self.adc.start().await.unwrap();
        let socket = Path::new(&self.state).join("adc.sock");
        role.wait_for("the status socket", async || {
            tokio::net::UnixStream::connect(&socket).await.ok()
        })
        .await
        .unwrap();
        role
    }

    /// Lines that must all succeed; what they print.
    async fn ok(&self, lines: &[&str]) -> String {
        let mut arguments = vec!["--state-dir", self.state.as_str()];
        arguments.extend(lines.iter().flat_map(|line| ["-c", line]));
        let run = shell(&arguments, "").await;
        assert_eq!(
            (run.code, run.err.as_str()),
            (0, ""),
            "{lines:?}: {}",
            run.out
        );
        run.out
    }

    /// A line that must fail; its exit code and what it prints to standard error.
    async fn fails(&self, line: &str) -> (i32, String) {
        let run = shell(&["--state-dir", &self.state, "-c", line], "").await;
        assert_ne!(run.code, 0, "{line}: {}", run.out);
        (run.code, run.err)
    }
}

/// `web1.pem` and `web1.key` in that directory.
fn certificate(dir: &Path) -> PathBuf {
    std::fs::create_dir_all(dir).unwrap();
    let (now, year) = (SystemClock.now(), SignedDuration::from_hours(24 * 365));
    let algorithm = KeyAlgorithm::EcdsaP256;
    let ca = Authority::self_signed("Example CA", algorithm, year, now).unwrap();
    let key = KeyPair::generate(algorithm).unwrap();
    let names = ["web1.example.com".parse().unwrap()];
    let request = LeafRequest::for_key(&key, &names, SignedDuration::from_hours(24 * 90), now);
    let leaf = ca.issue(&request).unwrap();
    std::fs::write(dir.join("web1.pem"), leaf.to_pem()).unwrap();
    std::fs::write(dir.join("web1.key"), key.to_pkcs8_pem().expose()).unwrap();
    dir.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_set_up_shown_saved_and_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let site = Box::new(dir.path()).await;
    let role = site.start().await;
    let port = free_addr().port();

    let done = site
        .ok(&[
            "add server s1 127.0.0.1",
            "add service svc1 s1 HTTP 8080",
            &format!("add lb vserver vs_new SSL 127.0.0.1 {port}"),
            "bind lb vserver vs_new svc1",
            "add ssl certKey web1 -cert web1.pem -key web1.key",
            "bind ssl vserver vs_new -certkeyName web1",
        ])
        .await;
    assert!(
        done.lines()
            .all(|line| line == " Done" || line.starts_with("Warning: ")),
        "{done}"
    );

    let certkey = site.ok(&["sh certkey web1"]).await;
    assert!(
        certkey.starts_with("\tName: web1\t\tStatus: Valid,   Days to expiration:"),
        "{certkey}"
    );
    assert!(
        certkey.contains("\tSubject:  CN=") || certkey.contains("\tSubject:"),
        "{certkey}"
    );
    assert!(
        certkey.contains("\t1)\tVServer name: vs_new\tServer Certificate\n"),
        "{certkey}"
    );
    assert!(certkey.ends_with(" Done\n"), "{certkey}");
    let vserver = site.ok(&["shsslvs vs_new"]).await;
    assert!(
        vserver.starts_with("\tAdvanced SSL configuration for VServer vs_new:\n"),
        "{vserver}"
    );
    assert!(
        vserver.contains("1)\tCertKey Name: web1\tServer Certificate\n"),
        "{vserver}"
    );
    let lb = site.ok(&["show lb vserver vs_new"]).await;
    assert!(
        lb.starts_with(&format!(
            "\tvs_new (127.0.0.1:{port}) - SSL\tType: ADDRESS \n"
        )),
        "{lb}"
    );
    assert!(lb.contains("svc1 (127.0.0.1: 8080) - HTTP"), "{lb}");
    tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .unwrap();

    assert_eq!(
        site.ok(&["flush ssl dynamicClientCertCache"]).await,
        " Done\n"
    );
    site.ok(&["save ns config"]).await;
    let saved = std::fs::read_to_string(dir.path().join("ns.conf")).unwrap();
    assert!(
        saved.contains("bind ssl vserver vs_new -certkeyName web1"),
        "{saved}"
    );
    role.kill().await.unwrap();

    let role = site.start().await;
    let again = site.ok(&["show ssl vserver vs_new"]).await;
    assert_eq!(again, vserver);
    let run = site.ok(&["show run | grep svc1"]).await;
    assert_eq!(run.lines().count(), 2, "{run}");
    role.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_netscalers_with_a_remedy_and_an_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let site = Box::new(dir.path()).await;
    let role = site.start().await;

    let (code, error) = site.fails("rm server nowhere").await;
    assert_eq!(code, 3, "{error}");
    assert!(
        error.starts_with("ERROR: ") && error.contains("nowhere"),
        "{error}"
    );
    let (code, error) = site.fails("shw server").await;
    assert_eq!(
        (code, error.as_str()),
        (2, "ERROR: No such command [shw]\n  → Expected `show`.\n")
    );
    let (code, error) = site.fails("add server web1 192.0.2.1").await;
    assert_eq!(code, 5, "{error}");
    let (_, error) = site
        .fails("add ssl certKey x -cert missing.pem -key missing.key")
        .await;
    assert!(error.starts_with("ERROR: "), "{error}");
    role.kill().await.unwrap();

    let (code, error) = site.fails("show server").await;
    assert_eq!(code, 1);
    assert!(error.contains("no ADC answers at"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_stop_at_the_first_error_or_keep_going() {
    let dir = tempfile::tempdir().unwrap();
    let site = Box::new(dir.path()).await;
    let role = site.start().await;
    let lines = "# servers\nadd server a 192.0.2.1\nrm server nowhere\n\nadd server b 192.0.2.2\n\
                 add system user u hunter2\n";
    let file = dir.path().join("batch.txt");
    std::fs::write(&file, lines).unwrap();
    let file = file.to_str().unwrap();

    let stopped = shell(&["--state-dir", &site.state, "-f", file], "").await;
    assert_eq!(stopped.code, 3);
    assert_eq!(
        stopped.out,
        "exec: add server a 192.0.2.1\n Done\nexec: rm server nowhere\n"
    );

    let went_on = shell(&["--state-dir", &site.state, "--keep-going"], lines).await;
    // `a` is there already.
    assert_eq!(went_on.code, 5, "{went_on:?}");
    assert!(
        went_on
            .out
            .contains("exec: add server b 192.0.2.2\n Done\n"),
        "{went_on:?}"
    );
    assert!(
        went_on.out.contains("exec: add system user u ***"),
        "{went_on:?}"
    );
    assert!(!went_on.out.contains("hunter2"), "{went_on:?}");

    let rows = shell(
        &[
            "--state-dir",
            &site.state,
            "-o",
            "json",
            "-c",
            "show server b",
        ],
        "",
    )
    .await;
    let rows: serde_json::Value = serde_json::from_str(&rows.out).unwrap();
    assert_eq!(rows[0]["ipaddress"], "192.0.2.2");
    role.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_shell_logs_in_over_https() {
    let dir = tempfile::tempdir().unwrap();
    let site = Box::new(dir.path()).await;
    let nitro = free_addr();
    let mut command = site.adc.command();
    command.args(["--nitro-listen", &nitro.to_string()]);
    let mut role = Role::spawn(command, &dir.path().join("adc.log")).unwrap();
    role.wait_for("NITRO", async || {
        tokio::net::TcpStream::connect(nitro).await.ok()
    })
    .await
    .unwrap();
    site.ok(&["set system user nsroot hunter2-Secret"]).await;
    let password = dir.path().join("password");
    std::fs::write(&password, "hunter2-Secret\n").unwrap();
    let password = format!("@{}", password.display());
    let url = format!("https://{nitro}");
    let remote = async |more: &[&str]| {
        let mut arguments = vec!["--nitro", url.as_str()];
        arguments.extend(more);
        shell(&arguments, "").await
    };

    let untrusted = remote(&["--password", &password, "-c", "show server"]).await;
    assert_eq!(untrusted.code, 1);
    assert!(untrusted.err.contains("--fingerprint"), "{untrusted:?}");

    // The certificate that was made for NITRO at the first start.
    let served = std::fs::read_to_string(site.adc.state_dir().join("nitro.pem")).unwrap();
    let pin = Certificate::from_pem(&served)
        .unwrap()
        .fingerprint()
        .to_string();
    let trusted = ["--fingerprint", &pin, "--password", &password];
    let shown = remote(&[&trusted[..], &["-c", "show server web1", "-c", "whoami"]].concat()).await;
    assert_eq!((shown.code, shown.err.as_str()), (0, ""), "{shown:?}");
    let local = site.ok(&["show server web1"]).await;
    assert!(shown.out.starts_with(&local), "{shown:?}");
    assert!(
        shown.out.contains(&format!("UserName: nsroot on {url}")),
        "{shown:?}"
    );

    let clear = remote(&[
        "--fingerprint",
        &pin,
        "--password",
        "hunter2-Secret",
        "-c",
        "show server",
    ])
    .await;
    assert_eq!(clear.code, 1);
    assert!(
        clear.err.contains("@FILE") && !clear.err.contains("hunter2"),
        "{clear:?}"
    );
    std::fs::write(dir.path().join("wrong"), "x").unwrap();
    let wrong = format!("@{}", dir.path().join("wrong").display());
    let refused = remote(&[
        "--fingerprint",
        &pin,
        "--password",
        &wrong,
        "-c",
        "show server",
    ])
    .await;
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.contains("does not log nsroot in"),
        "{refused:?}"
    );
    role.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_gets_help_and_history_without_secrets() {
    if let Err(missing) = skip::require_program("script", "bsdutils") {
        return skip::announce(&missing);
    }
    let dir = tempfile::tempdir().unwrap();
    let site = Box::new(dir.path()).await;
    let role = site.start().await;

    let mut person = Person::sits_down(dir.path(), &site.state);
    person.sees("> ").await;
    person.types("show ssl ?").await;
    person.sees("Certificate and private-key pair").await;
    // What was typed is still there; Ctrl-U takes it away.
    person.types("\x15show ser\t\t").await;
    person.sees("serviceGroup").await;
    person.types("er we\t\r").await;
    person.sees("IPAddress:    127.0.0.1").await;
    // Faster than the answer: typed ahead, then pasted.
    person.types("add system user u hunter2\r").await;
    person
        .types("\x1b[200~add server p1 192.0.2.1\nadd server p2 192.0.2.2\x1b[201~\r")
        .await;
    person.types("show server p2\r").await;
    person.sees("IPAddress:    192.0.2.2").await;
    person.types("set system user u\r").await;
    person.sees("Enter password:").await;
    person.types("hunter3\r").await;
    person.sees("Confirm password:").await;
    person.types("hunter3\r").await;
    person.sees(" Done").await;
    person.types("bogus\r").await;
    person.sees("ERROR: No such command [bogus]").await;
    person.types("history\r").await;
    person.sees("show server web1").await;
    person.types("exit\r").await;
    let (code, seen) = person.leaves().await;

    assert_eq!(code, 0, "{seen}");
    assert!(!seen.contains("hunter3"), "a password is shown: {seen}");
    let history = dir.path().join("evercert/shell_history");
    let kept = std::fs::read_to_string(&history).unwrap();
    assert!(
        kept.contains("show server web1") && !kept.contains("hunter2"),
        "{kept}"
    );
    let mode = history.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    role.kill().await.unwrap();
}

/// Somebody at a terminal.
struct Person {
    child: Child,
    seen: String,
    /// How much of it was looked for already.
    read: usize,
}

impl Person {
    fn sits_down(home: &Path, state: &str) -> Self {
        let line = format!("{} shell --state-dir {state}", evercert().display());
        let child = Command::new("script")
            .args(["-qefc", &line, "/dev/null"])
            .env("XDG_STATE_HOME", home)
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            child,
            seen: String::new(),
            read: 0,
        }
    }

    async fn types(&mut self, keys: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(keys.as_bytes()).await.unwrap();
        stdin.flush().await.unwrap();
    }

    /// Waits until the text appears after what was seen before.
    async fn sees(&mut self, text: &str) {
        let looking = async {
            loop {
                if let Some(at) = self.seen[self.read..].find(text) {
                    self.read += at + text.len();
                    return;
                }
                let mut bytes = [0; 4096];
                let stdout = self.child.stdout.as_mut().unwrap();
                let count = stdout.read(&mut bytes).await.unwrap();
                assert_ne!(count, 0, "no {text:?} in {:?}", self.seen);
                self.seen += &String::from_utf8_lossy(&bytes[..count]);
            }
        };
        if tokio::time::timeout(LIMIT, looking).await.is_err() {
            panic!("no {text:?} in {:?}", self.seen);
        }
    }

    async fn leaves(mut self) -> (i32, String) {
        let mut rest = Vec::new();
        let mut stdout = self.child.stdout.take().unwrap();
        let ends = async {
            stdout.read_to_end(&mut rest).await.unwrap();
            self.child.wait().await.unwrap()
        };
        let status = tokio::time::timeout(LIMIT, ends).await.unwrap();
        self.seen += &String::from_utf8_lossy(&rest);
        (status.code().unwrap(), self.seen)
    }
}
