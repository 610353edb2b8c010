//! Tokens for what passes through: one in memory for each domain, from the stores and the service by the same rules as
//! everywhere, and whether the service could be reached a moment ago.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use codeartifact::{
    AuthorizationToken, Authorize as _, AuthorizeError, Authorizer, AwsEnvironment, Endpoint, Freshness, Host, Region,
    Stores, TokenScope, Trust, UserSettings, source::ControlPlaneSource,
};
use tokio::time::Instant;

use super::target::Target;
use crate::report::{CommandError, Kind};

/// How long a service that did not answer is not asked again for what the cache has.
const PAUSE: Duration = Duration::from_secs(10);

/// No token.
#[derive(Debug, Clone)]
pub(super) struct NoToken {
    /// Why, and what to do about it.
    pub(super) message: String,
    /// Whether the reason is that the service, or the way to it, failed.
    pub(super) is_unreachable: bool,
}

impl From<CommandError> for NoToken {
    fn from(error: CommandError) -> Self {
        let mut lines = error.lines();
        lines.extend(error.hints().iter().map(|hint| format!("hint: {hint}")));
        Self { message: lines.join(": "), is_unreachable: error.code() == Kind::Service.code() }
    }
}

/// Who asks, and what they were given.
pub(super) struct Tokens {
    host: Host,
    aws: AwsEnvironment,
    settings: UserSettings,
    domains: Mutex<HashMap<String, Arc<Domain>>>,
}

/// What is known of one domain.
#[derive(Default)]
pub(super) struct Domain {
    /// Held while one request gets a token for all that wait.
    token: tokio::sync::Mutex<Option<Arc<AuthorizationToken>>>,
    away_until: Mutex<Option<Instant>>,
}

impl Domain {
    /// Whether it did not answer a moment ago.
    pub(super) fn is_away(&self) -> bool {
        let away = self.away_until.lock().unwrap_or_else(PoisonError::into_inner);
        away.is_some_and(|until| Instant::now() < until)
    }

    /// Notes whether it answered.
    pub(super) fn answered(&self, answered: bool) {
        let until = (!answered).then(|| Instant::now() + PAUSE);
        *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

impl Tokens {
    pub(super) fn new(host: Host, aws: AwsEnvironment, settings: UserSettings) -> Self {
        Self { host, aws, settings, domains: Mutex::default() }
    }

    /// Which hosts are the service's.
    pub(super) fn trust(&self) -> Trust {
        self.aws.trust()
    }

    /// Whose tokens they are, for people.
    pub(super) fn identity(&self) -> &str {
        self.aws.identity.as_str()
    }

    /// Whose answers may be told to whom: nobody gets what another identity was told.
    pub(super) fn scope(&self, target: &Target) -> Result<String, NoToken> {
        let aws = self.aws_for(target);
        let scope = TokenScope::of(&target.endpoint, &aws).map_err(AuthorizeError::from);
        scope.map(|scope| scope.key()).map_err(|error| CommandError::from(error).into())
    }

    pub(super) fn domain(&self, target: &Target) -> Arc<Domain> {
        let mut domains = self.domains.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(domains.entry(target.place.clone()).or_default())
    }

    /// A token that holds.
    pub(super) async fn token_for(self: &Arc<Self>, target: &Target) -> Result<Arc<AuthorizationToken>, NoToken> {
        let domain = self.domain(target);
        let mut held = domain.token.lock().await;
        if let Some(token) = held.as_ref().filter(|token| token.freshness(self.host.now()) == Freshness::Fresh) {
            return Ok(Arc::clone(token));
        }
        let token = self.asked(target, |authorizer, endpoint| authorizer.token_for(endpoint)).await?;
        *held = Some(Arc::clone(&token));
        Ok(token)
    }

    /// Another one, since the service refused `refused`: the one that another request brought meanwhile, or a new one.
    pub(super) async fn another(
        self: &Arc<Self>,
        target: &Target,
        refused: &Arc<AuthorizationToken>,
    ) -> Result<Arc<AuthorizationToken>, NoToken> {
        let domain = self.domain(target);
        let mut held = domain.token.lock().await;
        if let Some(token) = held.as_ref().filter(|token| !Arc::ptr_eq(token, refused)) {
            return Ok(Arc::clone(token));
        }
        let token = self.asked(target, |authorizer, endpoint| authorizer.new_token_for(endpoint)).await?;
        *held = Some(Arc::clone(&token));
        Ok(token)
    }

    /// On a thread that may wait.
    async fn asked(
        self: &Arc<Self>,
        target: &Target,
        ask: impl FnOnce(&Authorizer<'_>, &Endpoint) -> Result<AuthorizationToken, AuthorizeError> + Send + 'static,
    ) -> Result<Arc<AuthorizationToken>, NoToken> {
        let (this, target) = (Arc::clone(self), target.clone());
        let asked = tokio::task::spawn_blocking(move || {
            let aws = this.aws_for(&target);
            let stores = Stores::new(&this.host, &this.settings);
            let authorizer = Authorizer::new(&this.host, &aws, stores, ControlPlaneSource::aws(&this.host, &aws));
            let token = ask(&authorizer, &target.endpoint).map_err(|error| NoToken::from(CommandError::from(error)));
            // A token that could not be kept was still given.
            let _ = authorizer.settle();
            token
        });
        let broken = |_| NoToken { message: "asking for a token broke off".to_owned(), is_unreachable: false };
        asked.await.map_err(broken)?.map(Arc::new)
    }

    /// An endpoint on this machine says no Region, the path on the proxy does.
    fn aws_for(&self, target: &Target) -> AwsEnvironment {
        let mut aws = self.aws.clone();
        let region = target.place.rsplit_once('.').and_then(|(_, region)| region.parse::<Region>().ok());
        if target.endpoint.region().is_none() && region.is_some() {
            aws.region = region;
        }
        aws
    }
}
