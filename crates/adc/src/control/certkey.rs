//! What `ssl certKey` commands do beyond the configuration: files are read and checked, links follow their issuers.

use std::sync::Arc;

use evercert_ns::catalog::SSL_CERTKEY;
use evercert_ns::model::{CertKeyView, Config, Effect, Object};
use evercert_ns::value::Value;
use evercert_ns::{Command, NsError, Verb, codes};
use evercert_types::Clock;
use evercert_x509::Certificate;
use jiff::Timestamp;

use super::draft::Draft;
use crate::files::write_new;
use crate::running::certkeys::{LoadedCertKey, names};

/// Most intermediates a bundle may hold.
const MOST_INTERMEDIATES: usize = 9;

/// Carries out a command about a certkey.
///
/// # Errors
/// NetScaler's error; the draft is of no use then.
pub(super) fn carry_out(
    draft: &mut Draft,
    command: &Command,
    clock: &dyn Clock,
) -> Result<Effect, NsError> {
    let now = clock.now();
    match command.verb() {
        Verb::Add => add(draft, command, now),
        Verb::Update => update(draft, command, now),
        Verb::Link => link(draft, command),
        Verb::Rm => rm(draft, command, now),
        _ => draft.apply(command),
    }
}

/// Carries out a command about a bundle: its one file holds the certificate, its key, and the intermediates.
///
/// # Errors
/// NetScaler's error; the draft is of no use then.
pub(super) fn bundle(
    draft: &mut Draft,
    command: &Command,
    clock: &dyn Clock,
) -> Result<Effect, NsError> {
    let effect = draft.apply(command)?;
    if !matches!(command.verb(), Verb::Add | Verb::Update) {
        return Ok(effect);
    }
    let view = view(&draft.config, &command.key())?;
    let loaded = read(draft, &view)?;
    if loaded.certificates.len() > MOST_INTERMEDIATES + 1 {
        return Err(NsError::about(&codes::TOO_MANY_INTERMEDIATES, &view.cert));
    }
    draft.warnings.extend(validity(loaded.leaf(), clock.now()));
    Ok(effect)
}

/// `add ssl certificateChain`: links a certkey, and those above it, to the issuers that are here.
///
/// # Errors
/// 1540 when there is no such certkey.
pub(super) fn build_chain(draft: &mut Draft, command: &Command) -> Result<Effect, NsError> {
    let names: Vec<String> = draft
        .config
        .objects(SSL_CERTKEY.name)
        .map(Object::key)
        .collect();
    let mut below = view(&draft.config, &command.key())?.name;
    let mut effect = Effect::Unchanged;
    for _ in 0..=MOST_INTERMEDIATES {
        if let Some(linked) = view(&draft.config, &below)?.linked {
            below = linked;
            continue;
        }
        // A certkey whose files are gone is nobody's issuer, and a root needs none.
        let mut is_issuer = |name: &String| matches!(fits(draft, &below, name), Ok(true));
        if is_issuer(&below) {
            break;
        }
        let Some(issuer) = names.iter().find(|name| is_issuer(name)) else {
            break;
        };
        let link = Command::new(Verb::Link, &SSL_CERTKEY)
            .with("certkeyName", Value::Text(below.clone()))
            .with("linkCertKeyName", Value::Text(issuer.clone()));
        effect = draft.apply(&link)?;
        below.clone_from(issuer);
    }
    Ok(effect)
}

fn add(draft: &mut Draft, command: &Command, now: Timestamp) -> Result<Effect, NsError> {
    let effect = draft.apply(command)?;
    let view = view(&draft.config, &command.key())?;
    let loaded = read(draft, &view)?;
    if let Some(twin) = draft.certkeys.holding(loaded.leaf(), &view.name) {
        let what = format!("certkeyName Contents, {twin}");
        return Err(NsError::about(&codes::RESOURCE_EXISTS, what));
    }
    draft.warnings.extend(validity(loaded.leaf(), now));
    if view.bundle {
        expand(draft, &view, &loaded)?;
    }
    Ok(effect)
}

