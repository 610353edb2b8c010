//! Hostile and foreign URLs: no token, and not a packet.
//!
//! The helper has a good token for the domain at hand all the while; whatever it gives out here it gives to a stranger.

use std::{collections::BTreeSet, time::Duration};

use tests::{
    Program, Sandbox, ScriptedControlPlane, conversation,
    programs::find,
};

const HOST: &str = "acme-111122223333.d.codeartifact.us-east-1.amazonaws.com";
const DUAL: &str = "acme-111122223333.codeartifact.us-east-1.on.aws";

/// Something before, after or inside a good host, which stands for `HOST`.
const FRAMES: &[&str] = &[
    "HOST.example.com",
    "HOST.evil",
    "HOST.amazonaws.com.evil.example",
    "HOST-evil.example",
    "HOSTevil.example",
    "HOST.",
    "HOST..",
    ".HOST",
    "-HOST",
    "HOST%2eevil.example",
    "HOST%00.evil.example",
    "HOST%0d%0aevil.example",
    "HOST\u{0}.evil.example",
    "HOST\t.evil.example",
    "HOST\n.evil.example",
    "HOST\r.evil.example",
    "HOST\u{85}.evil.example",
    "HOST\u{2028}.evil.example",
    "HOST .evil.example",
    "HOST\\.evil.example",
    "HOST\\@evil.example",
    "HOST@evil.example",
    "HOST%40evil.example",
    "HOST:pass@evil.example",
    "HOST#@evil.example",
    "HOST?@evil.example",
    "HOST;evil.example",
    "HOST,evil.example",
    "HOST&evil.example",
    "evil.example\\HOST",
    "evil.example%2fHOST",
    "evil.example?HOST",
    "evil.example#HOST",
    "evil.example:443#HOST",
    "user:password@HOST",
    "aws:password@HOST",
    "root@HOST",
    "@HOST",
    "aws@aws@HOST",
    "evil.example@HOST",
    "[HOST]",
    "HOST:",
    "HOST:0",
    "HOST:80",
    "HOST:444",
    "HOST:8443",
    "HOST:65536",
    "HOST:-1",
    "HOST:443evil",
    "HOST:443:443",
];

/// One part of a good host changed, doubled or missing.
const CHANGES: &[(&str, &str)] = &[
    ("codeartifact", "codeartifacts"),
    ("codeartifact", "code-artifact"),
    ("codeartifact", "codeartifac"),
    ("codeartifact", "codeart1fact"),
    ("codeartifact", "codeartifact.codeartifact"),
    ("codeartifact", "evil"),
    ("codeartifact", "cod\u{435}artifact"),
    ("codeartifact", "codeartifa\u{441}t"),
    ("codeartifact", "code\u{ad}artifact"),
    ("codeartifact", "code\u{200b}artifact"),
    ("codeartifact", "\u{ff43}odeartifact"),
    ("codeartifact", "xn--codeartifact-abc"),
    ("codeartifact.", "codeartifact\u{3002}"),
    ("codeartifact.", "codeartifact\u{ff0e}"),
    ("codeartifact.", "codeartifact\u{ff61}"),
    ("codeartifact.", "codeartifact%2e"),
    ("codeartifact.", "codeartifact%2E"),
    ("codeartifact.", "codeartifact.."),
    ("codeartifact.", "codeartifact."),
    ("us-east-1", "us-east-1.evil"),
    ("us-east-1", "us_east_1"),
    ("us-east-1", ""),
    ("us-east-1", "us-east-1/"),
    ("us-east-1", "us east 1"),
    ("us-east-1", "us-east-1%2f"),
    ("us-east-1", "us-\u{435}ast-1"),
    ("us-east-1", "cn-north-1"),
    ("111122223333", "11112222333"),
    ("111122223333", "1111222233334"),
    ("111122223333", "11112222333a"),
    ("111122223333", "\u{661}11122223333"),
    ("111122223333", "\u{ff11}11122223333"),
    ("111122223333", "1111-2222-3333"),
    ("111122223333", "+11122223333"),
    ("111122223333", ""),
    ("-111122223333", "111122223333"),
    ("-111122223333", ".111122223333"),
    ("-111122223333", "_111122223333"),
    ("-111122223333", "%2d111122223333"),
    ("-111122223333", "\u{2010}111122223333"),
    ("-111122223333", "\u{ff0d}111122223333"),
    ("acme-", "-"),
    ("acme-", ""),
    ("acme-", "a-"),
    ("acme-", "acme_corp-"),
    ("acme-", "1acme-"),
    ("acme-", "acme.evil-"),
    ("acme-", "*-"),
    ("acme-", "acme%20-"),
    ("acme-", "acm\u{435}-"),
    ("acme-", "acme\u{0}-"),
    ("acme-", "acme--"),
    ("acme-", "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxy-"),
];

