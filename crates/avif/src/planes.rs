//! Pixels, row by row as they arrive, into the planes of light, colours and transparency that are coded.

use std::io::{self, Read};

use imagepic_media::convert::avif::Order;
use rav1e::Frame;

/// The largest value of a plane: ten bits.
const FULL: f32 = 1023.0;
/// What stands for no colour.
const MIDDLE: f32 = 512.0;

/// One plane, and where its first pixel lies.
struct Plane<'a> {
    data: &'a mut [u16],
    stride: usize,
}

impl<'a> Plane<'a> {
    fn row(&mut self, y: usize, width: usize) -> &mut [u16] {
        &mut self.data[y * self.stride..][..width]
    }

    fn all(frame: &'a mut Frame<u16>) -> impl Iterator<Item = Self> {
        frame.planes.iter_mut().map(|plane| {
            let stride = plane.cfg.stride;
            Self { data: plane.data_origin_mut(), stride }
        })
    }
}

/// Where pixels go.
pub(crate) struct Planes<'a> {
    order: &'a Order,
    light: Plane<'a>,
    /// Blue and red; none where the picture is grey.
    colours: Option<(Plane<'a>, Plane<'a>)>,
    alpha: Option<Plane<'a>>,
}

/// What is said of one pixel, each 0 to [`FULL`].
#[derive(Clone, Copy)]
struct Pixel {
    light: f32,
    blue: f32,
    red: f32,
    alpha: f32,
}

impl<'a> Planes<'a> {
    pub(crate) fn of(order: &'a Order, colour: &'a mut Frame<u16>, alpha: Option<&'a mut Frame<u16>>) -> Self {
        let mut planes = Plane::all(colour);
        let light = planes.next();
        let colours = if order.channels < 3 { None } else { planes.next().zip(planes.next()) };
        drop(planes);
        let none = || Plane { data: &mut [], stride: 0 };
        Self { order, light: light.unwrap_or_else(none), colours, alpha: alpha.and_then(|alpha| Plane::all(alpha).next()) }
    }

    /// Reads all pixels, one row in memory, or two where their colours are mixed.
    pub(crate) fn fill(mut self, mut from: impl Read) -> io::Result<()> {
        let (width, height) = (self.order.width as usize, self.order.height as usize);
        let shared = self.colours.is_some() && !self.order.fine;
        let mut bytes = vec![0; self.order.row()];
        let mut row = Vec::with_capacity(width);
        let mut above: Vec<Pixel> = Vec::new();
        for y in 0..height {
            from.read_exact(&mut bytes)?;
            row.clear();
            self.read(&bytes, &mut row);
            for (to, pixel) in self.light.row(y, width).iter_mut().zip(&row) {
                *to = whole(pixel.light);
            }
            if let Some(alpha) = &mut self.alpha {
                for (to, pixel) in alpha.row(y, width).iter_mut().zip(&row) {
                    *to = whole(pixel.alpha);
                }
            }
            let Some((blues, reds)) = &mut self.colours else { continue };
            if !shared {
                for ((blue, red), pixel) in blues.row(y, width).iter_mut().zip(reds.row(y, width)).zip(&row) {
                    (*blue, *red) = (whole(pixel.blue), whole(pixel.red));
                }
                continue;
            }
            // Two rows and two columns share their colours; at an odd edge what is there stands for both.
            let last = y + 1 == height;
            if y % 2 == 0 && !last {
                std::mem::swap(&mut above, &mut row);
                continue;
            }
            let upper = if y % 2 == 0 { &row } else { &above };
            let half = width.div_ceil(2);
            let pairs = upper.chunks(2).zip(row.chunks(2));
            for ((blue, red), (upper, lower)) in blues.row(y / 2, half).iter_mut().zip(reds.row(y / 2, half)).zip(pairs) {
                let mean = |of: fn(&Pixel) -> f32| {
                    let sum: f32 = upper.iter().chain(lower).map(of).sum();
                    sum / (upper.len() + lower.len()) as f32
                };
                (*blue, *red) = (whole(mean(|pixel| pixel.blue)), whole(mean(|pixel| pixel.red)));
            }
        }
        Ok(())
    }

    fn read(&self, bytes: &[u8], into: &mut Vec<Pixel>) {
        let channels = usize::from(self.order.channels);
        if self.order.deep {
            let values = bytes.chunks_exact(2).map(|two| f32::from(u16::from_ne_bytes([two[0], two[1]])) * (FULL / 65_535.0));
            into_pixels(values, channels, into);
        } else {
            into_pixels(bytes.iter().map(|byte| f32::from(*byte) * (FULL / 255.0)), channels, into);
        }
    }
}

fn into_pixels(mut values: impl Iterator<Item = f32>, channels: usize, into: &mut Vec<Pixel>) {
    // What nobody sees takes the colour of what was seen before it: an edge that is not there costs nothing then.
    let mut seen = Pixel { light: 0.0, blue: MIDDLE, red: MIDDLE, alpha: 0.0 };
    let mut next = || values.next();
    while let Some(first) = next() {
        let mut pixel = match channels {
            3 | 4 => mixed(first, next().unwrap_or_default(), next().unwrap_or_default()),
            _ => Pixel { light: first, blue: MIDDLE, red: MIDDLE, alpha: FULL },
        };
        if channels.is_multiple_of(2) {
            pixel.alpha = next().unwrap_or_default();
            if pixel.alpha == 0.0 {
                pixel = Pixel { alpha: 0.0, ..seen };
            }
            seen = pixel;
        }
        into.push(pixel);
    }
}

/// ITU-R BT.601 in full range: what readers take for granted where nothing else is said.
fn mixed(red: f32, green: f32, blue: f32) -> Pixel {
    let light = 0.299 * red + 0.587 * green + 0.114 * blue;
    Pixel {
        light,
        blue: (blue - light) * (0.5 / (1.0 - 0.114)) + MIDDLE,
        red: (red - light) * (0.5 / (1.0 - 0.299)) + MIDDLE,
        alpha: FULL,
    }
}

fn whole(value: f32) -> u16 {
    // Adding a half and cutting off is rounding, where nothing is below nothing.
    (value + 0.5).clamp(0.0, FULL) as u16
}
