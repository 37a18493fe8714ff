//! What processes say by sd_notify. Any user may send: how much is taken and told is bounded.

use system::notify::Notification;
use system::power::uptime_ms;

use super::Supervisor;
use super::throttle::Admitted;
use crate::launch::listens_to_notifications;
use crate::service::Notice;
use crate::unit::NotifyAccess;

/// How many messages are taken in one turn; the next ones have theirs.
const MOST_AT_ONCE: usize = 64;

impl Supervisor {
    pub(super) fn take_notifications(&mut self) {
        for _ in 0..MOST_AT_ONCE {
            let received = self.notify.as_ref().and_then(|notify| notify.receive());
            let Some(message) = received else { break };
            match self.sender(message.pid) {
                Some(unit) => self.notified(&unit, Notice::parse(&message.text)),
                None => self.tell_stranger(&message),
            }
        }
        self.tell_stall();
    }

    fn tell_stranger(&mut self, message: &Notification) {
        let Notification { pid, uid, .. } = message;
        let line = format!("a notification of process {pid} of user {uid} belongs to no unit");
        self.last_stranger = Some((*pid, *uid));
        self.tell_bounded(&line);
    }

    /// Says once that nothing is received because descriptors that were sent along cannot be closed.
    fn tell_stall(&mut self) {
        let is_stalled = system::closing::is_stalled();
        if is_stalled && !self.is_stalled {
            let who = self.last_stranger.map_or(String::new(), |(pid, uid)| {
                format!(" (the last from process {pid} of user {uid})")
            });
            self.tell(&format!(
                "services' notifications wait: too many descriptors were sent along whose closing does not end{who}"
            ));
        }
        self.is_stalled = is_stalled;
    }

    /// A line that others can cause as often as they like.
    fn tell_bounded(&mut self, line: &str) {
        match self.throttle.admit(uptime_ms()) {
            Admitted::No => {}
            Admitted::Yes => self.tell(line),
            Admitted::After(count) => {
                self.tell(&format!("{count} lines about notifications were left out"));
                self.tell(line);
            }
        }
    }

    fn notified(&mut self, unit: &str, mut notice: Notice) {
        let service = self.services.get(unit).map(|it| &it.service);
        let is_starting = service.is_some_and(|it| it.active_state() == "activating");
        if let Some(status) = notice
            .status
            .as_ref()
            .filter(|_| is_starting && !notice.ready)
        {
            let short = unit.strip_suffix(".service").unwrap_or(unit);
            self.tell_bounded(&format!("{short}: {status}"));
        }
        for event in &notice.events {
            self.event(unit, event, None, None);
        }
        if let Some(pid) = notice.main_pid
            && let Err(why) = self.adopt(unit, pid)
        {
            self.note(unit, &format!("invalid MAINPID '{pid}': {why}"));
            notice.main_pid = None;
        }
        let now = uptime_ms();
        let Some(runtime) = self.services.get_mut(unit) else {
            return;
        };
        let actions = runtime.service.noticed(&notice, now);
        self.perform(unit, actions);
    }

    /// The unit whose notifications a process may send.
    fn sender(&self, pid: i32) -> Option<String> {
        let started_for = self.processes.get(&pid).cloned();
        let unit = started_for.or_else(|| self.unit_of(pid))?;
        let service = &self.services.get(&unit)?.service;
        let allowed = match service.settings.notify_access {
            _ if !listens_to_notifications(&service.settings) => false,
            NotifyAccess::None | NotifyAccess::Main => service.main_pid == Some(pid),
            NotifyAccess::Exec => [service.main_pid, service.control_pid].contains(&Some(pid)),
            NotifyAccess::All => true,
        };
        allowed.then_some(unit)
    }
}
