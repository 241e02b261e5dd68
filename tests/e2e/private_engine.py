"""A Docker engine of our own, where none answers: it needs Debian and root.

Docker comes out of Debian's packages without being installed, and keeps all its state in a folder.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.docker import Docker, NoEngine

_CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
# containerd and runc run on the host, so they must be of its release.
_HOST_PACKAGES = ["containerd", "runc", "iptables", "iproute2", "debootstrap"]
_DOCKER_SUITE = "trixie"
_DOCKER_PACKAGES = ["docker.io", "docker-cli", "docker-buildx", "docker-compose"]
_EMPTY_TABLES = {
    "filter": "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n",
    "nat": "*nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\nCOMMIT\n",
}
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


@contextmanager
def private_engine(folder: Path) -> Iterator[Docker]:
    """Run an engine in a folder for as long as the context lasts.

    Raises:
        NoEngine: it can't be started here.
    """
    if os.geteuid() != 0:
        raise NoEngine("no Docker engine answers, and only root could start one")
    if not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        raise NoEngine("no Docker engine answers, and one can be started on Debian only")
    patient = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]
    run_or_skip(*patient, "update")
    run_or_skip(*patient, "install", "--no-install-recommends", *_HOST_PACKAGES)
    files = _unpack_docker(folder)
    docker = _client(files, folder)
    with _network_restored(), _daemon(docker, files, folder):
        yield docker


def run_or_skip(*command: str | Path, **environment: str) -> None:
    """Run a command without which there is no engine."""
    done = subprocess.run(
        command,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise NoEngine(f"{' '.join(map(str, command))}: {(done.stdout + done.stderr)[-2000:]}")


def minimal_debian(suite: str, folder: Path) -> Path:
    """Make the smallest Debian of a suite in the folder; apt in it asks whom debootstrap asked."""
    debian = folder / suite
    if debian.exists():
        return debian
    run_or_skip("debootstrap", "--variant=minbase", "--include=ca-certificates", suite, debian)
    # A mirror's copy of sid may be older than sid's release file allows.
    no_limit = debian / "etc/apt/apt.conf.d/no-time-limit"
    no_limit.write_text('Acquire::Check-Valid-Until "false";\n')
    return debian


def _unpack_docker(folder: Path) -> Path:
    """Unpack Docker, of the newer release that has compose, beside the host's own packages."""
    debian, files = minimal_debian(_DOCKER_SUITE, folder), folder / "docker"
    download = f"cd /tmp && apt-get download -qq {' '.join(_DOCKER_PACKAGES)}"
    run_or_skip("chroot", debian, "apt-get", "update", "-qq")
    run_or_skip("chroot", debian, "sh", "-c", download)
    for package in (debian / "tmp").glob("*.deb"):
        run_or_skip("dpkg", "-x", package, files)
        package.unlink()
    return files


def _client(files: Path, folder: Path) -> Docker:
    plugins = folder / "config" / "cli-plugins"
    plugins.mkdir(parents=True)
    for plugin in (files / "usr/libexec/docker/cli-plugins").iterdir():
        (plugins / plugin.name).symlink_to(plugin)
    return Docker(
        str(files / "usr/bin/docker"),
        {"DOCKER_HOST": _socket(folder), "DOCKER_CONFIG": str(folder / "config")},
        # In a network with a CA of its own, builds need to know it; no image gets to hold it.
        ("--secret", f"id=ca,src={_CA_BUNDLE}") if _CA_BUNDLE.exists() else (),
    )


def _socket(folder: Path) -> str:
    return f"unix://{folder}/docker.sock"


@contextmanager
def _network_restored() -> Iterator[None]:
    """Leave the host's network as it was; tables that nobody used are empty again."""
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    forwarding = _FORWARDING.read_text()
    try:
        yield
    finally:
        for table, empty in _EMPTY_TABLES.items():
            rules += "" if f"*{table}" in rules else empty
        subprocess.run(["iptables-restore"], input=rules, text=True, check=False)
        subprocess.run(["ip", "link", "delete", "docker0"], capture_output=True, check=False)
        _FORWARDING.write_text(forwarding)


@contextmanager
def _daemon(docker: Docker, files: Path, folder: Path) -> Iterator[None]:
    command = [
        str(files / "usr/sbin/dockerd"),
        *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
        *("--pidfile", str(folder / "docker.pid"), "--host", _socket(folder)),
        *("--userland-proxy-path", str(files / "usr/sbin/docker-proxy")),
    ]
    environment = {**os.environ, "PATH": f"{files}/usr/sbin:{os.environ['PATH']}:/usr/sbin:/sbin"}
    with (folder / "dockerd.log").open("wb") as log:
        daemon = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        _await_start(docker, daemon, folder / "dockerd.log")
        yield
    finally:
        if containers := docker.run("ps", "--all", "--quiet", check=False).split():
            docker.run("rm", "--force", "--volumes", *containers, check=False)
        docker.run("network", "prune", "--force", check=False)
        daemon.terminate()
        daemon.wait(60)


def _await_start(docker: Docker, daemon: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(60):
        if daemon.poll() is not None:
            end = log.read_text(errors="replace")[-1000:]
            raise NoEngine(f"no Docker engine answers, and ours does not start: {end}")
        if docker.answers():
            return
        time.sleep(0.5)
    raise NoEngine("no Docker engine answers, and ours did not within 30 seconds")
