//! Handing something to the desktop: a link to the browser, a file to the file manager. Never through a shell, and only web addresses.

use std::path::Path;

use imagepic_core::engine::Engine;
use imagepic_core::{Code, Error, Result};
use imagepic_words::library as words;
use tauri::Url;

/// Opens an upload's link in the person's browser; where it leads nowhere any more, a notice says so a moment later.
pub(crate) async fn upload(engine: &Engine, id: i64) -> Result<()> {
    let link = engine.uploads().link(id).await?;
    in_browser(&link.url).await?;
    engine.uploads().see_whether_there(&[id]);
    Ok(())
}

/// Opens a web address in the person's browser.
pub(crate) async fn in_browser(url: &str) -> Result<()> {
    let refused = || Error::new(Code::BadRequest, words::no_web_address());
    // As it will be read: whatever else a store may answer never reaches a program's command line.
    let url = Url::parse(url).map_err(|_| refused())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(refused());
    }
    launch(url.into()).await
}

/// Shows a file in its folder, selected where the file manager can do that.
pub(crate) async fn in_folder(file: &Path) -> Result<()> {
    #[cfg(target_os = "linux")]
    if let Ok(url) = Url::from_file_path(file)
        && crate::bus::show_in_folder(url.as_str()).await
    {
        return Ok(());
    }
    let folder = file.parent().unwrap_or(file).to_string_lossy().into_owned();
    launch(folder).await
}

async fn launch(what: String) -> Result<()> {
    let launched = tauri::async_runtime::spawn_blocking(move || detached(&what)).await;
    let why = match launched {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    Err(Error::new(Code::Unsupported, words::cannot_open(&why)).because(why))
}

/// Starts the desktop's program for it, on its own: it outlives imagepic. What our windows are told by the environment is not for it.
#[cfg(target_os = "linux")]
fn detached(what: &str) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt as _;
    use std::process::Stdio;
    let mut last = std::io::ErrorKind::NotFound.into();
    for mut command in open::commands(what) {
        for (name, _) in crate::windows::FOR_WINDOWS {
            command.env_remove(name);
        }
        command.process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            Ok(mut started) => {
                // Only so that it is not kept as a zombie once it ended; it may run for days.
                std::thread::Builder::new().name("opened".to_owned()).spawn(move || started.wait()).map(drop).ok();
                return Ok(());
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(not(target_os = "linux"))]
fn detached(what: &str) -> std::io::Result<()> {
    open::that_detached(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_go_to_the_browser() {
        for url in ["file:///etc/passwd", "javascript:alert(1)", "--version", "data:text/html,x", "smb://host/share", ""] {
            let opened = tauri::async_runtime::block_on(in_browser(url));
            assert_eq!(opened.map_err(|error| error.code), Err(Code::BadRequest), "{url}");
        }
    }
}
