//! Being found by name: a file is registered with the tracker, and again and again for as long as it is given.
//!
//! A tracker that cannot be reached is tried again, with pauses that double; one that was started anew, and knows us no more, is
//! told everything again.

use std::time::Duration;

use minibit_core::tracker::json::{Answer, Command, Registration};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::address::TrackerAddress;
use super::connection::{AskError, ask_host};

/// A tracker has so long to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// And so long to take our leave.
const FAREWELL: Duration = Duration::from_secs(1);
/// Pauses between heartbeats are within these, whatever the tracker wishes for.
const INTERVALS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_mins(10));
/// Between the first heartbeats, before the tracker has told how often it wants them.
const FIRST_INTERVAL: Duration = Duration::from_secs(30);
/// The first pause after a failure, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(2));

/// How publishing goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It has not been tried yet.
    Waiting,
    /// The tracker lists the file.
    Published,
    /// It does not, for this reason; it will be tried again.
    Failed(String),
}

/// A file that is published until this is [stopped](Self::stop).
#[derive(Debug)]
pub(crate) struct Publisher {
    left: watch::Sender<u64>,
    leave: watch::Sender<bool>,
    standing: watch::Receiver<Standing>,
    task: JoinHandle<()>,
}

/// Publishes a file: registers it now, and keeps it registered.
pub(crate) fn publish(tracker: TrackerAddress, registration: Registration) -> Publisher {
    let (left, left_seen) = watch::channel(registration.left);
    let (leave, leaving) = watch::channel(false);
    let (told, standing) = watch::channel(Standing::Waiting);
    let publishing = Publishing { tracker, registration, left: left_seen, told };
    Publisher { left, leave, standing, task: tokio::spawn(publishing.run(leaving)) }
}

impl Publisher {
    /// Tells the tracker how many bytes are still missing. With 0 we are a seeder.
    pub(crate) fn left(&self, left: u64) {
        self.left.send_replace(left);
    }

    /// How it goes; changes with every attempt.
    pub(crate) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// Takes the file back. Ends within two seconds, whatever the tracker does.
    pub(crate) async fn stop(self) {
        self.leave.send_replace(true);
        let Self { mut task, .. } = self;
        if timeout(2 * FAREWELL, &mut task).await.is_err() {
            task.abort();
        }
    }
}

struct Publishing {
    tracker: TrackerAddress,
    registration: Registration,
    left: watch::Receiver<u64>,
    told: watch::Sender<Standing>,
}

impl Publishing {
    async fn run(mut self, mut leaving: watch::Receiver<bool>) {
        let mut registered = false;
        tokio::select! {
            // Both sides are only dropped together with the publisher.
            _ = leaving.wait_for(|leaving| *leaving) => {}
            () = self.stay(&mut registered) => {}
        }
        if registered {
            let Registration { port, info_hash, .. } = self.registration;
            let command = Command::Unregister { port, info_hash: Some(info_hash) };
            let _gone = self.ask(&command, FAREWELL).await;
        }
    }

    /// Registers and sends heartbeats, for ever.
    async fn stay(&mut self, registered: &mut bool) {
        let (mut interval, mut pause) = (FIRST_INTERVAL, PAUSES.0);
        let mut is_known = false;
        loop {
            let news = self.registration.left != *self.left.borrow_and_update();
            self.registration.left = *self.left.borrow();
            let Registration { info_hash, peer_id, port, left, .. } = self.registration;
            let command = match (is_known, news) {
                (false, _) => Command::Register(Box::new(self.registration.clone())),
                (true, true) => Command::Update { info_hash, peer_id, port, left },
                (true, false) => Command::Heartbeat { port, info_hash: Some(info_hash) },
            };
            // Should the answer get lost, we may be registered all the same.
            *registered |= !is_known;
            let next = match self.ask(&command, PATIENCE).await {
                Ok(Answer::Alive { swarms: 0, .. }) => {
                    // The tracker has begun a new life, and does not know us.
                    is_known = false;
                    continue;
                }
                Ok(answer) => {
                    if let Answer::Alive { interval: wished, .. } = answer {
                        interval = wished.clamp(INTERVALS.0, INTERVALS.1);
                    }
                    (is_known, pause) = (true, PAUSES.0);
                    self.told.send_replace(Standing::Published);
                    interval
                }
                Err(error) => {
                    is_known &= !matches!(error, AskError::Refused(..));
                    self.told.send_replace(Standing::Failed(error.to_string()));
                    let this = pause;
                    pause = (2 * pause).min(PAUSES.1);
                    this
                }
            };
            let wake = Instant::now() + next;
            tokio::select! {
                () = tokio::time::sleep_until(wake) => {}
                Ok(()) = self.left.changed() => {}
            }
        }
    }

    async fn ask(&self, command: &Command, patience: Duration) -> Result<Answer, AskError> {
        ask_host(self.tracker.endpoint(), command, patience).await
    }
}
