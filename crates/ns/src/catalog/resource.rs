//! How one resource type is described: names, verbs, attributes, bindings, and its own errors.

use std::fmt;

use crate::catalog::attribute::Attribute;
use crate::codes::{self, ErrorCode};
use crate::value::{Value, Values};
use crate::verb::Verb;

/// What a verb is in NITRO.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// `POST /config/T`.
    Create,
    /// `PUT /config/T`.
    Update,
    /// `DELETE /config/T/name`.
    Delete,
    /// `GET /config/T[/name]`.
    Read,
    /// `GET /stat/T[/name]`.
    Statistics,
    /// `POST /config/T?action=…`.
    Action(&'static str),
}

/// A verb of a resource type in both vocabularies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VerbRule {
    /// The word of the command line.
    pub verb: Verb,
    /// What NITRO calls it.
    pub operation: Operation,
}

impl VerbRule {
    const fn new(verb: Verb, operation: Operation) -> Self {
        Self { verb, operation }
    }
}

/// `add` = create.
pub(super) const ADD: VerbRule = VerbRule::new(Verb::Add, Operation::Create);
/// `clear` = action `clear`.
pub(super) const CLEAR: VerbRule = VerbRule::new(Verb::Clear, Operation::Action("clear"));
/// `convert` = action `convert`.
pub(super) const CONVERT: VerbRule = VerbRule::new(Verb::Convert, Operation::Action("convert"));
/// `create` = action `create`.
pub(super) const CREATE: VerbRule = VerbRule::new(Verb::Create, Operation::Action("create"));
/// `diff` = action `diff`.
pub(super) const DIFF: VerbRule = VerbRule::new(Verb::Diff, Operation::Action("diff"));
/// `disable` = action `disable`.
pub(super) const DISABLE: VerbRule = VerbRule::new(Verb::Disable, Operation::Action("disable"));
/// `enable` = action `enable`.
pub(super) const ENABLE: VerbRule = VerbRule::new(Verb::Enable, Operation::Action("enable"));
/// `export` = action `export`.
pub(super) const EXPORT: VerbRule = VerbRule::new(Verb::Export, Operation::Action("export"));
/// `apply` = action `apply`.
pub(super) const APPLY: VerbRule = VerbRule::new(Verb::Apply, Operation::Action("apply"));
/// `flush` = action `flush`.
pub(super) const FLUSH: VerbRule = VerbRule::new(Verb::Flush, Operation::Action("flush"));
/// `force` = action `Force`.
pub(super) const FORCE: VerbRule = VerbRule::new(Verb::Force, Operation::Action("Force"));
/// `import` = action `Import`.
pub(super) const IMPORT: VerbRule = VerbRule::new(Verb::Import, Operation::Action("Import"));
/// `kill` = action `kill`.
pub(super) const KILL: VerbRule = VerbRule::new(Verb::Kill, Operation::Action("kill"));
/// `link` = action `link`.
pub(super) const LINK: VerbRule = VerbRule::new(Verb::Link, Operation::Action("link"));
/// `rename` = action `rename`.
pub(super) const RENAME: VerbRule = VerbRule::new(Verb::Rename, Operation::Action("rename"));
/// `restore` = action `restore`.
pub(super) const RESTORE: VerbRule = VerbRule::new(Verb::Restore, Operation::Action("restore"));
/// `rm` = delete.
pub(super) const RM: VerbRule = VerbRule::new(Verb::Rm, Operation::Delete);
/// `save` = action `save`.
pub(super) const SAVE: VerbRule = VerbRule::new(Verb::Save, Operation::Action("save"));
/// `set` = update.
pub(super) const SET: VerbRule = VerbRule::new(Verb::Set, Operation::Update);
/// `show` = get.
pub(super) const SHOW: VerbRule = VerbRule::new(Verb::Show, Operation::Read);
/// `stat` = get statistics.
pub(super) const STAT: VerbRule = VerbRule::new(Verb::Stat, Operation::Statistics);
/// `switch` = action `Switch`.
pub(super) const SWITCH: VerbRule = VerbRule::new(Verb::Switch, Operation::Action("Switch"));
/// `sync` = action `sync`.
pub(super) const SYNC: VerbRule = VerbRule::new(Verb::Sync, Operation::Action("sync"));
/// `unlink` = action `unlink`.
pub(super) const UNLINK: VerbRule = VerbRule::new(Verb::Unlink, Operation::Action("unlink"));
/// `unset` = action `unset`.
pub(super) const UNSET: VerbRule = VerbRule::new(Verb::Unset, Operation::Action("unset"));
/// `update` = action `update` (the documents say *change*).
pub(super) const UPDATE: VerbRule = VerbRule::new(Verb::Update, Operation::Action("update"));

/// What happens when the same thing is bound again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Again {
    /// The values of the binding are replaced.
    Replace,
    /// `Resource already exists`.
    Refuse,
}

