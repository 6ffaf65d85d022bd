//! What an import request holds: files of any format, brought to one chain and its key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_api::certificates::{ImportFormat, ImportRequest};
use evercert_api::{Problem, ProblemCode};
use evercert_x509::bundle::{self, Bundle, BundleError, Format};
use evercert_x509::{Certificate, Chain, KeyPair, verify_key_matches};

use super::LifecycleError;
use super::failure::sentence;
use super::import::unusable;

/// A chain, its key if it was given, and every certificate that came with them.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) chain: Chain,
    pub(crate) key: Option<KeyPair>,
    /// Roots and others that the chain does not need, but that tell whether it is complete.
    pub(crate) pool: Vec<Certificate>,
}

/// Reads the files of a request.
///
/// # Errors
/// A problem that points at the file: not Base64, of no known format, a wrong password, no certificate in it, several
/// to choose from, or a key of another certificate.
pub(crate) fn read(request: &ImportRequest) -> Result<Given, LifecycleError> {
    let password = request
        .password
        .as_ref()
        .map(|secret| secret.expose().as_str());
    let mut all = match &request.content {
        Some(_) if !request.chain_pem.is_empty() => {
            let detail = "give content or chain_pem, not both";
            return Err(Problem::new(ProblemCode::Invalid, detail)
                .at("/content")
                .into());
        }
        Some(text) => {
            let content = decode(text.expose(), "/content")?;
            read_as(request.format, &content, password, "/content")?
        }
        None => read_as(
            ImportFormat::Pem,
            request.chain_pem.as_bytes(),
            password,
            "/chain_pem",
        )?,
    };
    if let Some(pem) = &request.key_pem {
        let file = read_as(
            ImportFormat::Pem,
            pem.expose().as_bytes(),
            password,
            "/key_pem",
        )?;
        all.keys = only_keys(file, "/key_pem")?;
    }
    if let Some(text) = &request.key_content {
        let content = decode(text.expose(), "/key_content")?;
        let file = read_as(ImportFormat::Auto, &content, password, "/key_content")?;
        all.keys = only_keys(file, "/key_content")?;
    }
    pair(all, pointer_of(request))
}

fn pointer_of(request: &ImportRequest) -> &'static str {
    match (&request.key_pem, &request.key_content, &request.content) {
        (Some(_), ..) => "/key_pem",
        (_, Some(_), _) => "/key_content",
        (_, _, Some(_)) => "/content",
        _ => "/chain_pem",
    }
}

fn decode(text: &str, pointer: &str) -> Result<Vec<u8>, LifecycleError> {
    let text: String = text.split_whitespace().collect();
    STANDARD
        .decode(text)
        .map_err(|_| unusable(pointer, "it is not Base64 of a file's contents"))
}

fn read_as(
    format: ImportFormat,
    content: &[u8],
    password: Option<&str>,
    pointer: &str,
) -> Result<Bundle, LifecycleError> {
    let read = match format {
        ImportFormat::Auto => bundle::read(content, password),
        ImportFormat::Pem => bundle::read_as(Format::Pem, content, password),
        ImportFormat::Der => bundle::read_as(Format::Der, content, password),
        ImportFormat::Pkcs12 => bundle::read_as(Format::Pkcs12, content, password),
    };
    read.map_err(|error| refusal(&error, password, pointer))
}

fn refusal(error: &BundleError, password: Option<&str>, pointer: &str) -> LifecycleError {
    if !error.is_password() {
        return unusable(pointer, sentence(error));
    }
    let (why, remedy) = match password {
        None | Some("") => (
            "it is encrypted, and no password was given",
            "Give its password.",
        ),
        Some(_) => ("it does not open with this password", "Check the password."),
    };
    Problem::new(ProblemCode::CertificateUnusable, why)
        .with_remedy(remedy)
        .at("/password")
        .into()
}

fn only_keys(file: Bundle, pointer: &str) -> Result<Vec<KeyPair>, LifecycleError> {
    match file.keys.is_empty() {
        true => Err(unusable(pointer, "there is no private key in it")),
        false => Ok(file.keys),
    }
}

/// The chain of the certificate that one of the keys belongs to; without a key, of the only server certificate.
fn pair(all: Bundle, pointer: &str) -> Result<Given, LifecycleError> {
    let Bundle { certificates, keys } = all;
    if certificates.is_empty() {
        let why = match keys.is_empty() {
            true => "there is no certificate in it",
            false => "there is only a private key in it, and no certificate",
        };
        return Err(unusable(pointer, why));
    }
    for key in &keys {
        if let Ok(chain) = Chain::for_key(certificates.clone(), key) {
            return Ok(Given {
                chain,
                key: Some(key.clone()),
                pool: certificates,
            });
        }
    }
    let chain = Chain::from_certificates(certificates.clone())
        .map_err(|error| unusable(pointer, sentence(&error)))?;
    if let Some(key) = keys.first() {
        verify_key_matches(chain.leaf(), key)
            .map_err(|error| unusable(pointer, sentence(&error)))?;
    }
    Ok(Given {
        chain,
        key: None,
        pool: certificates,
    })
}
