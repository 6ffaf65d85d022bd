//! What a NITRO URL asks for: tree, type, name and query arguments, percent-encoded as clients encode them.
//!
//! Some clients encode names twice (`a/b` → `a%252Fb`). A name is therefore decoded once, and a second time only when
//! nothing has the name decoded once; `+` is a space only then.

use evercert_ns::nitro::Tree;
use evercert_ns::{NsError, codes};

use super::filter::Filter;

/// Where all of NITRO lies.
pub(crate) const ROOT: &str = "/nitro/v1/";

/// How often percent-encoding is undone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reading {
    /// Once, as by the standard.
    Once,
    /// Twice, and `+` is a space.
    Twice,
}

/// Text as it stands in a URL.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Encoded(String);

impl Encoded {
    /// The text meant.
    pub(super) fn read(&self, reading: Reading) -> String {
        let once = decode(&self.0, Plus::Literal);
        // A path is never meant to begin with an escape.
        let is_path = once.len() > 3 && once.as_bytes()[..3].eq_ignore_ascii_case(b"%2f");
        match reading {
            Reading::Once if !is_path => once,
            Reading::Once | Reading::Twice => decode(&once, Plus::Space),
        }
    }

    /// Whether reading it twice gives something else.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.read(Reading::Once) != self.read(Reading::Twice)
    }
}

/// The path of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Target {
    pub(super) tree: Tree,
    /// In lower case.
    pub(super) kind: String,
    pub(super) name: Option<Encoded>,
}

impl Target {
    /// Reads `/nitro/v1/config/sslcertkey/web1`; `None` for a path outside of NITRO.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix(ROOT)?;
        let (tree, rest) = rest.split_once('/')?;
        let tree = match tree {
            "config" => Tree::Config,
            "stat" => Tree::Stat,
            _ => return None,
        };
        let (kind, name) = rest.split_once('/').unwrap_or((rest, ""));
        let kind = decode(kind, Plus::Literal).to_ascii_lowercase();
        (!kind.is_empty()).then(|| Self {
            tree,
            kind,
            name: (!name.is_empty()).then(|| Encoded(name.to_owned())),
        })
    }

    /// Whether it is where sessions begin.
    pub(super) fn is_login(&self) -> bool {
        self.tree == Tree::Config && self.kind == "login"
    }
}

/// Which rows of a list are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Page {
    pub(super) size: usize,
    /// From one.
    pub(super) number: usize,
}

/// The query arguments of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    /// `?action=`.
    pub(super) action: Option<String>,
    /// `?attrs=`: the only fields wanted, in lower case.
    pub(super) attributes: Vec<String>,
    /// `?args=`: further parts of the key.
    pub(super) args: Vec<(String, Encoded)>,
    /// `?filter=`.
    pub(super) filters: Vec<Filter>,
    /// `?pagesize=`.
    pub(super) page_size: Option<usize>,
    /// `?pageno=`.
    pub(super) page_number: Option<usize>,
    /// `?view=summary`.
    pub(super) summary: bool,
    /// `?count=yes`.
    pub(super) count: bool,
    /// `?warning=yes`.
    pub(super) warnings: bool,
    /// `?idempotent=yes`.
    pub(super) idempotent: bool,
    /// `?statbindings=yes`.
    pub(super) bindings: bool,
}

