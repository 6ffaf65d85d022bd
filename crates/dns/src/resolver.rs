//! Look-ups through recursive (or given) DNS servers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{RData, RecordType};

use crate::lookup::{Answer, Limits, LookupError, Recursion, ask, rcode_text};
use crate::name;

const PORT: u16 = 53;

/// Asks DNS servers, one after the other until one knows; caches nothing.
#[derive(Clone, Debug)]
pub struct Resolver {
    servers: Vec<SocketAddr>,
    authority_port: u16,
    limits: Limits,
}

/// What a SOA record says about a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Soa {
    /// The zone: the record's owner.
    pub zone: String,
    /// The primary name server.
    pub primary: String,
    /// The zone's version.
    pub serial: u32,
    /// How long "not there" may be remembered, in seconds.
    pub negative_ttl: u32,
}

impl Resolver {
    /// Asks the servers of `/etc/resolv.conf`.
    ///
    /// # Errors
    /// When the file cannot be read or names no server.
    pub fn system() -> Result<Self, LookupError> {
        let text =
            std::fs::read_to_string("/etc/resolv.conf").map_err(LookupError::SystemConfig)?;
        let servers = nameservers(&text);
        if servers.is_empty() {
            return Err(LookupError::NoServer);
        }
        Ok(Self::with_servers(servers))
    }

    /// Asks the given servers.
    pub fn with_servers(servers: impl Into<Vec<SocketAddr>>) -> Self {
        Self {
            servers: servers.into(),
            authority_port: PORT,
            limits: Limits::default(),
        }
    }

    /// Reaches authoritative servers at another port than 53, for labs and tests.
    #[must_use]
    pub const fn with_authority_port(mut self, port: u16) -> Self {
        self.authority_port = port;
        self
    }

    /// Sets the time limits of each question.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The servers that are asked.
    pub fn servers(&self) -> &[SocketAddr] {
        &self.servers
    }

    pub(crate) const fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) const fn authority_port(&self) -> u16 {
        self.authority_port
    }

    /// The TXT values at the name or behind its CNAME; none when the name is not there.
    ///
    /// # Errors
    /// [`LookupError`] when no server knew.
    pub async fn txt(&self, name: &str) -> Result<Vec<String>, LookupError> {
        Ok(self.ask(name, RecordType::TXT).await?.txt_values())
    }

    /// The names of the name servers at that very name.
    ///
    /// # Errors
    /// [`LookupError`] when no server knew.
    pub async fn ns(&self, name: &str) -> Result<Vec<String>, LookupError> {
        let answer = self.ask(name, RecordType::NS).await?;
        let names = answer.answers().filter_map(|(_, data)| match data {
            RData::NS(ns) => Some(name::from_wire(&ns.0)),
            _ => None,
        });
        Ok(names.collect())
    }

    /// The SOA record of the zone that the answer names: the name's own, or the enclosing one's.
    ///
    /// # Errors
    /// [`LookupError`] when no server knew.
    pub async fn soa(&self, name: &str) -> Result<Option<Soa>, LookupError> {
        let answer = self.ask(name, RecordType::SOA).await?;
        Ok(answer.soa().map(|(zone, soa)| Soa {
            zone,
            primary: name::from_wire(&soa.mname),
            serial: soa.serial,
            negative_ttl: soa.minimum,
        }))
    }

    /// Where the name's CNAME points, one step.
    ///
    /// # Errors
    /// [`LookupError`] when no server knew.
    pub async fn cname(&self, name: &str) -> Result<Option<String>, LookupError> {
        let answer = self.ask(name, RecordType::CNAME).await?;
        Ok(answer.cname_of(&name::canonical(name)))
    }

    /// The IPv4 addresses of the name.
    ///
    /// # Errors
    /// [`LookupError`] when no server knew.
    pub async fn a(&self, name: &str) -> Result<Vec<Ipv4Addr>, LookupError> {
        let answer = self.ask(name, RecordType::A).await?;
        let addresses = answer.answers().filter_map(|(_, data)| match data {
            RData::A(a) => Some(a.0),
            _ => None,
        });
        Ok(addresses.collect())
    }

    /// The IPv6 addresses of the name.
    ///
    /// # Errors
    /// [`LookupError`] when no server knew.
    pub async fn aaaa(&self, name: &str) -> Result<Vec<Ipv6Addr>, LookupError> {
        let answer = self.ask(name, RecordType::AAAA).await?;
        let addresses = answer.answers().filter_map(|(_, data)| match data {
            RData::AAAA(aaaa) => Some(aaaa.0),
            _ => None,
        });
        Ok(addresses.collect())
    }

    /// Whether the name's records, broken otherwise, can be had without DNSSEC validation: then its signatures are
    /// bogus.
    ///
    /// # Errors
    /// When the name is no domain name.
    pub async fn is_bogus(&self, name: &str) -> Result<bool, LookupError> {
        let name = name::canonical(name);
        for &server in &self.servers {
            let asked = ask(
                server,
                &name,
                RecordType::SOA,
                Recursion::Unchecked,
                self.limits,
            );
            match asked.await {
                Ok(answer) if answer.is_definite() => return Ok(true),
                Err(error @ LookupError::BadName(_)) => return Err(error),
                _ => {}
            }
        }
        Ok(false)
    }

    /// Asks the servers in turn until one gives a definite answer.
    pub(crate) async fn ask(
        &self,
        name: &str,
        record_type: RecordType,
    ) -> Result<Answer, LookupError> {
        let name = name::canonical(name);
        let mut last = LookupError::NoServer;
        for &server in &self.servers {
            match ask(server, &name, record_type, Recursion::Desired, self.limits).await {
                Ok(answer) if answer.is_definite() => return Ok(answer),
                Ok(answer) => last = refusal(server, &name, record_type, answer.rcode()),
                Err(error @ LookupError::BadName(_)) => return Err(error),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

fn refusal(
    server: SocketAddr,
    name: &str,
    record_type: RecordType,
    rcode: ResponseCode,
) -> LookupError {
    LookupError::Refused {
        server,
        question: format!("{name} {record_type}"),
        rcode: rcode_text(rcode),
    }
}

/// The `nameserver` lines; IPv6 zone ids (`%eth0`) are not supported and left out.
fn nameservers(resolv_conf: &str) -> Vec<SocketAddr> {
    resolv_conf
        .lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"))
        .filter_map(|rest| rest.split_whitespace().next()?.parse::<IpAddr>().ok())
        .map(|ip| SocketAddr::new(ip, PORT))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_servers_are_read() {
        let text = "# comment\nsearch example.org\nnameserver 192.0.2.1\n nameserver\t2001:db8::1\nnameserver nonsense\n";

        let servers = nameservers(text);

        let expected = ["192.0.2.1:53", "[2001:db8::1]:53"];
        assert_eq!(servers, expected.map(|text| text.parse().unwrap()));
    }
}
