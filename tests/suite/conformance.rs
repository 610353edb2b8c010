//! The public service model, played against the embedded service: every operation with right and with wrong input.
//!
//! The driver is in `tests/conformance`, and the model is botocore's own, which comes with the AWS CLI.

use std::{path::PathBuf, time::Duration};

use tests::{
    Sandbox, Service,
    programs::{find, host, workspace},
};

/// A Python that has botocore: the one on `PATH`, or the one that `tests/run` puts beside the AWS CLI.
fn python(sandbox: &Sandbox) -> Option<PathBuf> {
    let places = [host().find_program("python3"), Some(workspace().join("target/tools/aws/bin/python3"))];
    let found = places.into_iter().flatten().filter(|python| python.exists()).find(|python| {
        let asked = sandbox.program(python).args(["-c", "import botocore.session"]).run();
        asked.code() == Some(0)
    });
    if found.is_none() {
        // Says that the CLI is missing, which brings the library; or that the library is.
        find("aws")?;
        assert!(host().var("TESTS_NEED_ALL").is_none(), "no python3 has botocore; `tests/run` installs it");
        println!("skipped: no python3 has botocore; `tests/run` installs it");
    }
    found
}

#[test]
fn every_operation_is_as_the_public_model_says() {
    let sandbox = Sandbox::new();
    let Some(python) = python(&sandbox) else { return };
    let service = Service::start(&sandbox);
    let driver = workspace().join("tests/conformance/driver.py");
    let played = sandbox
        .program(&python)
        .args(["-B".into(), driver, service.url().into()])
        .limit(Duration::from_mins(5))
        .run();
    let report = played.stdout();
    assert!(report.contains(" requests to 48 operations, "), "{}", played.show());

    let findings: Vec<_> = report.lines().filter(|line| !line.contains(" requests to ")).collect();
    assert!(findings.is_empty(), "{findings:#?}");
    println!("{}", report.lines().last().unwrap_or_default());
}
