//! The old service's literal answers (`tests/fixtures/old-service.md`), to hold ours against, body by body.

use std::path::Path;

use serde_json::Value;

/// A request that was sent to the old service, and what it answered.
#[derive(Debug, Clone)]
pub struct Row {
    /// The route it is told under, `object/putObject`.
    pub section: String,
    /// What the request was about, `putObject no token`.
    pub title: String,
    /// The path with its query.
    pub path: String,
    /// JSON or a form; empty where there was none.
    pub body: String,
    /// Headers as they are told, `authorization: <token>`; their values in angle brackets are for the test to fill.
    pub headers: Vec<(String, String)>,
    /// The body of the answer; `None` where the page cuts it off.
    pub expected: Option<Value>,
}

/// All rows, in the page's order.
///
/// # Panics
/// Where the page is not there or not in its form.
#[must_use]
pub fn rows() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/old-service.md");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    parse(&text)
}

/// The one row of that title.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn row(title: &str) -> Row {
    rows().into_iter().find(|row| row.title == title).unwrap_or_else(|| panic!("no row is called \"{title}\""))
}

fn parse(text: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut section = String::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            section = name.split(" (").next().unwrap_or(name).to_owned();
        } else if let Some(rest) = line.strip_prefix("- **") {
            let (title, request) = rest.split_once("** ").expect("a title and a request");
            let request = request.trim().trim_matches('`');
            let (path, rest) = request.split_once(' ').unwrap_or((request, ""));
            let (body, headers) = split(rest);
            let row =
                Row { section: section.clone(), title: title.to_owned(), path: path.to_owned(), body, headers, expected: None };
            rows.push(row);
        } else if let Some(answer) = line.trim().strip_prefix('`')
            && let Some(row) = rows.last_mut()
        {
            row.expected = serde_json::from_str(answer.trim_end_matches('`')).ok();
        }
    }
    rows
}

/// `{"a":1} authorization: <token>`, `bucket: pics; folder: shots`, `name=b&upwd=x`.
fn split(rest: &str) -> (String, Vec<(String, String)>) {
    let pairs = |text: &str| {
        let pair = |part: &str| part.split_once(": ").map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
        text.split(';').filter_map(pair).collect()
    };
    if rest.starts_with('{') {
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let _ = values.next();
        let end = values.byte_offset();
        return (rest[..end].to_owned(), pairs(&rest[end..]));
    }
    if rest.contains(": ") { (String::new(), pairs(rest)) } else { (rest.to_owned(), Vec::new()) }
}

/// What may differ from answer to answer, by its form: makes two answers comparable. Times become their pattern, tags and ids of
/// requests their kind.
#[must_use]
pub fn by_form(value: &Value) -> Value {
    fn walk(name: &str, value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let skipped = ["requestid", "hostid", "amzRequestid", "amzId2", "amzBucketRegion"];
                let kept = fields.iter().filter(|(name, _)| !skipped.contains(&name.as_str()));
                Value::Object(kept.map(|(name, value)| (name.clone(), walk(name, value))).collect())
            }
            Value::Array(parts) => Value::Array(parts.iter().map(|part| walk(name, part)).collect()),
            Value::String(text) => Value::String(form(name, text)),
            other => other.clone(),
        }
    }
    walk("", value)
}

fn form(name: &str, text: &str) -> String {
    let digits = |text: &str| text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect::<String>();
    match name {
        "lastModified" | "creationDate" | "expiredAt" => digits(text),
        "etag" if text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()) => "<md5>".to_owned(),
        "token" if text.starts_with("eyJ") => "<token>".to_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_page_is_found_with_its_parts() {
        let rows = rows();
        assert_eq!(rows.len(), 58, "{:?}", rows.iter().map(|row| &row.title).collect::<Vec<_>>());
        let put = row("putObject no token");
        assert_eq!((put.section.as_str(), put.path.as_str()), ("object/putObject", "/imagepic/object/putObject"));
        assert_eq!(put.headers, [("bucket".to_owned(), "pics".to_owned()), ("folder".to_owned(), "shots".to_owned())]);
        assert_eq!(put.expected.expect("an answer")["data"]["message"], "jwt must be provided");
        let form = row("register urlencoded");
        assert_eq!(form.body, "name=b&tfs=x&email=b@example.com&phone=13800138001&upwd=abc12345");
        let remove = row("removeObject ok");
        assert!(remove.body.ends_with('}') && remove.headers == [("authorization".to_owned(), "<token>".to_owned())]);
        assert!(rows.iter().filter(|row| row.expected.is_none()).count() == 2, "only the two long listings are cut off");
    }

    #[test]
    fn times_and_tags_are_compared_by_their_form() {
        let one = serde_json::json!({"etag": "487acf87a689fe3903d7e4ef8ad2a258", "lastModified": "2026-11-22T07:27:39.316Z", "requestid": "x"});
        let two = serde_json::json!({"etag": "f367c79775311f4b04bb1309d5ea0ebb", "lastModified": "2027-01-02T03:04:05.000Z"});
        assert_eq!(by_form(&one), by_form(&two));
        assert_ne!(by_form(&one), by_form(&serde_json::json!({"etag": "\"f3\"", "lastModified": "2027-01-02T03:04:05Z"})));
    }
}
