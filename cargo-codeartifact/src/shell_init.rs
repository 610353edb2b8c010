//! `shell-init`: functions by which a shell runs package managers through `exec --if-needed`.
//!
//! What is printed is evaluated at the start of every shell, so it starts no program and asks nothing. Each function hands
//! its arguments on as they are; where this program is gone, it runs the package manager alone. `command` and its like in
//! other shells take the program and not the function, so nothing calls itself.
//!
//! State in the shell, all of it under names of ours: which functions we made, so that a second evaluation renews those and
//! `--undo` removes no others, and the folder that we put on PATH, if we did.

use std::{fmt::Write as _, path::Path};

use anyhow::anyhow;
use clap::ValueEnum as _;
use codeartifact::Host;

use crate::{
    cli::{self, Shell, Wrapped},
    configure,
    report::{CommandError, Report},
};

/// Runs the command.
pub(crate) fn run(args: &cli::ShellInit, host: &Host, report: &mut Report) -> Result<(), CommandError> {
    let shell = args.shell.unwrap_or_else(|| Shell::of(host));
    let text = if args.undo {
        undo(shell)
    } else {
        let program = host
            .program()
            .ok_or_else(|| CommandError::internal(anyhow!("the system does not say where this program is")))?;
        let folder = configure::links_folder(host);
        let clients = if args.client.is_empty() { Wrapped::value_variants() } else { &args.client };
        let separator = if cfg!(windows) { ';' } else { ':' };
        let mut texts = Vec::new();
        for path in [Some(program.as_path()), folder.as_deref()].into_iter().flatten() {
            let text = path
                .to_str()
                .filter(|text| !text.contains(['\n', '\r', '\0']))
                .ok_or_else(|| CommandError::user(anyhow!("no shell takes the path `{}`", path.display())))?;
            texts.push(text);
        }
        let folder = texts.get(1).copied().filter(|folder| !folder.contains(separator));
        functions(shell, texts[0], folder, clients)
    };
    if report.is_seen() {
        report.note(&format!("let the shell evaluate it: {}", evaluated(shell, args.undo)));
        if !args.undo {
            report.note(&format!("to take it back: {}", evaluated(shell, true)));
        }
    }
    report.document(text.as_bytes())
}

impl Shell {
    /// The shell that `SHELL` names; where there is none, the system's own.
    fn of(host: &Host) -> Self {
        let shell = host.var("SHELL").and_then(|path| Path::new(path).file_stem()?.to_str());
        match shell {
            Some("bash") => Self::Bash,
            Some("zsh") => Self::Zsh,
            Some("fish") => Self::Fish,
            Some("pwsh" | "powershell") => Self::Powershell,
            None if cfg!(windows) => Self::Powershell,
            Some(_) | None => Self::Sh,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Sh => "sh",
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::Powershell => "powershell",
        }
    }

    fn quoted(self, text: &str) -> String {
        match self {
            Self::Sh | Self::Bash | Self::Zsh => format!("'{}'", text.replace('\'', r"'\''")),
            Self::Fish => format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'")),
            Self::Powershell => format!("'{}'", text.replace('\'', "''")),
        }
    }
}

impl Wrapped {
    fn word(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Npx => "npx",
            Self::Yarn => "yarn",
            Self::Bun => "bun",
            Self::Bunx => "bunx",
            Self::Mvn => "mvn",
            Self::Gem => "gem",
            Self::Bundle => "bundle",
            Self::Bundler => "bundler",
        }
    }
}

/// How a shell takes what is printed.
fn evaluated(shell: Shell, undo: bool) -> String {
    let command =
        format!("cargo codeartifact shell-init --shell {}{}", shell.word(), if undo { " --undo" } else { "" });
    match shell {
        Shell::Sh | Shell::Bash | Shell::Zsh => format!("eval \"$({command})\""),
        Shell::Fish => format!("{command} | source"),
        Shell::Powershell => format!("{command} | Out-String | Invoke-Expression"),
    }
}

