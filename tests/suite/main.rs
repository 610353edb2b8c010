//! Journeys through the whole product with the real clients, one file each.

#![expect(clippy::print_stdout, reason = "a test says what it leaves out where the harness looks")]

macro_rules! journeys {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*
        const JOURNEYS: &[&str] = &[$(stringify!($name)),*];
    };
}

journeys!(
    aws_login,
    accounts,
    bad_input,
    bazel_and_curl,
    cargo_publish_promote,
    cargo_refused,
    configure,
    configure_dotnet_ruby_swift,
    configure_javascript,
    configure_python,
    configure_jvm,
    conformance,
    crash,
    doctor,
    exec,
    gradle,
    gradle_on_demand,
    hostile,
    javascript,
    leak,
    links,
    maven,
    maven_on_demand,
    npm,
    nuget,
    nuget_on_demand,
    package_groups,
    policies,
    projects,
    protocols,
    proxy,
    pypi,
    python_clients,
    quickstart,
    renewal,
    ruby,
    sbt,
    sbt_on_demand,
    sdks,
    seeds_aws_cli,
    seeds_lifecycle,
    seeds_packages,
    seeds_rows,
    shell_init,
    sign_in,
    static_and_small,
    stampede,
    stores,
    tls,
    tree
);

/// A journey that is not listed would never run.
#[test]
fn every_journey_is_listed() {
    let folder = tests::programs::workspace().join("tests/suite");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = files
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "main")
        .collect();
    names.sort();
    let mut listed = JOURNEYS.to_vec();
    listed.sort_unstable();
    assert_eq!(names, listed);
}
