//! Whether the tray app starts at log-in. The system's own list is the one truth: a person may switch it off there too.
//!
//! On Linux that is a file of the XDG autostart specification. (auto-launch writes one as well, but neither quotes what it runs nor looks
//! at `XDG_CONFIG_HOME`, and takes an entry that was switched off on the desktop for one that is on.) Elsewhere it is not done yet, and
//! says so.

use std::path::{Path, PathBuf};

use imagepic_words::{Lang, autostart as words};

use crate::error::{Code, Error, Result};
use crate::home::{self, Home};

/// The tray app's program.
const PROGRAM: &str = "imagepic-desktop";

/// `general.autostart`: it is no line of `settings.toml`.
pub const KEY: &str = "general.autostart";

/// The entry of one home.
#[derive(Debug, Clone)]
pub struct Autostart {
    home: Home,
    folder: Option<PathBuf>,
}

impl Autostart {
    /// The entry of `home` in the person's own list.
    #[must_use]
    pub fn of(home: &Home) -> Self {
        Self { home: home.clone(), folder: folder() }
    }

    #[cfg(test)]
    fn within(home: &Home, folder: &Path) -> Self {
        Self { home: home.clone(), folder: Some(folder.to_owned()) }
    }

    /// `IMAGEPIC_HOME` was set, and has to be at log-in.
    fn own_folder(&self) -> bool {
        self.home.settings_dir() == self.home.data()
    }

    fn file(&self) -> Option<PathBuf> {
        // Homes elsewhere have entries of their own.
        let name = if self.own_folder() { format!("imagepic-{}.desktop", self.home.id()) } else { "imagepic.desktop".to_owned() };
        self.folder.as_ref().map(|folder| folder.join(name))
    }

    /// Whether it starts at log-in.
    #[must_use]
    pub fn is_on(&self) -> bool {
        let text = self.file().and_then(|file| std::fs::read_to_string(file).ok());
        // "Hidden" of the Desktop Entry specification, and what GNOME's own list writes.
        text.is_some_and(|text| {
            let says = |line: &str| text.lines().any(|other| other.trim().replace(' ', "").eq_ignore_ascii_case(line));
            !says("Hidden=true") && !says("X-GNOME-Autostart-enabled=false")
        })
    }

    /// Switches it on for `program`, or off.
    ///
    /// # Errors
    /// `HomeUnwritable`, `DiskFull`, where the entry cannot be written; `Unsupported` where the system has another list.
    pub fn set(&self, on: bool, program: &Path) -> Result<()> {
        if !cfg!(target_os = "linux") {
            return Err(Error::new(Code::Unsupported, words::not_here(program.display())));
        }
        let (Some(file), Some(folder)) = (self.file(), &self.folder) else {
            return Err(Error::new(Code::HomeUnwritable, words::nowhere()));
        };
        let failed = |error: std::io::Error| {
            let text = words::unwritable(file.display(), "").with("reason", imagepic_words::reason(&error));
            Error::new(Code::HomeUnwritable, text).because(error)
        };
        if on {
            std::fs::create_dir_all(folder).map_err(failed)?;
            return home::write_whole(&file, self.entry(program).as_bytes());
        }
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        }
    }

    /// Brings an entry that is on to the program where it lies today: a package may have moved it.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn refresh(&self, program: &Path) -> Result<()> {
        let runs = |text: &str| text.lines().find(|line| line.starts_with("Exec=")).map(str::to_owned);
        let held = self.file().and_then(|file| std::fs::read_to_string(file).ok());
        if self.is_on() && held.as_deref().and_then(runs) != runs(&self.entry(program)) {
            self.set(true, program)
        } else {
            Ok(())
        }
    }

    fn entry(&self, program: &Path) -> String {
        let mut run = vec![argument(&program.display().to_string())];
        if self.own_folder() {
            let home = argument(&format!("{}={}", home::VARIABLE, self.home.data().display()));
            run.splice(0..0, ["env".to_owned(), home]);
        }
        // Strings of the format: a backslash is written twice, once more than in an argument.
        let string = |text: &str| text.replace('\\', "\\\\").replace('\n', "\\n");
        format!(
            "[Desktop Entry]\nType=Application\nVersion=1.0\nName=imagepic\nComment={}\nComment[zh_CN]={}\nExec={}\nTryExec={}\n\
             Icon=imagepic-desktop\nTerminal=false\nStartupNotify=false\nX-GNOME-Autostart-enabled=true\n",
            words::comment().to(Lang::En),
            words::comment().to(Lang::ZhCn),
            string(&run.join(" ")),
            string(&program.display().to_string()),
        )
    }
}

