//! How it is known that a provider type works.

/// How it is known that a provider type works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof {
    /// Tried against the real software.
    Server,
    /// Tried against exchanges written from a recording or a published test of somebody else.
    Recorded,
    /// Tried against exchanges written from documentation, or from scripts in wide use.
    Documented,
}

/// Those against real software.
const SERVER: &[&str] = &[
    "aws",
    "challtestsrv",
    "exec",
    "knot",
    "nsd",
    "nsupdate",
    "pdns",
];

/// Those for which there is neither a recording nor a published test.
const DOCUMENTED: &[&str] = &[
    "acmedns",
    "acmesh",
    "cyon",
    "dpi",
    "freedns",
    "httpreq",
    "manual",
    "maradns",
    "miab",
    "nw",
    "one",
    "opnsense",
    "schlundtech",
];

impl Proof {
    /// Of the provider type with that code.
    pub fn of(code: &str) -> Self {
        match code {
            code if SERVER.contains(&code) => Self::Server,
            code if DOCUMENTED.contains(&code) => Self::Documented,
            _ => Self::Recorded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::descriptor;

    #[test]
    fn only_providers_that_there_are_have_a_proof_of_their_own() {
        for code in SERVER.iter().chain(DOCUMENTED) {
            assert!(descriptor(code).is_some(), "{code}");
        }
    }
}
