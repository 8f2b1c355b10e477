//! Registration, log-in, password change, sessions.

use axum::extract::State;
use http::HeaderMap;
use imagepic_api::Envelope;
use imagepic_api::auth::{Change, Login, Refresh, Register, Session};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::TooOften;
use crate::answer::{Answer, Good, Nothing};
use crate::client::ClientAddr;
use crate::input::Input;
use crate::people::caller;
use crate::state::App;
use crate::work::to_its_end;

/// `/imagepic/auth/…`
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(login))
        .routes(routes!(change))
        .routes(routes!(refresh))
        .routes(routes!(logout))
}

/// Registers somebody.
///
/// `data.err` of a failure joins reasons with `,`: 密码不符合规范, 邮箱填写不符合规范, 手机号码填写不符合规范, or says 已注册. While registration is
/// open, the last tells whoever asks that a number is registered.
#[utoipa::path(
    post,
    path = "/imagepic/auth/register",
    tag = "auth",
    request_body = Register,
    responses((status = 200, body = Envelope<Nothing>), TooOften)
)]
async fn register(State(app): State<App>, from: ClientAddr, input: Input) -> Answer<Nothing> {
    to_its_end(async move { app.people.register(&input, from.0).await.map(|()| Good(Nothing {})) }).await
}

/// Logs somebody in.
///
/// With `device` the session is kept, and a refresh token comes along. A wrong password and a phone number nobody has are answered
/// alike, in the same time: 密码不正确. An account that must change its password first is answered `forbidden`.
#[utoipa::path(
    post,
    path = "/imagepic/auth/login",
    tag = "auth",
    request_body = Login,
    responses((status = 200, body = Envelope<Session>), TooOften)
)]
async fn login(State(app): State<App>, from: ClientAddr, input: Input) -> Answer<Session> {
    app.people.login(&input, from.0).await.map(Good)
}

/// Changes a password; every session and token from before is over.
#[utoipa::path(
    post,
    path = "/imagepic/auth/change",
    tag = "auth",
    request_body = Change,
    responses((status = 200, body = Envelope<Nothing>), TooOften)
)]
async fn change(State(app): State<App>, from: ClientAddr, input: Input) -> Answer<Nothing> {
    app.people.change(&input, from.0).await?;
    Ok(Good(Nothing {}))
}

/// Renews a session, also after its token has expired.
///
/// Each refresh token works once, and its predecessor a minute more; one that is used later ends the session.
#[utoipa::path(
    post,
    path = "/imagepic/auth/refresh",
    tag = "auth",
    request_body = Refresh,
    responses((status = 200, body = Envelope<Session>), TooOften)
)]
async fn refresh(State(app): State<App>, from: ClientAddr, input: Input) -> Answer<Session> {
    app.people.refresh(&input, from.0).await.map(Good)
}

/// Ends the session of the token, at every replica, at the next request.
#[utoipa::path(
    post,
    path = "/imagepic/auth/logout",
    tag = "auth",
    security(("token" = [])),
    responses((status = 200, body = Envelope<Nothing>))
)]
async fn logout(State(app): State<App>, headers: HeaderMap) -> Answer<Nothing> {
    app.people.logout(caller::token(&headers)?).await?;
    Ok(Good(Nothing {}))
}
