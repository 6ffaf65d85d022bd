//! Writing an expression in its canonical form.

use std::fmt::{self, Formatter, Write as _};

use super::syntax::{Argument, Call, Chain, Factor, Node, Root, Sign};

/// How tightly a node binds; larger is tighter.
const fn level(node: &Node) -> u8 {
    match node {
        Node::Alt(_) => 0,
        Node::Any(_) => 1,
        Node::All(_) => 2,
        Node::Not(_) => 3,
        Node::Compare(_, _, _) => 4,
        Node::Concat(_) | Node::Sum(_) => 5,
        Node::Product(_) => 6,
        Node::Negate(_) => 7,
        _ => 8,
    }
}

pub(super) fn node(node: &Node, f: &mut Formatter<'_>) -> fmt::Result {
    match node {
        Node::Text(needle) => quoted(needle.bytes(), '"', f),
        Node::Number(number) => write!(f, "{number}"),
        Node::Boolean(true) => f.write_str("TRUE"),
        Node::Boolean(false) => f.write_str("FALSE"),
        Node::Ip(ip) => write!(f, "{ip}"),
        Node::Chain(chain) => self::chain(chain, f),
        Node::Not(inner) => {
            f.write_str("!")?;
            at_least(3, inner, f)
        }
        Node::Negate(inner) => {
            f.write_str("-")?;
            at_least(7, inner, f)
        }
        Node::Alt(nodes) => joined(nodes, " ALT ", 1, f),
        Node::Any(nodes) => joined(nodes, " || ", 2, f),
        Node::All(nodes) => joined(nodes, " && ", 3, f),
        Node::Concat(nodes) => joined(nodes, " + ", 6, f),
        Node::Compare(left, comparison, right) => {
            at_least(5, left, f)?;
            write!(f, " {} ", comparison.symbol())?;
            at_least(5, right, f)
        }
        Node::Sum(nodes) => signed(
            nodes.iter().map(|(sign, node)| {
                let symbol = match sign {
                    Sign::Plus => " + ",
                    Sign::Minus => " - ",
                };
                (symbol, node)
            }),
            6,
            f,
        ),
        Node::Product(nodes) => signed(
            nodes.iter().map(|(factor, node)| {
                let symbol = match factor {
                    Factor::Times => " * ",
                    Factor::Divided => " / ",
                    Factor::Modulo => " % ",
                };
                (symbol, node)
            }),
            7,
            f,
        ),
    }
}

fn joined(nodes: &[Node], symbol: &str, least: u8, f: &mut Formatter<'_>) -> fmt::Result {
    signed(nodes.iter().map(|node| (symbol, node)), least, f)
}

fn signed<'a>(
    nodes: impl Iterator<Item = (&'a str, &'a Node)>,
    least: u8,
    f: &mut Formatter<'_>,
) -> fmt::Result {
    for (index, (symbol, node)) in nodes.enumerate() {
        if index > 0 {
            f.write_str(symbol)?;
        }
        at_least(least, node, f)?;
    }
    Ok(())
}

/// In parentheses when it binds less tightly.
fn at_least(least: u8, inner: &Node, f: &mut Formatter<'_>) -> fmt::Result {
    if level(inner) >= least {
        return node(inner, f);
    }
    f.write_str("(")?;
    node(inner, f)?;
    f.write_str(")")
}

fn chain(chain: &Chain, f: &mut Formatter<'_>) -> fmt::Result {
    match &chain.root {
        Root::Source(source, given) => {
            f.write_str(source.path)?;
            arguments(given, f)?;
        }
        Root::Node(root) => at_least(8, root, f)?,
    }
    for Call {
        function,
        arguments: given,
    } in &chain.calls
    {
        write!(f, ".{}", function.name)?;
        arguments(given, f)?;
    }
    Ok(())
}

fn arguments(given: &[Argument], f: &mut Formatter<'_>) -> fmt::Result {
    if given.is_empty() {
        return Ok(());
    }
    f.write_str("(")?;
    for (index, one) in given.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        argument(one, f)?;
    }
    f.write_str(")")
}

fn argument(argument: &Argument, f: &mut Formatter<'_>) -> fmt::Result {
    match argument {
        Argument::Node(inner) => node(inner, f),
        Argument::Subnet(subnet) => write!(f, "{}/{}", subnet.address, subnet.bits),
        Argument::Word(word) => f.write_str(word),
        Argument::Method(name)
            if name.contains('-') || name.starts_with(|c: char| c.is_ascii_digit()) =>
        {
            write!(f, "\"{name}\"")
        }
        Argument::Method(name) => f.write_str(name),
        Argument::Char(byte) => quoted(&[*byte], '\'', f),
        Argument::Pattern(pattern) => {
            let delimiter = pattern.delimiter;
            write!(f, "re{delimiter}")?;
            let mut escaped = false;
            for c in pattern.regex.as_str().chars() {
                if c == delimiter && !escaped {
                    f.write_str("\\")?;
                }
                escaped = c == '\\' && !escaped;
                f.write_char(c)?;
            }
            f.write_char(delimiter)
        }
        Argument::Patset(name) | Argument::Name(name) => quoted(name.as_bytes(), '"', f),
        Argument::Size(size) => write!(f, "{size}"),
    }
}

fn quoted(bytes: &[u8], mark: char, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_char(mark)?;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\r' => f.write_str("\\r")?,
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                '\\' => f.write_str("\\\\")?,
                c if c == mark => write!(f, "\\{c}")?,
                c if c.is_ascii_control() => write!(f, "\\x{:02X}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        for byte in chunk.invalid() {
            write!(f, "\\x{byte:02X}")?;
        }
    }
    f.write_char(mark)
}
