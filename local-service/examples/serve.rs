//! Serves a data folder until standard input ends: `cargo run -p local-service --example serve -- DIR [ADDRESS]`.

use std::io::{Read as _, Write as _};

use codeartifact::Host;
use local_service::{Clock, LocalService, Options};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let host = Host::of_process();
    let argument = |at: usize| host.args().get(at).and_then(|text| text.to_str());
    let folder = argument(1).ok_or("usage: serve DIR [ADDRESS]")?;
    let mut options = Options::durable(folder, Clock::of(host.clone()));
    if let Some(address) = argument(2) {
        options.listen = address.parse()?;
    }
    let service = LocalService::start(options)?;
    writeln!(std::io::stdout(), "{}", service.url())?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    service.stop();
    Ok(())
}
