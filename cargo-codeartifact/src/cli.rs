//! What can be typed: the commands, their options and, as doc comments, their help texts. Nothing is done here.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum, builder::styling};
use codeartifact::{AccountId, DomainName, Region, RepositoryName, ServiceOverride};

/// Where the embedded service listens unless told otherwise.
pub(crate) const LISTEN: &str = "127.0.0.1:4600";

/// Configure package managers for AWS CodeArtifact, publish to it and promote within it.
///
/// Values that are not given come from the AWS variables and files, then from `codeartifact.toml` in this folder or
/// above, then from the user file. Data goes to standard output, everything else to standard error.
#[derive(Debug, Parser)]
#[command(
    name = "cargo-codeartifact",
    bin_name = "cargo codeartifact",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    styles = STYLES,
    after_long_help = EXIT_CODES,
)]
pub(crate) struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub(crate) globals: Globals,
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const STYLES: styling::Styles = styling::Styles::styled()
    .header(styling::AnsiColor::Green.on_default().bold())
    .usage(styling::AnsiColor::Green.on_default().bold())
    .literal(styling::AnsiColor::Cyan.on_default().bold())
    .placeholder(styling::AnsiColor::Cyan.on_default());

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 request not possible, 2 usage, 3 no AWS identity, 4 denied, 5 service or network, \
6 differences or findings, 101 defect of this program.";

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options everywhere")]
pub(crate) struct Globals {
    /// The CodeArtifact domain
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) domain: Option<DomainName>,
    /// The account that owns the domain (default: the caller's own)
    #[arg(long, global = true, value_name = "ACCOUNT")]
    pub(crate) domain_owner: Option<AccountId>,
    /// The AWS Region
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<Region>,
    /// The AWS profile to ask with
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// The service's address, in place of AWS's own (as `AWS_ENDPOINT_URL_CODEARTIFACT`)
    #[arg(long, global = true, value_name = "URL", value_parser = service_address)]
    pub(crate) endpoint_url: Option<String>,
    /// Print data as JSON, errors too
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub(crate) color: Color,
    /// Print data and errors only
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more about what is done
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// The user file to use (as `CODEARTIFACT_CONFIG`)
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Refuses an address here, where the message can name the option; what is kept is the text as typed, since the rest
/// of the program sees it as the variable it stands for.
fn service_address(text: &str) -> Result<String, codeartifact::EndpointError> {
    ServiceOverride::parse(text.as_bytes()).map(|_| text.to_owned())
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Quickstart(Quickstart),
    Local(Local),
    Configure(Configure),
    Login(Login),
    Doctor(Doctor),
    Token(Token),
    Exec(Exec),
    Env(Env),
    ShellInit(ShellInit),
    Proxy(Proxy),
    /// Show which tokens are kept, where and until when (never the tokens)
    Status,
    /// Forget kept tokens: all of them, or those of one domain with `--domain`
    Logout,
    Publish(Publish),
    Promote(Promote),
    Completions(Completions),
    Man(Man),
    Help(Help),
    /// Print the reference of all commands
    #[command(hide = true)]
    Reference,
}

/// See it all once: an embedded service, a publish, a promotion and an install, in a throw-away folder.
#[derive(Debug, Args)]
pub(crate) struct Quickstart {
    /// Leave the folder behind, and print how to go on with it
    #[arg(long)]
    pub(crate) keep: bool,
}

