//! Which case befalls which provider: as it is, as the nearest thing to it, or not, with the reason.

use super::case::Case;
use super::stages::files::Server;
use super::subject::{Kind, Subject};
use super::world::{Room, Service};

/// How a case stands to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is tried as it is.
    Applies,
    /// The nearest thing to it is tried; what that is.
    As(&'static str),
    /// It cannot come about; why.
    Not(&'static str),
}

use Standing::{Applies, As, Not};

/// Services that show all of a list in one answer, however long it is. What the test measures must agree.
pub(crate) const ONE_ANSWER: &[&str] = &[
    "acmesh",
    "alwaysdata",
    "autodns",
    "aws",
    "cloudns",
    "cn",
    "conoha",
    "conohav3",
    "cyon",
    "da",
    "desec",
    "dp",
    "dpi",
    "dreamhost",
    "durabledns",
    "easydns",
    "exec",
    "exoscale",
    "gandi_livedns",
    "gcloud",
    "gd",
    "he",
    "httpreq",
    "infoblox",
    "inwx",
    "ispconfig",
    "leaseweb",
    "loopia",
    "lua",
    "maradns",
    "miab",
    "mydnsjp",
    "namecheap",
    "namesilo",
    "neodigit",
    "netcup",
    "nic",
    "nsd",
    "nsone",
    "nw",
    "online",
    "opnsense",
    "pdns",
    "pleskxml",
    "pointhq",
    "rcode0",
    "regru",
    "schlundtech",
    "selectel",
    "selectelv1",
    "ultra",
    "vscale",
    "zilore",
    "zonomi",
];

const ONE: &str = "the service has room for one value";
const TWO: &str = "the server takes nothing away: the last two values stay until newer ones come";
const ANY: &str = "whatever is answered with a status of success is one; the body is not read";
const GIVEN: &str = "the name is given by the service";

pub(crate) fn standing(subject: &Subject, case: Case) -> Standing {
    match subject.kind {
        Kind::Http(service) => http(&service, case),
        Kind::Dns => dns(case),
        Kind::File(server) => file(server, case),
        Kind::Command(_) => command(case),
    }
}

fn http(service: &Service, case: Case) -> Standing {
    match (case, service.room) {
        (Case::TwoValues, Room::One) => As(
            "the second value takes the first's place, and the provider says that challenges must go one after the other",
        ),
        (Case::OneWithdrawn, Room::One) => Not(ONE),
        (Case::OneWithdrawn | Case::FreshProcess, Room::LastTwo) => As(TWO),
        (Case::PublicSuffix | Case::Idna, Room::One) => Not(GIVEN),
        (Case::LongName | Case::FirstAndLast, Room::One | Room::LastTwo) => Not(GIVEN),
        (Case::ManyWriters, Room::One) => Not(ONE),
        (Case::ManyWriters, Room::LastTwo) => Not("a third value pushes the first out"),
        (Case::SecondPage, Room::One | Room::LastTwo) => Not("nothing is listed"),
        (Case::SecondPage, _) if ONE_ANSWER.contains(&service.code) => {
            As("all is listed in one answer, however long")
        }
        (Case::Others, _) if service.code == "durabledns" => As(
            "the service shows 30 characters of a value: values that look like ours differ in them",
        ),
        (Case::Credentials, _) if service.wrong.is_empty() => {
            Not("a server for tests, without credentials")
        }
        (Case::Malformed | Case::Html | Case::Noise, _) if service.easy => Not(ANY),
        (Case::SessionOver, _) if service.end_session.is_none() => {
            Not("credentials go with every request")
        }
        (Case::NoZone, _) if service.easy => Not("any name is taken"),
        (Case::NoZone, _) if service.zoneless => {
            As("zones are not asked for: the refusal of the change is told")
        }
        _ => Applies,
    }
}

const fn dns(case: Case) -> Standing {
    match case {
        Case::Busy => As("a datagram that gets lost is sent again after the time limit"),
        Case::Failing => As("the server answers SERVFAIL"),
        Case::Malformed => As("the message breaks off within a name"),
        Case::Html => As("somebody in between answers, without the server's signature"),
        Case::LostAnswer => As("the answer's datagram gets lost"),
        Case::SessionOver => Not(
            "every message is signed for itself; a signature out of its time is told as a fault of the clock",
        ),
        Case::SecondPage => As("an answer that does not fit a datagram is asked for by TCP"),
        Case::Noise => Not("names and values are octets"),
        Case::Flood => Not("a message has 64 KiB at most"),
        Case::Redirect => Not("there are no redirects"),
        _ => Applies,
    }
}

const fn file(server: Server, case: Case) -> Standing {
    match (case, server) {
        (Case::Credentials, _) => As("there are no credentials: the file cannot be read"),
        (Case::Busy, _) => As("another program holds the file's lock for a second"),
        (Case::Failing, Server::Nsd) => As("the command that makes the server read the file fails"),
        (Case::Failing, Server::MaraDns) => As("the disk is full"),
        (Case::Malformed, Server::Nsd) => {
            As("the file has no SOA record to raise the serial number of")
        }
        (Case::Malformed, Server::MaraDns) => As("the file of duende's process id holds none"),
        (Case::Html | Case::Flood, _) => Not("nothing is answered"),
        (Case::Timeout, _) => As("another program never gives the file's lock back"),
        (Case::Reset | Case::LostAnswer, Server::Nsd) => {
            As("the command has done its work and fails nevertheless")
        }
        (Case::Reset | Case::LostAnswer, Server::MaraDns) => Not("a signal has no answer"),
        (Case::SessionOver, _) => Not("there is no log-in"),
        (Case::SecondPage, _) => As("a long file is read whole"),
        (Case::NoZone, _) => As("the zone is in the settings: a name outside is refused"),
        (Case::PublicSuffix, _) => As("the zone is in the settings"),
        (Case::Noise, _) => As("the file has a comment in Latin-1, whose octets stay"),
        (Case::Redirect, _) => Not("there are no redirects"),
        _ => Applies,
    }
}

const fn command(case: Case) -> Standing {
    match case {
        Case::Credentials => As(
            "the program's words are told after one run, without its secrets; why it failed, it alone knows",
        ),
        Case::Busy => As("a program that fails is run again"),
        Case::Failing => As("the program ends with another status than 0"),
        Case::Malformed => As("the program is ended by a signal"),
        Case::Html => As("the program prints a page and fails"),
        Case::Timeout => As("a program that hangs is killed"),
        Case::Reset | Case::LostAnswer => {
            As("the program has done its work and fails nevertheless")
        }
        Case::SessionOver => Not("a program logs in by itself"),
        Case::SecondPage => As("what is listed, the program lists"),
        Case::NoZone => As("the program refuses, and its words are told"),
        Case::PublicSuffix => As("the name goes to the program whole"),
        Case::Noise => Not("the exit status is the whole answer"),
        Case::Flood => As("the program prints without end: the last 64 KiB are kept"),
        Case::Redirect => Not("there are no redirects"),
        _ => Applies,
    }
}
