//! The AWS SDK: the only file that knows it. Async stops here, on a private runtime.
