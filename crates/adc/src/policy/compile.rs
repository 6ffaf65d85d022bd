//! From the configuration to policies that can be applied.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use evercert_ns::Config;
use evercert_ns::expr::{self, Expr, ExprError, Patset};
use evercert_ns::model::{Bound, Object};
use evercert_ns::value::Value;
use http::StatusCode;
use http::header::HeaderName;
use hyper::ext::ReasonPhrase;

use super::Policies;
use super::action::{Action, Does, Head};
use super::bank::{Bank, Builtin, Entry, Goto, Policy};
use super::switching::{Switching, SwitchingPolicy, Target, Targets};

/// Expressions by their source, to be taken over.
pub(super) type Known = HashMap<String, Arc<Expr>>;

/// Reads the page of a `respondwithhtmlpage` action, by the name it has there.
pub(crate) type Pages<'a> = &'a dyn Fn(&str) -> Result<Bytes, String>;

/// Compiles the policies of a configuration; what was compiled before is taken over.
pub(crate) fn compile(config: &Config, before: &Policies, pages: Pages<'_>) -> Policies {
    let mut compiler = Compiler {
        config,
        before,
        pages,
        policies: Policies::default(),
        actions: HashMap::new(),
        responders: HashMap::new(),
    };
    compiler.patsets();
    compiler.undefined();
    compiler.responder();
    compiler.content_switching();
    compiler.policies
}

struct Compiler<'a> {
    config: &'a Config,
    before: &'a Policies,
    pages: Pages<'a>,
    policies: Policies,
    actions: HashMap<String, Arc<Action>>,
    responders: HashMap<String, Arc<Policy>>,
}

