"""Find the demo that runs here, so that `manage.py ask` and its like talk to it. Standard library only."""

from __future__ import annotations

import fcntl
import os
import secrets
import sys
from pathlib import Path

#: Relative to the checkout: the file that names the directory of the demo that was started last.
LAST_DEMO = Path("var") / "last-demo"
#: Relative to a demo's directory: held locked by the demo as long as it lives, so a kill -9 frees it.
LOCK = Path("run") / "demo.lock"
#: Relative to a demo's directory: KEY=VALUE lines, the settings with which one reaches the demo.
ENVIRONMENT = Path("run") / "demo.env"

#: Commands that make what the settings of all others name: they need no lasting secret, and no other demo's.
BEFORE_ANY_SETTINGS = ("demo", "provision_database")


def load_demo_environment(base_dir: Path) -> dict[str, str]:
    """The settings of the running demo, or {} if none runs or the environment already names a database.

    The variable VAR names the demo's directory; without it the last one started from this checkout is meant.
    Tests never see a demo: they would write into its database.
    """
    if sys.argv[1:2] and sys.argv[1] in BEFORE_ANY_SETTINGS:
        return {"SECRET_KEY": secrets.token_urlsafe(48)}
    if "DATABASE_URL" in os.environ or "pytest" in sys.modules:
        return {}
    directory = demo_directory(base_dir)
    if directory is None or not demo_is_running(directory):
        return {}
    return read_environment(directory / ENVIRONMENT)


def demo_directory(base_dir: Path) -> Path | None:
    """The directory that VAR names, else that of the last demo started from `base_dir`, else None."""
    if named := os.environ.get("VAR"):
        return Path(named).expanduser().resolve()
    try:
        text = (base_dir / LAST_DEMO).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return Path(text) if text else None


def demo_is_running(directory: Path) -> bool:
    """Whether a living process holds the demo's lock (a file left by a killed one holds nothing)."""
    try:
        lock = os.open(directory / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def read_environment(path: Path) -> dict[str, str]:
    """KEY=VALUE lines as a dictionary; blank lines and # comments are left out; {} if no file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if line.strip() and not line.startswith("#"))
    return {name.strip(): value for name, separator, value in pairs if separator}