/// An argument of `Exec` (Desktop Entry specification, "The Exec key"): quoted, with what would mean something escaped.
fn argument(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '`' | '$' | '\\' => out.extend(['\\', c]),
            '%' => out.push_str("%%"),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// `$XDG_CONFIG_HOME/autostart`; a relative value is invalid and ignored (XDG base directory specification).
fn folder() -> Option<PathBuf> {
    let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let config = config.or_else(|| std::env::home_dir().filter(|home| home.is_absolute()).map(|home| home.join(".config")));
    config.map(|config| config.join("autostart"))
}

/// [`KEY`] as text: `true` or `false`.
///
/// # Errors
/// `BadRequest` for another text; those of [`Autostart::set`] and [`program`].
pub fn set(home: &Home, value: &str) -> Result<()> {
    let on = value
        .trim()
        .parse()
        .map_err(|_| Error::new(Code::BadRequest, imagepic_words::settings::bad_value(KEY, "true | false", value.trim())))?;
    let entry = Autostart::of(home);
    // To switch it off needs no program: it may be gone.
    if on { entry.set(true, &program()?) } else { entry.set(false, Path::new(PROGRAM)) }
}

/// The tray app's program: this one, the one beside it, or the one in the search path.
///
/// # Errors
/// `FileMissing` where it is nowhere.
pub fn program() -> Result<PathBuf> {
    // An AppImage's own file; what runs out of it lies in a place that is gone by the next log-in.
    if let Some(image) = std::env::var_os("APPIMAGE").filter(|image| !image.is_empty()) {
        return Ok(image.into());
    }
    let name = format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX);
    let here = std::env::current_exe().unwrap_or_default();
    if here.file_name().is_some_and(|own| own == name.as_str()) {
        return Ok(here);
    }
    let beside = here.parent().map(|folder| folder.join(&name));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = beside.into_iter().chain(std::env::split_paths(&path).map(|folder| folder.join(&name)));
    places.find(|program| program.is_file()).ok_or_else(|| Error::new(Code::FileMissing, words::no_program()))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Home, PathBuf) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (home, folder) = (Home::at(dir.path().join("my home")), dir.path().join("config/autostart"));
        (dir, home, folder)
    }

    #[test]
    fn it_is_on_once_switched_on_and_off_once_switched_off_anywhere() {
        let (_dir, home, folder) = place();
        let entry = Autostart::within(&home, &folder);
        assert!(!entry.is_on());
        entry.set(false, Path::new("/usr/bin/imagepic-desktop")).expect("off is off");
        entry.set(true, Path::new("/usr/bin/imagepic-desktop")).expect("written");
        assert!(entry.is_on());
        let file = entry.file().expect("a folder");
        let text = std::fs::read_to_string(&file).expect("there");
        for off in ["Hidden=true", "X-GNOME-Autostart-enabled = false"] {
            std::fs::write(&file, format!("{}{off}\n", text.replace("X-GNOME-Autostart-enabled=true\n", "")))
                .expect("the desktop's own list");
            assert!(!entry.is_on(), "{off}");
            entry.refresh(Path::new("/elsewhere/imagepic-desktop")).expect("left alone");
            assert!(!entry.is_on(), "what was switched off on the desktop stays off");
        }
        entry.set(true, Path::new("/usr/bin/imagepic-desktop")).expect("written");
        assert!(entry.is_on());
        entry.set(false, Path::new("/usr/bin/imagepic-desktop")).expect("removed");
        assert!(!entry.is_on() && !file.exists());
    }

    #[test]
    fn a_program_that_moved_is_found_at_the_next_log_in() {
        let (_dir, home, folder) = place();
        let entry = Autostart::within(&home, &folder);
        entry.refresh(Path::new("/a/imagepic-desktop")).expect("nothing to do");
        assert!(!entry.is_on(), "refreshing switches nothing on");
        entry.set(true, Path::new("/a/imagepic-desktop")).expect("written");
        entry.refresh(Path::new("/b/imagepic-desktop")).expect("written");
        let text = std::fs::read_to_string(entry.file().expect("a folder")).expect("there");
        assert!(text.contains("\"/b/imagepic-desktop\"") && !text.contains("/a/"), "{text}");
    }

    #[test]
    fn spaces_quotes_and_percent_signs_in_a_path_stay_what_they_are() {
        assert_eq!(argument("/opt/my apps/a"), "\"/opt/my apps/a\"");
        assert_eq!(argument("a\"b$c`d\\e%f"), "\"a\\\"b\\$c\\`d\\\\e%%f\"");
        let (_dir, home, folder) = place();
        let text = Autostart::within(&home, &folder).entry(Path::new("/opt/my apps/imagepic-desktop"));
        assert!(text.contains("IMAGEPIC_HOME=") && text.contains("my home\" \"/opt/my apps/imagepic-desktop\"\n"), "{text}");
    }
}