impl Compiler<'_> {
    fn warn(&mut self, warning: String) {
        if !self.policies.warnings.contains(&warning) {
            self.policies.warnings.push(warning);
        }
    }

    /// The expression, compiled now or before. The configuration refuses what does not parse.
    fn expr(
        &mut self,
        source: &str,
        of: &str,
        parse: fn(&str) -> Result<Expr, ExprError>,
    ) -> Option<Arc<Expr>> {
        let here = self.policies.known.get(source);
        let known = here.or_else(|| self.before.known.get(source)).cloned();
        let expr = match known.map_or_else(|| parse(source).map(Arc::new), Ok) {
            Ok(expr) => expr,
            Err(error) => {
                self.warn(format!("{of} has no effect: {error}"));
                return None;
            }
        };
        self.policies.body = self.policies.body.max(expr.body_bytes());
        self.policies.known.insert(source.to_owned(), expr.clone());
        Some(expr)
    }

    fn patsets(&mut self) {
        for object in self.config.objects("policy patset") {
            let patterns = object.bound("String").map(Bound::target);
            let patset = Patset::new(patterns);
            let name = object.key().to_ascii_lowercase();
            self.policies.patsets.insert(name, patset);
        }
    }

    fn undefined(&mut self) {
        let param = self.config.singleton("responder param");
        let word = param.and_then(|param| param.text("undefAction"));
        self.policies.undefined = word.and_then(Builtin::named).unwrap_or_default();
    }

    fn responder(&mut self) {
        let has_some = self.config.count("responder policy") > 0;
        if !self.config.has_feature("RESPONDER") {
            if has_some {
                self.warn("responder policies have no effect: enable ns feature RESPONDER".into());
            }
            return;
        }
        if let Some(global) = self.config.singleton("responder global") {
            self.policies.before = self.bank(global, &["REQ_OVERRIDE", "OVERRIDE"]);
            self.policies.after = self.bank(global, &["REQ_DEFAULT", "DEFAULT"]);
        }
        for kind in ["lb vserver", "cs vserver"] {
            for vserver in self.config.objects(kind) {
                let bank = self.bank(vserver, &["REQUEST"]);
                if !bank.is_empty() {
                    self.policies.responders.insert(vserver.key(), bank);
                }
            }
        }
    }

    /// The responder policies bound to an object with one of these types.
    fn bank(&mut self, object: &Object, types: &[&str]) -> Bank {
        let of_bank = |bound: &&Bound| {
            let default = bound.kind.attributes.iter().find(|a| a.name == "type");
            let default = default.and_then(|a| a.default).unwrap_or("REQUEST");
            let word = bound.value("type").and_then(Value::as_text);
            types.contains(&word.unwrap_or(default))
        };
        let mut entries: Vec<Entry> = object
            .bound("policyName")
            .filter(of_bank)
            .filter_map(|bound| self.entry(bound))
            .collect();
        entries.sort_by_key(|entry| entry.priority);
        Bank { entries }
    }

    /// `None` when what is bound is no responder policy, or one that cannot be used.
    fn entry(&mut self, bound: &Bound) -> Option<Entry> {
        let policy = self.policy(&bound.target())?;
        let goto = bound.value("gotoPriorityExpression");
        let goto = match goto.and_then(Value::as_text).unwrap_or_default() {
            "" => Goto::End,
            word if word.eq_ignore_ascii_case("END") => Goto::End,
            // There is no invocation: what would follow it is the next policy.
            word if word.eq_ignore_ascii_case("NEXT") => Goto::Next,
            word if word.eq_ignore_ascii_case("USE_INVOCATION_RESULT") => Goto::Next,
            source => {
                let of = format!("the goto of responder policy {}", policy.name);
                Goto::Priority(self.expr(source, &of, expr::parse_text)?)
            }
        };
        Some(Entry {
            priority: bound.integer("priority").unwrap_or(u64::MAX),
            goto,
            policy,
        })
    }

    fn policy(&mut self, name: &str) -> Option<Arc<Policy>> {
        let object = self.config.object("responder policy", name)?;
        let name = object.key();
        if let Some(policy) = self.responders.get(&name) {
            return Some(policy.clone());
        }
        let of = format!("responder policy {name}");
        let rule = self.expr(object.text("rule")?, &of, expr::parse_rule)?;
        let action = self.action(object.text("action")?);
        let undefined = object.text("undefAction").and_then(Builtin::named);
        let counts = &self.before.counts;
        let counted = (self.policies.counts).counter(counts, "responder policy", &name);
        let policy = Arc::new(Policy {
            rule,
            action,
            undefined,
            counted,
            name: name.clone(),
        });
        self.responders.insert(name, policy.clone());
        Some(policy)
    }

    /// An action's name is looked at before the words of built-in ones.
    fn action(&mut self, name: &str) -> Arc<Action> {
        let Some(object) = self.config.object("responder action", name) else {
            let builtin = Builtin::named(name).unwrap_or_default();
            return Arc::new(Action::builtin(builtin));
        };
        let name = object.key();
        if let Some(action) = self.actions.get(&name) {
            return action.clone();
        }
        let of = format!("responder action {name}");
        let counts = &self.before.counts;
        let counted = (self.policies.counts).counter(counts, "responder action", &name);
        let action = Arc::new(Action {
            does: self.does(object, &of),
            head: self.head(object, &of),
            counted: Some(counted),
        });
        self.actions.insert(name, action.clone());
        action
    }

    fn does(&mut self, object: &Object, of: &str) -> Does {
        let target = object.text("target");
        let does = match object.text("type").unwrap_or_default() {
            "noop" => Some(Does::Builtin(Builtin::Noop)),
            "respondwith" => target
                .and_then(|source| self.expr(source, of, expr::parse_text))
                .map(Does::Respond),
            "redirect" => target
                .and_then(|source| self.expr(source, of, expr::parse_text))
                .map(Does::Redirect),
            "respondwithhtmlpage" => {
                let page = object.text("htmlPage").unwrap_or_default();
                match (self.pages)(page) {
                    Ok(page) => Some(Does::Page(page)),
                    Err(why) => {
                        self.warn(format!("{of} has no effect: {why}"));
                        Some(Does::Unusable)
                    }
                }
            }
            other => {
                self.warn(format!("{of} has no effect: type {other} is not supported"));
                Some(Does::Unusable)
            }
        };
        does.unwrap_or_else(|| {
            self.warn(format!("{of} has no effect: it has no target"));
            Does::Unusable
        })
    }

    fn head(&mut self, object: &Object, of: &str) -> Head {
        let status = object
            .integer("responseStatusCode")
            .and_then(|code| u16::try_from(code).ok())
            .and_then(|code| StatusCode::from_u16(code).ok())
            .filter(|status| !status.is_informational());
        let reason = object
            .text("reasonPhrase")
            .map(|reason| reason.trim_matches('"').as_bytes().to_vec())
            .and_then(|reason| ReasonPhrase::try_from(reason).ok());
        let fields = object.value("headers").and_then(Value::as_list);
        let fields = fields.unwrap_or_default().iter();
        let headers = fields.filter_map(|field| self.header(field, of)).collect();
        Head {
            status,
            reason,
            headers,
        }
    }

    /// `name(expression)`.
    fn header(&mut self, field: &str, of: &str) -> Option<(HeaderName, Arc<Expr>)> {
        let parts = field.split_once('(');
        let parts = parts.and_then(|(name, rest)| Some((name.trim(), rest.strip_suffix(')')?)));
        let name = parts.and_then(|(name, _)| HeaderName::from_bytes(name.as_bytes()).ok());
        let (Some(name), Some((_, source))) = (name, parts) else {
            self.warn(format!("{of}: header {field} is not name(expression)"));
            return None;
        };
        Some((name, self.expr(source, of, expr::parse_text)?))
    }

    fn content_switching(&mut self) {
        let vservers = self.config.objects("lb vserver");
        let targets: Targets = vservers
            .map(|vserver| {
                let name = vserver.key();
                (name.to_ascii_lowercase(), name.into())
            })
            .collect();
        let targets = Arc::new(targets);
        for vserver in self.config.objects("cs vserver") {
            let switching = self.switching(vserver, &targets);
            self.policies.switching.insert(vserver.key(), switching);
        }
    }

    fn switching(&mut self, vserver: &Object, targets: &Arc<Targets>) -> Switching {
        let name = vserver.key();
        let mut policies: Vec<_> = vserver
            .bound("policyName")
            .filter_map(|bound| {
                let priority = bound.integer("priority").unwrap_or(u64::MAX);
                Some((priority, self.switching_policy(bound)?))
            })
            .collect();
        policies.sort_by_key(|(priority, _)| *priority);
        let default = vserver.bound("lbvserver").next().map(Bound::target);
        let default = default.and_then(|name| targets.get(&name.to_ascii_lowercase()).cloned());
        let counts = &self.before.counts;
        Switching {
            policies: policies.into_iter().map(|(_, policy)| policy).collect(),
            default,
            targets: targets.clone(),
            counted: (self.policies.counts).counter(counts, "cs vserver", &name),
        }
    }

    /// `None` when what is bound is no content switching policy.
    fn switching_policy(&mut self, bound: &Bound) -> Option<SwitchingPolicy> {
        let object = self.config.object("cs policy", &bound.target())?;
        let name = object.key();
        let of = format!("cs policy {name}");
        let rule = self.expr(object.text("rule")?, &of, expr::parse_rule)?;
        let action = object
            .text("action")
            .and_then(|name| self.config.object("cs action", name));
        let bound_target = bound.value("targetLBVserver").and_then(Value::as_text);
        let named = bound_target.or_else(|| action.and_then(|a| a.text("targetLBVserver")));
        let source = action.and_then(|action| action.text("targetVserverExpr"));
        let target = match (named, source) {
            (Some(name), _) => Target::Vserver(name.into()),
            (None, Some(source)) => {
                let of = format!("the action of {of}");
                Target::Expr(self.expr(source, &of, expr::parse_text)?)
            }
            (None, None) => Target::Default,
        };
        let before = &self.before.counts;
        let counts = &mut self.policies.counts;
        Some(SwitchingPolicy {
            rule,
            target,
            counted: counts.counter(before, "cs policy", &name),
            action: action.map(|action| counts.counter(before, "cs action", &action.key())),
        })
    }
}
