//! Switches a technology of the running connman on or off: `connman ethernet on`. For trying [`system::dbus`] on a machine.

use system::dbus::{PAUSES, Switch, set};

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let path = match words.get(1).map(String::as_str) {
        Some("ethernet") => "/net/connman/technology/ethernet",
        _ => "/net/connman/technology/wifi",
    };
    let switch = Switch {
        service: "net.connman",
        path,
        interface: "net.connman.Technology",
        property: "Powered",
        value: words.get(2).is_none_or(|word| word == "on"),
    };
    match set(&switch, &PAUSES) {
        Ok(()) => println!("it is so"),
        Err(error) => println!("{error:#}"),
    }
}
