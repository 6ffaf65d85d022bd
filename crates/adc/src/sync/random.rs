//! Random numbers that nothing secret hangs on: jitter, and names of runs.

/// From 0 to 1.
pub(super) fn random_fraction() -> f64 {
    let mut bytes = [0; 4];
    // Without random octets the middle is as good a jitter as any.
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

/// Sixteen hexadecimal digits.
pub(super) fn random_hex() -> String {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).unwrap_or_default();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
