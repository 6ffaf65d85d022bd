//! Finds types, fields and arguments by name without looking at all of them.

use std::collections::HashMap;
use std::ptr;
use std::sync::LazyLock;

use crate::catalog::{Attribute, BindingType, RESOURCES, ResourceType};
use crate::verb::Verb;

/// Resource types by name, in lower case.
static BY_NAME: LazyLock<HashMap<String, &'static ResourceType>> = LazyLock::new(|| {
    RESOURCES
        .iter()
        .map(|resource| (resource.name.to_ascii_lowercase(), *resource))
        .collect()
});

/// Resource types by NITRO name.
static BY_NITRO: LazyLock<HashMap<&str, &'static ResourceType>> =
    LazyLock::new(|| RESOURCES.iter().map(|r| (r.nitro, *r)).collect());

/// Binding types by NITRO name or alias.
static BINDINGS: LazyLock<HashMap<&str, Vec<(&'static ResourceType, &'static BindingType)>>> =
    LazyLock::new(|| {
        let mut bindings: HashMap<&str, Vec<_>> = HashMap::new();
        for resource in RESOURCES.iter().copied() {
            for binding in resource.bindings {
                let aliases = binding.aliases.iter().map(|(alias, _)| *alias);
                for name in std::iter::once(binding.nitro).chain(aliases) {
                    bindings.entry(name).or_default().push((resource, binding));
                }
            }
        }
        bindings
    });

/// The arguments of each command there is.
static FORMS: LazyLock<HashMap<FormKey, Form>> = LazyLock::new(|| {
    let mut forms = HashMap::new();
    for resource in RESOURCES.iter().copied() {
        for verb in resource.all_verbs() {
            let bindings: Vec<Option<&'static BindingType>> = if verb.is_binding() {
                resource.bindings.iter().map(Some).collect()
            } else {
                vec![None]
            };
            for binding in bindings {
                let key = FormKey::new(verb, resource, binding);
                forms.insert(key, Form::new(verb, resource, binding));
            }
        }
    }
    forms
});

/// A verb, a resource type and a binding type; types are told apart by where they stand in memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct FormKey {
    verb: Verb,
    resource: usize,
    binding: usize,
}

impl FormKey {
    fn new(
        verb: Verb,
        resource: &'static ResourceType,
        binding: Option<&'static BindingType>,
    ) -> Self {
        Self {
            verb,
            resource: ptr::from_ref(resource).addr(),
            binding: binding.map_or(0, |binding| ptr::from_ref(binding).addr()),
        }
    }
}

/// The arguments of one kind of command.
#[derive(Debug)]
pub(crate) struct Form {
    /// Those written without their names, in order.
    pub(crate) positional: Vec<&'static Attribute>,
    /// The others, in the order they are printed.
    pub(crate) named: Vec<&'static Attribute>,
    by_name: HashMap<String, &'static Attribute>,
}

impl Form {
    fn new(
        verb: Verb,
        resource: &'static ResourceType,
        binding: Option<&'static BindingType>,
    ) -> Self {
        let (positional, named): (Vec<&'static Attribute>, Vec<_>) = resource
            .attributes_for(verb, binding)
            .partition(|a| a.positional.contains(verb));
        let by_name = named
            .iter()
            .map(|a| (a.name.to_ascii_lowercase(), *a))
            .collect();
        Self {
            positional,
            named,
            by_name,
        }
    }

    /// The argument of exactly that name; any case.
    pub(crate) fn named(&self, name: &str) -> Option<&'static Attribute> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }
}

/// The arguments of a kind of command; `None` when the type has no such verb or binding.
pub(crate) fn form(
    verb: Verb,
    resource: &'static ResourceType,
    binding: Option<&'static BindingType>,
) -> Option<&'static Form> {
    FORMS.get(&FormKey::new(verb, resource, binding))
}

/// The resource type of that name, e.g. `ssl certKey`; any case.
pub fn resource(name: &str) -> Option<&'static ResourceType> {
    BY_NAME.get(&name.to_ascii_lowercase()).copied()
}

/// The resource type with that NITRO name, e.g. `sslcertkey`; any case.
pub fn resource_by_nitro(nitro: &str) -> Option<&'static ResourceType> {
    BY_NITRO.get(nitro.to_ascii_lowercase().as_str()).copied()
}

/// The binding types with that NITRO name or alias, and the resource types they belong to; any case.
pub fn bindings_by_nitro(
    nitro: &str,
) -> impl Iterator<Item = (&'static ResourceType, &'static BindingType)> + use<> {
    let found = BINDINGS.get(nitro.to_ascii_lowercase().as_str());
    found.into_iter().flatten().copied()
}
