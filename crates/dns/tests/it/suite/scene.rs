//! A provider on its stage, with other people's records around, which must be as they were at the end.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use evercert_dns::{Accounts, Context, NameLocks, Provider, Settings, TxtTarget};
use evercert_types::SystemClock;

use super::stages::{Pair, Stage};
use super::subject::Subject;
use super::world::Room;

/// The account's zones; `notexample.com` is not among them.
const ZONES: [&str; 4] = [
    "example.com",
    "example.co.uk",
    "sub.example.com",
    "xn--bcher-kva.example",
];
pub(crate) const FIRST: &str = "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo";
pub(crate) const SECOND: &str = "Hk1aV8u2sT3Yy1bQm7cZ0pXoN4dRjW9eGfKlUiSvB5A";

pub(crate) struct Scene {
    pub(crate) subject: Subject,
    pub(crate) stage: Box<dyn Stage>,
    locks: NameLocks,
    foreign: RefCell<Vec<Pair>>,
    /// What was asked for here, and may be there.
    wanted: RefCell<BTreeSet<Pair>>,
}

impl Scene {
    pub(crate) async fn new(subject: Subject) -> Self {
        let scene = Self {
            subject,
            stage: subject.stage(&ZONES).await,
            locks: NameLocks::new(),
            foreign: RefCell::default(),
            wanted: RefCell::default(),
        };
        scene.plant("www.example.com", "v=spf1 -all");
        scene.plant("example.com", "x");
        scene.plant_here("somebody-elses");
        scene
    }

    /// Somebody else's record.
    pub(crate) fn plant(&self, fqdn: &str, value: &str) {
        self.stage.plant(fqdn, value);
        let pair = (fqdn.to_owned(), value.to_owned());
        self.foreign.borrow_mut().push(pair);
    }

    /// Somebody else's value at the very name, where there is room for it.
    pub(crate) fn plant_here(&self, value: &str) {
        if self.subject.room() == Room::Many {
            self.plant(self.subject.name(), value);
        }
    }

    /// Twenty-five values of somebody else's at the very name, and as many zones; lists show ten at a time.
    pub(crate) fn crowd(&self) {
        let values: Vec<String> = (0..25).map(|number| format!("other-{number:02}")).collect();
        let name = self.subject.name();
        self.stage.crowd(name, &values);
        let pairs = values.into_iter().map(|value| (name.to_owned(), value));
        self.foreign.borrow_mut().extend(pairs);
    }

    pub(crate) fn target(&self, value: &str) -> TxtTarget {
        self.target_at(self.subject.name(), value)
    }

    pub(crate) fn target_at(&self, fqdn: &str, value: &str) -> TxtTarget {
        let pair = (self.shown_at(fqdn).to_owned(), value.to_owned());
        self.wanted.borrow_mut().insert(pair);
        TxtTarget::new(fqdn, value)
    }

    /// The name at which the world sees the value.
    fn shown_at<'a>(&self, fqdn: &'a str) -> &'a str {
        match self.subject.room() {
            Room::One => fqdn.strip_prefix("_acme-challenge.").unwrap_or(fqdn),
            _ => fqdn,
        }
    }

    pub(crate) fn provider(&self) -> Arc<dyn Provider> {
        self.provider_for(self.subject.name())
    }

    pub(crate) fn provider_for(&self, fqdn: &str) -> Arc<dyn Provider> {
        self.build(&self.stage.settings(fqdn), Duration::from_secs(20))
    }

    /// With credentials that are not accepted.
    pub(crate) fn stranger(&self) -> Arc<dyn Provider> {
        let settings = self.stage.wrong_settings(self.subject.name());
        self.build(&settings, Duration::from_secs(20))
    }

    /// Somebody who does not wait long.
    pub(crate) fn hasty(&self) -> Arc<dyn Provider> {
        let settings = self.stage.hasty_settings(self.subject.name());
        self.build(&settings, Duration::from_millis(300))
    }

    fn build(&self, settings: &Settings, patience: Duration) -> Arc<dyn Provider> {
        let context = Context {
            clock: Arc::new(SystemClock),
            locks: self.locks.clone(),
            accounts: Accounts::unpaced(),
            request_timeout: patience,
            ..Context::default()
        };
        evercert_dns::build_with(self.subject.code, settings, &context).unwrap()
    }

    /// The values at the name beside other people's: sorted, each once.
    pub(crate) fn ours(&self) -> Vec<String> {
        self.ours_at(self.subject.name())
    }

    pub(crate) fn ours_at(&self, fqdn: &str) -> Vec<String> {
        let fqdn = self.shown_at(fqdn);
        let foreign = self.foreign.borrow();
        let mut values: Vec<String> = Vec::new();
        for pair in self.stage.records() {
            if pair.0 == fqdn && !foreign.contains(&pair) {
                values.push(pair.1);
            }
        }
        if self.subject.room() == Room::LastTwo {
            values.dedup();
        }
        values
    }

    /// Other people's records are as they were, nothing is there that nobody asked for, and nothing odd was asked.
    pub(crate) fn nobody_else_was_touched(&self) {
        let mut foreign = self.foreign.borrow().clone();
        foreign.sort();
        let wanted = self.wanted.borrow();
        let mut others = Vec::new();
        for pair in self.stage.records() {
            if foreign.contains(&pair) {
                others.push(pair);
            } else {
                assert!(wanted.contains(&pair), "nobody asked for {pair:?}");
            }
        }
        assert_eq!(others, foreign, "somebody else's records");
        assert_eq!(self.stage.complaints(), [""; 0]);
    }
}
