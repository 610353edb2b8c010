use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use codeartifact::Trust;

use super::*;

const HOST: &str = "https://my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com";

/// The form, whose it is, and the text of a file.
type Row = (Form, Whose, &'static str);

fn look(rows: &[Row], variables: &[(&str, &str)]) -> Inspection {
    let documents: Vec<Document> = rows
        .iter()
        .enumerate()
        .map(|(number, (form, whose, text))| Document {
            location: Location { path: PathBuf::from(format!("/{number}")), form: *form, whose: *whose },
            text: text.replace("HOST", HOST),
        })
        .collect();
    let variables: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), value.replace("HOST", HOST))).collect();
    let now = UNIX_EPOCH + Duration::from_hours(500_000);
    inspect(&View { documents: &documents, variables: &variables, trust: &Trust::default(), now })
}

fn codes(rows: &[Row], variables: &[(&str, &str)]) -> Vec<&'static str> {
    let mut codes: Vec<_> = look(rows, variables).found.iter().map(|found| found.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

const CARGO: &str = "[registries.team]\nindex = \"sparse+HOST/cargo/team/\"\ncredential-provider = [\"/bin/h\"]\n";
const PIP: &str = "[global]\nindex-url = https://aws@my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com/pypi/team/simple/\n\
                   keyring-provider = subprocess\n";
const UV: &str = "keyring-provider = \"subprocess\"\n[[index]]\nname = \"team\"\nurl = \"HOST/pypi/team/simple/\"\n\
                  default = true\nauthenticate = \"always\"\n";
const MAVEN: &str = "<settings><servers><server><id>team</id><username>aws</username>\
                     <password>${env.CODEARTIFACT_AUTH_TOKEN}</password></server></servers>\
                     <mirrors><mirror><id>team</id><mirrorOf>*</mirrorOf><url>HOST/maven/team/</url></mirror></mirrors></settings>";
const NUGET: &str = "<configuration><packageSources><add key=\"team\" value=\"HOST/nuget/team/v3/index.json\" />\
                     </packageSources></configuration>";

#[test]
fn what_is_right_is_left_in_peace() {
    for row in [
        (Form::Cargo, CARGO),
        (Form::Npmrc, "registry=HOST/npm/team/\n@x:registry=HOST/npm/team/\n"),
        (
            Form::Npmrc,
            "//host/npm/:tokenHelper=/abs/helper\nregistry=HOST/npm/team/\n_authToken=${CODEARTIFACT_AUTH_TOKEN}\n",
        ),
        (Form::Pip, PIP),
        (Form::Uv, UV),
        (Form::Maven, MAVEN),
        (Form::Nuget, NUGET),
        (Form::Yarnrc, "npmRegistryServer: \"HOST/npm/team/\"\nnpmAlwaysAuth: true\n"),
        (Form::Pypirc, "[team]\nrepository = HOST/pypi/team/\nusername = aws\n"),
        (Form::Bundle, "---\nBUNDLE_JOBS: \"4\"\n"),
        (Form::Shell, "export PATH=/a:$PATH\n"),
        (Form::Netrc, "# nothing\n"),
        (Form::Properties, "org.gradle.jvmargs=-Xmx1g\nsystemProp.https.proxyHost=proxy\n"),
        (Form::Bunfig, "[install]\nregistry = \"HOST/npm/team/\"\n"),
    ] {
        let inspection = look(&[(row.0, Whose::User, row.1)], &[]);
        assert_eq!(inspection.found, [], "{}", row.1);
        assert_eq!(inspection.secrets, [], "{}", row.1);
    }
}

#[test]
fn the_setting_that_wins_is_named() {
    use Form::{Cargo, Maven, Npmrc, Nuget, Pip};
    let npmrc = "registry=HOST/npm/team/\n";
    let other = "registry=https://packages.example.com/npm/\n";
    let overridden = ["registry-overridden"];
    assert_eq!(codes(&[(Npmrc, Whose::Project, other), (Npmrc, Whose::User, npmrc)], &[]), overridden);
    assert_eq!(codes(&[(Npmrc, Whose::Project, npmrc), (Npmrc, Whose::User, other)], &[]), [""; 0]);
    assert_eq!(codes(&[(Npmrc, Whose::User, npmrc)], &[("NPM_CONFIG_Registry", "https://a.example.com/")]), overridden);
    assert_eq!(codes(&[(Pip, Whose::User, PIP)], &[("PIP_INDEX_URL", "https://a.example.com/simple/")]), overridden);
    let install = "[install]\nindex-url = https://a.example.com/simple/\n";
    assert_eq!(codes(&[(Pip, Whose::User, &*Box::leak(format!("{PIP}{install}").into_boxed_str()))], &[]), overridden);
    assert_eq!(codes(&[(Form::Uv, Whose::User, UV)], &[("UV_INDEX_URL", "https://a.example.com/simple/")]), overridden);
    assert_eq!(
        codes(&[(Cargo, Whose::User, CARGO)], &[("CARGO_REGISTRIES_TEAM_INDEX", "sparse+https://a.example.com/")]),
        overridden
    );
    let wide = "<settings><mirrors><mirror><id>x</id><mirrorOf>*</mirrorOf><url>https://a.example.com/</url></mirror>\
                <mirror><id>t</id><mirrorOf>*</mirrorOf><url>HOST/maven/team/</url></mirror></mirrors></settings>";
    assert_eq!(codes(&[(Maven, Whose::User, wide)], &[]), overridden);
    let clear = "<configuration><packageSources><clear /></packageSources></configuration>";
    assert_eq!(codes(&[(Nuget, Whose::Project, clear), (Nuget, Whose::User, NUGET)], &[]), overridden);
    let found = look(&[(Npmrc, Whose::Project, other), (Npmrc, Whose::User, npmrc)], &[]).found;
    assert_eq!(found[0].origin, Some(Origin::File { path: "/0".into(), line: 1 }));
}

/// A token as the service makes them: a header that may say its end, and more.
fn token(ends: Option<u64>) -> String {
    let ends = ends.map(|ends| format!(",\"exp\":{ends}")).unwrap_or_default();
    let header = format!("{{\"ver\":1,\"isu\":1700000000,\"enc\":\"A128GCM\",\"tag\":\"abcdefghijkl\"{ends}}}");
    let padded = format!("{header}{}", " ".repeat((3 - header.len() % 3) % 3));
    format!("{}.{}", base64(padded.as_bytes()), "Zz9_-".repeat(30))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let group = |chunk: &[u8]| {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        (0..4).map(move |place| char::from(LETTERS[(bits >> (18 - 6 * place) & 63) as usize])).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

#[test]
fn tokens_are_found_in_every_form_and_never_shown() {
    let live = token(Some(1_900_000_000));
    let ended = token(Some(1_700_043_200));
    let unsaid = token(None);
    for (form, text) in [
        (Form::Npmrc, "//h.example.com/npm/:_authToken=TOKEN\n"),
        (Form::Pip, "[global]\nindex-url = https://aws:TOKEN@h.example.com/simple/\n"),
        (Form::Pypirc, "[team]\nusername = aws\npassword = TOKEN\n"),
        (Form::Netrc, "machine h.example.com login aws password TOKEN\n"),
        (Form::Maven, "<settings><servers><server><password>TOKEN</password></server></servers></settings>"),
        (
            Form::Nuget,
            "<configuration><packageSourceCredentials><t><add key=\"ClearTextPassword\" value=\"TOKEN\" /></t></packageSourceCredentials></configuration>",
        ),
        (Form::Properties, "codeartifactToken=TOKEN\n"),
        (Form::Yarnrc, "npmAuthToken: \"TOKEN\"\n"),
        (Form::Bundle, "---\nBUNDLE_H__EXAMPLE__COM: \"aws:TOKEN\"\n"),
        (Form::Shell, "export CODEARTIFACT_AUTH_TOKEN=TOKEN\n"),
        (Form::CargoCredentials, "[registries.team]\ntoken = \"Bearer TOKEN\"\n"),
        (Form::PythonToml, "[http-basic.team]\nusername = \"aws\"\npassword = \"TOKEN\"\n"),
        (Form::UvCredentials, "[[credential]]\nservice = \"https://h.example.com\"\npassword = \"TOKEN\"\n"),
        (Form::Npmrc, "# //h.example.com/npm/:_authToken=TOKEN\n"),
    ] {
        for (secret, code) in [(&live, "token-in-file"), (&ended, "token-expired-in-file"), (&unsaid, "token-in-file")]
        {
            let text = Box::leak(text.replace("TOKEN", secret).into_boxed_str());
            let inspection = look(&[(form, Whose::User, text)], &[]);
            let codes: Vec<_> = inspection.found.iter().map(|found| found.code).collect();
            assert_eq!(codes, [code], "{form:?}");
            assert_eq!(inspection.secrets.len(), 1, "{form:?}");
            let shown = format!("{inspection:?}");
            assert!(!shown.contains(&secret[..40]), "{form:?} is shown");
        }
    }
    let basic = format!("_auth={}\n", crate::basic::authorization(&live).trim_start_matches("Basic "));
    assert_eq!(codes(&[(Form::Npmrc, Whose::User, Box::leak(basic.into_boxed_str()))], &[]), ["token-in-file"]);
    assert_eq!(codes(&[], &[("CODEARTIFACT_AUTH_TOKEN", &ended)]), ["environment-token-expired"]);
    assert_eq!(codes(&[], &[("CODEARTIFACT_AUTH_TOKEN", &live)]), [""; 0]);
}

#[test]
fn other_secrets_are_known_by_their_keys() {
    for (form, text) in [
        (Form::Npmrc, "//packages.example.com/:_authToken=npm_abcdef123456\n"),
        (Form::Netrc, "machine a.example.com\nlogin me\npassword hunter22\n"),
        (Form::Pypirc, "[a]\npassword: hunter22\n"),
        (Form::Maven, "<settings>\n<password>hunter22</password>\n</settings>"),
        (Form::Pip, "[global]\nindex-url = https://me:hunter22@a.example.com/\n"),
        (Form::Properties, "nexusPassword=hunter22\n"),
        (Form::Gem, ":rubygems_api_key: rubygems_0123456789\n"),
    ] {
        let inspection = look(&[(form, Whose::User, text)], &[]);
        assert_eq!(inspection.secrets.len(), 1, "{text}");
        assert_eq!(inspection.secrets[0].1.kind, SecretKind::Other, "{text}");
        assert_eq!(inspection.found, [], "{text}");
    }
    for (form, text) in [
        (Form::Npmrc, "//a.example.com/:_authToken=${NPM_TOKEN}\n"),
        (Form::Npmrc, "always-auth=true\nauth-type=web\n"),
        (Form::Maven, "<settings><password>{encrypted==}</password></settings>"),
        (Form::Pip, "[global]\nindex-url = https://aws@a.example.com/\nkeyring-provider = subprocess\n"),
        (Form::Pypirc, "[a]\nusername = __token__\n"),
        (Form::Netrc, "# password hunter22\n"),
        (Form::Pyproject, "[tool.x]\ntoken = \"\"\n"),
    ] {
        assert_eq!(look(&[(form, Whose::User, text)], &[]).secrets, [], "{text}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_fault_of_a_file_has_its_code() {
    let no_variables: &[(&str, &str)] = &[];
    for (form, whose, text, variables, code) in [
        (
            Form::Cargo,
            Whose::User,
            "[registries.t]\nindex = \"HOST/cargo/team/\"\ncredential-provider = \"/h\"\n",
            no_variables,
            "cargo-index-form",
        ),
        (
            Form::Cargo,
            Whose::User,
            "[registries.t]\nindex = \"sparse+HOST/cargo/team/\"\n",
            no_variables,
            "provider-missing",
        ),
        (Form::Cargo, Whose::Project, CARGO, no_variables, "project-names-program"),
        (Form::Cargo, Whose::User, "[registries\n", no_variables, "file-faulty"),
        (Form::Npmrc, Whose::User, "registry=http://packages.example.com/\n", no_variables, "http-registry"),
        (
            Form::Npmrc,
            Whose::User,
            "registry=https://my-org-11112222333.d.codeartifact.us-east-1.amazonaws.com/npm/t/\n",
            no_variables,
            "registry-url-faulty",
        ),
        (Form::Npmrc, Whose::User, "_authToken=${UNSET}\n", no_variables, "reference-unset"),
        (
            Form::Npmrc,
            Whose::Project,
            "//h.example.com/:_authToken=${SET}\n",
            &[("SET", "x")],
            "project-reference-ignored",
        ),
        (Form::Npmrc, Whose::Project, "//h.example.com/:tokenHelper=/h\n", no_variables, "token-helper-in-project"),
        (Form::Npmrc, Whose::User, "//h.example.com/:tokenHelper=h\n", no_variables, "token-helper-relative"),
        (Form::Yarnrc1, Whose::User, "registry \"HOST/npm/team/\"\n", no_variables, "always-auth-missing"),
        (
            Form::Yarnrc,
            Whose::User,
            "npmRegistryServer: \"HOST/npm/team/\"\nnpmAuthToken: \"${CODEARTIFACT_AUTH_TOKEN}\"\n",
            no_variables,
            "always-auth-missing",
        ),
        (Form::Pip, Whose::User, "[global]\nindex-url = HOST/pypi/team/simple/\n", no_variables, "index-without-user"),
        (Form::Pip, Whose::User, "[global\n", no_variables, "file-faulty"),
        (Form::Pip, Whose::User, PIP, &[("PIP_KEYRING_PROVIDER", "disabled")], "keyring-provider-off"),
        (
            Form::Pip,
            Whose::User,
            PIP,
            &[("PIP_EXTRA_INDEX_URL", "https://a.example.com/simple/")],
            "dependency-confusion",
        ),
        (
            Form::Uv,
            Whose::User,
            "[[index]]\nurl = \"HOST/pypi/team/simple/\"\nauthenticate = \"always\"\n",
            no_variables,
            "keyring-provider-off",
        ),
        (
            Form::Uv,
            Whose::User,
            "keyring-provider = \"subprocess\"\n[[index]]\nurl = \"HOST/pypi/team/simple/\"\n",
            no_variables,
            "index-without-user",
        ),
        (
            Form::Uv,
            Whose::User,
            "keyring-provider = \"subprocess\"\n[[index]]\nurl = \"HOST/pypi/team/\"\nauthenticate = \"always\"\n",
            no_variables,
            "index-path-missing",
        ),
        (Form::Uv, Whose::User, UV, &[("UV_INDEX_STRATEGY", "unsafe-best-match")], "unsafe-index-strategy"),
        (
            Form::Pyproject,
            Whose::Project,
            "[[tool.poetry.source]]\nname = \"t\"\nurl = \"HOST/pypi/team/simple/\"\npriority = \"supplemental\"\n",
            no_variables,
            "dependency-confusion",
        ),
        (Form::Pypirc, Whose::User, "[t]\nrepository = HOST/pypi/team/simple/\n", no_variables, "upload-to-index"),
        (
            Form::Maven,
            Whose::User,
            "<settings><servers><server><password>${env.UNSET}</password></server></servers></settings>",
            no_variables,
            "reference-unset",
        ),
        (Form::Maven, Whose::User, "<settings><servers>", no_variables, "file-faulty"),
        (Form::Maven, Whose::User, MAVEN, &[("MAVEN_ARGS", "-B -s other.xml")], "settings-file-replaced"),
        (Form::Nuget, Whose::User, "<configuration>", no_variables, "file-faulty"),
        (Form::Nuget, Whose::User, NUGET, &[("NUGET_PLUGIN_PATHS", "/p")], "plugin-paths-set"),
        (Form::Shell, Whose::User, "aws codeartifact login --tool npm --domain d\n", no_variables, "login-in-startup"),
    ] {
        assert_eq!(codes(&[(form, whose, text)], variables), [code], "{text}");
    }
    let disabled = "<configuration><packageSources><add key=\"team\" value=\"HOST/nuget/team/v3/index.json\" /></packageSources>\
                    <disabledPackageSources><add key=\"Team\" value=\"true\" /></disabledPackageSources></configuration>";
    assert_eq!(codes(&[(Form::Nuget, Whose::User, disabled)], &[]), ["source-disabled"]);
    let twins = "[registries.a]\nindex = \"sparse+HOST/cargo/team/\"\ncredential-provider = \"/h\"\n\
                 [registries.b]\nindex = \"sparse+HOST/cargo/team.git/\"\ncredential-provider = \"/h\"\n";
    assert_eq!(codes(&[(Form::Cargo, Whose::User, twins)], &[]), ["registries-merged"]);
}

#[test]
fn the_nearest_file_comes_first() {
    let folders = [PathBuf::from("/h/p/a"), PathBuf::from("/h/p")];
    let variables = BTreeMap::from([("CARGO_HOME".to_owned(), "/h/c".to_owned())]);
    let exists = |path: &Path| path == Path::new("/h/p/package.json");
    let home = Path::new("/h");
    let ground = Ground { home: Some(home), folders: &folders, variables: &variables, exists: &exists };
    let locations = locations(&ground);
    let of = |form: Form| -> Vec<&Path> {
        locations.iter().filter(|location| location.form == form).map(|location| location.path.as_path()).collect()
    };
    assert_eq!(of(Form::Npmrc)[..2], [Path::new("/h/p/.npmrc"), Path::new("/h/.config/pnpm/rc")]);
    assert!(of(Form::Npmrc).contains(&Path::new("/h/.npmrc")));
    let cargo = [
        "/h/p/a/.cargo/config",
        "/h/p/a/.cargo/config.toml",
        "/h/p/.cargo/config",
        "/h/p/.cargo/config.toml",
        "/h/c/config",
        "/h/c/config.toml",
    ];
    assert_eq!(of(Form::Cargo), cargo.map(Path::new));
}
