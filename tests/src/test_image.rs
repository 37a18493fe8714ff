//! A container image of our own: a static busybox as an OCI archive.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::processor::Processor;
use crate::release::Artifacts;

/// The image's name in the machine. `localhost/`: nobody serves it, so it is never pulled.
pub const NAME: &str = "localhost/k3os-tests/busybox:1";

/// Debian's package busybox-static, for the host's own processor.
const BUSYBOX: &str = "/bin/busybox";
/// Packages zstd and cpio.
const TAKE: &str = r#"zstd -dcq "$1" | cpio --quiet -i --to-stdout bin/busybox"#;
/// Names under which pods call it.
const APPLETS: [&str; 9] = [
    "sh", "awk", "httpd", "nc", "nslookup", "cat", "sleep", "mkdir", "touch",
];

/// `fetch NAME`: what the web server of that name answers. The static wget crashes where it may look a
/// name up (glibc would load libraries for that); nslookup asks the DNS server itself, but only for full names, so the
/// search list of the pod's resolv.conf is walked here; and nc takes an address.
const FETCH: &str = r#"#!/bin/sh
lookup() { nslookup "$1" | awk '/^Name:/ { found = 1 } found && /^Address/ { print $2; exit }'; }
for domain in $(awk '/^search/ { $1 = ""; print }' /etc/resolv.conf) ""; do
	address=$(lookup "$1${domain:+.$domain}")
	[ -n "$address" ] && break
done
printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 5 "$address" 80
"#;

/// The archive's bytes, for `ctr images import -` in a machine of these artefacts.
pub fn archive(artifacts: &Artifacts) -> Result<Vec<u8>> {
    let processor = artifacts.processor;
    let busybox = match processor {
        Processor::Amd64 => fs::read(BUSYBOX)
            .with_context(|| format!("reading {BUSYBOX} (package busybox-static)"))?,
        Processor::Arm64 => of_initrd(&artifacts.initrd())?,
    };
    build(&busybox, processor).context("building the test image")
}

/// That of the same package for another processor: the rescue shell of the initrd.
fn of_initrd(initrd: &Path) -> Result<Vec<u8>> {
    let taking = || format!("taking bin/busybox out of {}", initrd.display());
    let output = Command::new("sh")
        .args(["-euc", TAKE, "sh"])
        .arg(initrd)
        .output()
        .with_context(taking)?;
    ensure!(
        output.stdout.starts_with(b"\x7fELF"),
        "{}: {}",
        taking(),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(output.stdout)
}

fn build(busybox: &[u8], processor: Processor) -> Result<Vec<u8>> {
    let layer = layer(busybox)?;
    let config = json!({
        "architecture": processor.name(),
        "os": "linux",
        "config": {"Env": ["PATH=/bin"], "Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
    })
    .to_string();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", config.as_bytes()),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer)],
    })
    .to_string();
    let mut entry = descriptor(
        "application/vnd.oci.image.manifest.v1+json",
        manifest.as_bytes(),
    );
    entry["annotations"] = json!({"io.containerd.image.name": NAME});
    let index = json!({"schemaVersion": 2, "manifests": [entry]}).to_string();

    let mut tar = tar::Builder::new(Vec::new());
    add(
        &mut tar,
        "oci-layout",
        br#"{"imageLayoutVersion":"1.0.0"}"#,
        0o644,
    )?;
    add(&mut tar, "index.json", index.as_bytes(), 0o644)?;
    for blob in [config.as_bytes(), manifest.as_bytes(), &layer] {
        add(&mut tar, &blob_path(blob), blob, 0o644)?;
    }
    Ok(tar.into_inner()?)
}

fn layer(busybox: &[u8]) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for dir in ["bin/", "tmp/", "etc/"] {
        let mut header = header(tar::EntryType::Directory, 0, 0o1777);
        tar.append_data(&mut header, dir, std::io::empty())?;
    }
    add(&mut tar, "bin/busybox", busybox, 0o755)?;
    add(&mut tar, "bin/fetch", FETCH.as_bytes(), 0o755)?;
    for applet in APPLETS {
        let mut header = header(tar::EntryType::Symlink, 0, 0o777);
        tar.append_link(&mut header, Path::new("bin").join(applet), "busybox")?;
    }
    Ok(tar.into_inner()?)
}

fn add(tar: &mut tar::Builder<Vec<u8>>, path: &str, content: &[u8], mode: u32) -> Result<()> {
    let mut header = header(tar::EntryType::Regular, content.len() as u64, mode);
    Ok(tar.append_data(&mut header, path, content)?)
}

fn header(kind: tar::EntryType, size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header
}

fn descriptor(media_type: &str, blob: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(blob), "size": blob.len()})
}

fn blob_path(blob: &[u8]) -> String {
    format!("blobs/{}", digest(blob).replace(':', "/"))
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use super::*;

    fn files(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(archive).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            files.insert(entry.path().unwrap().display().to_string(), content);
        }
        files
    }

    fn blob<'a>(files: &'a BTreeMap<String, Vec<u8>>, descriptor: &Value) -> &'a [u8] {
        let digest = descriptor["digest"].as_str().unwrap();
        let content = &files[&format!("blobs/{}", digest.replace(':', "/"))];
        assert_eq!(descriptor["size"], content.len());
        assert_eq!(super::digest(content), digest);
        content
    }

    #[test]
    fn every_descriptor_leads_to_its_blob_down_to_busybox() {
        let files = files(&build(b"ELF", Processor::Arm64).unwrap());
        let index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
        assert_eq!(
            index["manifests"][0]["annotations"]["io.containerd.image.name"],
            NAME
        );
        let manifest: Value = serde_json::from_slice(blob(&files, &index["manifests"][0])).unwrap();
        let config: Value = serde_json::from_slice(blob(&files, &manifest["config"])).unwrap();
        assert_eq!(config["architecture"], "arm64");
        let layer = blob(&files, &manifest["layers"][0]);
        assert_eq!(config["rootfs"]["diff_ids"][0], digest(layer));
        let inside = super::tests::files(layer);
        assert_eq!(inside["bin/busybox"], b"ELF");
        assert!(inside.contains_key("bin/httpd"));
    }

    #[test]
    fn busybox_comes_out_of_an_initrd() {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        fs::create_dir(&bin).unwrap();
        fs::write(bin.join("busybox"), b"\x7fELF\x00\xff").unwrap();
        let initrd = dir.path().join("initrd");
        let pack = r#"cd "$1"; echo bin/busybox | cpio --quiet -o -H newc | zstd -q > "$2""#;
        let paths = [dir.path(), &initrd].map(|path| path.display().to_string());
        crate::tool::run(
            "sh",
            ["-euc".to_owned(), pack.to_owned(), "sh".to_owned()]
                .into_iter()
                .chain(paths),
        )
        .unwrap();
        assert_eq!(of_initrd(&initrd).unwrap(), b"\x7fELF\x00\xff");
        fs::write(&initrd, "none").unwrap();
        let error = of_initrd(&initrd).unwrap_err().to_string();
        assert!(error.contains("taking bin/busybox"), "{error}");
    }

    #[test]
    fn a_digest_is_the_well_known_one() {
        assert_eq!(
            digest(b""),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
