//! A world with Pebble and a Console around it, and what a story does there.

use std::collections::BTreeSet;
use std::time::Duration;

use evercert_e2e::cli::Cli;
use evercert_e2e::console::{Console, ConsoleSetup};
use evercert_e2e::dns_world::DnsWorld;
use evercert_e2e::rest::Rest;
use evercert_e2e::surroundings::ZONE;
use evercert_testkit::skip::find_program;
use evercert_testkit::wait::POLL;
use evercert_testkit::{Pebble, PebbleOptions, StartError};
use evercert_x509::{Certificate, Chain};
use serde_json::json;
use tokio::process::Command;
use tokio::time::Instant;

use super::until;

/// As long as anything may take, on a busy machine.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

pub(super) struct Scene {
    pub(super) world: DnsWorld,
    pub(super) before: BTreeSet<String>,
    pebble: Pebble,
    setup: ConsoleSetup,
    console: Option<Console>,
    rest: Rest,
    dir: tempfile::TempDir,
}

/// A CA that validates by the world's DNS.
pub(super) async fn pebble(world: &DnsWorld) -> Result<Pebble, StartError> {
    Pebble::start(PebbleOptions {
        dns_server: Some(world.resolver),
        ..PebbleOptions::default()
    })
    .await
}

impl Scene {
    /// Everything running and introduced; the Console stops for ever when the first order's values are written.
    pub(super) async fn start(world: DnsWorld, pebble: Pebble) -> Self {
        Self::start_with(world, pebble, Some("published")).await
    }

    /// The same, with a Console that stops where it is said, or nowhere.
    pub(super) async fn start_with(
        world: DnsWorld,
        pebble: Pebble,
        pause_at: Option<&str>,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("console");
        let setup = ConsoleSetup::new(&data, None, Some(world.resolver));
        let mut setup = setup.await.unwrap();
        setup.dns_directories = world.directories();
        let before = world.records().await;
        let mut command = setup.command();
        if let Some(state) = pause_at {
            command.env("EVERCERT_PAUSE_AT", state);
        }
        let console = setup.start_command(command).await.unwrap();
        let scene = Self {
            rest: Rest::new(&setup).unwrap(),
            world,
            before,
            pebble,
            setup,
            console: Some(console),
            dir,
        };
        scene.introduce().await;
        scene
    }

    pub(super) fn cli(&self) -> Cli {
        self.setup.cli()
    }

    async fn introduce(&self) {
        let cli = self.cli();
        let bundle = self.dir.path().join("pebble.pem");
        std::fs::write(&bundle, self.pebble.ca_bundle_pem()).unwrap();
        let directory = self.pebble.directory_url();
        let mut vendor = vec!["ca-vendor", "add", "pebble", "--directory-url", &directory];
        vendor.extend(["--ca-bundle", bundle.to_str().unwrap(), "--agree-tos"]);
        cli.ok(&vendor).await.unwrap();
        let arguments = self.world.provider_arguments();
        self.add_provider("dns", &arguments).await;
        self.map(ZONE, "dns").await;
    }

    /// `evercert dns-provider add`.
    pub(super) async fn add_provider(&self, name: &str, arguments: &[String]) {
        let mut add = vec!["dns-provider", "add", name];
        add.extend(arguments.iter().map(String::as_str));
        self.cli().ok(&add).await.unwrap();
    }

    /// `evercert domain map`.
    pub(super) async fn map(&self, domain: &str, provider: &str) {
        let map = ["domain", "map", domain, "--provider", provider];
        self.cli().ok(&map).await.unwrap();
    }

    /// Asks for a certificate and does not wait.
    pub(super) async fn order(&self, certificate: &str, names: &[String]) {
        let body = json!({
            "name": certificate, "domains": names, "vendor": "pebble", "store": "zero-touch",
        });
        let (status, answer) = self.rest.post("/certificates", &body).await.unwrap();
        assert!(status.is_success(), "{certificate}: {status} {answer}");
    }

    /// Waits until the Console stands still.
    pub(super) async fn wait_for_pause(&self) {
        let paused = self.setup.dir.join("paused");
        let end = Instant::now() + LIMIT;
        while !paused.exists() {
            assert!(Instant::now() < end, "no pause\n{}", self.log());
            tokio::time::sleep(POLL).await;
        }
    }

    /// SIGKILL, and a Console that goes on where the killed one was; its waits are a tenth.
    pub(super) async fn kill_and_start_again(&mut self) {
        if let Some(console) = self.console.take() {
            console.role.kill().await.unwrap();
        }
        let console = self.setup.start_with("EVERCERT_HASTE", "10").await;
        self.console = Some(console.unwrap());
    }

