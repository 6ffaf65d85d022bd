//! The subject of a request, as it is asked for (RFC 5280 §4.1.2.6).

use evercert_types::SubjectTerms;
use rcgen::string::{Ia5String, PrintableString};
use rcgen::{DistinguishedName, DnType, DnValue};

use crate::csr::CsrError;

/// The distinguished name of a request; all parts optional, all empty is the usual case for ACME.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// CN; at most 64 characters (RFC 5280 appendix A).
    pub common_name: Option<String>,
    /// O.
    pub organization: Option<String>,
    /// OU.
    pub organizational_unit: Option<String>,
    /// L.
    pub locality: Option<String>,
    /// ST.
    pub state: Option<String>,
    /// C; two letters (ISO 3166).
    pub country: Option<String>,
    /// emailAddress (PKCS#9).
    pub email: Option<String>,
}

impl From<SubjectTerms> for Subject {
    fn from(terms: SubjectTerms) -> Self {
        Self {
            common_name: terms.common_name,
            organization: terms.organization,
            organizational_unit: terms.organizational_unit,
            locality: terms.locality,
            state: terms.state,
            country: terms.country,
            email: terms.email,
        }
    }
}

impl Subject {
    pub(crate) fn to_distinguished_name(&self) -> Result<DistinguishedName, CsrError> {
        let mut name = DistinguishedName::new();
        if let Some(country) = &self.country {
            name.push(DnType::CountryName, country_value(country)?);
        }
        let texts = [
            ("ST", DnType::StateOrProvinceName, &self.state, 128),
            ("L", DnType::LocalityName, &self.locality, 128),
            ("O", DnType::OrganizationName, &self.organization, 64),
            (
                "OU",
                DnType::OrganizationalUnitName,
                &self.organizational_unit,
                64,
            ),
            ("CN", DnType::CommonName, &self.common_name, 64),
        ];
        for (field, kind, value, limit) in texts {
            if let Some(value) = value {
                check_length(field, value, limit)?;
                name.push(kind, value.as_str());
            }
        }
        if let Some(email) = &self.email {
            check_length("emailAddress", email, 255)?;
            let value = Ia5String::try_from(email.as_str())
                .map_err(|_| field_error("emailAddress", email, "ASCII characters only"))?;
            let kind = DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]);
            name.push(kind, DnValue::Ia5String(value));
        }
        Ok(name)
    }
}

fn country_value(country: &str) -> Result<DnValue, CsrError> {
    let two_letters = country.len() == 2 && country.bytes().all(|b| b.is_ascii_alphabetic());
    let error = || field_error("C", country, "two letters (ISO 3166), such as DE");
    if !two_letters {
        return Err(error());
    }
    PrintableString::try_from(country.to_ascii_uppercase())
        .map(DnValue::PrintableString)
        .map_err(|_| error())
}

fn check_length(field: &'static str, value: &str, limit: usize) -> Result<(), CsrError> {
    if value.is_empty() {
        return Err(field_error(
            field,
            value,
            "it must not be empty; leave it out",
        ));
    }
    if value.chars().count() > limit {
        let rule = if limit == 64 {
            "at most 64 characters"
        } else {
            "it is too long"
        };
        return Err(field_error(field, value, rule));
    }
    Ok(())
}

fn field_error(field: &'static str, value: &str, rule: &'static str) -> CsrError {
    CsrError::Field {
        field,
        value: value.to_owned(),
        rule,
    }
}
