//! `imagepic-thumb://localhost/remote/<destination>/<bucket>/<key>/<version>`, each part encoded: small pictures of what lies at a store.

use percent_encoding::percent_decode_str;
use tauri::http::{Method, Request, StatusCode};
use tauri::{AppHandle, Manager, UriSchemeResponder};

use crate::shell::Shell;
use crate::thumbnails::{empty, shown};

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    destination: String,
    bucket: String,
    key: String,
    version: String,
}

/// `None` where a request is about something else.
pub(crate) fn asked(request: &Request<Vec<u8>>) -> Option<Asked> {
    let path = request.uri().path().strip_prefix('/').filter(|_| request.method() == Method::GET)?;
    // The web view's own way of writing the address encodes all of it once more.
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let mut parts = path.strip_prefix("remote/")?.split('/').map(|part| percent_decode_str(part).decode_utf8().map(String::from));
    let mut part = || parts.next()?.ok();
    let asked = Asked { destination: part()?, bucket: part()?, key: part()?, version: part()? };
    parts.next().is_none().then_some(asked)
}

/// Answers beside the main thread.
pub(crate) fn answer(app: &AppHandle, asked: Asked, responder: UriSchemeResponder) {
    let browse = app.state::<Shell>().engine.browse();
    tauri::async_runtime::spawn(async move {
        let picture = browse.picture(&asked.destination, &asked.bucket, &asked.key, &asked.version).await;
        responder.respond(match picture {
            Ok((bytes, content_type)) => shown(bytes, content_type),
            Err(error) => {
                tracing::debug!(%error, "no picture of an object");
                empty(StatusCode::NOT_FOUND)
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_of_any_name_is_asked_for_by_that_name() {
        let read = |uri: &str| asked(&Request::builder().uri(uri).body(Vec::new()).expect("a request"));
        let found = read("imagepic-thumb://localhost/remote%2Fteam%2Fassets%2F..%252F%25E6%2588%25AA%253Cb%253E.png%2Fe1")
            .expect("an object");
        assert_eq!((found.destination.as_str(), found.bucket.as_str()), ("team", "assets"));
        assert_eq!((found.key.as_str(), found.version.as_str()), ("../截<b>.png", "e1"));
        for uri in [
            "imagepic-thumb://localhost/42",
            "imagepic-thumb://localhost/remote%2Fa%2Fb",
            "imagepic-thumb://localhost/remote%2Fa%2Fb%2Fc%2Fd%2Fe",
        ] {
            assert_eq!(read(uri), None, "{uri}");
        }
    }
}
