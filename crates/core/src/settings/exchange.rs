//! Settings in one file, to take to another computer; and what such a file would change, told before it does.
//!
//! No secret is in it: secrets belong to an address and a key id, and stay where they were typed. For the same reason a file from
//! elsewhere decides nothing about trust: it confirms no unencrypted server and brings no certificate authority to an address whose
//! secret may be saved here.

use imagepic_words::{Lang, exchange as words, settings as settings_words};
use serde::Serialize;
use toml_edit::{DocumentMut, Item, Table, Value};

use super::shortcuts::Deed;
use super::{Proxy, Settings, VERSION, file, folders};
use crate::destination::{Destination, Kind, LinkPolicy};
use crate::error::{Code, Error, Result};
use crate::home::Home;

/// No file of settings is larger, in bytes.
pub const LARGEST: usize = 1 << 20;
/// Lists that the table of the defaults does not have, because they are empty there.
const LISTS: [&str; 2] = ["capture.folders", "link.templates"];

/// What importing a file would do.
#[derive(Debug, Clone)]
pub struct Import {
    /// The settings as they would be.
    pub settings: Settings,
    /// As they are.
    pub before: Settings,
    /// In the order of the settings.
    pub changes: Vec<Change>,
    /// What is left out, each with the reason.
    pub left_out: Vec<LeftOut>,
    /// Destinations, by name, that are new or point elsewhere: their secret has to be typed, or somebody to sign in.
    pub unsigned: Vec<String>,
}

/// One setting that would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export, rename = "ImportChange")]
pub struct Change {
    /// `general.theme`, `destinations.team.bucket`; for a whole new destination `destinations.team`.
    pub key: String,
    /// The destination it belongs to.
    pub destination: Option<String>,
    /// As it is; `None`: not set.
    pub from: Option<String>,
    /// As it would be; `None`: not set.
    pub to: Option<String>,
}

/// Something that is not taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS)]
#[ts(export, rename = "ImportLeftOut")]
pub struct LeftOut {
    /// The setting, or the destination's name.
    pub key: String,
    /// For people.
    pub reason: String,
}

/// The settings as a file that can be read, kept and imported elsewhere.
///
/// # Errors
/// `Internal`: never with settings that were read.
pub fn export(settings: &Settings) -> Result<String> {
    let mut settings = settings.clone();
    if let Proxy::Manual(address) = &mut settings.general.proxy {
        *address = without_user(address);
    }
    for destination in &mut settings.destinations {
        match &mut destination.kind {
            Kind::ThisComputer => {}
            Kind::S3(address) => address.endpoint = without_user(&address.endpoint),
            Kind::Team(address) => address.server = without_user(&address.server),
        }
        if let LinkPolicy::Public { base: Some(base) } = &mut destination.link {
            *base = without_user(base);
        }
    }
    let text = toml_edit::ser::to_string_pretty(&settings)
        .map_err(|error| Error::new(Code::Internal, imagepic_words::errors::internal(&error)).because(error))?;
    Ok(format!("# {}\n\n{text}", words::head().to(settings.lang())))
}

/// Somebody who edits `settings.toml` by hand may have put a password where none belongs.
fn without_user(address: &str) -> String {
    match url::Url::parse(address) {
        Ok(url) if url.username().is_empty() && url.password().is_none() && url.query().is_none() => address.to_owned(),
        Ok(mut url) => {
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            url.to_string()
        }
        Err(_) => address.rsplit_once('@').map_or(address, |(_, host)| host).to_owned(),
    }
}

