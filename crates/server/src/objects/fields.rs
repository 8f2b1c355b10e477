//! Fields of a request, as JSON has them or as text: forms know only text, and the old service took either.

use std::collections::HashMap;

use http::StatusCode;
use imagepic_api::Code;
use serde_json::Value;

use crate::answer::Refusal;
use crate::input::Input;

fn bad(name: &str, wanted: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, Code::BadRequest, &format!("the field {name} must be {wanted}"))
}

fn given<'i>(input: &'i Input, name: &str) -> Option<&'i Value> {
    input.get(name).filter(|value| !value.is_null())
}

/// Text that must be there.
pub(crate) fn text(input: &Input, name: &str) -> Result<String, Refusal> {
    optional_text(input, name)?.filter(|text| !text.is_empty()).ok_or_else(|| bad(name, "a text, and not an empty one"))
}

/// Text that may be left out.
pub(crate) fn optional_text(input: &Input, name: &str) -> Result<Option<String>, Refusal> {
    match given(input, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(bad(name, "a text")),
    }
}

/// A whole number, written as one or as text.
pub(crate) fn number(input: &Input, name: &str) -> Result<Option<i64>, Refusal> {
    let number = match given(input, name) {
        None => return Ok(None),
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(_) => None,
    };
    number.map(Some).ok_or_else(|| bad(name, "a whole number"))
}

/// Yes or no.
pub(crate) fn flag(input: &Input, name: &str) -> Result<Option<bool>, Refusal> {
    match given(input, name) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(Value::String(text)) if text == "true" => Ok(Some(true)),
        Some(Value::String(text)) if text == "false" => Ok(Some(false)),
        Some(_) => Err(bad(name, "true or false")),
    }
}

/// A list of texts; a single text is a list of one.
pub(crate) fn texts(input: &Input, name: &str) -> Result<Vec<String>, Refusal> {
    let wrong = || bad(name, "a list of texts");
    match given(input, name) {
        Some(Value::Array(list)) => list.iter().map(|one| one.as_str().map(str::to_owned).ok_or_else(wrong)).collect(),
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        _ => Err(wrong()),
    }
}

/// The fields of a query; of a name that comes twice the last one stands.
pub(crate) fn query(query: Option<&str>) -> HashMap<String, String> {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// Characters of a mark.
pub(crate) const LONGEST_MARK: usize = 128;

/// What a client marks an object with, to know it again; `None` where it cannot stand in a header.
pub(crate) fn mark(mark: &[u8]) -> Option<String> {
    let fits = (1..=LONGEST_MARK).contains(&mark.len()) && mark.iter().all(u8::is_ascii_graphic);
    fits.then(|| String::from_utf8_lossy(mark).into_owned())
}

/// Where an object is, as `bucketName` and `objectName` say.
pub(crate) fn address(input: &Input) -> Result<(String, String), Refusal> {
    Ok((text(input, "bucketName")?, text(input, "objectName")?))
}