impl Query {
    /// Reads what follows the question mark.
    ///
    /// # Errors
    /// [`codes::NO_SUCH_ARGUMENT`] for an unknown argument, [`codes::INVALID_ARGUMENT_VALUE`] for a bad value.
    pub(super) fn parse(text: &str) -> Result<Self, NsError> {
        let mut query = Self::default();
        for pair in text.split('&').flat_map(pages) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            query.take(&decode(name, Plus::Literal).to_ascii_lowercase(), value)?;
        }
        if query.page_number.is_some() && query.page_size.is_none() {
            return Err(NsError::about(&codes::PREREQUISITE_MISSING, "pagesize"));
        }
        Ok(query)
    }

    /// The page wanted, if not everything is.
    pub(super) fn page(&self) -> Option<Page> {
        self.page_size.map(|size| Page {
            size,
            number: self.page_number.unwrap_or(1),
        })
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), NsError> {
        match name {
            "action" => self.action = Some(decode(value, Plus::Literal)),
            "attrs" => {
                let names = decode(value, Plus::Literal).to_ascii_lowercase();
                let names = names.split(',').map(str::trim).filter(|n| !n.is_empty());
                self.attributes.extend(names.map(str::to_owned));
            }
            "args" => self.args.extend(pairs(value).map(|(key, value)| {
                (decode(key.trim(), Plus::Literal), Encoded(value.to_owned()))
            })),
            "filter" => {
                for (field, value) in pairs(value) {
                    let value = Encoded(value.to_owned());
                    let field = decode(field.trim(), Plus::Literal);
                    self.filters.push(Filter::new(&field, &value)?);
                }
            }
            "pagesize" => self.page_size = Some(number(name, value)?),
            "pageno" => self.page_number = Some(number(name, value)?),
            "view" => match value.to_ascii_lowercase().as_str() {
                "summary" => self.summary = true,
                "detail" => self.summary = false,
                _ => return Err(bad(name, value)),
            },
            "count" => self.count = truth(name, value)?,
            "warning" => self.warnings = truth(name, value)?,
            "idempotent" => self.idempotent = truth(name, value)?,
            "statbindings" => self.bindings = truth(name, value)?,
            _ => return Err(NsError::about(&codes::NO_SUCH_ARGUMENT, name)),
        }
        Ok(())
    }
}

/// Some documents join `pagesize` and `pageno` by a semicolon.
fn pages(pair: &str) -> impl Iterator<Item = &str> {
    let is_page = pair
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("page"));
    let separator: &[char] = if is_page { &[';'] } else { &[] };
    pair.split(separator).filter(|pair| !pair.is_empty())
}

/// Splits `k:v,k2:/a,b/` into pairs; a comma inside slashes separates nothing.
fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        while let Some(after) = rest.strip_prefix(',') {
            rest = after;
        }
        if rest.is_empty() {
            return None;
        }
        let end = end_of_pair(rest);
        let (pair, after) = rest.split_at(end);
        rest = after;
        Some(pair.split_once(':').unwrap_or((pair, "")))
    })
}

fn end_of_pair(text: &str) -> usize {
    let in_slashes = text
        .find(":/")
        .filter(|at| text.find(',').is_none_or(|comma| at < &comma))
        .and_then(|at| text[at + 2..].find("/,").map(|end| at + 2 + end + 1));
    in_slashes
        .filter(|end| text[..*end].contains(['|', '(', '[', '{', '^', '$', '*']))
        .or_else(|| text.find(','))
        .unwrap_or(text.len())
}

fn number(name: &str, value: &str) -> Result<usize, NsError> {
    value
        .parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| bad(name, value))
}

fn truth(name: &str, value: &str) -> Result<bool, NsError> {
    match value.to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" => Ok(true),
        "no" | "false" | "0" => Ok(false),
        _ => Err(bad(name, value)),
    }
}

fn bad(name: &str, value: &str) -> NsError {
    NsError::argument(&codes::INVALID_ARGUMENT_VALUE, name, value)
}

/// What `+` stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Plus {
    Literal,
    Space,
}

