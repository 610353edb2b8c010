//! The lines that differ, as they may be shown to anybody.

use crate::protocol::shown;

/// The longest line shown.
const LONGEST_LINE: usize = 500;
/// Beyond this many lines in the part that differs, the part is shown as a whole: comparing costs their square.
const LONGEST_PART: usize = 1_000;

/// The lines of `before` that are gone and the lines of `after` that are new, in the order of the file.
pub(super) fn lines(before: &str, after: &str) -> String {
    let before: Vec<_> = before.lines().collect();
    let after: Vec<_> = after.lines().collect();
    let same_start = before.iter().zip(&after).take_while(|(before, after)| before == after).count();
    let (before, after) = (&before[same_start..], &after[same_start..]);
    let same_end = before.iter().rev().zip(after.iter().rev()).take_while(|(before, after)| before == after).count();
    let (before, after) = (&before[..before.len() - same_end], &after[..after.len() - same_end]);
    let mut diff = String::new();
    for (sign, line) in compare(before, after) {
        diff.push(sign);
        diff.push(' ');
        diff.push_str(&shown(&masked(line), LONGEST_LINE));
        diff.push('\n');
    }
    diff
}

/// By the longest common subsequence.
fn compare<'a>(before: &[&'a str], after: &[&'a str]) -> Vec<(char, &'a str)> {
    let all = |sign: char, lines: &[&'a str]| lines.iter().map(|&line| (sign, line)).collect::<Vec<_>>();
    if before.len().max(after.len()) > LONGEST_PART {
        return [all('-', before), all('+', after)].concat();
    }
    let mut common = vec![vec![0_usize; after.len() + 1]; before.len() + 1];
    for (i, old) in before.iter().enumerate().rev() {
        for (j, new) in after.iter().enumerate().rev() {
            common[i][j] = if old == new { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut compared) = (0, 0, Vec::new());
    while i < before.len() && j < after.len() {
        if before[i] == after[j] {
            (i, j) = (i + 1, j + 1);
        } else if common[i + 1][j] >= common[i][j + 1] {
            compared.push(('-', before[i]));
            i += 1;
        } else {
            compared.push(('+', after[j]));
            j += 1;
        }
    }
    compared.extend(all('-', &before[i..]));
    compared.extend(all('+', &after[j..]));
    compared
}

/// Words in a key that say its value is nobody's business.
const SECRET_KEYS: [&str; 5] = ["token", "password", "passwd", "secret", "auth"];

/// How keys end whose value is a program that knows the secret.
const NAMES_A_PROGRAM: [&str; 2] = ["-provider", "tokenhelper"];

/// A line with the values of secret-bearing keys, and passwords in URLs, replaced.
fn masked(line: &str) -> String {
    let mut masked = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(['=', ':']) {
        let (key, value) = rest.split_at(at + 1);
        masked.push_str(key);
        rest = value;
        let key = key[..at]
            .trim_end()
            .rsplit(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c)))
            .find(|w| !w.is_empty());
        let key = key.unwrap_or_default().to_ascii_lowercase();
        if SECRET_KEYS.iter().any(|word| key.contains(word)) && !NAMES_A_PROGRAM.iter().any(|end| key.ends_with(end)) {
            let start = rest.len() - rest.trim_start().len();
            let value = &rest[start..];
            if value.is_empty() || value.starts_with("//") {
                continue;
            }
            masked.push_str(&rest[..start]);
            masked.push_str("REDACTED");
            rest = &value[length_of_value(value)..];
        }
    }
    masked.push_str(rest);
    without_passwords(&without_xml_secrets(&masked))
}

/// A line of XML without the text of secret-bearing elements (`<password>`), and without the value that goes with a name
/// of one (`<add key="ClearTextPassword" value="..." />`, `<name>Authorization</name><value>...</value>`).
fn without_xml_secrets(line: &str) -> String {
    let is_secret = |name: &str| {
        let name = name.to_ascii_lowercase();
        SECRET_KEYS.iter().chain(&["passphrase", "apikey"]).any(|word| name.contains(word))
    };
    let mut shown = String::with_capacity(line.len());
    let (mut rest, mut is_named) = (line, false);
    while let Some(start) = rest.find('<') {
        let (text, markup) = rest.split_at(start);
        let (tag, after) = markup.split_at(markup.find('>').map_or(markup.len(), |end| end + 1));
        is_named |= is_secret(text);
        shown.push_str(text);
        match tag.find(" value=").map(|at| tag.split_at(at + " value=".len())) {
            Some((before, value)) if is_secret(before) => {
                shown.extend([before, "REDACTED", &value[length_of_value(value)..]]);
            }
            _ => shown.push_str(tag),
        }
        rest = after;
        let name = tag[1..].split(|c: char| c.is_whitespace() || ">".contains(c)).next().unwrap_or_default();
        if !name.starts_with('/') && !tag.ends_with("/>") && (is_secret(name) || is_named && name.ends_with("value")) {
            is_named = false;
            let end = match rest.strip_prefix("<![CDATA[") {
                Some(_) => rest.find("]]>").map(|end| end + "]]>".len()),
                None => rest.find('<'),
            };
            let (secret, after) = rest.split_at(end.unwrap_or(rest.len()));
            shown.push_str(if secret.trim().is_empty() { secret } else { "REDACTED" });
            rest = after;
        }
    }
    shown.push_str(rest);
    shown
}

/// The length of a value at the beginning of a text: to its closing quote, or to a comma, brace or blank.
fn length_of_value(text: &str) -> usize {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let mut escaped = false;
            let end = text.char_indices().skip(1).find(|&(_, c)| {
                let closes = c == quote && !escaped;
                escaped = c == '\\' && !escaped && quote == '"';
                closes
            });
            end.map_or(text.len(), |(at, _)| at + 1)
        }
        // A value that is not quoted may hold anything up to the end of the line.
        _ => text.len(),
    }
}

