//! The read rules of a bucket's policy document ([`imagepic_s3::policy`]) in the words of the wire.

use imagepic_api::object::{Access, Rule};
use imagepic_s3::policy;
use serde_json::Value;

pub(crate) use policy::Stuck;

/// The rules a reader can be told in a word: the whole bucket's, and every prefix that is open.
pub(crate) fn rules(bucket: &str, document: Option<&Value>) -> Vec<Rule> {
    let told =
        |rule: policy::Rule| Rule { prefix: rule.prefix, access: if rule.public { Access::PublicRead } else { Access::Private } };
    policy::rules(bucket, document).into_iter().map(told).collect()
}

/// The document with that one rule changed; `None` where nothing is left of it.
pub(crate) fn change(bucket: &str, document: Option<Value>, prefix: &str, access: Access) -> Result<Option<Value>, Stuck> {
    policy::change(bucket, document, prefix, access == Access::PublicRead)
}
