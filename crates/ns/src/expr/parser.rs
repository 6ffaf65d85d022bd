//! From source to tree: recursive descent over operators, guided by types in chains.

use super::cursor::Cursor;
use super::error::ExprError;
use super::functions::{self, Gives};
use super::sources::{SOURCES, Source, following};
use super::syntax::{Call, Chain, Comparison, Factor, Needle, Node, Root, Sign};
use super::types::Type;
use super::{Facts, MAX_DEPTH, MAX_LENGTH};

const BEGINNING: &str =
    "an expression, such as HTTP.REQ.URL.CONTAINS(\"x\"), a text in quotation marks or a number";

pub(super) fn parse(source: &str) -> Result<(Node, Facts), ExprError> {
    if source.len() > MAX_LENGTH {
        return Err(ExprError::new(
            1,
            format!("at most {MAX_LENGTH} bytes"),
            format!("{} bytes", source.len()),
        ));
    }
    let mut parser = Parser {
        cursor: Cursor::new(source),
        depth: 0,
        facts: Facts::default(),
    };
    let node = parser.expression()?;
    if !parser.cursor.skip_space().is_empty() {
        return Err(parser.cursor.fault("an operator or the end"));
    }
    Ok((node, parser.facts))
}

pub(super) struct Parser<'a> {
    pub(super) cursor: Cursor<'a>,
    depth: usize,
    pub(super) facts: Facts,
}

impl<'a> Parser<'a> {
    /// Goes one level deeper for the time of a part.
    fn nested<T>(
        &mut self,
        part: impl FnOnce(&mut Self) -> Result<T, ExprError>,
    ) -> Result<T, ExprError> {
        if self.depth == MAX_DEPTH {
            let expected = format!("an expression nested at most {MAX_DEPTH} deep");
            return Err(self.cursor.fault(expected));
        }
        self.depth += 1;
        let outcome = part(self);
        self.depth -= 1;
        outcome
    }

    pub(super) fn expression(&mut self) -> Result<Node, ExprError> {
        self.nested(|parser| {
            let mut nodes = vec![parser.any()?];
            while parser.cursor.word("ALT") {
                let place = parser.after_space();
                let node = parser.any()?;
                let wanted = nodes.first().map_or(Type::Text, Node::general_kind);
                check(&place, &node, wanted)?;
                nodes.push(node);
            }
            Ok(one_or(nodes, Node::Alt))
        })
    }

    fn any(&mut self) -> Result<Node, ExprError> {
        self.junction("||", Self::all, Node::Any)
    }

    fn all(&mut self) -> Result<Node, ExprError> {
        self.junction("&&", Self::not, Node::All)
    }

    fn junction(
        &mut self,
        symbol: &str,
        part: fn(&mut Self) -> Result<Node, ExprError>,
        joined: fn(Vec<Node>) -> Node,
    ) -> Result<Node, ExprError> {
        let first = self.after_space();
        let mut nodes = vec![part(self)?];
        while self.cursor.take(symbol) {
            if let [only] = nodes.as_slice() {
                check(&first, only, Type::Boolean)?;
            }
            let place = self.after_space();
            let node = part(self)?;
            check(&place, &node, Type::Boolean)?;
            nodes.push(node);
        }
        Ok(one_or(nodes, joined))
    }

    fn not(&mut self) -> Result<Node, ExprError> {
        let rest = self.cursor.skip_space();
        if !rest.starts_with('!') || rest.starts_with("!=") {
            return self.comparison();
        }
        self.cursor.take("!");
        let place = self.after_space();
        let node = self.nested(Self::not)?;
        check(&place, &node, Type::Boolean)?;
        Ok(Node::Not(Box::new(node)))
    }

    fn comparison(&mut self) -> Result<Node, ExprError> {
        let left = self.sum()?;
        let symbols = [
            ("==", Comparison::Eq),
            ("!=", Comparison::Ne),
            ("<=", Comparison::Le),
            (">=", Comparison::Ge),
            ("<", Comparison::Lt),
            (">", Comparison::Gt),
        ];
        let place = self.after_space();
        let Some((symbol, comparison)) = symbols
            .into_iter()
            .find(|(symbol, _)| self.cursor.take(symbol))
        else {
            return Ok(left);
        };
        let wanted = left.general_kind();
        let only_equality = matches!(comparison, Comparison::Eq | Comparison::Ne);
        if wanted == Type::Certificate || !(wanted.is_number() || only_equality) {
            return Err(place.found(
                format!("numbers on both sides of {symbol}"),
                left.kind().to_string(),
            ));
        }
        let place = self.after_space();
        let right = match self.cursor.address() {
            Some(ip) if wanted == Type::Ip => Node::Ip(ip),
            Some(_) => {
                self.cursor = place;
                self.sum()?
            }
            None => self.sum()?,
        };
        check(&place, &right, wanted)?;
        Ok(Node::Compare(Box::new(left), comparison, Box::new(right)))
    }

    /// `+` adds numbers and joins texts; from the first text on it joins.
    fn sum(&mut self) -> Result<Node, ExprError> {
        let mut left = self.product()?;
        loop {
            let sign = if self.cursor.take("+") {
                Sign::Plus
            } else if self.cursor.take("-") {
                Sign::Minus
            } else {
                return Ok(left);
            };
            let place = self.after_space();
            let right = self.product()?;
            left = added(&place, left, sign, right)?;
        }
    }

