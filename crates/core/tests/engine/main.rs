//! The engine against a real bucket, over a line that can be cut, killed and started again.

mod amount;
mod asked;
mod browse;
mod clipboard;
mod crash;
mod disk;
mod folders;
mod foreign;
mod images;
mod lasting;
mod library;
mod open;
mod several;
mod single;
mod support;
mod trouble;
mod way;
mod web;
