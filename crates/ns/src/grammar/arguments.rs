//! Reads the arguments of a command: positional ones, named ones, lists, and what follows a value.

use evercert_types::Secret;

use crate::catalog::{self, Attribute, BindingType, Form, Kind, ResourceType};
use crate::codes;
use crate::command::{Command, Verb};
use crate::error::NsError;
use crate::grammar::fault::{ParseError, fault};
use crate::grammar::help;
use crate::grammar::lexer::Token;
use crate::grammar::lookup::{self, Found};
use crate::validate;
use crate::value::{Value, Values};

/// Reads the arguments of a command, word by word.
pub(super) struct Arguments<'t> {
    verb: Verb,
    resource: &'static ResourceType,
    binding: Option<&'static BindingType>,
    form: &'static Form,
    positional: std::slice::Iter<'static, &'static Attribute>,
    tokens: &'t [Token],
    next: usize,
    values: Values,
    end: usize,
    answer: Option<&'t Secret<String>>,
}

impl<'t> Arguments<'t> {
    pub(super) fn new(
        verb: Verb,
        resource: &'static ResourceType,
        tokens: &'t [Token],
        end: usize,
    ) -> Result<Self, ParseError> {
        let binding = if verb.is_binding() {
            Some(choose_binding(verb, resource, tokens, end)?)
        } else {
            None
        };
        let Some(form) = catalog::form(verb, resource, binding) else {
            return Err(nothing_to_bind(resource, tokens, end));
        };
        Ok(Self {
            verb,
            resource,
            binding,
            form,
            positional: form.positional.iter(),
            tokens,
            next: 0,
            values: Values::new(),
            end,
            answer: None,
        })
    }

    /// Puts the secret where one is wanted and was not given.
    pub(super) const fn answering(mut self, secret: Option<&'t Secret<String>>) -> Self {
        self.answer = secret;
        self
    }

    pub(super) fn read(mut self) -> Result<Command, ParseError> {
        while let Some(token) = self.take() {
            match token.option() {
                Some(name) => self.read_named(token, name)?,
                None => self.read_positional(token)?,
            }
        }
        self.answer_missing();
        let command = match self.binding {
            Some(binding) => Command::binding_of(self.verb, self.resource, binding),
            None => Command::new(self.verb, self.resource),
        };
        let end = self.end;
        validate::complete(command.with_values(self.values)).map_err(|error| ParseError {
            expected: incomplete(&error, self.verb, self.resource, self.binding),
            word: error.detail().unwrap_or_default().to_owned(),
            span: end..end,
            error,
        })
    }

    /// The fault of naming two things to bind at once.
    fn of_another_binding(&self, token: &Token, name: &str) -> Option<ParseError> {
        let chosen = self.binding?.selectors.first()?;
        let all = self.resource.bindings.iter().flat_map(|b| b.selectors);
        let other = all
            .copied()
            .find(|selector| selector.eq_ignore_ascii_case(name))?;
        Some(ParseError {
            error: NsError::argument(&codes::ARGUMENTS_EXCLUDE, chosen, other),
            word: token.text.clone(),
            span: token.span.clone(),
            expected: format!("either -{chosen} or -{other}"),
        })
    }

    /// The answer in place of a secret that must be given, and behind `-password` alone.
    fn answer_missing(&mut self) {
        let Some(answer) = self.answer else { return };
        let told = KNOWN_SECRETS.iter().any(|name| self.values.contains(name));
        for attribute in self.resource.attributes_for(self.verb, self.binding) {
            let wanted = match (attribute.kind, self.values.get(attribute.name)) {
                (Kind::OptionalSecret, Some(Value::Flag)) => !told,
                (Kind::Secret, None) => attribute.required.contains(self.verb),
                _ => false,
            };
            if wanted {
                self.values
                    .insert(attribute.name, Value::Secret(answer.clone()));
            }
        }
    }

