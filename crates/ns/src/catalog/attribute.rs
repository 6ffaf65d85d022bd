//! How one argument of a command is described, and the small words that describe it.

use crate::verb::{Verb, VerbSet};

/// What values an attribute takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One of these, written in any case and kept in this spelling.
    Choice(&'static [&'static str]),
    /// A file's contents in base64, up to 16 megabytes; kept out of logs, for it may be a private key.
    Content,
    /// A domain name; kept without the final dot, so that both spellings mean the same.
    Domain,
    /// An expression of the policy language; up to 8191 characters.
    Expression,
    /// Present or absent, without a value.
    Flag,
    /// An IP address, or else a server name or domain; NITRO has a field of its own for each.
    Host {
        /// NITRO's field when the value is an address.
        when_ip: &'static str,
    },
    /// A number of milliseconds, seconds or minutes: `2 MIN`; NITRO has the unit in its own field.
    Interval {
        /// NITRO's field for the unit.
        unit_field: &'static str,
    },
    /// A whole number within the bounds, both included.
    Integer {
        /// Smallest value.
        min: u64,
        /// Largest value.
        max: u64,
    },
    /// An IPv4 or IPv6 address, or a mask.
    Ip,
    /// Several of these words; any words when the slice is empty.
    List(&'static [&'static str]),
    /// The name of the object itself, up to this many characters, by NetScaler's name rule.
    Name(u16),
    /// A flag that may be followed by a secret: `-password`.
    OptionalSecret,
    /// A port number; `*` stands for any and is 65535.
    Port,
    /// The name of an object of one of these resource types, or one of these words.
    Reference {
        /// Names of resource types.
        to: &'static [&'static str],
        /// Words that stand for themselves.
        or: &'static [&'static str],
    },
    /// Text that is never shown in logs; up to 255 characters.
    Secret,
    /// Text up to this many characters: file names, URLs, comments.
    Text(u16),
}

impl Kind {
    /// Whether values must not be shown.
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::Content | Self::OptionalSecret | Self::Secret)
    }

    /// Whether the value may be several words on the command line.
    pub const fn is_repeated(self) -> bool {
        matches!(self, Self::List(_))
    }
}

/// When `save` writes an attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Save {
    /// In the object's own line.
    WithObject,
    /// In a `set` line after all objects of the type, because it names another object of the type.
    After,
    /// Not as an argument (a command of its own, or only for the moment).
    Never,
}

/// Whether the product acts on an attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// It changes what happens.
    Acts,
    /// It is accepted, kept, shown and saved, and changes nothing.
    Stored,
}

/// One argument: its name, its values, and where it may stand.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// Spelling on the command line, without the dash.
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// The values it takes.
    pub kind: Kind,
    /// NITRO's field, where it is not the lower-case name.
    pub nitro: Option<&'static str>,
    /// The value it has when it was never set.
    pub default: Option<&'static str>,
    /// Unit of a number.
    pub unit: Option<&'static str>,
    /// Verbs for which it may be given.
    pub verbs: VerbSet,
    /// Verbs for which it is written without its name.
    pub positional: VerbSet,
    /// Verbs for which it must be given.
    pub required: VerbSet,
    /// Whether it identifies the object.
    pub is_key: bool,
    /// Whether the product acts on it.
    pub effect: Effect,
    /// When it is saved.
    pub save: Save,
    /// Fewest and most characters of a text or secret, where that is narrower than its kind.
    pub length: Option<(u16, u16)>,
    /// Most words of a list.
    pub most_words: Option<u16>,
    /// Arguments that must be given too.
    pub requires: &'static [&'static str],
    /// Arguments that must not be given too.
    pub excludes: &'static [&'static str],
    /// Argument whose value may follow this one's as a bare word: `-cip ENABLED X-Forwarded-For`.
    pub tail: Option<&'static str>,
}

/// Verbs an ordinary argument may be given with.
const ORDINARY: VerbSet =
    VerbSet::of(&[Verb::Add, Verb::Set, Verb::Unset, Verb::Bind, Verb::Unbind]);
const READING: VerbSet = VerbSet::of(&[Verb::Show, Verb::Stat]);

