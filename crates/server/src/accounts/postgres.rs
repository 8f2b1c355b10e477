//! Accounts in PostgreSQL, for any number of replicas: one row a person, changed only if it is still as it was read.

use std::str::FromStr as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Row as _};

use super::{Accounts, Document, Invite, Invites, StoreError, Version, key};

/// A connection costs the database a process, and a request holds one for a query only.
const CONNECTIONS: u32 = 8;
/// Longer than a failover of the database's proxy, shorter than a client's patience.
const PATIENCE: Duration = Duration::from_secs(5);

/// What stands in columns of its own, since it changes while the document does not.
const BESIDE: [&str; 2] = ["sessions", "failures"];

/// Failures with numbers nobody has are cleared up once in so many of them.
const SWEEP: u32 = 256;
/// So many of them are remembered, the newest.
const MISSES: i64 = 65_536;

/// See the module.
pub(crate) struct PostgresHome {
    pool: PgPool,
    missed: AtomicU32,
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn failed(error: sqlx::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}

/// A lock of the database, held until this is dropped: the transaction it belongs to ends then.
pub(crate) struct Alone(#[expect(dead_code, reason = "held, not used")] sqlx::Transaction<'static, sqlx::Postgres>);

impl PostgresHome {
    /// Waits until nobody else holds that lock.
    pub(crate) async fn alone(&self, what: &str) -> Result<Alone, StoreError> {
        let mut transaction = self.pool.begin().await.map_err(failed)?;
        let lock = sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 0))").bind(what);
        lock.execute(&mut *transaction).await.map_err(failed)?;
        Ok(Alone(transaction))
    }

    /// Connects and brings the tables up to date; of several replicas one does, the others wait.
    pub(crate) async fn open(url: &str) -> Result<Self, String> {
        // The address may hold a password, and the library's words may hold the address.
        let options =
            PgConnectOptions::from_str(url).map_err(|_| "the address of the account database cannot be understood".to_owned())?;
        let options = options.application_name("imagepic");
        let place = format!("{}:{}", options.get_host(), options.get_port());
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .connect_with(options)
            .await
            .map_err(|error| format!("the account database at {place} cannot be reached: {error}"))?;
        let mut migrations: Migrator = sqlx::migrate!("./migrations");
        // The database may be somebody else's too.
        migrations.dangerous_set_table_name("imagepic_migrations");
        migrations
            .run(&pool)
            .await
            .map_err(|error| format!("the account database at {place} cannot be brought up to date: {error}"))?;
        Ok(Self { pool, missed: AtomicU32::new(0) })
    }

    /// For whoever tells the replicas something.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// How often somebody failed there, and when last; see [`Throttle`](crate::people::throttle::Throttle).
    pub(crate) async fn misses(&self, key: &str) -> Result<Option<(u32, i64)>, StoreError> {
        let row = sqlx::query("select count, last from imagepic_miss where key = $1").bind(key).fetch_optional(&self.pool).await;
        let Some(row) = row.map_err(failed)? else { return Ok(None) };
        let (count, last): (i64, i64) = (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
        Ok(Some((u32::try_from(count).unwrap_or(u32::MAX), last)))
    }

    /// Counts one more at `now`; what is older than `forgotten` counts no more. Both are milliseconds.
    pub(crate) async fn missed(&self, key: &str, now: i64, forgotten: i64) -> Result<(), StoreError> {
        let counted = sqlx::query(
            "insert into imagepic_miss as known (key, count, last) values ($1, 1, $2) on conflict (key) do update
             set count = case when known.last < $3 then 1 else least(known.count + 1, 1000000) end, last = $2",
        );
        counted.bind(key).bind(now).bind(now - forgotten).execute(&self.pool).await.map_err(failed)?;
        if self.missed.fetch_add(1, Ordering::Relaxed).is_multiple_of(SWEEP) {
            let old = sqlx::query("delete from imagepic_miss where last < $1").bind(now - forgotten);
            old.execute(&self.pool).await.map_err(failed)?;
            let many = sqlx::query(
                "delete from imagepic_miss where key in (select key from imagepic_miss order by last desc offset $1)",
            );
            many.bind(MISSES).execute(&self.pool).await.map_err(failed)?;
        }
        Ok(())
    }

    /// The key all replicas sign with; the first one's offer is taken.
    pub(crate) async fn signing_key(&self, offer: &str) -> Result<Vec<u8>, String> {
        let fail = |error: sqlx::Error| format!("the key that signs tokens cannot be had from the database: {error}");
        sqlx::query("insert into imagepic_key (name, value) values ('signing', $1) on conflict (name) do nothing")
            .bind(offer)
            .execute(&self.pool)
            .await
            .map_err(fail)?;
        let row =
            sqlx::query("select value from imagepic_key where name = 'signing'").fetch_one(&self.pool).await.map_err(fail)?;
        let text: String = row.try_get(0).map_err(fail)?;
        key::read(&text).ok_or_else(|| "the key that signs tokens in the database is not 64 hex digits".to_owned())
    }
}

fn version(version: i64) -> Version {
    Version(version.to_string())
}

/// The document without what stands beside it, and what stands there.
fn split(mut fields: Map<String, Value>) -> (Value, [Option<Value>; 2]) {
    let beside = BESIDE.map(|name| fields.shift_remove(name));
    (Value::Object(fields), beside)
}

#[async_trait]
impl Accounts for PostgresHome {
    async fn find(&self, phone: &str) -> Result<Option<Document>, StoreError> {
        let row = sqlx::query("select document, sessions, failures, version from imagepic_account where phone = $1")
            .bind(phone)
            .fetch_optional(&self.pool)
            .await
            .map_err(failed)?;
        let Some(row) = row else { return Ok(None) };
        let Value::Object(mut fields) = row.try_get("document").map_err(failed)? else {
            return Err(StoreError::Broken { phone: phone.to_owned(), why: "the document is no JSON object".to_owned() });
        };
        for name in BESIDE {
            if let Some(value) = row.try_get::<Option<Value>, _>(name).map_err(failed)? {
                fields.insert(name.to_owned(), value);
            }
        }
        Ok(Some(Document { phone: phone.to_owned(), fields, version: version(row.try_get("version").map_err(failed)?) }))
    }

