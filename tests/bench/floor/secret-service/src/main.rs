//! The floor of a read from the Secret Service with a plain session: `set NAME VALUE` once, then `get NAME`.

use std::{collections::HashMap, error::Error, io::Write as _};

use secret_service::{EncryptionType, blocking::SecretService};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let service = SecretService::connect(EncryptionType::Plain)?;
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["set", name, value] => {
            let attributes = HashMap::from([("floor", name)]);
            let collection = service.get_default_collection()?;
            collection.create_item("floor", attributes, value.as_bytes(), true, "text/plain")?;
        }
        ["get", name] => {
            let found = service.search_items(HashMap::from([("floor", name)]))?;
            let mut value = found.unlocked.first().ok_or("nothing of that name")?.get_secret()?;
            value.push(b'\n');
            std::io::stdout().write_all(&value)?;
        }
        _ => return Err("set NAME VALUE, or get NAME".into()),
    }
    Ok(())
}
