//! Domain names as text: canonical form, suffixes, containment.

use hickory_proto::rr::Name;

/// Lower case A-labels, without final dot and surrounding space.
pub(crate) fn canonical(name: &str) -> String {
    let name = name.trim();
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    match name.is_ascii() {
        true => name,
        false => to_ascii(&name).unwrap_or(name),
    }
}

/// A-labels for U-labels, as browsers make them (UTS 46).
fn to_ascii(name: &str) -> Option<String> {
    let url = reqwest::Url::parse(&format!("http://{name}/")).ok()?;
    url.host_str().map(str::to_owned)
}

/// Whether `name` is `zone` or lies below it; both canonical.
pub(crate) fn is_within(name: &str, zone: &str) -> bool {
    zone.is_empty()
        || name == zone
        || name
            .strip_suffix(zone)
            .is_some_and(|head| head.ends_with('.'))
}

/// The name itself, then its parents up to the top-level domain.
pub(crate) fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name).filter(|name| !name.is_empty()), |current| {
        parent(current)
    })
}

/// The domain that was registered for the name, by the public suffix list; every zone that holds it lies there. The name
/// itself where it is no such.
pub fn registrable(name: &str) -> &str {
    psl::domain_str(name).unwrap_or(name)
}

fn parent(name: &str) -> Option<&str> {
    name.split_once('.').map(|(_, parent)| parent)
}

/// For DNS messages; `None` when it is no domain name.
pub(crate) fn to_wire(name: &str) -> Option<Name> {
    let mut wire = Name::from_ascii(name).ok()?;
    wire.set_fqdn(true);
    Some(wire)
}

/// From DNS messages.
pub(crate) fn from_wire(name: &Name) -> String {
    canonical(&name.to_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_run_from_the_name_to_the_top() {
        let all: Vec<&str> = suffixes("a.b.example").collect();

        assert_eq!(all, ["a.b.example", "b.example", "example"]);
        assert_eq!(suffixes("").count(), 0);
    }

    #[test]
    fn names_are_compared_as_they_are_on_the_wire() {
        assert_eq!(canonical(" WWW.Example.org. "), "www.example.org");
        assert_eq!(canonical("Bücher.example"), "xn--bcher-kva.example");
        assert_eq!(
            canonical("_acme-challenge.bücher.example."),
            "_acme-challenge.xn--bcher-kva.example"
        );
    }

    #[test]
    fn containment_respects_labels() {
        assert!(is_within("a.example.org", "example.org"));
        assert!(is_within("example.org", "example.org"));
        assert!(is_within("example.org", ""));
        assert!(!is_within("anexample.org", "example.org"));
    }

    #[test]
    fn names_survive_the_way_through_a_message() {
        let name = "_acme-challenge.xn--bcher-kva.example";

        assert_eq!(from_wire(&to_wire(name).unwrap()), name);
        assert!(to_wire(&"a".repeat(70)).is_none());
    }
}