/// Undoes percent-encoding once. What is no escape stays; a stray `%` before an escape is dropped, because one client
/// sends `%%2F`.
pub(super) fn decode(text: &str, plus: Plus) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, escape(tail)) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (b'%', None) if tail.first() == Some(&b'%') && escape(&tail[1..]).is_some() => {}
            (b'+', _) if plus == Plus::Space => bytes.push(b' '),
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn escape(text: &[u8]) -> Option<u8> {
    let [high, low, ..] = text else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str) -> Encoded {
        Target::parse(path).unwrap().name.unwrap()
    }

    #[test]
    fn a_path_has_a_tree_a_type_and_perhaps_a_name() {
        let all = Target::parse("/nitro/v1/config/SSLCertKey").unwrap();
        let one = Target::parse("/nitro/v1/stat/lbvserver/web").unwrap();

        assert_eq!((all.tree, all.kind.as_str()), (Tree::Config, "sslcertkey"));
        assert_eq!((all.name, one.tree), (None, Tree::Stat));
        assert_eq!(one.name.unwrap().read(Reading::Once), "web");
        for outside in [
            "/nitro/v2/config/x",
            "/nitro/v1/config/",
            "/x",
            "/nitro/v1/logs/x",
        ] {
            assert_eq!(Target::parse(outside), None, "{outside}");
        }
    }

    #[test]
    fn names_are_read_as_the_official_clients_encode_them() {
        let cases = [
            ("web1", "web1", "web1"),
            ("a%2Fb", "a/b", "a/b"),
            ("a%252Fb", "a%2Fb", "a/b"),
            ("a%20b", "a b", "a b"),
            ("a%2520b", "a%20b", "a b"),
            ("a%2Bb", "a+b", "a b"),
            ("a+b", "a+b", "a b"),
            ("100%25", "100%", "100%"),
        ];
        for (sent, once, twice) in cases {
            let name = name(&format!("/nitro/v1/config/lbvserver/{sent}"));
            assert_eq!(name.read(Reading::Once), once, "{sent}");
            assert_eq!(name.read(Reading::Twice), twice, "{sent}");
            assert_eq!(name.is_ambiguous(), once != twice, "{sent}");
        }
    }

    #[test]
    fn directories_are_read_in_every_spelling_in_use() {
        for sent in [
            "%2Fnsconfig%2Fssl",
            "%252Fnsconfig%252Fssl",
            "/nsconfig/ssl",
            "%%2Fnsconfig%%2Fssl",
        ] {
            let query = Query::parse(&format!("args=filelocation:{sent}")).unwrap();
            assert_eq!(
                query.args[0].1.read(Reading::Once),
                "/nsconfig/ssl",
                "{sent}"
            );
        }
    }

    #[test]
    fn several_args_are_told_apart_by_commas() {
        let query = Query::parse("args=filename:a.pem,filelocation:/nsconfig/ssl,String:a%2Cb:c");

        let query = query.unwrap();
        let args: Vec<_> = query
            .args
            .iter()
            .map(|(name, value)| format!("{name}={}", value.read(Reading::Once)))
            .collect();
        assert_eq!(
            args,
            [
                "filename=a.pem",
                "filelocation=/nsconfig/ssl",
                "String=a,b:c"
            ]
        );
    }

    #[test]
    fn query_arguments_are_read_in_any_case() {
        let query = Query::parse(
            "action=Import&ATTRS=a,B&pagesize=10;pageno=3&view=summary&count=yes&warning=YES&idempotent=yes",
        )
        .unwrap();

        assert_eq!(query.action.as_deref(), Some("Import"));
        assert_eq!(query.attributes, ["a", "b"]);
        assert_eq!(
            query.page(),
            Some(Page {
                size: 10,
                number: 3
            })
        );
        assert!(query.summary && query.count && query.warnings && query.idempotent);
    }

    #[test]
    fn what_is_no_argument_is_refused_by_name() {
        let refused = |text| Query::parse(text).unwrap_err();

        assert_eq!(refused("frob=1").message(), "No such argument [frob]");
        assert_eq!(refused("pagesize=0").code(), 1097);
        assert_eq!(refused("pageno=2").code(), 1093);
        assert_eq!(refused("count=maybe").code(), 1097);
        assert_eq!(refused("filter=name:/(/").code(), 1097);
    }

    #[test]
    fn a_comma_inside_a_regular_expression_separates_nothing() {
        let found: Vec<_> = pairs("name:/^a{1,2}$/,port:80").collect();

        assert_eq!(found, [("name", "/^a{1,2}$/"), ("port", "80")]);
        assert_eq!(pairs("filelocation:/a/b,filename:c").count(), 2);
        assert_eq!(
            pairs("filelocation:/a/,filename:c").collect::<Vec<_>>()[0].1,
            "/a/"
        );
    }
}
