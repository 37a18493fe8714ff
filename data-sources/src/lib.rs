//! Metadata and userdata of clouds, hypervisors and data media, as `k3os.data_sources` names them.
//!
//! A [`Provider`] gives neutral [`Metadata`]; [`search`] asks the providers in the configured order; [`store`] is the one
//! writer, which lays the result where the configuration's sources are read: `/run/config`.

mod curl;
mod http;
mod media;
mod nocloud;
mod providers;
mod search;
mod store;
mod unpack;

pub use curl::Curl;
pub use http::{Http, Method, Request, Response};
pub use media::{Attached, Media, Volume};
pub use providers::{Provider, Reach, names_a_service, providers};
pub use search::{Found, PAUSES, Search, search};
pub use store::{DIRECTORY, is_stored, store};

/// Where the services are, for a packet filter.
pub const ADDRESSES: Addresses = Addresses {
    v4: &["169.254.169.254", "169.254.42.42"],
    v6: &[
        "fd00:ec2::254",
        "fd20:ce::254",
        "fd00:42::42",
        "fe80::a9fe:a9fe",
    ],
};

/// Addresses of metadata services.
#[derive(Debug)]
pub struct Addresses {
    /// By IPv4.
    pub v4: &'static [&'static str],
    /// By IPv6.
    pub v6: &'static [&'static str],
}

/// What a provider knows of this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// A name for a machine that is configured with none.
    pub hostname: Option<String>,
    /// The name that the machine shall have.
    pub local_hostname: Option<String>,
    /// Public ssh keys.
    pub keys: Vec<String>,
    /// A configuration, a script or a program.
    pub userdata: Option<Vec<u8>>,
}

/// Parsers of what providers answer, for whoever feeds them with odd bytes.
pub mod parse {
    pub use crate::nocloud::{meta_data, openstack_meta_data};
    pub use crate::providers::parsers::*;
    pub use crate::unpack::unpacked;
}
