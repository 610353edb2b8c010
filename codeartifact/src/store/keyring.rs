//! The keyring project's errors in our words.

use super::StoreError;

/// `None` where there is no entry.
pub(super) fn found<T>(
    store: &'static str,
    operation: &'static str,
    result: keyring_core::Result<T>,
) -> Result<Option<T>, StoreError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(keyring_core::Error::NoEntry) => Ok(None),
        Err(keyring_core::Error::NoStorageAccess(cause)) => {
            Err(StoreError::Unavailable { store, reason: cause.to_string() })
        }
        Err(error) => Err(StoreError::failed(store, operation, error)),
    }
}
