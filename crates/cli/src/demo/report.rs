//! The last line of `demo --check`.

use serde::Serialize;

/// What the check found; all times in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    /// Whether everything held.
    pub(crate) ok: bool,
    /// From the demo's start to the first handshake with a newly issued certificate.
    pub(crate) first_handshake_ms: u64,
    /// Version committed to first handshake with it, per renewal and ADC: the median.
    pub(crate) propagation_ms_p50: u64,
    /// The same, 99th percentile (nearest rank).
    pub(crate) propagation_ms_p99: u64,
    /// The same, the slowest.
    pub(crate) propagation_ms_max: u64,
    /// How many renewals were made under load.
    pub(crate) renewals: u64,
    /// How many clients were at work.
    pub(crate) clients: u64,
    /// Handshakes completed while renewals were made.
    pub(crate) handshakes_during_renewals: u64,
    /// Requests answered while renewals were made.
    pub(crate) requests_during_renewals: u64,
    /// Handshakes that failed, in the whole check.
    pub(crate) failed_handshakes: u64,
    /// Requests that failed and connections that were cut, in the whole check.
    pub(crate) failed_requests: u64,
    /// From the deletion to the first refused handshake, the slower ADC.
    pub(crate) deletion_ms: u64,
    /// From the restart of an ADC, without a Console, to its first handshake.
    pub(crate) restart_without_console_ms: u64,
    /// Version committed to first handshake, for the renewal after the Console came back, the slower ADC.
    pub(crate) propagation_after_outage_ms: u64,
    /// The whole check.
    pub(crate) total_ms: u64,
    /// What went wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<String>,
}

/// The value at a percentile, by nearest rank; 0 for no values.
pub(crate) fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let values: Vec<u64> = (1..=100).collect();

        assert_eq!(percentile(&values, 50), 50);
        assert_eq!(percentile(&values, 99), 99);
        assert_eq!(percentile(&[7], 99), 7);
        assert_eq!(percentile(&[], 99), 0);
    }
}
