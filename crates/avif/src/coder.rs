//! One plane or three through rav1e.
//!
//! Ten bits a channel, always: the same file is smaller than with eight, sixteen bits keep more, every decoder of AVIF takes it, and half
//! of the encoder is never built.

use rav1e::color::{
    ChromaSamplePosition, ChromaSampling, ColorDescription, ColorPrimaries, MatrixCoefficients, PixelRange,
    TransferCharacteristics,
};
use rav1e::config::SpeedSettings;
use rav1e::data::{EncoderStatus, FrameType, Rational};
use rav1e::prelude::{BlockSize, PartitionRange, SceneDetectionSpeed, Tune};
use rav1e::{Config, Context, EncoderConfig, Frame};

use imagepic_media::convert::avif::Order;

use super::Error;

/// rav1e's own, 0 to 10, for photos: one slower costs twice the time for a hundredth of the bytes.
const QUICK: u8 = 9;
/// The same for what came without loss: on flat areas and letters it saves a third of the bytes for half as much time again.
const CAREFUL: u8 = 8;
/// Cores that are used at most; more cut a picture into more pieces, which know less of each other.
const THREADS: usize = 8;
/// A piece has at least so many pixels.
const PIECE: usize = 256 * 256;

/// How a picture is coded.
pub(crate) struct Plan {
    width: usize,
    height: usize,
    quality: u8,
    profile: bool,
    pub(crate) grey: bool,
    pub(crate) fine: bool,
}

/// An encoder and what it is given.
pub(crate) struct Coder {
    context: Context<u16>,
    frame: Frame<u16>,
}

impl Plan {
    pub(crate) fn of(order: &Order) -> Self {
        Self {
            width: order.width as usize,
            height: order.height as usize,
            quality: order.quality,
            profile: order.profile.is_some(),
            grey: order.channels < 3,
            fine: order.fine,
        }
    }

    pub(crate) fn colour(&self) -> Result<Coder, Error> {
        let sampling = match (self.grey, self.fine) {
            (true, _) => ChromaSampling::Cs400,
            (false, true) => ChromaSampling::Cs444,
            (false, false) => ChromaSampling::Cs420,
        };
        // ITU-T H.273: where a profile says what the colours are, the code points do not; how they were mixed they always say.
        let (primaries, transfer) = if self.profile {
            (ColorPrimaries::Unspecified, TransferCharacteristics::Unspecified)
        } else {
            (ColorPrimaries::BT709, TransferCharacteristics::SRGB)
        };
        let description = ColorDescription {
            color_primaries: primaries,
            transfer_characteristics: transfer,
            matrix_coefficients: MatrixCoefficients::BT601,
        };
        self.coder(sampling, Some(description), self.quality)
    }

    /// Edges are seen sooner than colours are: a bit better than those.
    pub(crate) fn alpha(&self) -> Result<Coder, Error> {
        self.coder(ChromaSampling::Cs400, None, self.quality.midpoint(100).min(self.quality.saturating_add(self.quality / 4 + 2)))
    }

    fn coder(&self, chroma_sampling: ChromaSampling, colours: Option<ColorDescription>, quality: u8) -> Result<Coder, Error> {
        let quantizer = quantizer(quality);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(THREADS);
        let config = EncoderConfig {
            width: self.width,
            height: self.height,
            time_base: Rational::new(1, 1),
            sample_aspect_ratio: Rational::new(1, 1),
            bit_depth: 10,
            chroma_sampling,
            chroma_sample_position: ChromaSamplePosition::Unknown,
            pixel_range: PixelRange::Full,
            color_description: colours,
            mastering_display: None,
            content_light: None,
            enable_timing_info: false,
            still_picture: true,
            error_resilient: false,
            switch_frame_interval: 0,
            min_key_frame_interval: 0,
            max_key_frame_interval: 0,
            reservoir_frame_delay: None,
            low_latency: false,
            quantizer: usize::from(quantizer),
            min_quantizer: quantizer,
            bitrate: 0,
            tune: Tune::Psychovisual,
            tile_cols: 0,
            tile_rows: 0,
            tiles: cores.min(self.width * self.height / PIECE),
            film_grain_params: None,
            level_idx: None,
            speed_settings: speed(chroma_sampling != ChromaSampling::Cs420),
        };
        let context: Context<u16> = Config::new()
            .with_encoder_config(config)
            .with_threads(cores)
            .new_context()
            .map_err(|error| Error::Encoder(error.to_string()))?;
        let frame = context.new_frame();
        Ok(Coder { context, frame })
    }
}

impl Coder {
    pub(crate) const fn frame(&mut self) -> &mut Frame<u16> {
        &mut self.frame
    }

    /// The picture as AV1, without what only films need.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, Error> {
        let gave_up = |status: EncoderStatus| Error::Encoder(status.to_string());
        self.context.send_frame(self.frame).map_err(gave_up)?;
        self.context.flush();
        let mut coded = Vec::new();
        loop {
            match self.context.receive_packet() {
                Ok(packet) if packet.frame_type == FrameType::KEY => coded.extend(packet.data),
                Ok(_) | Err(EncoderStatus::Encoded) => {}
                Err(EncoderStatus::LimitReached) => break,
                Err(status) => return Err(gave_up(status)),
            }
        }
        // AV1 image file format, 2.1: an item has no delimiters of time (an OBU of kind 2 with a size of nothing).
        if coded.starts_with(&[0x12, 0]) {
            coded.drain(..2);
        }
        Ok(coded)
    }
}

/// For one picture: what looks for motion, or at other pictures, has nothing to look for.
fn speed(careful: bool) -> SpeedSettings {
    let mut speed = SpeedSettings::from_preset(if careful { CAREFUL } else { QUICK });
    speed.multiref = false;
    speed.rdo_lookahead_frames = 1;
    speed.scene_detection_mode = SceneDetectionSpeed::None;
    speed.motion.include_near_mvs = false;
    speed.motion.use_satd_subpel = false;
    let smallest = if careful { BlockSize::BLOCK_8X8 } else { BlockSize::BLOCK_16X16 };
    speed.partition.partition_range = PartitionRange::new(smallest, BlockSize::BLOCK_16X16);
    speed.prediction.fine_directional_intra = false;
    speed.transform.reduced_tx_set = !careful;
    speed.transform.enable_inter_tx_split = !careful;
    speed.fast_deblock = true;
    // They smooth what few bits left behind: hardly seen where there are more, and an eighth of the time.
    speed.cdef = false;
    speed.lrf = false;
    speed
}

/// 0 to 255, as those who make AVIF elsewhere understand a quality of 1 to 100.
fn quantizer(quality: u8) -> u8 {
    let part = f32::from(quality.clamp(1, 100)) / 100.0;
    let coarse = if part >= 0.82 {
        (1.0 - part) * 2.6
    } else if part > 0.25 {
        0.875 - part / 2.0
    } else {
        1.0 - part
    };
    (coarse * 255.0).round().clamp(1.0, 255.0) as u8
}
