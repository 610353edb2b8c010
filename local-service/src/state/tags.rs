//! Tags of domains, repositories and package groups.

use super::{
    coordinate::{DomainKey, RepositoryKey},
    draft::Draft,
    groups::Pattern,
    model::{State, Tags},
};
use crate::failure::{Failure, ResourceKind};

/// Tags of one resource.
const TAGS: usize = 200;

/// What can have tags here.
#[derive(Debug, Clone)]
pub(crate) enum Tagged {
    Domain(DomainKey),
    Repository(RepositoryKey),
    Group(DomainKey, Pattern),
}

impl State {
    /// The tags of a resource.
    pub(crate) fn tags(&self, tagged: &Tagged) -> Result<&Tags, Failure> {
        match tagged {
            Tagged::Domain(key) => Ok(&self.domain(key)?.about.tags),
            // A repository is named by its ARN here: a missing domain is a missing repository.
            Tagged::Repository(key) => match self.repository(key) {
                Ok((_, repository)) => Ok(&repository.about.tags),
                Err(_) => Err(Failure::not_found(ResourceKind::Repository, key.name.as_str())),
            },
            Tagged::Group(domain, pattern) => match self.group(domain, pattern) {
                Ok(group) => Ok(&group.about.tags),
                Err(_) => Err(Failure::not_found(ResourceKind::PackageGroup, pattern.as_str())),
            },
        }
    }
}

impl Draft {
    /// `TagResource`: adds, and replaces the values of keys that are there.
    pub(crate) fn tag(&mut self, tagged: &Tagged, new: Tags) -> Result<(), Failure> {
        let mut tags = self.state.tags(tagged)?.clone();
        tags.extend(new);
        if tags.len() > TAGS {
            let (kind, id) = match tagged {
                Tagged::Domain(key) => (ResourceKind::Domain, key.name.as_str()),
                Tagged::Repository(key) => (ResourceKind::Repository, key.name.as_str()),
                Tagged::Group(_, pattern) => (ResourceKind::PackageGroup, pattern.as_str()),
            };
            return Err(Failure::quota(kind, id, format!("a resource has {TAGS} tags at most")));
        }
        self.put_tags(tagged, tags)
    }

    /// `UntagResource`: absent keys are no error.
    pub(crate) fn untag(&mut self, tagged: &Tagged, keys: &[String]) -> Result<(), Failure> {
        let mut tags = self.state.tags(tagged)?.clone();
        tags.retain(|key, _| !keys.contains(key));
        self.put_tags(tagged, tags)
    }

    fn put_tags(&mut self, tagged: &Tagged, tags: Tags) -> Result<(), Failure> {
        match tagged {
            Tagged::Domain(key) => {
                let mut about = self.state.domain(key)?.about.clone();
                about.tags = tags;
                self.put_domain(key, about);
                Ok(())
            }
            Tagged::Repository(key) => {
                let mut about = self.state.repository(key)?.1.about.clone();
                about.tags = tags;
                self.put_repository(key, about)
            }
            Tagged::Group(domain, pattern) => {
                let mut about = self.state.group(domain, pattern)?.about.clone();
                about.tags = tags;
                self.put_group(domain, pattern, about)
            }
        }
    }
}
