//! Where the next page of a list is: a number to ask with, or a URL that the answer gave.

use reqwest::Url;
use reqwest::header::LINK;

use super::answer::Answer;
use super::call::{Caller, Purpose};
use super::description::Paging;
use super::request::Request;
use super::template::Vars;
use crate::error::{DnsError, Fault};

/// What was read of a list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SoFar {
    /// Pages.
    pub(crate) pages: u32,
    /// Entries of the last page.
    pub(crate) entries: usize,
    /// Entries of all pages.
    pub(crate) all: usize,
}

impl Paging {
    /// Whether there is a page after those that were read.
    pub(crate) fn is_more(&self, answer: &Answer, so_far: SoFar) -> bool {
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
    /// The URL of the page after those that were read; none after the last page.
    pub(crate) fn next_page(
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
