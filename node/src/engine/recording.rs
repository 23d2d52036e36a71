//! `--trace FILE`: all that one state machine is told and says, as it happens, for `sim replay`.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use minibit_core::boundary::Net;
use minibit_core::trace::{Origin, Recorder};
use minibit_core::{Input, Instant, Output};

/// A record that is being written. It ends at the first error, which is told once: the transfer goes on.
#[derive(Debug)]
pub(crate) struct Recording {
    recorder: Recorder,
    file: Option<BufWriter<File>>,
}

impl Recording {
    /// Begins a record.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn begin(path: &Path, origin: &Origin) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(Recorder::header(origin).as_bytes())?;
        Ok(Self { recorder: Recorder::new(), file: Some(file) })
    }

    /// Notes an input, before it is taken in.
    pub(crate) fn input(&mut self, now: Instant, input: &Input<Net>) {
        self.recorder.input(now, input);
    }

    /// Notes an output.
    pub(crate) fn output(&mut self, output: &Output<Net>) {
        self.recorder.output(output);
    }

    /// All outputs of the last input are noted; `next` is the time-out that was asked for then.
    pub(crate) fn end(&mut self, next: Option<Instant>) {
        let line = self.recorder.line(next);
        if let Some(file) = &mut self.file
            && let Err(error) = file.write_all(line.as_bytes())
        {
            // Who closes standard error does not want to know.
            let _ = writeln!(io::stderr(), "warning: the trace ends here: {error}");
            self.file = None;
        }
    }
}
