//! Files that commands make: keys, requests, certificates, and conversions between their formats.
//!
//! Private keys are written as PKCS #8, enciphered with AES-256 when a pass phrase is given, whichever cipher was
//! asked for: it is what every reader of today reads.

use std::net::IpAddr;

use evercert_ns::{Command, NsError, codes};
use evercert_types::{Clock, DomainName, KeyAlgorithm, Secret};
use evercert_x509::mint::Authority;
use evercert_x509::requested::{Purpose, Terms, self_signed, signed_by};
use evercert_x509::{Certificate, Chain, Csr, CsrParams, KeyPair, Subject, encrypted_key, pkcs12};
use jiff::SignedDuration;

use crate::error::Causes;
use crate::files::{Files, write_new};
use crate::running::certkeys::{certificates, private_key};

/// Makes what a `create` or `convert` command asks for; takes its time for RSA keys and pass phrases.
///
/// # Errors
/// NetScaler's error; no file is made then.
pub(super) fn make(files: &Files, command: &Command, clock: &dyn Clock) -> Result<(), NsError> {
    let maker = Maker {
        files,
        command,
        clock,
    };
    match command.resource().name {
        "ssl rsakey" => maker.rsa_key(),
        "ssl ecdsaKey" => maker.ecdsa_key(),
        "ssl certReq" => maker.request(),
        "ssl cert" => maker.certificate(),
        "ssl pkcs12" if command.has("import") => maker.import_pkcs12(),
        "ssl pkcs12" => maker.export_pkcs12(),
        "ssl pkcs8" => maker.write_pkcs8(),
        other => Err(NsError::about(&codes::NOT_SUPPORTED, other)),
    }
}

struct Maker<'a> {
    files: &'a Files,
    command: &'a Command,
    clock: &'a dyn Clock,
}

