"""The commit that this code is of, for records and the report."""

import shutil
import subprocess

from common.paths import ROOT

# a kernel's toolkit is in no repository: it carries what this said where it was written
COMMIT = "COMMIT"


def ask(*command: str) -> str | None:
    """What a command prints; None where it is missing, fails or hangs."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.rstrip() if done.returncode == 0 else None


def commit() -> str:
    """The toolkit's commit and whether files differ from it."""
    if (carried := ROOT / COMMIT).exists():
        return carried.read_text()
    if not shutil.which("git"):
        return "not known: there is no git here"
    name = ask("git", "-C", str(ROOT), "log", "-1", "--format=%h %cs %s")
    if not name:
        return "not known: the toolkit is in no git repository here"
    changed = (
        ask("git", "--no-optional-locks", "-C", str(ROOT), "status", "--porcelain") or ""
    ).splitlines()
    return name + (
        f"; and {len(changed)} files that differ from it, e.g. {changed[0][3:].strip()}"
        if changed
        else "; no file differs from it"
    )
