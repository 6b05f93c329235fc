//! What the end-to-end tests need besides Rust: Debian packages, a Python environment, npm packages, Go.
//!
//! What is missing is installed where that is possible without asking (root with apt-get; a virtual environment under
//! `target/`), and said. What cannot be installed is listed: its tests are skipped loudly, and under `CI=true` that is a
//! failure, because a gate that skips proves nothing.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// A program the tests drive, and the Debian package that brings it.
const PROGRAMS: &[(&str, &str)] = &[
    ("sipp", "sip-tester"),
    ("baresip", "baresip-core"),
    ("kamailio", "kamailio"),
    (KAMAILIO_TLS, "kamailio-tls-modules"),
    ("turnserver", "coturn"),
    ("dnsmasq", "dnsmasq-base"),
    ("openssl", "openssl"),
    ("tshark", "tshark"),
    ("chromium", "chromium"),
    ("firefox-esr", "firefox-esr"),
    ("pulseaudio", "pulseaudio"),
    ("npm", "npm"),
    ("nginx", "nginx-light"),
    ("systemd-analyze", "systemd"),
];
/// No program but a module of one, in a folder per architecture.
const KAMAILIO_TLS: &str = "kamailio/modules/tls.so";
/// What `python3 -m venv` needs on Debian.
const VENV_PACKAGE: &str = "python3-venv";

/// Makes the tools available and returns the Python interpreter that runs the tests.
pub(crate) fn prepare(root: &Path) -> Result<PathBuf> {
    let missing: Vec<_> = PROGRAMS.iter().filter(|(program, _)| !is_installed(program)).collect();
    if !missing.is_empty() {
        install_packages(&missing.iter().map(|(_, package)| *package).collect::<Vec<_>>())?;
    }
    report_missing()?;
    python_environment(root)
}

/// Installs the npm packages that a folder's lock file pins; false when there is no Node.js.
pub(crate) fn node_packages(root: &Path, folder: &str) -> Result<bool> {
    if !on_path("npm") || !on_path("node") {
        return Ok(false);
    }
    let folder = root.join(folder);
    let wanted = fs::read_to_string(folder.join("package-lock.json")).context("reading package-lock.json")?;
    let stamp = folder.join("node_modules/installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(true);
    }
    println!("installing npm packages in {}", folder.display());
    let installed = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(&folder)
        .status()
        .context("running npm")?;
    if !installed.success() {
        bail!("npm could not install the packages of {}", folder.display());
    }
    fs::write(&stamp, wanted).context("writing the packages' stamp")?;
    Ok(true)
}

/// Whether there is a Go that can fetch the release which go.mod asks for: 1.21 or newer. Debian 12's is older.
pub(crate) fn go() -> Result<bool> {
    if !on_path("go") {
        install_packages(&["golang-go"])?;
    }
    let version = Command::new("go").args(["env", "GOVERSION"]).env("GOTOOLCHAIN", "local").output();
    let version =
        version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let minor = version
        .strip_prefix("go1.")
        .and_then(|rest| rest.split('.').next())
        .and_then(|n| n.parse::<u32>().ok());
    if minor.is_some_and(|minor| minor >= 21) {
        return Ok(true);
    }
    eprintln!("MISSING: go 1.21 or newer (here: {version:?}); the Go suite is skipped");
    refuse_under_ci()?;
    Ok(false)
}

fn is_installed(program: &str) -> bool {
    if program != KAMAILIO_TLS {
        return on_path(program);
    }
    let Ok(folders) = fs::read_dir("/usr/lib") else { return false };
    folders.flatten().any(|folder| folder.path().join(program).is_file())
}

/// Makes sure that a program is there.
pub(crate) fn program(program: &str, package: &str) -> Result<()> {
    if !on_path(program) {
        install_packages(&[package])?;
    }
    if !on_path(program) {
        bail!("{program} is needed (Debian package {package})");
    }
    Ok(())
}

fn on_path(program: &str) -> bool {
    let Some(path) = env::var_os("PATH") else { return false };
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Installs Debian packages if we are root on a machine that has apt-get; otherwise says what to do.
fn install_packages(packages: &[&str]) -> Result<()> {
    if !on_path("apt-get") || !is_root() {
        eprintln!("not installed: {0}; to install: sudo apt-get install {0}", packages.join(" "));
        return Ok(());
    }
    println!("installing Debian packages: {}", packages.join(" "));
    let refreshed =
        Command::new("apt-get").args(["update", "-qq"]).status().context("running apt-get update")?;
    if !refreshed.success() {
        eprintln!("apt-get update failed; trying with the lists that are there");
    }
    let installed = Command::new("apt-get")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .context("running apt-get install")?;
    if !installed.success() {
        eprintln!("apt-get could not install {}", packages.join(" "));
    }
    Ok(())
}

fn is_root() -> bool {
    let identity = Command::new("id").arg("-u").output();
    identity.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn report_missing() -> Result<()> {
    let missing: Vec<_> = PROGRAMS.iter().filter(|(program, _)| !is_installed(program)).collect();
    for (program, package) in &missing {
        eprintln!("MISSING: {program} (Debian package {package}); the tests that need it are skipped");
    }
    if missing.is_empty() { Ok(()) } else { refuse_under_ci() }
}

fn refuse_under_ci() -> Result<()> {
    if env::var("CI").is_ok_and(|value| value == "true") {
        bail!("tools are missing and CI=true: a gate does not skip");
    }
    Ok(())
}

/// A virtual environment with the pinned packages, made anew when the list of packages changes.
fn python_environment(root: &Path) -> Result<PathBuf> {
    let wanted_list = root.join("tests/e2e/requirements.txt");
    let wanted = fs::read_to_string(&wanted_list).context("reading tests/e2e/requirements.txt")?;
    let home = root.join("target/python");
    let python = home.join("bin/python");
    let stamp = home.join("installed.txt");
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    println!("making a Python environment in target/python");
    make_virtual_environment(&home)?;
    let installed = Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(&wanted_list)
        .status()
        .context("running pip")?;
    if !installed.success() {
        bail!("pip could not install the packages of tests/e2e/requirements.txt");
    }
    fs::write(&stamp, wanted).context("writing the environment's stamp")?;
    Ok(python)
}

fn make_virtual_environment(home: &Path) -> Result<()> {
    let make = || Command::new("python3").args(["-m", "venv", "--clear"]).arg(home).status();
    if make().is_ok_and(|status| status.success()) {
        return Ok(());
    }
    install_packages(&["python3", VENV_PACKAGE])?;
    if make().context("running python3 -m venv")?.success() {
        return Ok(());
    }
    bail!("python3 -m venv does not work here; install {VENV_PACKAGE}")
}
