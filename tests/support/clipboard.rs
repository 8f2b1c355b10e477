//! The clipboard as other programs see it: xclip owns it and reads it.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use imagepic_virtual::VirtualDesktop;

use crate::wait::eventually;

/// A program that offers something on the clipboard until another one does; gone when dropped.
#[derive(Debug)]
pub struct Owner(Child);

impl Drop for Owner {
    fn drop(&mut self) {
        imagepic_virtual::end(&mut self.0);
    }
}

/// Copies a file's content as `target` (`image/png`, `text/uri-list`…). Returns when it is on offer.
///
/// # Panics
/// When xclip cannot be started.
pub async fn copy(desktop: &VirtualDesktop, target: &str, file: &Path) -> Owner {
    let mut command = desktop.command("xclip");
    command.args(["-quiet", "-selection", "clipboard", "-t", target, "-i"]).arg(file);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("xclip starts");
    Owner(child)
}

/// The targets on offer at present; empty where nobody owns the clipboard.
#[must_use]
pub fn targets(desktop: &VirtualDesktop) -> Vec<String> {
    let bytes = read(desktop, "TARGETS").unwrap_or_default();
    String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
}

/// The text on the clipboard, where there is one.
#[must_use]
pub fn text(desktop: &VirtualDesktop) -> Option<String> {
    read(desktop, "UTF8_STRING").ok().and_then(|bytes| String::from_utf8(bytes).ok()).filter(|text| !text.is_empty())
}

/// Waits for a text on the clipboard that pleases.
pub async fn wait_for_text(desktop: &VirtualDesktop, what: &str, pleases: impl Fn(&str) -> bool) -> String {
    eventually(what, async || text(desktop).filter(|text| pleases(text))).await
}

fn read(desktop: &VirtualDesktop, target: &str) -> io::Result<Vec<u8>> {
    // An owner that does not answer must not hold the test for ever.
    let mut command: Command = desktop.command("timeout");
    command.args(["5", "xclip", "-selection", "clipboard", "-t", target, "-o"]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output()?;
    if output.status.success() { Ok(output.stdout) } else { Err(io::Error::other("nothing of this kind is on the clipboard")) }
}
