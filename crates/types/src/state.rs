//! How far an order, a version or an item on an instance got.

use std::fmt;
use std::str::FromStr;

/// A state's text was not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a {what}; use one of {}", .known.join(", "))]
pub struct StateError {
    text: String,
    what: &'static str,
    known: &'static [&'static str],
}

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident ($what:literal) { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
                 serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// Every state, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The text kept in databases and JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = StateError;

            fn from_str(text: &str) -> Result<Self, StateError> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(StateError {
                        text: text.to_owned(),
                        what: $what,
                        known: &[$($text),*],
                    }),
                }
            }
        }
    )*};
}

states! {
    /// The steps of an order, each persisted before the next begins; a crash resumes at the last one.
    OrderState ("order state") {
        /// Wanted; nothing was sent to the CA.
        Pending = "pending",
        /// The account is there and newOrder is about to be sent.
        Ordering = "ordering",
        /// The CA's order URL is saved (RFC 8555 §7.4).
        Ordered = "ordered",
        /// Authorizations and chosen challenges are saved.
        Authorizing = "authorizing",
        /// Every challenge response is published (journal first, then record).
        Published = "published",
        /// Every response was seen where the CA will look.
        Propagated = "propagated",
        /// The CA was told to validate (RFC 8555 §7.5.1).
        Validating = "validating",
        /// Every authorization is valid.
        Ready = "ready",
        /// Key (if ours) and CSR are saved.
        Keyed = "keyed",
        /// Finalize was sent (RFC 8555 §7.4).
        Finalizing = "finalizing",
        /// The certificate URL is saved.
        Issued = "issued",
        /// The chain is saved.
        Downloaded = "downloaded",
        /// The version is in its store: from here the certificate is in force.
        Installed = "installed",
        /// Challenge responses are withdrawn: the order is finished.
        Done = "done",
        /// Given up; the certificate's plan says when the next order is tried.
        Failed = "failed",
    }
    /// What a version may be used for.
    VersionState ("version state") {
        /// May be served.
        Good = "good",
        /// Its notAfter has passed.
        Expired = "expired",
        /// Revoked at the CA.
        Revoked = "revoked",
    }
    /// How a certificate stands, in one word; of several keys the gravest counts. Ordered from grave to good.
    CertificateState ("certificate state") {
        /// The version in force was revoked.
        Revoked = "revoked",
        /// The version in force has expired.
        Expired = "expired",
        /// The last order failed for a reason that stays until somebody changes something.
        Blocked = "blocked",
        /// Three orders in a row failed; it goes on being tried.
        Failing = "failing",
        /// Little of its lifetime is left and nothing renews it by itself; or a renewal is overdue.
        Expiring = "expiring",
        /// The last order failed, or the running one had to try a step again.
        Retrying = "retrying",
        /// There is no version yet, and no order of it runs.
        Missing = "missing",
        /// Neither renewed nor ordered until it is resumed.
        Paused = "paused",
        /// It is due, and its order is about to be made.
        Due = "due",
        /// An order of it runs.
        Renewing = "renewing",
        /// In force; its renewal is planned, or is the operator's.
        Ok = "ok",
    }
    /// Who starts a renewal.
    RenewalMode ("renewal mode") {
        /// The Console, when it is due.
        Automatic = "automatic",
        /// The operator.
        Manual = "manual",
    }
    /// How far an item got on one instance (ZTS/1).
    ItemState ("item state") {
        /// In scope, and the instance has not reported it yet.
        Pending = "pending",
        /// Verified on the instance, not yet served (its notBefore lies ahead).
        Staged = "staged",
        /// Served to the next handshake that asks for it.
        Active = "active",
        /// Seen in at least one handshake.
        Observed = "observed",
        /// Refused by the instance, with a code.
        Rejected = "rejected",
    }
}

impl OrderState {
    /// Whether nothing more will happen to it.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_round_trips_as_text_and_json() {
        for state in OrderState::ALL {
            assert_eq!(state.as_str().parse(), Ok(*state));
            assert_eq!(
                serde_json::to_string(state).unwrap(),
                format!("\"{state}\"")
            );
        }
    }

    #[test]
    fn an_unknown_text_is_answered_with_the_known_ones() {
        let error = "auto".parse::<RenewalMode>().unwrap_err();

        assert_eq!(
            error.to_string(),
            "\"auto\" is not a renewal mode; use one of automatic, manual"
        );
    }

    #[test]
    fn states_are_ordered_as_they_happen() {
        assert!(OrderState::Ordered < OrderState::Published);
        assert!(OrderState::Installed < OrderState::Done);
    }
}
