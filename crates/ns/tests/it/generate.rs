//! Commands made from the catalogue alone, so that a new resource type is covered by itself.

use evercert_ns::catalog::{Attribute, BindingType, Kind, RESOURCES, ResourceType};
use evercert_ns::{Command, Values, Verb, validate};
use proptest::prelude::*;

/// A kind of command: a verb of a resource type, and what is bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    pub(crate) verb: Verb,
    pub(crate) resource: &'static ResourceType,
    pub(crate) binding: Option<&'static BindingType>,
}

impl Form {
    fn command(self) -> Command {
        match self.binding {
            Some(binding) => Command::binding_of(self.verb, self.resource, binding),
            None => Command::new(self.verb, self.resource),
        }
    }
}

/// Every form there is.
pub(crate) fn forms() -> Vec<Form> {
    let mut forms = Vec::new();
    for resource in RESOURCES {
        for verb in resource.all_verbs() {
            if matches!(verb, Verb::Bind | Verb::Unbind) {
                forms.extend(resource.bindings.iter().map(|binding| Form {
                    verb,
                    resource,
                    binding: Some(binding),
                }));
            } else {
                forms.push(Form {
                    verb,
                    resource,
                    binding: None,
                });
            }
        }
    }
    forms
}

/// What one argument is made of.
#[derive(Clone, Debug)]
pub(crate) struct Seed {
    given: bool,
    number: u64,
    text: String,
}

/// Seeds for the arguments of any form.
fn seeds(text: &'static str) -> impl Strategy<Value = Vec<Seed>> {
    let seed =
        (prop::bool::weighted(0.25), any::<u64>(), text).prop_map(|(given, number, text)| Seed {
            given,
            number,
            text,
        });
    prop::collection::vec(seed, 110)
}

/// Any command, with texts full of what needs quoting.
pub(crate) fn command() -> impl Strategy<Value = Command> {
    let forms = forms();
    (prop::sample::select(forms), seeds(r#"[ -~äß"'\\{}]{0,12}"#))
        .prop_map(|(form, seeds)| make(form, &seeds, &any_name))
}

/// A command of one form.
pub(crate) fn command_of(form: Form) -> impl Strategy<Value = Command> {
    seeds(r#"[ -~äß"'\\{}]{0,12}"#).prop_map(move |seeds| make(form, &seeds, &any_name))
}

/// A command about few names, so that many commands meet.
pub(crate) fn command_about_few() -> impl Strategy<Value = Command> {
    let forms: Vec<_> = forms()
        .into_iter()
        .filter(|form| !matches!(form.verb, Verb::Show | Verb::Stat | Verb::Clear))
        .collect();
    (prop::sample::select(forms), seeds("[ab]{1}"))
        .prop_map(|(form, seeds)| make(form, &seeds, &few_names))
}

/// The command of a form with required arguments only.
pub(crate) fn smallest(form: Form) -> Command {
    let seeds = vec![
        Seed {
            given: false,
            number: 7,
            text: "x".to_owned(),
        };
        110
    ];
    make(form, &seeds, &any_name)
}

fn make(form: Form, seeds: &[Seed], name: &dyn Fn(&Seed) -> String) -> Command {
    let empty = form.command();
    let mut values = Values::new();
    let attributes: Vec<_> = empty.attributes().collect();
    let selector = form.binding.and_then(|binding| binding.selectors.first());
    let at_least_one = matches!(form.verb, Verb::Set | Verb::Unset);
    let one_of = form
        .resource
        .one_of
        .iter()
        .filter(|rule| rule.verb == form.verb)
        .filter_map(|rule| rule.names.get(seeds[0].number as usize % rule.names.len()))
        .collect::<Vec<_>>();
    for (attribute, seed) in attributes.iter().zip(seeds) {
        let excluded = form.resource.one_of.iter().any(|rule| {
            rule.verb == form.verb
                && rule.names.contains(&attribute.name)
                && !one_of.contains(&&attribute.name)
        });
        if excluded {
            continue;
        }
        let needed = attribute.required.contains(form.verb)
            || one_of.contains(&&attribute.name)
            || selector.is_some_and(|selector| *selector == attribute.name)
            || at_least_one
                && attributes
                    .last()
                    .is_some_and(|last| last.name == attribute.name);
        if needed || seed.given {
            put(&mut values, form.verb, attribute, seed, name);
        }
    }
    settle(form, values)
}

/// Takes arguments away until what is left goes together.
fn settle(form: Form, mut values: Values) -> Command {
    loop {
        let command = form.command().with_values(values.clone());
        let error = match validate::complete(command) {
            Ok(command) => return command,
            Err(error) => error,
        };
        let detail = error.detail().unwrap_or_default().to_owned();
        let first = detail.split(", ").next().unwrap_or_default();
        if values.remove(first).is_some() {
            continue;
        }
        // A positional argument was left out: none may follow it.
        let attributes = form.resource.attributes_for(form.verb, form.binding);
        let last = attributes
            .filter(|a| a.positional.contains(form.verb) && values.contains(a.name))
            .last();
        let removed = last.and_then(|attribute| values.remove(attribute.name));
        assert!(removed.is_some(), "{form:?}: {error}");
    }
}

fn put(
    values: &mut Values,
    verb: Verb,
    attribute: &'static Attribute,
    seed: &Seed,
    name: &dyn Fn(&Seed) -> String,
) {
    if verb == Verb::Unset && !attribute.positional.contains(verb) {
        values.insert(attribute.name, evercert_ns::Value::Flag);
        return;
    }
    let words = words(attribute, seed, name);
    let value = validate::words(attribute, &words);
    let value = value.unwrap_or_else(|error| panic!("{} {words:?}: {error}", attribute.name));
    values.insert(attribute.name, value);
}

fn pick<'w>(words: &[&'w str], number: u64) -> &'w str {
    // Only some word is wanted: what a cut number picks is as good.
    words[(number as usize) % words.len()]
}

