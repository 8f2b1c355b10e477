//! `imagepic-thumb://localhost/<upload>`: the only way a picture reaches a window. Bytes never cross the IPC.
//!
//! Pages show what comes from here as `<img>`, in which a drawing runs nothing and fetches nothing; should one be opened by itself all the
//! same, what it may do stands in the answer.

use tauri::http::{Method, Request, Response, StatusCode, header};
use tauri::{AppHandle, Manager, UriSchemeResponder};

use crate::shell::Shell;

/// Answers beside the main thread.
pub(crate) fn answer(app: &AppHandle, request: &Request<Vec<u8>>, responder: UriSchemeResponder) {
    let Some(id) = upload(request) else {
        responder.respond(empty(StatusCode::BAD_REQUEST));
        return;
    };
    let engine = app.state::<Shell>().engine.clone();
    tauri::async_runtime::spawn(async move {
        let response = match engine.uploads().thumbnail(id).await {
            Ok((bytes, content_type)) => shown(bytes, content_type),
            Err(error) => {
                tracing::debug!(%error, id, "no thumbnail");
                empty(StatusCode::NOT_FOUND)
            }
        };
        responder.respond(response);
    });
}

fn upload(request: &Request<Vec<u8>>) -> Option<i64> {
    let path = request.uri().path().strip_prefix('/')?;
    (request.method() == Method::GET).then(|| path.parse().ok()).flatten()
}

/// A small picture of this media type.
pub(crate) fn shown(bytes: Vec<u8>, content_type: &str) -> Response<Vec<u8>> {
    Response::builder()
        .header(header::CONTENT_TYPE, content_type)
        .header(header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::CACHE_CONTROL, "private, max-age=3600")
        .body(bytes)
        .unwrap_or_else(|_| empty(StatusCode::INTERNAL_SERVER_ERROR))
}

pub(crate) fn empty(status: StatusCode) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_that_is_opened_by_itself_may_run_and_fetch_nothing() {
        let answer = shown(b"<svg/>".to_vec(), "image/svg+xml");
        let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert_eq!((answer.status(), header(header::CONTENT_TYPE)), (StatusCode::OK, "image/svg+xml"));
        let policy = header(header::CONTENT_SECURITY_POLICY);
        assert!(policy.contains("default-src 'none'") && !policy.contains("script-src"), "{policy}");
        assert_eq!(header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    }

    #[test]
    fn only_the_number_of_an_upload_names_a_thumbnail() {
        let asked =
            |method: &str, uri: &str| upload(&Request::builder().method(method).uri(uri).body(Vec::new()).expect("a request"));
        assert_eq!(asked("GET", "imagepic-thumb://localhost/42"), Some(42));
        for uri in ["imagepic-thumb://localhost/", "imagepic-thumb://localhost/../42", "imagepic-thumb://localhost/42/x"] {
            assert_eq!(asked("GET", uri), None, "{uri}");
        }
        assert_eq!(asked("POST", "imagepic-thumb://localhost/42"), None);
    }
}
