//! The file around the coded picture: AV1 image file format 1.1, which stands on ISO/IEC 23008-12 (HEIF) and 14496-12 (boxes).
//!
//! Our own, because what exists for writing it knows no ICC profile.

use imagepic_media::convert::avif::Order;

/// Numbers of the items.
const COLOUR: u16 = 1;
const ALPHA: u16 = 2;
const EXIF: u16 = 3;
/// A property that a reader has to understand.
const NEEDED: u8 = 0x80;
/// AV1, annex A.3: a level without bounds, as the coded picture says too.
const LEVEL: u8 = 31;

/// What goes into a file.
pub(crate) struct Picture<'a> {
    pub(crate) order: &'a Order,
    pub(crate) grey: bool,
    pub(crate) fine: bool,
    pub(crate) colour: &'a [u8],
    pub(crate) alpha: Option<&'a [u8]>,
}

/// A box whose content is made by `fill`.
fn put(out: &mut Vec<u8>, kind: &[u8; 4], fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; 4]);
    out.extend(kind);
    fill(out);
    // No box of a file below four gigabytes is longer; the file's length is looked at once it is whole.
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// The same with a version and flags.
fn put_full(out: &mut Vec<u8>, kind: &[u8; 4], version: u8, fill: impl FnOnce(&mut Vec<u8>)) {
    put(out, kind, |out| {
        out.extend([version, 0, 0, 0]);
        fill(out);
    });
}

fn short(out: &mut Vec<u8>, value: u16) {
    out.extend(value.to_be_bytes());
}

fn long(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_be_bytes());
}

