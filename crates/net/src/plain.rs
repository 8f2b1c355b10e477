//! Requests that are no S3 requests and carry a body: the team server's, and what it grants. The path goes as it is written.

use std::error::Error;
use std::pin::Pin;

use aws_smithy_types::body::SdkBody;
use bytes::{Bytes, BytesMut};
use http_body::Body;

use crate::{Failure, Http};

impl Http {
    /// Sends one request and takes at most `most` bytes of its answer: no redirects, no second try. Time-outs are those of the setting,
    /// so they end what stands still and not what is merely long.
    ///
    /// # Errors
    /// Every [`Failure`].
    pub async fn ask<B>(&self, request: http::Request<B>, most: usize) -> Result<http::Response<Bytes>, Failure>
    where
        B: Body<Data = Bytes> + Send + Sync + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let request = request.map(SdkBody::from_body_1_x);
        let (head, mut body) = self.exchange(request).await?.into_parts();
        let mut kept = BytesMut::new();
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let frame = frame.map_err(|error| Failure::of(&*error))?;
            let Ok(data) = frame.into_data() else { continue };
            kept.extend_from_slice(&data[..data.len().min(most - kept.len())]);
            if kept.len() == most {
                break;
            }
        }
        Ok(http::Response::from_parts(head, kept.freeze()))
    }

    /// Sends one request and hands its answer over as it comes, for answers that have no end. A line on which nothing moves for the
    /// time-out of the setting is given up.
    ///
    /// # Errors
    /// Every [`Failure`].
    pub async fn open<B>(&self, request: http::Request<B>) -> Result<http::Response<Coming>, Failure>
    where
        B: Body<Data = Bytes> + Send + Sync + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let answer = self.exchange(request.map(SdkBody::from_body_1_x)).await?;
        Ok(answer.map(Coming))
    }
}

/// An answer on its way.
#[derive(Debug)]
pub struct Coming(SdkBody);

impl Coming {
    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        loop {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut self.0).poll_frame(cx)).await?;
            match frame.map_err(|error| Failure::of(&*error)) {
                Err(failure) => return Some(Err(failure)),
                Ok(frame) => {
                    if let Ok(piece) = frame.into_data() {
                        return Some(Ok(piece));
                    }
                }
            }
        }
    }
}
