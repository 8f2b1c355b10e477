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
}
