//! The read rules in a bucket's policy document, and how one of them is changed without touching the rest ("Policies and permissions in
//! Amazon S3").
//!
//! Pure: the document comes from [`Client::policy`](crate::Client::policy) and goes back by [`Client::set_policy`](crate::Client::set_policy).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

const ARN: &str = "arn:aws:s3:::";
const READ: &str = "s3:GetObject";
const SID: &str = "ImagepicPublicRead";

/// Who may read below a prefix without a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Empty for the whole bucket.
    pub prefix: String,
    /// Everybody may; otherwise nobody.
    pub public: bool,
}

/// Why a rule cannot be changed alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stuck {
    /// `*` and `?` mean something else in a policy.
    #[error("a prefix must not hold * ? or $")]
    Prefix,
    /// A wider rule opens it, or one that opens more than reading.
    #[error("another rule of the bucket's policy opens this prefix: change that one")]
    Wider,
    /// The document is none.
    #[error("the bucket's policy cannot be read")]
    Unreadable,
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn statements(policy: &Value) -> Vec<&Map<String, Value>> {
    match policy.get("Statement") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_object).collect(),
        Some(Value::Object(one)) => vec![one],
        _ => Vec::new(),
    }
}

/// Lets everybody do something, without condition.
fn opens(statement: &Map<String, Value>) -> bool {
    let everybody = match statement.get("Principal") {
        Some(Value::Object(map)) => texts(map.get("AWS")).contains(&"*"),
        principal => texts(principal).contains(&"*"),
    };
    let plain = !["Condition", "NotAction", "NotResource"].iter().any(|key| statement.contains_key(*key));
    everybody && plain && statement.get("Effect").and_then(Value::as_str) == Some("Allow")
}

/// Whether an action of a policy includes reading; and whether it is reading alone.
fn reads(action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let read = READ.to_ascii_lowercase();
    action == read || action.strip_suffix('*').is_some_and(|beginning| read.starts_with(beginning))
}

/// What a pattern (`*`: anything, `?`: one character) still asks for behind `text`, in every way that it can be read.
fn behind<'p>(pattern: &'p str, text: &str) -> BTreeSet<&'p str> {
    let mut left = BTreeSet::from([pattern]);
    for letter in text.chars() {
        let mut next = BTreeSet::new();
        for mut rest in left {
            // A star may stand for this letter and more, or for nothing.
            while let Some(more) = rest.strip_prefix('*') {
                next.insert(rest);
                rest = more;
            }
            let mut letters = rest.chars();
            if letters.next().is_some_and(|wanted| wanted == '?' || wanted == letter) {
                next.insert(letters.as_str());
            }
        }
        left = next;
    }
    left
}

/// The keys of the bucket that a resource opens, as patterns.
fn keys<'r>(bucket: &str, resource: &'r str) -> BTreeSet<&'r str> {
    // Variables stand for something of the person who asks, and nobody is no person.
    if resource.contains("${") { BTreeSet::new() } else { behind(resource, &format!("{ARN}{bucket}/")) }
}

/// All patterns of keys that everybody may read.
fn open_keys<'p>(bucket: &str, policy: Option<&'p Value>) -> BTreeSet<&'p str> {
    let open = policy.map(statements).unwrap_or_default().into_iter();
    let open = open.filter(|statement| opens(statement) && texts(statement.get("Action")).into_iter().any(reads));
    open.flat_map(|statement| texts(statement.get("Resource"))).flat_map(|resource| keys(bucket, resource)).collect()
}

/// A pattern as the prefix it comes to; with stars in it only where it is none.
fn prefix(pattern: &str) -> &str {
    pattern.trim_end_matches('*')
}

/// The rules a reader can be told in a word: the whole bucket's, and every prefix that is open. One key alone is told as if it were a
/// prefix, and a pattern with `*` or `?` inside as it is: what is open in part is not hidden.
#[must_use]
pub fn rules(bucket: &str, policy: Option<&Value>) -> Vec<Rule> {
    // The key that is named by nothing at all is none.
    let mut open: BTreeSet<&str> =
        open_keys(bucket, policy).into_iter().filter(|pattern| !pattern.is_empty()).map(prefix).collect();
    let whole = open.remove("");
    // What a pattern says of a bucket that is open as a whole is no news.
    open.retain(|prefix| !(whole && prefix.contains(['*', '?'])));
    let rest = open.into_iter().map(|prefix| Rule { prefix: prefix.to_owned(), public: true });
    std::iter::once(Rule { prefix: String::new(), public: whole }).chain(rest).collect()
}