/// One kind of thing that can be bound to objects of a resource type.
pub struct BindingType {
    /// NITRO's type, e.g. `sslvserver_sslcertkey_binding`.
    pub nitro: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// Attributes whose presence means this binding type; the first is what is bound.
    pub selectors: &'static [&'static str],
    /// The arguments, without the object's own key.
    pub attributes: &'static [Attribute],
    /// Attributes that tell one binding from another.
    pub identity: &'static [&'static str],
    /// Other NITRO types that mean the same, with their field for the first selector.
    pub aliases: &'static [(&'static str, &'static str)],
    /// What happens when it is bound again.
    pub again: Again,
    /// Values of the first selector that are bound as long as none was bound by hand.
    pub implicit: &'static [&'static str],
    /// Error when it is unbound without being bound.
    pub missing: &'static ErrorCode,
}

impl BindingType {
    /// A binding told by its first selector.
    pub const fn new(
        nitro: &'static str,
        selectors: &'static [&'static str],
        attributes: &'static [Attribute],
    ) -> Self {
        Self {
            nitro,
            doc: "",
            selectors,
            attributes,
            identity: selectors,
            aliases: &[],
            again: Again::Refuse,
            implicit: &[],
            missing: &codes::NO_SUCH_RESOURCE,
        }
    }

    /// One sentence about it.
    pub const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    /// Which attributes tell one binding from another.
    pub const fn identity(mut self, names: &'static [&'static str]) -> Self {
        self.identity = names;
        self
    }

    /// Other NITRO types with the same meaning.
    pub const fn aliases(mut self, aliases: &'static [(&'static str, &'static str)]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Binding it again replaces the values.
    pub const fn replaceable(mut self) -> Self {
        self.again = Again::Replace;
        self
    }

    /// What is bound as long as nothing was bound by hand.
    pub const fn implicit(mut self, values: &'static [&'static str]) -> Self {
        self.implicit = values;
        self
    }

    /// The error of unbinding what is not bound.
    pub const fn missing(mut self, code: &'static ErrorCode) -> Self {
        self.missing = code;
        self
    }

    /// The attribute that names what is bound.
    pub fn target(&self) -> Option<&'static Attribute> {
        let first = self.selectors.first()?;
        self.attributes.iter().find(|a| a.name == *first)
    }
}

/// Arguments of which a command must have exactly one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OneOf {
    /// The verb of the command.
    pub verb: Verb,
    /// Names of the arguments.
    pub names: &'static [&'static str],
}

impl OneOf {
    /// Exactly one of the arguments with the verb.
    pub const fn new(verb: Verb, names: &'static [&'static str]) -> Self {
        Self { verb, names }
    }
}

/// One resource type: everything the faces of the configuration need to know about it.
pub struct ResourceType {
    /// The words typed, e.g. `ssl certKey`; ungrouped types have one word.
    pub name: &'static str,
    /// NITRO's type, e.g. `sslcertkey`.
    pub nitro: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// The verbs, sorted by word; `bind` and `unbind` follow from the bindings.
    pub verbs: &'static [VerbRule],
    /// The arguments: keys first, then in the order they are printed.
    pub attributes: &'static [Attribute],
    /// What can be bound to it.
    pub bindings: &'static [BindingType],
    /// Arguments that, with the keys, tell one object from another where several share a name: a TXT record's strings.
    pub identity: &'static [&'static str],
    /// Arguments of which exactly one must be given.
    pub one_of: &'static [OneOf],
    /// Whether NITRO takes the name as an argument, never in the path.
    pub is_named_in_args: bool,
    /// Whether objects are no part of the configuration: files, sessions, what is made or converted.
    pub is_outside: bool,
    /// Resource types with which an object of this type comes and goes.
    pub companion_of: &'static [&'static str],
    /// Error when an object does not exist.
    pub missing: &'static ErrorCode,
    /// Error when an object exists already.
    pub exists: &'static ErrorCode,
    /// Error when an object is referred to and cannot be removed.
    pub in_use: &'static ErrorCode,
}

impl fmt::Debug for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceType({})", self.name)
    }
}

impl fmt::Debug for BindingType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BindingType({})", self.nitro)
    }
}

impl PartialEq for ResourceType {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for ResourceType {}

impl PartialEq for BindingType {
    fn eq(&self, other: &Self) -> bool {
        self.nitro == other.nitro && self.selectors == other.selectors
    }
}

impl Eq for BindingType {}

impl ResourceType {
    /// A type with its two names.
    pub const fn new(name: &'static str, nitro: &'static str) -> Self {
        Self {
            name,
            nitro,
            doc: "",
            verbs: &[],
            attributes: &[],
            bindings: &[],
            identity: &[],
            one_of: &[],
            is_named_in_args: false,
            is_outside: false,
            companion_of: &[],
            missing: &codes::NO_SUCH_RESOURCE,
            exists: &codes::RESOURCE_EXISTS,
            in_use: &codes::OBJECT_IN_USE,
        }
    }

    /// One sentence about it.
    pub const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    /// Its verbs.
    pub const fn verbs(mut self, verbs: &'static [VerbRule]) -> Self {
        self.verbs = verbs;
        self
    }

