//! A gem's specification: read from the YAML in the gem, written as Ruby dumps it.

use std::fmt;

use super::{
    marshal::Value,
    yaml::{Document, Node},
};

/// Dependencies and items of the other lists.
const ITEMS: usize = 2_000;
/// The API's bound for names, versions and assets.
const NAME: usize = 255;

/// What a gem says of itself.
#[derive(Debug, Clone)]
pub(super) struct Specification {
    pub(super) name: String,
    pub(super) version: String,
    /// `ruby`, or the machines that it was built for.
    pub(super) platform: String,
    pub(super) summary: Option<String>,
    pub(super) homepage: Option<String>,
    pub(super) licenses: Vec<String>,
    pub(super) dependencies: Vec<Dependency>,
    pub(super) required_ruby: Requirement,
    pub(super) required_rubygems: Requirement,
    pub(super) metadata: Vec<(String, String)>,
    description: Option<String>,
    authors: Vec<String>,
    emails: Vec<String>,
    date: Date,
    rubygems: String,
    format: i32,
}

/// Another gem that one needs.
#[derive(Debug, Clone)]
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) requirement: Requirement,
}

/// When it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Runtime,
    Development,
}

/// Versions that will do: all of the conditions hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Requirement(Vec<(&'static str, String)>);

/// The day a gem was built on; year, month and day.
#[derive(Debug, Clone, Copy)]
struct Date(u32, u32, u32);

/// A specification breaks a rule of RubyGems.
#[derive(Debug, thiserror::Error)]
pub(super) enum SpecificationError {
    #[error("the gem's name is missing, or has other characters than letters, digits, `.`, `-` and `_`")]
    Name,
    #[error("the gem's version is missing, or is none: numbers and words with dots between them")]
    Version,
    #[error("the gem's platform has other characters than letters, digits, `.`, `-` and `_`")]
    Platform,
    #[error("the gem's name, version and platform have more than {NAME} characters together")]
    TooLong,
    #[error("a dependency of the gem has no name")]
    Dependency,
    #[error("a requirement of the gem is none: an operator and a version")]
    Requirement,
}

const OPERATORS: [&str; 7] = ["=", "!=", ">", "<", ">=", "<=", "~>"];

/// RubyGems' rule; at least one letter or digit keeps `.` and `-` from being names.
pub(super) fn is_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    name.len() <= NAME && name.bytes().all(legal) && name.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

