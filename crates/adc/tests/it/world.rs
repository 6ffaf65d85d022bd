//! An ADC with its surroundings, started for one test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use evercert_adc::config::{AdcConfig, ConsoleLink, Limits, NsConf, Polling};
use evercert_adc::{Adc, AdcHandle, Status};
pub(crate) use evercert_testkit::wait::eventually;
use evercert_types::{Secret, SharedClock, SystemClock};

use crate::console::FakeConsole;

pub(crate) const SOON: Duration = Duration::from_secs(20);

/// How to start one.
pub(crate) struct Setup {
    pub(crate) dir: PathBuf,
    conf: String,
    vservers: Vec<String>,
    pub(crate) console: Option<ConsoleLink>,
    pub(crate) clock: SharedClock,
    pub(crate) default_certificate: Option<String>,
    pub(crate) limits: Limits,
}

impl Setup {
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            conf: String::new(),
            vservers: Vec::new(),
            console: None,
            clock: Arc::new(SystemClock),
            default_certificate: None,
            limits: Limits {
                tick: Duration::from_millis(20),
                ..Limits::default()
            },
        }
    }

    /// Adds lines to ns.conf.
    pub(crate) fn conf(mut self, lines: &str) -> Self {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.conf.push_str(line);
            self.conf.push('\n');
        }
        self
    }

    /// Adds a vserver on a free port, with services at these addresses.
    pub(crate) fn vserver(mut self, name: &str, kind: &str, services: &[SocketAddr]) -> Self {
        let service_kind = if kind == "SSL_TCP" { "TCP" } else { "HTTP" };
        self.vservers.push(name.to_owned());
        // The port of the configuration is not used; it only has to differ.
        let port = 400 + self.vservers.len();
        let line = format!("add lb vserver {name} {kind} 127.0.0.1 {port} -lbMethod ROUNDROBIN");
        self = self.conf(&line);
        for (number, addr) in services.iter().enumerate() {
            let service = format!("{name}_{number}");
            self = self.conf(&format!(
                "add service {service} {} {service_kind} {} -healthMonitor NO\nbind lb vserver {name} {service}",
                addr.ip(),
                addr.port()
            ));
        }
        self
    }

    /// A vserver that is added later listens on a free port.
    pub(crate) fn later(mut self, name: &str) -> Self {
        self.vservers.push(name.to_owned());
        self
    }

    pub(crate) fn console(mut self, console: &FakeConsole) -> Self {
        self.console = Some(ConsoleLink::new(
            console.url(),
            Some(Secret::new(console.token())),
        ));
        self
    }

    /// Asks every so often instead of waiting at the Console.
    pub(crate) fn polling(mut self, interval: Duration) -> Self {
        let link = self.console.as_mut().unwrap();
        link.polling = Polling::Plain;
        link.poll_interval = interval;
        self
    }

    pub(crate) fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    pub(crate) fn config(&self) -> AdcConfig {
        let ns_conf = NsConf {
            text: self.conf.clone(),
            path: self.dir.join("ns.conf"),
        };
        let mut config = AdcConfig::new(ns_conf, self.dir.join("state"));
        config.console.clone_from(&self.console);
        config.clock = self.clock.clone();
        config
            .default_certificate
            .clone_from(&self.default_certificate);
        config.limits = self.limits.clone();
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        config.listen = self
            .vservers
            .iter()
            .map(|name| (name.clone(), free))
            .collect();
        config
    }

    pub(crate) async fn start(&self) -> TestAdc {
        TestAdc {
            handle: Adc::start(self.config()).await.unwrap(),
        }
    }
}

/// A running ADC.
pub(crate) struct TestAdc {
    pub(crate) handle: AdcHandle,
}

impl TestAdc {
    pub(crate) fn addr(&self, vserver: &str) -> SocketAddr {
        self.handle.vserver_addrs()[vserver]
    }

    /// Carries out lines of the command line, one after the other.
    pub(crate) async fn run(&self, lines: &str) {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Err(error) = self.handle.execute(line).await {
                panic!("{line}: {error}");
            }
        }
    }

    /// The number of the error a line is refused with.
    pub(crate) async fn refused(&self, line: &str) -> u32 {
        self.handle.execute(line).await.unwrap_err().code()
    }

    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Status) -> bool) -> Status {
        eventually(what, SOON, async || {
            let status = self.handle.status();
            holds(&status).then_some(status)
        })
        .await
    }

    pub(crate) async fn active(&self, items: usize) -> Status {
        self.until("items are active", |status| {
            status.zero_touch.counts.active == items
        })
        .await
    }

    pub(crate) async fn at_revision(&self, revision: i64) -> Status {
        self.until("the revision is taken over", |status| {
            status.zero_touch.revision == revision
        })
        .await
    }

    pub(crate) async fn stop(self) {
        self.handle.shutdown(Duration::from_secs(5)).await;
    }
}

/// Fails a test that hangs.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work)
        .await
        .expect("the test hangs")
}
