//! npm packages of a public source, packed here: what is in them is known, and hundreds take a moment.

use std::{collections::BTreeMap, fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest as _, Sha512};

/// When all of them were published: long ago, because some clients refuse what is young.
const PUBLISHED: &str = "2020-01-02T03:04:05.000Z";

/// Writes the documents and tarballs of packages into `folder`, as [`Source`](crate::Source) serves them. Each manifest
/// is one version, older ones of a package first; the module says `NAME VERSION`.
pub fn write(folder: &Path, manifests: &[Value]) {
    fs::create_dir_all(folder).expect("the folder can be made");
    let mut documents = BTreeMap::<&str, Value>::new();
    for manifest in manifests {
        let [name, version] = ["name", "version"].map(|member| manifest[member].as_str().expect("a manifest has it"));
        let file = format!("{}-{version}.tgz", name.trim_start_matches('@').replace('/', "-"));
        let tarball = packed(manifest, &format!("module.exports = '{name} {version}';\n"));
        let document = documents.entry(name).or_insert_with(|| json!({ "name": name, "versions": {}, "time": {} }));
        document["versions"][version] = manifest.clone();
        document["versions"][version]["dist"] = json!({
            "tarball": file,
            "shasum": format!("{:x}", Sha1::digest(&tarball)),
            "integrity": format!("sha512-{}", STANDARD.encode(Sha512::digest(&tarball))),
        });
        document["time"][version] = json!(PUBLISHED);
        document["dist-tags"] = json!({ "latest": version });
        fs::write(folder.join(file), tarball).expect("the folder takes files");
    }
    for (name, document) in documents {
        let file = folder.join(name.replace('/', "%2f"));
        fs::write(file, document.to_string()).expect("the folder takes files");
    }
}

/// A manifest that needs others.
pub fn manifest(name: &str, version: &str, dependencies: &[(&str, &str)]) -> Value {
    let dependencies: BTreeMap<&str, &str> = dependencies.iter().copied().collect();
    json!({ "name": name, "version": version, "main": "index.js", "license": "MIT", "dependencies": dependencies })
}

/// The tarball of a manifest and a module.
pub fn packed(manifest: &Value, module: &str) -> Vec<u8> {
    archive([("package/package.json", &*manifest.to_string()), ("package/index.js", module)])
}

/// A packed archive of these files.
pub fn archive<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, content.as_bytes()).expect("memory takes it");
    }
    archive.into_inner().and_then(GzEncoder::finish).expect("memory takes it")
}
