//! Taking a change of many settings back: what it changed becomes what it was before, unless somebody has changed that since.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Settings;
use crate::destination::THIS_COMPUTER;
use crate::error::{Code, Error, Result};

/// The settings `now` without what made `after` of `before`.
///
/// # Errors
/// `Internal`: never with settings that were read.
pub(crate) fn taken_back(before: &Settings, after: &Settings, now: &Settings) -> Result<Settings> {
    let internal = |error: serde_json::Error| Error::new(Code::Internal, imagepic_words::errors::internal(&error)).because(error);
    let value = |settings: &Settings| serde_json::to_value(settings).map(by_id).map_err(internal);
    let back = back(Some(&value(before)?), Some(&value(after)?), Some(value(now)?)).unwrap_or_default();
    let mut settings: Settings = serde_json::from_value(in_a_row(back, now)).map_err(internal)?;
    // Somebody may have changed a destination of the import to be the present one; it is not taken away from under them.
    if settings.destinations.iter().all(|destination| destination.id != settings.destination.current) {
        let present = now.destinations.iter().find(|destination| destination.id == settings.destination.current);
        settings.destinations.extend(present.cloned());
    }
    if settings.destinations.iter().all(|destination| destination.id != settings.destination.current) {
        THIS_COMPUTER.clone_into(&mut settings.destination.current);
    }
    settings.complete();
    Ok(settings)
}

fn back(before: Option<&Value>, after: Option<&Value>, now: Option<Value>) -> Option<Value> {
    if before == after {
        return now;
    }
    if now.as_ref() == after {
        return before.cloned();
    }
    match (before, after, now) {
        (Some(Value::Object(before)), Some(Value::Object(after)), Some(Value::Object(mut now))) => {
            let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for key in keys {
                match back(before.get(key), after.get(key), now.remove(key)) {
                    Some(value) => drop(now.insert(key.clone(), value)),
                    None => drop(now.remove(key)),
                }
            }
            Some(Value::Object(now))
        }
        // Somebody has changed it since: that stays.
        (_, _, now) => now,
    }
}

/// Destinations are told apart by their ids and not by where they stand.
fn by_id(mut settings: Value) -> Value {
    if let Some(all) = settings.get_mut("destinations") {
        let each = all.as_array_mut().map(std::mem::take).unwrap_or_default().into_iter();
        let named = each.filter_map(|one| Some((one.get("id")?.as_str()?.to_owned(), one)));
        *all = Value::Object(named.collect::<Map<_, _>>());
    }
    settings
}

/// The other way round, in the order they have now.
fn in_a_row(mut settings: Value, now: &Settings) -> Value {
    if let Some(all) = settings.get_mut("destinations") {
        let mut named = all.as_object_mut().map(std::mem::take).unwrap_or_default();
        let known = now.destinations.iter().filter_map(|destination| named.remove(&destination.id)).collect::<Vec<_>>();
        *all = known.into_iter().chain(named.into_iter().map(|(_, one)| one)).collect();
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::Destination;
    use crate::home::Home;
    use crate::settings::exchange;

    fn changed(settings: &Settings, keys: &[(&str, &str)]) -> Settings {
        let mut settings = settings.clone();
        for (key, value) in keys {
            settings.set_key(key, value).unwrap_or_else(|error| panic!("{key}: {error}"));
        }
        settings
    }

    fn imported(present: &Settings, text: &str) -> Settings {
        let home = tempfile::tempdir().expect("a folder");
        exchange::plan(&Home::at(home.path()), present, text).expect("it can be imported").settings
    }

    const FILE: &str = r#"
        version = 1
        [general]
        theme = "dark"
        [link]
        format = "markdown"
        [destination]
        current = "team"
        [[destinations]]
        id = "team"
        name = "Team"
        kind = "s3"
        endpoint = "https://s3.example"
        region = "eu"
        access_key = "AK"
        bucket = "assets"
        [[destinations]]
        id = "this-computer"
        name = "This computer"
        kind = "this-computer"
        bucket = "images"
        folder = "imported"
    "#;

    #[test]
    fn what_an_import_changed_is_as_it_was() {
        let before = Settings::default();
        let after = imported(&before, FILE);
        assert_eq!((after.destinations.len(), after.destinations[0].folder.as_str()), (2, "imported"));
        assert_eq!(taken_back(&before, &after, &after).expect("taken back"), before);
    }

    #[test]
    fn what_somebody_changed_since_stays() {
        let before = Settings::default();
        let after = imported(&before, FILE);
        let mut now = changed(&after, &[("general.theme", "light"), ("link.format", "html"), ("general.notifications", "quiet")]);
        now.put(&Destination { id: String::new(), name: "Own".to_owned(), ..now.destinations[1].clone() }).expect("a new one");
        let back = taken_back(&before, &after, &now).expect("taken back");
        let wanted = changed(&before, &[("general.theme", "light"), ("link.format", "html"), ("general.notifications", "quiet")]);
        assert_eq!((&back.general, &back.link), (&wanted.general, &wanted.link));
        let names: Vec<_> = back.destinations.iter().map(|destination| destination.name.as_str()).collect();
        assert_eq!(names, ["This computer", "Own"]);
        assert_eq!((back.destinations[0].folder.as_str(), back.destination.current.as_str()), ("", "this-computer"));
    }

    #[test]
    fn a_destination_of_the_import_that_uploads_go_to_by_choice_stays() {
        let before = Settings::default();
        let mut after = imported(&before, FILE);
        after.destination.current = before.destination.current.clone();
        let mut now = after.clone();
        now.destination.current = "team".to_owned();
        let back = taken_back(&before, &after, &now).expect("taken back");
        assert_eq!((back.destination.current.as_str(), back.destinations.len()), ("team", 2));
    }
}