    fn take(&mut self) -> Option<&'t Token> {
        let token = self.tokens.get(self.next)?;
        self.next += 1;
        Some(token)
    }

    /// The next word, if it is no argument name.
    fn take_value(&mut self) -> Option<&'t Token> {
        let token = self.tokens.get(self.next)?;
        if token.option().is_some() {
            return None;
        }
        self.next += 1;
        Some(token)
    }

    fn read_positional(&mut self, token: &'t Token) -> Result<(), ParseError> {
        let Some(attribute) = self.positional.next().copied() else {
            let expected = if self.form.named.is_empty() {
                "nothing more".to_owned()
            } else {
                "an argument name that begins with -".to_owned()
            };
            return Err(fault(&codes::NO_SUCH_ARGUMENT, token, expected));
        };
        self.read_value(attribute, token)
    }

    fn read_named(&mut self, token: &'t Token, name: &str) -> Result<(), ParseError> {
        let known = || self.form.named.iter().map(|a| (*a, a.name));
        let found = match self.form.named(name) {
            Some(attribute) => Found::One(attribute),
            None => lookup::by_prefix(known(), name),
        };
        let attribute = match found {
            Found::One(attribute) => attribute,
            Found::Many(names) => {
                let expected = format!("one of -{}", names.join(", -"));
                return Err(fault(&codes::AMBIGUOUS_ARGUMENT, token, expected));
            }
            Found::None => return Err(self.no_argument(token, name)),
        };
        let without_value = self.verb == Verb::Unset || matches!(attribute.kind, Kind::Flag);
        if without_value {
            self.put(attribute, token, Value::Flag)?;
            return if self.verb == Verb::Unset {
                Ok(())
            } else {
                self.read_tail(attribute)
            };
        }
        match self.take_value() {
            Some(word) => self.read_value(attribute, word),
            None if matches!(attribute.kind, Kind::OptionalSecret) => {
                self.put(attribute, token, Value::Flag)
            }
            None if matches!(attribute.kind, Kind::Secret)
                && let Some(answer) = self.answer =>
            {
                self.put(attribute, token, Value::Secret(answer.clone()))
            }
            None => Err(ParseError {
                error: NsError::about(&codes::ARGUMENT_VALUE_MISSING, attribute.name),
                word: token.text.clone(),
                span: token.span.clone(),
                expected: format!("{} after -{}", help::expectation(attribute), attribute.name),
            }),
        }
    }

    /// The value that begins with this word: further words of a list, a unit, or a trailing argument follow.
    fn read_value(
        &mut self,
        attribute: &'static Attribute,
        first: &'t Token,
    ) -> Result<(), ParseError> {
        let mut tokens = vec![first];
        match attribute.kind {
            Kind::List(_) => {
                while let Some(token) = self.take_value() {
                    tokens.push(token);
                }
            }
            Kind::Interval { .. } => {
                let unit = self.tokens.get(self.next).filter(|token| {
                    validate::INTERVAL_UNITS
                        .iter()
                        .any(|unit| unit.eq_ignore_ascii_case(&token.text))
                });
                if let Some(unit) = unit {
                    self.next += 1;
                    tokens.push(unit);
                }
            }
            _ => {}
        }
        let words: Vec<_> = tokens.iter().map(|token| token.text.clone()).collect();
        let value = validate::words(attribute, &words).map_err(|error| {
            let bad = |token: &&&Token| validate::value(attribute, &token.text).is_err();
            let at_fault = tokens.iter().find(bad).unwrap_or(&first);
            refused(attribute, at_fault, error)
        })?;
        self.put(attribute, first, value)?;
        self.read_tail(attribute)
    }

    fn read_tail(&mut self, attribute: &'static Attribute) -> Result<(), ParseError> {
        let Some(tail) = attribute.tail else {
            return Ok(());
        };
        let Some(tail) = self.form.named(tail) else {
            return Ok(());
        };
        match self.take_value() {
            Some(word) => self.read_value(tail, word),
            None => Ok(()),
        }
    }

    fn put(
        &mut self,
        attribute: &'static Attribute,
        token: &Token,
        value: Value,
    ) -> Result<(), ParseError> {
        // ns.conf repeats `-encrypted` after each secret; the same value twice is no contradiction.
        let twice = self
            .values
            .get(attribute.name)
            .is_some_and(|have| *have != value);
        if twice {
            return Err(ParseError {
                error: NsError::about(&codes::TOO_MANY_VALUES, attribute.name),
                word: if attribute.kind.is_secret() {
                    attribute.name.to_owned()
                } else {
                    token.text.clone()
                },
                span: token.span.clone(),
                expected: format!("-{} once", attribute.name),
            });
        }
        self.values.insert(attribute.name, value);
        Ok(())
    }

    fn no_argument(&self, token: &Token, name: &str) -> ParseError {
        if let Some(excluded) = self.of_another_binding(token, name) {
            return excluded;
        }
        let near = lookup::nearest(self.form.named.iter().map(|a| a.name), name);
        let elsewhere = self
            .resource
            .attributes
            .iter()
            .find(|a| a.name.eq_ignore_ascii_case(name));
        let expected = if let Some(near) = near {
            format!("-{near}")
        } else if let Some(attribute) = elsewhere {
            let verbs: Vec<_> = self
                .resource
                .all_verbs()
                .filter(|verb| attribute.verbs.contains(*verb) && !verb.is_binding())
                .map(Verb::word)
                .collect();
            format!("-{} only after {}", attribute.name, verbs.join(" or "))
        } else {
            some_of(&self.form.named)
        };
        fault(&codes::NO_SUCH_ARGUMENT, token, expected)
    }
}

