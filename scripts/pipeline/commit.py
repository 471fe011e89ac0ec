"""The commit that this code is of, for records and the report."""

import shutil
import subprocess

from common.paths import ROOT

# a kernel's toolkit is in no repository: it carries in this file what `commit` said where it was
# written
COMMIT = "COMMIT"


def ask(*command: str) -> str | None:
    """What a command prints; None where it is missing, fails or hangs."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None

    return done.stdout.rstrip() if done.returncode == 0 else None


def git(*words: str) -> str:
    """What git prints about this repository; "" where it fails."""
    return ask("git", "--no-optional-locks", "-C", str(ROOT), *words) or ""


def commit() -> str:
    """The toolkit's commit and whether files differ from it."""
    carried = ROOT / COMMIT
    if carried.exists():
        return carried.read_text()

    if not shutil.which("git"):
        return "not known: there is no git here"

    name = git("log", "-1", "--format=%h %cs %s")
    if not name:
        return "not known: the toolkit is in no git repository here"

    changes = git("status", "--porcelain").splitlines()
    if not changes:
        return f"{name}; no file differs from it"

    first = changes[0][3:].strip()
    return f"{name}; and {len(changes)} files that differ from it, e.g. {first}"
