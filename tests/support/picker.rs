//! The system's own file picker (GTK's), used by keyboard: a path typed into it, and Enter.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use imagepic_virtual::VirtualDesktop;

use crate::display;
use crate::wait::eventually;

/// Waits for the picker with this title, types the path, and returns once the picker is gone. The path is plain ASCII.
pub async fn choose(desktop: &VirtualDesktop, title: &str, path: &Path) {
    let picker = display::wait_for_window(desktop, title).await;
    let gone = || !display::windows(desktop).iter().any(|window| window.id == picker.id);
    // It is listed before it hears keys: what is typed too early is typed again.
    eventually(&format!("\"{title}\" to take {}", path.display()), async || {
        if gone() {
            return Some(());
        }
        // In a list a slash opens a field for a path, and what is typed before that is there is lost; a name that is proposed goes.
        display::press(desktop, &picker, "slash");
        tokio::time::sleep(Duration::from_millis(250)).await;
        display::press(desktop, &picker, "ctrl+a");
        type_text(desktop, &path.display().to_string());
        display::press(desktop, &picker, "Return");
        let pressed = Instant::now();
        while !gone() && pressed.elapsed() < Duration::from_secs(1) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // A path that is none is told in a window without a title, before the picker.
        for told in display::windows(desktop).iter().filter(|window| window.title.is_empty()) {
            display::press(desktop, told, "Escape");
        }
        gone().then_some(())
    })
    .await;
}

fn type_text(desktop: &VirtualDesktop, text: &str) {
    let mut command = desktop.command("timeout");
    command.args(["10", "xdotool", "type", "--delay", "1", text]);
    let done = command.stdin(Stdio::null()).stderr(Stdio::null()).status();
    done.expect("xdotool is installed");
}
