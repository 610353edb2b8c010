//! What is answered without the other program.

use crate::support::*;

#[test]
fn a_stored_token_is_the_answer() {
    let machine = Machine::new();
    machine.store_token();
    let helper = machine.copy_of_helper();
    for first in ["--cargo-plugin", "cargo"] {
        let mut command = machine.command(&helper);
        command.arg(first);
        let output = run(command, request(URL) + &request(FOREIGN) + &request(URL));
        let answers = answers(&output);
        assert_eq!(answers[0]["v"][0], 1);
        assert_eq!(answers[1]["Ok"]["token"], TOKEN);
        assert_eq!(answers[1]["Ok"]["operation_independent"], true);
        assert_eq!(answers[2]["Err"]["kind"], "url-not-supported");
        assert_eq!(answers[3], answers[1]);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
}

/// The names of the calls in a trace of lines `PID NAME(…`; what they were called with may hold any word.
fn calls(trace: &str) -> Vec<&str> {
    trace.lines().filter_map(|line| line.split_whitespace().nth(1)?.split_once('(')).map(|(name, _)| name).collect()
}

#[test]
fn a_stored_token_costs_no_thread_no_socket_and_no_other_program() {
    let machine = Machine::new();
    machine.store_token();
    let Some((output, trace)) = traced(&machine, "all", &[HELPER, "--cargo-plugin"], &request(URL)) else { return };
    assert_eq!(answers(&output)[1]["Ok"]["token"], TOKEN);
    let called = calls(&trace);
    for call in ["clone", "clone3", "fork", "vfork", "socket", "connect", "epoll_create1", "eventfd2"] {
        assert!(!called.contains(&call), "{call} was called");
    }
    assert_eq!(called.iter().filter(|call| **call == "execve").count(), 1);
}

#[test]
fn foreign_urls_cause_no_network_call_no_other_program_and_no_look_into_a_store() {
    let machine = Machine::new();
    machine.store_token();
    let Some((output, trace)) = traced(&machine, "all", &[HELPER, "--cargo-plugin"], &request(FOREIGN)) else { return };
    assert_eq!(answers(&output)[1]["Err"]["kind"], "url-not-supported");
    let called = calls(&trace);
    for call in ["socket", "connect", "clone", "clone3", "fork", "vfork"] {
        assert!(!called.contains(&call), "{call} was called:\n{trace}");
    }
    assert_eq!(called.iter().filter(|call| **call == "execve").count(), 1);
    let tokens = machine.root.path().join("state").display().to_string();
    let opened = trace.lines().filter(|line| line.contains("open") && line.contains(&tokens)).count();
    assert_eq!(opened, 0, "a store was opened:\n{trace}");
}

#[test]
fn garbage_is_answered_and_ends_the_conversation() {
    let machine = Machine::new();
    for garbage in ["garbage\n", "{\n", "null\n", "\0\0\0\n", "[[[[[[[[\n", "{\"v\":1}\n", &"[".repeat(5_000)] {
        let mut command = machine.command(HELPER);
        command.arg("--cargo-plugin");
        let output = run(command, garbage);
        assert_eq!(output.status.code(), Some(1), "{garbage:?}");
        let answers = answers(&output);
        assert_eq!(answers.len(), 2, "{garbage:?}");
        assert_eq!(answers[1]["Err"]["kind"], "other", "{garbage:?}");
        assert!(output.stderr.is_empty());
    }
}

#[test]
fn bytes_that_are_no_text_are_answered_too() {
    let machine = Machine::new();
    let mut command = machine.command(HELPER);
    command.arg("--cargo-plugin");
    let output = run(command, b"\xff\xfe\x00{\"v\":1}\n");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(answers(&output)[1]["Err"]["kind"], "other");
}

/// Endless input, with and without line ends, in a tenth of the memory that a build takes anyway.
#[test]
fn endless_input_ends_in_bounded_memory() {
    let machine = Machine::new();
    for (source, reason) in
        [("yes", "not JSON"), ("yes | tr -d '\\n'", "longer than"), ("cat /dev/zero", "longer than")]
    {
        let mut command = machine.command("/bin/sh");
        // The limit is of address space, in KiB.
        command
            .args(["-c", &format!("ulimit -v 65536; {source} | '{HELPER}' --cargo-plugin")])
            .env("PATH", "/usr/bin:/bin");
        let output = run(command, "");
        assert_eq!(output.status.code(), Some(1), "{source}: {output:?}");
        let message = answers(&output)[1]["Err"]["message"].to_string();
        assert!(message.contains(reason), "{source}: {message}");
    }
}

#[test]
fn settings_that_cannot_be_used_are_the_reason_on_the_wire() {
    let machine = Machine::new().with("CODEARTIFACT_CONFIG", "/nowhere/config.toml");
    let mut command = machine.command(HELPER);
    command.arg("--cargo-plugin");
    let output = run(command, request(FOREIGN) + &request(URL));
    let answers = answers(&output);
    assert_eq!(answers[1]["Err"]["kind"], "url-not-supported");
    assert_eq!(answers[2]["Err"]["kind"], "other");
    let text = answers[2].to_string();
    assert!(text.contains("/nowhere/config.toml"), "{text}");
}

#[test]
fn streams_that_are_missing_count_as_empty() {
    let machine = Machine::new();
    let mut command = machine.command("/bin/sh");
    command.args(["-c", "exec \"$0\" --cargo-plugin <&- 2>&-", HELPER]);
    let output = run(command, "");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), b"{\"v\":[1]}\n".as_slice()), "{output:?}");
}
