//! The floor of a warm call: a token in its owner's file becomes an answer in JSON.
//!
//! The file holds `EXPIRATION TOKEN`, with seconds since 1970.

use std::{
    error::Error,
    fs::File,
    io::{Read as _, Write as _},
    os::unix::fs::MetadataExt as _,
    time::{SystemTime, UNIX_EPOCH},
};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("a token file is wanted")?;
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.mode() & 0o077 != 0 {
        return Err("others may read the file".into());
    }
    let mut text = String::with_capacity(4096);
    file.read_to_string(&mut text)?;
    let (expiration, token) = text.trim_end().split_once(' ').ok_or("no token in the file")?;
    if expiration.parse::<u64>()? <= SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() {
        return Err("the token has expired".into());
    }
    let answer = format!("{{\"kind\":\"get\",\"token\":\"{token}\",\"expiration\":{expiration}}}\n");
    std::io::stdout().write_all(answer.as_bytes())?;
    Ok(())
}