impl Attribute {
    /// An argument of any kind.
    pub const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            doc,
            kind,
            nitro: None,
            default: None,
            unit: None,
            verbs: ORDINARY,
            positional: VerbSet::NONE,
            required: VerbSet::NONE,
            is_key: false,
            effect: Effect::Acts,
            save: Save::WithObject,
            length: None,
            most_words: None,
            requires: &[],
            excludes: &[],
            tail: None,
        }
    }

    /// Makes it part of the object's identity: positional, and required except for `show` and `stat`.
    pub const fn key(mut self) -> Self {
        self.is_key = true;
        self.verbs = VerbSet::ALL;
        self.positional = VerbSet::ALL;
        self.required = VerbSet::ALL.without(READING);
        self
    }

    /// Names NITRO's field.
    pub const fn nitro(mut self, field: &'static str) -> Self {
        self.nitro = Some(field);
        self
    }

    /// Gives the value it has when it was never set.
    pub const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    /// Names the unit of a number.
    pub const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = Some(unit);
        self
    }

    /// Says that the product keeps it without acting on it.
    pub const fn stored(mut self) -> Self {
        self.effect = Effect::Stored;
        self
    }

    /// Restricts it to these verbs.
    pub const fn only(mut self, verbs: &[Verb]) -> Self {
        self.verbs = VerbSet::of(verbs);
        self
    }

    /// Allows it with these verbs too.
    pub const fn also(mut self, verbs: &[Verb]) -> Self {
        self.verbs = self.verbs.with(VerbSet::of(verbs));
        self
    }

    /// Forbids it with these verbs.
    pub const fn never(mut self, verbs: &[Verb]) -> Self {
        let verbs = VerbSet::of(verbs);
        self.verbs = self.verbs.without(verbs);
        self.positional = self.positional.without(verbs);
        self.required = self.required.without(verbs);
        self
    }

    /// Writes it without its name with these verbs.
    pub const fn positional(mut self, verbs: &[Verb]) -> Self {
        self.positional = VerbSet::of(verbs);
        self
    }

    /// Demands it with these verbs; what `add` demands cannot be unset.
    pub const fn required(mut self, verbs: &[Verb]) -> Self {
        self.required = VerbSet::of(verbs);
        let names_the_object =
            self.required.contains(Verb::Unset) || self.positional.contains(Verb::Unset);
        if self.required.contains(Verb::Add) && !names_the_object {
            self.verbs = self.verbs.without(VerbSet::of(&[Verb::Unset]));
        }
        self
    }

    /// Makes a key that need not be written: `set HA node` means node 0, the default.
    pub const fn key_unless_default(mut self, required: &[Verb]) -> Self {
        self = self.key();
        self.required = VerbSet::of(required);
        self
    }

    /// Bounds the number of characters of a text or secret.
    pub const fn length(mut self, fewest: u16, most: u16) -> Self {
        self.length = Some((fewest, most));
        self
    }

    /// Bounds the number of words of a list.
    pub const fn at_most(mut self, words: u16) -> Self {
        self.most_words = Some(words);
        self
    }

    /// Demands other arguments with it.
    pub const fn requires(mut self, names: &'static [&'static str]) -> Self {
        self.requires = names;
        self
    }

    /// Forbids other arguments with it.
    pub const fn excludes(mut self, names: &'static [&'static str]) -> Self {
        self.excludes = names;
        self
    }

    /// Lets the value of another argument follow as a bare word.
    pub const fn tail(mut self, name: &'static str) -> Self {
        self.tail = Some(name);
        self
    }

    /// Saves it in a `set` line of its own, after all objects of the type.
    pub const fn saved_after(mut self) -> Self {
        self.save = Save::After;
        self
    }

    /// Keeps it out of the object's saved line.
    pub const fn unsaved(mut self) -> Self {
        self.save = Save::Never;
        self
    }

    /// NITRO's field: the lower-case name unless it has another.
    pub fn field(&self) -> String {
        match self.nitro {
            Some(field) => field.to_owned(),
            None => self.name.to_ascii_lowercase(),
        }
    }

    /// Whether NITRO's field (any case) is this attribute's.
    pub fn has_field(&self, field: &str) -> bool {
        let own = self.nitro.unwrap_or(self.name);
        let second = match self.kind {
            Kind::Host { when_ip } => when_ip,
            _ => own,
        };
        own.eq_ignore_ascii_case(field) || second.eq_ignore_ascii_case(field)
    }
}

