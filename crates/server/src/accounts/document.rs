//! The old service's form of an account: `{"_name":"auth","_collections":[{…}]}`, one file a phone number.
//!
//! Read leniently, since years of an older program wrote it: the phone may be a number, fields may be missing. What cannot be a
//! person is told, never fatal. Written as it was: unknown fields and their order stay.

use serde_json::{Map, Value};

/// A file's content, and where in it the person stands.
#[derive(Debug, Clone)]
pub(crate) struct Whole {
    whole: Map<String, Value>,
    at: Option<usize>,
}

impl Whole {
    /// Of a person who is new.
    pub(crate) fn of(fields: Map<String, Value>) -> Self {
        let mut whole = Map::new();
        whole.insert("_name".to_owned(), Value::from("auth"));
        whole.insert("_collections".to_owned(), Value::Array(vec![Value::Object(fields)]));
        Self { whole, at: Some(0) }
    }

    /// Reads a file; the reason of a failure holds nothing of its content.
    pub(crate) fn read(bytes: &[u8], phone: &str) -> Result<Self, String> {
        let whole = match serde_json::from_slice(bytes) {
            Ok(Value::Object(whole)) => whole,
            Ok(_) => return Err("it is no JSON object".to_owned()),
            Err(why) if why.is_eof() => return Err("its JSON is cut off".to_owned()),
            Err(why) => return Err(format!("it is no JSON, from line {} column {}", why.line(), why.column())),
        };
        let Some(Value::Array(people)) = whole.get("_collections") else { return Err("it has no list _collections".to_owned()) };
        if people.is_empty() {
            return Ok(Self { whole, at: None });
        }
        let at = people.iter().position(|person| is(person, phone));
        match at {
            Some(_) => Ok(Self { whole, at }),
            None => Err("nobody in it has the phone number of its name".to_owned()),
        }
    }

    /// The person; `None` where the list is empty.
    pub(crate) fn person(&self) -> Option<&Map<String, Value>> {
        self.whole.get("_collections")?.get(self.at?)?.as_object()
    }

    /// The same file with the person's fields replaced.
    pub(crate) fn with(mut self, fields: Map<String, Value>) -> Self {
        match (self.whole.get_mut("_collections"), self.at) {
            (Some(Value::Array(people)), Some(at)) if at < people.len() => people[at] = Value::Object(fields),
            (Some(Value::Array(people)), _) => {
                self.at = Some(people.len());
                people.push(Value::Object(fields));
            }
            _ => return Self::of(fields),
        }
        self
    }

    /// As the old service wrote it: one line, no spaces.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.whole).unwrap_or_default()
    }
}

/// Whether an entry is the person of that number. One without any number is whoever the file is named after.
fn is(person: &Value, phone: &str) -> bool {
    let Some(person) = person.as_object() else { return false };
    match person.get("phone") {
        None | Some(Value::Null) => true,
        Some(value) => crate::people::rules::phone(Some(value)).as_deref() == Some(phone),
    }
}

/// What is unusual about a readable document, for whoever runs the server; `None` where all is well.
pub(crate) fn oddity(fields: &Map<String, Value>) -> Option<Oddity> {
    match fields.get("upwd") {
        Some(Value::String(text)) if text.starts_with("$argon2") => {}
        Some(Value::String(text)) if !text.is_empty() => return Some(Oddity::ClearPassword),
        _ => return Some(Oddity::NoPassword),
    }
    matches!(fields.get("phone"), Some(Value::Number(_))).then_some(Oddity::NumericPhone)
}

/// See [`oddity`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// The password stands there in clear text, until the next right log-in.
    ClearPassword,
    /// Nothing that could be a password (an array, for example): nobody can log in until it is reset.
    NoPassword,
    /// The phone number is a JSON number; it is found by its digits.
    NumericPhone,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_their_order_and_other_entries_survive_a_change() {
        let text = r#"{"_name":"auth","zeta":1,"_collections":[{"other":true,"phone":"13900000000"},{"_id":"x","name":"b","extra":{"k":[1]},"phone":13800138003,"upwd":"a"}],"alpha":2}"#;
        let whole = Whole::read(text.as_bytes(), "13800138003").expect("readable");
        let mut person = whole.person().expect("a person").clone();
        person.insert("upwd".to_owned(), Value::from("b"));
        let written = String::from_utf8(whole.with(person).bytes()).expect("text");
        assert_eq!(written, text.replace(r#""upwd":"a""#, r#""upwd":"b""#));
    }

    #[test]
    fn what_is_no_account_is_told_without_its_content() {
        for (text, why) in [
            (r#"{"_name":"auth","_collections":[{"_id":"9d1f"#, "cut off"),
            ("[1]", "no JSON object"),
            (r#"{"_name":"auth"}"#, "_collections"),
            (r#"{"_collections":[{"phone":"13900000000","upwd":"secret99"}]}"#, "nobody"),
            ("secret99", "no JSON"),
        ] {
            let told = Whole::read(text.as_bytes(), "13800138000").expect_err("unreadable");
            assert!(told.contains(why), "{told}");
            assert!(!told.contains("secret99"));
        }
        assert!(Whole::read(br#"{"_name":"auth","_collections":[]}"#, "13800138000").expect("readable").person().is_none());
    }
}