/// `update ssl certKey`: other contents under the same name, with bindings and links as far as they still fit.
fn update(draft: &mut Draft, command: &Command, now: Timestamp) -> Result<Effect, NsError> {
    let old = draft.certkeys.loaded(&command.key()).cloned();
    let effect = draft.apply(command)?;
    let view = view(&draft.config, &command.key())?;
    if is_bound_to_gateways(&draft.config, &view.name) {
        return Err(NsError::about(&codes::CERTIFICATE_IN_USE, "vpn global"));
    }
    let new = read(draft, &view)?;
    let other_names = old.is_some_and(|old| domains(old.leaf()) != domains(new.leaf()));
    if other_names && !command.has("noDomainCheck") {
        return Err(NsError::about(&codes::DOMAIN_MISMATCH, view.name));
    }
    let broken = break_links(draft, &view.name)?;
    let validity = validity(new.leaf(), now);
    draft.warnings.extend(match (broken, validity) {
        (false, validity) => validity,
        (true, None) => Some(NsError::new(&codes::LINKS_BROKEN)),
        (true, Some(warning)) if warning.is(&codes::EXPIRED) => {
            Some(NsError::new(&codes::LINKS_BROKEN_EXPIRED))
        }
        (true, Some(_)) => Some(NsError::new(&codes::LINKS_BROKEN_NOT_YET_VALID)),
    });
    if view.bundle {
        expand(draft, &view, &new)?;
    }
    Ok(effect)
}

fn link(draft: &mut Draft, command: &Command) -> Result<Effect, NsError> {
    let effect = draft.apply(command)?;
    let view = view(&draft.config, &command.key())?;
    let issuer = view.linked.as_deref().unwrap_or_default();
    if fits(draft, &view.name, issuer)? {
        Ok(effect)
    } else {
        Err(NsError::new(&codes::ISSUER_MISMATCH))
    }
}

fn rm(draft: &mut Draft, command: &Command, now: Timestamp) -> Result<Effect, NsError> {
    let view = draft.config.certkey(&command.key());
    let wish = draft
        .config
        .object(SSL_CERTKEY.name, &command.key())
        .and_then(|object| object.text("deleteCertKeyFilesOnRemoval"))
        .unwrap_or("NO")
        .to_owned();
    let effect = draft.apply(command)?;
    let Some(view) = view else {
        return Ok(effect);
    };
    let loaded = draft.certkeys.loaded(&view.name);
    let has_expired = loaded.is_some_and(|loaded| loaded.leaf().not_after() < now);
    if command.has("deleteFromDevice") || wish == "ALWAYS" || (wish == "IF_EXPIRED" && has_expired)
    {
        doom(draft, &view);
    }
    Ok(effect)
}

/// The files are to go, but for those another certkey uses, and those outside NetScaler's directories.
fn doom(draft: &mut Draft, view: &CertKeyView) {
    let files = draft.certkeys.files();
    let used: Vec<_> = (draft.config.certkeys())
        .flat_map(|other| std::iter::once(other.cert).chain(other.key))
        .map(|file| files.certificate(&file))
        .collect();
    let mut own: Vec<_> = std::iter::once(&view.cert)
        .chain(&view.key)
        .map(|file| files.certificate(file))
        .filter(|path| !used.contains(path) && files.owns(path))
        .collect();
    own.dedup();
    draft.doomed.extend(own);
}

/// Makes certkeys of a bundle's intermediates, `<name>_ic1` and so on, and links them; one that is there already
/// with the same certificate is used.
pub(super) fn expand(
    draft: &mut Draft,
    view: &CertKeyView,
    loaded: &LoadedCertKey,
) -> Result<(), NsError> {
    let chain = chain_above(loaded);
    if chain.len() > MOST_INTERMEDIATES {
        return Err(NsError::about(
            &codes::TOO_MANY_INTERMEDIATES,
            view.name.clone(),
        ));
    }
    let mut below = view.name.clone();
    for (index, certificate) in chain.iter().enumerate() {
        let name = match draft.certkeys.holding(certificate, "") {
            Some(name) => name.to_owned(),
            None => add_intermediate(draft, view, index + 1, certificate)?,
        };
        if self::view(&draft.config, &below)?.linked.is_none() {
            let link = Command::new(Verb::Link, &SSL_CERTKEY)
                .with("certkeyName", Value::Text(below))
                .with("linkCertKeyName", Value::Text(name.clone()));
            draft.apply(&link)?;
        }
        below = name;
    }
    Ok(())
}

