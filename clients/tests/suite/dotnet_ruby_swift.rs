//! Edits of NuGet's, RubyGems', Bundler's and Swift's files, generated in every form: there, there again, and back.

use clients::find;
use proptest::prelude::*;

use crate::editing::{there_and_back, wishes};
use crate::json;
use crate::line_files::some;

/// How many of the generated files have to be edited, at least.
const LEAST: usize = 60;

/// Every wish of a client over every file; those that hold no settings (a script of ours) are left out.
#[expect(clippy::print_stderr, reason = "says how much was tested")]
fn go_there_and_back(client: &str, texts: &[String]) {
    let client = find(client).unwrap();
    let (mut edited, mut edits) = (0, 0);
    for text in texts {
        let before = edits;
        for wish in wishes(client) {
            for file in wish.files(client) {
                if file.candidates.iter().all(|path| path.extension().is_none_or(|end| end != "rb"))
                    && there_and_back(client, &wish, &file, text.as_bytes()).is_ok()
                {
                    edits += 1;
                }
            }
        }
        edited += usize::from(edits > before);
    }
    eprintln!("{}: {edited} of {} generated files, {edits} edits there and back", client.name, texts.len());
    assert!(edited >= LEAST, "only {edited} files were edited");
}

fn ruby_files(lines: &'static [&'static str]) -> impl Strategy<Value = String> {
    let lines = proptest::collection::vec(proptest::sample::select(lines), 0..7);
    let first = proptest::sample::select(&["", "---", "---", "# mine", "--- # mine"][..]);
    (first, lines, any::<bool>(), any::<bool>(), proptest::sample::select(&["", "\n", "\n\n", "\n# end\n"][..]))
        .prop_map(|(first, lines, crlf, mark, end)| {
            let mut text = [vec![first], lines].concat().join("\n") + end;
            if crlf {
                text = text.replace('\n', "\r\n");
            }
            if mark { format!("\u{feff}{text}") } else { text }
        })
}

#[test]
fn edits_of_gemrc_files_go_there_and_back() {
    const LINES: &[&str] = &[
        ":sources:\n- https://gems.example.com/\n- https://other.example.com/ # mine",
        ":sources:\n    - \"https://gems.example.com/\"",
        ":sources: ['https://gems.example.com/']",
        ":sources: []",
        ":sources:",
        ":backtrace: false",
        ":verbose: true # why",
        "gem: --no-document",
        "gem: \"--no-document --source https://gems.example.com/\"",
        "gem:",
        "install: --no-document\nupdate: --no-document",
        ":ssl_verify_mode: 0",
        "# comment",
        "",
        ":rubygems_api_key: REDACTED",
        ":gempath:\n- /a\n- /b",
    ];
    go_there_and_back("rubygems", &some(ruby_files(LINES), 200));
}

#[test]
fn edits_of_bundler_files_go_there_and_back() {
    const LINES: &[&str] = &[
        "BUNDLE_MIRROR__ALL: \"https://mirror.example.com/\"",
        "BUNDLE_MIRROR__ALL: https://mirror.example.com/ # mine",
        "BUNDLE_MIRROR__ALL:",
        "BUNDLE_MIRROR__ALL__FALLBACK_TIMEOUT: \"3\"",
        "BUNDLE_MIRROR__HTTPS://GEMS__EXAMPLE__COM/: \"https://mirror.example.com/\"",
        "BUNDLE_PATH: vendor/bundle",
        "BUNDLE_JOBS: 4",
        "BUNDLE_WITHOUT: \"development:test\"",
        "BUNDLE_GEM__TEST: 'it''s'",
        "BUNDLE_BUILD__PG: \"--with-pg-config=/usr/bin/pg_config\"",
        "# comment",
        "",
        "BUNDLE_GEMS__EXAMPLE__COM: \"me:REDACTED\"",
        "BUNDLE_WITH:\n- \"deploy\"\n- \"test\"",
    ];
    go_there_and_back("bundler", &some(ruby_files(LINES), 200));
}

#[test]
fn edits_of_registries_files_go_there_and_back() {
    go_there_and_back("swift", &some(json::files(), 400));
}

fn nuget_files() -> impl Strategy<Value = String> {
    const SECTIONS: &[&str] = &[
        "<packageSources>GAP<add key=\"public\" value=\"https://packages.example.com/v3/index.json\" />GAP</packageSources>",
        "<packageSources>GAP<clear />GAP<add key=\"a\" value=\"b\"/>GAP<add value='c' key='d&amp;e' protocolVersion=\"2\"></add>GAP</packageSources>",
        "<packageSources>GAP<!-- none -->GAP</packageSources>",
        "<packageSources>GAP<add key=\"My-Team-Repo\" value=\"https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/nuget/my-team-repo/v3/index.json\" />GAP<add key=\"x\" value=\"y\" /> <clear/>GAP</packageSources>",
        "<packageSources />",
        "<disabledPackageSources>GAP<add key=\"public\" value=\"true\" />GAP</disabledPackageSources>",
        "<disabledPackageSources>GAP<add key=\"my-team-repo\" value=\"true\" />GAP</disabledPackageSources>",
        "<disabledPackageSources><clear /></disabledPackageSources>",
        "<packageSourceMapping>GAP<packageSource key=\"public\">GAP<package pattern=\"*\" />GAP</packageSource>GAP</packageSourceMapping>",
        "<packageSourceMapping>GAP<packageSource key=\"my-team-repo\">GAP<package pattern=\"Old.*\" />GAP</packageSource>GAP</packageSourceMapping>",
        "<packageSourceCredentials>GAP<my-team-repo>GAP<add key=\"Username\" value=\"aws\" />GAP<add key=\"ClearTextPassword\" value=\"REDACTED\" />GAP</my-team-repo>GAP</packageSourceCredentials>",
        "<config>GAP<add key=\"globalPackagesFolder\" value='C:\\packages' />GAP</config>",
        "<packageRestore><add key=\"enabled\" value=\"True\" /></packageRestore>",
        "<!-- mine: <packageSources> -->",
    ];
    let prolog = proptest::sample::select(&["", "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n", "<!-- mine -->\n"][..]);
    let gap = proptest::sample::select(&["", "\n", "\n  ", "\n\t", "\n\n    "][..]);
    let sections = proptest::collection::vec(proptest::sample::select(SECTIONS), 0..5);
    let end = proptest::sample::select(&["", "\n", "\n\n", "\n<!-- end -->"][..]);
    (prolog, gap, sections, end, any::<bool>(), any::<bool>()).prop_map(|(prolog, gap, sections, end, crlf, mark)| {
        let inner: String = sections.iter().map(|section| [gap, &section.replace("GAP", gap)].concat()).collect();
        let mut text = [prolog, "<configuration>", &inner, gap, "</configuration>", end].concat();
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        if mark { format!("\u{feff}{text}") } else { text }
    })
}

#[test]
fn edits_of_nuget_files_go_there_and_back() {
    go_there_and_back("nuget", &some(nuget_files(), 200));
}