    /// Renews a certificate, and does not wait.
    pub(super) async fn renew(&self, certificate: &str) {
        let path = format!("/certificates/{certificate}/renew");
        let (status, answer) = self.rest.post(&path, &json!({})).await.unwrap();
        assert!(status.is_success(), "{certificate}: {status} {answer}");
    }

    /// Waits until so many values are written, or about to be.
    pub(super) async fn wait_for_values(&self, least: usize) {
        let end = Instant::now() + LIMIT;
        while self.journal().await < least {
            assert!(Instant::now() < end, "no values\n{}", self.log());
        }
    }

    /// Waits until every one of these certificates is in force.
    pub(super) async fn all_in_force(&self, certificates: &[String], limit: Duration) {
        self.all_at_generation(1, certificates, limit).await;
    }

    /// Waits until of every one of these certificates this generation is in force.
    pub(super) async fn all_at_generation(
        &self,
        generation: u64,
        certificates: &[String],
        limit: Duration,
    ) {
        let end = Instant::now() + limit;
        loop {
            let list = self.rest.get("/certificates?limit=200").await.unwrap();
            let items = list["items"].as_array().unwrap();
            let is_there = |name: &&String| {
                let is_it = |one: &&serde_json::Value| one["name"] == name.as_str();
                let found = items.iter().find(is_it);
                found.is_some_and(|one| one["keys"][0]["active"]["generation"] == generation)
            };
            let missing: Vec<_> = certificates.iter().filter(|one| !is_there(one)).collect();
            if missing.is_empty() {
                return;
            }
            assert!(
                Instant::now() < end,
                "generation {generation} is not in force within {limit:?}: {missing:?}\n{}",
                self.log()
            );
            tokio::time::sleep(POLL * 5).await;
        }
    }

    /// The certificate is for these names, and its chain ends at Pebble's root.
    pub(super) async fn check(&self, certificate: &str, names: &[String]) {
        let path = format!("/certificates/{certificate}/export");
        let (status, export) = self.rest.post(&path, &json!({})).await.unwrap();
        assert!(status.is_success(), "{path}: {status} {export}");
        let chain = Chain::from_pem(export["chain_pem"].as_str().unwrap()).unwrap();
        evercert_x509::verify_chain_links(&chain).unwrap();
        let root = self.pebble.root_pem(0).await.unwrap();
        let root = Certificate::from_pem(&root).unwrap();
        assert!(chain.certificates().last().unwrap().is_signed_by(&root));
        let shown = chain.leaf().dns_names();
        let shown: BTreeSet<String> = shown.iter().map(ToString::to_string).collect();
        assert_eq!(shown, names.iter().cloned().collect());
    }

    /// Waits until the zone holds what it held at first, and the journal is empty.
    pub(super) async fn is_as_before(&self, when: &str) {
        let what = format!("the zone {when}");
        until(&what, &self.before, async || self.world.records().await).await;
        let what = format!("the journal {when}");
        until(&what, &0, async || self.journal().await).await;
    }

    /// How many values the journal of the Console has.
    pub(super) async fn journal(&self) -> usize {
        let program = find_program("sqlite3").expect("sqlite3 is installed");
        let mut sqlite = Command::new(program);
        sqlite.args(["-cmd", ".timeout 10000"]);
        sqlite.arg(self.setup.dir.join("console.db"));
        sqlite.arg("select count(*) from txt_journal");
        let output = sqlite.kill_on_drop(true).output().await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        text.trim().parse().unwrap_or_else(|_| {
            let why = String::from_utf8_lossy(&output.stderr);
            panic!("reading the journal: {text} {why}")
        })
    }

    /// Fails when an order failed on its way, or a value could not be removed at once.
    pub(super) fn no_attempt_failed(&self) {
        let log = self.log();
        let told = ["failure.stage", "could not be removed"];
        let failed = log.lines().find(|line| {
            let is_failure = told.iter().any(|words| line.contains(words));
            // Waiting for the one place there is, is no failure.
            is_failure && !line.contains("The order waits")
        });
        assert!(failed.is_none(), "{}\n{log}", failed.unwrap_or_default());
    }

    pub(super) fn log(&self) -> String {
        let console = self.console.as_ref();
        console.map_or_else(String::new, |console| console.role.log())
    }

    pub(super) async fn end(mut self) {
        if let Some(console) = self.console.take() {
            console.role.stop().await.unwrap();
        }
    }
}
