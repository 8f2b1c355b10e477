//! The read rules in a bucket's policy document, and how one of them is changed without touching the rest ("Policies and permissions in
//! Amazon S3").

use imagepic_api::object::{Access, Rule};
use serde_json::{Map, Value, json};

const ARN: &str = "arn:aws:s3:::";
const READ: &str = "s3:GetObject";
const SID: &str = "ImagepicPublicRead";

/// Why a rule cannot be changed alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stuck {
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

/// The prefix a resource names, if it names one: `arn:aws:s3:::bucket/prefix*`.
fn prefix<'r>(bucket: &str, resource: &'r str) -> Option<&'r str> {
    let rest = match resource {
        "*" => return Some(""),
        resource => resource.strip_prefix(ARN)?,
    };
    let prefix = rest.strip_prefix(bucket)?.strip_prefix('/')?.strip_suffix('*')?;
    (!prefix.contains(['*', '?', '$'])).then_some(prefix)
}

/// The rules a reader can be told in a word: the whole bucket's, and every prefix that is open.
pub(crate) fn rules(bucket: &str, policy: Option<&Value>) -> Vec<Rule> {
    let mut open = std::collections::BTreeSet::new();
    for statement in policy.map(statements).unwrap_or_default() {
        if opens(statement) && texts(statement.get("Action")).into_iter().any(reads) {
            open.extend(texts(statement.get("Resource")).into_iter().filter_map(|resource| prefix(bucket, resource)));
        }
    }
    let whole = if open.remove("") { Access::PublicRead } else { Access::Private };
    let rest = open.into_iter().map(|prefix| Rule { prefix: prefix.to_owned(), access: Access::PublicRead });
    std::iter::once(Rule { prefix: String::new(), access: whole }).chain(rest).collect()
}

/// The document with that one rule changed; `None` where nothing is left of it. An unchanged one comes back as it was.
pub(crate) fn change(bucket: &str, policy: Option<Value>, wanted: &str, access: Access) -> Result<Option<Value>, Stuck> {
    if wanted.contains(['*', '?', '$']) {
        return Err(Stuck::Prefix);
    }
    let mut policy = policy.unwrap_or_else(|| json!({ "Version": "2012-10-17", "Statement": [] }));
    let mut list: Vec<Value> = match policy.get("Statement") {
        Some(Value::Array(list)) => list.clone(),
        Some(one @ Value::Object(_)) => vec![one.clone()],
        _ => return Err(Stuck::Unreadable),
    };
    let open = rules(bucket, Some(&policy)).iter().any(|rule| rule.prefix == wanted && rule.access == Access::PublicRead);
    match access {
        Access::PublicRead if open => {}
        Access::PublicRead => list.push(json!({
            "Sid": sid(&list),
            "Effect": "Allow",
            "Principal": { "AWS": ["*"] },
            "Action": [READ],
            "Resource": [format!("{ARN}{bucket}/{wanted}*")],
        })),
        Access::Private => {
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
    let covers = |rule: &Rule| rule.access == Access::PublicRead && wanted.starts_with(&rule.prefix);
    if access == Access::Private && rules(bucket, Some(&policy)).iter().any(covers) {
        return Err(Stuck::Wider);
    }
    Ok((!empty).then_some(policy))
}

/// A statement without its reading of that prefix, in as many pieces as that takes.
fn close(bucket: &str, statement: Value, wanted: &str, left: &mut Vec<Value>) -> Result<(), Stuck> {
    let Some(fields) = statement.as_object().filter(|fields| opens(fields)) else {
        left.push(statement);
        return Ok(());
    };
    let actions = texts(fields.get("Action"));
    let resources = texts(fields.get("Resource"));
    let (ours, others): (Vec<&str>, Vec<&str>) =
        resources.iter().copied().partition(|resource| *resource != "*" && prefix(bucket, resource) == Some(wanted));
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
        Rule { prefix: prefix.to_owned(), access: Access::PublicRead }
    }

    fn closed() -> Rule {
        Rule { prefix: String::new(), access: Access::Private }
    }

    #[test]
    fn one_prefix_is_opened_and_closed_and_nothing_else_moves() {
        let deny = json!({ "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::pics/x*" });
        let start = json!({ "Version": "2012-10-17", "Id": "mine", "Statement": [deny] });
        let first = change("pics", Some(start.clone()), "a/", Access::PublicRead).unwrap();
        let second = change("pics", first.clone(), "b/", Access::PublicRead).unwrap();
        assert_eq!(rules("pics", second.as_ref()), [closed(), open("a/"), open("b/")]);
        let sids: Vec<_> =
            second.as_ref().unwrap()["Statement"].as_array().unwrap().iter().map(|one| one["Sid"].clone()).collect();
        assert_eq!(sids, [Value::Null, json!("ImagepicPublicRead1"), json!("ImagepicPublicRead2")]);
        assert_eq!(change("pics", second.clone(), "b/", Access::PublicRead).unwrap(), second, "open already");
        assert_eq!(change("pics", second, "b/", Access::Private).unwrap(), first);
        assert_eq!(change("pics", first, "a/", Access::Private).unwrap(), Some(start));
    }

    #[test]
    fn the_last_rule_leaves_no_document_behind() {
        let whole = change("pics", None, "", Access::PublicRead).unwrap();
        assert_eq!(rules("pics", whole.as_ref()), [open("")]);
        assert_eq!(change("pics", whole, "", Access::Private).unwrap(), None);
        assert_eq!(change("pics", None, "", Access::Private).unwrap(), None);
    }

    #[test]
    fn somebody_elses_statement_is_taken_apart_and_keeps_all_it_said_besides() {
        let theirs = json!({ "Statement": {
            "Sid": "theirs", "Effect": "Allow", "Principal": { "AWS": "*" },
            "Action": ["s3:GetObject", "s3:GetObjectTagging"], "Resource": ["arn:aws:s3:::pics/a/*", "arn:aws:s3:::pics/b/*"],
        } });
        let left = change("pics", Some(theirs), "a/", Access::Private).unwrap().unwrap();
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
        let whole = change("pics", None, "", Access::PublicRead).unwrap();
        assert_eq!(change("pics", whole.clone(), "a/", Access::Private), Err(Stuck::Wider));
        let all = json!({ "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::pics/a/*" }] });
        assert_eq!(change("pics", Some(all), "a/", Access::Private), Err(Stuck::Wider));
        for odd in ["a*", "?", "${aws:username}"] {
            assert_eq!(change("pics", None, odd, Access::PublicRead), Err(Stuck::Prefix));
        }
        assert_eq!(change("pics", Some(json!({ "Statement": 5 })), "", Access::PublicRead), Err(Stuck::Unreadable));
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
