//! ns.conf.

use evercert_ns::nsconf::{self, Policy};

/// A saved configuration.
///
/// * With faults left out it always loads, and every fault can be told.
/// * What was loaded is saved as a text that loads without fault, as an equal configuration, and is saved as the same text.
pub fn ns_conf(text: &str) {
    let loaded = nsconf::load(text, Policy::Skip).expect("skipping faults loads everything");
    for error in &loaded.errors {
        assert!(error.line >= 1 && !error.to_string().is_empty());
    }
    let saved = nsconf::print(&loaded.config);
    let again = nsconf::load(&saved, Policy::Strict)
        .unwrap_or_else(|error| panic!("{error}\n--- saved as\n{saved}"));
    assert_eq!(nsconf::print(&again.config), saved);
    assert!(again.config == loaded.config, "another configuration:\n{saved}");
}