/// RubyGems' rule, of versions without a dash: it makes `.pre.` of one.
pub(super) fn is_version(version: &str) -> bool {
    version.len() <= NAME
        && version.starts_with(|first: char| first.is_ascii_digit())
        && version.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// `x86_64-linux`, `java`: it begins with a letter or with digits that are followed by one.
pub(super) fn is_platform(platform: &str) -> bool {
    is_name(platform) && platform.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// `NAME-VERSION[-PLATFORM]`, as RubyGems calls its files.
pub(super) fn full_name(name: &str, version: &str, platform: &str) -> String {
    if platform == RUBY { format!("{name}-{version}") } else { format!("{name}-{version}-{platform}") }
}

/// The platform of gems that run anywhere.
pub(super) const RUBY: &str = "ruby";

impl Specification {
    pub(super) fn read(document: &Document) -> Result<Self, SpecificationError> {
        let root = document.root();
        let text = |key| root.get(key).and_then(Node::text).map(ToOwned::to_owned);
        let texts = |key| match root.get(key) {
            Some(node) if node.text().is_some() => node.text().into_iter().map(ToOwned::to_owned).collect(),
            Some(node) => node.items().take(ITEMS).filter_map(Node::text).map(ToOwned::to_owned).collect(),
            None => Vec::new(),
        };
        let name = text("name").filter(|name| is_name(name)).ok_or(SpecificationError::Name)?;
        let version = root.get("version").and_then(version_of).ok_or(SpecificationError::Version)?;
        let platform = text("platform").filter(|platform| !platform.is_empty()).unwrap_or_else(|| RUBY.to_owned());
        if !is_platform(&platform) {
            return Err(SpecificationError::Platform);
        }
        if full_name(&name, &version, &platform).len() + ".gem".len() > NAME {
            return Err(SpecificationError::TooLong);
        }
        let dependencies = root.get("dependencies").into_iter().flat_map(Node::items).take(ITEMS);
        let required = |key| root.get(key).map_or_else(|| Ok(Requirement::any()), Requirement::read);
        let metadata = root.get("metadata").into_iter().flat_map(Node::pairs).take(ITEMS);
        Ok(Self {
            name,
            version,
            platform,
            summary: text("summary"),
            homepage: text("homepage"),
            licenses: texts("licenses"),
            dependencies: dependencies.map(Dependency::read).collect::<Result<_, _>>()?,
            required_ruby: required("required_ruby_version")?,
            required_rubygems: required("required_rubygems_version")?,
            metadata: metadata.filter_map(|(key, value)| Some((key.to_owned(), value.text()?.to_owned()))).collect(),
            description: text("description"),
            authors: texts("authors"),
            emails: texts("email"),
            date: text("date").and_then(|date| Date::read(&date)).unwrap_or(Date(1980, 1, 2)),
            rubygems: text("rubygems_version").unwrap_or_else(|| "0".to_owned()),
            format: text("specification_version").and_then(|text| text.parse().ok()).unwrap_or(4),
        })
    }

    /// What `Marshal.dump` gives for a `Gem::Specification`.
    pub(super) fn dump(&self) -> Vec<u8> {
        let texts = |texts: &[String]| Value::Array(texts.iter().map(Value::text).collect());
        let email = match self.emails.as_slice() {
            [] => Value::Nil,
            [email] => Value::text(email),
            emails => texts(emails),
        };
        let metadata = self.metadata.iter().map(|(key, value)| (Value::text(key), Value::text(value))).collect();
        // The members that RubyGems dumps, in its order; two are there for readers of long ago.
        let members = Value::Array(vec![
            Value::text(&self.rubygems),
            Value::Integer(self.format),
            Value::text(&self.name),
            version_value(&self.version),
            self.date.value(),
            Value::maybe(self.summary.as_deref()),
            self.required_ruby.value(),
            self.required_rubygems.value(),
            Value::text(&self.platform),
            Value::Array(self.dependencies.iter().map(Dependency::value).collect()),
            Value::text(""),
            email,
            texts(&self.authors),
            Value::maybe(self.description.as_deref()),
            Value::maybe(self.homepage.as_deref()),
            Value::Bool(true),
            platform_value(&self.platform),
            texts(&self.licenses),
            Value::Hash(metadata),
        ]);
        Value::Packed("Gem::Specification", members.dump(), Vec::new()).dump()
    }
}

fn version_of(node: Node<'_>) -> Option<String> {
    let text = node.get("version").unwrap_or(node).text()?.trim().replace('-', ".pre.");
    Some(text).filter(|text| is_version(text))
}

fn version_value(version: &str) -> Value {
    Value::Dumped("Gem::Version", Box::new(Value::Array(vec![Value::text(version)])))
}

/// Processor, system and its version; what is printed of them is the platform again.
fn platform_value(platform: &str) -> Value {
    if platform == RUBY {
        return Value::text(platform);
    }
    let mut parts = platform.splitn(3, '-');
    let (first, second, third) = (parts.next(), parts.next(), parts.next());
    // `java` is a system on any processor.
    let (processor, system) = if second.is_some() { (first, second) } else { (None, first) };
    let variables =
        [("@cpu", processor), ("@os", system), ("@version", third)].map(|(name, part)| (name, Value::maybe(part)));
    Value::Object("Gem::Platform", variables.into())
}

impl Dependency {
    fn read(node: Node<'_>) -> Result<Self, SpecificationError> {
        let name = node.get("name").and_then(Node::text).filter(|name| is_name(name));
        // Gems of long ago have the second name only.
        let requirement = node.get("requirement").or_else(|| node.get("version_requirements"));
        let development =
            node.get("type").and_then(Node::text).is_some_and(|kind| kind.trim_start_matches(':') == "development");
        Ok(Self {
            name: name.ok_or(SpecificationError::Dependency)?.to_owned(),
            kind: if development { Kind::Development } else { Kind::Runtime },
            requirement: requirement.map_or_else(|| Ok(Requirement::any()), Requirement::read)?,
        })
    }

    fn value(&self) -> Value {
        let kind = match self.kind {
            Kind::Runtime => "runtime",
            Kind::Development => "development",
        };
        Value::Object(
            "Gem::Dependency",
            vec![
                ("@name", Value::text(&self.name)),
                ("@requirement", self.requirement.value()),
                ("@type", Value::Symbol(kind)),
                ("@prerelease", Value::Bool(false)),
                ("@version_requirements", self.requirement.value()),
            ],
        )
    }
}

impl Requirement {
    /// Any version at all.
    pub(super) fn any() -> Self {
        Self(vec![(">=", "0".to_owned())])
    }

    pub(super) fn is_any(&self) -> bool {
        *self == Self::any()
    }

    fn read(node: Node<'_>) -> Result<Self, SpecificationError> {
        let conditions = node.get("requirements").into_iter().flat_map(Node::items).take(ITEMS);
        let conditions: Vec<_> = conditions
            .map(|condition| {
                let mut parts = condition.items();
                let operator = parts.next().and_then(Node::text).and_then(operator);
                let version = parts.next().and_then(version_of);
                operator.zip(version).ok_or(SpecificationError::Requirement)
            })
            .collect::<Result<_, _>>()?;
        Ok(if conditions.is_empty() { Self::any() } else { Self(conditions) })
    }

    /// `>= 1.0, < 2`, with either separator.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let conditions = text.split([',', '&']).map(str::trim).map(|condition| {
            let (operator_text, version) = condition.split_once(' ').unwrap_or(("=", condition));
            let version = version.trim();
            Some((operator(operator_text)?, version.to_owned())).filter(|_| is_version(version))
        });
        conditions.collect::<Option<Vec<_>>>().map(Self)
    }

    fn value(&self) -> Value {
        let condition = |(operator, version): &(&'static str, String)| {
            Value::Array(vec![Value::text(*operator), version_value(version)])
        };
        let conditions = Value::Array(self.0.iter().map(condition).collect());
        Value::Dumped("Gem::Requirement", Box::new(Value::Array(vec![conditions])))
    }

    /// As the compact index separates conditions.
    pub(super) fn compact(&self) -> String {
        self.separated("&")
    }

    fn separated(&self, separator: &str) -> String {
        let conditions: Vec<String> =
            self.0.iter().map(|(operator, version)| format!("{operator} {version}")).collect();
        conditions.join(separator)
    }
}

