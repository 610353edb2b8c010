//! Association against a model that compares every pattern with every package.

use proptest::prelude::*;

use super::*;
use crate::state::{coordinate::RepositoryKey, draft::Draft, model::State, records::Database};

fn domain() -> DomainKey {
    DomainKey {
        region: "eu-west-1".parse().unwrap(),
        owner: "111122223333".parse().unwrap(),
        name: "acme".parse().unwrap(),
    }
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

/// A domain with the repositories `a` and `b` and these groups.
fn with(groups: &[&str]) -> Draft {
    let mut draft = Draft::new(State::default(), 1);
    draft.create_domain(&domain(), None, Tags::new()).unwrap();
    for repository in ["a", "b"] {
        let key = RepositoryKey { domain: domain(), name: name(&format!("repo-{repository}")) };
        draft.create_repository(&key, &domain().owner, None, Vec::new(), Tags::new()).unwrap();
    }
    for group in groups {
        draft.create_group(&domain(), &pattern(group), None, None, Tags::new()).unwrap();
    }
    draft
}

fn set(draft: &mut Draft, group: &str, restriction: Restriction, mode: Mode) {
    let update = GroupUpdate { modes: vec![(restriction, mode)], ..GroupUpdate::default() };
    draft.update_group_origin(&domain(), &pattern(group), &update).unwrap();
}

fn restricted(
    draft: &Draft,
    restriction: Restriction,
    format: PackageFormat,
    package: &str,
    at: &str,
) -> Option<String> {
    let (namespace, package) = package.split_once('/').unwrap_or(("", package));
    let key = PackageKey::new(format, namespace, package);
    draft.state.domain(&domain()).unwrap().restricted(restriction, &key, package, &name(at))
}

/// Does the pattern match, part by part? Parts are compared as `same` writes them.
fn matches(pattern: &str, format: PackageFormat, namespace: &str, name: &str, same: fn(&str) -> String) -> bool {
    let begins = |text: &str, prefix: &str| {
        let (text, prefix) = (same(text), same(prefix));
        text.strip_prefix(prefix.as_str()).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    let parts: Vec<&str> = pattern[1..].split('/').collect();
    let of_format = |text: &str| text == format.as_str();
    match parts.as_slice() {
        ["*"] => true,
        [first, "*"] => of_format(first),
        [first, prefix] => of_format(first) && begins(namespace, prefix.trim_end_matches('~')),
        [first, space, "*"] => of_format(first) && same(space) == same(namespace),
        [first, space, last] if of_format(first) && same(space) == same(namespace) => match last.strip_suffix('~') {
            Some(prefix) => begins(name, prefix),
            None => same(last.strip_suffix('$').unwrap()) == same(name),
        },
        _ => false,
    }
}

/// Names of few letters, so that they often meet; one letter is Cyrillic.
fn part() -> impl Strategy<Value = String> {
    "[aAbа][aAbа._-]{0,3}"
}

fn some_pattern() -> impl Strategy<Value = String> {
    let namespace = || prop_oneof![Just(String::new()), part()];
    prop_oneof![
        Just("/npm/*".to_owned()),
        part().prop_map(|prefix| format!("/npm/{prefix}~")),
        namespace().prop_map(|namespace| format!("/npm/{namespace}/*")),
        (namespace(), part()).prop_map(|(namespace, prefix)| format!("/npm/{namespace}/{prefix}~")),
        (namespace(), part()).prop_map(|(namespace, name)| format!("/npm/{namespace}/{name}$")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// The group found is one that matches, none that matches as well is more specific, and it is a weak match only
    /// if no pattern as specific matches to the letter.
    #[test]
    fn association_is_that_of_the_naive_model(
        texts in proptest::collection::vec(some_pattern(), 0..12),
        removed in proptest::collection::vec(any::<prop::sample::Index>(), 0..3),
        namespace in prop_oneof![Just(String::new()), part()],
        package in part(),
    ) {
        let mut patterns: Vec<Pattern> = texts.iter().filter_map(|text| Pattern::parse(text).ok()).collect();
        let mut groups = Groups::new(1);
        for pattern in &patterns {
            groups.put(Group { pattern: pattern.clone(), about: AboutGroup::new(1, Mode::Inherit) });
        }
        for index in removed {
            if !patterns.is_empty() {
                let gone = patterns[index.index(patterns.len())].clone();
                groups.remove(&gone);
                patterns.retain(|pattern| *pattern != gone);
            }
        }
        patterns.push(Pattern::root());
        let (found, association) = groups.associated(PackageFormat::Npm, &namespace, &package);

        let of = |same: fn(&str) -> String| {
            let matching = patterns
                .iter()
                .filter(|pattern| matches(pattern.as_str(), PackageFormat::Npm, &namespace, &package, same));
            matching.map(Pattern::rank).max()
        };
        let (strong, weak) = (of(str::to_owned).unwrap(), of(folded).unwrap());
        prop_assert_eq!(found.pattern.rank(), strong.max(weak));
        prop_assert_eq!(association, if weak > strong { Association::Weak } else { Association::Strong });
        let same: fn(&str) -> String = if association == Association::Weak { folded } else { str::to_owned };
        prop_assert!(matches(found.pattern.as_str(), PackageFormat::Npm, &namespace, &package, same));
    }

    /// What a group's pattern matches, its parent's matches too; no group lies between them.
    #[test]
    fn a_parent_contains_its_children(texts in proptest::collection::vec(some_pattern(), 1..12), names in proptest::collection::vec((part(), part()), 20)) {
        let patterns: Vec<Pattern> = texts.iter().filter_map(|text| Pattern::parse(text).ok()).collect();
        let mut groups = Groups::new(1);
        for pattern in &patterns {
            groups.put(Group { pattern: pattern.clone(), about: AboutGroup::new(1, Mode::Inherit) });
        }
        for group in groups.iter().filter(|group| !group.is_root()) {
            let parent = groups.parent(group).unwrap();
            prop_assert!(parent.pattern.rank() < group.pattern.rank());
            for (namespace, package) in &names {
                let of = |pattern: &Pattern| matches(pattern.as_str(), PackageFormat::Npm, namespace, package, str::to_owned);
                prop_assert!(!of(&group.pattern) || of(&parent.pattern), "{} in {}", group.pattern, parent.pattern);
            }
        }
    }
}

#[test]
fn a_word_is_not_a_prefix_of_a_longer_one() {
    let draft = with(&["/npm//foo~", "/npm//foo-bar~", "/npm//foo$"]);
    let groups = &draft.state.domain(&domain()).unwrap().groups;
    for (package, expected) in [
        ("foo", ("/npm//foo$", Association::Strong)),
        ("foo-baz", ("/npm//foo~", Association::Strong)),
        ("foo-bar", ("/npm//foo-bar~", Association::Strong)),
        ("foo-bar.x", ("/npm//foo-bar~", Association::Strong)),
        ("foo_bar", ("/npm//foo-bar~", Association::Weak)),
        ("food", ("/*", Association::Strong)),
        ("FOO", ("/npm//foo$", Association::Weak)),
        ("fоо", ("/npm//foo$", Association::Weak)),
    ] {
        let (group, association) = groups.associated(PackageFormat::Npm, "", package);
        assert_eq!((group.pattern.as_str(), association), expected, "{package}");
    }
    let (other, _) = groups.associated(PackageFormat::Npm, "scope", "foo");
    assert!(other.is_root(), "the scope is part of the name");
}

#[test]
fn what_is_inherited_comes_from_the_nearest_that_says_something() {
    use Restriction::{ExternalUpstream, InternalUpstream, Publish};
    let mut draft = with(&["/npm/*", "/npm/acme/*", "/npm/acme/ui~"]);
    set(&mut draft, "/npm/*", Publish, Mode::Block);
    assert_eq!(restricted(&draft, Publish, PackageFormat::Pypi, "x", "repo-a"), None);
    let message = restricted(&draft, Publish, PackageFormat::Npm, "acme/ui-kit", "repo-a").unwrap();
    for word in
        ["ui-kit", "`/npm/*`", "`/npm/acme/ui~`", "PUBLISH is BLOCK", "update-package-group-origin-configuration"]
    {
        assert!(message.contains(word), "{word}: {message}");
    }
    set(&mut draft, "/npm/acme/*", Publish, Mode::Allow);
    assert_eq!(restricted(&draft, Publish, PackageFormat::Npm, "acme/ui-kit", "repo-a"), None);
    assert!(restricted(&draft, Publish, PackageFormat::Npm, "acme2/ui-kit", "repo-a").is_some());
    assert_eq!(restricted(&draft, ExternalUpstream, PackageFormat::Npm, "acme/ui-kit", "repo-a"), None);

    // A list lets in whom it names, and goes with its mode.
    let on = |restriction, repository| AllowedRepository { restriction, repository: name(repository) };
    let update = GroupUpdate {
        modes: vec![(InternalUpstream, Mode::AllowSpecificRepositories)],
        add: vec![on(InternalUpstream, "repo-b"), on(InternalUpstream, "repo-a"), on(InternalUpstream, "repo-b")],
        remove: vec![on(InternalUpstream, "repo-a"), on(Publish, "repo-a")],
    };
    let change = draft.update_group_origin(&domain(), &pattern("/npm/acme/*"), &update).unwrap();
    assert_eq!(change.added.len(), 2);
    assert_eq!(change.removed, [on(InternalUpstream, "repo-a")]);
    assert_eq!(restricted(&draft, InternalUpstream, PackageFormat::Npm, "acme/x", "repo-b"), None);
    assert!(restricted(&draft, InternalUpstream, PackageFormat::Npm, "acme/x", "repo-a").unwrap().contains("list"));
    set(&mut draft, "/npm/acme/*", InternalUpstream, Mode::Block);
    let rule = draft.state.group(&domain(), &pattern("/npm/acme/*")).unwrap().about.rule(InternalUpstream);
    assert_eq!(*rule, Rule::new(Mode::Block));
}

#[test]
fn look_alikes_are_stopped_even_where_all_is_allowed() {
    let draft = with(&["/npm//billing$", "/pypi//acme-billing$", "/cargo//Acme-Billing$"]);
    for restriction in Restriction::ALL {
        assert_eq!(restricted(&draft, restriction, PackageFormat::Npm, "billing", "repo-a"), None);
        for look_alike in ["Billing", "bi11ing", "billіng"] {
            let message = restricted(&draft, restriction, PackageFormat::Npm, look_alike, "repo-a").unwrap();
            assert!(message.contains("/npm//billing$") && message.contains("weakly"), "{message}");
        }
        // Names that are one to a format's clients are never each other's look-alikes.
        assert_eq!(restricted(&draft, restriction, PackageFormat::Pypi, "Acme_Billing", "repo-a"), None);
        assert_eq!(restricted(&draft, restriction, PackageFormat::Cargo, "acme_billing", "repo-a"), None);
        assert!(restricted(&draft, restriction, PackageFormat::Cargo, "acme_bi11ing", "repo-a").is_some());
    }
}

#[test]
fn the_root_stays_and_a_repository_that_goes_leaves_the_lists() {
    let mut draft = with(&[]);
    let root = Pattern::root();
    assert!(draft.delete_group(&domain(), &root).is_err());
    let inherit = GroupUpdate { modes: vec![(Restriction::Publish, Mode::Inherit)], ..GroupUpdate::default() };
    assert!(draft.update_group_origin(&domain(), &root, &inherit).is_err());
    let allowed = AllowedRepository { restriction: Restriction::Publish, repository: name("repo-a") };
    let add = GroupUpdate { add: vec![allowed.clone()], ..GroupUpdate::default() };
    assert!(draft.update_group_origin(&domain(), &root, &add).is_err(), "there is no list");
    set(&mut draft, "/*", Restriction::Publish, Mode::AllowSpecificRepositories);
    draft.update_group_origin(&domain(), &root, &add).unwrap();
    assert_eq!(restricted(&draft, Restriction::Publish, PackageFormat::Npm, "x", "repo-a"), None);
    let key = RepositoryKey { domain: domain(), name: name("repo-a") };
    draft.delete_repository(&key).unwrap();
    draft.create_repository(&key, &domain().owner, None, Vec::new(), Tags::new()).unwrap();
    assert!(restricted(&draft, Restriction::Publish, PackageFormat::Npm, "x", "repo-a").is_some());
}

/// A folder without any record of a group has the root groups; what was written comes back.
#[test]
fn groups_come_back_from_the_records() {
    let mut draft = with(&["/npm/acme/*"]);
    set(&mut draft, "/npm/acme/*", Restriction::Publish, Mode::Block);
    let database = Database::in_memory().unwrap();
    database.commit(draft.changes.records.iter()).unwrap();
    let state = database.load().unwrap();
    let groups = &state.domain(&domain()).unwrap().groups;
    assert_eq!(groups.iter().map(|group| group.pattern.as_str()).collect::<Vec<_>>(), ["/*", "/npm/acme/*"]);
    assert_eq!(
        state.group(&domain(), &pattern("/npm/acme/*")).unwrap().about.rule(Restriction::Publish).mode,
        Mode::Block
    );
    // A domain that goes takes its groups along: the next one of its name begins anew.
    let mut draft = Draft::new(state, 2);
    for repository in ["repo-a", "repo-b"] {
        draft.delete_repository(&RepositoryKey { domain: domain(), name: name(repository) }).unwrap();
    }
    draft.delete_domain(&domain()).unwrap();
    draft.create_domain(&domain(), None, Tags::new()).unwrap();
    database.commit(draft.changes.records.iter()).unwrap();
    assert_eq!(database.load().unwrap().domain(&domain()).unwrap().groups.iter().count(), 1);
}
