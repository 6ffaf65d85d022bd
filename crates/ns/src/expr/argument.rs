//! What stands between a function's parentheses.

use regex::bytes::{Regex, RegexBuilder};

use super::error::ExprError;
use super::functions::Parameter;
use super::parser::{Parser, check};
use super::syntax::{Argument, Needle, Node, Pattern, Subnet};
use super::types::Type;

/// Most memory a compiled regular expression may take, in bytes.
const REGEX_SIZE: usize = 256 << 10;
/// Most bytes of a body an expression may look at.
const BODY_MAX: i64 = 1 << 20;

impl Parser<'_> {
    pub(super) fn arguments(
        &mut self,
        of: &str,
        parameters: &'static [Parameter],
    ) -> Result<Vec<Argument>, ExprError> {
        if parameters.is_empty() {
            if self.cursor.take("(") {
                self.cursor.demand(")")?;
            }
            return Ok(Vec::new());
        }
        if !self.cursor.take("(") {
            let expected = format!("\"(\": {of} needs {}", described(parameters));
            return Err(self.cursor.fault(expected));
        }
        let mut arguments = Vec::new();
        for (index, parameter) in parameters.iter().enumerate() {
            if index > 0 {
                self.cursor.demand(",")?;
            }
            arguments.push(self.argument(*parameter)?);
        }
        self.cursor.demand(")")?;
        Ok(arguments)
    }

    fn argument(&mut self, parameter: Parameter) -> Result<Argument, ExprError> {
        let place = self.after_space();
        match parameter {
            Parameter::Text => self.typed(Type::Text),
            Parameter::Number => self.typed(Type::Number),
            Parameter::TextOrNumber => {
                let node = self.expression()?;
                match node.kind() {
                    kind if kind.is_text() || kind.is_number() => Ok(Argument::Node(node)),
                    other => Err(place.found("a text or a number", other.to_string())),
                }
            }
            Parameter::Ip => match self.cursor.address() {
                Some(ip) => Ok(Argument::Node(Node::Ip(ip))),
                None => self.typed(Type::Ip),
            },
            Parameter::Subnet => self.subnet(),
            Parameter::Method => self.method(),
            Parameter::Char => self.char(),
            Parameter::Pattern => self.pattern(),
            Parameter::Patset => self.patset(),
            Parameter::HeaderName => self.header_name(),
            Parameter::Size => self.size(),
            Parameter::Word(words) => {
                let word = self.cursor.identifier();
                let known = words.iter().find(|known| known.eq_ignore_ascii_case(word));
                let known = known.ok_or_else(|| place.fault(words.join(", ")))?;
                Ok(Argument::Word(known))
            }
        }
    }

    fn typed(&mut self, wanted: Type) -> Result<Argument, ExprError> {
        let place = self.after_space();
        let node = self.expression()?;
        check(&place, &node, wanted)?;
        Ok(Argument::Node(node))
    }

    fn subnet(&mut self) -> Result<Argument, ExprError> {
        let place = self.after_space();
        let fault = || place.fault("a subnet, such as 192.0.2.0/24 or 2001:db8::/32");
        let address = self.cursor.address().ok_or_else(fault)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match self.cursor.take("/") {
            true => self.cursor.number()?,
            false => return Err(fault()),
        };
        let bits = u8::try_from(bits).ok().filter(|bits| *bits <= most);
        let bits = bits.ok_or_else(fault)?;
        Ok(Argument::Subnet(Subnet { address, bits }))
    }

    /// `POST`, or in quotation marks.
    fn method(&mut self) -> Result<Argument, ExprError> {
        let place = self.after_space();
        let name = match self.cursor.quoted()? {
            Some(bytes) => String::from_utf8(bytes).unwrap_or_default(),
            None => self.cursor.identifier().to_owned(),
        };
        let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if name.is_empty() || !name.chars().all(is_token) {
            return Err(place.fault("a method, such as GET or POST"));
        }
        Ok(Argument::Method(name.to_ascii_uppercase().into()))
    }

    fn char(&mut self) -> Result<Argument, ExprError> {
        let place = self.after_space();
        let fault = || place.fault("one ASCII character, such as ','");
        let mut bytes = Vec::new();
        if self.cursor.take("'") {
            self.cursor.literal_char(&mut bytes)?;
            if self.cursor.next_char() != Some('\'') {
                return Err(fault());
            }
        } else {
            bytes = self.cursor.quoted()?.ok_or_else(fault)?;
        }
        match bytes.as_slice() {
            [byte] if byte.is_ascii() => Ok(Argument::Char(*byte)),
            _ => Err(fault()),
        }
    }

    /// `re/…/`; any character but a letter, digit or bracket may stand for the slash.
    fn pattern(&mut self) -> Result<Argument, ExprError> {
        const EXPECTED: &str = "a regular expression, such as re/^\\/a[0-9]+/";
        let place = self.after_space();
        let delimiter = match self.cursor.identifier().eq_ignore_ascii_case("re") {
            true => self.cursor.next_char(),
            false => None,
        };
        let is_delimiter = |c: &char| c.is_ascii_punctuation() && !"\\()[]{}<>".contains(*c);
        let delimiter = delimiter
            .filter(is_delimiter)
            .ok_or_else(|| place.fault(EXPECTED))?;
        let mut source = String::new();
        loop {
            match self.cursor.next_char() {
                None => return Err(place.fault(format!("a closing {delimiter} of the pattern"))),
                Some(c) if c == delimiter => break,
                // An escaped delimiter is the delimiter itself.
                Some('\\') if self.cursor.rest().starts_with(delimiter) => {
                    self.cursor.next_char();
                    source.push_str(&regex::escape(&delimiter.to_string()));
                }
                Some('\\') => {
                    source.push('\\');
                    source.extend(self.cursor.next_char());
                }
                Some(c) => source.push(c),
            }
        }
        let compile = |is_insensitive: bool| {
            RegexBuilder::new(&source)
                .case_insensitive(is_insensitive)
                .unicode(false)
                .size_limit(REGEX_SIZE)
                .dfa_size_limit(REGEX_SIZE)
                .nest_limit(50)
                .build()
        };
        let compiled = |regex: Result<Regex, regex::Error>| {
            regex.map_err(|error| {
                let reason = match error {
                    regex::Error::CompiledTooBig(_) => "one that becomes too large".to_owned(),
                    other => {
                        let text = other.to_string();
                        let last = text.lines().last().unwrap_or_default();
                        format!("/{source}/ ({})", last.trim_start_matches("error: "))
                    }
                };
                place.found(EXPECTED, reason)
            })
        };
        Ok(Argument::Pattern(Pattern {
            regex: compiled(compile(false))?,
            ignoring_case: compiled(compile(true))?,
            delimiter,
        }))
    }

    fn patset(&mut self) -> Result<Argument, ExprError> {
        let place = self.after_space();
        let name = self
            .cursor
            .quoted()?
            .and_then(|b| String::from_utf8(b).ok());
        let name = name
            .filter(|name| !name.is_empty())
            .ok_or_else(|| place.fault("the name of a pattern set in quotation marks"))?;
        if !self.facts.patsets.contains(&name) {
            self.facts.patsets.push(name.clone());
        }
        Ok(Argument::Patset(name.into()))
    }

    fn header_name(&mut self) -> Result<Argument, ExprError> {
        let place = self.after_space();
        let name = self
            .cursor
            .quoted()?
            .and_then(|b| String::from_utf8(b).ok());
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let name = name
            .filter(|name| !name.is_empty() && name.chars().all(is_token))
            .ok_or_else(|| place.fault("a header's name in quotation marks"))?;
        Ok(Argument::Name(name.into()))
    }

    fn size(&mut self) -> Result<Argument, ExprError> {
        let place = self.after_space();
        let number = self.cursor.number()?;
        let size = usize::try_from(number)
            .ok()
            .filter(|_| (1..=BODY_MAX).contains(&number))
            .ok_or_else(|| place.fault(format!("a number of bytes, 1 to {BODY_MAX}")))?;
        self.facts.body = self.facts.body.max(size);
        Ok(Argument::Size(size))
    }
}

fn described(parameters: &[Parameter]) -> String {
    let words: Vec<_> = parameters
        .iter()
        .map(|parameter| match parameter {
            Parameter::Text | Parameter::Patset | Parameter::HeaderName => "a text",
            Parameter::Number | Parameter::Size => "a number",
            Parameter::TextOrNumber => "a text or a number",
            Parameter::Ip => "an address",
            Parameter::Subnet => "a subnet",
            Parameter::Method => "a method",
            Parameter::Char => "a character",
            Parameter::Pattern => "a regular expression",
            Parameter::Word(_) => "a word",
        })
        .collect();
    words.join(" and ")
}

impl Argument {
    /// The literal text, if it is one.
    pub(super) fn needle(&self) -> Option<&Needle> {
        match self {
            Self::Node(Node::Text(needle)) => Some(needle),
            _ => None,
        }
    }
}
