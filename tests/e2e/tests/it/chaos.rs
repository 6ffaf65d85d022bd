//! Three hundred certificates while everything around the Console fails, and the Console itself is killed.
//!
//! Pebble rejects half of the nonces and cannot validate a fifth of the names, the DNS provider fails at a fifth of the
//! calls (some of which it carries out all the same), PostgreSQL is restarted twice, the Console killed five times. What
//! must hold in the end: every certificate was issued exactly once, every order at the CA is one that was wanted or
//! follows one that the CA failed, and no TXT value is left.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use evercert_e2e::console::{Console, ConsoleSetup};
use evercert_e2e::faults::Dice;
use evercert_e2e::faults::dns::DnsFaults;
use evercert_e2e::faults::http::HttpFaults;
use evercert_e2e::rest::Rest;
use evercert_testkit::pdns::Pdns;
use evercert_testkit::pebble::{Pebble, PebbleOptions};
use evercert_testkit::zone::Zone;
use evercert_testkit::{Postgres, eventually, start_or_skip};
use evercert_x509::{Certificate, Chain};
use serde_json::json;
use tokio::process::Command;

use crate::pebble::pdns_txt_records;

const CERTIFICATES: usize = 300;
const SEED: u64 = 20_261_121;
/// Failed calls of the DNS provider, of a thousand.
const DNS_CALLS_FAILING: u64 = 200;
/// Pebble looks three times for each name, and each look must succeed: 1 − (1 − 0.0717)³ is a fifth.
const LOOKS_FAILING: u64 = 72;
/// Certificates in force when something happens.
const EVENTS: [(usize, Event); 7] = [
    (20, Event::Kill),
    (60, Event::Restart),
    (90, Event::Kill),
    (140, Event::Kill),
    (180, Event::Restart),
    (210, Event::Kill),
    (260, Event::Kill),
];
const LIMIT: Duration = Duration::from_secs(1_200);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// SIGKILL for the Console, which is started again.
    Kill,
    /// A restart of the database.
    Restart,
}

