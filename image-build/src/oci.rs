//! The one container image of the release, as an OCI archive: the sandbox's `/pause`, and what programs mounted from the host
//! expect around them.

use anyhow::{Context as _, Result};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::arch::Arch;
use crate::archive::write_tar;
use crate::cache::hex;
use crate::tree::Tree;

/// Accounts of the image. Add-ons run as 65534 or as what their manifests say.
const PASSWD: &str =
    "root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nnogroup:x:65534:\n";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The image's name without its tag, which is the release.
pub const NAME: &str = "docker.io/k3os/system";

/// The image's files.
pub fn contents(pause: &std::path::Path, certificates: &[u8]) -> Result<Tree> {
    let mut tree = Tree::default();
    tree.host_file("pause", 0o755, pause)?;
    tree.file("etc/passwd", 0o644, PASSWD);
    tree.file("etc/group", 0o644, GROUP);
    tree.file("etc/nsswitch.conf", 0o644, "hosts: files dns\n");
    tree.file("etc/ssl/certs/ca-certificates.crt", 0o644, certificates);
    tree.dir("tmp", 0o1777);
    Ok(tree)
}

/// The archive, byte for byte the same for the same contents.
pub fn archive(contents: &Tree, arch: Arch, release: &str, epoch: u64) -> Result<Vec<u8>> {
    let mut layer = Vec::new();
    write_tar(contents, epoch, &mut layer).context("writing the image's layer")?;
    let mut blobs = Tree::default();
    let diff_id = format!("sha256:{}", hex(&Sha256::digest(&layer)));
    let config = json!({
        "architecture": arch.name(), "os": "linux",
        "config": {"Entrypoint": ["/pause"], "Env": ["PATH=/"], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    });
    let layer = blob(&mut blobs, LAYER, &layer);
    let config = blob(&mut blobs, CONFIG, config.to_string().as_bytes());
    let manifest =
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
    let mut manifest = blob(&mut blobs, MANIFEST, manifest.to_string().as_bytes());
    manifest["platform"] = json!({"architecture": arch.name(), "os": "linux"});
    manifest["annotations"] = json!({"io.containerd.image.name": format!("{NAME}:{release}"), "org.opencontainers.image.ref.name": release});
    let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [manifest]});
    blobs.file("index.json", 0o644, index.to_string());
    blobs.file("oci-layout", 0o644, r#"{"imageLayoutVersion":"1.0.0"}"#);
    let mut archive = Vec::new();
    write_tar(&blobs, epoch, &mut archive).context("writing the image's archive")?;
    Ok(archive)
}

/// Stores a blob under its hash and gives its descriptor.
fn blob(blobs: &mut Tree, media_type: &str, bytes: &[u8]) -> serde_json::Value {
    let digest = hex(&Sha256::digest(bytes));
    blobs.file(&format!("blobs/sha256/{digest}"), 0o644, bytes);
    json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len()})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::read_tar;

    #[test]
    fn every_blob_is_what_its_descriptor_says() {
        let directory = tempfile::tempdir().unwrap();
        let pause = directory.path().join("pause");
        std::fs::write(&pause, "program").unwrap();
        let bytes = archive(&contents(&pause, b"CA").unwrap(), Arch::Amd64, "v1.2.3", 5).unwrap();
        let path = directory.path().join("system.tar");
        std::fs::write(&path, &bytes).unwrap();
        let tree = read_tar(&path).unwrap();
        let parse = |path: &str| {
            serde_json::from_slice::<serde_json::Value>(&tree.read(path).unwrap()).unwrap()
        };
        let blob = |descriptor: &serde_json::Value| {
            let digest = descriptor["digest"]
                .as_str()
                .unwrap()
                .trim_start_matches("sha256:")
                .to_owned();
            let bytes = tree.read(&format!("blobs/sha256/{digest}")).unwrap();
            assert_eq!(hex(&Sha256::digest(&bytes)), digest);
            assert_eq!(bytes.len() as u64, descriptor["size"].as_u64().unwrap());
            bytes
        };
        let entry = &parse("index.json")["manifests"][0];
        assert_eq!(
            entry["annotations"]["io.containerd.image.name"],
            "docker.io/k3os/system:v1.2.3"
        );
        let manifest: serde_json::Value = serde_json::from_slice(&blob(entry)).unwrap();
        let config: serde_json::Value = serde_json::from_slice(&blob(&manifest["config"])).unwrap();
        assert_eq!(
            config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"],
            "the layer is not compressed"
        );
        std::fs::write(&path, blob(&manifest["layers"][0])).unwrap();
        assert_eq!(read_tar(&path).unwrap().text("pause").unwrap(), "program");
    }
}
