//! The folder to copy for a new client is compiled here, so that it cannot rot.

use clients::Client;
use clients::settings::{Goal, Level, Places, Role};

use crate::completeness::HEADINGS;
use crate::editing::{HELPER, LINKS, endpoint};
use crate::{crate_dir, names_in};

#[path = "../../template/mod.rs"]
mod name;

#[test]
fn the_template_is_a_client() {
    let client: &Client = &name::CLIENT;
    assert!(client.protocol.is_some());
    let endpoint = endpoint(client.format, "my-team-repo");
    let region = "us-east-1".parse().unwrap();
    let goal = Goal {
        level: Level::User,
        endpoint: &endpoint,
        name: None,
        role: Role::Default,
        scopes: &[],
        region: &region,
        helper: HELPER.as_ref(),
        links: LINKS.as_ref(),
    };
    let places = Places { home: Some("/home/dev".as_ref()), project: "/project".as_ref(), variable: &|_| None };
    let files = client.settings.unwrap().files(&goal, &places).unwrap();
    let edit = client.settings.unwrap().edit(&goal, &files[0], None).unwrap();
    let again = client.settings.unwrap().edit(&goal, &files[0], Some(edit.after.as_bytes())).unwrap();
    assert!(!edit.is_empty() && again.is_empty());
    let headings: Vec<_> = client.page.lines().filter(|line| line.starts_with("## ")).collect();
    assert_eq!(headings, HEADINGS);
}

#[test]
fn the_template_has_what_every_client_needs() {
    let template = crate_dir().join("template");
    for (folder, names) in [
        ("", vec!["fixtures", "mod.rs", "page.md", "protocol.rs", "settings.rs"]),
        ("fixtures/protocol", vec!["denied.transcript", "not-mine.transcript", "read.transcript"]),
        ("fixtures/settings", vec!["already-configured", "empty", "foreign"]),
    ] {
        assert_eq!(names_in(&template.join(folder)), names, "template/{folder}");
    }
}
