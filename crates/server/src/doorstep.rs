//! The page at the bare address, for a person who opens it in a browser to see what it is. A program, which asks for no HTML, hears
//! there what it heard from any path without a route.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use imagepic_api::capabilities::Registration;
use imagepic_words::{Lang, server as words};

use crate::state::App;
use crate::{around, openapi};

/// The page alone.
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/", get(page).fallback(around::nothing_here))
}

async fn page(State(app): State<App>, headers: HeaderMap) -> Response {
    let mut answer = if has(&headers, &header::ACCEPT, "text/html") {
        let lang = Lang::from_locale(first(&headers, &header::ACCEPT_LANGUAGE));
        openapi::typed("text/html; charset=utf-8", html(app.config().registration(), lang).into())
    } else {
        around::nothing_here().await.into_response()
    };
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("accept, accept-language"));
    answer
}

fn has(headers: &HeaderMap, name: &HeaderName, kind: &str) -> bool {
    headers.get_all(name).iter().any(|value| value.to_str().is_ok_and(|value| value.to_ascii_lowercase().contains(kind)))
}

/// What a browser likes best.
fn first<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split([',', ';']).next().unwrap_or_default().trim()
}

/// Its links are relative: a proxy may have put the server below a path of its own.
fn html(registration: Registration, lang: Lang) -> String {
    let may = match registration {
        Registration::Open => words::page_open(),
        Registration::Invite => words::page_invite(),
        Registration::Closed => words::page_closed(),
    };
    let [title, what, how, may, routes] =
        [words::page_title(), words::page_what(), words::page_how(), may, words::page_routes()].map(|text| text.to(lang));
    let tag = lang.tag();
    format!(
        r#"<!doctype html>
<html lang="{tag}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="imagepic/docs/page.css">
</head>
<body>
<header><h1>{title}</h1></header>
<main>
<p>{what}</p>
<p>{how}</p>
<p>{may}</p>
<p><a href="imagepic/docs">{routes}</a></p>
</main>
</body>
</html>
"#
    )
}
