//! How a stub begins: defaults, and what resembles the CAs that people use.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use evercert_types::{SharedClock, SystemClock};
use evercert_x509::mint::Usage;
use jiff::SignedDuration;

use super::limits::Limits;
use super::switches::{
    AlternateLinks, Ari, Authz, ChainFormat, ChainOrder, ChainShape, Contacts, Dates, Eab,
    Finalize, IdentifierPolicy, Ips, LineEnds, Nonce, OrderLists, OrderReuse, Profile, Replaces,
    RootInChain, Subject, Suffixes, Switches, Terms,
};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// How a stub begins.
#[derive(Clone, Debug)]
pub struct StubOptions {
    /// Its time: of certificates, orders, limits and journal, not of its HTTPS certificate.
    pub clock: SharedClock,
    /// Its behaviour.
    pub switches: Switches,
    /// How many requests the journal keeps, the newest; 100,000.
    pub journal_limit: usize,
}

impl Default for StubOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            switches: Switches::default(),
            journal_limit: 100_000,
        }
    }
}

impl StubOptions {
    /// Like Let's Encrypt's production: profiles `classic`, `tlsserver` and `shortlived`, ARI, its
    /// rate limits, reuse of orders and authorizations, no contacts kept, no orders listed, two
    /// intermediates and two alternates.
    pub fn lets_encrypt() -> Self {
        let mut options = Self::default();
        let switches = &mut options.switches;
        switches.ari = Ari::Computed;
        switches.profiles = lets_encrypt_profiles();
        switches.limits = Limits::lets_encrypt();
        switches.authz_reuse = Some(DAY * 30);
        switches.order_reuse = OrderReuse::Unfinished;
        switches.contacts = Contacts::Dropped;
        switches.dates = Dates::Refused;
        switches.order_lists = OrderLists::Absent;
        switches.chain.intermediates = 2;
        switches.chain.alternates = 2;
        options
    }

    /// Like DigiCert: a reusable binding is needed (key id `digicert`, see [`Self::EAB_HMAC`]),
    /// names are validated beforehand, 199 days.
    pub fn digicert() -> Self {
        let mut options = Self::default().with_eab("digicert", Eab::Required);
        options.switches.ari = Ari::Computed;
        options.switches.authz = Authz::Valid;
        options.switches.lifetime = DAY * 199;
        options
    }

    /// Like Google Trust Services: a binding good for one account (key id `google`), notAfter is
    /// honoured, ARI.
    pub fn google() -> Self {
        let mut options = Self::default().with_eab("google", Eab::RequiredOnce);
        options.switches.ari = Ari::Computed;
        options.switches.dates = Dates::Honoured;
        options
    }

    /// Like `ZeroSSL`: a reusable binding (key id `zerossl`), no ARI, no key change, slow
    /// authorizations, orders that are processing for a while. For its storms of 429 set
    /// [`Switches::rate_limit`], for processing without end [`Finalize::Endless`].
    pub fn zerossl() -> Self {
        let mut options = Self::default().with_eab("zerossl", Eab::Required);
        let second = Some(Duration::from_secs(1));
        options.switches.authz = Authz::Slow {
            looks: 1,
            retry_after: None,
        };
        options.switches.finalize = Finalize::Processing {
            looks: 2,
            retry_after: second,
        };
        let missing = ("keyChange".to_owned(), serde_json::Value::Null);
        options.switches.directory.extend([missing]);
        options
    }

    /// The HMAC key of the presets' bindings, decoded.
    pub const EAB_HMAC: &'static [u8] = b"the presets' HMAC key, 32 octets";

    /// The same with a binding of this key id, its HMAC key [`Self::EAB_HMAC`].
    #[must_use]
    pub fn with_eab(mut self, kid: &str, rule: Eab) -> Self {
        self.switches.eab = rule;
        let hmac = Self::EAB_HMAC.to_vec();
        self.switches.eab_keys.insert(kid.to_owned(), hmac);
        self
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }
}

fn lets_encrypt_profiles() -> BTreeMap<String, Profile> {
    let profile = |name: &str, hours: i64, max_names, subject| {
        let profile = Profile {
            description: format!("https://letsencrypt.org/docs/profiles#{name}"),
            lifetime: SignedDuration::from_hours(hours),
            max_names,
            subject,
        };
        (name.to_owned(), profile)
    };
    BTreeMap::from([
        profile("classic", 90 * 24, 100, Subject::FirstName),
        profile("tlsserver", 45 * 24, 25, Subject::Empty),
        profile("shortlived", 160, 25, Subject::Empty),
    ])
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            ari: Ari::Off,
            ari_of: HashMap::new(),
            ari_pace: Duration::from_secs(6 * 3_600),
            profiles: BTreeMap::new(),
            replaces: Replaces::Ok,
            authz: Authz::Pending,
            failing_names: BTreeMap::new(),
            challenge_types: ["http-01", "dns-01", "tls-alpn-01"]
                .map(str::to_owned)
                .to_vec(),
            authz_reuse: None,
            order_reuse: OrderReuse::Never,
            order_life: DAY * 7,
            finalize: Finalize::Issue,
            nonce: Nonce::Good,
            rate_limit: None,
            limits: Limits::default(),
            paused: None,
            chain: ChainShape::default(),
            eku: Usage::Server,
            lifetime: DAY * 90,
            dates: Dates::Ignored,
            eab: Eab::Off,
            eab_keys: BTreeMap::new(),
            terms: Terms {
                url: Some("https://stub.example/terms/v1".to_owned()),
                changed: None,
            },
            contacts: Contacts::Kept,
            identifiers: IdentifierPolicy::default(),
            prefix: String::new(),
            directory: BTreeMap::new(),
            order_lists: OrderLists::Offered,
        }
    }
}

impl Default for ChainShape {
    fn default() -> Self {
        Self {
            intermediates: 1,
            order: ChainOrder::LeafFirst,
            line_ends: LineEnds::Lf,
            root: RootInChain::LeftOut,
            alternates: 0,
            alternate_links: AlternateLinks::Good,
            format: ChainFormat::Pem,
        }
    }
}

impl Default for IdentifierPolicy {
    fn default() -> Self {
        Self {
            max: 100,
            blocked: BTreeSet::new(),
            suffixes: Suffixes::Any,
            ips: Ips::Accepted,
        }
    }
}
