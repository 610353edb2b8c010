//! The tables `[[account]]` of the user's file.

use std::{path::Path, sync::Arc};

use toml_edit::{Item, Table};

use super::{File, SettingsError};
use crate::account::{AccountRule, Stated};

/// Every key of a rule, as messages name it.
const KEYS: [&str; 7] = [
    "account.owner",
    "account.domain",
    "account.region",
    "account.repository",
    "account.profile",
    "account.role",
    "account.lifetime",
];

/// Reads the rules, in their order, and refuses those that could never match.
///
/// That is an error and no warning: a rule that is passed over in silence sends a call to another account than the one
/// written down for it, and a warning would be seen by nobody where a package manager swallows it. It depends on the
/// file alone, so it is found by whoever edits that, at once.
pub(super) fn read(file: &File<'_>, item: &Item) -> Result<Vec<AccountRule>, SettingsError> {
    let tables = item
        .as_array_of_tables()
        .ok_or_else(|| file.wrong("account", item, item.type_name(), "it is a table for each rule: `[[account]]`"))?;
    let path: Arc<Path> = Arc::from(file.path);
    let mut rules: Vec<AccountRule> = Vec::with_capacity(tables.len());
    for table in tables {
        let rule = rule(file, &path, table)?;
        if let Some(mismatch) = rule.contradiction() {
            return Err(SettingsError::ContradictingRule {
                path: file.path.to_owned(),
                line: rule.role.as_ref().map_or(rule.line, |role| role.line),
                other: rule.region.as_ref().map_or(rule.line, |region| region.line),
                reason: mismatch.to_string(),
            });
        }
        if let Some(earlier) = rules.iter().find(|earlier| earlier.covers(&rule)) {
            return Err(SettingsError::CoveredRule {
                path: file.path.to_owned(),
                line: rule.line,
                earlier: earlier.line,
            });
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn rule(file: &File<'_>, path: &Arc<Path>, table: &Table) -> Result<AccountRule, SettingsError> {
    let mut rule = AccountRule {
        file: Arc::clone(path),
        line: file.line(table.span()),
        owner: None,
        domain: None,
        region: None,
        repository: None,
        profile: None,
        role: None,
        lifetime: None,
    };
    for (key, item) in table {
        let line = file.line(item.span());
        match key {
            "owner" => rule.owner = Some(file.name("account.owner", item)?),
            "domain" => rule.domain = Some(word(file, "account.domain", item)?),
            "region" => rule.region = Some(Stated { value: file.name("account.region", item)?, line }),
            "repository" => rule.repository = Some(word(file, "account.repository", item)?),
            "profile" => rule.profile = Some(Stated { value: profile(file, item)?, line }),
            "role" => rule.role = Some(Stated { value: word(file, "account.role", item)?, line }),
            "lifetime" => rule.lifetime = Some(Stated { value: word(file, "account.lifetime", item)?, line }),
            _ => {
                let span = table.key(key).and_then(toml_edit::Key::span);
                return Err(file.unknown(&format!("account.{key}"), span, &KEYS));
            }
        }
    }
    if rule.profile.is_none() && rule.role.is_none() && rule.lifetime.is_none() {
        return Err(SettingsError::EmptyRule { path: file.path.to_owned(), line: rule.line });
    }
    Ok(rule)
}

/// A text that follows a rule of its own.
fn word<T: std::str::FromStr<Err = &'static str>>(file: &File<'_>, key: &str, item: &Item) -> Result<T, SettingsError> {
    let text = text(file, key, item)?;
    text.parse().map_err(|rule| file.wrong(key, item, text, rule))
}

/// A profile's name as the SDK reads it in the AWS files: with other characters a section does not count.
fn profile(file: &File<'_>, item: &Item) -> Result<String, SettingsError> {
    let name = text(file, "account.profile", item)?;
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_-/.%@:+".contains(&byte);
    if (1..=200).contains(&name.len()) && name.bytes().all(known) {
        Ok(name.to_owned())
    } else {
        let rule = "a profile's name is of letters, digits and the characters _-/.%@:+";
        Err(file.wrong("account.profile", item, name, rule))
    }
}

fn text<'i>(file: &File<'_>, key: &str, item: &'i Item) -> Result<&'i str, SettingsError> {
    item.as_str().ok_or_else(|| file.wrong(key, item, item.type_name(), "it is text in quotes"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::settings::UserSettings;

    fn read(text: &str) -> Result<UserSettings, String> {
        UserSettings::parse(Path::new("/c.toml"), text).map_err(|error| error.to_string())
    }

    fn error(text: &str) -> String {
        read(text).unwrap_err()
    }

    #[test]
    fn rules_are_read_in_their_order() {
        let settings = read(
            "trusted-owners = []\n\n[[account]]\nowner = \"444455556666\"\ndomain = \"acme\"\nregion = \"us-east-1\"\n\
             repository = \"team-*\"\nprofile = \"work\"\nrole = \"arn:aws:iam::444455556666:role/reader\"\n\
             lifetime = \"1h\"\n\n# the rest\n[[account]]\nprofile = \"home\"\n",
        )
        .unwrap();
        let [first, second] = settings.accounts() else { panic!("{settings:?}") };
        assert_eq!((first.place().as_str(), second.line), ("/c.toml:3", 13));
        assert_eq!(first.owner.as_ref().unwrap().as_str(), "444455556666");
        assert_eq!(first.domain.as_ref().unwrap().to_string(), "acme");
        assert_eq!(first.region.as_ref().unwrap().line, 6);
        assert_eq!(first.repository.as_ref().unwrap().to_string(), "team-*");
        let profile = first.profile.as_ref().unwrap();
        assert_eq!((profile.value.as_str(), profile.line), ("work", 8));
        assert_eq!(first.role.as_ref().unwrap().line, 9);
        assert_eq!(first.lifetime.as_ref().unwrap().value.duration_seconds(), 3_600);
        assert_eq!(second.profile.as_ref().unwrap().value, "home");
    }

    #[test]
    fn a_rule_that_could_never_match_is_an_error_that_names_both_lines() {
        assert_eq!(
            error("[[account]]\nprofile = \"a\"\n[[account]]\nowner = \"111122223333\"\nprofile = \"b\"\n"),
            "/c.toml:3: this account rule never matches, as the one in line 1 matches first whatever it is for"
        );
        assert_eq!(
            error(
                "[[account]]\nregion = \"cn-north-1\"\nprofile = \"a\"\n\
                 role = \"arn:aws:iam::111122223333:role/r\"\n"
            ),
            "/c.toml:4: this account rule never matches: its role is of partition `aws`, and cn-north-1 is of another \
             (line 2)"
        );
        for (earlier, later) in [
            ("owner = \"111122223333\"", "owner = \"111122223333\""),
            ("domain = \"a*\"", "domain = \"acme\"\nrepository = \"x\""),
            ("lifetime = \"1h\"", "region = \"us-east-1\""),
            ("region = \"us-east-1\"", "region = \"us-east-1\"\nowner = \"111122223333\""),
            ("role = \"arn:aws:iam::111122223333:role/r\"", "region = \"us-east-1\""),
            ("role = \"arn:aws:iam::111122223333:role/r\"", "role = \"arn:aws:iam::111122223333:role/s\""),
        ] {
            let text = format!("[[account]]\nprofile = \"a\"\n{earlier}\n[[account]]\nprofile = \"b\"\n{later}\n");
            assert!(error(&text).contains("never matches"), "{text}");
        }
        for (earlier, later) in [
            ("owner = \"111122223333\"", "owner = \"444455556666\""),
            ("owner = \"111122223333\"", "lifetime = \"1h\""),
            ("domain = \"acme\"", "domain = \"a*\""),
            ("repository = \"x\"", "domain = \"acme\""),
            ("region = \"us-east-1\"", "region = \"us-east-2\""),
            // A role keeps a rule to its partition.
            ("role = \"arn:aws:iam::111122223333:role/r\"", "region = \"cn-north-1\""),
            ("role = \"arn:aws:iam::111122223333:role/r\"", "owner = \"111122223333\""),
        ] {
            let text = format!("[[account]]\nprofile = \"a\"\n{earlier}\n[[account]]\nprofile = \"b\"\n{later}\n");
            assert!(read(&text).is_ok(), "{text}: {:?}", read(&text));
        }
    }

    #[test]
    fn errors_name_place_cause_and_rule() {
        for (text, expected) in [
            (
                "[[account]]\nowner = \"111122223333\"\n",
                "/c.toml:1: this account rule says neither `profile` nor `role` nor `lifetime`, so nothing follows",
            ),
            ("[account]\nprofile = \"a\"\n", "/c.toml:1: `account` cannot be `table`: it is a table for each rule"),
            (
                "[[account]]\nprofil = \"a\"\n",
                "/c.toml:2: unknown key `account.profil`; the nearest known key is `account.profile`",
            ),
            ("[[account]]\nprofile = \"a b\"\n", "/c.toml:2: `account.profile` cannot be `a b`: a profile's name"),
            ("[[account]]\nprofile = 1\n", "/c.toml:2: `account.profile` cannot be `integer`: it is text in quotes"),
            ("[[account]]\nlifetime = \"13h\"\n", "/c.toml:2: `account.lifetime` cannot be `13h`: it is `session`"),
            ("[[account]]\nrole = \"r\"\n", "/c.toml:2: `account.role` cannot be `r`: a role is `arn:"),
            ("[[account]]\nowner = \"12\"\nprofile = \"a\"\n", "/c.toml:2: `account.owner` cannot be `12`: "),
            ("[[account]]\ndomain = \"a/b\"\nprofile = \"a\"\n", "/c.toml:2: `account.domain` cannot be `a/b`: "),
        ] {
            assert!(error(text).starts_with(expected), "{text}: {}", error(text));
        }
    }
}
