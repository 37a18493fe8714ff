//! `registries.yaml` of k3s: mirrors and credentials, as containerd's `hosts.toml` files.
//!
//! What cannot be used is left out and said; the rest applies. A file with a slip must not keep the node from starting.

mod section;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use config::tree::Node;
use section::Section;

/// The file's content, as far as it can be used.
#[derive(Debug, Default)]
pub struct Registries {
    mirrors: BTreeMap<String, Vec<String>>,
    configs: BTreeMap<String, Config>,
    problems: Vec<String>,
}

#[derive(Debug, Default)]
struct Config {
    auth: Option<Auth>,
    tls: Tls,
}

#[derive(Debug)]
struct Auth(Vec<(&'static str, String)>);

#[derive(Debug, Default)]
struct Tls {
    ca: Option<String>,
    pair: Option<(String, String)>,
    insecure: bool,
}

/// One `certs.d/HOST/hosts.toml`.
#[derive(Debug, PartialEq, Eq)]
pub struct HostsFile {
    /// The directory's name: a registry, or `_default`.
    pub host: String,
    /// The file.
    pub content: String,
}

impl Registries {
    /// Reads the YAML text.
    pub fn read(text: &str) -> Self {
        let mut registries = Self::default();
        match crate::yaml::document(text) {
            Ok(None) => {}
            Ok(Some(node)) => registries.fill(node),
            Err(error) => registries
                .problems
                .push(format!("nothing of it is used: {error:#}")),
        }
        registries
    }

    /// What is left out, a sentence each.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    fn fill(&mut self, node: Node) {
        let mut file = Section::new("the file", node, &mut self.problems);
        file.each("mirrors", |entry, problems| {
            if let Some(endpoints) = mirror(&entry.key, entry.value, problems) {
                self.mirrors.insert(entry.key, endpoints);
            }
        });
        file.each("configs", |entry, problems| {
            let config = config(&entry.key, entry.value, problems);
            self.configs.insert(entry.key, config);
        });
        file.end("mirrors, configs");
    }

    /// The files for containerd.
    pub fn hosts_files(&self) -> Vec<HostsFile> {
        let only_configured = self
            .configs
            .keys()
            .filter(|host| !self.mirrors.contains_key(*host));
        let hosts = self.mirrors.keys().chain(only_configured);
        hosts.map(|host| self.hosts_file(host)).collect()
    }

    /// Credentials, as a part of containerd's own configuration: its hosts files know no login.
    pub fn credentials(&self) -> String {
        let with_auth = |(host, config): (&String, &Config)| {
            let auth = config.auth.as_ref()?;
            let mut lines = format!(
                "\n[plugins.'io.containerd.cri.v1.images'.registry.configs.{host:?}.auth]\n"
            );
            for (name, value) in &auth.0 {
                let _ = writeln!(lines, "{name} = {value:?}");
            }
            Some(lines)
        };
        self.configs.iter().filter_map(with_auth).collect()
    }

    fn hosts_file(&self, host: &str) -> HostsFile {
        let mut content = String::new();
        if host != "*" {
            let _ = writeln!(content, "server = {:?}", upstream(host));
        }
        for endpoint in self.mirrors.get(host).into_iter().flatten() {
            let url = if endpoint.contains("://") {
                endpoint.clone()
            } else {
                format!("https://{endpoint}")
            };
            content.push_str(&self.host_section(&url));
        }
        if self.configs.contains_key(host) {
            content.push_str(&self.host_section(&upstream(host)));
        }
        HostsFile {
            host: if host == "*" {
                "_default".into()
            } else {
                host.into()
            },
            content,
        }
    }

    fn host_section(&self, url: &str) -> String {
        let mut content = format!("\n[host.{url:?}]\ncapabilities = [\"pull\", \"resolve\"]\n");
        let address = url.split_once("://").map_or(url, |(_, rest)| rest);
        let host = address.split('/').next().unwrap_or(address);
        if address.contains('/') {
            content.push_str("override_path = true\n");
        }
        if let Some(config) = self.configs.get(host) {
            content.push_str(&config.tls.lines());
        }
        content
    }
}

fn upstream(host: &str) -> String {
    if host == "docker.io" {
        "https://registry-1.docker.io".into()
    } else {
        format!("https://{host}")
    }
}

/// The endpoints of a mirror; `None` when it rewrites names, which containerd cannot: it would pull other images.
fn mirror(host: &str, node: Node, problems: &mut Vec<String>) -> Option<Vec<String>> {
    let line = node.place.line;
    let mut section = Section::new(&format!("the mirror {host}"), node, problems);
    let endpoints = section.texts("endpoint");
    let rewrites = section
        .take("rewrite")
        .is_some_and(|rewrite| !is_empty(&rewrite));
    section.end("endpoint, rewrite");
    if rewrites {
        problems.push(format!(
            "line {line}: the mirror {host} is not used: 'rewrite' is not supported; name a mirror that keeps the images' \
             names, or put the path into the endpoint (https://MIRROR/v2/PATH)"
        ));
        return None;
    }
    Some(endpoints)
}

fn is_empty(node: &Node) -> bool {
    use config::tree::Value;
    matches!(&node.value, Value::Null) || matches!(&node.value, Value::Map(map) if map.is_empty())
}

fn config(host: &str, node: Node, problems: &mut Vec<String>) -> Config {
    let mut section = Section::new(&format!("the registry {host}"), node, problems);
    let (auth, tls) = (section.take("auth"), section.take("tls"));
    section.end("auth, tls");
    Config {
        auth: auth.and_then(|node| Auth::read(host, node, problems)),
        tls: tls.map_or_else(Tls::default, |node| Tls::read(host, node, problems)),
    }
}

impl Auth {
    fn read(host: &str, node: Node, problems: &mut Vec<String>) -> Option<Self> {
        // The name of each field in k3s's file, and in containerd's.
        let names = [
            ("username", "username"),
            ("password", "password"),
            ("auth", "auth"),
            ("identity_token", "identitytoken"),
        ];
        let mut section = Section::new(&format!("the login of {host}"), node, problems);
        let fields = names
            .into_iter()
            .filter_map(|(theirs, ours)| Some((ours, section.text(theirs)?)));
        let fields: Vec<_> = fields.collect();
        section.end("username, password, auth, identity_token");
        let has = |name: &str| fields.iter().any(|(field, _)| *field == name);
        if has("username") != has("password") {
            problems.push(format!(
                "the login of {host} is not used: 'username' and 'password' belong together"
            ));
            return None;
        }
        (!fields.is_empty()).then_some(Auth(fields))
    }
}

impl Tls {
    fn read(host: &str, node: Node, problems: &mut Vec<String>) -> Self {
        let mut section = Section::new(&format!("TLS of {host}"), node, problems);
        let (cert, key) = (section.text("cert_file"), section.text("key_file"));
        let (ca, insecure) = (
            section.text("ca_file"),
            section.truth("insecure_skip_verify"),
        );
        section.end("ca_file, cert_file, key_file, insecure_skip_verify");
        let halves = cert.is_some() != key.is_some();
        if halves {
            problems.push(format!(
                "the client certificate for {host} is not used: 'cert_file' and 'key_file' belong together"
            ));
        }
        Tls {
            ca,
            pair: cert.zip(key),
            insecure,
        }
    }

    fn lines(&self) -> String {
        let ca = self.ca.as_ref().map(|ca| format!("ca = {ca:?}\n"));
        let pair = self.pair.as_ref();
        let pair = pair.map(|(cert, key)| format!("client = [[{cert:?}, {key:?}]]\n"));
        let insecure = self.insecure.then(|| "skip_verify = true\n".to_owned());
        [ca, pair, insecure].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_and_configs_become_hosts_files() {
        let text = r#"
mirrors:
  docker.io:
    endpoint:
      - "https://mirror.example:5000"
      - "https://proxy.example/v2/hub"
configs:
  "mirror.example:5000":
    auth: { username: u, password: p }
    tls: { ca_file: /ca.pem, insecure_skip_verify: true }
"#;
        let registries = Registries::read(text);
        let files = registries.hosts_files();
        let credentials = registries.credentials();
        let table =
            "[plugins.'io.containerd.cri.v1.images'.registry.configs.\"mirror.example:5000\".auth]";
        assert_eq!(
            credentials,
            format!("\n{table}\nusername = \"u\"\npassword = \"p\"\n")
        );
        let expected = r#"server = "https://registry-1.docker.io"

[host."https://mirror.example:5000"]
capabilities = ["pull", "resolve"]
ca = "/ca.pem"
skip_verify = true

[host."https://proxy.example/v2/hub"]
capabilities = ["pull", "resolve"]
override_path = true
"#;
        assert_eq!(
            files[0],
            HostsFile {
                host: "docker.io".into(),
                content: expected.into()
            }
        );
        assert_eq!(files[1].host, "mirror.example:5000");
        assert!(registries.problems().is_empty());
    }

    #[test]
    fn what_cannot_be_used_is_left_out_and_said_and_the_rest_applies() {
        let cases = [
            (
                "mirrors: {x: {rewrite: {a: b}, endpoint: [m]}, y: {endpoint: m}}",
                "mirror x is not used",
                "y",
            ),
            (
                "mirrors: {y: {endpoint: [m], enpoint: [n]}}",
                "unknown key 'enpoint'",
                "y",
            ),
            (
                "mirors: {}\nmirrors: {y: {endpoint: [m]}}",
                "unknown key 'mirors'",
                "y",
            ),
            (
                "configs: {y: {tls: {cert_file: /a}}}",
                "belong together",
                "y",
            ),
            (
                "configs: {y: {auth: {username: a}}}",
                "belong together",
                "y",
            ),
            (
                "configs: {y: {tls: {insecure_skip_verify: maybe}}}",
                "invalid value 'maybe'",
                "y",
            ),
            ("mirrors: [", "nothing of it is used", ""),
            ("- a", "must be a map", ""),
        ];
        for (text, words, host) in cases {
            let registries = Registries::read(text);
            let problems = registries.problems();
            assert!(
                matches!(problems, [one] if one.contains(words)),
                "{text}: {problems:?}"
            );
            let hosts = registries.hosts_files();
            assert_eq!(hosts.first().map_or("", |file| &file.host), host, "{text}");
            assert_eq!(registries.credentials(), "", "{text}");
        }
        assert!(Registries::read("").hosts_files().is_empty());
        assert!(
            Registries::read("mirrors: {x: {rewrite: {}}}")
                .problems()
                .is_empty()
        );
    }

    #[test]
    fn a_password_of_digits_stays_as_it_is() {
        let text = "configs: {r: {auth: {username: 007, password: 0123456}}}";
        let credentials = Registries::read(text).credentials();
        assert!(
            credentials.contains("username = \"007\"\npassword = \"0123456\""),
            "{credentials}"
        );
    }
}
