#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use raftchat_certs::Authorities;
use raftchat_schema::id::{SessionId, UserId};

use super::*;

/// A cluster of three nodes and a directory for profiles.
struct Home {
    dir: tempfile::TempDir,
    authorities: Authorities,
}

impl Home {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), authorities: Authorities::create(SystemTime::now()).unwrap() }
    }

    fn config(&self) -> ClientConfig {
        let entry = |node: u64| NodeEntry { node, address: format!("127.0.0.1:{}", 7398 + 2 * node) };
        ClientConfig { cluster: self.authorities.cluster().to_string(), nodes: (1..=3).map(entry).collect() }
    }

    fn anchors(&self, device: &str) -> Anchors {
        self.authorities.anchors_for(&Subject::device(device).unwrap())
    }

    /// A profile directory for the device `name`.
    fn device(&self, name: &str) -> PathBuf {
        let dir = self.dir.path().join(name);
        Profile::create(&dir, &self.config()).unwrap();
        let leaf = self.authorities.issue_device(name, SystemTime::now()).unwrap();
        leaf.write(&dir.join(CERTS), &self.anchors(name)).unwrap();
        dir
    }
}

fn alice() -> StoredSession {
    StoredSession {
        username: "alice".parse().unwrap(),
        user: UserId(1001),
        session: SessionId(u64::MAX),
        token: SessionToken::random().unwrap(),
        seen: Some(vec![1, 0xAB, 0]),
    }
}

#[test]
fn a_profile_is_read_as_it_was_made_and_keeps_its_session() {
    let home = Home::new();
    let dir = home.device("alice-laptop");
    let profile = Profile::open(&dir).unwrap();
    assert_eq!(profile.config(), &home.config());
    assert_eq!(profile.device_name(), "alice-laptop");
    assert_eq!(profile.session(), None);

    let session = alice();
    profile.store(session.clone()).unwrap();
    assert_eq!(profile.clone().session(), Some(session.clone()), "clones are the same profile");
    let again = Profile::open(&dir).unwrap();
    assert_eq!(again.session(), Some(session.clone()));
    again.keep_seen(&session.token, b"further").unwrap();
    assert_eq!(Profile::open(&dir).unwrap().session().unwrap().seen.as_deref(), Some(&b"further"[..]));
    profile.forget(&session.token).unwrap();
    assert_eq!(profile.session(), None);
    assert_eq!(Profile::open(&dir).unwrap().session(), None);
}