/// Reads a file that somebody chose.
///
/// # Errors
/// `FileUnreadable`; `BadRequest` for one that is too large or no text.
pub fn read_file(path: &std::path::Path) -> Result<String> {
    use std::io::Read as _;
    let failed = |error: std::io::Error| {
        let text = words::unreadable(path.display(), "").with("reason", imagepic_words::reason(&error));
        Error::new(Code::FileUnreadable, text).because(error)
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(LARGEST as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > LARGEST {
        return Err(Error::new(Code::BadRequest, words::too_large(LARGEST)));
    }
    String::from_utf8(bytes).map_err(|_| Error::new(Code::BadRequest, words::no_settings()))
}

/// What importing `text` into `present` would do in this home. Settings the file does not name stay as they are; folders that cannot be
/// watched here are left out. Blocks.
///
/// # Errors
/// `SettingsBroken` naming the line; `HomeNewer`; `BadRequest` where the file holds no settings.
pub fn plan(home: &Home, present: &Settings, text: &str) -> Result<Import> {
    let lang = present.lang();
    if text.len() > LARGEST {
        return Err(Error::new(Code::BadRequest, words::too_large(LARGEST)));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let called = words::the_file().to(lang);
    // Settings that are in use are left for somebody to mend; these are simply not taken.
    let incoming = file::parse(std::path::Path::new(&called), text).map_err(|mut error| {
        error.text = error.text.with("then", words::mend());
        error
    })?;
    let document: DocumentMut = text.parse().map_err(|_| Error::new(Code::BadRequest, words::no_settings()))?;
    let mut import = Import {
        settings: present.clone(),
        before: present.clone(),
        changes: Vec::new(),
        left_out: Vec::new(),
        unsigned: Vec::new(),
    };

    let known = file::table_of(&Settings::default())?;
    let groups = document.iter().filter(|(group, _)| !matches!(*group, "version" | "destinations"));
    let mut merged = file::table_of(present)?;
    for (group, item) in groups {
        let Some(fields) = item.as_table_like() else {
            import.leave_out(group, words::unknown_key().to(lang));
            continue;
        };
        for (field, value) in fields.iter() {
            let key = format!("{group}.{field}");
            // What the incoming settings hold after reading is what this version understands.
            let is_known = known.get(group).and_then(Item::as_table).is_some_and(|table| table.contains_key(field));
            if !is_known && !LISTS.contains(&key.as_str()) {
                import.leave_out(&key, words::unknown_key().to(lang));
            } else if let Some(table) = merged.get_mut(group).and_then(Item::as_table_mut) {
                table.insert(field, value.clone());
            }
        }
    }
    let mut together: Settings = read(&merged)?;
    together.destinations.clone_from(&present.destinations);
    import.take_checked(present, together, lang);
    let named = document.get("destinations").is_some();
    for destination in incoming.destinations.iter().filter(|_| named) {
        import.take_destination(present, destination, lang);
    }
    // Only once all of them are there: the file may name one of its own, and send a folder's images there.
    for folder in std::mem::take(&mut import.settings.capture.folders) {
        let fits = folders::fits(home, &present.capture.folders, &folder);
        if let Err(error) = fits.and_then(|()| import.settings.watch_folder(folder)) {
            import.leave_out("capture.folders", error.message(lang));
        }
    }
    let wanted = import.settings.destination.current.clone();
    if import.settings.destinations.iter().all(|destination| destination.id != wanted) {
        import.settings.destination = present.destination.clone();
    }
    import.settings.version = VERSION;
    import.settings.complete();
    import.changes = changes(present, &import.settings)?;
    if import.changes.is_empty() && import.left_out.is_empty() && document.iter().all(|(group, _)| group == "version") {
        return Err(Error::new(Code::BadRequest, words::no_settings()));
    }
    Ok(import)
}

impl Import {
    fn leave_out(&mut self, key: &str, reason: String) {
        let key: String = key.chars().filter(|c| !c.is_control()).take(120).collect();
        self.left_out.push(LeftOut { key, reason });
    }

    /// What a file says of proxy and keys obeys the rules of what a person says.
    fn take_checked(&mut self, present: &Settings, mut new: Settings, lang: Lang) {
        let mut probe = present.clone();
        if let Proxy::Manual(address) = &new.general.proxy
            && new.general.proxy != present.general.proxy
            && let Err(error) = probe.set_key("general.proxy", address)
        {
            self.leave_out("general.proxy", error.message(lang));
            new.general.proxy = present.general.proxy.clone();
        }
        if new.link.templates != present.link.templates
            && let Err(error) = probe.link.set_templates(new.link.templates.clone())
        {
            self.leave_out("link.templates", error.message(lang));
            new.link.templates.clone_from(&present.link.templates);
        }
        if let Err(error) = new.link.check(new.link.format) {
            self.leave_out("link.format", error.message(lang));
            new.link.format = present.link.format;
        }
        let wanted = std::mem::take(&mut new.shortcuts);
        for deed in Deed::ALL {
            if let Err(error) = new.shortcuts.set(deed, wanted.of(deed)) {
                self.leave_out(&format!("shortcuts.{}", deed.name()), error.message(lang));
                let _ = new.shortcuts.set(deed, present.shortcuts.of(deed));
            }
        }
        self.settings = new;
    }

    fn take_destination(&mut self, present: &Settings, incoming: &Destination, lang: Lang) {
        let before = present.destinations.iter().find(|other| other.id == incoming.id);
        let mut new = incoming.clone();
        match &mut new.kind {
            Kind::ThisComputer => {}
            Kind::S3(address) => {
                let here = present.destinations.iter().find_map(|other| match &other.kind {
                    Kind::S3(theirs) if crate::secrets::account(theirs) == crate::secrets::account(address) => Some(theirs),
                    _ => None,
                });
                if let Some(here) = here
                    && here.ca_file != address.ca_file
                {
                    self.leave_out(&incoming.name, words::ca_file_stays(&incoming.name).to(lang));
                    address.ca_file.clone_from(&here.ca_file);
                }
            }
            Kind::Team(address) => {
                let here = present.destinations.iter().find_map(|other| match &other.kind {
                    Kind::Team(theirs) if theirs.server == address.server && theirs.phone == address.phone => Some(theirs),
                    _ => None,
                });
                address.allow_plain_http = here.is_some_and(|here| here.allow_plain_http);
                if let Some(here) = here
                    && here.ca_file != address.ca_file
                {
                    self.leave_out(&incoming.name, words::ca_file_stays(&incoming.name).to(lang));
                    address.ca_file.clone_from(&here.ca_file);
                }
            }
        }
        if before == Some(&new) {
            return;
        }
        let ca_file = match &new.kind {
            Kind::ThisComputer => None,
            Kind::S3(address) => address.ca_file.as_deref(),
            Kind::Team(address) => address.ca_file.as_deref(),
        };
        let taken = ca_file.map_or(Ok(()), crate::store::check_ca_file).and_then(|()| self.settings.put(&new));
        match taken {
            Ok(saved) if before.is_none_or(|before| signs_in_at(&before.kind) != signs_in_at(&saved.kind)) => {
                self.unsigned.push(saved.name);
            }
            Ok(_) => {}
            Err(error) => self.leave_out(&incoming.name, error.message(lang)),
        }
    }
}

/// What a saved secret belongs to.
fn signs_in_at(kind: &Kind) -> Option<String> {
    match kind {
        Kind::ThisComputer => None,
        Kind::S3(address) => Some(crate::secrets::account(address)),
        Kind::Team(address) => Some(format!("{} {}", address.server, address.phone)),
    }
}

fn read(table: &Table) -> Result<Settings> {
    toml_edit::de::from_document(DocumentMut::from(table.clone())).map_err(|error: toml_edit::de::Error| {
        let text =
            settings_words::broken_somewhere("", "", "").with("path", words::the_file()).with("reason", settings_words::unfit());
        Error::new(Code::SettingsBroken, text.with("then", words::mend())).because(error.message().to_owned())
    })
}

fn changes(old: &Settings, new: &Settings) -> Result<Vec<Change>> {
    let mut found = Vec::new();
    compare("", None, &file::table_of(old)?, &file::table_of(new)?, &mut found);
    for destination in &new.destinations {
        let key = format!("destinations.{}", destination.id);
        let name = Some(destination.name.clone());
        match old.destinations.iter().find(|other| other.id == destination.id) {
            Some(before) => compare(&key, name.as_ref(), &file::table_of(before)?, &file::table_of(destination)?, &mut found),
            None => found.push(Change { key, destination: name, from: None, to: Some(place(destination)) }),
        }
    }
    Ok(found)
}

/// Where a destination sends: `https://s3.example / assets / docs`.
#[must_use]
pub fn place(destination: &Destination) -> String {
    let at = match &destination.kind {
        Kind::ThisComputer => "",
        Kind::S3(address) => address.endpoint.as_str(),
        Kind::Team(address) => address.server.as_str(),
    };
    let parts = [at, destination.bucket.as_str(), destination.folder.as_str()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" / ")
}

fn compare(path: &str, destination: Option<&String>, old: &Table, new: &Table, found: &mut Vec<Change>) {
    let mut keys: Vec<&str> = old.iter().map(|(key, _)| key).collect();
    keys.extend(new.iter().map(|(key, _)| key).filter(|key| !old.contains_key(key)));
    for key in keys.into_iter().filter(|key| !(path.is_empty() && matches!(*key, "version" | "destinations"))) {
        let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let (before, after) = (old.get(key), new.get(key));
        let empty = Table::new();
        if let (None | Some(Item::Table(_)), None | Some(Item::Table(_))) = (before, after) {
            let table = |item: Option<&Item>| item.and_then(Item::as_table).cloned().unwrap_or_else(|| empty.clone());
            compare(&path, destination, &table(before), &table(after), found);
            continue;
        }
        let (from, to) = (before.and_then(shown), after.and_then(shown));
        if from != to {
            found.push(Change { key: path, destination: destination.cloned(), from, to });
        }
    }
}

/// A value for people: a text without its quotes.
fn shown(item: &Item) -> Option<String> {
    let text = match item {
        Item::Value(Value::String(text)) => text.value().clone(),
        // Without it the tables would be written as parts of a document they are not in.
        Item::ArrayOfTables(tables) => {
            let lines = tables.iter().map(|table| table.to_string().trim().replace('\n', ", "));
            lines.collect::<Vec<_>>().join("; ")
        }
        other => other.to_string().trim().to_owned(),
    };
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::destination::{S3Address, TeamAddress};
    use crate::link::{Format, LinkTemplate};
    use crate::settings::{Language, Theme, WatchedFolder};

    fn here_is() -> Home {
        Home::at("/nowhere")
    }

    fn destination(id: &str, kind: Kind) -> Destination {
        Destination {
            id: id.to_owned(),
            name: id.to_owned(),
            kind,
            bucket: "assets".to_owned(),
            ..Destination::this_computer(String::new())
        }
    }

    fn s3(endpoint: &str, access_key: &str) -> Kind {
        let (endpoint, access_key) = (endpoint.to_owned(), access_key.to_owned());
        Kind::S3(S3Address { endpoint, region: "eu-1".to_owned(), access_key, path_style: true, ca_file: None })
    }

    fn team(server: &str, allow_plain_http: bool) -> Kind {
        let (server, phone) = (server.to_owned(), "13800138000".to_owned());
        Kind::Team(TeamAddress { server, phone, allow_plain_http, ca_file: None })
    }

    fn settings() -> Settings {
        let mut settings = Settings::default();
        settings.general.language = Language::En;
        settings.destinations.extend([
            destination("team", s3("https://s3.example", "AK")),
            destination("office", team("https://images.example", false)),
        ]);
        settings
    }

    fn keys(import: &Import) -> Vec<&str> {
        import.changes.iter().map(|change| change.key.as_str()).collect()
    }

    #[test]
    fn what_was_exported_brings_everything_to_another_computer() {
        let mut here = settings();
        here.general.theme = Theme::Dark;
        here.shortcuts.set(Deed::Library, "Ctrl+Alt+L").expect("free");
        here.destination.current = "team".to_owned();
        let template = LinkTemplate::new("Wiki", "[[{url}|{stem}]]").expect("a template");
        here.link.format = Format::Own(template.name);
        here.link.set_templates(vec![template]).expect("one");
        let dir = tempfile::tempdir().expect("a folder");
        let folder = |name: &str, destination: Option<&str>| {
            let path = dir.path().join(name);
            std::fs::create_dir(&path).expect("made");
            WatchedFolder { path, destination: destination.map(str::to_owned), recursive: true, enabled: true }
        };
        here.watch_folder(folder("截图", Some("office"))).expect("a folder");
        here.watch_folder(folder("Shots", None)).expect("a folder");
        let text = export(&here).expect("text");
        let there = plan(&here_is(), &Settings::default(), &text).expect("a plan");
        let mut expected = here.clone();
        expected.version = VERSION;
        assert_eq!(there.settings, expected);
        assert!(there.left_out.is_empty(), "{:?}", there.left_out);
        assert_eq!(there.unsigned, ["team", "office"]);
        let again = plan(&here_is(), &here, &text).expect("a plan");
        assert!(again.changes.is_empty() && again.unsigned.is_empty(), "{again:?}");
    }

    #[test]
    fn a_password_that_somebody_put_into_an_address_is_not_exported() {
        let mut here = settings();
        here.general.proxy = Proxy::Manual("http://ann:hunter2@proxy:3128".to_owned());
        here.destinations.push(destination("odd", s3("https://ann:hunter2@s3.example/?X-Amz-Signature=hunter2", "AK")));
        let text = export(&here).expect("text");
        assert!(!text.contains("hunter2") && !text.contains("ann"), "{text}");
    }

    #[test]
    fn only_what_the_file_names_changes_and_what_it_changes_is_told() {
        let mut here = settings();
        here.general.theme = Theme::Dark;
        let text = "[general]\nnotifications = \"quiet\"\n[[destinations]]\nid = \"team\"\nname = \"team\"\nkind = \"s3\"\nendpoint = \"https://elsewhere.example\"\nregion = \"eu-1\"\naccess_key = \"AK\"\npath_style = true\nbucket = \"assets\"\n[destinations.link]\npolicy = \"public\"\n[destinations.names]\nfile = \"{stem}-{random:8}.{ext}\"\nclipboard = \"{yyyy}{MM}{dd}-{HH}{mm}{ss}-{random:8}.{ext}\"\n";
        let import = plan(&here_is(), &here, text).expect("a plan");
        assert_eq!(keys(&import), ["general.notifications", "destinations.team.endpoint"]);
        assert_eq!(import.changes[1].from.as_deref(), Some("https://s3.example"));
        assert_eq!(import.changes[1].to.as_deref(), Some("https://elsewhere.example"));
        assert_eq!(import.unsigned, ["team"], "the secret saved for the old address is not the new one's");
        assert_eq!(import.settings.general.theme, Theme::Dark);
    }

    #[test]
    fn a_file_from_elsewhere_decides_nothing_about_trust() {
        let here = settings();
        let mut there = here.clone();
        there.destinations[2] = destination("office", team("http://images.example", true));
        let Kind::S3(address) = &mut there.destinations[1].kind else { panic!("S3") };
        address.ca_file = Some(PathBuf::from("/etc/hostname"));
        let import = plan(&here_is(), &here, &export(&there).expect("text")).expect("a plan");
        assert_eq!(import.settings.destinations, here.destinations, "{:?}", import.changes);
        let reasons: Vec<_> = import.left_out.iter().map(|left| left.reason.as_str()).collect();
        assert!(reasons.iter().any(|reason| reason.contains("CA file")), "{reasons:?}");
        assert!(reasons.iter().any(|reason| reason.contains("without encryption")), "{reasons:?}");
    }

    #[test]
    fn what_cannot_be_is_left_out_with_its_reason_and_the_rest_is_taken() {
        let here = settings();
        let text = "[general]\ntheme = \"light\"\nproxy = \"http://u:hunter2@p:1\"\ncolour = \"red\"\n[shortcuts]\nlibrary = \"Ctrl+C\"\npause = \"Ctrl+Alt+P\"\n[[destinations]]\nid = \"odd\"\nname = \"odd\"\nkind = \"s3\"\nendpoint = \"nowhere\"\nregion = \"x\"\naccess_key = \"AK\"\nbucket = \"assets\"\n";
        let import = plan(&here_is(), &here, text).expect("a plan");
        assert_eq!(keys(&import), ["general.theme", "shortcuts.pause"]);
        let mut left: Vec<_> = import.left_out.iter().map(|left| left.key.as_str()).collect();
        left.sort_unstable();
        assert_eq!(left, ["general.colour", "general.proxy", "odd", "shortcuts.library"]);
        assert!(import.left_out.iter().all(|left| !left.reason.contains("hunter2")));
    }

    #[test]
    fn a_file_that_is_none_is_refused_in_words() {
        for text in ["", "version = 1\n", "hello", "[general]\ntheme = \"purple\"\n", "version = 99\n"] {
            plan(&here_is(), &settings(), text).expect_err(text);
        }
    }
}
