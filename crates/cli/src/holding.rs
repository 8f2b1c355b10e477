//! The clipboard after this program has ended. What it holds is gone with the process that put it there, and a call in a script or a
//! shell is to end with its links: so a copy of the program stays in the background until something else is copied. It knows the text
//! and nothing else, neither home nor engine; the text travels through a pipe and never as an argument.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, ExitCode, Stdio};

use imagepic_core::outside::{ClipboardPort as _, SystemClipboard};

/// Argument by which the program becomes that copy. No person types it.
pub(crate) const COMMAND: &str = "__clipboard";
/// What it answers once the clipboard is its own.
const HOLDS: &str = "holds";

/// Puts `text` on the clipboard from the background. Whether it is there; where not, nothing stays behind.
pub(crate) fn hand_over(text: &str) -> bool {
    let Ok(program) = std::env::current_exe() else { return false };
    let mut command = Command::new(program);
    // Nobody's folder is kept from being removed or unmounted.
    command.arg(COMMAND).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    // A Ctrl-C meant for what the shell runs next is not meant for it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let Ok(mut holder) = command.spawn() else { return false };
    let given = holder.stdin.take().is_some_and(|mut pipe| pipe.write_all(text.as_bytes()).is_ok());
    let mut answer = String::new();
    let told = holder.stdout.take().is_some_and(|pipe| BufReader::new(pipe).read_line(&mut answer).is_ok());
    if given && told && answer.trim_end() == HOLDS {
        return true;
    }
    let _ = holder.kill();
    let _ = holder.wait();
    false
}

/// The copy in the background: text from standard input, a word when it is on the clipboard, and its end when it no longer is.
pub(crate) fn serve() -> ExitCode {
    // All of it, however long: it was in memory once already, with whoever hands it over.
    let mut text = String::new();
    if std::io::stdin().lock().read_to_string(&mut text).is_err() {
        return ExitCode::FAILURE;
    }
    let clipboard = SystemClipboard::default();
    if clipboard.write_text(&text).is_err() {
        return ExitCode::FAILURE;
    }
    drop(text);
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{HOLDS}").and_then(|()| out.flush());
    let _ = clipboard.wait_replaced();
    ExitCode::SUCCESS
}
