//! Paths as the old service took them: in any case, with or without one slash at the end.

use std::collections::HashMap;

use http::Uri;
use http::uri::PathAndQuery;

/// Longer than any path there is.
const LONGEST: usize = 256;

/// From what is asked for to what the router knows.
#[derive(Debug, Default)]
pub(crate) struct Paths(HashMap<String, &'static str>);

impl Paths {
    /// Leads every spelling of these paths to the one that is given. For the life of the program: a server has one set of them.
    pub(crate) fn new(paths: impl IntoIterator<Item = String>) -> Self {
        let known = |path: String| (path.to_ascii_lowercase(), &*Box::leak(path.into_boxed_str()));
        Self(paths.into_iter().map(known).collect())
    }

    /// The path as the router has it; `None` where there is no such route.
    pub(crate) fn canonical(&self, path: &str) -> Option<&'static str> {
        if path.len() > LONGEST {
            return None;
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        self.0.get(path.to_ascii_lowercase().as_str()).copied()
    }
}

/// The same address with another path; the query stays.
pub(crate) fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let query = uri.query().map_or(path.to_owned(), |query| format!("{path}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(query).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_case_and_one_slash_at_the_end_lead_to_the_route() {
        let paths = Paths::new(["/imagepic/object/putObject".to_owned()]);
        for path in ["/imagepic/object/putObject", "/IMAGEPIC/Object/PUTOBJECT/", "/imagepic/object/putobject"] {
            assert_eq!(paths.canonical(path), Some("/imagepic/object/putObject"), "{path}");
        }
        for path in [
            "/imagepic/object/putObject//",
            "//imagepic/object/putObject",
            "/imagepic/object",
            "/",
            "",
            "/imagepic%2fobject/putObject",
        ] {
            assert_eq!(paths.canonical(path), None, "{path}");
        }
        assert_eq!(paths.canonical(&"/x".repeat(100_000)), None);
    }

    #[test]
    fn the_query_stays_when_the_path_changes() {
        let uri = Uri::from_static("/Imagepic/X?a=%20B&c");
        assert_eq!(with_path(&uri, "/imagepic/x").expect("an address").to_string(), "/imagepic/x?a=%20B&c");
    }
}
