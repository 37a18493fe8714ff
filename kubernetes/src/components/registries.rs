//! `registries.yaml` of k3s: mirrors and credentials, as containerd's `hosts.toml` files.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The file's content.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registries {
    #[serde(default)]
    mirrors: BTreeMap<String, Mirror>,
    #[serde(default)]
    configs: BTreeMap<String, Config>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mirror {
    #[serde(default)]
    endpoint: Vec<String>,
    #[serde(default)]
    rewrite: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    auth: Option<Auth>,
    tls: Option<Tls>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Auth {
    username: Option<String>,
    password: Option<String>,
    auth: Option<String>,
    identity_token: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tls {
    ca_file: Option<String>,
    cert_file: Option<String>,
    key_file: Option<String>,
    #[serde(default)]
    insecure_skip_verify: bool,
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
    ///
    /// # Errors
    /// Syntax, and keys that k3s does not know.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(serde_saphyr::from_str::<Option<Self>>(text)?.unwrap_or_default())
    }

    /// The files for containerd.
    ///
    /// # Errors
    /// Something that containerd's files cannot say: `rewrite`, or half a key pair.
    pub fn hosts_files(&self) -> Result<Vec<HostsFile>> {
        let only_configured = self
            .configs
            .keys()
            .filter(|host| !self.mirrors.contains_key(*host));
        let hosts = self.mirrors.keys().chain(only_configured);
        hosts
            .map(|host| {
                self.hosts_file(host)
                    .with_context(|| format!("setting up the registry {host}"))
            })
            .collect()
    }

    /// Credentials, as a part of containerd's own configuration: its hosts files know no login.
    ///
    /// # Errors
    /// A user without a password, or the other way round.
    pub fn credentials(&self) -> Result<String> {
        let mut content = String::new();
        for (host, config) in &self.configs {
            if let Some(auth) = &config.auth {
                auth.write(&mut content, host)
                    .with_context(|| format!("setting up the registry {host}"))?;
            }
        }
        Ok(content)
    }

    fn hosts_file(&self, host: &str) -> Result<HostsFile> {
        let mut content = String::new();
        let mirror = self.mirrors.get(host);
        if mirror.is_some_and(|m| !m.rewrite.is_empty()) {
            bail!("'rewrite' is not supported");
        }
        if host != "*" {
            writeln!(content, "server = {:?}", upstream(host))?;
        }
        for endpoint in mirror.into_iter().flat_map(|m| &m.endpoint) {
            let url = if endpoint.contains("://") {
                endpoint.clone()
            } else {
                format!("https://{endpoint}")
            };
            self.host_section(&mut content, &url)?;
        }
        if self.configs.contains_key(host) {
            self.host_section(&mut content, &upstream(host))?;
        }
        Ok(HostsFile {
            host: if host == "*" {
                "_default".into()
            } else {
                host.into()
            },
            content,
        })
    }

    fn host_section(&self, content: &mut String, url: &str) -> Result<()> {
        writeln!(
            content,
            "\n[host.{url:?}]\ncapabilities = [\"pull\", \"resolve\"]"
        )?;
        let address = url.split_once("://").map_or(url, |(_, rest)| rest);
        let host = address.split('/').next().unwrap_or(address);
        if address.contains('/') {
            writeln!(content, "override_path = true")?;
        }
        let Some(config) = self.configs.get(host) else {
            return Ok(());
        };
        if let Some(tls) = &config.tls {
            tls.write(content)?;
        }
        Ok(())
    }
}

fn upstream(host: &str) -> String {
    if host == "docker.io" {
        "https://registry-1.docker.io".into()
    } else {
        format!("https://{host}")
    }
}

impl Tls {
    fn write(&self, content: &mut String) -> Result<()> {
        if let Some(ca) = &self.ca_file {
            writeln!(content, "ca = {ca:?}")?;
        }
        match (&self.cert_file, &self.key_file) {
            (Some(cert), Some(key)) => writeln!(content, "client = [[{cert:?}, {key:?}]]")?,
            (None, None) => {}
            _ => bail!("'cert_file' and 'key_file' belong together"),
        }
        if self.insecure_skip_verify {
            writeln!(content, "skip_verify = true")?;
        }
        Ok(())
    }
}

impl Auth {
    fn write(&self, content: &mut String, host: &str) -> Result<()> {
        if self.username.is_some() != self.password.is_some() {
            bail!("'username' and 'password' belong together");
        }
        writeln!(
            content,
            "\n[plugins.'io.containerd.cri.v1.images'.registry.configs.{host:?}.auth]"
        )?;
        let fields = [
            ("username", &self.username),
            ("password", &self.password),
            ("auth", &self.auth),
            ("identitytoken", &self.identity_token),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                writeln!(content, "{name} = {value:?}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_and_configs_become_hosts_files() -> Result<()> {
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
        let registries = Registries::parse(text)?;
        let files = registries.hosts_files()?;
        let credentials = registries.credentials()?;
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
        Ok(())
    }

    #[test]
    fn what_cannot_be_said_is_an_error() -> Result<()> {
        assert!(Registries::parse("mirors: {}").is_err());
        assert!(Registries::parse("")?.hosts_files()?.is_empty());
        let rewrite = "mirrors: {x: {rewrite: {a: b}}}";
        assert!(Registries::parse(rewrite)?.hosts_files().is_err());
        let half = "configs: {x: {tls: {cert_file: /a}}}";
        assert!(Registries::parse(half)?.hosts_files().is_err());
        Ok(())
    }
}
