//! Finds verbs, resource types and argument names by any unambiguous beginning.

use crate::catalog::{self, RESOURCES, ResourceType};
use crate::command::Verb;

/// What a word stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<T> {
    /// Exactly this.
    One(T),
    /// Nothing.
    None,
    /// Any of these.
    Many(Vec<String>),
}

/// The item whose name is the word, or the only one whose name begins with it; any case.
pub(super) fn by_prefix<T: Copy>(
    items: impl IntoIterator<Item = (T, &'static str)>,
    word: &str,
) -> Found<T> {
    let mut hits: Vec<(T, &'static str)> = Vec::new();
    for (item, name) in items {
        if name.eq_ignore_ascii_case(word) {
            return Found::One(item);
        }
        if begins(name, word) {
            hits.push((item, name));
        }
    }
    match hits.as_slice() {
        [] => Found::None,
        [(item, _)] => Found::One(*item),
        many => Found::Many(many.iter().map(|(_, name)| (*name).to_owned()).collect()),
    }
}

/// The verb a word stands for.
pub(super) fn verb(word: &str) -> Found<Verb> {
    by_prefix(Verb::ALL.iter().map(|verb| (*verb, verb.word())), word)
}

/// The resource type that the words begin with, and how many words that took.
///
/// NetScaler accepts `ssl vserver`, `ssl vs`, `sslvserver`, and the noun alone where no other type has it.
pub(super) fn resource(verb: Verb, words: &[&str]) -> Found<(&'static ResourceType, usize)> {
    let Some(first) = words.first() else {
        return Found::None;
    };
    let second = words.get(1).copied().unwrap_or_default();
    if let Some(resource) = catalog::resource(&format!("{first} {second}"))
        && resource.supports(verb)
    {
        return Found::One((resource, 2));
    }
    // Only types without a group have names of one word.
    if let Some(resource) = catalog::resource(first)
        && resource.supports(verb)
    {
        return Found::One((resource, 1));
    }
    let candidates: Vec<_> = RESOURCES
        .iter()
        .copied()
        .filter(|resource| resource.supports(verb))
        .collect();
    if let Some(found) = exact(&candidates, first, second) {
        return found;
    }
    let pairs: Vec<_> = candidates
        .iter()
        .copied()
        .filter(|r| !second.is_empty() && begins(r.group(), first) && begins(r.noun(), second))
        .collect();
    let whole = pairs
        .iter()
        .filter(|r| r.noun().eq_ignore_ascii_case(second))
        .count();
    if whole == 1 {
        return chosen(
            pairs
                .into_iter()
                .filter(|r| r.noun().eq_ignore_ascii_case(second)),
            2,
        );
    }
    if !pairs.is_empty() {
        return chosen(pairs, 2);
    }
    let alone = candidates.into_iter().filter(|r| {
        // The group word alone says nothing yet.
        let beyond_group = first.len() > r.group().len() && begins(&joined(r), first);
        begins(r.noun(), first) || beyond_group
    });
    chosen(alone, 1)
}

/// Types that have the words as a whole, ungrouped types first.
fn exact(
    candidates: &[&'static ResourceType],
    first: &str,
    second: &str,
) -> Option<Found<(&'static ResourceType, usize)>> {
    let is = |name: &str, word: &str| name.eq_ignore_ascii_case(word);
    let grouped = candidates
        .iter()
        .find(|r| is(r.group(), first) && is(r.noun(), second));
    if let Some(resource) = grouped {
        return Some(Found::One((*resource, 2)));
    }
    let whole = candidates
        .iter()
        .find(|r| is(r.name, first) || is(&joined(r), first) || is(r.nitro, first));
    if let Some(resource) = whole {
        return Some(Found::One((*resource, 1)));
    }
    let nouns: Vec<_> = candidates
        .iter()
        .copied()
        .filter(|r| is(r.noun(), first))
        .collect();
    (!nouns.is_empty()).then(|| chosen(nouns, 1))
}

fn chosen(
    hits: impl IntoIterator<Item = &'static ResourceType>,
    words: usize,
) -> Found<(&'static ResourceType, usize)> {
    let hits: Vec<_> = hits.into_iter().collect();
    match hits.as_slice() {
        [] => Found::None,
        [resource] => Found::One((resource, words)),
        many => Found::Many(many.iter().map(|r| r.name.to_owned()).collect()),
    }
}

fn joined(resource: &ResourceType) -> String {
    resource.name.replace(' ', "")
}

fn begins(name: &str, word: &str) -> bool {
    name.get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// The name nearest to a mistyped word, if one is near enough to be meant.
pub(super) fn nearest<'n>(names: impl IntoIterator<Item = &'n str>, word: &str) -> Option<&'n str> {
    let word = word.to_ascii_lowercase();
    let limit = 1 + word.chars().count() / 4;
    names
        .into_iter()
        // Each character more or less is a step of its own.
        .filter(|name| name.len().abs_diff(word.len()) <= limit.saturating_mul(4))
        .map(|name| (distance(&name.to_ascii_lowercase(), &word), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(found: Found<(&'static ResourceType, usize)>) -> String {
        match found {
            Found::One((resource, words)) => format!("{} after {words}", resource.name),
            Found::None => "none".to_owned(),
            Found::Many(names) => names.join(" | "),
        }
    }

    #[test]
    fn verbs_are_found_by_their_beginning() {
        assert_eq!(verb("SH"), Found::One(Verb::Show));
        assert_eq!(verb("set"), Found::One(Verb::Set));
        assert_eq!(verb("frob"), Found::None);
        assert!(matches!(verb("unli"), Found::One(Verb::Unlink)));
        assert!(matches!(verb("a"), Found::Many(_)));
    }

    #[test]
    fn resource_types_are_found_in_every_spelling_netscaler_accepts() {
        let show = |words: &[&str]| name(resource(Verb::Show, words));

        assert_eq!(show(&["ssl", "vserver", "v"]), "ssl vserver after 2");
        assert_eq!(show(&["ssl", "vs"]), "ssl vserver after 2");
        assert_eq!(show(&["sslvserver", "v"]), "ssl vserver after 1");
        assert_eq!(show(&["sslvs"]), "ssl vserver after 1");
        assert_eq!(show(&["certkey"]), "ssl certKey after 1");
        assert_eq!(show(&["service", "s"]), "service after 1");
        assert_eq!(show(&["ssl", "service", "s"]), "ssl service after 2");
        assert_eq!(show(&["run"]), "ns runningConfig after 1");
        assert_eq!(show(&["ssl", "zerotouch"]), "ssl zeroTouchParam after 2");
        assert_eq!(show(&["version"]), "ns version after 1");
    }

    #[test]
    fn ambiguous_and_unknown_types_are_told_apart() {
        let show = |words: &[&str]| name(resource(Verb::Show, words));

        assert_eq!(
            show(&["vserver"]),
            "authentication vserver | cs vserver | lb vserver | ssl vserver | vpn vserver"
        );
        assert_eq!(show(&["ssl", "serv"]), "ssl service | ssl serviceGroup");
        assert_eq!(show(&["gslb", "site"]), "none");
        assert_eq!(name(resource(Verb::Rm, &["ssl", "vserver"])), "none");
    }

    #[test]
    fn the_nearest_name_is_offered_only_when_it_is_near() {
        let names = ["lbMethod", "persistenceType"];

        assert_eq!(nearest(names, "lbMethd"), Some("lbMethod"));
        assert_eq!(nearest(names, "persistanceType"), Some("persistenceType"));
        assert_eq!(nearest(names, "frobnicate"), None);
    }
}
