//! GRUB's environment block: 1024 bytes of `name=value` lines, which GRUB itself can write.

/// GRUB writes into the file's blocks without changing its size, so the size is fixed.
const SIZE: usize = 1024;
const SIGNATURE: &str = "# GRUB Environment Block\n";

/// The variables in the block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    pairs: Vec<(String, String)>,
}

impl Environment {
    /// Reads a block; what is none gives no variables.
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let body = text.strip_prefix(SIGNATURE).unwrap_or_default();
        let pairs = body
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), unescaped(value)))
            .collect();
        Self { pairs }
    }

    /// A variable's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.pairs.push((name.to_owned(), value.to_owned()));
    }

    /// Removes a variable.
    pub fn unset(&mut self, name: &str) {
        self.pairs.retain(|(known, _)| known != name);
    }

    /// Makes a release the one that is booted; the one before it becomes the previous. A trial is over.
    pub fn select(&mut self, version: &str) {
        let before = self.get("current").unwrap_or_default().to_owned();
        if !before.is_empty() && before != version {
            self.set("previous", &before);
        }
        self.set("current", version);
        self.unset("trial");
        self.unset("tries");
    }

    /// The block.
    ///
    /// # Errors
    /// When the variables do not fit.
    pub fn bytes(&self) -> Result<Vec<u8>, String> {
        let mut text = SIGNATURE.to_owned();
        for (name, value) in &self.pairs {
            let value = value.replace('\\', "\\\\").replace('\n', "\\\n");
            text.push_str(&format!("{name}={value}\n"));
        }
        if text.len() > SIZE {
            return Err(format!(
                "GRUB's environment block has {} bytes; {SIZE} fit",
                text.len()
            ));
        }
        let mut bytes = text.into_bytes();
        bytes.resize(SIZE, b'#');
        Ok(bytes)
    }
}

fn unescaped(value: &str) -> String {
    let mut out = String::new();
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        out.extend(if letter == '\\' {
            letters.next()
        } else {
            Some(letter)
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_has_grub_s_form() {
        let mut environment = Environment::default();
        environment.select("v1");
        let bytes = environment.bytes().unwrap();
        assert_eq!(bytes.len(), 1024);
        assert!(bytes.starts_with(b"# GRUB Environment Block\ncurrent=v1\n####"));
        assert_eq!(Environment::parse(&bytes), environment);
    }

    #[test]
    fn the_release_before_becomes_the_previous_and_a_trial_ends() {
        let mut environment = Environment::default();
        environment.select("v1");
        environment.select("v1");
        assert_eq!(environment.get("previous"), None);
        environment.set("trial", "v2");
        environment.set("tries", "1");
        environment.select("v2");
        assert_eq!(environment.get("current"), Some("v2"));
        assert_eq!(environment.get("previous"), Some("v1"));
        assert_eq!(environment.get("trial"), None);
    }

    #[test]
    fn nonsense_is_an_empty_block_and_too_much_is_refused() {
        assert_eq!(Environment::parse(b"current=v1\n"), Environment::default());
        let mut environment = Environment::default();
        environment.set("x", &"y".repeat(1100));
        assert!(environment.bytes().is_err());
    }
}
