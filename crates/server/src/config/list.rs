//! Every setting there is, once: its names, its default, what it may be, and where its value goes.
//!
//! The parser, the command line and the table in `docs/server.md` all stand on [`SETTINGS`].

use imagepic_words::{Text, server as words};

use super::Config;
use super::value::{self, Raw};

/// One setting. In the settings file it is called by [`Setting::key`].
pub struct Setting {
    /// The environment variable, `IMAGEPIC_…`.
    pub name: &'static str,
    /// The option on the command line, if it has one.
    pub flag: Option<&'static str>,
    /// In words where no single value says it.
    pub default: &'static str,
    /// Never on a command line, never in a message; may be given as a file too, by the name with `_FILE` at its end.
    pub secret: bool,
    allowed: fn() -> Text,
    set: fn(&mut Config, &Raw<'_>) -> Option<()>,
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Setting {
    const fn new(
        name: &'static str,
        default: &'static str,
        allowed: fn() -> Text,
        set: fn(&mut Config, &Raw<'_>) -> Option<()>,
    ) -> Self {
        Self { name, flag: None, default, secret: false, allowed, set }
    }

    const fn flag(mut self, flag: &'static str) -> Self {
        self.flag = Some(flag);
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// The name in a settings file.
    #[must_use]
    pub fn key(&self) -> String {
        self.name.trim_start_matches("IMAGEPIC_").to_ascii_lowercase()
    }

    /// What it may be.
    #[must_use]
    pub fn allowed(&self) -> Text {
        (self.allowed)()
    }

    /// Puts a value in its place; `None` where it is not allowed.
    pub(super) fn set(&self, config: &mut Config, raw: &Raw<'_>) -> Option<()> {
        (self.set)(config, raw)
    }
}

const MIB: u64 = 1 << 20;
const TIB: u64 = 1 << 40;

macro_rules! number {
    ($name:literal, $default:literal, $range:expr, $place:expr) => {
        Setting::new(
            $name,
            $default,
            || words::allowed_number($range.start(), $range.end()),
            |config, raw| {
                let place: fn(&mut Config) -> &mut usize = $place;
                *place(config) = value::whole(raw.text, $range)?.try_into().ok()?;
                Some(())
            },
        )
    };
}

macro_rules! seconds {
    ($name:literal, $default:literal, $range:expr, $place:expr) => {
        Setting::new(
            $name,
            $default,
            || words::allowed_seconds($range.start(), $range.end()),
            |config, raw| {
                let place: fn(&mut Config) -> &mut std::time::Duration = $place;
                *place(config) = std::time::Duration::from_secs(value::whole(raw.text, $range)?);
                Some(())
            },
        )
    };
}

macro_rules! bytes {
    ($name:literal, $default:literal, $range:expr, $place:expr) => {
        Setting::new(
            $name,
            $default,
            || words::allowed_bytes(value::spelled(*$range.start()), value::spelled(*$range.end())),
            |config, raw| {
                let place: fn(&mut Config) -> &mut u64 = $place;
                *place(config) = value::bytes(raw.text, $range)?;
                Some(())
            },
        )
    };
}

/// All of them, in the order of the documentation.
pub static SETTINGS: &[Setting] = &[
    Setting::new("IMAGEPIC_LISTEN", "127.0.0.1:3100", words::allowed_listen, |config, raw| {
        config.listen = raw.text.parse().ok()?;
        Some(())
    })
    .flag("--listen"),
    Setting::new("IMAGEPIC_DATA", "imagepic-server in the user's data folder", words::allowed_folder, |config, raw| {
        config.data = value::path(raw)?;
        Some(())
    })
    .flag("--data"),
    Setting::new("IMAGEPIC_S3_ENDPOINT", "the embedded bucket", words::allowed_url, |config, raw| {
        value::s3(config).endpoint = value::address(raw.text)?;
        Some(())
    }),
    Setting::new("IMAGEPIC_S3_REGION", "us-east-1", words::allowed_text, |config, raw| {
        value::s3(config).region = value::text(raw.text)?;
        Some(())
    }),
    Setting::new("IMAGEPIC_S3_ACCESS_KEY", "none", words::allowed_text, |config, raw| {
        value::s3(config).access_key = value::text(raw.text)?;
        Some(())
    })
    .secret(),
    Setting::new("IMAGEPIC_S3_SECRET_KEY", "none", words::allowed_text, |config, raw| {
        value::s3(config).secret_key = value::text(raw.text)?.into();
        Some(())
    })
    .secret(),
    Setting::new("IMAGEPIC_S3_PATH_STYLE", "true, but false at AWS", words::allowed_yes_no, |config, raw| {
        value::s3(config).path_style = value::yes(raw.text)?;
        Some(())
    }),
    Setting::new("IMAGEPIC_S3_PUBLIC_ENDPOINT", "IMAGEPIC_S3_ENDPOINT", words::allowed_url, |config, raw| {
        config.s3_public_endpoint = Some(value::address(raw.text)?);
        Some(())
    }),
    Setting::new("IMAGEPIC_ACCOUNTS", "accounts in the data folder", words::allowed_accounts, |config, raw| {
        config.accounts = value::accounts(raw)?;
        Some(())
    })
    .secret(),
    Setting::new("IMAGEPIC_JWT_SECRET", "a random key, made once", words::allowed_secret, |config, raw| {
        config.jwt_secret = Some((32..=1024).contains(&raw.text.len()).then(|| raw.text.into())?);
        Some(())
    })
    .secret(),
    Setting::new("IMAGEPIC_REGISTRATION", "open on loopback, closed elsewhere", words::allowed_registration, |config, raw| {
        config.registration = Some(value::registration(raw.text)?);
        Some(())
    }),
    Setting::new("IMAGEPIC_BUCKETS", "all", words::allowed_buckets, |config, raw| {
        config.buckets = Some(value::list(raw.text, |name| value::is_bucket(name).then(|| name.to_owned()))?);
        Some(())
    }),
    Setting::new("IMAGEPIC_PUBLIC_BASE", "none: links are signed", words::allowed_bases, |config, raw| {
        config.public_base = value::bases(raw.text)?;
        Some(())
    }),
    Setting::new(
        "IMAGEPIC_PUBLIC_URL",
        "the address it listens on; for links to the embedded bucket see below",
        words::allowed_url,
        |config, raw| {
            config.public_url = Some(value::address(raw.text)?);
            Some(())
        },
    ),
    Setting::new("IMAGEPIC_TRUSTED_PROXIES", "none", words::allowed_networks, |config, raw| {
        config.trusted_proxies = value::list(raw.text, value::network)?;
        Some(())
    }),
    Setting::new("IMAGEPIC_ANONYMOUS_READS", "false", words::allowed_yes_no, |config, raw| {
        config.anonymous_reads = Some(value::yes(raw.text)?);
        Some(())
    }),
    Setting::new("IMAGEPIC_CORS", "none", words::allowed_origins, |config, raw| {
        config.cors = value::list(raw.text, value::origin)?;
        Some(())
    }),
    Setting::new(
        "IMAGEPIC_PASSWORD_PATTERN",
        "8 to 64 characters with a letter and a digit",
        words::allowed_pattern,
        |config, raw| {
            config.password_pattern = Some(value::pattern(raw.text)?);
            Some(())
        },
    ),
    Setting::new("IMAGEPIC_EMAIL_PATTERN", "something@domain.tld", words::allowed_pattern, |config, raw| {
        config.email_pattern = Some(value::pattern(raw.text)?);
        Some(())
    }),
    bytes!("IMAGEPIC_MAX_BYTES", "1G", 1..=5 * TIB, |config| &mut config.max_bytes),
    Setting::new("IMAGEPIC_TYPES", "raster images", words::allowed_types, |config, raw| {
        config.types = value::list(raw.text, value::media_type)?;
        Some(())
    }),
    number!("IMAGEPIC_MAX_CONNECTIONS", "4096", 1..=1_000_000, |config| &mut config.limits.connections),
    number!("IMAGEPIC_MAX_CONNECTIONS_PER_ADDRESS", "1024", 1..=1_000_000, |config| &mut config.limits.connections_per_address),
    seconds!("IMAGEPIC_HEAD_TIMEOUT", "15", 1..=300, |config| &mut config.limits.head_timeout),
    seconds!("IMAGEPIC_IDLE_TIMEOUT", "30", 1..=3600, |config| &mut config.limits.idle_timeout),
    number!("IMAGEPIC_MAX_HEAD_BYTES", "65536", 8192..=1_048_576, |config| &mut config.limits.head_bytes),
    number!("IMAGEPIC_MAX_HEADERS", "64", 16..=1000, |config| &mut config.limits.headers),
    bytes!("IMAGEPIC_SPOOL_BYTES", "4G", MIB..=5 * TIB, |config| &mut config.limits.spool_bytes),
    bytes!("IMAGEPIC_UPLOAD_MEMORY", "64M", 8 * MIB..=TIB, |config| &mut config.limits.upload_memory),
    number!("IMAGEPIC_PASSWORD_HASHES", "2", 1..=256, |config| &mut config.limits.hashes),
    number!("IMAGEPIC_LISTENERS", "8", 1..=1000, |config| &mut config.limits.listeners),
    seconds!("IMAGEPIC_GRACE", "30", 0..=3600, |config| &mut config.grace),
    Setting::new("IMAGEPIC_METRICS", "none", words::allowed_listen, |config, raw| {
        config.metrics = Some(raw.text.parse().ok()?);
        Some(())
    }),
    Setting::new("IMAGEPIC_LOG", "info", words::allowed_level, |config, raw| {
        config.log = value::level(raw.text)?;
        Some(())
    }),
];