/// `scheme://user:password@host` with the password replaced.
fn without_passwords(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        shown.push_str(before);
        let authority = after.find(['/', '"', '\'', ' ', '?', '#']).unwrap_or(after.len());
        rest = match after[..authority].rfind('@') {
            Some(end) => {
                match after[..end].find(':') {
                    Some(colon) => {
                        shown.push_str(&after[..=colon]);
                        shown.push_str("REDACTED");
                    }
                    None => shown.push_str(&after[..end]),
                }
                &after[end..]
            }
            None => after,
        };
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_that_differ_are_shown() {
        assert_eq!(lines("a\nb\nc\n", "a\nx\nc\nd\n"), "- b\n+ x\n+ d\n");
        assert_eq!(lines("a\n", "a\n"), "");
        assert_eq!(lines("", "a\nb\n"), "+ a\n+ b\n");
        assert_eq!(lines("a\nb\n", ""), "- a\n- b\n");
        let long = "line\n".repeat(3_000);
        assert_eq!(lines(&long, "").lines().count(), 3_000);
    }

    #[test]
    fn secrets_are_masked() {
        for (line, shown) in [
            ("token = \"abc\"", "token = REDACTED"),
            ("a = { index = \"x\", token = \"a\\\"bc\" }", "a = { index = \"x\", token = REDACTED }"),
            ("secret-key='abc' # why", "secret-key=REDACTED # why"),
            ("//host/:_authToken=abc", "//host/:_authToken=REDACTED"),
            ("index = \"sparse+https://me:pw@host/x\"", "index = \"sparse+https://me:REDACTED@host/x\""),
            ("index = \"sparse+https://me@host/x\"", "index = \"sparse+https://me@host/x\""),
            ("credential-provider = [\"cargo:token\"]", "credential-provider = [\"cargo:token\"]"),
            ("global-credential-providers = [\"cargo:token\"]", "global-credential-providers = [\"cargo:token\"]"),
            ("password: hunter2 and more", "password: REDACTED"),
            ("plain", "plain"),
            ("<a>1</a><password>p&amp;w</password><b/>", "<a>1</a><password>REDACTED</password><b/>"),
            ("<m:passphrase>hunter2", "<m:passphrase>REDACTED"),
            ("<password><![CDATA[</x>]]></password>", "<password>REDACTED</password>"),
            ("<add key='ClearTextPassword' value='a \"b' />", "<add key='ClearTextPassword' value=REDACTED />"),
            (
                "<add key=\"https://host/x\" value=\"https://host/y\" />",
                "<add key=\"https://host/x\" value=\"https://host/y\" />",
            ),
            ("<name>Authorization</name><value>Bearer x</value>", "<name>Authorization</name><value>REDACTED</value>"),
            ("<mirror><id>x</id></mirror>", "<mirror><id>x</id></mirror>"),
        ] {
            assert_eq!(masked(line), shown);
        }
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(lines("", "a\u{1b}[2Jb\n"), "+ a\\u{1b}[2Jb\n");
    }
}
