//! The event trace: one JSON object per line (NDJSON), in the order in which things happened.

use std::fmt;
use std::io::Write;

use minibit_core::announce::{AnnounceEvent, AnnounceRequest};
use minibit_core::boundary::{DisconnectReason, SimAddr};
use minibit_core::payload::{Payload as _, Virtual};
use minibit_core::{Event, Instant, Message};
use serde_json::{Value, json};

use crate::world::coming::Farewell;

/// Writes the trace.
pub struct Trace<'a> {
    out: &'a mut (dyn Write + Send),
    error: &'a mut Option<std::io::Error>,
}

impl fmt::Debug for Trace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<'a> Trace<'a> {
    /// A trace that is written to `out`. The first error ends it and is left in `error`; the run goes on.
    pub fn new(out: &'a mut (dyn Write + Send), error: &'a mut Option<std::io::Error>) -> Self {
        Self { out, error }
    }

    fn line(&mut self, time: Instant, peer: &str, event: &str, details: Value) {
        let mut line = json!({ "t_ns": time.as_nanos(), "peer": peer, "event": event });
        if let (Value::Object(line), Value::Object(details)) = (&mut line, details) {
            line.extend(details);
        }
        if self.error.is_none() {
            *self.error = writeln!(self.out, "{line}").err();
        }
    }

    pub(super) fn join(&mut self, time: Instant, peer: &str, pieces: u32) {
        self.line(time, peer, "join", json!({ "pieces": pieces }));
    }

    pub(super) fn leave(&mut self, time: Instant, peer: &str, farewell: Farewell) {
        let how = match farewell {
            Farewell::Goodbye => "goodbye",
            Farewell::Crash => "crash",
        };
        self.line(time, peer, "leave", json!({ "how": how }));
    }

    pub(super) fn connect(&mut self, time: Instant, peer: &str, to: &str) {
        self.line(time, peer, "connect", json!({ "to": to }));
    }

    pub(super) fn announce(&mut self, time: Instant, peer: &str, request: &AnnounceRequest) {
        let event = match request.event {
            AnnounceEvent::None => "regular",
            AnnounceEvent::Paused => "paused",
            AnnounceEvent::Started => "started",
            AnnounceEvent::Completed => "completed",
            AnnounceEvent::Stopped => "stopped",
        };
        self.line(time, peer, "announce", json!({ "kind": event, "left": request.left }));
    }

    pub(super) fn disconnect(&mut self, time: Instant, peer: &str, reason: DisconnectReason) {
        self.line(time, peer, "disconnect", json!({ "reason": format!("{reason:?}") }));
    }

    pub(super) fn send(&mut self, time: Instant, peer: &str, to: Option<&str>, message: &Message<Virtual>) {
        let mut details = json!({ "to": to, "message": message.kind().name() });
        let more = match message {
            Message::Have { index } | Message::SuggestPiece { index } | Message::AllowedFast { index } => {
                json!({ "index": index })
            }
            Message::Request(span) | Message::Cancel(span) | Message::RejectRequest(span) => {
                json!({ "index": span.index, "begin": span.begin, "length": span.length })
            }
            Message::Piece { index, begin, data } => {
                json!({ "index": index, "begin": begin, "length": data.len() })
            }
            Message::Bitfield(inventory) => json!({ "pieces": inventory.pieces.count() }),
            _ => json!({}),
        };
        if let (Value::Object(details), Value::Object(more)) = (&mut details, more) {
            details.extend(more);
        }
        self.line(time, peer, "send", details);
    }

    pub(super) fn event(&mut self, time: Instant, peer: &str, event: &Event<SimAddr>) {
        let (name, details) = match event {
            Event::PieceCompleted { piece } => ("piece_completed", json!({ "index": piece.get() })),
            Event::PieceFailed { piece } => ("piece_failed", json!({ "index": piece.get() })),
            Event::Banned { addr } => ("banned", json!({ "number": addr.0 })),
            Event::Completed => ("completed", json!({})),
            Event::DiskFailed => ("disk_failed", json!({})),
            Event::DiskRecovered => ("disk_recovered", json!({})),
            Event::Picked { piece, holders } => {
                ("picked", json!({ "index": piece.get(), "holders": holders }))
            }
            _ => ("other", json!({})),
        };
        self.line(time, peer, name, details);
    }

    pub(super) fn flush(&mut self) {
        if self.error.is_none() {
            *self.error = self.out.flush().err();
        }
    }
}