/// A switch: `ENABLED` or `DISABLED`.
pub(super) const fn toggle(name: &'static str, doc: &'static str) -> Attribute {
    choice(name, &["ENABLED", "DISABLED"], doc)
}

/// A switch: `YES` or `NO`.
pub(super) const fn yes_no(name: &'static str, doc: &'static str) -> Attribute {
    choice(name, &["YES", "NO"], doc)
}

/// A switch: `ON` or `OFF`.
pub(super) const fn on_off(name: &'static str, doc: &'static str) -> Attribute {
    choice(name, &["ON", "OFF"], doc)
}

/// One of several words.
pub(super) const fn choice(
    name: &'static str,
    choices: &'static [&'static str],
    doc: &'static str,
) -> Attribute {
    Attribute::new(name, Kind::Choice(choices), doc)
}

/// A whole number between `min` and `max`.
pub(super) const fn integer(
    name: &'static str,
    min: u64,
    max: u64,
    doc: &'static str,
) -> Attribute {
    Attribute::new(name, Kind::Integer { min, max }, doc)
}

/// Text up to 255 characters.
pub(super) const fn text(name: &'static str, doc: &'static str) -> Attribute {
    Attribute::new(name, Kind::Text(255), doc)
}

/// A comment, up to 255 characters; kept only.
pub(super) const fn comment() -> Attribute {
    text("comment", "Any remark.").stored()
}

/// An expression of the policy language.
pub(super) const fn expression(name: &'static str, doc: &'static str) -> Attribute {
    Attribute::new(name, Kind::Expression, doc)
}

/// A domain name.
pub(super) const fn domain(name: &'static str, doc: &'static str) -> Attribute {
    Attribute::new(name, Kind::Domain, doc)
}

/// A flag without a value.
pub(super) const fn flag(name: &'static str, doc: &'static str) -> Attribute {
    Attribute::new(name, Kind::Flag, doc)
}

/// Text that is never shown in logs.
pub(super) const fn secret(name: &'static str, doc: &'static str) -> Attribute {
    Attribute::new(name, Kind::Secret, doc)
}

/// The name an object is given by `rename`.
pub(super) const fn new_name(max: u16) -> Attribute {
    Attribute::new("newName", Kind::Name(max), "New name.")
        .only(&[Verb::Rename])
        .positional(&[Verb::Rename])
        .required(&[Verb::Rename])
        .unsaved()
}

/// The name of the object itself.
pub(super) const fn name(name: &'static str, max: u16, doc: &'static str) -> Attribute {
    Attribute::new(name, Kind::Name(max), doc).key()
}

/// The name of a file that is the object: any characters but control ones, up to 63.
pub(super) const fn name_of_file(name: &'static str, doc: &'static str) -> Attribute {
    Attribute::new(name, Kind::Text(63), doc)
        .key()
        .length(1, 63)
}

/// The name of another object.
pub(super) const fn reference(
    name: &'static str,
    to: &'static [&'static str],
    doc: &'static str,
) -> Attribute {
    Attribute::new(name, Kind::Reference { to, or: &[] }, doc)
}

/// An IP address or a mask.
pub(super) const fn ip(name: &'static str, doc: &'static str) -> Attribute {
    Attribute::new(name, Kind::Ip, doc)
}

/// A port number.
pub(super) const fn port(name: &'static str, doc: &'static str) -> Attribute {
    Attribute::new(name, Kind::Port, doc)
}

/// Several words, of these if the slice is not empty.
pub(super) const fn list(
    name: &'static str,
    words: &'static [&'static str],
    doc: &'static str,
) -> Attribute {
    Attribute::new(name, Kind::List(words), doc)
}

/// How a stored secret was enciphered: the arguments ns.conf writes after it.
pub(super) const ENCRYPTED: Attribute =
    flag("encrypted", "The secret is given in its stored form.").stored();
/// Method of encryption of a stored secret.
pub(super) const ENCRYPT_METHOD: Attribute =
    text("encryptmethod", "How the stored secret is encrypted.").stored();
/// Hash of a stored password.
pub(super) const HASH_METHOD: Attribute =
    text("hashmethod", "How the stored password is hashed.").stored();
/// A key encryption key was used.
pub(super) const KEK: Attribute =
    flag("kek", "The stored secret uses a key encryption key.").stored();
/// Which key encryption key was used.
pub(super) const SUFFIX: Attribute =
    text("suffix", "Which key encryption key the secret uses.").stored();