/// Everything around the Console.
struct World {
    postgres: Postgres,
    database: String,
    pdns: Pdns,
    api: HttpFaults,
    dns: DnsFaults,
    pebble: Pebble,
    setup: ConsoleSetup,
    _dir: tempfile::TempDir,
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_certificates_survive_failing_everything() {
    let begun = Instant::now();
    let pdns = start_or_skip!(Pdns::start(&[Zone::new("example.org")]).await);
    let postgres = start_or_skip!(Postgres::start().await);
    let dns = DnsFaults::start(pdns.addr(), LOOKS_FAILING, Dice::new(SEED)).await;
    let dns = dns.unwrap();
    let options = PebbleOptions {
        dns_server: Some(dns.addr()),
        nonce_reject_percent: 50,
        ..PebbleOptions::default()
    };
    let pebble = start_or_skip!(Pebble::start(options).await);
    let mut world = World::new(postgres, pdns, dns, pebble).await;
    let mut console = world.start().await;
    world.introduce(&console).await;

    let wanting = tokio::spawn(want_all(Rest::new(&world.setup).unwrap()));
    let mut events = EVENTS.into_iter().peekable();
    let deadline = Instant::now() + LIMIT;
    loop {
        let in_force = world
            .count("select count(*) from certificate_slots where active_version_id is not null");
        let in_force = in_force.await.unwrap_or_default();
        match events.peek() {
            Some((at, event)) if in_force >= *at => {
                eprintln!("{:?}: {event:?} with {in_force} in force", begun.elapsed());
                console = world.happens(*event, console).await;
                events.next();
            }
            None if in_force == CERTIFICATES => break,
            _ => {}
        }
        assert!(
            Instant::now() < deadline,
            "{in_force} of {CERTIFICATES} certificates after {LIMIT:?}\n{}",
            console.role.log()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    wanting.await.unwrap();
    let took = begun.elapsed();

    let no_records = async || (pdns_txt_records(&world.pdns).await == 0).then_some(());
    eventually("no TXT record left", Duration::from_secs(60), no_records).await;
    world.check_certificates().await;
    world.check_orders(took).await;
    console.role.stop().await.unwrap();
}

/// Asks for every certificate until the Console has accepted it; a name that it has already is one it accepted before
/// it was killed.
async fn want_all(rest: Rest) {
    for number in 0..CERTIFICATES {
        let name = format!("site{number}");
        let body = json!({
            "name": name, "domains": [format!("{name}.example.org")],
            "vendor": "pebble", "store": "zero-touch",
        });
        let end = Instant::now() + Duration::from_secs(120);
        loop {
            match rest.post("/certificates", &body).await {
                Ok((status, _)) if status.is_success() || status.as_u16() == 409 => break,
                answer => assert!(Instant::now() < end, "{name}: {answer:?}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl World {
    async fn new(postgres: Postgres, pdns: Pdns, dns: DnsFaults, pebble: Pebble) -> Self {
        let database = postgres.create_database().await.unwrap();
        let api = HttpFaults::start(&pdns.api_url(), DNS_CALLS_FAILING, Dice::new(SEED + 2)).await;
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("console");
        let setup = ConsoleSetup::new(&data, Some(&database), Some(pdns.addr()))
            .await
            .unwrap();
        std::fs::write(data.join("console.toml"), "renew_tick = \"1s\"\n").unwrap();
        std::fs::write(data.join("pebble.pem"), pebble.ca_bundle_pem()).unwrap();
        Self {
            postgres,
            database,
            pdns,
            api: api.unwrap(),
            dns,
            pebble,
            setup,
            _dir: dir,
        }
    }

    /// The Console, whose waits after failures are a three-hundredth: a minute is 0.2 s, ten minutes are 2 s.
    async fn start(&self) -> Console {
        let mut command = self.setup.command();
        command
            .arg("--config")
            .arg(self.setup.dir.join("console.toml"));
        command.env("EVERCERT_HASTE", "300");
        self.setup.start_command(command).await.unwrap()
    }

    async fn happens(&mut self, event: Event, console: Console) -> Console {
        match event {
            Event::Kill => {
                console.role.kill().await.unwrap();
                self.start().await
            }
            Event::Restart => {
                self.postgres.restart().await.unwrap();
                console
            }
        }
    }

    async fn introduce(&self, console: &Console) {
        let cli = console.cli();
        let bundle = self.setup.dir.join("pebble.pem");
        let directory = self.pebble.directory_url();
        let mut add = vec!["ca-vendor", "add", "pebble", "--directory-url", &directory];
        add.extend(["--ca-bundle", bundle.to_str().unwrap(), "--agree-tos"]);
        cli.ok(&add).await.unwrap();
        let url = format!("url={}", self.api.url());
        let key = format!("api_key={}", self.pdns.api_key());
        let server = self.pdns.addr().to_string();
        let mut add = vec!["dns-provider", "add", "pdns", "--type", "pdns"];
        add.extend(["--set", &url, "--set", &key]);
        add.extend(["--propagation", "servers", "--propagation-server", &server]);
        add.extend(["--propagation-first-look", "0s"]);
        cli.ok(&add).await.unwrap();
        let map = ["domain", "map", "example.org", "--provider", "pdns"];
        cli.ok(&map).await.unwrap();
    }

    /// The one number that a question to the database yields; nothing while the database is down.
    async fn count(&self, question: &str) -> Option<usize> {
        let mut psql = Command::new(self.postgres.program("psql"));
        psql.args([&self.database, "-At", "-c", question]);
        let output = psql.kill_on_drop(true).output().await.ok()?;
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    }

    /// Every certificate is there, its chain ends at Pebble's root, and no two are the same.
    async fn check_certificates(&self) {
        let rest = Rest::new(&self.setup).unwrap();
        let root = Certificate::from_pem(&self.pebble.root_pem(0).await.unwrap()).unwrap();
        let mut serials = BTreeSet::new();
        for number in 0..CERTIFICATES {
            let path = format!("/certificates/site{number}/export");
            let (status, export) = rest.post(&path, &json!({})).await.unwrap();
            assert!(status.is_success(), "{path}: {status} {export}");
            let chain = Chain::from_pem(export["chain_pem"].as_str().unwrap()).unwrap();
            evercert_x509::verify_chain_links(&chain).unwrap();
            assert!(chain.certificates().last().unwrap().is_signed_by(&root));
            let names = chain.leaf().dns_names();
            let name = format!("site{number}.example.org");
            assert!(names.iter().any(|n| n.to_string() == name), "{names:?}");
            serials.insert(chain.leaf().serial_hex());
        }
        assert_eq!(serials.len(), CERTIFICATES);
    }

    /// Each order at the CA is wanted once, and once more for each that the CA failed; nothing was issued twice.
    async fn check_orders(&mut self, took: Duration) {
        let log = self.pebble.daemon().log();
        let told = |words: &str| log.lines().filter(|line| line.contains(words)).count();
        let placed = told("Added order ");
        let refused = told("set INVALID by completed challenge");
        let issued = told("Issued certificate serial");
        let failed = "select count(*) from orders where state = 'failed' and order_url is not null";
        let failed = self.count(failed).await.unwrap();
        let anew = "select count(*) from orders where placed_anew = 1";
        let anew = self.count(anew).await.unwrap();
        let (calls, spoilt) = self.api.counts();
        eprintln!(
            "{CERTIFICATES} certificates in {took:?}: {placed} orders at the CA, {refused} of {} names refused, \
             {failed} orders failed, {anew} placed anew, {issued} certificates issued; {spoilt} of {calls} calls of \
             the DNS provider and {} look-ups of the CA spoilt",
            told("set VALID by completed challenge") + refused,
            self.dns.spoilt(),
        );
        assert_eq!(issued, CERTIFICATES, "something was issued twice");
        assert!(failed <= refused, "an order failed for another reason");
        assert_eq!(
            placed,
            CERTIFICATES + failed + anew,
            "an order was placed twice"
        );
        assert!(
            refused > CERTIFICATES / 10 && spoilt > calls / 10,
            "the chaos was none"
        );
    }
}
