//! `raftchatctl certs`: the certificates of a cluster, made, shown and verified. Speaks to no node.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::{Args, Subcommand};
use raftchat_certs::{
    Authorities, CertificateDer, Description, DeviceName, FileError, FileReport, Finding, IssueError, RequestError,
    RequestedKey, Subject, certificates_from_pem, describe, verify_files,
};
use serde_json::{Value, json};

use crate::shell::text::counted;

/// The PKI without a cluster.
#[derive(Debug, Subcommand)]
pub enum CertsCommand {
    /// Make the root, the node authority and the device authority of a new cluster
    #[command(after_help = "Example: raftchatctl certs init --dir pki")]
    Init {
        /// Where to: a directory that is missing or empty; it becomes readable by you alone
        #[arg(long, value_name = "PKI")]
        dir: PathBuf,
    },
    /// Make the certificate of a node
    #[command(after_help = "Example: raftchatctl certs node --dir pki --out node-1/certs 1")]
    Node {
        /// Which authority, and where to.
        #[command(flatten)]
        issue: IssueArguments,
        /// The node's number in the cluster, from 1
        #[arg(value_parser = clap::value_parser!(u64).range(1..))]
        id: u64,
    },
    /// Make the certificate of a device
    #[command(after_help = "Example: raftchatctl certs device --dir pki --out alice/certs alice")]
    Device {
        /// Which authority, and where to.
        #[command(flatten)]
        issue: IssueArguments,
        /// The device's name: 1 to 32 characters out of a-z, 0-9 and `-`
        name: DeviceName,
    },
    /// Show who a certificate is for: role, names, validity, fingerprint
    #[command(after_help = "Example: raftchatctl certs show alice/certs/leaf.crt")]
    Show {
        /// Certificate files in PEM; of a directory, all its `.crt` files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Say in plain words whether a certificate would be accepted; exits with 1 if not
    #[command(after_help = "Example: raftchatctl certs verify node-1/certs")]
    Verify {
        /// A certificate file, the `certs` directory of a node or device, or a `pki` directory
        #[arg(value_name = "DIR|FILE")]
        path: PathBuf,
        /// Trust the authorities in this file instead of those beside the certificate
        #[arg(long, value_name = "FILE")]
        anchor: Option<PathBuf>,
    },
}

/// What issuing for a node and for a device share.
#[derive(Debug, Args)]
pub struct IssueArguments {
    /// The directory with the authorities, made by `certs init` or `cluster init`
    #[arg(long, value_name = "PKI")]
    dir: PathBuf,
    /// Where to: made if missing; nothing in it is overwritten
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Sign the public key of this request instead of making a key; nothing else in the request is used
    #[arg(long, value_name = "FILE")]
    csr: Option<PathBuf>,
}

/// Why a `certs` command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CertsFailure {
    /// The certificates were verified and found wanting; what is wrong has been printed.
    #[error("{0} would not be accepted: see what is said of it above")]
    Refused(String),
    /// The request, or what was asked for, cannot be signed.
    #[error("{0}")]
    Usage(String),
    /// A certificate could not be made with the authorities there are.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// A file is there already, missing, unreadable or damaged.
    #[error(transparent)]
    File(#[from] FileError),
    /// The answer could not be written.
    #[error("the answer cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl CertsFailure {
    /// The program's exit status: 1 refused, 2 wrong usage, 4 a local file.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) => 1,
            Self::Usage(_) | Self::File(FileError::AlreadyExists(_)) | Self::Issue(IssueError::Name(_)) => 2,
            Self::File(_) | Self::Issue(_) | Self::Output(_) => 4,
        }
    }

    /// The failure in kebab-case, for scripts.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(_) => "certificate-refused",
            Self::Usage(_) => "wrong-usage",
            Self::Issue(IssueError::Name(_)) => "malformed-name",
            Self::Issue(_) => "cannot-issue",
            Self::File(FileError::AlreadyExists(_)) => "already-exists",
            Self::File(FileError::Missing { .. }) => "file-missing",
            Self::File(FileError::KeyNotPrivate { .. }) => "key-not-private",
            Self::File(FileError::Unwritable { .. }) | Self::Output(_) => "not-writable",
            Self::File(FileError::Unreadable { .. }) => "file-unreadable",
            Self::File(_) => "file-damaged",
        }
    }
}