fn functions(shell: Shell, program: &str, folder: Option<&str>, clients: &[Wrapped]) -> String {
    let mut text = format!("# To take it back: {}\n", evaluated(shell, true));
    text.push_str(&runner(shell).replace("PROGRAM", &shell.quoted(program)));
    for client in clients {
        text.push_str(&function(shell).replace("NAME", client.word()));
    }
    if let Some(folder) = folder {
        text.push_str(&on_path(shell).replace("FOLDER", &shell.quoted(folder)));
    }
    text
}

/// What all functions call.
const fn runner(shell: Shell) -> &'static str {
    match shell {
        Shell::Sh | Shell::Bash | Shell::Zsh => {
            r#"__codeartifact_program=PROGRAM
__codeartifact_run() {
  if [ -x "$__codeartifact_program" ]; then
    "$__codeartifact_program" exec --if-needed -- "$@"
  else
    command "$@"
  fi
}
"#
        }
        Shell::Fish => {
            r#"set -g __codeartifact_program PROGRAM
function __codeartifact_run
    if test -x "$__codeartifact_program"
        $__codeartifact_program exec --if-needed -- $argv
    else
        command $argv
    end
end
"#
        }
        Shell::Powershell => {
            r"$global:CodeArtifactProgram = PROGRAM
function global:Invoke-CodeArtifactClient([string] $Client, $Words, $Piped, [bool] $IsPiped) {
    if (Test-Path -LiteralPath $global:CodeArtifactProgram -PathType Leaf) {
        $program = $global:CodeArtifactProgram
        $Words = @('exec', '--if-needed', '--', $Client) + @($Words)
    } else {
        $program = (Get-Command -CommandType Application -Name $Client -ErrorAction Stop | Select-Object -First 1).Source
    }
    if ($IsPiped) { $Piped | & $program @Words } else { & $program @Words }
}
"
        }
    }
}

/// One function, unless somebody else has one of that name. In shells of POSIX by `eval`, since an alias of that name would
/// be put in its place where the text is read, and not where it runs; a plain `sh` cannot tell them apart and leaves both
/// alone.
const fn function(shell: Shell) -> &'static str {
    match shell {
        Shell::Sh => {
            r#"case " ${__codeartifact_clients-} " in
  *" NAME "*) ;;
  *)
    case "$(command -v NAME)" in
      NAME | alias*) ;;
      *)
        eval 'NAME() { __codeartifact_run NAME "$@"; }'
        __codeartifact_clients="${__codeartifact_clients-} NAME"
        ;;
    esac
    ;;
esac
"#
        }
        Shell::Bash | Shell::Zsh => {
            r#"case " ${__codeartifact_clients-} " in
  *" NAME "*) ;;
  *)
    if ! typeset -f NAME > /dev/null 2>&1; then
      eval 'function NAME { __codeartifact_run NAME "$@"; }'
      __codeartifact_clients="${__codeartifact_clients-} NAME"
    fi
    ;;
esac
"#
        }
        Shell::Fish => {
            r"if not contains NAME $__codeartifact_clients; and not functions -q NAME
    function NAME
        __codeartifact_run NAME $argv
    end
    set -ga __codeartifact_clients NAME
end
"
        }
        Shell::Powershell => {
            r"if (-not (Test-Path -LiteralPath Function:NAME)) {
    function global:NAME { Invoke-CodeArtifactClient 'NAME' $args $input $MyInvocation.ExpectingInput }
    $global:CodeArtifactClients = @($global:CodeArtifactClients | Where-Object { $_ }) + 'NAME'
}
"
        }
    }
}

/// The folder of links first on PATH, unless it is there.
const fn on_path(shell: Shell) -> &'static str {
    match shell {
        Shell::Sh | Shell::Bash | Shell::Zsh => {
            r#"case ":${PATH-}:" in
  *:FOLDER:*) ;;
  *)
    __codeartifact_path=FOLDER
    PATH="$__codeartifact_path${PATH:+:$PATH}"
    export PATH
    ;;
esac
"#
        }
        Shell::Fish => {
            r"if not contains -- FOLDER $PATH
    set -g __codeartifact_path FOLDER
    set -gx PATH $__codeartifact_path $PATH
end
"
        }
        Shell::Powershell => {
            r"if (($env:PATH -split [IO.Path]::PathSeparator) -notcontains FOLDER) {
    $global:CodeArtifactPath = FOLDER
    $env:PATH = $global:CodeArtifactPath + [IO.Path]::PathSeparator + $env:PATH
}
"
        }
    }
}

