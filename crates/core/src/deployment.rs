//! What whoever deployed imagepic says beforehand: where the team's server is. Proposed to a person, never set behind their back.
//!
//! `defaults.toml` is looked for where `IMAGEPIC_DEFAULTS` points, beside the program, and in `/etc/imagepic`; the first that is there
//! counts. It holds no secret. What stays out: doing anything with it.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// More than this nobody needs to say, in bytes.
const LARGEST: u64 = 64 << 10;
/// The form of the file that this build reads.
const VERSION: u32 = 1;
/// Names the file, before every other place.
const VARIABLE: &str = "IMAGEPIC_DEFAULTS";

/// The deployment's word.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Deployment {
    /// The form of the file; a newer one is not guessed at.
    pub version: u32,
    /// The team's server, where there is one.
    pub team: Option<TeamDefaults>,
}

/// `[team]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TeamDefaults {
    /// `https://host[:port]`
    pub server: String,
    /// What the destination is called; empty: the host.
    pub name: String,
}

impl Deployment {
    /// What the deployment says; nothing where no file is, or it cannot be read (the log has the reason).
    #[must_use]
    pub fn read() -> Self {
        places().iter().find_map(|file| Self::of(file)).unwrap_or_default()
    }

    fn of(file: &Path) -> Option<Self> {
        let mut text = String::new();
        File::open(file).ok()?.take(LARGEST).read_to_string(&mut text).ok()?;
        match toml_edit::de::from_str::<Self>(&text) {
            Ok(read) if read.version <= VERSION => Some(read),
            Ok(read) => {
                tracing::warn!(file = %file.display(), version = read.version, "the deployment's defaults are of a newer form");
                None
            }
            Err(error) => {
                tracing::warn!(file = %file.display(), error = error.message(), "the deployment's defaults cannot be read");
                None
            }
        }
    }
}

fn places() -> Vec<PathBuf> {
    let named = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join("defaults.toml")));
    let system = cfg!(unix).then(|| PathBuf::from("/etc/imagepic/defaults.toml"));
    named.into_iter().chain(beside).chain(system).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_teams_server_is_read_and_what_cannot_be_is_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("defaults.toml");
        let read = |text: &str| {
            std::fs::write(&file, text).expect("written");
            Deployment::of(&file)
        };
        assert_eq!(Deployment::of(&file), None);
        let team = read("version = 1\n[team]\nserver = \"https://images.example\"\nname = \"Studio\"").expect("read").team;
        assert_eq!(team, Some(TeamDefaults { server: "https://images.example".to_owned(), name: "Studio".to_owned() }));
        assert_eq!(read("[team\nserver = 1"), None);
        assert_eq!(read("version = 2\n[team]\nserver = \"https://images.example\""), None);
        assert_eq!(read("later = true").expect("read"), Deployment::default());
    }
}
