//! The verbs of the command line, and sets of them.

use std::fmt;

/// First word of a command, in alphabetical order of its spelling.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verb {
    /// Creates an object.
    Add,
    /// Applies prepared changes.
    Apply,
    /// Attaches one object to another.
    Bind,
    /// Empties something.
    Clear,
    /// Changes a file's format.
    Convert,
    /// Makes a file.
    Create,
    /// Compares.
    Diff,
    /// Switches an object or feature off.
    Disable,
    /// Switches an object or feature on.
    Enable,
    /// Writes a file out.
    Export,
    /// Empties a cache.
    Flush,
    /// Makes something happen now.
    Force,
    /// Reads a file in.
    Import,
    /// Installs software.
    Install,
    /// Ends a session.
    Kill,
    /// Ties a certificate to its issuer's.
    Link,
    /// Gives an object another name.
    Rename,
    /// Returns counters to zero.
    Reset,
    /// Brings back what was backed up.
    Restore,
    /// Removes an object.
    Rm,
    /// Writes the running configuration to the file.
    Save,
    /// Changes an object.
    Set,
    /// Shows an object's configuration and state.
    Show,
    /// Signs a file.
    Sign,
    /// Shows an object's counters.
    Stat,
    /// Changes the partition.
    Switch,
    /// Copies files between nodes.
    Sync,
    /// Detaches what was bound.
    Unbind,
    /// Undoes `link`.
    Unlink,
    /// Returns attributes to their defaults.
    Unset,
    /// Undoes `sign`.
    Unsign,
    /// Replaces an object's contents.
    Update,
}

impl Verb {
    /// Every verb, sorted by its word.
    pub const ALL: &'static [Self] = &[
        Self::Add,
        Self::Apply,
        Self::Bind,
        Self::Clear,
        Self::Convert,
        Self::Create,
        Self::Diff,
        Self::Disable,
        Self::Enable,
        Self::Export,
        Self::Flush,
        Self::Force,
        Self::Import,
        Self::Install,
        Self::Kill,
        Self::Link,
        Self::Rename,
        Self::Reset,
        Self::Restore,
        Self::Rm,
        Self::Save,
        Self::Set,
        Self::Show,
        Self::Sign,
        Self::Stat,
        Self::Switch,
        Self::Sync,
        Self::Unbind,
        Self::Unlink,
        Self::Unset,
        Self::Unsign,
        Self::Update,
    ];

    /// The word typed, e.g. `rm`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Apply => "apply",
            Self::Bind => "bind",
            Self::Clear => "clear",
            Self::Convert => "convert",
            Self::Create => "create",
            Self::Diff => "diff",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Export => "export",
            Self::Flush => "flush",
            Self::Force => "force",
            Self::Import => "import",
            Self::Install => "install",
            Self::Kill => "kill",
            Self::Link => "link",
            Self::Rename => "rename",
            Self::Reset => "reset",
            Self::Restore => "restore",
            Self::Rm => "rm",
            Self::Save => "save",
            Self::Set => "set",
            Self::Show => "show",
            Self::Sign => "sign",
            Self::Stat => "stat",
            Self::Switch => "switch",
            Self::Sync => "sync",
            Self::Unbind => "unbind",
            Self::Unlink => "unlink",
            Self::Unset => "unset",
            Self::Unsign => "unsign",
            Self::Update => "update",
        }
    }

    /// Whether the verb only reads.
    pub const fn is_read_only(self) -> bool {
        matches!(self, Self::Show | Self::Stat | Self::Diff)
    }

    /// Whether the verb attaches or detaches, so that a binding type belongs to the command.
    pub const fn is_binding(self) -> bool {
        matches!(self, Self::Bind | Self::Unbind)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A set of verbs, made in constant expressions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VerbSet(u64);

impl VerbSet {
    /// No verb.
    pub const NONE: Self = Self(0);
    /// Every verb.
    pub const ALL: Self = Self(u64::MAX);

    /// The set of the given verbs.
    pub const fn of(verbs: &[Verb]) -> Self {
        let mut bits = 0;
        let mut next = 0;
        while next < verbs.len() {
            bits |= 1 << verbs[next] as u32;
            next += 1;
        }
        Self(bits)
    }

    /// Whether the verb is in the set.
    pub const fn contains(self, verb: Verb) -> bool {
        self.0 & (1 << verb as u32) != 0
    }

    /// The verbs of either set.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The verbs of this set that are not in the other.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_sorted_by_their_word() {
        assert!(Verb::ALL.windows(2).all(|w| w[0].word() < w[1].word()));
        assert!(Verb::ALL.windows(2).all(|w| w[0] < w[1]));
    }

    #[test]
    fn a_set_contains_what_it_was_made_of() {
        let set = VerbSet::of(&[Verb::Add, Verb::Update]);

        assert!(set.contains(Verb::Add) && set.contains(Verb::Update));
        assert!(!set.contains(Verb::Set));
        assert!(!set.without(VerbSet::of(&[Verb::Add])).contains(Verb::Add));
    }
}
