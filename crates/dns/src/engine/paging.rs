//! Where the next page of a list is: a number to ask with, or a URL that the answer gave.

use reqwest::Url;
use reqwest::header::LINK;
use serde_json::Value;

use super::answer::Answer;
use super::call::{Caller, Purpose};
use super::description::Paging;
use super::request::Request;
use super::template::Vars;
use crate::error::{DnsError, Fault};

/// Pages of a list that are read at most.
const MOST_PAGES: u32 = 200;

/// What was read of a list.
#[derive(Clone, Copy, Debug, Default)]
struct SoFar {
    /// Pages.
    pages: u32,
    /// Entries of the last page.
    entries: usize,
    /// Entries of all pages.
    all: usize,
}

impl Paging {
    /// Whether there is a page after those that were read.
    fn is_more(&self, answer: &Answer, so_far: SoFar) -> bool {
        let SoFar {
            pages: read,
            entries,
            all,
        } = so_far;
        let total = self.total.as_ref().and_then(|path| path.text_in(answer));
        if let Some(total) = total.and_then(|text| text.parse::<usize>().ok()) {
            return entries > 0 && all < total;
        }
        let told = self.pages.as_ref().and_then(|path| path.text_in(answer));
        match told.and_then(|text| text.parse::<u32>().ok()) {
            Some(pages) => read < pages,
            None => entries > 0 && self.full.is_none_or(|full| entries >= full),
        }
    }
}

impl Caller {
    /// Every page of a list, as trees, after the first when that was read already.
    ///
    /// # Errors
    /// What an answer that is no success means; a list without an end.
    pub(crate) async fn pages(
        &self,
        request: &Request,
        purpose: Purpose<'_>,
        paging: Option<&Paging>,
        mut read: Option<Answer>,
        count: impl Fn(&Value) -> usize,
    ) -> Result<Vec<Value>, DnsError> {
        let mut trees = Vec::new();
        let (mut next, mut so_far) = (None, SoFar::default());
        while so_far.pages < MOST_PAGES {
            let mut vars = purpose.vars.clone();
            let page = paging.and_then(|paging| paging.first).unwrap_or(1) + so_far.pages;
            vars.insert("page".to_owned(), page.to_string());
            let purpose = Purpose {
                vars: &vars,
                ..purpose
            };
            let answer = match read.take() {
                Some(answer) => answer,
                None => self.call(request, purpose, next.take()).await?,
            };
            self.judge(&answer, purpose)?;
            let tree = answer.tree.clone().unwrap_or_default();
            so_far.entries = count(&tree);
            so_far.all += so_far.entries;
            so_far.pages += 1;
            trees.push(tree);
            let Some(paging) = paging else {
                return Ok(trees);
            };
            let is_more = match paging.hole {
                true => paging.is_more(&answer, so_far),
                false => {
                    next = self.next_page(request, purpose, paging, &answer, so_far)?;
                    next.is_some()
                }
            };
            if !is_more {
                return Ok(trees);
            }
        }
        let what = format!("its list has no end: {MOST_PAGES} pages were read");
        Err(DnsError::new(self.code, purpose.step, Fault::Provider, what).permanent())
    }

    /// The URL of the page after those that were read; none after the last page.
    fn next_page(
        &self,
        request: &Request,
        purpose: Purpose<'_>,
        paging: &Paging,
        answer: &Answer,
        so_far: SoFar,
    ) -> Result<Option<Url>, DnsError> {
        if paging.link {
            return next_link(answer)
                .map(|text| self.own_url(&text, purpose))
                .transpose();
        }
        let told = paging
            .next
            .as_ref()
            .and_then(|path| path.text_in(answer))
            .filter(|text| !text.is_empty() && text != "0");
        if paging.next.is_some() {
            let Some(told) = told else { return Ok(None) };
            return match &paging.page {
                Some(parameter) => self.numbered(request, purpose, parameter, &told).map(Some),
                None => self.own_url(&told, purpose).map(Some),
            };
        }
        let Some(parameter) = &paging.page else {
            return Ok(None);
        };
        if !paging.is_more(answer, so_far) {
            return Ok(None);
        }
        let number = match paging.offset {
            true => so_far.all.to_string(),
            false => {
                let number = paging.first.unwrap_or(1).saturating_add(so_far.pages);
                number.to_string()
            }
        };
        self.numbered(request, purpose, parameter, &number)
            .map(Some)
    }

    /// The first page's URL with another page in it.
    fn numbered(
        &self,
        request: &Request,
        purpose: Purpose<'_>,
        parameter: &str,
        page: &str,
    ) -> Result<Url, DnsError> {
        let vars = self.known(purpose.vars);
        let mut url = self.url(request, &vars)?;
        let others = request
            .query
            .iter()
            .filter(|(key, _)| key.as_str() != parameter);
        let pairs: Vec<(String, String)> = others
            .map(|(key, text)| (key.clone(), text.render(&vars)))
            .collect();
        url.query_pairs_mut()
            .extend_pairs(pairs)
            .append_pair(parameter, page);
        Ok(url)
    }

    /// A URL from an answer, at the very host that was asked: credentials go nowhere else.
    fn own_url(&self, text: &str, purpose: Purpose<'_>) -> Result<Url, DnsError> {
        let failed =
            |what: &str| DnsError::new(self.code, purpose.step, Fault::Provider, what).permanent();
        let base: Url = self
            .base
            .parse()
            .map_err(|_| failed("the base URL cannot be read"))?;
        let url = base
            .join(text)
            .map_err(|_| failed("the next page's address cannot be read"))?;
        let place = |url: &Url| {
            (
                url.host_str().map(str::to_owned),
                url.port_or_known_default(),
            )
        };
        if place(&url) != place(&base) {
            return Err(failed("the next page is at another host"));
        }
        let mut url = url;
        // Services behind a proxy of their own name http; the answer came by what the base says.
        if url.set_scheme(base.scheme()).is_err() {
            return Err(failed("the next page's address cannot be used"));
        }
        Ok(url)
    }

    fn known(&self, own: &Vars) -> Vars {
        let mut vars = self.creds.clone();
        let session = self
            .session
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let kept = session.iter().flat_map(|session| &session.kept);
        vars.extend(kept.map(|(key, value)| (format!("session.{key}"), value.clone())));
        vars.extend(own.iter().map(|(key, value)| (key.clone(), value.clone())));
        vars
    }
}

/// The target of `rel="next"` (RFC 8288).
fn next_link(answer: &Answer) -> Option<String> {
    let headers = answer.headers.get_all(LINK);
    let texts = headers.iter().filter_map(|value| value.to_str().ok());
    let mut links = texts.flat_map(|text| text.split(','));
    links.find_map(|link| {
        let (target, parameters) = link.split_once(';')?;
        let is_next = parameters
            .split(';')
            .any(|one| matches!(one.trim(), "rel=\"next\"" | "rel=next"));
        is_next.then(|| {
            target
                .trim()
                .trim_start_matches('<')
                .trim_end_matches('>')
                .to_owned()
        })
    })
}
