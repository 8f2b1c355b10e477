//! What came with a request as fields: JSON, a form, or nothing at all, as the old service took them.
//!
//! What stays out: what the fields mean. A field of the wrong type is the route's own business, since each has a text of its own for it.

use axum::RequestExt as _;
use axum::extract::{FromRequest, Request};
use http::{StatusCode, header};
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use imagepic_api::Code;
use serde_json::{Map, Value};

use crate::answer::Refusal;
use crate::objects::budget::Share;
use crate::state::App;

/// No body of fields is larger; nothing legitimate comes near.
const LARGEST: usize = 64 * 1024;
/// But for one that lists names: a thousand of the longest.
const LONGEST_LIST: usize = 1536 * 1024;

/// The fields of a body. No body, and a body without a type, are no fields.
#[derive(Debug, Clone, Default)]
pub(crate) struct Input(pub(crate) Map<String, Value>);

impl Input {
    /// One field, as it came.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

fn bad(reason: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, Code::BadRequest, reason)
}

fn too_large(most: usize) -> Refusal {
    let reason = format!("a body of fields has {} KiB at most here", most / 1024);
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, Code::TooLarge, &reason)
}

#[derive(Clone, Copy)]
enum Form {
    Json,
    UrlEncoded,
    None,
}

fn form(request: &Request) -> Result<Form, Refusal> {
    let Some(kind) = request.headers().get(header::CONTENT_TYPE) else { return Ok(Form::None) };
    let essence = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Ok(Form::Json),
        "application/x-www-form-urlencoded" => Ok(Form::UrlEncoded),
        "" => Ok(Form::None),
        _ => Err(bad("the body must be application/json or application/x-www-form-urlencoded")),
    }
}

fn fields(form: Form, bytes: &[u8]) -> Result<Map<String, Value>, Refusal> {
    match form {
        _ if bytes.iter().all(u8::is_ascii_whitespace) => Ok(Map::new()),
        Form::None => Err(bad("the body has no content-type: application/json is wanted")),
        Form::Json => match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(bad("the body must be a JSON object")),
            Err(why) => Err(bad(&format!("the body is not JSON: {why}"))),
        },
        Form::UrlEncoded => {
            // Of a name that comes twice the last one stands, so that a field is text or nothing.
            let pairs = url::form_urlencoded::parse(bytes);
            Ok(pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect())
        }
    }
}

impl<S: Sync> FromRequest<S> for Input {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        read(request, LARGEST).await.map(Self)
    }
}

async fn read(request: Request, most: usize) -> Result<Map<String, Value>, Refusal> {
    let form = form(&request)?;
    let body = Limited::new(request.into_limited_body(), most);
    let bytes = body.collect().await.map_err(|error| {
        if error.downcast_ref::<LengthLimitError>().is_some() { too_large(most) } else { bad("the body broke off") }
    })?;
    fields(form, &bytes.to_bytes())
}

/// Fields with a list of names among them, and its share of the memory that all uploads together may hold: such a body is as large.
pub(crate) struct Names(pub(crate) Input, pub(crate) Share);

impl FromRequest<App> for Names {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let told = request.body().size_hint().upper().and_then(|most| usize::try_from(most).ok());
        // Read, taken apart and sent on.
        let share = app.objects.budget.memory(3 * told.unwrap_or(LONGEST_LIST).min(LONGEST_LIST) as u64)?;
        read(request, LONGEST_LIST).await.map(|fields| Self(Input(fields), share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    async fn asked(kind: Option<&str>, body: &str) -> Result<Map<String, Value>, (u16, Code)> {
        let mut request = Request::builder().method("POST").uri("/x");
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let request = request.body(Body::from(body.to_owned())).expect("a request");
        Input::from_request(request, &()).await.map(|input| input.0).map_err(|refusal| (refusal.status.as_u16(), refusal.error))
    }

    #[tokio::test]
    async fn json_forms_and_nothing_are_all_fields() {
        let json = asked(Some("application/json; charset=utf-8"), r#"{"phone":13800138003}"#).await.expect("JSON");
        assert_eq!(json["phone"], 13_800_138_003_i64);
        let form = asked(Some("application/x-www-form-urlencoded"), "name=%E5%B0%8F&upwd=a+b").await.expect("a form");
        assert_eq!((form["name"].as_str(), form["upwd"].as_str()), (Some("小"), Some("a b")));
        assert!(asked(None, "").await.expect("nothing").is_empty());
        assert!(asked(Some("application/json"), "").await.expect("nothing").is_empty());
    }

    #[tokio::test]
    async fn what_is_not_fields_is_refused_with_its_status() {
        assert_eq!(asked(Some("application/json"), "{").await, Err((400, Code::BadRequest)));
        assert_eq!(asked(Some("application/json"), "[1]").await, Err((400, Code::BadRequest)));
        assert_eq!(asked(Some("text/plain"), "{}").await, Err((400, Code::BadRequest)));
        assert_eq!(asked(None, "{}").await, Err((400, Code::BadRequest)));
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(LARGEST));
        assert_eq!(asked(Some("application/json"), &long).await, Err((413, Code::TooLarge)));
    }
}
