//! sd_notify's messages.

/// What a service told by sd_notify.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notice {
    /// `READY=1`
    pub ready: bool,
    /// `STOPPING=1`
    pub stopping: bool,
    /// `MAINPID=`
    pub main_pid: Option<i32>,
    /// `STATUS=`
    pub status: Option<String>,
    /// `EXTEND_TIMEOUT_USEC=`, in milliseconds
    pub extend: Option<u64>,
    /// `K3OS_EVENT=`, in their order
    pub events: Vec<String>,
}

impl Notice {
    /// Reads a datagram.
    pub fn parse(text: &str) -> Self {
        let mut notice = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            match key {
                "READY" => notice.ready = value == "1",
                "STOPPING" => notice.stopping = value == "1",
                "MAINPID" => notice.main_pid = value.parse().ok().filter(|&pid| pid > 1),
                "STATUS" => notice.status = Some(value.to_owned()),
                "EXTEND_TIMEOUT_USEC" => {
                    notice.extend = value.parse().ok().map(|us: u64| us / 1000)
                }
                "K3OS_EVENT" => notice.events.push(value.to_owned()),
                _ => {}
            }
        }
        notice
    }
}
