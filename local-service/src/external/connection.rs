//! The public sources that a repository can be connected to: the service has ten, by name.

use std::{fmt, str::FromStr};

use codeartifact::PackageFormat;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! connections {
    ($($variant:ident $name:literal $format:ident)*) => {
        /// A public source, by the name that `AssociateExternalConnection` takes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "the names say it")]
        pub enum Connection {
            $($variant),*
        }

        impl Connection {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The API's name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),*
                }
            }

            /// The format that the source serves.
            pub const fn format(self) -> PackageFormat {
                match self {
                    $(Self::$variant => PackageFormat::$format),*
                }
            }
        }
    };
}

connections! {
    Npmjs "public:npmjs" Npm
    Pypi "public:pypi" Pypi
    NugetOrg "public:nuget-org" Nuget
    MavenCentral "public:maven-central" Maven
    MavenGoogleAndroid "public:maven-googleandroid" Maven
    MavenGradlePlugins "public:maven-gradleplugins" Maven
    MavenCommonsware "public:maven-commonsware" Maven
    MavenClojars "public:maven-clojars" Maven
    RubyGemsOrg "public:ruby-gems-org" Ruby
    CratesIo "public:crates-io" Cargo
}

/// Not the name of an external connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no external connection; there are {}", names())]
pub struct UnknownConnection {
    name: String,
}

fn names() -> String {
    Connection::ALL.iter().map(|connection| connection.name()).collect::<Vec<_>>().join(", ")
}

impl FromStr for Connection {
    type Err = UnknownConnection;

    fn from_str(name: &str) -> Result<Self, UnknownConnection> {
        let found = Self::ALL.iter().find(|connection| connection.name() == name);
        found.copied().ok_or_else(|| UnknownConnection { name: name.to_owned() })
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Connection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Connection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
