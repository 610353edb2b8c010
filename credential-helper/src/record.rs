//! The streams of the process, with a record of what was read and not yet answered.
//!
//! The standard library's own standard input reads ahead into a buffer that nobody else can see; what is in it would be
//! lost when the program becomes another. And its standard output keeps a copy of what went through.

use std::{
    cell::{Cell, RefCell},
    fs::File,
    io::{self, BufRead, Read, Write},
};

use clients::protocol::ProtocolError;
use zeroize::Zeroizing;

/// Read at once: a page more than any request.
const CHUNK: usize = 8 * 1024;

/// The descriptor that is read anyway.
pub(crate) const STANDARD_INPUT: &str = "0";

/// What was read since the last answer.
#[derive(Default)]
pub(crate) struct Record {
    /// Everything read and not yet answered, and what was read ahead.
    bytes: RefCell<Zeroizing<Vec<u8>>>,
    /// How much of it the protocol has taken.
    taken: Cell<usize>,
}

impl Record {
    /// What another program needs to answer in this one's stead: the request at hand and what was read after it.
    pub(crate) fn unanswered(&self) -> Zeroizing<Vec<u8>> {
        self.bytes.borrow().clone()
    }

    fn answered(&self) {
        self.bytes.borrow_mut().drain(..self.taken.take());
    }
}

/// Requests, as the package manager writes them.
pub(crate) struct Requests<'a> {
    record: &'a Record,
    source: Box<dyn Read>,
    chunk: Zeroizing<Vec<u8>>,
    from: usize,
}

impl<'a> Requests<'a> {
    /// From standard input.
    pub(crate) fn of_process(record: &'a Record) -> Result<Self, ProtocolError> {
        Self::resuming(record, None)
    }

    /// From standard input, after what a descriptor holds: what another program had read of it already.
    pub(crate) fn resuming(record: &'a Record, beginning: Option<&str>) -> Result<Self, ProtocolError> {
        let input = standard::input().map_err(ProtocolError::Read)?;
        let source: Box<dyn Read> = match beginning {
            Some(descriptor) if descriptor != STANDARD_INPUT => {
                let beginning = File::open(format!("/dev/fd/{descriptor}")).map_err(ProtocolError::Read)?;
                Box::new(beginning.chain(input))
            }
            _ => Box::new(input),
        };
        Ok(Self { record, source, chunk: Zeroizing::default(), from: 0 })
    }
}

impl Requests<'_> {
    /// What was not read yet.
    pub(crate) fn rest(&mut self) -> &mut dyn Read {
        &mut self.source
    }
}

impl BufRead for Requests<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.from == self.chunk.len() {
            self.chunk.resize(CHUNK, 0);
            let read = self.source.read(&mut self.chunk);
            self.chunk.truncate(*read.as_ref().unwrap_or(&0));
            self.from = 0;
            read?;
            self.record.bytes.borrow_mut().extend_from_slice(&self.chunk);
        }
        Ok(&self.chunk[self.from..])
    }

    fn consume(&mut self, amount: usize) {
        self.from += amount;
        self.record.taken.set(self.record.taken.get() + amount);
    }
}

impl Read for Requests<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let amount = self.fill_buf()?.read(into)?;
        self.consume(amount);
        Ok(amount)
    }
}

/// Answers, as the package manager reads them. What was read before an answer is answered by it.
pub(crate) struct Answers<'a> {
    record: &'a Record,
    output: File,
    /// What is done when an answer is out.
    after: &'a dyn Fn(),
}

impl<'a> Answers<'a> {
    /// To standard output; `after` is called after each answer.
    pub(crate) fn of_process(record: &'a Record, after: &'a dyn Fn()) -> Result<Self, ProtocolError> {
        Ok(Self { record, output: standard::output().map_err(ProtocolError::Write)?, after })
    }
}

impl Write for Answers<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.record.answered();
        (self.after)();
        Ok(())
    }
}

#[cfg(unix)]
pub(crate) mod standard {
    use std::{fs::File, io, os::fd::AsFd as _};

    pub(super) fn input() -> io::Result<File> {
        io::stdin().as_fd().try_clone_to_owned().map(File::from)
    }

    pub(crate) fn output() -> io::Result<File> {
        io::stdout().as_fd().try_clone_to_owned().map(File::from)
    }
}

#[cfg(windows)]
pub(crate) mod standard {
    use std::{fs::File, io, os::windows::io::AsHandle as _};

    pub(super) fn input() -> io::Result<File> {
        io::stdin().as_handle().try_clone_to_owned().map(File::from)
    }

    pub(crate) fn output() -> io::Result<File> {
        io::stdout().as_handle().try_clone_to_owned().map(File::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unanswered_is_kept_and_nothing_else() {
        let record = Record::default();
        let mut requests = Requests {
            record: &record,
            source: Box::new(&b"first\nsecond\nthird"[..]),
            chunk: Zeroizing::default(),
            from: 0,
        };
        let mut answers = Answers { record: &record, output: tempfile::tempfile().unwrap(), after: &|| {} };
        answers.flush().unwrap();
        let mut line = String::new();
        requests.read_line(&mut line).unwrap();
        assert_eq!(record.unanswered().as_slice(), b"first\nsecond\nthird");
        answers.write_all(b"answer").unwrap();
        answers.flush().unwrap();
        assert_eq!(record.unanswered().as_slice(), b"second\nthird");
        requests.read_line(&mut line).unwrap();
        assert_eq!(record.unanswered().as_slice(), b"second\nthird");
    }
}