/// Run the embedded service in the foreground.
///
/// When it is ready, one line on standard output says where it listens; the variables that lead the AWS tools and this
/// program there are printed on standard error. It accepts any AWS key pair, as account 111122223333, and listens on
/// this machine only. SIGINT and SIGTERM stop it.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("storage").required(true))]
pub(crate) struct Local {
    /// The address to listen on; port 0 takes any free one
    #[arg(long, value_name = "ADDR:PORT", default_value = LISTEN)]
    pub(crate) listen: SocketAddr,
    /// The folder that keeps domains, repositories and packages; made if absent
    #[arg(long, value_name = "DIR", group = "storage")]
    pub(crate) data: Option<PathBuf>,
    /// Keep everything in memory, and lose it at the end
    #[arg(long, group = "storage")]
    pub(crate) ephemeral: bool,
    /// Who gets an event for every version that changes: a file, standard output (`-`, one JSON object a line after
    /// the line that says where it listens), or a URL on this machine that each is posted to
    #[arg(long, value_name = "FILE|-|URL")]
    pub(crate) events: Option<String>,
    /// Who gets the audit trail, one JSON object a line for each call and each request of a package manager: a file
    /// (at 64 MiB it is put aside as `FILE.1`), standard output (`-`, after the line that says where it listens) or
    /// nobody (`off`) (default: `audit.jsonl` in the folder of `--data`; with `--ephemeral` nobody)
    #[arg(long, value_name = "FILE|-|off")]
    pub(crate) audit: Option<String>,
    /// Serve over TLS, by a certificate authority of this machine's own in this folder; made if absent. Clients are to
    /// trust `DIR/ca.pem`
    #[arg(long, value_name = "DIR")]
    pub(crate) tls: Option<PathBuf>,
    /// A file that says who may call, and with which keys: signatures are verified, and nobody else is served. Needed
    /// to listen on any other than a loopback address
    #[arg(long, value_name = "FILE")]
    pub(crate) strict_auth: Option<PathBuf>,
    /// A file of scripted failures; read again when it changes
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,
    /// Where a public source is, such as `public:npmjs=https://mirror.example.com/npm/`; may be given for each
    /// (default: where the package manager installed here looks for it)
    #[arg(long, value_name = "NAME=URL")]
    pub(crate) external: Vec<String>,
}

/// Point package managers at a repository.
///
/// Nothing secret is written: the package manager asks the credential helper for a token when it needs one, or is started
/// by `cargo codeartifact exec`. Without arguments `codeartifact.toml` says what a project uses.
#[derive(Debug, Args)]
pub(crate) struct Configure {
    /// What to set up
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// Show what would be written, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Take back everything that was configured at this level, however often; later edits by others stay
    #[arg(long, conflicts_with_all = ["repository", "registry", "replace_default", "extra_index", "scope", "trust"])]
    pub(crate) undo: bool,
}

/// Configure package managers, and fetch a token: it is then at hand until it ends.
///
/// As `configure`, followed by a sign of life of the AWS identity. Nobody has to repeat it: a token is renewed by whoever
/// needs it. `configure --undo` takes the settings back, `logout` forgets the token.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// What to set up
    #[command(flatten)]
    pub(crate) wanted: Wanted,
}

/// Which package managers are to be set up, and for what.
#[derive(Debug, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Wanted {
    /// The package managers (default: those of the project and, without `--project`, those on PATH; with `--undo`:
    /// all)
    #[arg(value_name = "CLIENT")]
    pub(crate) clients: Vec<String>,
    /// The repository to read from
    #[arg(long, value_name = "NAME")]
    pub(crate) repository: Option<RepositoryName>,
    /// Cargo: the name of the registry (default: the repository's name)
    #[arg(long, value_name = "NAME", conflicts_with = "replace_default")]
    pub(crate) registry: Option<String>,
    /// Use the repository in place of the default registry (most do so anyway; Cargo: source replacement)
    #[arg(long, conflicts_with = "extra_index")]
    pub(crate) replace_default: bool,
    /// Use the repository beside the default index. Where both have a package of one name the higher version wins, a
    /// stranger's too: prefer the repository alone, with public packages through its upstreams
    #[arg(long)]
    pub(crate) extra_index: bool,
    /// Only for this scope of packages, such as `@my-org`; may be given several times, and as `@my-org=REPOSITORY`
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Vec<String>,
    /// Write the project's own files
    #[arg(long, conflicts_with = "user")]
    pub(crate) project: bool,
    /// Write the user's files (the default)
    #[arg(long)]
    pub(crate) user: bool,
    /// Trust the domain's owner, another account than the caller's, from now on
    #[arg(long, value_name = "OWNER")]
    pub(crate) trust: Option<AccountId>,
}

/// Find what is wrong with identity, service, package managers and their files, and say what to do about it.
///
/// Looks at the settings of every package manager, of the user's and of the project's, and asks the service for reads only.
/// What could not be looked at is said so. Errors and warnings end it with 6, advice does not. Secrets are never shown.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The package managers to look at (default: all)
    #[arg(value_name = "CLIENT")]
    pub(crate) clients: Vec<String>,
    /// Mend what nobody can miss: rights of files with secrets, links of ours, left-overs in our journal, lines of
    /// `.npmrc` with a token that has ended
    #[arg(long)]
    pub(crate) fix: bool,
    /// With `--fix`: show what would be done, and do nothing
    #[arg(long, requires = "fix")]
    pub(crate) dry_run: bool,
    /// Print what a code means, why it matters and how it is mended
    #[arg(long, value_name = "CODE", conflicts_with_all = ["clients", "fix"])]
    pub(crate) explain: Option<String>,
}

