//! local-service