impl Maker<'_> {
    fn rsa_key(&self) -> Result<(), NsError> {
        let algorithm = match self.command.integer("bits") {
            Some(2048) => KeyAlgorithm::Rsa2048,
            Some(3072) => KeyAlgorithm::Rsa3072,
            Some(4096) => KeyAlgorithm::Rsa4096,
            bits => {
                let bits = bits.unwrap_or_default().to_string();
                return Err(NsError::argument(
                    &codes::KEY_SIZE_UNSUPPORTED,
                    "bits",
                    &bits,
                ));
            }
        };
        if self.command.text("exponent") == Some("3") {
            return Err(NsError::argument(
                &codes::INVALID_ARGUMENT_VALUE,
                "exponent",
                "3",
            ));
        }
        self.new_key(algorithm)
    }

    fn ecdsa_key(&self) -> Result<(), NsError> {
        self.new_key(match self.command.text("curve") {
            Some("P_384") => KeyAlgorithm::EcdsaP384,
            _ => KeyAlgorithm::EcdsaP256,
        })
    }

    fn new_key(&self, algorithm: KeyAlgorithm) -> Result<(), NsError> {
        let path = self.files.output(self.text("keyFile"))?;
        let pass_phrase = self.pass_phrase("password")?;
        let key = KeyPair::generate(algorithm).map_err(|error| internal(&error))?;
        let bytes = match self.is_der("keyform") {
            true => der(&key, pass_phrase)?,
            false => pem(&key, pass_phrase)?,
        };
        write_new(&path, bytes.expose())
    }

    fn request(&self) -> Result<(), NsError> {
        let path = self.files.output(self.text("reqFile"))?;
        if self.command.has("fipsKeyName") {
            return Err(NsError::about(&codes::NOT_SUPPORTED, "fipsKeyName"));
        }
        if self.command.text("digestMethod") == Some("SHA1") {
            let code = &codes::INVALID_ARGUMENT_VALUE;
            return Err(NsError::argument(code, "digestMethod", "SHA1"));
        }
        let key = self.key("keyFile", "PEMPassPhrase")?;
        let (names, ips) = self.alternative_names()?;
        let part = |name: &str| self.command.text(name).map(str::to_owned);
        let subject = Subject {
            common_name: part("commonName"),
            organization: part("organizationName"),
            organizational_unit: part("organizationUnitName"),
            locality: part("localityName"),
            state: part("stateName"),
            country: part("countryName"),
            email: part("emailAddress"),
        };
        let params = CsrParams {
            names,
            ips,
            subject,
        };
        let csr = Csr::build(&params, &key).map_err(|error| {
            NsError::about(&codes::INVALID_ARGUMENT, Causes(&error).to_string())
        })?;
        write_new(&path, csr.to_pem().as_bytes())
    }

    fn certificate(&self) -> Result<(), NsError> {
        let path = self.files.output(self.text("certFile"))?;
        let csr = self.csr()?;
        let (names, ips) = self.alternative_names()?;
        let days = self.command.integer("days").unwrap_or(365);
        let terms = Terms {
            purpose: match self.command.text("certType") {
                Some("ROOT_CERT") => Purpose::Root,
                Some("INTM_CERT") => Purpose::Intermediate,
                Some("CLNT_CERT") => Purpose::Client,
                _ => Purpose::Server,
            },
            names,
            ips,
            validity: SignedDuration::from_hours(24 * i64::try_from(days).unwrap_or(365)),
            now: self.clock.now(),
        };
        let made = if terms.purpose == Purpose::Root {
            let key = self.key("keyFile", "PEMPassPhrase")?;
            if !csr.is_of(&key) {
                return Err(NsError::about(&codes::KEY_MISMATCH, self.text("keyFile")));
            }
            self_signed(&csr, &key, &terms)
        } else {
            signed_by(&self.authority()?, &csr, &terms)
        };
        let made = made.map_err(|error| invalid(self.text("reqFile"), &error))?;
        let bytes = match self.is_der("certForm") {
            true => made.der().to_vec(),
            false => made.to_pem().into_bytes(),
        };
        write_new(&path, &bytes)
    }

    fn csr(&self) -> Result<Csr, NsError> {
        let file = self.text("reqFile");
        let bytes = self.files.input(file)?;
        let csr = match std::str::from_utf8(&bytes) {
            Ok(text) if text.contains("-----BEGIN") => Csr::from_pem(text),
            _ => Csr::from_der(bytes),
        };
        let csr = csr.map_err(|error| invalid(file, &error))?;
        csr.verify_signature()
            .map_err(|error| invalid(file, &error))?;
        Ok(csr)
    }

    fn authority(&self) -> Result<Authority, NsError> {
        for needed in ["CAcert", "CAkey"] {
            if !self.command.has(needed) {
                return Err(NsError::about(&codes::ARGUMENT_MISSING, needed));
            }
        }
        let file = self.text("CAcert");
        let own: String = self
            .certificates("CAcert")?
            .iter()
            .map(Certificate::to_pem)
            .collect();
        let key = self.key("CAkey", "PEMPassPhrase")?;
        Authority::from_pem(&own, key.to_pkcs8_pem().expose()).map_err(|error| {
            tracing::info!(path = file, error = %Causes(&error), "refused as a CA");
            match error {
                evercert_x509::mint::MintError::Mismatch(_) => {
                    NsError::about(&codes::KEY_MISMATCH, file)
                }
                _ => NsError::about(&codes::NOT_A_CA, file),
            }
        })
    }

    fn import_pkcs12(&self) -> Result<(), NsError> {
        let path = self.files.output(self.text("outfile"))?;
        let Some(file) = self.command.text("pkcs12File") else {
            return Err(NsError::new(&codes::IMPORT_FILE_MISSING));
        };
        let password = self.secret("password").unwrap_or_default();
        let (keys, certificates) = pkcs12::contents(&self.files.input(file)?, &password)
            .map_err(|error| unreadable(file, &error))?;
        let phrase = match self.wants_cipher() {
            true => self.pass_phrase("PEMPassPhrase")?,
            false => None,
        };
        let mut text = String::new();
        for key in &keys {
            let pem = pem(key, phrase.clone())?;
            text.push_str(&String::from_utf8_lossy(pem.expose()));
        }
        for certificate in &certificates {
            text.push_str(&certificate.to_pem());
        }
        let text = Secret::new(text);
        write_new(&path, text.expose().as_bytes())
    }

    fn export_pkcs12(&self) -> Result<(), NsError> {
        let path = self.files.output(self.text("outfile"))?;
        if !self.command.has("certFile") || !self.command.has("keyFile") {
            return Err(NsError::new(&codes::EXPORT_FILES_MISSING));
        }
        let key = self.key("keyFile", "PEMPassPhrase")?;
        let file = self.text("certFile");
        let chain = Chain::for_key(self.certificates("certFile")?, &key)
            .map_err(|error| told(file, &error, NsError::about(&codes::KEY_MISMATCH, file)))?;
        let password = self.secret("password").unwrap_or_default();
        let bytes = pkcs12::export(&key, &chain, &password, pkcs12::Profile::Modern)
            .map_err(|error| internal(&error))?;
        write_new(&path, &bytes)
    }

    fn write_pkcs8(&self) -> Result<(), NsError> {
        let path = self.files.output(self.text("pkcs8File"))?;
        let key = self.key("keyFile", "password")?;
        write_new(&path, key.to_pkcs8_pem().expose().as_bytes())
    }

    /// The private key in the file that an argument names.
    fn key(&self, argument: &str, pass_phrase: &str) -> Result<KeyPair, NsError> {
        let Some(file) = self.command.text(argument) else {
            return Err(NsError::about(&codes::ARGUMENT_MISSING, argument));
        };
        let bytes = Secret::new(self.files.input(file)?);
        let phrase = self.secret(pass_phrase);
        private_key(bytes.expose(), phrase.as_deref()).map_err(|error| unreadable(file, &error))
    }

    fn certificates(&self, argument: &str) -> Result<Vec<Certificate>, NsError> {
        let file = self.text(argument);
        certificates(self.files.input(file)?).map_err(|why| {
            tracing::info!(path = file, error = why, "refused as a certificate");
            NsError::about(&codes::INVALID_CERTIFICATE, file)
        })
    }

    /// `DNS:a.example DNS:b.example IP:192.0.2.1`, separated by blanks or commas; a bare word is a name or an address.
    fn alternative_names(&self) -> Result<(Vec<DomainName>, Vec<IpAddr>), NsError> {
        let (mut names, mut ips) = (Vec::new(), Vec::new());
        let text = self.command.text("subjectAltName").unwrap_or_default();
        let words = text.split([' ', ',', ';']).filter(|word| !word.is_empty());
        for word in words {
            let refused = || {
                let code = &codes::INVALID_ARGUMENT_VALUE;
                NsError::argument(code, "subjectAltName", word)
            };
            let (kind, value) = word.split_once(':').map_or(("", word), |(kind, value)| {
                match kind.to_ascii_uppercase().as_str() {
                    "DNS" => ("DNS", value),
                    "IP" => ("IP", value),
                    // An IPv6 address has colons of its own.
                    _ => ("", word),
                }
            });
            match (kind, value.parse::<IpAddr>()) {
                ("IP" | "", Ok(ip)) => ips.push(ip),
                ("IP", Err(_)) => return Err(refused()),
                _ => names.push(DomainName::new(value).map_err(|_| refused())?),
            }
        }
        Ok((names, ips))
    }

    fn text(&self, argument: &str) -> &str {
        self.command.text(argument).unwrap_or_default()
    }

    fn secret(&self, argument: &str) -> Option<String> {
        self.command.text(argument).map(str::to_owned)
    }

    fn is_der(&self, argument: &str) -> bool {
        self.command.text(argument) == Some("DER")
    }

    fn wants_cipher(&self) -> bool {
        ["des", "des3", "aes256"]
            .iter()
            .any(|cipher| self.command.has(cipher))
    }

    /// The pass phrase, which a cipher needs.
    fn pass_phrase(&self, argument: &str) -> Result<Option<Secret<String>>, NsError> {
        match self.secret(argument) {
            Some(phrase) => Ok(Some(Secret::new(phrase))),
            None if self.wants_cipher() => Err(NsError::about(&codes::ARGUMENT_MISSING, argument)),
            None => Ok(None),
        }
    }
}

