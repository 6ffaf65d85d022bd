//! Typed ids: UUID version 7 with a prefix that says of what, so that a wrong id does not compile
//! and a pasted one is recognised: `crt_0190a3b2c4d57e8f9a0b1c2d3e4f5061`.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// An id's text was not of its noun's form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not an id of the form {prefix}_<32 hexadecimal digits>")]
pub struct IdError {
    text: String,
    prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What the text form begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id; ids made later sort later.
            #[expect(clippy::new_without_default, reason = "every id is another one")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .filter(|hex| hex.len() == 32)
                    .and_then(|hex| Uuid::try_parse(hex).ok())
                    .map(Self)
                    .ok_or_else(|| IdError { text: text.to_owned(), prefix: $prefix })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some(concat!("Id of the form `", $prefix, "_…`")))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )*};
}

ids! {
    /// A CA account, as our Console holds it.
    AccountId = "acc";
    /// An entry of the audit log.
    AuditId = "aud";
    /// A certificate: the named thing that lives for years.
    CertificateId = "crt";
    /// A configured DNS provider.
    DnsProviderId = "dns";
    /// An enrolled ADC, or an appliance behind the Connector.
    InstanceId = "ins";
    /// A unit of background work.
    JobId = "job";
    /// A long-running request.
    OperationId = "op";
    /// One order at a CA, as our Console drives it.
    OrderId = "ord";
    /// An API or enrolment token.
    TokenId = "tok";
    /// A person or machine that may log in.
    UserId = "usr";
    /// A configured CA vendor.
    VendorId = "cav";
    /// One issued certificate of a certificate.
    VersionId = "ver";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips() {
        let id = CertificateId::new();

        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().starts_with("crt_"));
    }

    #[test]
    fn an_id_of_another_noun_is_refused() {
        let text = OrderId::new().to_string();

        let error = text.parse::<CertificateId>().unwrap_err();

        assert!(
            error.to_string().contains("crt_<32 hexadecimal digits>"),
            "{error}"
        );
    }
}
