//! The anchors of an HTML page: all that is wanted of one. Read leniently, as browsers do, and without building a tree.

/// An `<a>` with its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Anchor {
    attributes: Vec<(String, String)>,
    pub(super) text: String,
}

impl Anchor {
    /// A value by its name in lower case; the first one counts.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// All anchors of a page, in order. Comments are passed over.
pub(super) fn anchors(html: &str) -> Vec<Anchor> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let is_anchor = rest.starts_with(['a', 'A']) && rest[1..].starts_with(|next: char| next.is_ascii_whitespace());
        if !is_anchor {
            continue;
        }
        let mut anchor = Anchor::default();
        rest = attributes(&rest[1..], &mut anchor.attributes);
        let end = rest.find('<').unwrap_or(rest.len());
        anchor.text = unescaped(&rest[..end]);
        rest = &rest[end..];
        found.push(anchor);
    }
    found
}

/// Reads attributes up to the tag's end; returns what is after it.
fn attributes<'a>(mut rest: &'a str, into: &mut Vec<(String, String)>) -> &'a str {
    loop {
        rest = rest.trim_start_matches(|next: char| next.is_ascii_whitespace() || next == '/');
        if let Some(after) = rest.strip_prefix('>') {
            return after;
        }
        let end =
            rest.find(|next: char| next.is_ascii_whitespace() || matches!(next, '=' | '>' | '/')).unwrap_or(rest.len());
        if rest.is_empty() {
            return rest;
        }
        // A stray `=` is part of a name, to browsers.
        let (name, after) = rest.split_at(end.max(rest.chars().next().map_or(0, char::len_utf8)));
        rest = after.trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            (value, rest) = self::value(after.trim_start());
        }
        into.push((name.to_ascii_lowercase(), unescaped(value)));
    }
}

fn value(rest: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(inside) = rest.strip_prefix(quote) {
            return inside.split_once(quote).unwrap_or((inside, ""));
        }
    }
    rest.split_at(rest.find(|next: char| next.is_ascii_whitespace() || next == '>').unwrap_or(rest.len()))
}

/// With the five named entities and numeric ones replaced; others stay as they are.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some((character, length)) = entity(rest) else {
            plain.push('&');
            rest = &rest[1..];
            continue;
        };
        plain.push(character);
        rest = &rest[length..];
    }
    plain.push_str(rest);
    plain
}

fn entity(text: &str) -> Option<(char, usize)> {
    // The longest that is known, with its `&` and `;`.
    let end = text.bytes().take(12).position(|byte| byte == b';')?;
    let name = &text[1..end];
    let character = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let number = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(number)?
        }
    };
    Some((character, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_found_however_they_are_written() {
        let html = "<!-- <a href=no>no</a> --><abbr>x</abbr><A\nHref = 'x?a=1&amp;b=2#sha256=0' data-yanked>a&#45;1 \
                    </A><a href=y data-requires-python=\"&gt;=3 &quot;&#x27;&unknown;&\"/>b</a><a id=c>c</a><a>d</a>";
        let found = anchors(html);
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found[0].attribute("href"), Some("x?a=1&b=2#sha256=0"));
        assert_eq!(found[0].attribute("data-yanked"), Some(""));
        assert_eq!(found[0].text.trim(), "a-1");
        assert_eq!(found[1].attribute("data-requires-python"), Some(">=3 \"'&unknown;&"));
        assert_eq!(found[2].text, "c");
    }

    #[test]
    fn what_is_cut_or_mangled_ends() {
        for html in [
            "<",
            "<a ",
            "<a href",
            "<a href=",
            "<a href='x",
            "<a =",
            "<a ==>",
            "<a / / >",
            "<!--",
            "<a \u{e9}='&é;",
            "&<a é>",
        ] {
            assert!(anchors(html).len() <= 1, "{html}");
        }
        assert_eq!(anchors(&"<a ".repeat(10_000)).len(), 1);
    }
}
