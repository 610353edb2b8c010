//! Where a token is looked for and must not be.

use std::{fs, io::Read as _, io::Write as _};

use crate::support::*;

#[test]
fn a_token_is_on_standard_output_and_in_its_store_alone() {
    let machine = Machine::new();
    machine.store_token();
    let Some((output, trace)) = traced(&machine, "all", &[HELPER, "--cargo-plugin"], &request(URL)) else { return };
    assert!(String::from_utf8_lossy(&output.stdout).contains(TOKEN));
    assert!(!String::from_utf8_lossy(&output.stderr).contains(TOKEN));
    for line in trace.lines().filter(|line| line.contains(TOKEN)) {
        let call = line.split_whitespace().nth(1).unwrap();
        assert!(call.starts_with("read(") || call.starts_with("write("), "{line}");
    }
    assert!(!trace.lines().filter(|line| line.contains("execve(")).any(|line| line.contains(TOKEN)));
    for (path, bytes) in machine.all_files() {
        let holds = bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
        let is_store = path.starts_with(machine.root.path().join("state"));
        assert!(!holds || is_store, "{} holds the token", path.display());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_running_program_leaves_no_core() {
    for program in [HELPER, FETCH] {
        let machine = Machine::new();
        let mut command = machine.command(program);
        command.arg("--cargo-plugin");
        let mut child = start(command);
        // The greeting says that it runs.
        let mut greeting = [0; 10];
        child.stdout.as_mut().unwrap().read_exact(&mut greeting).unwrap();
        let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        let numbers: Vec<_> = core.split_whitespace().skip(4).take(2).collect();
        assert_eq!(numbers, ["0", "0"], "{core}");
        let mut input = child.stdin.take().unwrap();
        input.write_all(request(FOREIGN).as_bytes()).unwrap();
        drop(input);
        assert!(child.wait().unwrap().success());
    }
}
