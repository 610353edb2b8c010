//! Where tokens rest.

use codeartifact::{StoreError, Stores};

use super::{identity::causes, visit::Visit};

pub(super) fn check(visit: &mut Visit<'_>) {
    let Some(settings) = visit.settings.clone() else { return };
    let listings = Stores::new(visit.host, &settings).list(visit.host.now());
    let usable = listings.iter().any(|listing| listing.tokens.is_ok());
    for listing in &listings {
        let store = listing.store;
        match &listing.tokens {
            Ok(_) if store == "file" => {
                let fix = "use `encrypted-file`, or leave `[store] use` out where the system has a keyring";
                visit.found("store-clear-text", "stores", "tokens rest in a file in clear text", fix);
            }
            Ok(_) if store == "none" => {
                let fix = "choose a store with `[store] use` in the user file";
                visit.found("store-none", "stores", "tokens are kept nowhere: every program asks for a new one", fix);
            }
            Err(error @ StoreError::Locked { .. }) => {
                let fix = "unlock the keyring: sign in to the desktop, or `gnome-keyring-daemon --unlock`";
                visit.found("store-locked", "stores", causes(error), fix);
            }
            Err(error @ StoreError::Timeout { .. }) => hung(visit, error),
            Err(error @ StoreError::Unavailable { reason, .. }) if reason.starts_with("it missed its deadline") => {
                hung(visit, error);
            }
            Err(error @ (StoreError::Refused { .. } | StoreError::Folder { .. } | StoreError::Failed { .. })) => {
                visit.found("store-broken", "stores", causes(error), error.hint());
            }
            Err(error @ StoreError::Unavailable { .. }) if settings.stores_are_chosen() => {
                visit.found("store-broken", "stores", causes(error), error.hint());
            }
            // A store that this system does not have is no fault, unless somebody chose it.
            Ok(_) | Err(StoreError::Unavailable { .. }) => {}
        }
    }
    if !usable {
        let message = "tokens are kept nowhere: none of the stores can be used";
        let fix = "choose one with `[store] use` in the user file: `encrypted-file`, or `file` (clear text)";
        visit.found("store-none", "stores", message, fix);
    }
}

fn hung(visit: &mut Visit<'_>, error: &StoreError) {
    let fix = "end and start the keyring's service, or leave the store out with `[store] use` in the user file";
    visit.found("store-hung", "stores", causes(error), fix);
}