/// Shapes that mix what does not go together, and hosts that are somebody else's.
const OTHER_HOSTS: &[&str] = &[
    "acme-111122223333.codeartifact.us-east-1.amazonaws.com",
    "acme-111122223333.d.codeartifact.us-east-1.on.aws",
    "acme-111122223333.d.codeartifact.us-east-1.amazonaws.com.cn",
    "acme-111122223333.d.codeartifact.cn-north-1.amazonaws.com",
    "acme-111122223333.d.codeartifact.us-east-1.amazonaws.org",
    "acme-111122223333.d.codeartifact.us-east-1.amazonaws.co",
    "acme-111122223333.d.codeartifact.us-east-1.amazonaws.com.com",
    "acme-111122223333.d.codeartifact.us-east-1.amazonaws.comm",
    "acme-111122223333.d.codeartifact.us-east-1.amazonawscom",
    "acme-111122223333.d.codeartifact.us-east-1.amazon.com",
    "acme-111122223333.d.codeartifact.us-east-1.aws",
    "acme-111122223333.codeartifact.us-east-1.on.aws.com",
    "acme-111122223333.codeartifact.us-east-1.on-aws",
    "acme-111122223333.codeartifact.us-east-1.onaws",
    "acme-111122223333.codeartifact.us-east-1.on.awss",
    "acme-111122223333.codeartifact.us-east-1.off.aws",
    "acme-111122223333.d.d.codeartifact.us-east-1.amazonaws.com",
    "acme-111122223333.e.codeartifact.us-east-1.amazonaws.com",
    "acme-111122223333.d.s3.us-east-1.amazonaws.com",
    "acme-111122223333.d.execute-api.us-east-1.amazonaws.com",
    "acme-111122223333.d.codeartifact.amazonaws.com",
    "acme-111122223333.d.us-east-1.codeartifact.amazonaws.com",
    "d.codeartifact.us-east-1.amazonaws.com",
    "codeartifact.us-east-1.amazonaws.com",
    "us-east-1.amazonaws.com",
    "amazonaws.com",
    "on.aws",
    "d",
    "",
    " ",
    ".",
    "*",
    "*.amazonaws.com",
    "s3.amazonaws.com",
    "acme-111122223333.s3.amazonaws.com",
    "abcdef1234.execute-api.us-east-1.amazonaws.com",
    "ec2-203-0-113-25.compute-1.amazonaws.com",
    "111122223333.dkr.ecr.us-east-1.amazonaws.com",
    "packages.example.com",
    "registry.example.org",
    "git.example.net",
    "localhost",
    "metadata.example.internal",
    "169.254.169.254",
    "169.254.170.2",
    "192.0.2.1",
    "[2001:db8::1]",
    "[::]",
    "0.0.0.0",
];

/// Schemes that are not `https` over a sparse index.
const SCHEMES: &[&str] = &[
    "http",
    "ftp",
    "file",
    "ssh",
    "ws",
    "wss",
    "javascript",
    "data",
    "gopher",
    "httpss",
    "HTTPSX",
    "",
    "git",
    "git+https",
    "registry+https",
    "sparse+http",
    "sparse+ftp",
    "sparse+file",
    "sparse+sparse+https",
    "sparse",
    "s3",
];

/// What may stand before a good host and is no `https://`.
const STARTS: &[&str] = &[
    "https:",
    "https:/",
    "https:///",
    "https:////",
    "https:\\\\",
    "https:/\\",
    "//",
    "///",
    "\\\\",
    "",
    "/",
    "https//",
    "https;//",
    "https ://",
    " https://",
    "\thttps://",
    "\nhttps://",
    "https://\\",
    "https:// ",
    "https://\t",
    "sparse+",
    "sparse+//",
    "sparse+https:",
    "sparse+https:/",
    "sparse+https:///",
    "sparse+ https://",
    "sparse +https://",
    "\u{feff}https://",
    "https\u{ff1a}//",
];

