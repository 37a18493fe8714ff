//! Text on every console of the machine: nobody knows which one is watched while a machine installs itself.

use std::io::{self, Write};

use system::console;

/// Writes whole lines to all consoles.
#[derive(Debug, Default)]
pub struct Consoles {
    begun: Vec<u8>,
}

impl Consoles {
    /// All that the kernel uses.
    pub fn all() -> Self {
        console::use_all();
        Self::default()
    }
}

impl Write for Consoles {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            if *byte == b'\n' {
                console::line(&String::from_utf8_lossy(&self.begun));
                self.begun.clear();
            } else {
                self.begun.push(*byte);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