/// The document with that one rule changed; `None` where nothing is left of it. An unchanged one comes back as it was.
///
/// # Errors
/// [`Stuck`], where this rule cannot be changed without another one.
pub fn change(bucket: &str, policy: Option<Value>, wanted: &str, public: bool) -> Result<Option<Value>, Stuck> {
    if wanted.contains(['*', '?', '$']) {
        return Err(Stuck::Prefix);
    }
    let mut policy = policy.unwrap_or_else(|| json!({ "Version": "2012-10-17", "Statement": [] }));
    let mut list: Vec<Value> = match policy.get("Statement") {
        Some(Value::Array(list)) => list.clone(),
        Some(one @ Value::Object(_)) => vec![one.clone()],
        _ => return Err(Stuck::Unreadable),
    };
    let open = rules(bucket, Some(&policy)).iter().any(|rule| rule.prefix == wanted && rule.public);
    match public {
        true if open => {}
        true => list.push(json!({
            "Sid": sid(&list),
            "Effect": "Allow",
            "Principal": { "AWS": ["*"] },
            "Action": [READ],
            "Resource": [format!("{ARN}{bucket}/{wanted}*")],
        })),
        false => {
            let mut left = Vec::with_capacity(list.len());
            for statement in list {
                close(bucket, statement, wanted, &mut left)?;
            }
            list = left;
        }
    }
    let empty = list.is_empty();
    let document = policy.as_object_mut().ok_or(Stuck::Unreadable)?;
    document.insert("Statement".to_owned(), Value::Array(list));
    // What a wider rule opens stays open, whatever is said of a part of it.
    let all = |pattern: &str| !pattern.is_empty() && prefix(pattern).is_empty();
    let covers = |pattern: &str| behind(pattern, wanted).into_iter().any(all);
    if !public && open_keys(bucket, Some(&policy)).into_iter().any(covers) {
        return Err(Stuck::Wider);
    }
    Ok((!empty).then_some(policy))
}

/// Whether a resource is that prefix of that bucket, or the one key that is called so, and nothing else.
fn names(bucket: &str, resource: &str, wanted: &str) -> bool {
    let named = resource.strip_prefix(ARN).and_then(|rest| rest.strip_prefix(bucket)?.strip_prefix('/'));
    named.is_some_and(|named| named.strip_suffix('*').unwrap_or(named) == wanted && !named.is_empty())
}

/// A statement without its reading of that prefix, in as many pieces as that takes.
fn close(bucket: &str, statement: Value, wanted: &str, left: &mut Vec<Value>) -> Result<(), Stuck> {
    let Some(fields) = statement.as_object().filter(|fields| opens(fields)) else {
        left.push(statement);
        return Ok(());
    };
    let actions = texts(fields.get("Action"));
    let resources = texts(fields.get("Resource"));
    let (ours, others): (Vec<&str>, Vec<&str>) = resources.iter().copied().partition(|resource| names(bucket, resource, wanted));
    if ours.is_empty() || !actions.iter().copied().any(reads) {
        left.push(statement);
        return Ok(());
    }
    if actions.iter().any(|action| reads(action) && !action.eq_ignore_ascii_case(READ)) {
        return Err(Stuck::Wider);
    }
    let rest: Vec<&str> = actions.iter().copied().filter(|action| !reads(action)).collect();
    let piece = |actions: &[&str], resources: &[&str], again: bool| {
        let mut fields = fields.clone();
        fields.insert("Action".to_owned(), json!(actions));
        fields.insert("Resource".to_owned(), json!(resources));
        if again {
            // Two statements must not share an id.
            fields.remove("Sid");
        }
        Value::Object(fields)
    };
    if !others.is_empty() {
        left.push(piece(&actions, &others, false));
    }
    if !rest.is_empty() {
        left.push(piece(&rest, &ours, !others.is_empty()));
    }
    Ok(())
}