/// What takes all of it back, and nothing of others; nothing where nothing was evaluated.
fn undo(shell: Shell) -> String {
    let mut text = String::new();
    for client in Wrapped::value_variants() {
        let name = client.word();
        // Writing to a string cannot fail.
        let _ = match shell {
            Shell::Sh | Shell::Bash | Shell::Zsh => {
                writeln!(text, "case \" ${{__codeartifact_clients-}} \" in *\" {name} \"*) unset -f {name} ;; esac")
            }
            Shell::Fish => writeln!(text, "contains {name} $__codeartifact_clients; and functions -e {name}"),
            Shell::Powershell => writeln!(
                text,
                "if ($global:CodeArtifactClients -contains '{name}') {{ Remove-Item -LiteralPath Function:{name} }}"
            ),
        };
    }
    text.push_str(match shell {
        Shell::Sh | Shell::Bash | Shell::Zsh => {
            r#"if [ -n "${__codeartifact_path-}" ]; then
  case ":$PATH:" in
    *":$__codeartifact_path:"*)
      PATH=":$PATH:"
      PATH="${PATH%%":$__codeartifact_path:"*}:${PATH#*":$__codeartifact_path:"}"
      PATH="${PATH#:}"
      PATH="${PATH%:}"
      ;;
  esac
fi
if [ -n "${__codeartifact_program-}" ]; then
  unset -f __codeartifact_run
fi
unset __codeartifact_program __codeartifact_clients __codeartifact_path
"#
        }
        Shell::Fish => {
            r#"if set -q __codeartifact_path
    set -l place (contains -i -- "$__codeartifact_path" $PATH)
    and set -e PATH[$place]
end
functions -q __codeartifact_run; and functions -e __codeartifact_run
set -e __codeartifact_program
set -e __codeartifact_clients
set -e __codeartifact_path
true
"#
        }
        Shell::Powershell => {
            r"if ($global:CodeArtifactPath) {
    $separator = [IO.Path]::PathSeparator
    $env:PATH = (($env:PATH -split $separator) | Where-Object { $_ -ne $global:CodeArtifactPath }) -join $separator
}
Remove-Item -LiteralPath Function:Invoke-CodeArtifactClient -ErrorAction SilentlyContinue
Remove-Variable -Scope Global -Name CodeArtifactProgram, CodeArtifactClients, CodeArtifactPath -ErrorAction SilentlyContinue
"
        }
    });
    text
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn every_name_is_that_of_the_option() {
        for client in Wrapped::value_variants() {
            assert_eq!(client.to_possible_value().unwrap().get_name(), client.word());
        }
        for shell in Shell::value_variants() {
            assert_eq!(shell.to_possible_value().unwrap().get_name(), shell.word());
        }
    }

    #[test]
    fn the_shell_is_the_one_that_the_variable_names() {
        for (path, shell) in [
            ("/usr/bin/fish", Shell::Fish),
            ("/bin/bash", Shell::Bash),
            ("/opt/zsh", Shell::Zsh),
            ("/opt/pwsh", Shell::Powershell),
            ("/bin/dash", Shell::Sh),
        ] {
            let host = Host::for_test(&[], &[("SHELL", path)], "/", SystemTime::UNIX_EPOCH);
            assert_eq!(Shell::of(&host), shell, "{path}");
        }
    }

    #[test]
    fn paths_are_quoted_for_each_shell() {
        for (shell, program, folder) in [
            (Shell::Bash, r"'/a'\''b/c'", "'/$(d)'"),
            (Shell::Fish, r"'/a\'b/c'", "'/$(d)'"),
            (Shell::Powershell, "'/a''b/c'", "'/$(d)'"),
        ] {
            let text = functions(shell, "/a'b/c", Some("/$(d)"), &[Wrapped::Npm]);
            assert!(text.contains(program) && text.contains(folder), "{text}");
            assert!(text.contains("npm") && !text.contains("mvn") && !text.contains("NAME"), "{text}");
        }
    }
}
