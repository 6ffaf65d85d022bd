//! Another subject than the client's, filled from the client's certificate.

use super::names::attribute_value;
use super::original::Original;
use super::refusal::Refusal;
use crate::der;

/// Keyword, object identifier, string type (RFC 5280 appendix A.1).
const ATTRIBUTES: [(&str, &str, u8); 16] = [
    ("C", "2.5.4.6", der::PRINTABLE_STRING),
    ("CN", "2.5.4.3", der::UTF8_STRING),
    ("DC", "0.9.2342.19200300.100.1.25", der::IA5_STRING),
    ("E", "1.2.840.113549.1.9.1", der::IA5_STRING),
    ("EMAILADDRESS", "1.2.840.113549.1.9.1", der::IA5_STRING),
    ("GN", "2.5.4.42", der::UTF8_STRING),
    ("L", "2.5.4.7", der::UTF8_STRING),
    ("O", "2.5.4.10", der::UTF8_STRING),
    ("OU", "2.5.4.11", der::UTF8_STRING),
    ("SERIALNUMBER", "2.5.4.5", der::PRINTABLE_STRING),
    ("SN", "2.5.4.4", der::UTF8_STRING),
    ("ST", "2.5.4.8", der::UTF8_STRING),
    ("STREET", "2.5.4.9", der::UTF8_STRING),
    ("T", "2.5.4.12", der::UTF8_STRING),
    ("TITLE", "2.5.4.12", der::UTF8_STRING),
    ("UID", "0.9.2342.19200300.100.1.1", der::UTF8_STRING),
];
/// What can stand in braces besides an attribute's keyword.
const NAMES: [&str; 6] = ["DNS", "EMAIL", "ISSUER-CN", "SERIAL", "UPN", "URI"];

/// A subject with gaps: `DC=com,DC=corp,OU={OU},CN={UPN}`, in the order it is encoded.
///
/// In braces stands an attribute of the client's subject by its keyword (the first, if there are several), or `UPN`,
/// `EMAIL`, `DNS`, `URI` for the first such name of the subjectAltName, `ISSUER-CN`, or `SERIAL` for the serial number in
/// hexadecimal. A backslash makes the character behind it an ordinary one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectTemplate(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    oid: Vec<u8>,
    string: u8,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Gap(String),
}

/// A text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A part has no `=`, or nothing behind it.
    #[error("\"{0}\" is not KEYWORD=value")]
    Part(String),
    /// A keyword is none.
    #[error("\"{0}\" is not a keyword of a subject, such as CN, OU, O, DC, C or E")]
    Keyword(String),
    /// What stands in braces is none.
    #[error("{{{0}}} is not an attribute, UPN, EMAIL, DNS, URI, ISSUER-CN or SERIAL")]
    Gap(String),
    /// A brace is not closed, or the text ends with a backslash.
    #[error("a brace is not closed, or a backslash ends the text")]
    Unfinished,
}

impl SubjectTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        split(text)?
            .iter()
            .map(|part| Part::parse(part))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The subject as DER.
    pub(super) fn fill(&self, original: &Original<'_>) -> Result<Vec<u8>, Refusal> {
        let mut sets = Vec::new();
        for part in &self.0 {
            let oid = der::tlv(der::OID, &part.oid);
            let text = part.text(original)?;
            let string = match part.string {
                der::PRINTABLE_STRING if !is_printable(&text) => der::UTF8_STRING,
                der::IA5_STRING if !text.is_ascii() => der::UTF8_STRING,
                string => string,
            };
            let value = der::tlv(string, text.as_bytes());
            let pair = der::wrap(der::SEQUENCE, &[&oid, &value]);
            der::push(&mut sets, der::SET, &pair);
        }
        Ok(der::tlv(der::SEQUENCE, &sets))
    }
}

impl Part {
    fn parse(text: &str) -> Result<Self, TemplateError> {
        let (keyword, value) = text
            .split_once('=')
            .filter(|(_, value)| !value.trim().is_empty())
            .ok_or_else(|| TemplateError::Part(text.to_owned()))?;
        let keyword = keyword.trim();
        let (oid, string) =
            attribute(keyword).ok_or_else(|| TemplateError::Keyword(keyword.to_owned()))?;
        Ok(Self {
            oid,
            string,
            pieces: pieces(value.trim())?,
        })
    }

    fn text(&self, original: &Original<'_>) -> Result<String, Refusal> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(fixed) => text.push_str(fixed),
                Piece::Gap(what) => {
                    let found = look_up(what, original)?.filter(|found| !found.is_empty());
                    let found = found.ok_or_else(|| Refusal::MissingAttribute(what.clone()))?;
                    text.push_str(&found);
                }
            }
        }
        Ok(text)
    }
}

fn look_up(what: &str, original: &Original<'_>) -> Result<Option<String>, Refusal> {
    let names = || original.alt_names();
    Ok(match what {
        "UPN" => names()?.upn(),
        "EMAIL" => names()?.email().map(str::to_owned),
        "DNS" => names()?.dns().map(str::to_owned),
        "URI" => names()?.uri().map(str::to_owned),
        "SERIAL" => Some(original.serial_hex()),
        "ISSUER-CN" => attribute("CN").and_then(|(oid, _)| attribute_value(original.issuer, &oid)),
        keyword => attribute(keyword).and_then(|(oid, _)| original.attribute(&oid)),
    })
}

fn attribute(keyword: &str) -> Option<(Vec<u8>, u8)> {
    let (_, oid, string) = ATTRIBUTES
        .iter()
        .find(|(known, ..)| known.eq_ignore_ascii_case(keyword))?;
    Some((der::oid_content(oid)?, *string))
}

/// Splits at commas that have no backslash before them; backslashes stay.
fn split(text: &str) -> Result<Vec<String>, TemplateError> {
    let mut parts = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            ',' => parts.push(String::new()),
            '\\' => {
                let next = characters.next().ok_or(TemplateError::Unfinished)?;
                append(&mut parts, &['\\', next]);
            }
            other => append(&mut parts, &[other]),
        }
    }
    Ok(parts)
}

fn append(parts: &mut [String], characters: &[char]) {
    if let Some(last) = parts.last_mut() {
        last.extend(characters);
    }
}

fn pieces(value: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut fixed = String::new();
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => fixed.push(characters.next().ok_or(TemplateError::Unfinished)?),
            '{' => {
                let rest = characters.as_str();
                let (gap, behind) = rest.split_once('}').ok_or(TemplateError::Unfinished)?;
                if !fixed.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut fixed)));
                }
                pieces.push(Piece::Gap(known_gap(gap)?));
                characters = behind.chars();
            }
            other => fixed.push(other),
        }
    }
    if !fixed.is_empty() {
        pieces.push(Piece::Text(fixed));
    }
    Ok(pieces)
}

fn known_gap(gap: &str) -> Result<String, TemplateError> {
    let upper = gap.to_ascii_uppercase();
    let is_known = NAMES.contains(&upper.as_str()) || attribute(&upper).is_some();
    match is_known {
        true => Ok(upper),
        false => Err(TemplateError::Gap(gap.to_owned())),
    }
}

/// The characters of a `PrintableString` (X.680 §41.4).
fn is_printable(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || " '()+,-./:=?".contains(c))
}
