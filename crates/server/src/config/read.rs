//! From what was given to a configuration: flags before environment before file before defaults, unknown names refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use imagepic_words::{Text, server as words};
use secrecy::{ExposeSecret as _, SecretString};

use super::list::{SETTINGS, Setting};
use super::problem::{Problem, Source};
use super::value::Raw;
use super::{AccountsHome, Config};

/// Names that begin alike and belong to other parts of imagepic: its desktop home, where its programs are, its tests.
const OTHERS: [&str; 7] = [
    "IMAGEPIC_HOME",
    "IMAGEPIC_CONFIG",
    "IMAGEPIC_COMPLETE",
    "IMAGEPIC_PROGRAMS",
    "IMAGEPIC_KILL_ROUNDS",
    "IMAGEPIC_BENCH_TOKEN",
    "IMAGEPIC_SELECTION",
];
/// Kubernetes tells every container where a service called `imagepic` is, by names of its own.
const TOLD: [&str; 3] = ["IMAGEPIC_PORT", "IMAGEPIC_SERVICE_", "IMAGEPIC_TEST_"];
/// A file with a secret is no larger.
const LARGEST_SECRET: u64 = 64 * 1024;

/// What whoever starts the server has said, before any of it is understood.
#[derive(Debug, Default)]
pub struct Given {
    /// By the name of the environment variable: what the command line says.
    pub flags: BTreeMap<&'static str, String>,
    /// All variables whose names begin with `IMAGEPIC_`.
    pub environment: BTreeMap<String, String>,
    /// The settings file: `--config`, or `IMAGEPIC_CONFIG`.
    pub file: Option<PathBuf>,
    /// The data folder where nothing names one.
    pub data: Option<PathBuf>,
}

struct Found {
    text: SecretString,
    source: Source,
    folder: Option<PathBuf>,
}

/// By setting, what was found for it; a later source never replaces an earlier one.
#[derive(Default)]
struct Values(BTreeMap<&'static str, Found>);

impl Given {
    /// Understands all of it.
    ///
    /// # Errors
    /// The first thing that cannot be; reads no file but the settings file and those named `…_FILE`.
    pub fn config(&self) -> Result<Config, Problem> {
        let mut values = Values::default();
        for (name, text) in &self.flags {
            values.add(name, text, &Source::Flag, None)?;
        }
        for (name, text) in self.environment.iter().filter(|(_, text)| !text.trim().is_empty()) {
            let foreign = OTHERS.contains(&name.as_str()) || TOLD.iter().any(|start| name.starts_with(start));
            if !foreign {
                values.add(name, text, &Source::Environment, None)?;
            }
        }
        if let Some(path) = &self.file {
            values.read(path)?;
        }
        values.config(self.data.as_deref())
    }
}

/// The setting of an environment variable, and whether the variable names a file with it.
fn named(name: &str) -> Option<(&'static Setting, bool)> {
    let direct = SETTINGS.iter().find(|setting| setting.name == name).map(|setting| (setting, false));
    direct.or_else(|| {
        let inner = name.strip_suffix("_FILE")?;
        SETTINGS.iter().find(|setting| setting.secret && setting.name == inner).map(|setting| (setting, true))
    })
}

fn unknown(name: &str, value: &str, source: &Source) -> Problem {
    let in_file = matches!(source, Source::File(_));
    let spelled = |setting: &Setting| if in_file { setting.key() } else { setting.name.to_owned() };
    let names: Vec<_> = SETTINGS.iter().map(spelled).collect();
    let near = names.iter().map(|known| (distance(name, known), known)).min().filter(|(far, _)| *far <= 3);
    // What nobody knows may be a secret under a name that is misspelt, or that another program has for it.
    let plain = |known: &str| SETTINGS.iter().any(|setting| !setting.secret && spelled(setting) == known);
    let lower = name.to_ascii_lowercase();
    let sounds = ["key", "secret", "pass", "token", "account"].iter().any(|word| lower.contains(word));
    let shown = near.is_some_and(|(_, known)| plain(known)) && !sounds;
    Problem::Unknown {
        name: name.to_owned(),
        value: shown.then(|| value.to_owned()),
        source: source.clone(),
        near: near.map(|(_, known)| known.clone()),
        allowed: names.join(", "),
    }
}

/// How many letters must change, go or come (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, b) in other.bytes().enumerate() {
            let changed = corner + usize::from(!a.eq_ignore_ascii_case(&b));
            corner = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(corner + 1);
        }
    }
    row[other.len()]
}

impl Values {
    fn add(&mut self, name: &str, text: &str, source: &Source, folder: Option<&Path>) -> Result<(), Problem> {
        let Some((setting, in_file)) = named(name) else { return Err(unknown(name, text, source)) };
        let text = if in_file { secret_in(name, text, folder)? } else { SecretString::from(text.trim()) };
        match self.0.get(setting.name) {
            Some(found) if found.source == *source => {
                let other = format!("{}_FILE", setting.name);
                return Err(Problem::Other(words::both(setting.name, other)));
            }
            Some(_) => {}
            None => {
                let found = Found { text, source: source.clone(), folder: folder.map(Path::to_owned) };
                self.0.insert(setting.name, found);
            }
        }
        Ok(())
    }

