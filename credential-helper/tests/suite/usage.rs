//! What people see who start the program themselves.

use crate::support::*;

#[test]
fn what_selects_no_protocol_is_told_which_there_are() {
    let machine = Machine::new();
    for (args, text) in [
        (&[][..], "Usage:"),
        (&["carg\u{1b}o"][..], "error: `carg\\u{1b}o` is no protocol"),
        (&["--resume"][..], "`--resume` is for programs"),
    ] {
        for program in [HELPER, FETCH] {
            let mut command = machine.command(program);
            command.args(args);
            let output = run(command, "");
            assert_eq!(output.status.code(), Some(2));
            assert!(output.stdout.is_empty());
            let shown = String::from_utf8(output.stderr).unwrap();
            assert!(shown.contains(text) && shown.contains("  cargo  "), "{shown}");
        }
    }
}

#[test]
fn protocols_version_and_help_are_printed() {
    let machine = Machine::new();
    for (arg, text) in [("list", "  Cargo's"), ("--version", env!("CARGO_PKG_VERSION")), ("--help", "Usage:")] {
        let mut command = machine.command(HELPER);
        command.arg(arg);
        let output = run(command, "");
        assert!(output.status.success() && output.stderr.is_empty());
        assert!(String::from_utf8(output.stdout).unwrap().contains(text));
    }
}

#[test]
fn a_link_s_name_selects_the_protocol() {
    let machine = Machine::new();
    machine.store_token();
    let link = machine.root.path().join("cargo-credential-codeartifact");
    std::os::unix::fs::symlink(HELPER, &link).unwrap();
    let output = run(machine.command(link), request(URL));
    assert_eq!(answers(&output)[1]["Ok"]["token"], TOKEN);
}