/// Does what was asked and prints the answer on standard output: a person's words, or with `json` one object for each
/// certificate. A failure is for the caller to print, with [`CertsFailure::code`].
pub fn run(command: CertsCommand, json: bool) -> Result<(), CertsFailure> {
    let form = if json { Form::Json } else { Form::Words };
    let mut printer = Printer { form, out: io::stdout().lock(), now: SystemTime::now() };
    match printer.run(command) {
        // Whoever reads has seen enough, as `head` does.
        Err(CertsFailure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[derive(Clone, Copy)]
enum Form {
    Words,
    Json,
}

struct Printer<W> {
    form: Form,
    out: W,
    now: SystemTime,
}

impl<W: Write> Printer<W> {
    fn run(&mut self, command: CertsCommand) -> Result<(), CertsFailure> {
        match command {
            CertsCommand::Init { dir } => self.init(&dir),
            CertsCommand::Node { issue, id } => {
                let subject = Subject::node(id).map_err(IssueError::from)?;
                self.issue(&issue, &subject)
            }
            CertsCommand::Device { issue, name } => self.issue(&issue, &Subject::Device(name)),
            CertsCommand::Show { files } => files.iter().try_for_each(|file| self.show(file)),
            CertsCommand::Verify { path, anchor } => self.verify(&path, anchor.as_deref()),
        }
    }

    fn init(&mut self, directory: &Path) -> Result<(), CertsFailure> {
        let authorities = Authorities::create(self.now)?;
        authorities.save(directory)?;
        let (cluster, directory) = (authorities.cluster(), directory.display());
        let answer = json!({ "cluster": cluster.as_str(), "dir": directory.to_string() });
        self.answer(&answer, || {
            format!(
                "made the authorities of cluster {cluster} in {directory}\n\
                 root.key signs nothing from now on: move it to a medium that is kept offline"
            )
        })
    }

    fn issue(&mut self, arguments: &IssueArguments, subject: &Subject) -> Result<(), CertsFailure> {
        let authorities = Authorities::load(&arguments.dir)?;
        let anchors = authorities.anchors_for(subject);
        let out = &arguments.out;
        let certificate = if let Some(request) = &arguments.csr {
            let leaf = authorities.sign_request(subject, &read_request(request)?, self.now)?;
            leaf.write(out, &anchors)?;
            leaf.chain().first().map(|leaf| leaf.to_vec()).unwrap_or_default()
        } else {
            let leaf = authorities.issue(subject, self.now)?;
            leaf.write(out, &anchors)?;
            leaf.certificate().to_vec()
        };
        let description = describe(&certificate).map_err(|error| damaged(out, &error))?;
        self.describe(out, &description)
    }

    fn show(&mut self, path: &Path) -> Result<(), CertsFailure> {
        if path.is_dir() {
            return certificate_files(path)?.iter().try_for_each(|file| self.show(file));
        }
        let certificates = read_certificates(path)?;
        for certificate in &certificates {
            let description = describe(certificate).map_err(|error| damaged(path, &error))?;
            self.describe(path, &description)?;
        }
        Ok(())
    }

    fn verify(&mut self, path: &Path, anchor: Option<&Path>) -> Result<(), CertsFailure> {
        let anchors = anchor.map(read_certificates).transpose()?.unwrap_or_default();
        let reports = verify_files(path, &anchors, self.now)?;
        for report in &reports {
            self.report(report)?;
        }
        let refused: Vec<_> = reports
            .iter()
            .filter(|report| has_problem(report))
            .map(|report| report.path.display().to_string())
            .collect();
        if refused.is_empty() { Ok(()) } else { Err(CertsFailure::Refused(refused.join(", "))) }
    }

    fn report(&mut self, report: &FileReport) -> Result<(), CertsFailure> {
        let finding = |finding: &Finding| json!({ "code": finding.code(), "message": finding.to_string() });
        let answer = json!({
            "file": report.path.display().to_string(),
            "who": report.who,
            "accepted": !has_problem(report),
            "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        });
        self.answer(&answer, || {
            let lines = report.findings.iter().map(|finding| format!("{}: {finding}", report.path.display()));
            lines.collect::<Vec<_>>().join("\n")
        })
    }

    fn describe(&mut self, file: &Path, description: &Description) -> Result<(), CertsFailure> {
        let days_left = description.days_left(self.now);
        let uses: Vec<_> = description.uses.iter().map(ToString::to_string).collect();
        let answer = json!({
            "file": file.display().to_string(),
            "who": description.who(),
            "role": description.role.name(),
            "cluster": description.cluster.as_ref().map(ToString::to_string),
            "dns_names": description.dns_names,
            "uris": description.uris,
            "permitted_domains": description.permitted_domains,
            "uses": uses,
            "valid_from": description.valid_from(),
            "valid_until": description.valid_until(),
            "days_left": days_left,
            "issuer": description.issuer,
            "serial": description.serial,
            "fingerprint": description.fingerprint.to_string(),
        });
        self.answer(&answer, || paragraph(file, description, days_left, &uses))
    }

    fn answer(&mut self, answer: &Value, words: impl FnOnce() -> String) -> Result<(), CertsFailure> {
        match self.form {
            Form::Words => writeln!(self.out, "{}", words())?,
            Form::Json => writeln!(self.out, "{answer}")?,
        }
        Ok(())
    }
}

fn paragraph(file: &Path, description: &Description, days_left: i64, uses: &[String]) -> String {
    let names: Vec<_> = description.dns_names.iter().chain(&description.uris).map(String::as_str).collect();
    let validity = format!("{} to {}", description.valid_from(), description.valid_until());
    let left = if days_left < 0 { "expired".to_owned() } else { format!("{} left", counted(days_left, "day")) };
    let lines = [
        ("who", description.who()),
        ("role", description.role.to_string()),
        ("names", names.join("\n               ")),
        ("signs only", description.permitted_domains.join(", ")),
        ("used as", uses.join(", ")),
        ("valid", format!("{validity} ({left})")),
        ("issuer", description.issuer.clone()),
        ("fingerprint", description.fingerprint.to_string()),
    ];
    let told = lines.iter().filter(|(_, text)| !text.is_empty());
    let told: Vec<_> = told.map(|(title, text)| format!("  {title:<11}  {text}")).collect();
    format!("{}\n{}", file.display(), told.join("\n"))
}

fn has_problem(report: &FileReport) -> bool {
    report.findings.iter().any(Finding::is_problem)
}

fn read_request(path: &Path) -> Result<RequestedKey, CertsFailure> {
    let text = read(path)?;
    RequestedKey::from_pem(&text).map_err(|error| match error {
        RequestError::Unreadable => damaged(path, &error).into(),
        RequestError::NotSigned | RequestError::KeyKind => CertsFailure::Usage(format!("{}: {error}", path.display())),
    })
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let text = read(path)?;
    certificates_from_pem(&text).map_err(|error| damaged(path, &error))
}

/// The `.crt` files of a directory, by name.
fn certificate_files(directory: &Path) -> Result<Vec<PathBuf>, FileError> {
    let unreadable = |source| FileError::Unreadable { path: directory.to_owned(), source };
    let entries = std::fs::read_dir(directory).map_err(unreadable)?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>().map_err(unreadable)?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "crt"));
    files.sort();
    if files.is_empty() {
        return Err(FileError::Missing {
            path: directory.join("*.crt"),
            hint: "name a file or directory with certificates",
        });
    }
    Ok(files)
}

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let (path, hint) = (path.to_owned(), "name a file that is there");
    std::fs::read(&path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => FileError::Missing { path, hint },
        _ => FileError::Unreadable { path, source },
    })
}

fn damaged(path: &Path, reason: &impl ToString) -> FileError {
    FileError::Damaged { path: path.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(subcommand)]
        command: CertsCommand,
    }

    /// Runs a command line in which `~` stands for `home`, and gives the lines it printed.
    fn typed(home: &Path, form: Form, line: &str) -> Result<Vec<String>, CertsFailure> {
        let words = line.split(' ').map(|word| word.replace('~', home.to_str().unwrap()));
        let program = Program::try_parse_from(std::iter::once("certs".to_owned()).chain(words)).unwrap();
        let mut out = Vec::new();
        let mut printer = Printer { form, out: &mut out, now: SystemTime::now() };
        printer.run(program.command)?;
        Ok(String::from_utf8(out).unwrap().lines().map(str::to_owned).collect())
    }

    #[test]
    fn a_cluster_is_made_shown_and_verified_by_hand() {
        let home = tempfile::tempdir().unwrap();
        let json = |line: &str| -> Vec<Value> {
            let lines = typed(home.path(), Form::Json, line).unwrap();
            lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        let cluster = json("init --dir ~/pki")[0]["cluster"].as_str().unwrap().to_owned();
        let node = &json("node --dir ~/pki --out ~/node-1/certs 1")[0];
        assert_eq!(node["who"], format!("node 1 of cluster {cluster}"));
        let made = &json("device --dir ~/pki --out ~/alice alice")[0];
        let shown = json("show ~/alice/leaf.crt");
        assert_eq!(shown.len(), 2, "one object for each certificate of the chain");
        assert_eq!((&shown[0]["role"], &shown[1]["role"]), (&json!("device"), &json!("device-authority")));
        assert_eq!(shown[0]["fingerprint"], made["fingerprint"]);
        assert!(matches!(shown[0]["days_left"].as_i64(), Some(396 | 397)), "{}", shown[0]);
        for place in ["~/pki", "~/alice", "~/node-1/certs/leaf.crt --anchor ~/pki/root.crt"] {
            let reports = json(&format!("verify {place}"));
            assert!(reports.iter().all(|report| report["accepted"] == true), "{reports:?}");
        }
        let words = typed(home.path(), Form::Words, "show ~/alice/leaf.crt").unwrap();
        assert!(words.contains(&format!("  who          device alice of cluster {cluster}")), "{words:?}");
    }

    #[test]
    fn help_says_what_each_command_does() {
        let mut program = <Program as clap::CommandFactory>::command();
        program.build();
        let about = |name| program.find_subcommand(name).unwrap().get_about().unwrap().to_string();
        assert_eq!(about("node"), "Make the certificate of a node");
        assert_eq!(about("device"), "Make the certificate of a device");
    }

    #[test]
    fn each_failure_has_its_exit_status() {
        let home = tempfile::tempdir().unwrap();
        let run = |line| typed(home.path(), Form::Words, line);
        run("init --dir ~/pki").unwrap();
        run("init --dir ~/other").unwrap();
        run("device --dir ~/pki --out ~/alice alice").unwrap();
        std::fs::write(home.path().join("nonsense"), "hello").unwrap();
        let cases = [
            ("init --dir ~/pki", 2, "already-exists"),
            ("device --dir ~/pki --out ~/alice alice", 2, "already-exists"),
            ("device --dir ~/nowhere --out ~/bob bob", 4, "file-missing"),
            ("device --dir ~/pki --out ~/bob bob --csr ~/nonsense", 4, "file-damaged"),
            ("show ~/nonsense", 4, "file-damaged"),
            ("verify ~/nowhere", 4, "file-missing"),
            ("verify ~/alice --anchor ~/other/devices.crt", 1, "certificate-refused"),
        ];
        for (line, exit_code, code) in cases {
            let failure = run(line).unwrap_err();
            assert_eq!((failure.exit_code(), failure.code()), (exit_code, code), "{line}: {failure}");
        }
        assert!(!home.path().join("bob").exists(), "nothing is left of what failed");
    }
}
