//! Patterns of policies: `*` is any text, `?` any one character.

/// A pattern with wildcards, matched whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    characters: Vec<char>,
    /// Letters match in either case.
    folds: bool,
}

/// How a pattern stands to all texts that begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// It matches none of them.
    None,
    /// It matches some, or perhaps only some.
    Some,
    /// It matches every one.
    All,
}

impl Pattern {
    /// In which case matters.
    pub(super) fn exact(text: &str) -> Self {
        Self { characters: text.chars().collect(), folds: false }
    }

    /// In which case does not matter.
    pub(super) fn folded(text: &str) -> Self {
        Self { characters: text.to_lowercase().chars().collect(), folds: true }
    }

    /// Does it match the text?
    pub(super) fn matches(&self, text: &str) -> bool {
        self.walk(text).last() == Some(&true)
    }

    /// How does it stand to the texts that begin with this one?
    pub(super) fn reach(&self, beginning: &str) -> Reach {
        let states = self.walk(beginning);
        // Standing before nothing but asterisks, whatever follows is matched.
        let open = self.characters.iter().rev().take_while(|character| **character == '*').count();
        let first_open = self.characters.len() - open;
        if open > 0 && states[first_open..].contains(&true) {
            Reach::All
        } else if states.contains(&true) {
            Reach::Some
        } else {
            Reach::None
        }
    }

    /// Which beginnings of the pattern match the whole text: by their lengths. Linear in pattern times text, whatever
    /// the number of asterisks.
    fn walk(&self, text: &str) -> Vec<bool> {
        let mut states = vec![false; self.characters.len() + 1];
        states[0] = true;
        self.skip_asterisks(&mut states);
        let lowered = if self.folds { Some(text.to_lowercase()) } else { None };
        for character in lowered.as_deref().unwrap_or(text).chars() {
            let mut next = vec![false; states.len()];
            for (at, expected) in self.characters.iter().enumerate().filter(|(at, _)| states[*at]) {
                match expected {
                    '*' => next[at] = true,
                    '?' => next[at + 1] = true,
                    expected if *expected == character => next[at + 1] = true,
                    _ => {}
                }
            }
            self.skip_asterisks(&mut next);
            states = next;
        }
        states
    }

    /// An asterisk matches nothing, too.
    fn skip_asterisks(&self, states: &mut [bool]) {
        for (at, character) in self.characters.iter().enumerate() {
            if *character == '*' && states[at] {
                states[at + 1] = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_whole_texts() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("", "", true),
            ("", "a", false),
            ("a*", "abc", true),
            ("a*c", "abc", true),
            ("a*c", "abcd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("?", "", false),
            ("**a**", "xax", true),
            ("a*b*c", "a-b-b-c", true),
            ("Get*", "getx", false),
            ("a.c", "abc", false),
            ("ü?", "üß", true),
        ] {
            assert_eq!(Pattern::exact(pattern).matches(text), expected, "{pattern} {text}");
        }
        assert!(Pattern::folded("codeartifact:GET*").matches("CodeArtifact:getAuthorizationToken"));
    }

    #[test]
    fn many_asterisks_take_no_longer() {
        assert!(!Pattern::exact(&"*a".repeat(1_000)).matches(&"a".repeat(999)));
    }

    #[test]
    fn a_pattern_stands_to_what_begins_alike() {
        let under = "arn:r/npm/";
        for (pattern, expected) in [
            ("*", Reach::All),
            ("arn:r/*", Reach::All),
            ("arn:r/npm/*", Reach::All),
            ("arn:r/npm/scope/*", Reach::Some),
            ("arn:r/*/x", Reach::Some),
            ("arn:?/npm/a", Reach::Some),
            ("arn:r/npm", Reach::None),
            ("arn:r/pypi/*", Reach::None),
            ("", Reach::None),
        ] {
            assert_eq!(Pattern::exact(pattern).reach(under), expected, "{pattern}");
        }
    }
}
