//! What a server's refusal means and what to do about it.

use hickory_proto::op::ResponseCode;

use super::session::{Reply, Session};
use crate::error::{DnsError, Fault, Step};
use crate::lookup::rcode_text;
use crate::tsig::{TsigAlgorithm, TsigKey, TsigRcode, TsigRecord};

impl Session<'_> {
    pub(super) fn signature_refused(
        &self,
        step: Step,
        tsig: &TsigRecord,
        rcode: ResponseCode,
    ) -> DnsError {
        let key = tsig.key_name();
        let algorithm = self.provider.key.as_ref().map(TsigKey::algorithm);
        let algorithm = algorithm.map_or("?", TsigAlgorithm::as_str);
        let (fault, code, what, remedy) = match tsig.error() {
            code if code == TsigRcode::Signature as u16 => (
                Fault::Credentials,
                "BADSIG",
                format!("{} has another secret for TSIG key {key}", self.label),
                format!("copy the secret of key {key} again from the server's configuration; the algorithm is {algorithm} here"),
            ),
            code if code == TsigRcode::Key as u16 => (
                Fault::Credentials,
                "BADKEY",
                format!("{} does not know TSIG key {key} with {algorithm}", self.label),
                format!("check name and algorithm of the key, and that the server's configuration with key {key} is loaded"),
            ),
            code if code == TsigRcode::Time as u16 => (
                Fault::Clock,
                "BADTIME",
                self.clock_difference(tsig),
                "set the clocks of this host and of the DNS server by NTP; they may differ by 5 minutes".to_owned(),
            ),
            _ => (
                Fault::Credentials,
                "TSIG error",
                format!("{} refuses the signature with TSIG error {}", self.label, tsig.error()),
                "check the TSIG key's name, algorithm and secret".to_owned(),
            ),
        };
        self.error(step, fault, what)
            .with_status(format!("{}, {code}", rcode_text(rcode)))
            .with_remedy(remedy)
    }

    fn clock_difference(&self, tsig: &TsigRecord) -> String {
        let ours = tsig.time();
        match tsig.server_time() {
            Some(theirs) if theirs >= ours => format!(
                "the clock of {} is {} s ahead of this host's",
                self.label,
                theirs - ours
            ),
            Some(theirs) => format!(
                "the clock of {} is {} s behind this host's",
                self.label,
                ours - theirs
            ),
            None => format!("the clock of {} and this host's differ", self.label),
        }
    }

    /// What a response code to an update means.
    pub(super) fn refusal(&self, step: Step, rcode: ResponseCode, reply: &Reply) -> DnsError {
        let (label, zone) = (self.label, &self.zone);
        let key = self.provider.key.as_ref().map(TsigKey::name);
        let (fault, what, remedy) = match (rcode, key) {
            (ResponseCode::Refused, Some(key)) => (
                Fault::Permission,
                format!("{label} does not let key {key} change this"),
                format!(
                    "allow key {key} to update TXT records of this name (BIND: update-policy, Knot: acl with action update)"
                ),
            ),
            (ResponseCode::Refused, None) => (
                Fault::Credentials,
                format!("{label} refuses unsigned updates"),
                "give the TSIG key that the server knows".to_owned(),
            ),
            // A refused signature would have come with a TSIG record that says so.
            (ResponseCode::NotAuth, _) if reply.authentic || reply.tsig.is_none() => (
                Fault::Zone,
                format!("{label} is not primary for zone {zone}"),
                "name the primary server of the zone, or correct the zone".to_owned(),
            ),
            (ResponseCode::NotAuth, _) => (
                Fault::Credentials,
                format!("{label} does not accept the signature, or is not primary for zone {zone}"),
                "check the TSIG key and the zone".to_owned(),
            ),
            (ResponseCode::NotZone, _) => (
                Fault::Zone,
                format!("the name does not lie in zone {zone}"),
                "correct the zone".to_owned(),
            ),
            _ => (
                Fault::Provider,
                format!("{label} failed"),
                "see the DNS server's log".to_owned(),
            ),
        };
        self.error(step, fault, what)
            .with_status(rcode_text(rcode))
            .with_remedy(remedy)
    }
}