/// The loopback address in force, spelled or placed otherwise: only the exact text is ours. `PORT` is the port in force,
/// `OTHER` another.
const AUTHORITIES: &[&str] = &[
    "127.0.0.1:OTHER",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:80",
    "127.0.0.1:0",
    "127.0.0.1:PORT0",
    "127.0.0.1:0PORT",
    "127.0.0.1:+PORT",
    "127.0.0.1: PORT",
    "127.0.0.1.:PORT",
    "127.0.0.1.example.com:PORT",
    "localhost:PORT",
    "LOCALHOST:PORT",
    "localhost.:PORT",
    "127.0.0.2:PORT",
    "127.1:PORT",
    "127.0.1:PORT",
    "0x7f.1:PORT",
    "0x7f000001:PORT",
    "0177.0.0.1:PORT",
    "127.0.0.01:PORT",
    "2130706433:PORT",
    "[::1]:PORT",
    "[::ffff:127.0.0.1]:PORT",
    "[::ffff:7f00:1]:PORT",
    "[127.0.0.1]:PORT",
    "0.0.0.0:PORT",
    "0:PORT",
    "\u{ff11}27.0.0.1:PORT",
    "127\u{3002}0.0.1:PORT",
    "127%2e0.0.1:PORT",
    "127.0.0.1:PORT@evil.example",
    "127.0.0.1:PORT.evil.example",
    "127.0.0.1:PORT\\@evil.example",
    "127.0.0.1:PORT#@evil.example",
    "127.0.0.1:PORT?@evil.example",
    "user:password@127.0.0.1:PORT",
    "evil.example@127.0.0.1:PORT",
    "@127.0.0.1:PORT",
    "127.0.0.1:PORT\t",
    "127.0.0.1:PORT\n",
    "127.0.0.1:PORT\r",
    "127.0.0.1:PORT\u{0}",
    "127.0.0.1:PORT%00",
    "evil.example",
    "evil.example:PORT",
    "acme-111122223333.d.codeartifact.us-east-1.amazonaws.com:PORT",
];

/// Paths at the right address that name no repository.
const PATHS: &[&str] = &[
    "",
    "/",
    "/d",
    "/d/",
    "/d/acme",
    "/d/acme/",
    "/d/acme/cargo/team/",
    "/d/acme-111122223333",
    "/d/acme-111122223333/",
    "/d/acme-111122223333/cargo",
    "/d/acme-11112222333/cargo/team/",
    "/d/acme-1111222233334/cargo/team/",
    "/d/acme-11112222333a/cargo/team/",
    "/d/-111122223333/cargo/team/",
    "/d/a-111122223333/cargo/team/",
    "/d/Acme_Corp-111122223333/cargo/team/",
    "/d/acme-111122223333/crates/team/",
    "/d/acme-111122223333/CARGO/team/",
    "/d/acme-111122223333//cargo/team/",
    "//d/acme-111122223333/cargo/team/",
    "/x/acme-111122223333/cargo/team/",
    "/d/../d/acme-111122223333/cargo/team/",
    "/d/./acme-111122223333/cargo/team/",
    "/d/%2e%2e/acme-111122223333/cargo/team/",
    "/d%2facme-111122223333/cargo/team/",
    "/d/acme%2d111122223333/cargo/team/",
    "/d/acme-111122223333/cargo/te%2fam/",
    "/d/acme-111122223333/cargo/te am/",
    "/d/acme-111122223333/cargo/-team/",
    "/d/acme-111122223333/cargo/te\u{0}am/",
    "/d/acme-111122223333/cargo/te\nam/",
    "/d/acme-111122223333/cargo/te\\am/",
    "\\d\\acme-111122223333\\cargo\\team\\",
    "/cargo/team/",
    "/v1/authorization-token",
    "?/d/acme-111122223333/cargo/team/",
    "#/d/acme-111122223333/cargo/team/",
];

/// Hosts that are not the service's.
fn hosts() -> Vec<String> {
    let mut hosts: Vec<String> = OTHER_HOSTS.iter().map(ToString::to_string).collect();
    for good in [HOST, DUAL] {
        hosts.extend(FRAMES.iter().map(|frame| frame.replace("HOST", good)));
        let changed = CHANGES.iter().map(|(from, to)| good.replacen(from, to, 1));
        hosts.extend(changed.filter(|changed| changed != good));
    }
    hosts
}

