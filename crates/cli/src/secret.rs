//! Asks for a secret at the terminal without showing it.
//!
//! Ctrl+C is read here like a key, not left to end the process in the middle: shells that leave a terminal as they find it would go on
//! without showing what is typed.

use std::io;

use console::Term;

/// What is typed up to the end of the line.
///
/// # Errors
/// The terminal's. Does not come back from Ctrl+C: the process ends by it.
pub(crate) fn ask(prompt: &str) -> io::Result<String> {
    let terminal = Term::stderr();
    #[cfg(unix)]
    {
        let typed = hidden::line(|| terminal.write_str(prompt));
        terminal.write_line("")?;
        match typed? {
            Some(line) => Ok(line),
            None => Err(hidden::interrupted()),
        }
    }
    #[cfg(not(unix))]
    terminal.write_str(prompt).and_then(|()| terminal.read_secure_line())
}

#[cfg(unix)]
mod hidden {
    use std::io::{self, Stdin};

    use rustix::io::Errno;
    use rustix::process::{Signal, getpid, kill_process};
    use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

    /// As terminals send it.
    const CTRL_C: u8 = 3;
    /// No terminal gives a longer line (termios(3)).
    const LONGEST: usize = 4096;

    /// A terminal that shows again what is typed, whatever happens.
    struct Shown {
        input: Stdin,
        as_before: Termios,
    }

    impl Drop for Shown {
        fn drop(&mut self) {
            let _ = tcsetattr(&self.input, OptionalActions::Flush, &self.as_before);
        }
    }

    /// What is typed once it was asked for; `None` where Ctrl+C ended it.
    pub(super) fn line(ask: impl FnOnce() -> io::Result<()>) -> io::Result<Option<String>> {
        let input = io::stdin();
        let as_before = tcgetattr(&input)?;
        let mut hidden = as_before.clone();
        hidden.local_modes -= LocalModes::ECHO | LocalModes::ISIG;
        // Ends the line that it stands in.
        hidden.special_codes[SpecialCodeIndex::VEOL] = CTRL_C;
        let shown = Shown { input, as_before };
        tcsetattr(&shown.input, OptionalActions::Flush, &hidden)?;
        // Not before: whoever sees the question may type at once.
        ask()?;
        let mut typed = [0; LONGEST];
        let length = loop {
            match rustix::io::read(&shown.input, &mut typed) {
                Err(Errno::INTR) => {}
                read => break read?,
            }
        };
        let typed = &typed[..length];
        if typed.contains(&CTRL_C) {
            return Ok(None);
        }
        let line = str::from_utf8(typed).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// Ends this process as Ctrl+C does, so that a shell knows; what is left to say where it does not end.
    pub(super) fn interrupted() -> io::Error {
        let _ = kill_process(getpid(), Signal::INT);
        io::ErrorKind::Interrupted.into()
    }
}