#[test]
fn the_session_file_is_its_owners_alone_and_nothing_is_left_beside_it() {
    let home = Home::new();
    let dir = home.device("alice");
    let profile = Profile::open(&dir).unwrap();
    for _ in 0..2 {
        profile.store(alice()).unwrap();
        let mode = fs::metadata(dir.join(SESSION)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let mut names: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [CERTS, CONFIG, SESSION]);
}

#[test]
fn a_login_by_another_program_is_not_undone() {
    let home = Home::new();
    let dir = home.device("alice");
    let (window, shell) = (Profile::open(&dir).unwrap(), Profile::open(&dir).unwrap());
    let (old, new) = (alice(), alice());
    window.store(old.clone()).unwrap();
    shell.store(new.clone()).unwrap();
    window.keep_seen(&old.token, b"late").unwrap();
    window.forget(&old.token).unwrap();
    assert_eq!(window.session(), None);
    assert_eq!(Profile::open(&dir).unwrap().session(), Some(new));
}

#[test]
fn a_damaged_session_file_says_what_to_do_and_shows_no_token() {
    let home = Home::new();
    let dir = home.device("alice");
    let session = alice();
    Profile::open(&dir).unwrap().store(session).unwrap();
    let whole = fs::read_to_string(dir.join(SESSION)).unwrap();
    let token = whole.split("token = \"").nth(1).unwrap().get(..64).unwrap().to_owned();
    let damaged = [
        whole.replace(&token, &token[..62]),
        whole.replace("token = \"", "token = "),
        whole.replace("s18446744073709551615", "18446744073709551615"),
        whole.replace("username = \"alice\"", "username = \"Alice\""),
        whole.replace("username = \"alice\"\n", ""),
        whole.clone() + "colour = \"blue\"\n",
        "\0\0\0".to_owned(),
    ];
    for text in damaged {
        fs::write(dir.join(SESSION), &text).unwrap();
        let error = Profile::open(&dir).unwrap_err();
        assert!(error.to_string().ends_with("remove it and log in again"), "{error}");
        assert!(!error.to_string().contains(&token[..16]), "{error}");
        assert_eq!((error.code(), error.exit_status()), ("file-damaged", 4));
    }
}

#[test]
fn a_token_is_never_shown() {
    let session = alice();
    let shown = format!("{session:?}");
    assert!(shown.contains("alice") && shown.contains("SessionToken(…)"), "{shown}");
    assert!(!shown.contains(&format!("{:?}", session.token.bytes())));
}

#[test]
fn a_profile_is_made_once_and_explains_its_keys() {
    let home = Home::new();
    let dir = home.device("alice");
    let text = fs::read_to_string(dir.join(CONFIG)).unwrap();
    assert!(text.contains("# The nodes to try."), "{text}");
    let error = Profile::create(&dir, &home.config()).unwrap_err();
    assert_eq!((error.code(), error.exit_status()), ("already-exists", 2));
    assert_eq!(fs::read_to_string(dir.join(CONFIG)).unwrap(), text);
}

#[test]
fn what_is_wrong_with_a_profile_is_told_by_its_file() {
    let home = Home::new();
    let told = |dir: &Path| {
        let error = Profile::open(dir).unwrap_err();
        (error.code(), error.exit_status(), error.to_string())
    };
    let nowhere = told(&home.dir.path().join("nowhere"));
    assert_eq!((nowhere.0, nowhere.1), ("file-missing", 4));

    let dir = home.device("bob");
    let config = dir.join(CONFIG);
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("cluster = ", "clutser = ")).unwrap();
    let misspelt = told(&dir);
    assert_eq!((misspelt.0, misspelt.1), ("wrong-configuration", 2));
    assert!(misspelt.2.contains("did you mean `cluster`?"), "{}", misspelt.2);

    fs::write(&config, text.replace(&home.config().cluster, "anothercluster")).unwrap();
    let foreign = told(&dir);
    assert_eq!((foreign.0, foreign.1), ("wrong-configuration", 2));

    fs::write(&config, &text).unwrap();
    fs::remove_file(dir.join(CERTS).join("leaf.key")).unwrap();
    let keyless = told(&dir);
    assert_eq!((keyless.0, keyless.1), ("file-missing", 4));
}

#[test]
fn a_node_is_no_device() {
    let home = Home::new();
    let dir = home.dir.path().join("node-1");
    Profile::create(&dir, &home.config()).unwrap();
    let leaf = home.authorities.issue_node(1, SystemTime::now()).unwrap();
    leaf.write(&dir.join(CERTS), &home.authorities.anchors_for(&Subject::node(1).unwrap())).unwrap();
    let error = Profile::open(&dir).unwrap_err();
    assert!(error.to_string().contains("where a device's belongs"), "{error}");
    assert_eq!(error.exit_status(), 4);
}

#[test]
fn a_profile_in_memory_has_a_name_and_keeps_its_session_to_itself() {
    let home = Home::new();
    let leaf = home.authorities.issue_device("carol", SystemTime::now()).unwrap();
    let profile = Profile::in_memory(home.config(), leaf, home.anchors("carol"));
    assert_eq!(profile.device_name(), "carol");
    let session = alice();
    profile.store(session.clone()).unwrap();
    assert_eq!(profile.session(), Some(session.clone()));
    profile.forget(&session.token).unwrap();
    assert_eq!(profile.session(), None);
}
