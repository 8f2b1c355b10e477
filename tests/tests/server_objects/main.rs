//! The team server's bucket, object, policy and notification routes: the real program, asked over HTTP, over three stores. What the old
//! service answered is held against its own words, and every failure is provoked.

mod grants;
mod listings;
mod news;
mod place;
mod policies;
mod reading;
mod refusals;
mod rows;
mod uploads;

/// The same test over this computer's bucket, Ceph and Swift.
macro_rules! over_every_store {
    ($($name:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test] async fn $name() { super::$name(super::Store::Embedded).await; })+
        }
        mod ceph {
            $(#[tokio::test] async fn $name() { super::$name(super::Store::Ceph).await; })+
        }
        mod swift {
            $(#[tokio::test] async fn $name() { super::$name(super::Store::Swift).await; })+
        }
    };
}
pub(crate) use over_every_store;
