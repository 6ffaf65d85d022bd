//! Names of a certificate: the parts of a subject, and general names of every kind.

use super::MAX_NAMES;
use super::refusal::Refusal;
use crate::der::{self, DerError, Reader, Tlv};
use crate::name::der_text;

/// `szOID_NT_PRINCIPAL_NAME`: the user principal name of a smart card.
const PRINCIPAL_NAME: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 20, 2, 3];
/// `emailAddress` (PKCS#9).
pub(super) const EMAIL_ADDRESS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1];

/// The general names of a subjectAltName, in its order.
#[derive(Clone, Debug, Default)]
pub struct AltNames<'a>(pub(super) Vec<GeneralName<'a>>);

/// One of them (RFC 5280 §4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GeneralName<'a> {
    Other {
        oid: &'a [u8],
        value: &'a [u8],
    },
    Email(String),
    Dns(String),
    Uri(String),
    /// The `Name` as DER.
    Directory(&'a [u8]),
    /// The octets; with a mask behind them in name constraints.
    Ip(&'a [u8]),
    /// Of a kind that nobody uses, by its tag.
    Unusual(u8),
}

impl<'a> AltNames<'a> {
    /// Reads the value of a subjectAltName.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] and [`Refusal::TooManyNames`].
    pub(super) fn read(value: &'a [u8]) -> Result<Self, Refusal> {
        let mut outer = Reader::new(value);
        let list = outer.expect(der::SEQUENCE)?;
        outer.finish()?;
        let elements = der::elements(list.content)?;
        if elements.len() > MAX_NAMES {
            let count = elements.len();
            return Err(Refusal::TooManyNames { count });
        }
        let names: Result<_, DerError> = elements.iter().map(GeneralName::read).collect();
        Ok(Self(names?))
    }

    /// The first user principal name.
    pub fn upn(&self) -> Option<String> {
        self.0.iter().find_map(GeneralName::upn)
    }

    /// The first e-mail address.
    pub fn email(&self) -> Option<&str> {
        self.0.iter().find_map(|name| match name {
            GeneralName::Email(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The first DNS name.
    pub fn dns(&self) -> Option<&str> {
        self.0.iter().find_map(|name| match name {
            GeneralName::Dns(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The first URI.
    pub fn uri(&self) -> Option<&str> {
        self.0.iter().find_map(|name| match name {
            GeneralName::Uri(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// Every name as text with its kind before it: `UPN:alice@corp.example`, `email:`, `DNS:`, `URI:`, `IP:`, `dirName:`;
    /// an `otherName` of another kind by its object identifier and its value in hexadecimal.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(GeneralName::text).collect()
    }
}

impl<'a> GeneralName<'a> {
    pub(super) fn read(tlv: &Tlv<'a>) -> Result<Self, DerError> {
        let text = || match tlv.content.is_ascii() {
            true => Ok(String::from_utf8_lossy(tlv.content).into_owned()),
            false => Err(DerError::Content("IA5String")),
        };
        Ok(match tlv.tag {
            0xa0 => {
                let mut parts = Reader::new(tlv.content);
                let oid = parts.expect(der::OID)?.content;
                let value = parts.expect(der::constructed(0))?.content;
                parts.finish()?;
                Self::Other { oid, value }
            }
            0x81 => Self::Email(text()?),
            0x82 => Self::Dns(text()?),
            0x86 => Self::Uri(text()?),
            0x87 => Self::Ip(tlv.content),
            0xa4 => Self::Directory(tlv.content),
            tag => Self::Unusual(tag),
        })
    }

    pub(super) fn upn(&self) -> Option<String> {
        let Self::Other { oid, value } = self else {
            return None;
        };
        if *oid != PRINCIPAL_NAME {
            return None;
        }
        string_text(&Reader::new(value).next_tlv().ok()?)
    }

    pub(super) fn text(&self) -> String {
        if let Some(upn) = self.upn() {
            return format!("UPN:{upn}");
        }
        match self {
            Self::Other { oid, value } => {
                format!(
                    "otherName:{};{}",
                    der::oid_text(oid),
                    crate::certificate::hex(value)
                )
            }
            Self::Email(text) => format!("email:{text}"),
            Self::Dns(text) => format!("DNS:{text}"),
            Self::Uri(text) => format!("URI:{text}"),
            Self::Directory(name) => format!("dirName:{}", der_text(name)),
            Self::Ip(octets) => match crate::certificate::ip_address(octets) {
                Some(ip) => format!("IP:{ip}"),
                None => format!("IP:{}", crate::certificate::hex(octets)),
            },
            Self::Unusual(tag) => format!("name of kind [{}]", tag & 0x1f),
        }
    }

    /// Names of different kinds are never compared.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Other { oid: a, .. }, Self::Other { oid: b, .. }) => a == b,
            (Self::Unusual(a), Self::Unusual(b)) => a == b,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

/// The parts of a `Name` (DER), each with its attributes: contents of the object identifier, and value.
pub(super) fn parts(name: &[u8]) -> Result<Vec<Vec<Attribute<'_>>>, DerError> {
    let mut outer = Reader::new(name);
    let list = outer.expect(der::SEQUENCE)?;
    outer.finish()?;
    der::elements(list.content)?
        .iter()
        .map(|set| {
            der::elements(set.content)?
                .iter()
                .map(|pair| {
                    let mut pair = Reader::new(pair.content);
                    let oid = pair.expect(der::OID)?.content;
                    Ok((oid, pair.next_tlv()?))
                })
                .collect()
        })
        .collect()
}

/// Type and value.
pub(super) type Attribute<'a> = (&'a [u8], Tlv<'a>);

/// The text of the first attribute of this type in a `Name` (DER).
pub(super) fn attribute_value(name: &[u8], oid: &[u8]) -> Option<String> {
    attribute_values(name, oid).into_iter().next()
}

/// The texts of all attributes of this type in a `Name` (DER).
pub(super) fn attribute_values(name: &[u8], oid: &[u8]) -> Vec<String> {
    let parts = parts(name).unwrap_or_default();
    let attributes = parts.iter().flatten().filter(|(kind, _)| *kind == oid);
    attributes
        .filter_map(|(_, value)| string_text(value))
        .collect()
}

/// The texts of all attributes of a `Name` (DER).
pub(super) fn texts(name: &[u8]) -> Vec<String> {
    let parts = parts(name).unwrap_or_default();
    let attributes = parts.iter().flatten();
    attributes
        .filter_map(|(_, value)| string_text(value))
        .collect()
}

/// The text of a `DirectoryString` or `IA5String`; `None` when it is neither.
pub(super) fn string_text(tlv: &Tlv<'_>) -> Option<String> {
    match tlv.tag {
        der::UTF8_STRING | der::PRINTABLE_STRING | der::IA5_STRING => {
            String::from_utf8(tlv.content.to_vec()).ok()
        }
        der::TELETEX_STRING => Some(tlv.content.iter().map(|octet| char::from(*octet)).collect()),
        der::BMP_STRING => {
            let (pairs, rest) = tlv.content.as_chunks::<2>();
            let units: Vec<u16> = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            match rest {
                [] => String::from_utf16(&units).ok(),
                _ => None,
            }
        }
        _ => None,
    }
}
