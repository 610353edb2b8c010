//! What the real cargo says when it may not, when there is nothing, and when something is in the way.

use serde_json::json;
use tests::{Sandbox, Service};

const DOMAIN: &str = "acme";

#[test]
fn cargo_says_why_it_is_refused() {
    let sandbox = Sandbox::new();
    let service = Service::start(&sandbox);
    service.make(DOMAIN, &["team"]);
    service.make("other", &[]);
    let (token, foreign) = (service.token(DOMAIN), service.token("other"));
    for token in [&token, &foreign] {
        sandbox.guard_token(token);
    }
    sandbox.may_hold_secrets("home/.cargo/credentials.toml");
    let index = service.cargo_index(DOMAIN, "team");
    let config = format!("[registries.team]\nindex = \"{index}\"\ncredential-provider = [\"cargo:token\"]\n");
    sandbox.write("home/.cargo/config.toml", config);
    let with = |token: &str| {
        sandbox.write("home/.cargo/credentials.toml", format!("[registries.team]\ntoken = \"{token}\"\n"));
    };
    let package = |name: &str, rest: &str| {
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\ndescription = \"A sample\"\n\
             license = \"MIT\"\n\n[workspace]\n{rest}"
        );
        sandbox.write(format!("work/{name}/Cargo.toml"), manifest);
        sandbox.write(format!("work/{name}/src/lib.rs"), "");
        sandbox.path(format!("work/{name}"))
    };
    let user = package("user", "\n[dependencies]\nnone = { version = \"1\", registry = \"team\" }\n");
    for (token, says) in [
        ("nonsense", "401"),
        (foreign.as_str(), "403"),
        (&token, "no matching package named `none` found"),
    ] {
        with(token);
        sandbox.cargo(&["fetch"]).current_dir(&user).run().failure().says(says);
    }

    let own = package("own", "");
    let publish = || {
        sandbox.cargo(&["publish", "--registry", "team", "--no-verify", "--allow-dirty"]).current_dir(&own).run()
    };
    for (token, says) in [("nonsense", "401"), (&foreign, "403")] {
        with(token);
        publish().failure().says(says);
    }
    with(&token);
    publish().success();
    // What cargo sees in the index, it does not send; what is archived it does not see.
    publish().failure().says("already exists");
    let archive = format!("package/versions/update_status?domain={DOMAIN}&repository=team&format=cargo&package=own");
    let body = json!({ "versions": ["0.1.0"], "targetStatus": "Archived" }).to_string();
    assert_eq!(service.call("POST", &archive, &body).status, 200);
    publish().failure().says("409").says("Archived");
    service.stop().success();
}
