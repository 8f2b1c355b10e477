//! Accounts of the team server: the real `imagepic serve`, asked over HTTP.

mod contract;
mod keeping;
mod killed;
mod replicas;
mod rows;
mod serve;
