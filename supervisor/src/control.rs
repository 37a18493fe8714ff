//! What the control socket speaks: one JSON object a line, a [`Request`] in, a [`Reply`] out.

use serde::{Deserialize, Serialize};

use crate::options::End;

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Request {
    /// Start units with what they want and require.
    Start {
        /// Unit names.
        units: Vec<String>,
        /// Answer before they have started.
        #[serde(default)]
        no_block: bool,
    },
    /// Stop units and those that require them.
    Stop {
        /// Unit names.
        units: Vec<String>,
        /// Answer before they have stopped.
        #[serde(default)]
        no_block: bool,
    },
    /// Stop and start units.
    Restart {
        /// Unit names.
        units: Vec<String>,
        /// Leave alone what does not run.
        #[serde(default)]
        only_active: bool,
        /// Answer before they have started.
        #[serde(default)]
        no_block: bool,
    },
    /// Run the ExecReload of units.
    Reload {
        /// Unit names.
        units: Vec<String>,
    },
    /// Forget failures and start limits; of all units where none is named.
    ResetFailed {
        /// Unit names.
        units: Vec<String>,
    },
    /// Send a signal to every process of units.
    Kill {
        /// Unit names.
        units: Vec<String>,
        /// The signal's number.
        signal: i32,
    },
    /// Read all unit files anew.
    DaemonReload,
    /// Tell every unit in memory.
    List,
    /// Tell these units, reading them from disk if needed.
    Show {
        /// Unit names.
        units: Vec<String>,
    },
    /// Block the loop of PID 1, to see that the watchdog restarts the machine. Refused without `k3os.debug`.
    Hang {
        /// For how long, in milliseconds.
        ms: u64,
    },
    /// End the machine.
    End {
        /// How.
        end: End,
        /// Without stopping services.
        #[serde(default)]
        force: bool,
    },
}

/// What the supervisor answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Units that failed to do what was asked, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<(String, String)>,
    /// Units that do not exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// Why the request as a whole was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Lines to show: warnings about unit files, broken cycles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The units asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<UnitStatus>,
    /// The supervisor itself, in the answer to `list`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<ManagerStatus>,
}

/// How the supervisor's loop fares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagerStatus {
    /// How many turns it has made.
    pub turns: u64,
    /// How long the longest took, in milliseconds.
    pub longest_turn_ms: u64,
    /// How many took more than a second.
    pub slow_turns: u64,
}

/// All there is to tell about a unit. Times are milliseconds since the machine's start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitStatus {
    /// The true name.
    pub name: String,
    /// `Description=`
    pub description: String,
    /// `Documentation=`
    pub documentation: Vec<String>,
    /// loaded, masked, not-found
    pub load_state: String,
    /// active, inactive, failed, activating, deactivating, reloading
    pub active_state: String,
    /// systemd's finer word
    pub sub_state: String,
    /// The files it was read from.
    pub files: Vec<String>,
    /// What is not understood in them, with file and line.
    pub warnings: Vec<String>,
    /// `Type=`
    pub kind: String,
    /// systemd's `Result=`
    pub result: String,
    /// The same for a person.
    pub result_text: String,
    /// `STATUS=` of sd_notify
    pub status_text: String,
    /// The main process.
    pub main_pid: Option<i32>,
    /// The main program's command line as in the unit file.
    pub command: Option<String>,
    /// Processes: id and command line.
    pub processes: Vec<(i32, String)>,
    /// The exit code or signal of the main process.
    pub main_exit: Option<String>,
    /// Unasked restarts.
    pub restarts: u32,
    /// When its present state began.
    pub changed_at_ms: u64,
    /// How long ago that was, in milliseconds.
    pub changed_ago_ms: u64,
    /// How long its last start took, in milliseconds.
    pub start_ms: Option<u64>,
    /// Bytes.
    pub memory: Option<u64>,
    /// Microseconds.
    pub cpu_usec: Option<u64>,
    /// Number of tasks.
    pub tasks: Option<u64>,
    /// The control group.
    pub cgroup: Option<String>,
    /// `After=`
    pub after: Vec<String>,
    /// `Wants=`
    pub wants: Vec<String>,
    /// `Requires=`
    pub requires: Vec<String>,
    /// Keys that were read and are not applied.
    pub not_applied: Vec<String>,
    /// The condition that kept it from starting.
    pub unmet_condition: Option<String>,
    /// The last lines of its log.
    pub lines: Vec<String>,
    /// Why its log is not written.
    pub log_error: Option<String>,
    /// The job under way: start, stop, restart.
    pub job: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_a_stable_form() {
        let request: Request =
            serde_json::from_str(r#"{"op":"start","units":["a.service"]}"#).unwrap();
        assert_eq!(
            request,
            Request::Start {
                units: vec!["a.service".into()],
                no_block: false
            }
        );
        let end = serde_json::to_string(&Request::End {
            end: End::PowerOff,
            force: false,
        })
        .unwrap();
        assert_eq!(end, r#"{"op":"end","end":"power-off","force":false}"#);
        assert_eq!(serde_json::to_string(&Reply::default()).unwrap(), "{}");
    }
}