fn sid(list: &[Value]) -> String {
    let taken = |sid: &str| list.iter().any(|one| one.get("Sid").and_then(Value::as_str) == Some(sid));
    (1..).map(|number| format!("{SID}{number}")).find(|sid| !taken(sid)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(prefix: &str) -> Rule {
        Rule { prefix: prefix.to_owned(), public: true }
    }

    fn closed() -> Rule {
        Rule { prefix: String::new(), public: false }
    }

    #[test]
    fn one_prefix_is_opened_and_closed_and_nothing_else_moves() {
        let deny = json!({ "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::pics/x*" });
        let start = json!({ "Version": "2012-10-17", "Id": "mine", "Statement": [deny] });
        let first = change("pics", Some(start.clone()), "a/", true).unwrap();
        let second = change("pics", first.clone(), "b/", true).unwrap();
        assert_eq!(rules("pics", second.as_ref()), [closed(), open("a/"), open("b/")]);
        let sids: Vec<_> =
            second.as_ref().unwrap()["Statement"].as_array().unwrap().iter().map(|one| one["Sid"].clone()).collect();
        assert_eq!(sids, [Value::Null, json!("ImagepicPublicRead1"), json!("ImagepicPublicRead2")]);
        assert_eq!(change("pics", second.clone(), "b/", true).unwrap(), second, "open already");
        assert_eq!(change("pics", second, "b/", false).unwrap(), first);
        assert_eq!(change("pics", first, "a/", false).unwrap(), Some(start));
    }

    #[test]
    fn the_last_rule_leaves_no_document_behind() {
        let whole = change("pics", None, "", true).unwrap();
        assert_eq!(rules("pics", whole.as_ref()), [open("")]);
        assert_eq!(change("pics", whole, "", false).unwrap(), None);
        assert_eq!(change("pics", None, "", false).unwrap(), None);
    }

    #[test]
    fn somebody_elses_statement_is_taken_apart_and_keeps_all_it_said_besides() {
        let theirs = json!({ "Statement": {
            "Sid": "theirs", "Effect": "Allow", "Principal": { "AWS": "*" },
            "Action": ["s3:GetObject", "s3:GetObjectTagging"], "Resource": ["arn:aws:s3:::pics/a/*", "arn:aws:s3:::pics/b/*"],
        } });
        let left = change("pics", Some(theirs), "a/", false).unwrap().unwrap();
        assert_eq!(
            left["Statement"],
            json!([
                { "Sid": "theirs", "Effect": "Allow", "Principal": { "AWS": "*" },
                  "Action": ["s3:GetObject", "s3:GetObjectTagging"], "Resource": ["arn:aws:s3:::pics/b/*"] },
                { "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": ["s3:GetObjectTagging"], "Resource": ["arn:aws:s3:::pics/a/*"] },
            ])
        );
    }

    #[test]
    fn what_cannot_be_closed_alone_is_said_and_not_pretended() {
        let whole = change("pics", None, "", true).unwrap();
        assert_eq!(change("pics", whole.clone(), "a/", false), Err(Stuck::Wider));
        let all = json!({ "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::pics/a/*" }] });
        assert_eq!(change("pics", Some(all), "a/", false), Err(Stuck::Wider));
        for odd in ["a*", "?", "${aws:username}"] {
            assert_eq!(change("pics", None, odd, true), Err(Stuck::Prefix));
        }
        assert_eq!(change("pics", Some(json!({ "Statement": 5 })), "", true), Err(Stuck::Unreadable));
    }

    fn allow(resource: &str) -> Value {
        json!({ "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": READ, "Resource": resource }] })
    }

    #[test]
    fn what_a_wildcard_opens_is_told_as_open() {
        for (resource, told) in [
            ("*", vec![open("")]),
            ("arn:aws:s3:::*", vec![open("")]),
            ("arn:aws:s3:::*/*", vec![open("")]),
            ("arn:aws:s3:::pi*", vec![open("")]),
            ("arn:aws:s3:::p?cs/*", vec![open("")]),
            ("arn:aws:s3:::*/a/*", vec![closed(), open("*/a/"), open("a/")]),
            ("arn:aws:s3:::pics/*/public/*", vec![closed(), open("*/public/")]),
            ("arn:aws:s3:::pics/a/?.png", vec![closed(), open("a/?.png")]),
            ("arn:aws:s3:::pics/logo.png", vec![closed(), open("logo.png")]),
            ("arn:aws:s3:::pics/a**", vec![closed(), open("a")]),
            ("arn:aws:s3:::pics", vec![closed()]),
            ("arn:aws:s3:::pics/", vec![closed()]),
            ("arn:aws:s3:::pic?/", vec![closed()]),
            ("arn:aws:s3:::other*/*", vec![closed()]),
            ("arn:aws:s3:::pics/${aws:username}/*", vec![closed()]),
        ] {
            assert_eq!(rules("pics", Some(&allow(resource))), told, "{resource}");
        }
    }

    #[test]
    fn what_a_wildcard_opens_is_not_said_to_be_closed() {
        for (resource, wanted) in [
            ("arn:aws:s3:::*", ""),
            ("arn:aws:s3:::pi*/*", "a/"),
            ("arn:aws:s3:::pics/*/public/*", "a/public/b/"),
            ("arn:aws:s3:::pics/a*c*", "abc/"),
        ] {
            assert_eq!(change("pics", Some(allow(resource)), wanted, false), Err(Stuck::Wider), "{resource} {wanted}");
        }
        let part = allow("arn:aws:s3:::pics/*/public/*");
        assert_eq!(change("pics", Some(part.clone()), "a/", false).unwrap(), Some(part), "it opens a part, and is told so");
        assert_eq!(change("pics", Some(allow("arn:aws:s3:::pics/logo.png")), "logo.png", false).unwrap(), None);
    }

    #[test]
    fn rules_for_some_people_or_under_a_condition_are_not_public() {
        for statement in [
            json!({ "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::1:root" }, "Action": READ, "Resource": "arn:aws:s3:::pics/*" }),
            json!({ "Effect": "Allow", "Principal": "*", "Action": READ, "Resource": "arn:aws:s3:::pics/*", "Condition": {} }),
            json!({ "Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::pics/*" }),
            json!({ "Effect": "Allow", "Principal": "*", "Action": READ, "Resource": "arn:aws:s3:::other/*" }),
            json!({ "Effect": "Deny", "Principal": "*", "Action": READ, "Resource": "arn:aws:s3:::pics/*" }),
        ] {
            assert_eq!(rules("pics", Some(&json!({ "Statement": [statement] }))), [closed()]);
        }
    }
}