fn words(attribute: &Attribute, seed: &Seed, name: &dyn Fn(&Seed) -> String) -> Vec<String> {
    let number = seed.number;
    if let Some((fewest, most)) = attribute.length
        && !matches!(attribute.kind, Kind::Content)
    {
        let padded = seed.text.chars().chain(std::iter::repeat('x'));
        let length = seed.text.chars().count().clamp(fewest.into(), most.into());
        return vec![padded.take(length).collect()];
    }
    let address = format!("192.0.2.{}", number % 4);
    let word = match attribute.kind {
        Kind::Choice(choices) => pick(choices, number).to_owned(),
        Kind::Content => ["", "AA==", "c2VjcmV0"][(number % 3) as usize].to_owned(),
        Kind::Domain => format!("{}.example", name(seed).replace([' ', '.'], "-")),
        Kind::Expression => format!("HTTP.REQ.URL.EQ(\"{}\")", seed.text),
        Kind::Flag => String::new(),
        Kind::Host { .. } if number.is_multiple_of(2) => address,
        Kind::Integer { min, max } => (min + number % (max - min + 1)).to_string(),
        Kind::Interval { .. } => {
            let unit = pick(&["MSEC", "SEC", "MIN", ""], number);
            let words = [(number % 1000).to_string(), unit.to_owned()];
            return words.into_iter().filter(|word| !word.is_empty()).collect();
        }
        Kind::Ip => pick(&[&address, "2001:db8::7", "255.255.255.0"], number).to_owned(),
        Kind::List([]) => return vec![seed.text.clone(), "second".to_owned()],
        Kind::List(words) => return vec![pick(words, number).to_owned()],
        Kind::Host { .. } | Kind::Name(_) => name(seed),
        Kind::Port => (number % 65536).to_string(),
        Kind::Reference { or, .. } if !or.is_empty() && number.is_multiple_of(3) => {
            pick(or, number).to_owned()
        }
        Kind::Reference { .. } => name(seed),
        // The words for true and false are no secrets in NITRO.
        Kind::OptionalSecret | Kind::Secret => format!("s{}", seed.text),
        Kind::Text(max) => seed.text.chars().take(max.into()).collect(),
    };
    vec![word]
}

fn any_name(seed: &Seed) -> String {
    let rest: String = seed
        .text
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "_#. :@=-".contains(*c))
        .collect();
    format!("n{}{rest}", seed.number % 100)
}

fn few_names(seed: &Seed) -> String {
    seed.text.clone()
}
