use codeartifact::control_plane::FailureKind;
use std::time::SystemTime;

use super::*;
use crate::{
    report::{
        Manner,
        tests::{Heard, heard},
    },
    stand_in::StandIn,
};

struct Setting {
    folder: tempfile::TempDir,
    service: StandIn,
}

impl Setting {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), service: StandIn::with(&[]) }
    }

    fn host(&self) -> Host {
        let home = self.folder.path().to_str().unwrap();
        Host::for_test(&[], &[("HOME", home)], self.folder.path(), SystemTime::UNIX_EPOCH)
    }

    fn file(&self) -> PathBuf {
        self.host().config_dir().unwrap().join("config.toml")
    }

    fn decide(
        &self,
        domain: &str,
        owner: &str,
        flag: Option<&str>,
        answer: Option<&'static str>,
    ) -> (Result<(), CommandError>, Heard) {
        let (mut report, _, err) = heard(Manner::default(), answer);
        let host = self.host();
        let settings = UserSettings::read(&host).unwrap();
        let (domain, owner) = (domain.parse().unwrap(), owner.parse().unwrap());
        let flag = flag.map(|flag| flag.parse().unwrap());
        let question = Question { domain: &domain, owner: &owner, flag: flag.as_ref() };
        let file = UserFile::of(&host).unwrap();
        let result = ensure_trusted(&question, &settings, &file, &mut report, &mut || Ok(&self.service));
        (result, err)
    }
}

const OTHER: &str = "999988887777";

#[test]
fn the_callers_own_account_needs_no_consent() {
    let setting = Setting::new();
    setting.decide("my-org", "111122223333", None, None).0.unwrap();
    assert!(!setting.file().exists(), "and none is written down");
}

#[test]
fn another_owner_is_asked_for_once() {
    let setting = Setting::new();
    let (result, err) = setting.decide("my-org", OTHER, None, Some("y\n"));
    result.unwrap();
    assert!(err.text().starts_with("domain `my-org` belongs to account 999988887777, which is not your own;"));
    assert_eq!(fs::read_to_string(setting.file()).unwrap(), "trusted-owners = [\"999988887777\"]\n");
    let asked = setting.service.asked.borrow().len();
    let (result, err) = setting.decide("my-org", OTHER, None, None);
    result.unwrap();
    assert_eq!(err.text(), "");
    assert_eq!(setting.service.asked.borrow().len(), asked, "the second time nobody is asked, nor the service");
}

#[test]
fn a_person_may_say_no() {
    let setting = Setting::new();
    let error = setting.decide("my-org", OTHER, None, Some("n\n")).0.unwrap_err();
    assert_eq!(error.code(), 1);
    assert!(!setting.file().exists());
}

#[test]
fn without_a_person_it_takes_the_option() {
    let setting = Setting::new();
    let error = setting.decide("my-org", OTHER, None, None).0.unwrap_err();
    assert_eq!(error.code(), 1);
    assert_eq!(error.lines(), ["domain `my-org` belongs to account 999988887777, which is not your own"]);
    assert_eq!(error.hints(), ["if you know the account, trust it once: `--trust 999988887777`"]);
    setting.decide("my-org", OTHER, Some(OTHER), None).0.unwrap();
    setting.decide("my-org", OTHER, None, None).0.unwrap();
}

#[test]
fn the_option_must_name_the_owner() {
    let setting = Setting::new();
    let error = setting.decide("my-org", OTHER, Some("111122223333"), None).0.unwrap_err();
    assert_eq!(error.code(), 2);
    assert!(!setting.file().exists());
    assert!(setting.service.asked.borrow().is_empty());
}

#[test]
fn a_domain_that_cannot_be_looked_at_is_asked_for_and_a_service_that_fails_is_said() {
    for (kind, code) in [
        (FailureKind::NotFound, 1),
        (FailureKind::Denied, 1),
        (FailureKind::Unreachable, 5),
        (FailureKind::NoIdentity, 3),
    ] {
        let mut setting = Setting::new();
        setting.service.failing.push(("DescribeDomain", 0, kind));
        let error = setting.decide("my-org", "111122223333", None, None).0.unwrap_err();
        assert_eq!(error.code(), code, "{kind:?}");
    }
}

#[test]
fn the_rest_of_the_file_keeps_its_bytes() {
    let owner: AccountId = OTHER.parse().unwrap();
    for (before, after) in [
        ("", "trusted-owners = [\"999988887777\"]\n"),
        (
            "# mine\n\n[store] # here\nuse = [ 'kernel' ]\n",
            "trusted-owners = [\"999988887777\"]\n# mine\n\n[store] # here\nuse = [ 'kernel' ]\n",
        ),
        (
            "trusted-owners = [\"111122223333\"] # why\n[store]\n",
            "trusted-owners = [\"111122223333\", \"999988887777\"] # why\n[store]\n",
        ),
        (
            "trusted-owners = [\n  \"111122223333\", # us\n  \"222233334444\",\n]\n",
            "trusted-owners = [\n  \"111122223333\", # us\n  \"222233334444\",\n  \"999988887777\",\n]\n",
        ),
        ("trusted-owners = ['999988887777']\n", "trusted-owners = ['999988887777']\n"),
    ] {
        assert_eq!(with_owner(before, &owner).unwrap(), after);
    }
    assert_eq!(with_owner("trusted-owners = 1\n", &owner).unwrap_err(), "`trusted-owners` is not a list");
    with_owner("[", &owner).unwrap_err();
}

#[test]
fn a_faulty_file_stays_as_it_is() {
    let setting = Setting::new();
    let file = UserFile::of(&setting.host()).unwrap();
    fs::create_dir_all(setting.file().parent().unwrap()).unwrap();
    fs::write(setting.file(), "[store\n").unwrap();
    let error = file.trust(&OTHER.parse().unwrap()).unwrap_err();
    assert!(matches!(error, UserFileError::Faulty { .. }), "{error}");
    assert_eq!(fs::read_to_string(setting.file()).unwrap(), "[store\n");
}

#[cfg(unix)]
#[test]
fn the_file_is_the_users_alone_and_a_link_stays_one() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let setting = Setting::new();
    let kept = setting.folder.path().join("dotfiles.toml");
    fs::write(&kept, "# kept elsewhere\n").unwrap();
    fs::create_dir_all(setting.file().parent().unwrap()).unwrap();
    symlink(&kept, setting.file()).unwrap();
    UserFile::of(&setting.host()).unwrap().trust(&OTHER.parse().unwrap()).unwrap();
    assert!(fs::symlink_metadata(setting.file()).unwrap().is_symlink());
    assert!(fs::read_to_string(&kept).unwrap().contains(OTHER));
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let names: Vec<_> = fs::read_dir(setting.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().starts_with(".config.toml.")), "{names:?}");
}

#[test]
fn many_at_once_lose_nothing() {
    let setting = Setting::new();
    let host = setting.host();
    std::thread::scope(|scope| {
        for number in 0..20 {
            let file = UserFile::of(&host).unwrap();
            let owner: AccountId = format!("9999888877{number:02}").parse().unwrap();
            scope.spawn(move || file.trust(&owner).unwrap());
        }
    });
    let settings = UserSettings::read(&host).unwrap();
    assert_eq!(settings.trusted_owners().len(), 20);
}
