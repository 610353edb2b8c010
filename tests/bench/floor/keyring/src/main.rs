//! The floor of a read from the kernel keyring: `set NAME VALUE` once, then `get NAME`.

use std::{error::Error, io::Write as _};

use linux_keyutils::{KeyRing, KeyRingIdentifier};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let ring = KeyRing::from_special_id(KeyRingIdentifier::Session, false).map_err(|error| format!("{error:?}"))?;
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["set", name, value] => {
            ring.add_key(name, value.as_bytes()).map_err(|error| format!("{error:?}"))?;
        }
        ["get", name] => {
            let key = ring.search(name).map_err(|error| format!("{error:?}"))?;
            let mut value = key.read_to_vec().map_err(|error| format!("{error:?}"))?;
            value.push(b'\n');
            std::io::stdout().write_all(&value)?;
        }
        _ => return Err("set NAME VALUE, or get NAME".into()),
    }
    Ok(())
}