fn pem(key: &KeyPair, phrase: Option<Secret<String>>) -> Result<Secret<Vec<u8>>, NsError> {
    let text = match phrase {
        None => key.to_pkcs8_pem(),
        Some(phrase) => {
            encrypted_key::encrypt_to_pem(key, phrase.expose()).map_err(|error| internal(&error))?
        }
    };
    Ok(Secret::new(text.expose().as_bytes().to_vec()))
}

fn der(key: &KeyPair, phrase: Option<Secret<String>>) -> Result<Secret<Vec<u8>>, NsError> {
    match phrase {
        None => Ok(key.to_pkcs8_der()),
        Some(phrase) => encrypted_key::encrypt(key, phrase.expose())
            .map(Secret::new)
            .map_err(|error| internal(&error)),
    }
}

fn told(file: &str, error: &dyn std::error::Error, told: NsError) -> NsError {
    tracing::info!(path = file, error = %Causes(error), "refused");
    told
}

fn unreadable(file: &str, error: &dyn std::error::Error) -> NsError {
    told(
        file,
        error,
        NsError::about(&codes::INVALID_PRIVATE_KEY, file),
    )
}

fn invalid(file: &str, error: &dyn std::error::Error) -> NsError {
    told(
        file,
        error,
        NsError::about(&codes::INVALID_CERTIFICATE, file),
    )
}

fn internal(error: &dyn std::error::Error) -> NsError {
    NsError::about(&codes::SYSTEM_ERROR, Causes(error).to_string())
}