    fn read(&mut self, path: &Path) -> Result<(), Problem> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Problem::Other(words::config_unreadable(&shown, "").with("reason", imagepic_words::reason(&error)))
        })?;
        // The parser shows the line it stumbled over, and that line may hold a secret.
        let table: toml::Table =
            toml::from_str(&text).map_err(|error| Problem::Other(words::file_broken(&shown, error.message())))?;
        let folder = path.parent();
        let source = Source::File(shown);
        for (key, value) in &table {
            let name = format!("IMAGEPIC_{}", key.to_ascii_uppercase());
            let known = named(&name).filter(|_| key.bytes().all(|b| !b.is_ascii_uppercase()));
            let Some((setting, _)) = known else { return Err(unknown(key, &plain(value).unwrap_or_default(), &source)) };
            let text = plain(value).ok_or_else(|| Problem::Value {
                name: key.clone(),
                value: (!setting.secret).then(|| value.to_string()),
                source: source.clone(),
                allowed: Box::new(setting.allowed()),
            })?;
            self.add(&name, &text, &source, folder)?;
        }
        Ok(())
    }

    fn config(self, data: Option<&Path>) -> Result<Config, Problem> {
        let given = self.0.get("IMAGEPIC_DATA").map(|found| (found.text.expose_secret().to_owned(), found.folder.clone()));
        let data = match given {
            Some((text, folder)) => folder.map_or(PathBuf::from(&text), |folder| folder.join(&text)),
            None => data.map(Path::to_owned).ok_or_else(|| Problem::Other(words::no_data()))?,
        };
        let mut config = Config::new(&data);
        for setting in SETTINGS {
            let Some(found) = self.0.get(setting.name) else { continue };
            let raw = Raw { text: found.text.expose_secret(), folder: found.folder.as_deref() };
            setting.set(&mut config, &raw).ok_or_else(|| Problem::Value {
                name: spelled(setting, &found.source),
                value: (!setting.secret).then(|| raw.text.to_owned()),
                source: found.source.clone(),
                allowed: Box::new(setting.allowed()),
            })?;
        }
        self.agree(&mut config)?;
        Ok(config)
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// What one setting asks of another.
    fn agree(&self, config: &mut Config) -> Result<(), Problem> {
        let endpoint = "IMAGEPIC_S3_ENDPOINT";
        if self.has(endpoint) {
            for name in ["IMAGEPIC_S3_ACCESS_KEY", "IMAGEPIC_S3_SECRET_KEY"] {
                if !self.has(name) {
                    let allowed = Box::new(words::allowed_text());
                    return Err(Problem::Missing { name: name.to_owned(), because: endpoint.to_owned(), allowed });
                }
            }
            let at_aws =
                |host: &str| host == "amazonaws.com" || host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
            if let Some(s3) = &mut config.s3
                && !self.has("IMAGEPIC_S3_PATH_STYLE")
            {
                s3.path_style = !s3.endpoint.host_str().is_some_and(at_aws);
            }
        } else {
            let stray = SETTINGS.iter().find(|setting| setting.name.starts_with("IMAGEPIC_S3_") && self.has(setting.name));
            if let Some(setting) = stray {
                return Err(Problem::Other(words::not_with(setting.name, endpoint)));
            }
        }
        Ok(())
    }
}

/// As it was called where it was found.
fn spelled(setting: &Setting, source: &Source) -> String {
    match (source, setting.flag) {
        (Source::Flag, Some(flag)) => flag.to_owned(),
        (Source::File(_), _) => setting.key(),
        _ => setting.name.to_owned(),
    }
}

fn secret_in(name: &str, path: &str, folder: Option<&Path>) -> Result<SecretString, Problem> {
    use std::io::Read as _;
    let path = folder.map_or(PathBuf::from(path.trim()), |folder| folder.join(path.trim()));
    let fail = |why: Text| Problem::Other(words::file_unreadable(path.display(), name, "").with("reason", why));
    let unread = |error: std::io::Error| fail(imagepic_words::reason(&error));
    let mut text = String::new();
    let file = std::fs::File::open(&path).map_err(unread)?;
    file.take(LARGEST_SECRET).read_to_string(&mut text).map_err(unread)?;
    let text = zeroize::Zeroizing::new(text);
    if text.trim().is_empty() { Err(fail(words::file_empty())) } else { Ok(SecretString::from(text.trim())) }
}

/// A value of the settings file as the environment would have it.
fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(yes) => Some(yes.to_string()),
        toml::Value::Array(parts) => {
            let parts: Option<Vec<_>> = parts.iter().map(|part| part.as_str().filter(|part| !part.contains(','))).collect();
            Some(parts?.join(","))
        }
        _ => None,
    }
}

impl Config {
    /// Whether accounts lie in a folder.
    #[must_use]
    pub fn accounts_folder(&self) -> Option<&Path> {
        match &self.accounts {
            AccountsHome::Folder(folder) => Some(folder),
            AccountsHome::Postgres(_) => None,
        }
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
