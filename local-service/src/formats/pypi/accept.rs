//! Which form of a simple page a client wants: PEP 691's content negotiation.

use hyper::{HeaderMap, header};

/// A form of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `text/html`
    Html,
    Json,
    /// HTML under PEP 691's name.
    HtmlV1,
}

/// What is offered, and under which names it may be asked for. Of equals the first is sent.
const OFFERS: [(Form, &[&str]); 3] = [
    (Form::Html, &["text/html"]),
    (Form::Json, &["application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.latest+json"]),
    (Form::HtmlV1, &["application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.latest+html"]),
];

impl Form {
    /// The answer's type: `latest` is answered with the version that it is.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/vnd.pypi.simple.v1+json",
            Self::HtmlV1 => "application/vnd.pypi.simple.v1+html",
        }
    }

    /// Which of the two renderings it is.
    pub(super) const fn is_json(self) -> bool {
        matches!(self, Self::Json)
    }
}

/// The form to answer with; `None` if nothing that is offered is wanted. Without the header, everything is.
pub(super) fn form(headers: &HeaderMap) -> Option<Form> {
    let values: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let ranges: Vec<(String, u16)> = values.iter().flat_map(|value| value.split(',')).filter_map(range).collect();
    if ranges.is_empty() {
        return Some(Form::Html);
    }
    let mut best: Option<((u16, u8), Form)> = None;
    for (form, names) in OFFERS {
        // Each name is wanted as much as the most specific range that covers it says.
        let wanted = names
            .iter()
            .filter_map(|name| {
                let covering = ranges.iter().filter_map(|(range, quality)| Some((specificity(range, name)?, *quality)));
                covering
                    .max_by_key(|(specificity, _)| *specificity)
                    .map(|(specificity, quality)| (quality, specificity))
            })
            .max();
        if let Some(wanted) = wanted.filter(|(quality, _)| *quality > 0)
            && best.is_none_or(|(known, _)| wanted > known)
        {
            best = Some((wanted, form));
        }
    }
    best.map(|(_, form)| form)
}

/// A media range and its quality in thousandths.
fn range(text: &str) -> Option<(String, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
    let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    Some((name, quality.map_or(1000, thousandths)))
}

/// `0`, `1`, or up to three digits after the point; anything else is no wish.
fn thousandths(quality: &str) -> u16 {
    let (whole, fraction) = quality.split_once('.').unwrap_or((quality, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    match whole {
        "1" => 1000,
        "0" => format!("{fraction:0<3}").parse().unwrap_or_default(),
        _ => 0,
    }
}

fn specificity(range: &str, name: &str) -> Option<u8> {
    if range == name {
        Some(2)
    } else if range == "*/*" {
        Some(0)
    } else {
        let family = range.strip_suffix("/*")?;
        name.split_once('/').filter(|(known, _)| *known == family).map(|_| 1)
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn what_is_wanted_most_is_sent() {
        for (accept, expected) in [
            ("", Some(Form::Html)),
            ("*/*", Some(Form::Html)),
            ("text/html", Some(Form::Html)),
            ("text/*", Some(Form::Html)),
            ("application/*", Some(Form::Json)),
            ("application/vnd.pypi.simple.v1+json", Some(Form::Json)),
            ("application/vnd.pypi.simple.latest+json", Some(Form::Json)),
            ("application/vnd.pypi.simple.v1+html", Some(Form::HtmlV1)),
            ("application/vnd.pypi.simple.latest+html", Some(Form::HtmlV1)),
            // pip, uv, a browser.
            (
                "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01",
                Some(Form::Json),
            ),
            (
                "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01",
                Some(Form::Json),
            ),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Some(Form::Html)),
            ("application/vnd.pypi.simple.v1+json, */*", Some(Form::Json)),
            ("*/*, text/html;q=0", Some(Form::Json)),
            ("APPLICATION/vnd.pypi.simple.v1+JSON;Q=0.5", Some(Form::Json)),
            ("application/json", None),
            ("application/vnd.pypi.simple.v2+json", None),
            ("text/html;q=0", None),
            ("text/html;q=2", None),
            ("image/png", None),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(form(&headers), expected, "{accept}");
        }
        assert_eq!(form(&HeaderMap::new()), Some(Form::Html));
    }
}
