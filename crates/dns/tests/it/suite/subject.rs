//! Who is tried: every provider type, with a double of what it speaks to.

use super::services::ALL;
use super::stages::Stage;
use super::stages::commands::{Commands, Program};
use super::stages::dns::Dns;
use super::stages::files::{Files, Server};
use super::stages::http::Http;
use super::world::{Room, Service};

/// Those that speak no HTTP.
const OTHERS: [(&str, Kind); 6] = [
    ("acmesh", Kind::Command(Program::AcmeSh)),
    ("exec", Kind::Command(Program::Exec)),
    ("knot", Kind::Dns),
    ("maradns", Kind::File(Server::MaraDns)),
    ("nsd", Kind::File(Server::Nsd)),
    ("nsupdate", Kind::Dns),
];

/// What a provider changes the world by.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Http(Service),
    Dns,
    File(Server),
    Command(Program),
}

/// A provider type.
#[derive(Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) code: &'static str,
    pub(crate) kind: Kind,
}

/// All of them, alphabetically by code.
pub(crate) fn subjects() -> Vec<Subject> {
    let services = ALL
        .iter()
        .map(|service| (service.code, Kind::Http(*service)));
    let all = services.chain(OTHERS);
    let mut all: Vec<Subject> = all.map(|(code, kind)| Subject { code, kind }).collect();
    all.sort_by_key(|subject| subject.code);
    all
}

impl Subject {
    pub(crate) async fn stage(self, zones: &[&str]) -> Box<dyn Stage> {
        match self.kind {
            Kind::Http(service) => Box::new(Http::new(service, zones).await),
            Kind::Dns => Box::new(Dns::new(zones).await),
            Kind::File(server) => Box::new(Files::new(server, zones)),
            Kind::Command(program) => Box::new(Commands::new(program, zones)),
        }
    }

    pub(crate) const fn service(&self) -> Option<&Service> {
        match &self.kind {
            Kind::Http(service) => Some(service),
            _ => None,
        }
    }

    pub(crate) fn is(&self, quality: fn(&Service) -> bool) -> bool {
        self.service().is_some_and(quality)
    }

    pub(crate) fn room(&self) -> Room {
        self.service().map_or(Room::Many, |service| service.room)
    }

    /// It cannot see what is there: what is published or withdrawn twice is asked for twice.
    pub(crate) fn is_blind(&self) -> bool {
        matches!(self.kind, Kind::Command(_))
            || self.room() != Room::Many
            || self.is(|service| service.blind)
    }

    /// A name that it can change.
    pub(crate) fn name(&self) -> &'static str {
        self.service()
            .map_or(Service::PLAIN.name, |service| service.name)
    }
}
