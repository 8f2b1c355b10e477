//! The programs as a person has them, on whole desktops.

mod support;