/// Whole URLs around a good host, or around the good loopback address, that are not what they seem.
fn urls(address: &str) -> BTreeSet<String> {
    let port: u16 = address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("an address has a port");
    let mut urls: Vec<String> = hosts().iter().map(|host| format!("sparse+https://{host}/cargo/team/")).collect();
    urls.extend(SCHEMES.iter().map(|scheme| format!("{scheme}://{HOST}/cargo/team/")));
    urls.extend(STARTS.iter().map(|start| format!("{start}{HOST}/cargo/team/")));
    urls.extend(AUTHORITIES.iter().map(|authority| {
        let authority = authority.replace("PORT", &port.to_string()).replace("OTHER", &(port ^ 1).to_string());
        format!("sparse+http://{authority}/d/acme-111122223333/cargo/team/")
    }));
    urls.extend(["https", "ftp", "ws", "file", "httpx"].map(|scheme| {
        format!("sparse+{scheme}://{address}/d/acme-111122223333/cargo/team/")
    }));
    urls.extend(PATHS.iter().map(|path| format!("sparse+http://{address}{path}")));
    let no_urls = ["", " ", "\n", "\u{0}", "acme", "null", "sparse+", "sparse+https", "sparse+https://", "https://", "://"];
    urls.extend(no_urls.map(str::to_owned));
    urls.push("a".repeat(20_000));
    urls.push(format!("sparse+https://{}/cargo/team/", "a.".repeat(4_000)));
    urls.push(format!("sparse+https://{HOST}/cargo/{}/", "t".repeat(9_000)));
    urls.into_iter().collect()
}

/// A sandbox with a token of AWS's and one of a service on loopback at rest: there is something to steal.
fn armed(sandbox: &Sandbox) -> (ScriptedControlPlane, String) {
    let secret = format!("eyJ2ZXIiOjF9.hostile.{}", "n3Vt8YqKd6Rw".repeat(24));
    sandbox.set("CODEARTIFACT_STORE", "file");
    sandbox.may_hold_secrets("state");
    sandbox.write("config/codeartifact/config.toml", "trusted-owners = [\"111122223333\"]\n");
    sandbox.guard_token(&secret);

    let good = format!("sparse+https://{HOST}/cargo/team/");
    sandbox.plant(&good, &secret, Duration::ZERO);
    assert_eq!(conversation::only_token(&conversation::asked(sandbox, [&*good]).run().success()), secret);

    let plane = ScriptedControlPlane::issuing(&secret);
    sandbox.point_at(&plane.url());
    let index = plane.cargo_index("acme", "team");
    assert_eq!(conversation::only_token(&conversation::asked(sandbox, [&*index]).run().success()), secret);
    (plane, secret)
}

/// Asks for every URL and checks that each gets its own refusal, without a packet.
fn refuses_all(sandbox: &Sandbox, urls: &[String], secret: &str, change: impl Fn(Program) -> Program) {
    let strace = find("strace");
    let mut rest = urls;
    while !rest.is_empty() {
        // A conversation of a length cargo could have.
        let batch = &rest[..rest.len().min(24)];
        let asked = change(conversation::asked(sandbox, batch.iter().map(String::as_str)));
        let outcome = match &strace {
            Some(strace) => {
                let (outcome, trace) = asked.traced(strace, "network,execve");
                assert!(trace.network().is_empty(), "{:?} for one of {:.2000?}", trace.network(), batch.concat());
                let programs = trace.of("execve").filter(|call| call.text.contains("= 0")).count();
                assert_eq!(programs, 1, "no other program is started for {:.2000?}", batch.concat());
                outcome
            }
            None => asked.run(),
        };
        assert!(!outcome.stdout().contains(secret), "a token for one of {:.2000?}", batch.concat());
        let answers = conversation::answers(&outcome);
        // What is no request at all ends the conversation; cargo does not send such things.
        assert!(!answers.is_empty() && answers.len() <= batch.len(), "{}", outcome.show());
        assert!(answers.len() == batch.len() || outcome.code() == Some(1), "{}", outcome.show());
        for (url, answer) in batch.iter().zip(&answers) {
            assert_eq!(conversation::token(answer), None, "{url:.200?}");
            assert!(conversation::error_kind(answer).is_some(), "{url:.200?}: {answer}");
        }
        rest = &rest[answers.len()..];
    }
}