/// Arguments that tell a pass phrase, so that none need be asked for.
const KNOWN_SECRETS: &[&str] = &["passcrypt", "passplain"];

/// What a command that is not complete lacks.
fn incomplete(
    error: &NsError,
    verb: Verb,
    resource: &'static ResourceType,
    binding: Option<&'static BindingType>,
) -> String {
    let attributes = || resource.attributes_for(verb, binding);
    if error.is(&codes::ARGUMENT_MISSING) {
        let missing = attributes().find(|a| Some(a.name) == error.detail());
        return missing.map_or_else(String::new, |attribute| {
            let what = help::expectation(attribute);
            if attribute.positional.contains(verb) {
                format!("{what} for <{}>", attribute.name)
            } else if matches!(attribute.kind, Kind::Flag) {
                format!("-{}", attribute.name)
            } else {
                format!("{what} after -{}", attribute.name)
            }
        });
    }
    if error.is(&codes::NO_ARGUMENTS) || error.is(&codes::TOO_FEW_ARGUMENTS) {
        let named: Vec<_> = attributes()
            .filter(|a| !a.positional.contains(verb))
            .collect();
        return some_of(&named);
    }
    String::new()
}

/// The argument names, when there are few enough to read.
fn some_of(named: &[&'static Attribute]) -> String {
    const MANY: usize = 12;
    if named.is_empty() {
        return "no further argument".to_owned();
    }
    let names: Vec<_> = named.iter().take(MANY).map(|a| a.name).collect();
    let more = if named.len() > MANY { ", …" } else { "" };
    format!("one of -{}{more}", names.join(", -"))
}

fn refused(attribute: &Attribute, token: &Token, error: NsError) -> ParseError {
    ParseError {
        word: if attribute.kind.is_secret() {
            attribute.name.to_owned()
        } else {
            token.text.clone()
        },
        span: token.span.clone(),
        expected: format!("{} for {}", help::expectation(attribute), attribute.name),
        error,
    }
}

/// Which kind of thing is bound: the binding type one of whose selectors is given.
fn choose_binding(
    verb: Verb,
    resource: &'static ResourceType,
    tokens: &[Token],
    end: usize,
) -> Result<&'static BindingType, ParseError> {
    let is_positional = |binding: &&BindingType| {
        binding
            .target()
            .is_some_and(|a| a.positional.contains(verb))
    };
    let all = resource.bindings.iter().flat_map(|b| b.attributes);
    let names = || all.clone().map(|a| (a.name, a.name));
    for token in tokens {
        let Some(Found::One(name)) = token.option().map(|word| lookup::by_prefix(names(), word))
        else {
            continue;
        };
        let selected = resource
            .bindings
            .iter()
            .filter(|b| !is_positional(b))
            .find(|b| b.selectors.contains(&name));
        if let Some(binding) = selected {
            return Ok(binding);
        }
    }
    if let Some(binding) = resource.bindings.iter().find(is_positional) {
        return Ok(binding);
    }
    Err(nothing_to_bind(resource, tokens, end))
}

/// A mistyped name is a better story than a missing one.
fn nothing_to_bind(resource: &'static ResourceType, tokens: &[Token], end: usize) -> ParseError {
    let all = resource.bindings.iter().flat_map(|b| b.attributes);
    let names = || all.clone().map(|a| (a.name, a.name));
    let wanted: Vec<_> = resource
        .bindings
        .iter()
        .flat_map(|b| b.selectors)
        .map(|name| format!("-{name}"))
        .collect();
    let mistyped = tokens.iter().find(|token| {
        token
            .option()
            .is_some_and(|word| lookup::by_prefix(names(), word) == Found::None)
    });
    let expected = format!("one of {}", wanted.join(", "));
    match mistyped {
        Some(token) => fault(&codes::NO_SUCH_ARGUMENT, token, expected),
        None => ParseError {
            error: NsError::new(&codes::TOO_FEW_ARGUMENTS),
            word: String::new(),
            span: end..end,
            expected,
        },
    }
}
