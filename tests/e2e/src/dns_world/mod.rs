//! DNS worlds: a zone at one kind of DNS server or service, with somebody else's values in it, and the settings of the
//! provider type that changes it.
//!
//! All look alike to a journey, so that one story is told with each.

mod servers;
mod transfer;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use evercert_testkit::TsigKey;
use evercert_testkit::acme_dns::Account;

use servers::Server;

use crate::surroundings::ZONE;

/// A value of somebody else at a challenge name that the journeys use too.
pub const STRANGER: &str = "somebody-elses-value";
/// The label under which several of many orders at once prove a name.
pub const SHARED: &str = "shared";
/// The zone into which challenge names lead, where a world has two.
pub const ALIAS_ZONE: &str = "acme.example.net";
/// How many sites a world has names for.
pub const SITES: usize = 20;
/// How many of them prove the shared name. Pebble asks without EDNS and does not come again over TCP: what it looks for
/// has to be in 512 octets, seven values beside the stranger's.
const SHARERS: usize = 7;
/// How many do where an account has room for two values: the others wait meanwhile.
const IN_TURN: usize = 4;

/// A zone, [`ZONE`], at a server.
pub struct DnsWorld {
    /// The provider type's code.
    pub code: &'static str,
    /// The provider's settings.
    pub settings: Vec<(String, String)>,
    /// Whom the Console and the CA ask.
    pub resolver: SocketAddr,
    /// Whom the Console asks whether the values are there; by default the zone's name servers.
    pub watched: Option<SocketAddr>,
    /// The keys that may change the zone; none where changes are not signed.
    pub keys: Vec<TsigKey>,
    zones: Vec<&'static str>,
    server: Server,
    delegated: Delegated,
}

/// Challenge names that are aliases of accounts, with acme-dns.
#[derive(Default)]
struct Delegated {
    /// Labels below the zone (empty for the zone itself) with their account.
    accounts: Vec<(String, Account)>,
    stranger: Option<Account>,
}

impl DnsWorld {
    /// Every record of the zone, or zones, but the SOA, whose serial number goes on: name, TTL, class or not, type, data.
    ///
    /// With acme-dns also what other accounts hold, because nothing of theirs may change.
    ///
    /// # Panics
    /// When the zone cannot be read.
    pub async fn records(&self) -> BTreeSet<String> {
        let mut records = match &self.server {
            Server::Route53 { dns, .. } => dns.records().await.expect("moto lists its records"),
            _ => {
                let mut all = BTreeSet::new();
                for zone in &self.zones {
                    all.extend(transfer::records(self.resolver, zone).await);
                }
                all
            }
        };
        records.retain(|record| !record.split_whitespace().any(|word| word == "SOA"));
        if let (Server::AcmeDns { double, .. }, Some(account)) =
            (&self.server, &self.delegated.stranger)
        {
            for value in double.values(account) {
                records.insert(format!("{}. TXT {value}", account.fulldomain));
            }
        }
        records
    }

    /// The values that stand at the challenge name of a label below the zone, or of the zone itself (empty label).
    ///
    /// # Panics
    /// When they cannot be read.
    pub async fn values(&self, label: &str) -> Vec<String> {
        if let Server::AcmeDns { double, .. } = &self.server {
            let mut accounts = self.delegated.accounts.iter();
            let found = accounts.find(|(here, _)| here == label);
            return found.map_or_else(Vec::new, |(_, account)| double.values(account));
        }
        self.values_at(&challenge_name(label)).await
    }

    /// The values that stand at a name of the zone, or zones.
    ///
    /// # Panics
    /// When they cannot be read.
    pub async fn values_at(&self, name: &str) -> Vec<String> {
        let owner = format!("{name}. ");
        let records = self.records().await;
        let here = records.iter().filter(|record| record.starts_with(&owner));
        let values = here.filter_map(|record| record.split('"').nth(1));
        values.map(str::to_owned).collect()
    }

    /// The directories that the host has to let the provider use.
    pub fn directories(&self) -> Vec<PathBuf> {
        let files = self.settings.iter().filter(|(key, _)| key == "zone_file");
        let directories = files.filter_map(|(_, file)| Path::new(file).parent());
        directories.map(Path::to_owned).collect()
    }

    /// Whether values that are not needed any more stay until newer ones come.
    pub const fn keeps_values(&self) -> bool {
        matches!(self.server, Server::AcmeDns { .. })
    }

    /// The names of one of many orders at once: its own, with a wildcard; the first ones also have one that they prove at
    /// the same challenge name.
    pub fn names_of_site(&self, number: usize) -> Vec<String> {
        let mut names = vec![
            format!("site{number}.{ZONE}"),
            format!("*.site{number}.{ZONE}"),
        ];
        let sharers = match self.keeps_values() {
            true => IN_TURN,
            false => SHARERS,
        };
        if number < sharers {
            names.push(format!("*.{SHARED}.{ZONE}"));
        }
        names
    }

    /// What `evercert dns-provider add` is to be told.
    pub fn provider_arguments(&self) -> Vec<String> {
        let settings = self.settings.iter();
        let settings = settings.map(|(key, value)| format!("{key}={value}"));
        let mut arguments = vec!["--type".to_owned(), self.code.to_owned()];
        arguments.extend(settings.flat_map(|setting| ["--set".to_owned(), setting]));
        arguments.extend(["--propagation-first-look", "0s"].map(str::to_owned));
        if let Some(watched) = self.watched {
            let servers = ["--propagation", "servers", "--propagation-server"];
            arguments.extend(servers.map(str::to_owned));
            arguments.push(watched.to_string());
        }
        arguments
    }
}

/// The challenge name of a label below the zone, or of the zone itself.
pub fn challenge_name(label: &str) -> String {
    format!("_acme-challenge.{}", domain(label))
}

/// The domain of a label below the zone, or the zone itself (empty label).
fn domain(label: &str) -> String {
    match label {
        "" => ZONE.to_owned(),
        label => format!("{label}.{ZONE}"),
    }
}
