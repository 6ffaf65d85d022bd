//! `show ssl zerotouch`: what NetScaler's read-only fields tell, and every certificate's state.
//!
//! No public document shows what NetScaler prints; each field of `sslzerotouchparam` is one `Label: value` line.

use crate::show::layout::rows_of;
use crate::show::{Row, derived, template};

/// The type that carries the certificates' rows within the answer.
const CERTIFICATES: &str = "sslzerotouchparam_sslzerotouchcert_binding";

const STATE: &[&str] = &[
    "\tZero Touch: {zerotouch|DISABLED}",
    "\tState: {state}",
    "\tDetail: {detail}",
    "\tRemedy: {remedy}",
    "\tConsole: {remoteserverip|(none)}",
    "\tConnectivity: {admconnectivitystatus}",
    "\tHTTP status code: {httpstatuscode}",
    "\tRequest type: {requesttype}",
    "\tLast request: {requesttimestamp}",
    "\tLast successful request: {lastsuccesstimestamp}",
    "\tNext request: {nextrequesttime}",
    "\tKey file: {keyfilename}",
    "\tScope: {scope}",
    "\tStore revision: {revision}",
    "\tCertificates: {held} ({active|0} active, {staged|0} not yet valid, {rejected|0} rejected, {expired|0} expired)",
    "\tNames served: {names}",
    "\tCA certificates: {cacertificates}",
    "\tSealed cache: {cachefile}\t(saved {cachesaved|never})",
    "\tCache problem: {cacheproblem}",
];

const PARAMETERS: &[&str] = &[
    "",
    "\tOCSP Cache Timeout: {ocspcachetimeout|1} minutes",
    "\tOCSP Batching Depth: {ocspbatchingdepth}",
    "\tOCSP Batching Delay: {ocspbatchingdelay} ms",
    "\tOCSP Response Timeout: {ocspresptimeout} ms",
    "\tOCSP URL Resolve Timeout: {ocspurlresolvetimeout} ms",
    "\tOCSP Trust Responder: {ocsptrustresponder|NO}",
    "\tOCSP ProducedAt Time Skew: {ocspproducedattimeskew|300} seconds",
    "\tOCSP Nonce: {ocspusenonce|ENABLED}",
    "\tOCSP HTTP Method: {ocsphttpmethod|POST}",
];

const CERTIFICATE: &[&str] = &[
    "{#})\tName: {certificate}\tState: {state}",
    "\tKey Algorithm: {algorithm}\tGeneration: {generation}",
    "\tServing Generation: {servinggeneration}",
    "\tFingerprint: {fingerprint}",
    "\tNames: {names}",
    "\tNot After : {notafter}",
    "\tHandshakes: {handshakes|0}",
    "\tOcsp Response Status: {ocspresponsestatus|NONE}",
    "\tReason: {code} ({reason|})",
];

/// The text, for that type only.
pub(super) fn render(kind: &str, rows: &[Row]) -> Option<String> {
    if kind != "sslzerotouchparam" {
        return None;
    }
    let mut text = String::new();
    for row in rows {
        template::write(STATE, row, None, &mut text);
        template::write(PARAMETERS, row, None, &mut text);
        let certificates: Vec<_> = rows_of(row, CERTIFICATES).collect();
        if !certificates.is_empty() {
            text.push('\n');
        }
        for (number, certificate) in (1..).zip(&certificates) {
            template::write(CERTIFICATE, certificate, Some(number), &mut text);
        }
        let held = derived::text(row, "held").and_then(|held| held.parse().ok());
        let unlisted = held.unwrap_or(0_usize).saturating_sub(certificates.len());
        if unlisted > 0 && !certificates.is_empty() {
            text.push_str(&format!("\t… and {unlisted} more\n"));
        }
    }
    Some(text)
}
