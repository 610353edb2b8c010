//! The file of rules, looked at again while the service runs.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

use super::{FaultError, FaultRule, parse};

/// Between two looks: a request that comes so long after a change is under the new rules.
const PAUSE: Duration = Duration::from_millis(100);
/// Bytes of a file of rules.
const LARGEST: u64 = 1 << 20;

/// A file that is looked at.
pub(crate) struct Watch {
    file: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    looked: Option<Instant>,
    /// What the rules in force were read from.
    read: Option<Vec<u8>>,
    bad: Option<Bad>,
}

/// What was found and could not be used, and whether that was told.
struct Bad {
    found: Found,
    told: bool,
}

/// The text, or why it could not be read.
type Found = Result<Vec<u8>, io::ErrorKind>;

/// What a look has shown.
#[derive(Debug)]
pub(crate) enum Change {
    Rules(Vec<FaultRule>),
    /// It cannot be used; told once.
    Unusable(FaultError),
}

impl Watch {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self { file, state: Mutex::default() }
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Looks, unless that was done just now. The whole file is read: it is small, and its date tells nothing of two
    /// changes within one tick of the file system's clock.
    pub(crate) fn look(&self) -> Option<Change> {
        // Whoever comes while another looks goes by what is there.
        let mut state = self.state.try_lock().ok()?;
        if state.looked.is_some_and(|looked| looked.elapsed() < PAUSE) {
            return None;
        }
        state.looked = Some(Instant::now());
        state.take(read(&self.file))
    }
}

impl State {
    fn take(&mut self, found: io::Result<Vec<u8>>) -> Option<Change> {
        let result = match found {
            Ok(text) if self.read.as_ref() == Some(&text) => {
                self.bad = None;
                return None;
            }
            Ok(text) => parse(&text).map_err(|error| (Ok(text.clone()), error)).map(|rules| (text, rules)),
            Err(error) => Err((Err(error.kind()), FaultError::File(error))),
        };
        match result {
            Ok((text, rules)) => {
                *self = Self { looked: self.looked, read: Some(text), bad: None };
                Some(Change::Rules(rules))
            }
            Err((found, error)) => match &mut self.bad {
                // The second look in a row that finds it: it is not being written just now.
                Some(bad) if bad.found == found => {
                    let told = std::mem::replace(&mut bad.told, true);
                    (!told).then_some(Change::Unusable(error))
                }
                _ => {
                    self.bad = Some(Bad { found, told: false });
                    None
                }
            },
        }
    }
}

/// The text of a file of rules.
pub(super) fn read(file: &Path) -> io::Result<Vec<u8>> {
    // Reading a pipe would wait for whoever writes to it.
    if !std::fs::metadata(file)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file"));
    }
    let mut text = Vec::new();
    std::fs::File::open(file)?.take(LARGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than 1 MiB"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &[u8] = br#"{"rules":[{"status":503}]}"#;

    #[expect(clippy::unnecessary_wraps, reason = "what reading gives")]
    fn found(text: &[u8]) -> io::Result<Vec<u8>> {
        Ok(text.to_vec())
    }

    #[test]
    fn rules_are_taken_once_and_what_is_bad_is_told_once() {
        let mut state = State::default();
        assert!(matches!(state.take(found(RULES)), Some(Change::Rules(rules)) if rules.len() == 1));
        assert!(state.take(found(RULES)).is_none());
        // Half written, then whole: nothing to be told.
        assert!(state.take(found(b"")).is_none());
        assert!(state.take(found(b"{\"rules\":[")).is_none());
        assert!(matches!(state.take(found(b"{\"rules\":[]}")), Some(Change::Rules(rules)) if rules.is_empty()));
        assert!(state.take(found(b"{\"rules\":\n[1]}")).is_none());
        let told = state.take(found(b"{\"rules\":\n[1]}"));
        assert!(matches!(told, Some(Change::Unusable(FaultError::Syntax(error))) if error.line() == 2));
        assert!(state.take(found(b"{\"rules\":\n[1]}")).is_none(), "told already");
        assert!(state.take(found(b"{\"rules\":[]}")).is_none(), "what is in force came back");
        assert!(state.take(found(RULES)).is_some());
        let gone = || Err(io::ErrorKind::NotFound.into());
        assert!(state.take(gone()).is_none());
        assert!(matches!(state.take(gone()), Some(Change::Unusable(FaultError::File(_)))));
        assert!(state.take(gone()).is_none());
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).is_err());
        let file = folder.path().join("rules");
        std::fs::write(&file, vec![b' '; (1 << 20) + 1]).unwrap();
        assert_eq!(read(&file).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}