    async fn add(&self, phone: &str, fields: Map<String, Value>) -> Result<Document, StoreError> {
        let (document, [sessions, failures]) = split(fields.clone());
        let row = sqlx::query(
            "insert into imagepic_account (phone, document, sessions, failures) values ($1, $2, $3, $4)
             on conflict (phone) do nothing returning version",
        )
        .bind(phone)
        .bind(document)
        .bind(sessions)
        .bind(failures)
        .fetch_optional(&self.pool)
        .await
        .map_err(failed)?
        .ok_or(StoreError::Exists)?;
        Ok(Document { phone: phone.to_owned(), fields, version: version(row.try_get(0).map_err(failed)?) })
    }

    async fn update(&self, document: Document) -> Result<Document, StoreError> {
        let was: i64 = document.version.0.parse().map_err(|_| StoreError::Changed)?;
        let (fields, [sessions, failures]) = split(document.fields.clone());
        let row = sqlx::query(
            "update imagepic_account set document = $3, sessions = $4, failures = $5, version = nextval('imagepic_version')
             where phone = $1 and version = $2 returning version",
        )
        .bind(&document.phone)
        .bind(was)
        .bind(fields)
        .bind(sessions)
        .bind(failures)
        .fetch_optional(&self.pool)
        .await
        .map_err(failed)?
        .ok_or(StoreError::Changed)?;
        Ok(Document { version: version(row.try_get(0).map_err(failed)?), ..document })
    }

    async fn remove(&self, phone: &str) -> Result<bool, StoreError> {
        let done =
            sqlx::query("delete from imagepic_account where phone = $1").bind(phone).execute(&self.pool).await.map_err(failed)?;
        Ok(done.rows_affected() > 0)
    }

    async fn phones(&self) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query("select phone from imagepic_account order by phone collate \"C\"")
            .fetch_all(&self.pool)
            .await
            .map_err(failed)?;
        rows.iter().map(|row| row.try_get(0).map_err(failed)).collect()
    }
}

#[async_trait]
impl Invites for PostgresHome {
    async fn invite(&self, invite: Invite, now: i64) -> Result<(), StoreError> {
        sqlx::query("delete from imagepic_invite where expires <= $1 or uses <= 0")
            .bind(now)
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        sqlx::query("insert into imagepic_invite (hash, uses, expires) values ($1, $2, $3)")
            .bind(invite.hash)
            .bind(i64::from(invite.uses))
            .bind(invite.expires)
            .execute(&self.pool)
            .await
            .map_err(failed)
            .map(drop)
    }

    async fn take(&self, hash: &str, now: i64) -> Result<bool, StoreError> {
        let done = sqlx::query("update imagepic_invite set uses = uses - 1 where hash = $1 and uses > 0 and expires > $2")
            .bind(hash)
            .bind(now)
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(done.rows_affected() > 0)
    }

    async fn give_back(&self, hash: &str) -> Result<(), StoreError> {
        let done = sqlx::query("update imagepic_invite set uses = uses + 1 where hash = $1").bind(hash).execute(&self.pool).await;
        done.map_err(failed).map(drop)
    }
}