/// Print a fresh authorization token for a script.
///
/// The token alone goes to standard output. It comes from the stores where it is fresh, else from the service, once for
/// any number of programs that ask at the same time.
#[derive(Debug, Args)]
pub(crate) struct Token {
    /// A repository's URL (default: the domain of the options or of `codeartifact.toml`)
    #[arg(value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Trust the domain's owner, another account than the caller's, from now on
    #[arg(long, value_name = "OWNER")]
    pub(crate) trust: Option<AccountId>,
}

/// Run a program with a fresh token in its environment, and nowhere else.
///
/// For programs that cannot ask for a token by themselves. No file is changed and the token is not printed. The program
/// takes this one's place: its exit status is its own, and signals reach it.
#[derive(Debug, Args)]
#[command(after_long_help = VARIABLES)]
pub(crate) struct Exec {
    /// For which repositories, in which variables
    #[command(flatten)]
    pub(crate) targets: Targets,
    /// Only for the repositories that the program's own settings lead to (npm, npx, Yarn 1, bun, bunx, mvn, gem, bundle);
    /// where there are none, or no token can be had, run it as it is
    #[arg(long, conflicts_with_all = ["repository", "url", "index", "var", "trust"])]
    pub(crate) if_needed: bool,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// Print the variables that `exec` would set, for a shell to evaluate.
///
/// `eval "$(cargo codeartifact env)"` gives a shell, and all that it starts, a token in `CODEARTIFACT_AUTH_TOKEN`. Until
/// when it holds is said on standard error: a shell does not renew it, `exec` does.
#[derive(Debug, Args)]
pub(crate) struct Env {
    /// For which repositories, in which variables
    #[command(flatten)]
    pub(crate) targets: Targets,
    /// Print what this program reads, as in `exec --help` (default: `CODEARTIFACT_AUTH_TOKEN`)
    #[arg(long = "for", value_name = "PROGRAM")]
    pub(crate) program: Option<String>,
    /// The shell that is to evaluate it (default: the one in `SHELL`)
    #[arg(long, value_name = "SHELL", value_enum)]
    pub(crate) shell: Option<ShellKind>,
}

/// A family of shells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShellKind {
    /// sh, bash, zsh and their like
    Sh,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
}

/// Print functions that give a shell's package managers their token, each for its run only.
///
/// `eval "$(cargo codeartifact shell-init)"` in a shell's start file: from then on `npm`, `mvn` and their like run through
/// `cargo codeartifact exec --if-needed`, so with a token where their own settings lead to CodeArtifact, and as they are
/// elsewhere. The folder of `codeartifact-credential-helper install` is put first on PATH. Nothing is asked of AWS.
#[derive(Debug, Args)]
#[command(after_long_help = START_FILES)]
pub(crate) struct ShellInit {
    /// The shell that is to evaluate it (default: the one in `SHELL`)
    #[arg(long, value_name = "SHELL", value_enum)]
    pub(crate) shell: Option<Shell>,
    /// A package manager to do it for, may be given several times (default: all of these)
    #[arg(long, value_name = "NAME", value_enum, conflicts_with = "undo")]
    pub(crate) client: Vec<Wrapped>,
    /// Print what takes it back in this shell
    #[arg(long)]
    pub(crate) undo: bool,
}

const START_FILES: &str = "\
Where it goes:
  sh, dash, ksh  ~/.profile       eval \"$(cargo codeartifact shell-init --shell sh)\"
  bash           ~/.bashrc        eval \"$(cargo codeartifact shell-init --shell bash)\"
  zsh            ~/.zshrc         eval \"$(cargo codeartifact shell-init --shell zsh)\"
  fish           config.fish      cargo codeartifact shell-init --shell fish | source
  PowerShell     $PROFILE         cargo codeartifact shell-init --shell powershell | Out-String | Invoke-Expression

To take it back in a running shell: the same with --undo. A function of the same name that is already there is left alone.";

/// A shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// What every shell of POSIX understands: sh, dash, ksh
    Sh,
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
}

/// A package manager that has no hook of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wrapped {
    /// npm
    Npm,
    /// npx
    Npx,
    /// Yarn, where it is version 1
    Yarn,
    /// Bun
    Bun,
    /// bunx
    Bunx,
    /// Maven
    Mvn,
    /// `RubyGems`, for `gem push`
    Gem,
    /// Bundler
    Bundle,
    /// Bundler by its other name
    Bundler,
}

