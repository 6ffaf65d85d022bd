//! The clients of Debian, each run as its manual says: one order after the other, in one shell script.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use evercert_testkit::skip::require_program;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::Field;
use crate::measure::{Figure, Watch, Whose};

const LIMIT: Duration = Duration::from_secs(300);

/// A client and how it is used.
pub(crate) struct Other {
    pub(crate) name: &'static str,
    /// Fewer of the slow ones.
    orders: usize,
    /// Run once: registers an account. `$DIR`, `$DIRECTORY`, `$BUNDLE`, `$HOOK` and `$DNS` are set.
    prepare: &'static str,
    /// Orders a certificate for `$NAME`.
    issue: &'static str,
    /// What it calls to change DNS: `set NAME VALUE` or `clear NAME` follow from its own arguments.
    hook: &'static str,
}

/// Those that Debian has.
pub(crate) const ALL: [Other; 4] = [
    Other {
        name: "lego",
        orders: 10,
        prepare: "true",
        issue: "HTTPREQ_ENDPOINT=\"$DNS\" LEGO_CA_CERTIFICATES=\"$BUNDLE\" \
                lego --server \"$DIRECTORY\" --email bench@example.org --accept-tos --path \"$DIR\" \
                --key-type ec256 --dns httpreq --dns.disable-cp --domains \"$NAME\" run",
        hook: "",
    },
    Other {
        name: "uacme",
        orders: 20,
        prepare: "uacme -y -c \"$DIR\" -a \"$DIRECTORY\" -t EC new bench@example.org",
        issue: "uacme -y -c \"$DIR\" -a \"$DIRECTORY\" -t EC -h \"$HOOK\" issue \"$NAME\"",
        hook: "[ \"$2\" = dns-01 ] || exit 1\n\
               case \"$1\" in begin) set_txt \"$3\" \"$5\" ;; *) clear_txt \"$3\" ;; esac",
    },
    Other {
        name: "certbot",
        orders: 5,
        prepare: "true",
        issue: "REQUESTS_CA_BUNDLE=\"$BUNDLE\" certbot certonly --non-interactive --agree-tos \
                --email bench@example.org --server \"$DIRECTORY\" --config-dir \"$DIR/config\" \
                --work-dir \"$DIR/work\" --logs-dir \"$DIR/logs\" --key-type ecdsa --manual \
                --preferred-challenges dns --manual-auth-hook \"$HOOK\" --manual-cleanup-hook \
                \"$HOOK clean\" -d \"$NAME\"",
        hook: "case \"${1:-}\" in clean) clear_txt \"$CERTBOT_DOMAIN\" ;; \
               *) set_txt \"$CERTBOT_DOMAIN\" \"$CERTBOT_VALIDATION\" ;; esac",
    },
    Other {
        name: "dehydrated",
        orders: 4,
        prepare: "printf 'CA=%s\\nCHALLENGETYPE=dns-01\\nHOOK=%s\\nBASEDIR=%s\\nKEY_ALGO=prime256v1\\n\
                  CURL_OPTS=\"--cacert %s\"\\n' \"$DIRECTORY\" \"$HOOK\" \"$DIR\" \"$BUNDLE\" > \"$DIR/config\"; \
                  dehydrated --config \"$DIR/config\" --register --accept-terms",
        issue: "dehydrated --config \"$DIR/config\" --cron --domain \"$NAME\"",
        hook: "case \"$1\" in deploy_challenge) set_txt \"$2\" \"$4\" ;; \
               clean_challenge) clear_txt \"$2\" ;; esac",
    },
];

/// Runs a client's orders, one after the other.
pub(crate) async fn run(field: &Field, other: &Other) -> Result<Figure> {
    require_program(other.name, other.name)?;
    require_program("curl", "curl")?;
    let dir = field.dir.path().join(other.name);
    std::fs::create_dir(&dir).context("making a directory")?;
    let hook = dir.join("hook.sh");
    write_script(&hook, &hook_text(field, other))?;
    let shim = Shim::start(field).await?;
    let issue = |from: usize, orders: usize| {
        let to = from + orders - 1;
        format!(
            "for number in $(seq {from} {to}); do NAME={}$number.example.org; {} || exit 1; done",
            other.name, other.issue
        )
    };
    let script = |text: String| script(field, &dir, &hook, &shim.url, &text);
    succeed(script(other.prepare.to_owned())).await?;
    // The first order also makes what all others find.
    succeed(script(issue(0, 1))).await?;
    let watch = Watch::start(Whose::Children)?;
    succeed(script(issue(1, other.orders))).await?;
    watch.stop(other.name, 1, other.orders)
}

/// A script in a mount namespace where the system's roots are Pebble's: uacme can be given no others.
fn script(field: &Field, dir: &Path, hook: &Path, shim: &str, text: &str) -> Command {
    let roots = "/etc/ssl/certs/ca-certificates.crt";
    let text = format!("mount --bind \"$BUNDLE\" {roots} || exit 1\n{text}\n");
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--mount", "sh", "-c", &text])
        .env("DIRECTORY", field.pebble.directory_url())
        .env("BUNDLE", &field.bundle)
        .env("DIR", dir)
        .env("HOOK", hook)
        .env("DNS", shim)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

async fn succeed(mut command: Command) -> Result<()> {
    let output = tokio::time::timeout(LIMIT, command.output())
        .await
        .context("it took too long")?
        .context("running a script")?;
    ensure!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// A hook that changes pebble-challtestsrv.
fn hook_text(field: &Field, other: &Other) -> String {
    let url = field.dns.management_url();
    format!(
        "#!/bin/sh\nask() {{ curl -s -d \"$2\" \"{url}/$1\"; }}\n\
         set_txt() {{ ask set-txt \"{{\\\"host\\\":\\\"_acme-challenge.$1.\\\",\\\"value\\\":\\\"$2\\\"}}\"; }}\n\
         clear_txt() {{ ask clear-txt \"{{\\\"host\\\":\\\"_acme-challenge.$1.\\\"}}\"; }}\n{}\n",
        other.hook
    )
}

fn write_script(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).context("writing a hook")?;
    std::fs::set_permissions(path, Permissions::from_mode(0o755)).context("writing a hook")
}

/// What lego's httpreq provider speaks to, in front of pebble-challtestsrv.
struct Shim {
    url: String,
    task: tokio::task::JoinHandle<()>,
}

impl Shim {
    async fn start(field: &Field) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new()
            .route("/present", post(present))
            .route("/cleanup", post(clean_up))
            .with_state((http, field.dns.management_url()));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("lego's DNS shim ended: {error}");
            }
        });
        Ok(Self { url, task })
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Ways = State<(reqwest::Client, String)>;

async fn present(State((http, url)): Ways, Json(body): Json<Value>) -> Result<(), String> {
    let change = json!({ "host": body["fqdn"], "value": body["value"] });
    let sent = http.post(format!("{url}/set-txt")).json(&change).send();
    sent.await.map(drop).map_err(|error| error.to_string())
}

async fn clean_up(State((http, url)): Ways, Json(body): Json<Value>) -> Result<(), String> {
    let change = json!({ "host": body["fqdn"] });
    let sent = http.post(format!("{url}/clear-txt")).json(&change).send();
    sent.await.map(drop).map_err(|error| error.to_string())
}
