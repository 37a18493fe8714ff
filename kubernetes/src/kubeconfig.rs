//! Kubeconfigs.

use base64::Engine as _;
use serde_json::{Value, json};

/// The certificate, key and CA of a kubeconfig: as paths, which the components read again when they change, or
/// embedded, for a file that is carried elsewhere.
pub enum Identity<'a> {
    /// Paths of CA, certificate and key.
    Files {
        /// CA of the server.
        ca: &'a str,
        /// The client's certificate.
        certificate: &'a str,
        /// The client's key.
        key: &'a str,
    },
    /// PEM texts of CA, certificate and key.
    Embedded {
        /// CA of the server.
        ca: &'a str,
        /// The client's certificate.
        certificate: &'a str,
        /// The client's key.
        key: &'a str,
    },
}

/// A kubeconfig with one cluster, user and context, all called `default`. JSON, which is YAML, laid out for readers.
pub fn render(server: &str, identity: &Identity<'_>) -> String {
    let (cluster, user) = match identity {
        Identity::Files {
            ca,
            certificate,
            key,
        } => (
            json!({ "server": server, "certificate-authority": ca }),
            json!({ "client-certificate": certificate, "client-key": key }),
        ),
        Identity::Embedded {
            ca,
            certificate,
            key,
        } => (
            json!({ "server": server, "certificate-authority-data": encode(ca) }),
            json!({ "client-certificate-data": encode(certificate), "client-key-data": encode(key) }),
        ),
    };
    yaml(&cluster, &user)
}

fn encode(pem: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(pem)
}

fn yaml(cluster: &Value, user: &Value) -> String {
    format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: default\n  cluster:\n{}users:\n- name: default\n  user:\n{}\
         contexts:\n- name: default\n  context:\n    cluster: default\n    user: default\ncurrent-context: default\n",
        lines(cluster),
        lines(user)
    )
}

/// JSON strings are YAML strings, so every value is quoted safely.
fn lines(map: &Value) -> String {
    map.as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("    {key}: {value}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named() {
        let identity = Identity::Files {
            ca: "/ca.crt",
            certificate: "/c.crt",
            key: "/c.key",
        };
        let expected = r#"apiVersion: v1
kind: Config
clusters:
- name: default
  cluster:
    server: "https://127.0.0.1:6443"
    certificate-authority: "/ca.crt"
users:
- name: default
  user:
    client-certificate: "/c.crt"
    client-key: "/c.key"
contexts:
- name: default
  context:
    cluster: default
    user: default
current-context: default
"#;
        assert_eq!(render("https://127.0.0.1:6443", &identity), expected);
    }

    #[test]
    fn pem_is_embedded_as_base64() {
        let text = render(
            "https://x",
            &Identity::Embedded {
                ca: "A",
                certificate: "B",
                key: "C",
            },
        );
        assert!(
            text.contains("certificate-authority-data: \"QQ==\""),
            "{text}"
        );
        assert!(text.contains("client-key-data: \"Qw==\""), "{text}");
    }
}
