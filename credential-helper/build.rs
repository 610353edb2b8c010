//! Links the small program statically where that is possible: it starts in half the time, and it is started for every
//! build of every project.
//!
//! Where the target is musl it is static anyway. With glibc, `-C target-feature=+crt-static` would do it, but it holds
//! for a whole build, procedural macros included, and those cannot be static; there is no such switch for one program.
//! So the three libraries that rustc names to the linker, `libgcc_s`, `libm` and `libc`, are replaced by linker scripts
//! of one line that name their static twins, in a folder that is searched first, for this program only.
//!
//! Without the static libraries (they come with the C compiler on most systems) the program is linked as usual.
//! `CODEARTIFACT_HELPER_DYNAMIC=1` asks for that.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

const PROGRAM: &str = "codeartifact-credential-helper";

/// The file a linker looks for, and what it finds instead.
const SCRIPTS: [(&str, &str); 3] = [
    ("libgcc_s.so", "INPUT ( -l:libgcc_eh.a )"),
    ("libm.so", "INPUT ( -l:libm.a )"),
    ("libc.so", "GROUP ( -l:libc.a -l:libgcc_eh.a -l:libgcc.a )"),
];

/// The static libraries the scripts name.
const LIBRARIES: [&str; 4] = ["libc.a", "libm.a", "libgcc_eh.a", "libgcc.a"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CODEARTIFACT_HELPER_DYNAMIC");
    if !is_wanted() {
        return;
    }
    if let Some(missing) = LIBRARIES.iter().find(|library| !is_there(library)) {
        println!("cargo:warning={PROGRAM} is linked dynamically and starts more slowly: no static {missing} was found");
        return;
    }
    let folder = PathBuf::from(variable("OUT_DIR"));
    for (name, script) in SCRIPTS {
        fs::write(folder.join(name), format!("{script}\n")).expect("OUT_DIR can be written");
    }
    println!("cargo:rustc-link-arg-bin={PROGRAM}=-L{}", folder.display());
    println!("cargo:rustc-link-arg-bin={PROGRAM}=-static-pie");
}

/// Release builds for Linux with glibc, for the machine they are made on: another's libraries are another compiler's.
fn is_wanted() -> bool {
    variable("CARGO_CFG_TARGET_OS") == "linux"
        && variable("CARGO_CFG_TARGET_ENV") == "gnu"
        && variable("PROFILE") == "release"
        && variable("HOST") == variable("TARGET")
        && variable("CODEARTIFACT_HELPER_DYNAMIC").is_empty()
}

/// The compiler answers with a path for a library it has, with the bare name for one it has not.
fn is_there(library: &str) -> bool {
    let output = Command::new("cc").arg(format!("-print-file-name={library}")).output();
    output.is_ok_and(|output| {
        let path = String::from_utf8_lossy(&output.stdout);
        Path::new(path.trim()).is_absolute()
    })
}

#[expect(clippy::disallowed_methods, reason = "cargo talks to build scripts through variables")]
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