    fn product(&mut self) -> Result<Node, ExprError> {
        let first = self.after_space();
        let mut nodes = vec![(Factor::Times, self.signed()?)];
        loop {
            let factor = if self.cursor.take("*") {
                Factor::Times
            } else if self.cursor.take("/") {
                Factor::Divided
            } else if self.cursor.take("%") {
                Factor::Modulo
            } else {
                break;
            };
            if let [(_, only)] = nodes.as_slice() {
                check(&first, only, Type::Number)?;
            }
            let place = self.after_space();
            let node = self.signed()?;
            check(&place, &node, Type::Number)?;
            nodes.push((factor, node));
        }
        Ok(match nodes.len() {
            1 => nodes.swap_remove(0).1,
            _ => Node::Product(nodes),
        })
    }

    fn signed(&mut self) -> Result<Node, ExprError> {
        if !self.cursor.take("-") {
            return self.chain();
        }
        let place = self.after_space();
        let node = self.nested(Self::signed)?;
        check(&place, &node, Type::Number)?;
        Ok(Node::Negate(Box::new(node)))
    }

    fn chain(&mut self) -> Result<Node, ExprError> {
        let (root, mut kind) = self.root()?;
        let mut calls = Vec::new();
        while self.cursor.take(".") {
            let place = self.after_space();
            let name = self.cursor.identifier();
            let Some(function) = functions::function(kind, name) else {
                let known: Vec<_> = functions::known(kind).collect();
                return Err(place.fault(format!("a function of {kind} ({})", known.join(", "))));
            };
            let arguments = self.arguments(function.name, function.parameters)?;
            calls.push(Call {
                function,
                arguments,
            });
            kind = match function.gives {
                Gives::Is(kind) => kind,
                Gives::Same => kind,
            };
        }
        Ok(match (root, calls.is_empty()) {
            (Root::Node(node), true) => node,
            (root, _) => Node::Chain(Box::new(Chain { root, calls, kind })),
        })
    }

    fn root(&mut self) -> Result<(Root, Type), ExprError> {
        let node = match self.cursor.skip_space().chars().next() {
            Some('(') => {
                self.cursor.take("(");
                let node = self.expression()?;
                self.cursor.demand(")")?;
                node
            }
            Some('"') => Node::Text(Needle::boxed(&self.cursor.quoted()?.unwrap_or_default())),
            Some('0'..='9') => match self.cursor.address() {
                Some(ip) => Node::Ip(ip),
                None => Node::Number(self.cursor.number()?),
            },
            _ if self.cursor.word("TRUE") => Node::Boolean(true),
            _ if self.cursor.word("FALSE") => Node::Boolean(false),
            _ => return self.source(),
        };
        let kind = node.kind();
        Ok((Root::Node(node), kind))
    }

    /// `HTTP.REQ.…`: words until they name a source.
    fn source(&mut self) -> Result<(Root, Type), ExprError> {
        let mut path = String::new();
        loop {
            let place = self.after_space();
            let word = self.cursor.identifier().to_ascii_uppercase();
            let known = following(&path);
            let is_known = known.contains(&word.as_str());
            if !is_known && path.is_empty() {
                return Err(place.fault(BEGINNING));
            }
            if !is_known {
                return Err(place.fault(known.join(", ")));
            }
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&word);
            if let Some(source) = SOURCES.iter().find(|source| source.path == path) {
                return self.sourced(source);
            }
            if !self.cursor.take(".") {
                let expected = format!("\".\" and {}", following(&path).join(", "));
                return Err(self.cursor.fault(expected));
            }
        }
    }

    fn sourced(&mut self, source: &'static Source) -> Result<(Root, Type), ExprError> {
        let arguments = self.arguments(source.path, source.parameters)?;
        Ok((Root::Source(source, arguments), source.gives))
    }

    /// The next place that is not white space.
    pub(super) fn after_space(&mut self) -> Cursor<'a> {
        self.cursor.skip_space();
        self.cursor
    }
}

/// The sum, difference or joined text of two parts.
fn added(place: &Cursor<'_>, left: Node, sign: Sign, right: Node) -> Result<Node, ExprError> {
    let is_text = left.kind().is_text() || right.kind().is_text();
    if sign == Sign::Plus && is_text {
        let printable = left.kind().is_printable() && right.kind().is_printable();
        if !printable {
            return Err(place.found("a text, a number or an address", "a certificate"));
        }
        return Ok(match left {
            Node::Concat(mut nodes) => {
                nodes.push(right);
                Node::Concat(nodes)
            }
            left => Node::Concat(vec![left, right]),
        });
    }
    if !left.kind().is_number() {
        return Err(place.found("a number on the left of the sign", left.kind().to_string()));
    }
    check(place, &right, Type::Number)?;
    Ok(match left {
        Node::Sum(mut nodes) => {
            nodes.push((sign, right));
            Node::Sum(nodes)
        }
        left => Node::Sum(vec![(Sign::Plus, left), (sign, right)]),
    })
}

fn one_or(mut nodes: Vec<Node>, joined: fn(Vec<Node>) -> Node) -> Node {
    match nodes.len() {
        1 => nodes.swap_remove(0),
        _ => joined(nodes),
    }
}

pub(super) fn check(place: &Cursor<'_>, node: &Node, wanted: Type) -> Result<(), ExprError> {
    match node.kind().fits(wanted) {
        true => Ok(()),
        false => Err(place.found(wanted.to_string(), node.kind().to_string())),
    }
}
