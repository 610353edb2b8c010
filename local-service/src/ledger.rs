//! A file that lines are appended to: whole ones only, whatever happens in between.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

/// Longer than any line.
const LONGEST: u64 = 64 << 10;

/// An open file of lines.
pub(crate) struct Ledger {
    path: PathBuf,
    file: Option<File>,
    form: Form,
}

/// What a file of lines is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    /// What every line begins with: by that the beginning of a line is known which a crash has left.
    pub(crate) start: &'static [u8],
    /// Is what was appended on the disk before the next is?
    pub(crate) durable: bool,
    /// Bytes; a file that would get larger is put aside, with `.1` after its name, in place of the one that was there.
    pub(crate) largest: u64,
}

impl Ledger {
    pub(crate) fn new(path: PathBuf, form: Form) -> Self {
        Self { path, file: None, form }
    }

    /// Opens the file, or makes it, its owner's only.
    pub(crate) fn open(&mut self) -> io::Result<()> {
        self.file = Some(open(&self.path, self.form.start)?);
        Ok(())
    }

    /// Appends whole lines: all, or none that counts.
    pub(crate) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if !self.file.as_ref().is_some_and(|file| is_still_there(file, &self.path)) {
            self.open()?;
        }
        let mut length = self.length()?;
        if length > 0 && length.saturating_add(lines.len() as u64) > self.form.largest {
            self.file = None;
            std::fs::rename(&self.path, aside(&self.path))?;
            self.open()?;
            length = 0;
        }
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        let mut written = file.write_all(lines);
        if self.form.durable {
            written = written.and_then(|()| file.sync_data());
        }
        if written.is_err() {
            // Half a line is no line.
            let cut = file.set_len(length);
            self.file = None;
            cut?;
        }
        written
    }

    /// All that was appended is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), File::sync_data)
    }

    fn length(&self) -> io::Result<u64> {
        self.file.as_ref().map_or(Ok(0), |file| Ok(file.metadata()?.len()))
    }
}

/// Where a file goes that is large enough.
fn aside(path: &Path) -> PathBuf {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".1");
    aside.into()
}

/// Somebody may have moved the file away, to begin another.
#[cfg(unix)]
fn is_still_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_still_there(_: &File, path: &Path) -> bool {
    path.exists()
}

/// A crash may have left the beginning of a line at the end of the file: that goes.
fn open(path: &Path, start: &[u8]) -> io::Result<File> {
    if std::fs::metadata(path).is_ok_and(|about| !about.is_file()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file"));
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let length = file.metadata()?.len();
    let begin = length.saturating_sub(LONGEST);
    file.seek(SeekFrom::Start(begin))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let torn = tail.iter().rev().take_while(|byte| **byte != b'\n').count();
    let line = &tail[tail.len() - torn..];
    if torn > 0 && (line.starts_with(start) || start.starts_with(line)) {
        file.set_len(length - torn as u64)?;
    } else if torn > 0 {
        // Somebody else's last line.
        file.write_all(b"\n")?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Form = Form { start: br#"{"version":"0","id":""#, durable: true, largest: u64::MAX };

    #[test]
    fn a_torn_line_goes_and_a_strangers_line_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let whole = "{\"version\":\"0\",\"id\":\"1\"}";
        for (before, after) in [
            (String::new(), format!("{whole}\n")),
            (format!("{whole}\n"), format!("{whole}\n{whole}\n")),
            (format!("{whole}\n{{\"version\":\"0\",\"id\":\"2"), format!("{whole}\n{whole}\n")),
            ("{\"ver".to_owned(), format!("{whole}\n")),
            ("a note".to_owned(), format!("a note\n{whole}\n")),
        ] {
            std::fs::write(&path, &before).unwrap();
            let mut ledger = Ledger::new(path.clone(), FORM);
            ledger.append(format!("{whole}\n").as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after, "{before}");
        }
    }

    #[test]
    fn a_file_that_was_moved_away_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut ledger = Ledger::new(path.clone(), FORM);
        ledger.append(b"one\n").unwrap();
        std::fs::rename(&path, folder.path().join("older")).unwrap();
        ledger.append(b"two\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
        assert!(Ledger::new(folder.path().to_owned(), FORM).append(b"x\n").is_err());
    }

    #[test]
    fn a_file_that_is_large_enough_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut ledger = Ledger::new(path.clone(), Form { largest: 10, ..FORM });
        let read = || {
            let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
            (read("audit.jsonl"), read("audit.jsonl.1"))
        };
        for (line, now, aside) in [
            ("one\n", "one\n", ""),
            ("two\n", "one\ntwo\n", ""),
            ("three\n", "three\n", "one\ntwo\n"),
            ("four\n", "four\n", "three\n"),
            ("a line that is too long\n", "a line that is too long\n", "four\n"),
            ("5\n", "5\n", "a line that is too long\n"),
        ] {
            ledger.append(line.as_bytes()).unwrap();
            assert_eq!(read(), (now.to_owned(), aside.to_owned()));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