    /// Its arguments.
    pub const fn attributes(mut self, attributes: &'static [Attribute]) -> Self {
        self.attributes = attributes;
        self
    }

    /// What can be bound to it.
    pub const fn bindings(mut self, bindings: &'static [BindingType]) -> Self {
        self.bindings = bindings;
        self
    }

    /// Which arguments tell objects of one name apart.
    pub const fn identity(mut self, names: &'static [&'static str]) -> Self {
        self.identity = names;
        self
    }

    /// Arguments of which exactly one must be given.
    pub const fn one_of(mut self, rules: &'static [OneOf]) -> Self {
        self.one_of = rules;
        self
    }

    /// NITRO takes the name as an argument, never in the path.
    pub const fn named_in_args(mut self) -> Self {
        self.is_named_in_args = true;
        self
    }

    /// Its objects are no part of the configuration.
    pub const fn outside(mut self) -> Self {
        self.is_outside = true;
        self
    }

    /// The resource types it comes and goes with.
    pub const fn companion_of(mut self, names: &'static [&'static str]) -> Self {
        self.companion_of = names;
        self
    }

    /// Its error for an object that does not exist.
    pub const fn missing(mut self, code: &'static ErrorCode) -> Self {
        self.missing = code;
        self
    }

    /// Its error for an object that exists already.
    pub const fn exists(mut self, code: &'static ErrorCode) -> Self {
        self.exists = code;
        self
    }

    /// Its error for an object that is referred to.
    pub const fn in_use(mut self, code: &'static ErrorCode) -> Self {
        self.in_use = code;
        self
    }

    /// The group word: `ssl`; `basic` for types that have none.
    pub fn group(&self) -> &'static str {
        self.name
            .split_once(' ')
            .map_or("basic", |(group, _)| group)
    }

    /// The last word: `certKey`.
    pub fn noun(&self) -> &'static str {
        self.name
            .split_once(' ')
            .map_or(self.name, |(_, noun)| noun)
    }

    /// Whether the type has the verb.
    pub fn supports(&self, verb: Verb) -> bool {
        match verb {
            Verb::Bind | Verb::Unbind => !self.bindings.is_empty(),
            _ => self.rule(verb).is_some(),
        }
    }

    /// The rule of a verb other than `bind` and `unbind`.
    pub fn rule(&self, verb: Verb) -> Option<&'static VerbRule> {
        self.verbs.iter().find(|rule| rule.verb == verb)
    }

    /// The verbs of the type, `bind` and `unbind` included.
    pub fn all_verbs(&self) -> impl Iterator<Item = Verb> {
        let verbs: &'static [Verb] = Verb::ALL;
        verbs.iter().copied().filter(|verb| self.supports(*verb))
    }

    /// The attributes that identify an object; none for a singleton.
    pub fn keys(&self) -> impl Iterator<Item = &'static Attribute> + use<> {
        self.attributes.iter().filter(|a| a.is_key)
    }

    /// Whether there is exactly one object of the type.
    pub fn is_singleton(&self) -> bool {
        self.keys().next().is_none()
    }

    /// The object's name among those of its type: the key values joined by blanks.
    ///
    /// Where several objects share a name, one line for each value that tells them apart follows.
    pub fn key_of(&self, values: &Values) -> String {
        let words: Vec<_> = self
            .keys()
            .filter_map(|key| values.get(key.name))
            .flat_map(Value::words)
            .collect();
        let mut key = words.join(" ");
        if !self.identity.is_empty() {
            key.make_ascii_lowercase();
        }
        for name in self.identity {
            let given = values.get(name).map(Value::words);
            let default = || {
                let word = self.attribute(name)?.default?;
                Some(vec![word.to_owned()])
            };
            for word in given.or_else(default).unwrap_or_default() {
                key.push('\n');
                key.push_str(&word);
            }
        }
        key
    }

    /// The value of the first key: what stands in a NITRO path, and what completion offers.
    pub fn name_of(&self, values: &Values) -> String {
        self.keys()
            .next()
            .and_then(|key| values.get(key.name))
            .map(|value| value.words().concat())
            .unwrap_or_default()
    }

    /// The attribute of that name, in the catalogue's spelling.
    pub fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        self.attributes.iter().find(|a| a.name == name)
    }

    /// The attributes of a command, positional ones first.
    pub fn attributes_for(
        &self,
        verb: Verb,
        binding: Option<&'static BindingType>,
    ) -> impl Iterator<Item = &'static Attribute> + use<> {
        let (own, bound): (&'static [Attribute], &'static [Attribute]) = match binding {
            Some(binding) => (self.attributes, binding.attributes),
            None => (self.attributes, &[]),
        };
        let of_binding = verb.is_binding();
        let all = move || {
            own.iter()
                .filter(move |a| a.is_key || !of_binding)
                .chain(bound)
                .filter(move |a| a.verbs.contains(verb))
        };
        all()
            .filter(move |a| a.positional.contains(verb))
            .chain(all().filter(move |a| !a.positional.contains(verb)))
    }
}
