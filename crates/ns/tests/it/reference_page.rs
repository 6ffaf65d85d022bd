//! The reference page is what the catalogue says: a change of it is a change that somebody reads.

const FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/reference/commands.md"
);

#[test]
fn the_reference_page_is_the_catalogues() {
    let written = evercert_ns::reference::markdown();
    if std::env::var_os("EVERCERT_BLESS").is_some() {
        std::fs::write(FILE, &written).unwrap();
    }

    let known = std::fs::read_to_string(FILE).unwrap_or_default();

    assert!(
        known == written,
        "the catalogue changed; look at it with\n  EVERCERT_BLESS=1 cargo nextest run -p evercert-ns reference_page && git diff {FILE}"
    );
}
