//! Which command renews a profile's sign-in.

use super::AwsEnvironment;

/// A sign-in that a person can renew: at the identity centre (`aws sso login`) or at the console (`aws login`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    words: &'static [&'static str],
    profile: String,
}

impl SignIn {
    /// The arguments of `aws`.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        self.words.iter().copied().chain(["--profile", &self.profile])
    }

    /// The profile that is signed in: the one in force, or the one that it takes its credentials from.
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// The command as one line to be typed. A name that a shell would not read as one plain word is not in it, whoever
    /// gave the profile that name.
    pub fn command(&self) -> String {
        let profile = if self.is_plain() { self.profile.as_str() } else { "PROFILE" };
        format!("aws {} --profile {profile}", self.words.join(" "))
    }

    /// Whether the profile's name is one plain word, that is no option either.
    pub fn is_plain(&self) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@+".contains(&byte);
        (1..=256).contains(&self.profile.len()) && !self.profile.starts_with('-') && self.profile.bytes().all(plain)
    }
}

impl AwsEnvironment {
    /// The sign-in behind the identity, where it has one.
    pub fn sign_in(&self) -> Option<SignIn> {
        // The label says what kind of profile it is, by the SDK's own rules.
        let label = self.identity.as_str();
        let words = |label: &str| -> Option<&'static [&'static str]> {
            if label.contains(";sso=") {
                Some(&["sso", "login"])
            } else if label.contains(";login=") {
                Some(&["login"])
            } else {
                None
            }
        };
        if let Some(words) = words(label) {
            return Some(SignIn { words, profile: self.profile.clone() });
        }
        if !label.contains(";role=") {
            return None;
        }
        // A role that is assumed with the credentials of another profile, and so on.
        let files = self.files.content().ok()?;
        let mut name = files.profile(&self.profile)?.text("source_profile")?;
        let mut seen = vec![self.profile.as_str()];
        while !seen.contains(&name) {
            seen.push(name);
            if let Some(words) = words(&super::profile_identity(files, name)?) {
                return Some(SignIn { words, profile: name.to_owned() });
            }
            name = files.profile(name)?.text("source_profile")?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_word_stands_in_a_command() {
        let command = |profile: &str| SignIn { words: &["sso", "login"], profile: profile.to_owned() }.command();
        assert_eq!(command("my-org.dev"), "aws sso login --profile my-org.dev");
        for profile in ["", "-x", "a b", "a;b", "$(x)", "`x`", "a\nb", "'", "\u{1b}[31m", &"a".repeat(257)] {
            assert_eq!(command(profile), "aws sso login --profile PROFILE", "{profile:?}");
        }
    }
}