impl Picture<'_> {
    /// The whole file; `None` where it would be too long for its own form.
    pub(crate) fn file(&self) -> Option<Vec<u8>> {
        let mut items = vec![(COLOUR, *b"av01", self.colour)];
        items.extend(self.alpha.map(|alpha| (ALPHA, *b"av01", alpha)));
        // HEIF, A.2.1: how far the EXIF data's own head lies behind these four bytes.
        let exif = self.order.exif.as_ref().map(|exif| [&[0; 4][..], exif].concat());
        items.extend(exif.as_deref().map(|exif| (EXIF, *b"Exif", exif)));
        let size: usize = items.iter().map(|(_, _, data)| data.len()).sum();
        let mut out = Vec::with_capacity(size + 1024 + self.order.profile.as_ref().map_or(0, Vec::len));
        put(&mut out, b"ftyp", |out| out.extend(b"avif\0\0\0\0avifmif1miaf"));
        let mut places = Vec::new();
        put_full(&mut out, b"meta", 0, |out| {
            put_full(out, b"hdlr", 0, |out| {
                out.extend(b"\0\0\0\0pict");
                out.extend([0; 13]);
            });
            put_full(out, b"pitm", 0, |out| short(out, COLOUR));
            put_full(out, b"iloc", 0, |out| {
                // Four bytes for a place, four for a length, none for what they would be counted from.
                out.extend([0x44, 0]);
                short(out, u16::try_from(items.len()).unwrap_or_default());
                for (id, _, data) in &items {
                    short(out, *id);
                    short(out, 0);
                    short(out, 1);
                    places.push(out.len());
                    long(out, 0);
                    long(out, u32::try_from(data.len()).unwrap_or(u32::MAX));
                }
            });
            put_full(out, b"iinf", 0, |out| {
                short(out, u16::try_from(items.len()).unwrap_or_default());
                for (id, kind, _) in &items {
                    put_full(out, b"infe", 2, |out| {
                        short(out, *id);
                        short(out, 0);
                        out.extend(kind);
                        out.push(0);
                    });
                }
            });
            self.references(out);
            self.properties(out);
        });
        put(&mut out, b"mdat", |out| {
            for (place, (_, _, data)) in places.iter().zip(&items) {
                let at = u32::try_from(out.len()).unwrap_or(u32::MAX);
                out[*place..*place + 4].copy_from_slice(&at.to_be_bytes());
                out.extend(*data);
            }
        });
        u32::try_from(out.len()).is_ok().then_some(out)
    }

    /// Transparency and EXIF data belong to the colours.
    fn references(&self, out: &mut Vec<u8>) {
        if self.alpha.is_none() && self.order.exif.is_none() {
            return;
        }
        put_full(out, b"iref", 0, |out| {
            let mut refer = |kind: &[u8; 4], from: u16| {
                put(out, kind, |out| [from, 1, COLOUR].into_iter().for_each(|value| short(out, value)));
            };
            if self.alpha.is_some() {
                refer(b"auxl", ALPHA);
            }
            if self.order.exif.is_some() {
                refer(b"cdsc", EXIF);
            }
        });
    }

    fn properties(&self, out: &mut Vec<u8>) {
        let mut count = 0;
        let (mut colour, mut alpha) = (Vec::new(), Vec::new());
        put(out, b"iprp", |out| {
            put(out, b"ipco", |out| {
                // Properties are counted from one; where they belong is noted on the way.
                let mut add = |out: &mut Vec<u8>, to: &mut [&mut Vec<u8>], needed: u8, write: &dyn Fn(&mut Vec<u8>)| {
                    count += 1;
                    to.iter_mut().for_each(|list| list.push(count | needed));
                    write(out);
                };
                add(out, &mut [&mut colour, &mut alpha], 0, &|out| {
                    put_full(out, b"ispe", 0, |out| {
                        long(out, self.order.width);
                        long(out, self.order.height);
                    });
                });
                add(out, &mut [&mut colour], NEEDED, &|out| configuration(out, self.grey, self.fine));
                let channels = if self.grey { 1 } else { 3 };
                add(out, &mut [&mut colour], 0, &|out| depths(out, channels));
                if let Some(profile) = &self.order.profile {
                    add(out, &mut [&mut colour], 0, &|out| {
                        put(out, b"colr", |out| {
                            out.extend(b"prof");
                            out.extend(profile);
                        });
                    });
                }
                add(out, &mut [&mut colour], 0, &|out| self.code_points(out));
                if self.alpha.is_some() {
                    add(out, &mut [&mut alpha], NEEDED, &|out| configuration(out, true, false));
                    add(out, &mut [&mut alpha], 0, &|out| depths(out, 1));
                    add(out, &mut [&mut alpha], NEEDED, &|out| {
                        put_full(out, b"auxC", 0, |out| out.extend(b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"));
                    });
                }
            });
            put_full(out, b"ipma", 0, |out| {
                let lists = [(COLOUR, &colour), (ALPHA, &alpha)];
                let lists = &lists[..if self.alpha.is_some() { 2 } else { 1 }];
                long(out, if self.alpha.is_some() { 2 } else { 1 });
                for (id, list) in lists {
                    short(out, *id);
                    out.push(u8::try_from(list.len()).unwrap_or_default());
                    out.extend(*list);
                }
            });
        });
    }

    /// ITU-T H.273, as the coded picture says it: sRGB, or 2 where a profile says what the colours are; mixed by BT.601, in full range.
    fn code_points(&self, out: &mut Vec<u8>) {
        let [primaries, transfer] = if self.order.profile.is_some() { [2, 2] } else { [1, 13] };
        put(out, b"colr", |out| {
            out.extend(b"nclx");
            [primaries, transfer, 6].into_iter().for_each(|value| short(out, value));
            out.push(0x80);
        });
    }
}

/// AV1 in ISO base media, 2.3.3: profile and level, ten bits, which planes there are and how fine.
fn configuration(out: &mut Vec<u8>, grey: bool, fine: bool) {
    let coarse = grey || !fine;
    let profile = u8::from(!coarse);
    let planes = u8::from(grey) << 4 | u8::from(coarse) << 3 | u8::from(coarse) << 2;
    put(out, b"av1C", |out| out.extend([0x81, profile << 5 | LEVEL, 1 << 6 | planes, 0]));
}

fn depths(out: &mut Vec<u8>, channels: u8) {
    put_full(out, b"pixi", 0, |out| {
        out.push(channels);
        (0..channels).for_each(|_| out.push(10));
    });
}
