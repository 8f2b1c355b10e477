//! `imagepic-thumb://localhost/<upload>`: the only way a picture reaches a window. Bytes never cross the IPC.

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
            Ok((bytes, content_type)) => Response::builder()
                .header(header::CONTENT_TYPE, content_type)
                .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
                .header(header::CACHE_CONTROL, "private, max-age=3600")
                .body(bytes)
                .unwrap_or_else(|_| empty(StatusCode::INTERNAL_SERVER_ERROR)),
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

fn empty(status: StatusCode) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

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