/// Serve repositories on this machine without a token, for clients that cannot ask for one.
///
/// Clients are led to `http://127.0.0.1:4601/d/DOMAIN-OWNER.REGION/FORMAT/REPOSITORY/`, and the proxy adds the token of the
/// user who started it. It serves that user's programs and nobody else, no web pages, and talks to CodeArtifact only. What
/// was fetched is kept and serves again, also while the service cannot be reached. There is one for each user.
#[derive(Debug, Args)]
#[command(after_long_help = PROXY_EXIT_CODES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Proxy {
    /// The address to listen on, of this machine; port 0 takes any free one
    #[arg(long, value_name = "ADDR:PORT", default_value = PROXY_LISTEN)]
    pub(crate) listen: SocketAddr,
    /// Start it as a process of its own, unless it runs; `exec --if-needed` does so for settings that lead there
    #[arg(long)]
    pub(crate) detach: bool,
    /// Stop after this time without a request, such as `90s`, `15m`, `2h` (default: never; with `--detach` 15m)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) idle: Option<Duration>,
    /// How old what is known of packages may be where the service cannot be reached; their files serve at any age
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "7d")]
    pub(crate) stale_for: Duration,
    /// How much to keep, such as `500MiB` or `5GiB`
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "2GiB")]
    pub(crate) cache_size: u64,
    /// Keep nothing
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Stop the one that runs, and wait for its end
    #[arg(long, conflicts_with_all = ["detach", "idle", "no_cache", "status", "key"])]
    pub(crate) stop: bool,
    /// Say where it runs and what it has done
    #[arg(long, conflicts_with_all = ["detach", "idle", "no_cache", "key"])]
    pub(crate) status: bool,
    /// Print its key, which clients bring as token or password where the system does not say whose a connection is (all but
    /// Linux)
    #[arg(long, conflicts_with_all = ["detach", "idle", "no_cache"])]
    pub(crate) key: bool,
    /// This is the process that `--detach` starts.
    #[arg(long, hide = true)]
    pub(crate) aside: bool,
}

/// Where the proxy listens unless told otherwise.
pub(crate) const PROXY_LISTEN: &str = "127.0.0.1:4601";

const PROXY_EXIT_CODES: &str = "\
Exit codes: 0 also where it stopped because nobody came, by a signal or by --stop, and for --stop where none runs; 1 where
one runs already, the address is taken, or (--status, --key) none runs; else those of every command.

Clients see: 403 where there is no AWS identity or a policy refuses, with the reason; 502 where the service cannot be
reached and nothing is kept; 421 for another Host; 403 for web pages and other users; else what the service says.";

/// `90s`, `15m`, `2h`, `7d`.
fn time(text: &str) -> Result<Duration, &'static str> {
    const FORM: &str = "a time is a number and `s`, `m`, `h` or `d`, as in 15m";
    let unit = text.char_indices().next_back().ok_or(FORM)?;
    let seconds = match unit.1 {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86400,
        _ => return Err(FORM),
    };
    let number: u32 = text[..unit.0].parse().map_err(|_| FORM)?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

/// `500MiB`, `5 GiB`, or bytes.
fn size(text: &str) -> Result<u64, &'static str> {
    const FORM: &str = "a size is a number and `KiB`, `MiB`, `GiB` or nothing, as in 2GiB";
    let digits = text.trim_end_matches(|character: char| !character.is_ascii_digit());
    let unit: u64 = match text[digits.len()..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(FORM),
    };
    digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).ok_or(FORM)
}

/// What `exec` and `env` are about.
#[derive(Debug, Default, Args)]
pub(crate) struct Targets {
    /// Lead the program to this repository of the domain; may be given several times, and where a program takes one
    /// registry it is the first
    #[arg(long, value_name = "NAME")]
    pub(crate) repository: Vec<RepositoryName>,
    /// The same by a repository's URL, for several domains
    #[arg(long, value_name = "URL", conflicts_with_all = ["repository", "trust"])]
    pub(crate) url: Vec<String>,
    /// uv, Poetry: an index by its name in the project's files, which say its address; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) index: Vec<String>,
    /// Set this variable to the token, too; may be given several times
    #[arg(long, value_name = "NAME", value_parser = variable)]
    pub(crate) var: Vec<String>,
    /// Trust the domain's owner, another account than the caller's, from now on
    #[arg(long, value_name = "OWNER")]
    pub(crate) trust: Option<AccountId>,
}

