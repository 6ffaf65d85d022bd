//! Where a provider is tried: a double of what it speaks to, which keeps records and has misfortunes.

pub(crate) mod commands;
pub(crate) mod dns;
pub(crate) mod files;
pub(crate) mod http;
pub(crate) mod packet;

use std::time::Duration;

use evercert_dns::Settings;

/// A record: name and value.
pub(crate) type Pair = (String, String);

/// Something that goes wrong, whatever the provider speaks.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// It is busy, and has time a second later.
    Busy,
    /// It is busy for minutes.
    BusyForLong,
    /// It fails by itself at whatever comes next.
    Failing,
    /// It fails at the next change, so many times.
    FailingChange(usize),
    /// Its answer breaks off; the one after so many others.
    Half(usize),
    /// It shows a page for people instead; the one after so many others.
    Page(usize),
    /// It answers octets that are no text.
    Noise,
    /// It says nothing, for long.
    Silence,
    /// The next change is carried out, and the connection is reset before the answer.
    Reset,
    /// The next change is carried out, and the answer breaks off.
    LostAnswer,
    /// It sends whoever asks to another host.
    Redirect(String),
    /// It answers with more than anybody reads.
    Flood,
    /// Who was let in must ask again.
    SessionOver,
}

/// A double of what a provider speaks to.
///
/// Written from what is known of the real one, not from the provider.
pub(crate) trait Stage: Send {
    /// Settings to change this name with.
    fn settings(&self, fqdn: &str) -> Settings;

    /// Settings whose credentials are not accepted.
    fn wrong_settings(&self, fqdn: &str) -> Settings;

    /// Settings for somebody who does not wait long; the rest is the context's time limit.
    fn hasty_settings(&self, fqdn: &str) -> Settings {
        self.settings(fqdn)
    }

    /// Every record that the world sees, sorted.
    fn records(&self) -> Vec<Pair>;

    /// Somebody else's record.
    fn plant(&self, fqdn: &str, value: &str);

    /// So many values at the name, and as many zones; answers have ten at a time.
    fn crowd(&self, fqdn: &str, values: &[String]);

    /// Brings the misfortune about.
    fn strike(&self, trouble: Trouble);

    /// Ends what is left of misfortunes; whether all of them came about.
    fn calm(&self) -> bool;

    /// How often it was asked or run.
    fn asked(&self) -> usize;

    /// How often it was asked or run to change something.
    fn changes(&self) -> usize;

    /// The time between the first two times it was asked, where that can be seen.
    fn pause(&self) -> Option<Duration>;

    /// What nobody who knows the real one would ask for.
    fn complaints(&self) -> Vec<String>;

    /// The least TTL that a record came with, where that is known.
    fn least_ttl(&self) -> Option<u64> {
        None
    }
}