fn add_intermediate(
    draft: &mut Draft,
    view: &CertKeyView,
    number: usize,
    certificate: &Certificate,
) -> Result<String, NsError> {
    let taken = |number: &usize| {
        let name = format!("{}_ic{number}", view.name);
        draft.config.certkey(&name).is_some()
    };
    let number = (number..).find(|number| !taken(number)).unwrap_or(number);
    let (name, file) = (
        format!("{}_ic{number}", view.name),
        format!("{}_ic{number}", view.cert),
    );
    let path = draft.certkeys.files().certificate(&file);
    let pem = certificate.to_pem();
    let is_there = std::fs::read(&path).is_ok_and(|bytes| bytes == pem.as_bytes());
    if !is_there {
        write_new(&path, pem.as_bytes())?;
    }
    let add = Command::new(Verb::Add, &SSL_CERTKEY)
        .with("certkeyName", Value::Text(name.clone()))
        .with("cert", Value::Text(file));
    draft.apply(&add)?;
    let view = self::view(&draft.config, &name)?;
    read(draft, &view)?;
    Ok(name)
}

/// The certificates of a file that lead upwards from its own, without a root.
fn chain_above(loaded: &LoadedCertKey) -> Vec<Certificate> {
    let mut above: Vec<Certificate> = Vec::new();
    let mut last = loaded.leaf().clone();
    let is_next = |last: &Certificate, next: &Certificate| {
        !next.is_self_signed() && next != last && last.is_signed_by(next)
    };
    while let Some(next) = loaded.certificates.iter().find(|next| is_next(&last, next)) {
        if above.contains(next) {
            break;
        }
        above.push(next.clone());
        last = next.clone();
    }
    above
}

/// Takes away the links from and to a certkey that do not fit its new contents.
fn break_links(draft: &mut Draft, name: &str) -> Result<bool, NsError> {
    let is_about = |view: &CertKeyView| {
        let linked = view.linked.as_deref();
        linked.is_some_and(|linked| {
            view.name.eq_ignore_ascii_case(name) || linked.eq_ignore_ascii_case(name)
        })
    };
    let linked: Vec<CertKeyView> = draft.config.certkeys().filter(is_about).collect();
    let mut broken = false;
    for view in linked {
        let issuer = view.linked.as_deref().unwrap_or_default();
        if !fits(draft, &view.name, issuer)? {
            let unlink = Command::new(Verb::Unlink, &SSL_CERTKEY)
                .with("certkeyName", Value::Text(view.name.clone()));
            draft.apply(&unlink)?;
            broken = true;
        }
    }
    Ok(broken)
}

/// Whether the one certkey's certificate is signed by the other's.
fn fits(draft: &mut Draft, name: &str, issuer: &str) -> Result<bool, NsError> {
    let (own, issuer) = (view(&draft.config, name)?, view(&draft.config, issuer)?);
    if own.is_factory || issuer.is_factory {
        return Ok(false);
    }
    let own = draft.certkeys.contents(&own)?;
    let issuer = draft.certkeys.contents(&issuer)?;
    Ok(own.leaf().is_signed_by(issuer.leaf()))
}

fn read(draft: &mut Draft, view: &CertKeyView) -> Result<Arc<LoadedCertKey>, NsError> {
    let loaded = draft.certkeys.read(view)?;
    tell_family(&mut draft.config, &view.name, &loaded);
    Ok(loaded)
}

/// Tells the configuration which bindings a certkey takes the place of.
pub(super) fn tell_family(config: &mut Config, name: &str, read: &LoadedCertKey) {
    if let Some(key) = &read.key {
        config.set_key_family(name, key.algorithm().family());
    }
}

/// Whether gateways use it everywhere: such a certkey must not change under them.
fn is_bound_to_gateways(config: &Config, name: &str) -> bool {
    let Some(global) = config.singleton("vpn global") else {
        return false;
    };
    global.bindings().iter().any(|bound| {
        let words = bound.values.iter().flat_map(|(_, value)| value.words());
        let mut words = words;
        words.any(|word| word.eq_ignore_ascii_case(name))
    })
}

/// The names a certificate is registered for, in any order.
fn domains(leaf: &Certificate) -> Vec<String> {
    let mut domains: Vec<String> = names(leaf).iter().map(ToString::to_string).collect();
    if domains.is_empty() {
        domains.extend(leaf.common_name());
    }
    domains.sort();
    domains.dedup();
    domains
}

fn validity(leaf: &Certificate, now: Timestamp) -> Option<NsError> {
    if leaf.not_after() < now {
        Some(NsError::new(&codes::EXPIRED))
    } else if leaf.not_before() > now {
        Some(NsError::new(&codes::NOT_YET_VALID))
    } else {
        None
    }
}

fn view(config: &Config, name: &str) -> Result<CertKeyView, NsError> {
    let missing = || NsError::argument(&codes::CERTIFICATE_MISSING, "certkeyName", name);
    config.certkey(name).ok_or_else(missing)
}
