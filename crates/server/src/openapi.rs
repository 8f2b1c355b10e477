//! The OpenAPI 3.1 document, made from the routes themselves, and the page to browse it.
//!
//! What every route has in common is added here once: fields as a form, failures in their envelope, the token, the address.

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderValue, header};
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

use crate::state::App;

const PAGE: &str = include_str!("openapi/page.html");
const SCRIPT: &str = include_str!("openapi/page.js");
const STYLE: &str = include_str!("openapi/page.css");
/// The page runs its own script and asks this server alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Where the document and the page answer.
pub(crate) const PATHS: [&str; 4] =
    ["/imagepic/openapi.json", "/imagepic/docs", "/imagepic/docs/page.js", "/imagepic/docs/page.css"];

/// Document and page.
pub(crate) fn routes(document: &Value) -> Router<App> {
    let document: Arc<Bytes> = Arc::new(serde_json::to_vec_pretty(document).unwrap_or_default().into());
    Router::new()
        .route(PATHS[0], get(async move || typed("application/json", Bytes::clone(&document))))
        .route(PATHS[1], get(async || typed("text/html; charset=utf-8", Bytes::from_static(PAGE.as_bytes()))))
        .route(PATHS[2], get(async || typed("text/javascript; charset=utf-8", Bytes::from_static(SCRIPT.as_bytes()))))
        .route(PATHS[3], get(async || typed("text/css; charset=utf-8", Bytes::from_static(STYLE.as_bytes()))))
}

/// An answer with a policy that lets it run and read nothing but this server's own.
pub(crate) fn typed(kind: &'static str, body: Bytes) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, body).into_response()
}

/// The document with what all routes have in common.
pub(crate) fn complete(document: &OpenApi, server: &str) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    document["openapi"] = json!("3.1.0");
    document["info"] = json!({
        "title": "imagepic team server",
        "version": env!("CARGO_PKG_VERSION"),
        "license": { "name": "MIT", "identifier": "MIT" },
        "description": "Every answer of a route is an envelope: `code` (`\"0\"` or `\"-1\"`), `data`, `msg`, `success`, and `error` on failures; \
            but bytes of objects and streams of events come as they are. What is no request of HTTP, or one whose head is too large, is refused \
            before there is a route, with status 400 or 431 and no body. \
            Failures that the service before this one knew are answered with status 200, all others with a fitting one. Paths are taken in \
            any case, with or without a slash at the end.",
    });
    document["servers"] = json!([{ "url": server }]);
    let schemas = &mut document["components"]["schemas"];
    schemas["Failure"] = json!({
        "type": "object",
        "required": ["code", "msg", "success", "error"],
        "properties": {
            "code": { "type": "string", "const": "-1" },
            "msg": { "type": "string", "enum": ["失败", "未满足权限"] },
            "success": { "type": "boolean", "const": false },
            "error": { "type": "string", "description": "For programs." },
            "data": { "description": "What is known of the failure." },
        },
    });
    document["components"]["securitySchemes"] = json!({
        "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "From `auth/login`; also without `Bearer` before it." },
    });
    let failure = json!({ "$ref": "#/components/schemas/Failure" });
    let in_json = json!({ "application/json": { "schema": failure } });
    let lists = with_lists(&document);
    for operation in operations(&mut document) {
        // Whatever comes as JSON may come as a form, but for lists.
        if let Some(content) = operation.pointer_mut("/requestBody/content").and_then(Value::as_object_mut)
            && let Some(fields) = content.get("application/json").cloned()
            && !fields
                .pointer("/schema/$ref")
                .and_then(Value::as_str)
                .is_some_and(|schema| lists.iter().any(|list| list == schema))
        {
            content.insert("application/x-www-form-urlencoded".to_owned(), fields);
        }
        for (status, description) in common(operation) {
            if operation["responses"].get(status).is_none() {
                operation["responses"][status] = json!({ "description": description });
            }
        }
        let responses = operation["responses"].as_object_mut();
        for (status, response) in responses.into_iter().flatten() {
            let failed = !status.starts_with(['2', '3']);
            let told = response.get("content").is_some_and(Value::is_object);
            match response.pointer_mut("/content/application~1json/schema") {
                // A refusal that the old service knew comes as 200, too.
                Some(schema) if !failed => *schema = json!({ "anyOf": [schema.take(), failure] }),
                Some(_) => {}
                None if failed => response["content"] = in_json.clone(),
                // Bytes or a stream; refused, it is JSON all the same.
                None if status == "200" && told => {
                    response["content"]["application/json"] = in_json["application/json"].clone();
                }
                None => {}
            }
        }
    }
    document
}

/// What any operation may be answered besides what it tells of itself, by whether it has a body and whether it asks the store.
fn common(operation: &Value) -> impl Iterator<Item = (&'static str, &'static str)> + use<> {
    let body = operation.get("requestBody").is_some();
    let store = ["bucket", "object", "policy", "notification"].iter().any(|tag| operation["tags"][0] == *tag);
    let with_body = [
        ("400", "The body or a field of it makes no sense, or a name is refused"),
        ("408", "The body came to a halt"),
        ("413", "The body is too large"),
    ];
    let of_store = [("501", "The store cannot do this"), ("502", "The store does not answer, or refuses")];
    let of_all = [
        ("421", "A server that listens on one computer only was called by another name"),
        ("500", "A fault of the server"),
        ("503", "Too much at once; `Retry-After`"),
    ];
    let (with_body, of_store) = (with_body.into_iter().filter(move |_| body), of_store.into_iter().filter(move |_| store));
    with_body.chain(of_store).chain(of_all)
}

/// References to the schemas that have a list among their fields.
fn with_lists(document: &Value) -> Vec<String> {
    let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
    let has_list = |schema: &Value| {
        let fields = schema["properties"].as_object().into_iter().flatten();
        fields.into_iter().any(|(_, field)| field["type"] == "array")
    };
    schemas.filter(|(_, schema)| has_list(schema)).map(|(name, _)| format!("#/components/schemas/{name}")).collect()
}

/// Every operation of every path.
fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    let items = paths.filter_map(Value::as_object_mut).flat_map(|item| item.iter_mut());
    items
        .filter(|(method, _)| matches!(method.as_str(), "get" | "post" | "put" | "delete" | "head"))
        .map(|(_, operation)| operation)
}
