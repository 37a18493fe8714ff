//! Free ports of the host's loopback.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

use super::spec::Ports;

/// Ports held by listeners until QEMU takes them over.
#[derive(Debug)]
pub struct Reserved {
    ssh: TcpListener,
    api: TcpListener,
}

impl Reserved {
    /// The wanted ports where they are free, else any.
    pub fn near(ssh: u16, api: u16) -> Result<Self> {
        Ok(Self {
            ssh: listen(ssh)?,
            api: listen(api)?,
        })
    }

    /// Any free ports.
    pub fn any() -> Result<Self> {
        Self::near(0, 0)
    }

    /// Lets them go. Others could take them before QEMU does; it would then say so and end.
    pub fn release(self) -> Result<Ports> {
        Ok(Ports {
            ssh: number(&self.ssh)?,
            api: number(&self.api)?,
        })
    }
}

fn number(listener: &TcpListener) -> Result<u16> {
    let address = listener.local_addr().context("reading a reserved port")?;
    Ok(address.port())
}

fn listen(wanted: u16) -> Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, wanted))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .context("finding a free port on 127.0.0.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_replaced_by_another() {
        let taken = listen(0).unwrap();
        let wanted = taken.local_addr().unwrap().port();
        let ports = Reserved::near(wanted, 0).unwrap().release().unwrap();
        assert_ne!(ports.ssh, wanted);
        assert_ne!(ports.ssh, ports.api);
    }
}
