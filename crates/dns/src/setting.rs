//! Reading a provider's settings: what is missing, unknown or malformed is said by its key.

use std::time::Duration;

use evercert_types::{Secret, parse_span};

use crate::error::DnsError;
use crate::provider::{Field, Settings};

/// Where requests go, in the fields of every provider that speaks HTTP.
pub(crate) const BASE_URL: Field = Field::text(
    "base_url",
    "API URL",
    "Base URL of the API, where it is not the service's own: a gateway, a sandbox, a test server.",
)
.optional();

/// Whom to trust, in the fields of every provider that speaks HTTP.
pub(crate) const CA_BUNDLE: Field = Field::text(
    "ca_bundle",
    "CA certificates",
    "PEM certificates that the API's certificate must chain to, instead of the system's.",
)
.optional();

/// Time to live of what is added.
pub(crate) const TTL: Field = Field::text(
    "ttl",
    "TTL",
    "Time to live of new records in seconds; what the service does not take is raised to what it does.",
)
.optional();

/// A provider's settings beside the fields it declares.
pub(crate) struct Reader<'a> {
    code: &'static str,
    fields: &'static [Field],
    settings: &'a Settings,
}

impl<'a> Reader<'a> {
    /// Refuses settings that the provider does not know and required ones that are missing.
    pub(crate) fn new(
        code: &'static str,
        fields: &'static [Field],
        settings: &'a Settings,
    ) -> Result<Self, DnsError> {
        let reader = Self {
            code,
            fields,
            settings,
        };
        let known: Vec<&str> = fields.iter().map(|field| field.key).collect();
        if let Some(key) = settings.keys().find(|key| !known.contains(&key.as_str())) {
            let known = known.join(", ");
            return Err(reader.error(format!("there is no setting {key}; there are {known}")));
        }
        let missing = fields
            .iter()
            .find(|field| !field.optional && reader.text(field.key).is_none());
        match missing {
            Some(field) => {
                let what = format!("the setting {} ({}) is missing", field.key, field.label);
                Err(reader.error(what).with_remedy(field.help))
            }
            None => Ok(reader),
        }
    }

    /// The value, or the field's default; empty counts as absent.
    pub(crate) fn text(&self, key: &str) -> Option<&'a str> {
        let given = self.settings.get(key).map(|value| value.expose().trim());
        let default = || self.fields.iter().find(|field| field.key == key)?.default;
        given.filter(|text| !text.is_empty()).or_else(default)
    }

    /// The value of a field that [`Reader::new`] found present.
    pub(crate) fn required(&self, key: &str) -> Result<&'a str, DnsError> {
        self.text(key)
            .ok_or_else(|| self.error(format!("the setting {key} is missing")))
    }

    pub(crate) fn secret(&self, key: &str) -> Option<Secret<String>> {
        self.text(key).map(|text| Secret::new(text.to_owned()))
    }

    /// A number of seconds for a record's TTL.
    pub(crate) fn ttl(&self, key: &str, default: u32) -> Result<u32, DnsError> {
        let Some(text) = self.text(key) else {
            return Ok(default);
        };
        match text.parse() {
            Ok(ttl) if ttl <= 2_147_483_647 => Ok(ttl),
            _ => Err(self.error(format!("{key} is not a number of seconds"))),
        }
    }

    /// A duration such as `30s` or `2m`, more than nothing and at most an hour.
    pub(crate) fn span(&self, key: &str, default: Duration) -> Result<Duration, DnsError> {
        let Some(text) = self.text(key) else {
            return Ok(default);
        };
        let span = parse_span(text)
            .map_err(|e| self.error(format!("{key} is not a duration")).caused_by(e))?;
        Duration::try_from(span)
            .ok()
            .filter(|span| !span.is_zero() && span.as_secs() <= 3600)
            .ok_or_else(|| self.error(format!("{key} must be between 1s and 1h")))
    }

    /// A setting that cannot work; `what` begins with its key, or with `the setting KEY`, where it is one.
    pub(crate) fn error(&self, what: impl Into<String>) -> DnsError {
        let what = what.into();
        let key = what.strip_prefix("the setting ").unwrap_or(&what);
        let key = key.split(' ').next().unwrap_or_default();
        let field = self.fields.iter().find(|field| field.key == key);
        let error = DnsError::setting(self.code, what);
        match field {
            Some(field) => error.of_setting(field.key),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static FIELDS: &[Field] = &[
        field("url", false, None),
        field("timeout", true, None),
        field("server_id", true, Some("localhost")),
    ];

    const fn field(key: &'static str, optional: bool, default: Option<&'static str>) -> Field {
        Field {
            key,
            label: "Label",
            secret: false,
            optional,
            default,
            help: "Help.",
            acme_sh_env: &[],
            lego_env: &[],
        }
    }

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned().into()))
            .collect()
    }

    #[test]
    fn missing_and_unknown_settings_are_named() {
        let missing = settings(&[("url", " ")]);
        let unknown = settings(&[("url", "x"), ("ulr", "x")]);

        let error = Reader::new("x", FIELDS, &missing).err().unwrap();
        assert!(
            error.to_string().contains("url (Label) is missing"),
            "{error}"
        );
        assert_eq!(error.setting_key(), Some("url"));
        let error = Reader::new("x", FIELDS, &unknown).err().unwrap();
        assert!(error.to_string().contains("no setting ulr"), "{error}");
        assert_eq!(error.setting_key(), None);
    }

    #[test]
    fn defaults_and_durations_are_read() {
        let given = settings(&[("url", "x"), ("timeout", "2m")]);
        let reader = Reader::new("x", FIELDS, &given).unwrap();

        assert_eq!(reader.text("server_id"), Some("localhost"));
        let timeout = reader.span("timeout", Duration::from_secs(1)).unwrap();
        assert_eq!(timeout, Duration::from_secs(120));
        for bad in ["0s", "2h", "soon"] {
            let given = settings(&[("url", "x"), ("timeout", bad)]);
            let reader = Reader::new("x", FIELDS, &given).unwrap();
            let error = reader.span("timeout", Duration::from_secs(1)).unwrap_err();
            assert_eq!(error.setting_key(), Some("timeout"));
        }
    }
}
