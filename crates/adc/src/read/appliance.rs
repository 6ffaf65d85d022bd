//! The appliance itself: version, configuration as a whole, features, modes, hardware, license.

use evercert_ns::catalog::{Kind, NS_FEATURE, NS_MODE, ResourceType};
use evercert_ns::value::Value;
use evercert_ns::{NsError, codes, nsconf};
use evercert_x509::sha256;
use serde_json::json;

use super::{Reader, Row};

/// When the release whose language is spoken here was made, as its version says it.
const BUILT: &str = "Nov 21 2026, 10:00:00";
/// Features this product has; the others can be enabled and change nothing.
const FEATURES: &[&str] = &["LB", "CS", "SSL", "RESPONDER", "CI"];

impl Reader<'_> {
    /// The row of one of these types; `None` for other types.
    pub(super) fn appliance(&self, kind: &str) -> Option<Result<Row, NsError>> {
        let write: fn(&Self) -> Result<Row, NsError> = match kind {
            "nsversion" => |reader| Ok(reader.version()),
            "nsconfig" => |reader| Ok(reader.config_as_a_whole()),
            "nsfeature" => |reader| Ok(switches(&NS_FEATURE, reader.config.features())),
            "nsmode" => |reader| Ok(switches(&NS_MODE, reader.config.modes())),
            "nshardware" => |reader| Ok(reader.hardware()),
            "nshostname" => |reader| Ok(super::row([("hostname", json!(reader.host_name()))])),
            "nslicense" => |reader| Ok(reader.license()),
            "nsrunningconfig" => |reader| {
                let text = reader.instance.control.text();
                Ok(super::row([("response", json!(text))]))
            },
            "nssavedconfig" => Self::saved,
            _ => return None,
        };
        let known: &[&str] = match kind {
            "nsversion" => &["installedversion"],
            "nsrunningconfig" => &["withdefaults"],
            _ => &[],
        };
        let mut args = self.query.args.iter();
        let unknown = args.find(|(field, _)| !known.iter().any(|k| k.eq_ignore_ascii_case(field)));
        Some(match unknown {
            Some((field, _)) => Err(NsError::about(&codes::NO_SUCH_ARGUMENT, field)),
            None => write(self),
        })
    }

    fn version(&self) -> Row {
        let (release, build) = release();
        let version = format!("NetScaler {release}: Build {build}.nc, Date: {BUILT}   (64-bit)");
        let mut row = super::row([("version", json!(version)), ("mode", json!("1"))]);
        let product = format!("Evercert ADC {}", env!("CARGO_PKG_VERSION"));
        row.insert("product".to_owned(), json!(product));
        if self.arg("installedversion").is_some() {
            row.insert("installedversion".to_owned(), json!(true));
        }
        row
    }

    fn config_as_a_whole(&self) -> Row {
        let set = self.config.singleton("ns config");
        let mask = set.and_then(|object| object.ip("netmask"));
        let zone = set.and_then(|object| object.text("timezone"));
        let address = self.own_address();
        let now = self.now();
        let saved = self.instance.control.saved();
        let time = |at: jiff::Timestamp| at.strftime("%a %b %e %H:%M:%S %Y").to_string();
        let mut row = super::row([
            ("ipaddress", json!(address)),
            (
                "netmask",
                json!(mask.map_or_else(|| "255.255.255.255".to_owned(), |m| m.to_string())),
            ),
            ("systemtype", json!("Stand-alone")),
            ("primaryip", json!(address)),
            ("timezone", json!(zone.unwrap_or("GMT+00:00-GMT-Etc/GMT"))),
            ("configchanged", json!(saved.is_changed)),
            ("currentsytemtime", json!(time(now))),
            ("systemtime", json!(now.as_second())),
            ("flags", json!("0")),
        ]);
        let times = [
            ("lastconfigchangedtime", saved.changed_at),
            ("lastconfigsavetime", saved.saved_at),
        ];
        for (field, at) in times {
            if let Some(at) = at {
                row.insert(field.to_owned(), json!(time(at)));
            }
        }
        row
    }

    fn hardware(&self) -> Row {
        let name = self.host_name();
        let identity = sha256(self.instance.name.as_bytes()).to_string();
        let digits: String = identity.chars().filter(char::is_ascii_hexdigit).collect();
        let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
        let uuid = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
        let uuid = uuid.map(|(from, to)| part(from, to)).join("-");
        super::row([
            (
                "hwdescription",
                json!(format!("Evercert ADC ({})", std::env::consts::ARCH)),
            ),
            ("sysid", json!("450000")),
            ("host", json!(name)),
            ("hostid", json!(part(32, 44))),
            ("serialno", json!(part(0, 12).to_ascii_uppercase())),
            ("encodedserialno", json!(part(12, 24))),
            ("netscaleruuid", json!(uuid)),
            ("cpufrequncy", json!("0")),
        ])
    }

    /// Nothing here needs a licence: what the product has is licensed.
    fn license(&self) -> Row {
        let words = words(&NS_FEATURE);
        let mut row: Row = words
            .iter()
            .map(|word| (word.to_ascii_lowercase(), json!(FEATURES.contains(word))))
            .collect();
        row.extend(super::row([
            ("modelid", json!("0")),
            ("isstandardlic", json!(false)),
            ("isenterpriselic", json!(false)),
            ("isplatinumlic", json!(true)),
            ("issgwylic", json!(false)),
            ("licensingmode", json!("Express")),
        ]));
        row
    }

    fn saved(&self) -> Result<Row, NsError> {
        let path = &self.instance.ns_conf;
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            // Nothing was saved yet.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                tracing::warn!(file.path = %path.display(), %error, "reading the saved configuration");
                return Err(NsError::about(&codes::SYSTEM_ERROR, "ns.conf"));
            }
        };
        Ok(super::row([("textblob", json!(text))]))
    }

    /// The name set by `set ns hostName`, else the instance's.
    pub(super) fn host_name(&self) -> String {
        let name = self.config.host_name();
        name.unwrap_or(&self.instance.name).to_owned()
    }

    /// The address set by `set ns config`, else the loopback address.
    pub(super) fn own_address(&self) -> String {
        let set = self.config.singleton("ns config");
        let address = set.and_then(|object| object.value("IPAddress").and_then(Value::as_ip));
        address.map_or_else(|| "127.0.0.1".to_owned(), |ip| ip.to_string())
    }
}

/// Release and build: `NS14.1`, `43.56`.
fn release() -> (&'static str, &'static str) {
    nsconf::RELEASE
        .split_once(" Build ")
        .unwrap_or((nsconf::RELEASE, "0.0"))
}

fn words(resource: &'static ResourceType) -> &'static [&'static str] {
    match resource.attributes.first().map(|a| a.kind) {
        Some(Kind::List(words)) => words,
        _ => &[],
    }
}

/// A switch for each word, and the words that are on.
fn switches(resource: &'static ResourceType, on: &[String]) -> Row {
    let is_on = |word: &str| on.iter().any(|have| have.eq_ignore_ascii_case(word));
    let mut row: Row = words(resource)
        .iter()
        .map(|word| (word.to_ascii_lowercase(), json!(is_on(word))))
        .collect();
    if let Some(list) = resource.attributes.first() {
        row.insert(list.field(), json!(on));
    }
    row
}
