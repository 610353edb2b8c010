//! How the SDK is set up: identity, Region, time limits, the way through the network.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, Region as SdkRegion, SdkConfig, profile::ProfileFileCredentialsProvider,
    provider_config::ProviderConfig, retry::RetryConfig, sts::AssumeRoleProvider, timeout::TimeoutConfig,
};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_codeartifact::{
    Client,
    config::{RuntimeComponents, SharedHttpClient},
};
use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};

use super::failure::Caller;
use crate::account::RoleArn;
use crate::endpoint::{Region, ServiceOverride};
use crate::host::Host;
use crate::profile::AwsEnvironment;

/// To a TCP connection.
const CONNECT: Duration = Duration::from_secs(3);
/// For one attempt, answer included.
const ATTEMPT: Duration = Duration::from_secs(10);
/// For an operation with its attempts. The body of an asset is bounded by the SDK's watch for stalled streams instead.
const OPERATION: Duration = Duration::from_secs(20);
/// Attempts of an operation, the first one counted.
const ATTEMPTS: u32 = 3;

/// The name of a role's session: what an audit trail shows behind the role.
const SESSION_NAME: &str = "codeartifact";

/// Addresses that are never asked through a proxy: this machine, and the link-local ones where instances and containers
/// find their credentials.
const DIRECT: &str =
    "127.0.0.1,[::1],::1,localhost,169.254.169.254,169.254.170.2,169.254.170.23,[fd00:ec2::254],[fd00:ec2::23]";

/// What the connection needs of the surroundings. No `Debug`: a proxy's address may hold a password.
#[derive(Clone)]
pub(super) struct Settings {
    /// Who asks, for messages.
    pub(super) caller: Caller,
    /// The profile, where one was asked for.
    chosen_profile: Option<String>,
    /// An account rule names the profile: nobody else of the SDK's chain may ask.
    only_profile: bool,
    /// The role to assume, an account rule's.
    role: Option<RoleArn>,
    pub(super) region: Option<Region>,
    service_override: Option<ServiceOverride>,
    proxy: Option<String>,
    no_proxy: Option<String>,
}

impl Settings {
    pub(super) fn new(host: &Host, aws: &AwsEnvironment) -> Self {
        let rule = aws.rule.as_deref();
        let only_profile = rule.is_some_and(|rule| rule.profile.is_some());
        let chosen = only_profile || aws.profile != "default" || host.var("AWS_PROFILE").is_some();
        let either = |upper: &str, lower: &str| host.var(lower).or_else(|| host.var(upper)).map(str::to_owned);
        Self {
            caller: Caller::new(aws),
            chosen_profile: chosen.then(|| aws.profile.clone()),
            only_profile,
            role: rule.and_then(|rule| rule.role.as_ref()).map(|role| role.value.clone()),
            region: aws.region.clone(),
            service_override: aws.service_override.clone(),
            proxy: either("HTTPS_PROXY", "https_proxy").or_else(|| either("ALL_PROXY", "all_proxy")),
            no_proxy: either("NO_PROXY", "no_proxy"),
        }
    }

    pub(super) fn in_region(self, region: Region) -> Self {
        Self { region: Some(region), ..self }
    }

    /// Loads the SDK's configuration and makes a client. The credentials are found at the first call.
    pub(super) async fn connect(&self, region: &Region) -> Client {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(OPERATION)
            .build();
        let http_client = self.http_client();
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
        let region = SdkRegion::new(region.as_str().to_owned());
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client.clone())
            .region(region.clone())
            .retry_config(retries.clone())
            .timeout_config(timeouts.clone());
        if let Some(profile) = &self.chosen_profile {
            loader = loader.profile_name(profile);
            if self.only_profile {
                let config = ProviderConfig::without_region()
                    .with_region(Some(region))
                    .with_http_client(http_client)
                    .with_retry_config(retries)
                    .with_timeout_config(timeouts);
                let provider = ProfileFileCredentialsProvider::builder().configure(&config).profile_name(profile);
                loader = loader.credentials_provider(provider.build());
            }
        }
        let shared = self.as_role(loader.load().await).await;
        let mut config = aws_sdk_codeartifact::config::Builder::from(&shared);
        if let Some(address) = &self.service_override {
            // For this service only: the SDK's own setting would send STS and SSO there too.
            config = config.endpoint_url(address.as_str());
        }
        Client::from_conf(config.build())
    }

    /// The same as the role that a rule names, assumed by whoever would ask without it.
    async fn as_role(&self, shared: SdkConfig) -> SdkConfig {
        let Some(role) = &self.role else { return shared };
        let provider =
            AssumeRoleProvider::builder(role.as_str()).session_name(SESSION_NAME).configure(&shared).build().await;
        shared.into_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build()
    }

    /// rustls with ring, the system's certificates, and the user's proxy for what is not this machine's.
    fn http_client(&self) -> SharedHttpClient {
        const TLS: Provider = Provider::Rustls(CryptoMode::Ring);
        let Some(proxy) = self.proxy_config() else { return Builder::new().tls_provider(TLS).build_https() };
        Builder::new().build_with_connector_fn(move |settings, components| {
            let mut connector = Connector::builder().proxy_config(proxy.clone());
            connector.set_connector_settings(settings.cloned());
            connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
            connector.tls_provider(TLS).build()
        })
    }

    /// `None` where there is no proxy, or a value that is none: then the call says what cannot be reached.
    fn proxy_config(&self) -> Option<ProxyConfig> {
        let proxy = self.proxy.as_deref()?;
        let proxy = if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") };
        let direct = self.no_proxy.as_deref().map_or_else(|| DIRECT.to_owned(), |own| format!("{own},{DIRECT}"));
        Some(ProxyConfig::https(proxy).ok()?.no_proxy(direct))
    }
}