#[test]
fn no_url_but_ours_gets_a_token_or_causes_a_packet() {
    let sandbox = Sandbox::new();
    let (plane, secret) = armed(&sandbox);
    let address = plane.url().strip_prefix("http://").expect("the plane speaks http").to_owned();
    let urls: Vec<String> = urls(&address).into_iter().collect();
    assert!(urls.len() > 300, "{} URLs", urls.len());
    let connections = plane.connections();
    refuses_all(&sandbox, &urls, &secret, |asked| asked);
    assert_eq!(plane.connections(), connections, "nothing was sent to the service either");
    // Without the override AWS's hosts are ours, and those that look like them are put to the test.
    refuses_all(&sandbox, &urls, &secret, |asked| asked.without_var("AWS_ENDPOINT_URL_CODEARTIFACT"));
    println!("{} URLs refused", urls.len());
}

#[test]
fn foreign_registries_are_left_to_the_next_provider() {
    let sandbox = Sandbox::new();
    let (_plane, _) = armed(&sandbox);
    let foreign = [
        "sparse+https://packages.example.com/index/",
        "https://git.example.org/index",
        "sparse+https://111122223333.dkr.ecr.us-east-1.amazonaws.com/cargo/team/",
        "sparse+http://127.0.0.1:1/index/",
    ];
    let outcome = conversation::asked(&sandbox, foreign).run();
    for (url, answer) in foreign.iter().zip(conversation::answers(&outcome)) {
        assert_eq!(conversation::error_kind(&answer), Some("url-not-supported"), "{url}");
    }
}

#[test]
fn a_token_of_one_service_is_not_for_another() {
    let sandbox = Sandbox::new();
    let (plane, secret) = armed(&sandbox);
    let index = plane.cargo_index("acme", "team");
    let other = ScriptedControlPlane::start(|_| tests::ScriptedAnswer::Cut);
    // The same URL under another override, and under none: not ours, and not a word to either service.
    let before = plane.token_requests();
    let elsewhere = conversation::asked(&sandbox, [&*index]).var("AWS_ENDPOINT_URL_CODEARTIFACT", other.url()).run();
    let nowhere = conversation::asked(&sandbox, [&*index]).without_var("AWS_ENDPOINT_URL_CODEARTIFACT").run();
    for outcome in [elsewhere, nowhere] {
        assert!(!outcome.stdout().contains(&secret), "{}", outcome.show());
        assert!(conversation::error_kind(&conversation::answers(&outcome)[0]).is_some(), "{}", outcome.show());
    }
    assert_eq!((plane.token_requests(), other.token_requests()), (before, 0));

    // A file of the project cannot lead anywhere: only the user's own settings do.
    sandbox.write("work/codeartifact.toml", format!("[service]\nendpoint-url = \"{}\"\n", other.url()));
    sandbox.write("work/.aws/config", format!("[default]\nendpoint_url = {}\n", other.url()));
    let rogue = other.cargo_index("acme", "team");
    let outcome = conversation::asked(&sandbox, [&*rogue]).run();
    assert!(conversation::error_kind(&conversation::answers(&outcome)[0]).is_some(), "{}", outcome.show());
    assert_eq!(other.connections(), 0);
}

#[test]
fn what_is_no_request_gets_an_answer_and_no_token() {
    let sandbox = Sandbox::new();
    let (plane, secret) = armed(&sandbox);
    let index = plane.cargo_index("acme", "team");
    let connections = plane.connections();
    let nested = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    for line in [
        "",
        "\n",
        "get\n",
        "{}\n",
        "null\n",
        "[]\n",
        "{\"v\":1}\n",
        "{\"v\":1,\"kind\":\"get\"}\n",
        "{\"v\":1,\"registry\":{},\"kind\":\"get\",\"operation\":\"read\"}\n",
        "{\"v\":1,\"registry\":{\"index-url\":7},\"kind\":\"get\",\"operation\":\"read\"}\n",
        &conversation::get(&index).replace("\"v\":1", "\"v\":2"),
        &conversation::get(&index).replace("\"v\":1", "\"v\":\"1\""),
        &conversation::get(&index).replace("\"get\"", "\"steal\""),
        &conversation::get(&index)[..40],
        "\u{0}\n",
        &nested,
    ] {
        let outcome = sandbox.helper(&["--cargo-plugin"]).stdin(line).run();
        assert!(outcome.code().is_some_and(|code| code != 101), "no panic for {line:.60?}: {}", outcome.show());
        assert!(!outcome.stdout().contains(&secret), "{line:.60?}: {}", outcome.show());
        for answer in conversation::answers(&outcome) {
            assert!(conversation::error_kind(&answer).is_some(), "{line:.60?}: {answer}");
        }
    }
    assert_eq!(plane.connections(), connections);
}
