//! The floor of a miss: configuration by the SDK's default chain, one `GetAuthorizationToken`, the answer.

use std::{error::Error, io::Write as _};

use aws_config::BehaviorVersion;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [domain, owner] = &words[..] else { return Err("a domain and its owner are wanted".into()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let token = runtime.block_on(async {
        let client = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let config = aws_config::defaults(BehaviorVersion::latest()).http_client(client).load().await;
        let service = aws_sdk_codeartifact::Client::new(&config);
        service.get_authorization_token().domain(domain).domain_owner(owner).send().await
    })?;
    let token = token.authorization_token().ok_or("an answer without a token")?;
    std::io::stdout().write_all(format!("{token}\n").as_bytes())?;
    Ok(())
}
