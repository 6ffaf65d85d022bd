//! Typed views of who may do what: command policies and groups.

use crate::model::Config;
use crate::model::object::Object;
use crate::value::Value;

/// A command policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CmdPolicyView {
    /// Its name.
    pub name: String,
    /// Whether it allows what it matches; else it denies.
    pub allows: bool,
    /// Regular expression (PCRE) over the command line.
    pub cmd_spec: String,
}

/// A group of users.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupView {
    /// Its name.
    pub name: String,
    /// Names of its users.
    pub users: Vec<String>,
    /// Command policies with their priorities, by priority.
    pub policies: Vec<(u64, String)>,
    /// Interfaces its users may use (`API`, `CLI`); empty for all.
    pub interfaces: Vec<String>,
}

impl Config {
    /// The command policies, built-in ones included.
    pub fn cmd_policies(&self) -> impl Iterator<Item = CmdPolicyView> + use<'_> {
        self.objects("system cmdPolicy").filter_map(cmd_policy_of)
    }

    /// The groups, in the order they were added.
    pub fn groups(&self) -> impl Iterator<Item = GroupView> + use<'_> {
        self.objects("system group").map(group_of)
    }

    /// The command policies of a user in the order they are looked at: the user's own by priority, then those of the
    /// groups by priority. The first that matches decides.
    pub fn cmd_policies_of(&self, user: &str) -> Vec<CmdPolicyView> {
        let own = self
            .object("system user", user)
            .map(policies_of)
            .unwrap_or_default();
        let mut shared: Vec<(u64, String)> = self
            .groups()
            .filter(|group| {
                group
                    .users
                    .iter()
                    .any(|name| name.eq_ignore_ascii_case(user))
            })
            .flat_map(|group| group.policies)
            .collect();
        shared.sort();
        own.into_iter()
            .chain(shared)
            .filter_map(|(_, name)| cmd_policy_of(self.object("system cmdPolicy", &name)?))
            .collect()
    }
}

/// The policies bound to a user or group, by priority.
pub(super) fn policies_of(object: &Object) -> Vec<(u64, String)> {
    let mut policies: Vec<_> = object
        .bound("policyName")
        .map(|bound| {
            (
                bound.integer("priority").unwrap_or(u64::MAX),
                bound.target(),
            )
        })
        .collect();
    policies.sort();
    policies
}

fn cmd_policy_of(object: &Object) -> Option<CmdPolicyView> {
    Some(CmdPolicyView {
        name: object.key(),
        allows: object.is("action", "ALLOW"),
        cmd_spec: object.text("cmdSpec")?.to_owned(),
    })
}

fn group_of(object: &Object) -> GroupView {
    GroupView {
        name: object.key(),
        users: object.bound("userName").map(super::Bound::target).collect(),
        policies: policies_of(object),
        interfaces: object
            .value("allowedManagementInterface")
            .and_then(Value::as_list)
            .unwrap_or_default()
            .to_vec(),
    }
}
