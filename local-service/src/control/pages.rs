//! Pages of lists: `max-results` and the opaque `next-token`.

use serde_json::Value;

use super::call::Call;
use crate::failure::Failure;

/// A page where the caller asks for none: documented for `ListPackageVersions`, used for all lists.
const DEFAULT: usize = 50;
const MOST: usize = 1_000;
/// Longest token that the API model allows.
const TOKEN: usize = 2_000;

/// The page that a call asks for.
pub(super) struct Page {
    size: usize,
    /// The key of the last item of the page before.
    after: Option<String>,
    /// What the token is bound to.
    request: String,
}

impl Call {
    /// The page by the query's `max-results` and `next-token`. The token serves the same operation with the same
    /// other parameters (`scope`) only.
    pub(super) fn page(&self, scope: &[&str]) -> Result<Page, Failure> {
        let size = match self.query.get("max-results") {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| wrong_size())?),
        };
        self.page_of(size, self.query.get("next-token"), scope)
    }

    /// The same from the body, where `ListDomains` has them.
    pub(super) fn page_in_body(&self) -> Result<Page, Failure> {
        let size = match self.body.get("maxResults") {
            None => None,
            Some(Value::Number(number)) => Some(number.as_u64().ok_or_else(wrong_size)?),
            Some(_) => return Err(wrong_size()),
        };
        self.page_of(size, self.text("nextToken")?, &[])
    }

    fn page_of(&self, size: Option<u64>, token: Option<&str>, scope: &[&str]) -> Result<Page, Failure> {
        let size = match size {
            None => DEFAULT,
            Some(size) => usize::try_from(size).ok().filter(|size| (1..=MOST).contains(size)).ok_or_else(wrong_size)?,
        };
        // Lengths make the parts of the binding unambiguous.
        let mut request = format!("{} {} {}", self.operation, self.caller.region, self.caller.account);
        for part in scope {
            request = format!("{request} {}:{part}", part.len());
        }
        let after = match token {
            None => None,
            Some(token) if token.len() <= TOKEN => {
                let after = self.service.tokens.read_page_token(&request, token);
                Some(after.ok_or_else(|| Failure::field("the next token is not one that this list gave out"))?)
            }
            Some(_) => return Err(Failure::field(format!("the next token is longer than {TOKEN} characters"))),
        };
        Ok(Page { size, after, request })
    }

    /// The items of a page and the token of the next one. `items` come in the order of their keys.
    pub(super) fn cut<T>(&self, page: &Page, items: impl Iterator<Item = (String, T)>) -> (Vec<T>, Option<String>) {
        let mut rest = items.skip_while(|(key, _)| page.after.as_ref().is_some_and(|after| key <= after));
        let mut cut = Vec::new();
        let mut last = String::new();
        for (key, item) in rest.by_ref().take(page.size) {
            cut.push(item);
            last = key;
        }
        let next = rest.next().is_some().then(|| self.service.tokens.page_token(&page.request, &last));
        (cut, next)
    }
}

fn wrong_size() -> Failure {
    Failure::field(format!("the page size must be a number from 1 to {MOST}"))
}