/// The name of a variable, as every system takes it.
fn variable(text: &str) -> Result<String, &'static str> {
    let holds = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if holds && text.bytes().next().is_some_and(|first| !first.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err("a variable's name is letters, digits and underscores, and starts with no digit")
}

/// What `variables` does, for people.
const VARIABLES: &str = "\
Variables, by the name of the program:
  npm, npx         npm_config_//HOST/npm/:_authToken, and the same for each repository;
                   with --repository or --url also npm_config_registry
  bun, bunx        with --repository or --url: NPM_CONFIG_REGISTRY, NPM_CONFIG_TOKEN
  yarn, yarnpkg    CODEARTIFACT_AUTH_TOKEN; for version 1 on Linux also npm_config_userconfig:
                   a copy of the user's .npmrc in memory, with a token for each repository
  bundle, bundler  BUNDLE_HOST, `.` in the host written `__` and `-` written `___`
  gem              with --repository or --url: RUBYGEMS_HOST, GEM_HOST_API_KEY
  twine            with --repository or --url: TWINE_REPOSITORY_URL, TWINE_USERNAME,
                   TWINE_PASSWORD
  uv, uvx          with --index: UV_INDEX_NAME_USERNAME, UV_INDEX_NAME_PASSWORD
  poetry           with --index: POETRY_HTTP_BASIC_NAME_USERNAME, ..._PASSWORD
  all others       CODEARTIFACT_AUTH_TOKEN, for whatever settings refer to it; also where
                   none of the above applies

What the program starts inherits its variables; npm's alone are kept from the scripts of packages.
A variable that brings a token to any registry is set only together with the one that names the
registry.

Exit codes: those of the program; 126 if it cannot be run, 127 if it is not there; before it
runs those of every command.";

/// Publish what is in a folder to a repository.
///
/// Packages go up in the order of their dependencies. A version that is already there with the same content is skipped;
/// one with other content is refused, and nothing of it is changed. The working tree is left as it is.
#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// The folders (default: this one)
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The repository to publish to
    #[arg(long, value_name = "NAME")]
    pub(crate) repository: Option<RepositoryName>,
    /// The version to publish, in place of the manifests' own
    #[arg(long, value_name = "V", conflicts_with = "version_from", value_parser = version)]
    pub(crate) version: Option<String>,
    /// Where to take the version from
    #[arg(long, value_name = "SOURCE", value_enum)]
    pub(crate) version_from: Option<VersionSource>,
    /// Publish although the working tree has changes that are not committed
    #[arg(long)]
    pub(crate) allow_dirty: bool,
    /// Do not build what was packed before it is uploaded
    #[arg(long)]
    pub(crate) no_verify: bool,
    /// Show what would be published, and publish nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Trust the domain's owner, another account than the caller's, from now on
    #[arg(long, value_name = "OWNER")]
    pub(crate) trust: Option<AccountId>,
}

/// A version as Cargo takes it: what is mistyped is said before anything is read.
fn version(text: &str) -> Result<String, String> {
    match semver::Version::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("a version is MAJOR.MINOR.PATCH, as in 1.2.3 or 1.2.3-rc.1: {error}")),
    }
}

/// Where `publish` takes a version from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum VersionSource {
    /// The newest version tag of the commit's history
    Git,
}

/// Copy versions, exactly as they are, from one repository to another of the same domain.
///
/// SPEC is `FORMAT:[NAMESPACE/]NAME@VERSION`: `cargo:anvil@1.2.0`, `npm:@scope/name@1.0.0`,
/// `maven:com.example/app@2.1`. Everything is looked at first; if one version cannot be copied, none is. What is
/// already there, identical, is left as it is.
#[derive(Debug, Args)]
pub(crate) struct Promote {
    /// The versions to copy
    #[arg(value_name = "SPEC", required = true)]
    pub(crate) specs: Vec<String>,
    /// The repository to copy from
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) from: RepositoryName,
    /// The repository to copy to
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) to: RepositoryName,
    /// Show what would be copied, and copy nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Trust the domain's owner, another account than the caller's, from now on
    #[arg(long, value_name = "OWNER")]
    pub(crate) trust: Option<AccountId>,
}

/// Print the completions of a shell.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// Print the manual page, or write one for each command.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The folder to write the pages to, one for each command
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Explain a package manager's set-up, a command, or a code of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Help {
    /// A package manager, such as `cargo`, a command, or a code
    #[arg(value_name = "CLIENT|COMMAND|CODE")]
    pub(crate) topic: Option<String>,
}
