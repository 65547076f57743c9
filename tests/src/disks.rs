//! Disks of nodes: each an image with a file system of its own, whose power can be cut, and which can be slow, full, for reading
//! only, or rotten. Knows nothing of what is on it.
//!
//! Needs root, loop devices, `mkfs.ext4` and `perl`, as Debian has them; a trial that gets no [`Disk`] says so. What is mounted
//! is unmounted when it is dropped.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::draw::Draw;

/// Shuts the file system down as `xfs_io -c shutdown` would, without writing what is in memory (`EXT4_IOC_SHUTDOWN` with
/// `EXT4_GOING_FLAGS_NOLOGFLUSH`): from then on it takes and gives nothing.
const CUT_POWER: &str = r#"open(my $dir, "<", $ARGV[0]) or die "$!\n"; my $how = pack("L", 2);
    ioctl($dir, 0x8004587d, $how) or die "$!\n";"#;
/// By this a file system makes itself read-only at an error, and guesses at no sync that it was not asked for.
const OPTIONS: &str = "loop,errors=remount-ro,noauto_da_alloc";
/// How many writes a second a device takes, of all processes together.
const WRITES_A_SECOND: &str = "/sys/fs/cgroup/blkio/blkio.throttle.write_iops_device";
/// The file that takes away room.
const FILLER: &str = "filler";

/// One of them.
#[derive(Debug)]
pub struct Disk {
    image: PathBuf,
    place: PathBuf,
}

/// Runs a program; why it failed.
fn call(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("there is no program `{program}`: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(format!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

impl Disk {
    /// Makes one of that size in `dir`, and mounts it there.
    ///
    /// # Errors
    /// Why there is none here.
    pub fn make(dir: &Path, name: &str, mebibytes: u64) -> Result<Self, String> {
        let disk = Self { image: dir.join(format!("{name}.image")), place: dir.join(name) };
        fs::create_dir_all(&disk.place).unwrap();
        File::create(&disk.image).unwrap().set_len(mebibytes << 20).unwrap();
        call("mkfs.ext4", &["-q", "-F", "-m", "0", text(&disk.image)])?;
        disk.mount()?;
        // Before anything is on it: whether all that may be done to it can be done on this machine.
        disk.slows_to(0)?;
        disk.loses_power()?;
        disk.comes_back();
        Ok(disk)
    }

    fn mount(&self) -> Result<(), String> {
        call("mount", &["-o", OPTIONS, text(&self.image), text(&self.place)]).map(drop)
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.place
    }

    /// The loop device that it is on at present.
    fn device(&self) -> String {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let line = mounts.lines().find(|line| line.split(' ').nth(1) == Some(text(&self.place)));
        line.and_then(|line| line.split(' ').next()).unwrap().trim_start_matches("/dev/").to_owned()
    }

    /// Its power is cut: what was not synced is lost, and nothing is taken or given until [`Disk::comes_back`].
    ///
    /// # Errors
    /// It cannot be done here.
    pub fn loses_power(&self) -> Result<(), String> {
        call("perl", &["-e", CUT_POWER, text(&self.place)]).map(drop)
    }

    /// From now on it takes no writes, as after an error of the device.
    ///
    /// # Errors
    /// It cannot be done here.
    pub fn goes_read_only(&self) -> Result<(), String> {
        let trigger = Path::new("/sys/fs/ext4").join(self.device()).join("trigger_fs_error");
        fs::write(&trigger, "1").map_err(|error| format!("{}: {error}", trigger.display()))
    }

    /// It is as it should be, with what was on it when its power was cut or it stopped taking writes. Nobody may use it meanwhile.
    pub fn comes_back(&self) {
        call("umount", &[text(&self.place)]).unwrap();
        self.mount().unwrap();
    }

    /// Takes at most so many writes a second from now on; a sync takes some five of them.
    ///
    /// # Errors
    /// It cannot be done here.
    pub fn slows_to(&self, writes_a_second: u64) -> Result<(), String> {
        self.limit(writes_a_second).map_err(|error| format!("{WRITES_A_SECOND}: {error}"))
    }

    /// Takes as many as it can.
    pub fn is_fast(&self) {
        self.limit(0).unwrap();
    }

    fn limit(&self, writes_a_second: u64) -> std::io::Result<()> {
        let number = fs::read_to_string(Path::new("/sys/block").join(self.device()).join("dev"))?;
        fs::OpenOptions::new()
            .write(true)
            .open(WRITES_A_SECOND)?
            .write_all(format!("{} {writes_a_second}", number.trim()).as_bytes())
    }

    /// All but so much of it is taken by something else.
    pub fn fills_up(&self, left_bytes: u64) {
        let free = raftchat_files::space(&self.place).unwrap().free_bytes;
        let filler = self.place.join(FILLER);
        let taken = call("fallocate", &["-l", &free.saturating_sub(left_bytes).max(1).to_string(), text(&filler)]);
        // Where somebody else has taken room in the meantime it is as full as it can be.
        assert!(taken.as_ref().map_or_else(|why| why.contains("No space left"), |_| true), "{taken:?}");
    }

    /// Which is gone again.
    pub fn has_room(&self) {
        fs::remove_file(self.place.join(FILLER)).unwrap();
    }

    /// How much of it is used by who it is for, in bytes.
    pub fn used_bytes(&self) -> u64 {
        let space = raftchat_files::space(&self.place).unwrap();
        let filler = fs::metadata(self.place.join(FILLER)).map_or(0, |filler| filler.len());
        space.total_bytes.saturating_sub(space.free_bytes).saturating_sub(filler)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Nothing could be done about it here, and what is in use goes as soon as it is not.
        let _ = call("umount", &["--lazy", text(&self.place)]);
    }
}

/// Flips some bits, by lot, of a file; none of one that is empty. The file is written to as it is: nothing is synced or renamed.
pub fn rot(file: &Path, draw: &mut Draw, bits: u64) {
    let open = fs::OpenOptions::new().read(true).write(true).open(file).unwrap();
    let found = open.metadata().unwrap();
    // A file may be longer than what was ever written of it.
    let length = found.len().min(found.blocks() * 512);
    if length == 0 {
        return;
    }
    for _ in 0..bits {
        let at = draw.below(length);
        let mut byte = [0];
        open.read_exact_at(&mut byte, at).unwrap();
        let flipped = byte.map(|byte| byte ^ (1 << draw.below(8)));
        open.write_all_at(&flipped, at).unwrap();
    }
}
