//! What the stores do not have is the other program's to answer.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::mpsc,
};

use serde_json::json;

use crate::support::*;

/// Puts a script in the place of the other program.
fn write_sibling(helper: &Path, script: &str) {
    let sibling = helper.with_file_name("codeartifact-credential-helper-fetch");
    fs::write(&sibling, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&sibling, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_other_program_gets_the_request_at_hand_and_what_comes_after() {
    let machine = Machine::new();
    let helper = machine.copy_of_helper();
    write_sibling(&helper, "echo \"pid $$ args $*\"; echo begin; cat \"/dev/fd/$2\"; echo rest; cat");
    let mut command = machine.command(&helper);
    command.args(["--cargo-plugin", "--more"]);
    let mut child = start(command);
    let pid = child.id();
    let (mut input, mut output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let mut line = || {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        line
    };
    assert_eq!(line(), "{\"v\":[1]}\n");
    // Answered here, so not handed over.
    input.write_all(request(FOREIGN).as_bytes()).unwrap();
    assert_eq!(line(), "{\"Err\":{\"kind\":\"url-not-supported\"}}\n");
    // The request, with half of the next one read ahead.
    let next = request(URL).replace("read", "publish");
    let (half, other_half) = next.split_at(next.len() / 2);
    input.write_all((request(URL) + half).as_bytes()).unwrap();
    let first = line();
    assert!(first.starts_with(&format!("pid {pid} args --resume ")), "it became another process: {first}");
    assert!(first.ends_with(" cargo --more\n"), "{first}");
    assert_eq!(line(), "begin\n");
    input.write_all(other_half.as_bytes()).unwrap();
    drop(input);
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest.replace("rest\n", ""), request(URL) + &next);
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_other_program_s_status_is_the_status() {
    let machine = Machine::new();
    let helper = machine.copy_of_helper();
    write_sibling(&helper, "exit 7");
    let mut command = machine.command(&helper);
    command.arg("cargo");
    assert_eq!(run(command, request(URL)).status.code(), Some(7));
}

#[test]
fn a_missing_program_is_named_on_the_wire() {
    let machine = Machine::new().with("PATH", Path::new(FETCH).parent().unwrap().to_str().unwrap());
    let helper = machine.copy_of_helper();
    let mut command = machine.command(&helper);
    command.arg("--cargo-plugin");
    let output = run(command, request(URL) + &request(FOREIGN));
    let answers = answers(&output);
    assert_eq!(answers[1]["Err"]["kind"], "other");
    let causes = answers[1]["Err"]["caused-by"].to_string();
    let sibling = helper.canonicalize().unwrap().with_file_name("codeartifact-credential-helper-fetch");
    assert!(causes.contains(sibling.to_str().unwrap()), "{causes}");
    assert!(causes.contains("No such file"), "{causes}");
    // One failure is not the end of the conversation.
    assert_eq!(answers[2]["Err"]["kind"], "url-not-supported");
    assert!(output.status.success());
}

#[test]
fn a_program_that_cannot_be_run_is_named_on_the_wire() {
    let machine = Machine::new();
    let helper = machine.copy_of_helper();
    fs::write(helper.with_file_name("codeartifact-credential-helper-fetch"), "").unwrap();
    let mut command = machine.command(&helper);
    command.arg("--cargo-plugin");
    let answers = answers(&run(command, request(URL)));
    let causes = answers[1]["Err"]["caused-by"].to_string();
    assert!(causes.contains("credential-helper-fetch") && causes.contains("Permission denied"), "{causes}");
}

/// Just enough of the service to issue one token; says how often it was asked.
fn service(token: &'static str, expiration: u64) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (asked, requests) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let line = answer(&stream.unwrap(), token, expiration);
            if asked.send(line).is_err() {
                break;
            }
        }
    });
    (address, requests)
}

fn answer(mut stream: &TcpStream, token: &str, expiration: u64) -> String {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let mut header = String::new();
    while reader.read_line(&mut header).unwrap() > 2 {
        header.clear();
    }
    let body = json!({ "authorizationToken": token, "expiration": expiration }).to_string();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    first
}

#[test]
fn the_real_one_fetches_a_token_once_for_all() {
    let now = codeartifact::Host::of_process().now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let (address, requests) = service(TOKEN, now + 12 * 60 * 60);
    let machine = Machine::new().with("AWS_ENDPOINT_URL_CODEARTIFACT", &address);
    let url = format!("sparse+{address}/d/my-org-111122223333/cargo/my-team-repo/");
    let mut command = machine.command(HELPER);
    command.arg("--cargo-plugin");
    let output = run(command, request(FOREIGN) + &request(&url) + &request(&url).replace("read", "publish"));
    let first = answers(&output);
    assert_eq!(first.len(), 4, "{output:?}");
    assert_eq!(first[0]["v"][0], 1, "greeted once");
    assert_eq!(first[1]["Err"]["kind"], "url-not-supported");
    assert_eq!(first[2]["Ok"]["token"], TOKEN, "{output:?}");
    assert_eq!(first[3], first[2]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");

    let mut command = machine.command(HELPER);
    command.arg("--cargo-plugin");
    assert_eq!(answers(&run(command, request(&url)))[1], first[2]);

    let asked: Vec<_> = requests.try_iter().collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].starts_with("POST /v1/authorization-token?"), "{asked:?}");
    assert!(asked[0].contains("domain=my-org") && asked[0].contains("domain-owner=111122223333"), "{asked:?}");
}

#[test]
fn a_service_that_cannot_be_reached_is_the_reason_on_the_wire() {
    // A port that was free a moment ago, and that nothing listens on.
    let address = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let machine = Machine::new().with("AWS_ENDPOINT_URL_CODEARTIFACT", &address).with("AWS_MAX_ATTEMPTS", "1");
    let url = format!("sparse+{address}/d/my-org-111122223333/cargo/my-team-repo/");
    let mut command = machine.command(HELPER);
    command.arg("--cargo-plugin");
    let output = run(command, request(&url));
    let answers = answers(&output);
    assert_eq!(answers.len(), 2, "{output:?}");
    assert_eq!(answers[1]["Err"]["kind"], "other");
    assert!(answers[1]["Err"]["message"].as_str().unwrap().contains("GetAuthorizationToken"), "{}", answers[1]);
    assert!(answers[1].to_string().contains("refused"), "{}", answers[1]);
}