fn operator(text: &str) -> Option<&'static str> {
    OPERATORS.into_iter().find(|operator| *operator == text)
}

/// As RubyGems prints it.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.separated(", "))
    }
}

impl Date {
    /// The day at the beginning of a time.
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.get(..10)?.split('-').map(|part| part.parse().ok());
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        let real = (1900..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        real.then_some(Self(year, month, day))
    }

    /// `Time#_dump` of its midnight in UTC: two numbers whose bits are year, month, day and the marks of this form.
    fn value(self) -> Value {
        let Self(year, month, day) = self;
        let first: u32 = 1 << 31 | 1 << 30 | (year - 1900) << 14 | (month - 1) << 10 | day << 5;
        let packed = [first.to_le_bytes(), [0; 4]].concat();
        Value::Packed("Time", packed, vec![("zone", Value::Nil)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = include_str!("specification_sample.yaml");

    fn read(yaml: &str) -> Result<Specification, SpecificationError> {
        Specification::read(&Document::parse(yaml).unwrap())
    }

    #[test]
    fn what_a_gem_says() {
        let specification = read(YAML).unwrap();
        assert_eq!((specification.name.as_str(), specification.version.as_str()), ("six", "1.2.0"));
        assert_eq!(specification.platform, "x86_64-linux");
        assert_eq!(specification.licenses, ["MIT", "Apache-2.0"]);
        assert_eq!(specification.required_ruby.to_string(), ">= 2.7, < 4");
        assert_eq!(specification.required_ruby.compact(), ">= 2.7&< 4");
        assert!(specification.required_rubygems.is_any());
        let dependencies: Vec<_> = specification
            .dependencies
            .iter()
            .map(|dependency| (dependency.name.as_str(), dependency.kind, dependency.requirement.to_string()))
            .collect();
        assert_eq!(
            dependencies,
            [("seven", Kind::Runtime, "~> 1.0, >= 1.0.3".to_owned()), ("eight", Kind::Development, ">= 0".to_owned())]
        );
        assert_eq!(specification.metadata[0].1, "https://code.example");
        let dump = specification.dump();
        assert!(dump.starts_with(b"\x04\x08u:\x17Gem::Specification\x02"));
    }

    #[test]
    fn rules() {
        let gem = |name: &str, version: &str, platform: &str| {
            read(&format!("name: {name}\nversion:\n  version: {version}\nplatform: {platform}\n"))
        };
        for (name, version, platform) in
            [("a", "1", "ruby"), ("a-b_c.d", "1.0.0.rc1", "java"), ("9", "0", "x86-mingw32"), ("a", "1-b", "ruby")]
        {
            assert!(gem(name, version, platform).is_ok(), "{name} {version} {platform}");
        }
        for (name, version, platform) in [
            ("~", "1", "ruby"),
            ("../a", "1", "ruby"),
            ("a/b", "1", "ruby"),
            ("..", "1", "ruby"),
            ("a b", "1", "ruby"),
            ("a", "~", "ruby"),
            ("a", "x", "ruby"),
            ("a", "1/2", "ruby"),
            ("a", "1..2", "ruby"),
            ("a", "1.", "ruby"),
            ("a", "1", "a/b"),
            ("a", "1", "../x"),
            ("a", "1", "2"),
            (&"a".repeat(260), "1", "ruby"),
            (&"a".repeat(250), "1", "java"),
        ] {
            assert!(gem(name, version, platform).is_err(), "{name} {version} {platform}");
        }
        assert_eq!(gem("a", "1-b", "ruby").unwrap().version, "1.pre.b");
        assert!(read("name: a\nversion: 1\ndependencies:\n- name: ../x\n").is_err());
        let required = "required_ruby_version:\n  requirements:\n  - - nonsense\n    - version: 1\n";
        assert!(read(&format!("name: a\nversion: 1\n{required}")).is_err());
        assert!(read("just text").is_err());
    }

    #[test]
    fn requirements_are_read_with_either_separator() {
        for text in [">= 1.0, < 2", ">= 1.0&< 2"] {
            assert_eq!(Requirement::parse(text).unwrap().to_string(), ">= 1.0, < 2");
        }
        assert_eq!(Requirement::parse("1.0").unwrap().to_string(), "= 1.0");
        for bad in ["", ">=", "=> 1", ">= 1,", ">= 1|2", ">= a b"] {
            assert!(Requirement::parse(bad).is_none(), "{bad}");
        }
    }
}
