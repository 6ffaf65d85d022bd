//! Finding the zone that holds a name, and its name servers.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use hickory_proto::rr::RecordType;

use crate::lookup::LookupError;
use crate::name;
use crate::resolver::Resolver;

/// A zone and where its authoritative servers listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its name, without final dot.
    pub name: String,
    /// The addresses of its name servers that this host can reach by their family.
    pub nameservers: Vec<SocketAddr>,
}

impl Resolver {
    /// The zone that holds the name, by asking for SOA records from the name upwards.
    ///
    /// Stops below public suffixes of the ICANN section; a private one (`duckdns.org`) can be a zone.
    ///
    /// # Errors
    /// When no zone is found, or nobody answers.
    pub async fn find_zone(&self, name: &str) -> Result<Zone, LookupError> {
        let zone = self.zone_name(name).await?;
        self.zone_at(zone).await
    }

    /// The zone of that name, with its name servers.
    pub(crate) async fn zone_at(&self, name: String) -> Result<Zone, LookupError> {
        let nameservers = self.nameservers(&name).await?;
        Ok(Zone { name, nameservers })
    }

    /// The name of the zone that holds the name.
    ///
    /// # Errors
    /// When no zone is found, or nobody answers.
    pub async fn zone_name(&self, name: &str) -> Result<String, LookupError> {
        let name = name::canonical(name);
        let mut last = LookupError::NoZone(name.clone());
        for candidate in name::suffixes(&name).take_while(|suffix| !is_public_suffix(suffix)) {
            let answer = match self.ask(candidate, RecordType::SOA).await {
                Ok(answer) => answer,
                // Servers that only hold a parent's zone refuse; its owner may still be found above.
                Err(error @ LookupError::Refused { .. }) => {
                    last = error;
                    continue;
                }
                Err(error) => return Err(error),
            };
            // With a CNAME at the candidate, the SOA is that of the CNAME's target.
            if answer.cname_of(candidate).is_some() {
                continue;
            }
            let owner = answer.soa().map(|(owner, _)| owner);
            if let Some(zone) = owner.filter(|zone| is_zone_of(zone, candidate)) {
                return Ok(zone);
            }
        }
        Err(last)
    }

    /// The addresses of the zone's name servers.
    async fn nameservers(&self, zone: &str) -> Result<Vec<SocketAddr>, LookupError> {
        let mut addresses = Vec::new();
        for server in self.ns(zone).await? {
            addresses.extend(self.addresses(&server).await);
        }
        addresses.sort_unstable();
        addresses.dedup();
        Ok(addresses)
    }

    /// A name server's addresses; one that cannot be resolved is left out.
    async fn addresses(&self, server: &str) -> Vec<SocketAddr> {
        let (v4, v6) = tokio::join!(self.a(server), self.aaaa(server));
        for error in [v4.as_ref().err(), v6.as_ref().err()].into_iter().flatten() {
            tracing::warn!(dns.nameserver = server, %error, "cannot resolve a name server");
        }
        let v4 = v4.unwrap_or_default().into_iter().map(IpAddr::from);
        let v6 = v6.unwrap_or_default().into_iter().map(IpAddr::from);
        v4.chain(v6)
            .map(|ip| SocketAddr::new(ip, self.authority_port()))
            .filter(|address| has_route(*address))
            .collect()
    }
}

/// Whether an SOA's owner can be the zone of the name that was asked for.
fn is_zone_of(zone: &str, name: &str) -> bool {
    !zone.is_empty() && name::is_within(name, zone) && !is_public_suffix(zone)
}

/// Whether the name is a public suffix of the list's ICANN section, such as `co.uk`.
pub(crate) fn is_public_suffix(name: &str) -> bool {
    psl::suffix(name.as_bytes())
        .is_some_and(|suffix| suffix == name && suffix.typ() == Some(psl::Type::Icann))
}

/// Whether this host has a route to the address; a host without IPv6 need not ask IPv6 servers.
fn has_route(address: SocketAddr) -> bool {
    if address.is_ipv4() {
        return true;
    }
    UdpSocket::bind("[::]:0").is_ok_and(|socket| socket.connect(address).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_icann_section_ends_the_walk() {
        for (name, public) in [
            ("com", true),
            ("co.uk", true),
            ("example.co.uk", false),
            ("duckdns.org", false),
            ("internal", false),
            ("test", false),
        ] {
            assert_eq!(is_public_suffix(name), public, "{name}");
        }
    }

    #[test]
    fn an_soa_from_elsewhere_is_no_zone_of_the_name() {
        assert!(is_zone_of("example.org", "_acme-challenge.example.org"));
        assert!(!is_zone_of("example.net", "_acme-challenge.example.org"));
        assert!(!is_zone_of("org", "unregistered.org"));
        assert!(!is_zone_of("", "example.org"));
    }
}
