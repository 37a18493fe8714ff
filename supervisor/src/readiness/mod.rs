//! What tells that a service is ready without its help: a bus name, a port, a file.

pub mod dbus;

/// Whether `/proc/net/tcp` or `/proc/net/tcp6` lists a listener on `port`.
///
/// Reading the table costs the service nothing; connecting to it would make it answer.
pub fn listens(table: &str, port: u16) -> bool {
    const LISTEN: &str = "0A";
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().and_then(|address| address.rsplit_once(':'));
        let found = local.and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
        found == Some(port) && fields.nth(1) == Some(LISTEN)
    })
}

/// Whether something listens on a TCP port of this machine.
pub fn port_is_open(port: u16) -> bool {
    ["/proc/net/tcp6", "/proc/net/tcp"]
        .iter()
        .any(|path| std::fs::read_to_string(path).is_ok_and(|table| listens(&table, port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listeners_count() {
        let table = "  sl  local_address rem_address   st tx_queue\n\
             0: 00000000:0016 00000000:0000 0A 00000000:00000000\n\
             1: 0100007F:0050 0100007F:1234 01 00000000:00000000\n";
        assert!(listens(table, 22));
        assert!(!listens(table, 80));
        assert!(!listens(table, 0x1234));
    }

    #[test]
    fn a_real_listener_is_seen() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(port_is_open(listener.local_addr().unwrap().port()));
    }
}
