"""How a script stops: one line, an exit code, a note for the report; the time limit."""

import errno
import json
import os
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from common.errors import AGAIN, UserError
from common.processes import limit_spinning

STARTED = time.time()


def check_time_limit(run) -> None:
    """Stop, to be run again, when run.time_limit has come; what was saved before is gone on
    with."""
    if time.time() > deadline(run):
        raise time_is_up(run)


def time_is_up(run) -> UserError:
    return UserError(
        f"the time limit of {run.time_limit:g} hours has come; run the same command "
        "again, it goes on from here",
        AGAIN,
    )


def deadline(run) -> float:
    """Unix time at which to stop cleanly; run.time_limit counts from the start of make, or of this
    process."""
    started = float(os.environ.get("MAKE_STARTED") or STARTED)
    return started + 3600 * run.time_limit if run.time_limit else float("inf")


def run(main, noted: bool = True) -> None:
    """Call a script's main; a UserError, Ctrl-C or full disk ends in one line and an exit code, never in
    a traceback. Of a step, a script with a TARGET, the report is left why it stopped (noted)."""
    limit_spinning()
    is_step = noted and "TARGET" in main.__globals__
    command = command_line(main.__globals__.get("OPTION")) if is_step else ""
    try:
        sys.exit(main())
    except UserError as stop:
        end(f"{sys.argv[0].rsplit('/', 1)[-1]}: {stop}", stop.code, command, str(stop))
    except BrokenPipeError:  # whoever read what is printed has gone, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if getattr(error, "errno", None) in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
            end(
                f"cannot write {error.filename}: {error.strerror}; name folders that can "
                "be written in input_path (for the sample), "
                "working_path and submissions_path, e.g. input_path=/kaggle/working/input",
                command=command,
            )
        if disk_full(error):
            end(
                "the disk is full "
                f"({getattr(error, 'filename', None) or 'while writing'}): free some "
                "space, then run the same command "
                "again; nothing half written was left",
                command=command,
            )
        note_stop(f"{type(error).__name__}: {error}", 1, command)
        raise


def command_line(option: str | None) -> str:
    """This process's command as records have it, e.g. "04_train_fold c2 --member net_0"; "" where
    it is none that makes a file. option: what the script takes beside the category."""
    script, *words = [Path(sys.argv[0]).stem, *(word for word in sys.argv[1:] if "=" not in word)]
    makes_a_file = words[1:2] == [option] and len(words) == 3 if option else len(words) == 1
    return " ".join([script, *words]) if makes_a_file else ""


def end(line: str, code: int = 1, command: str = "", message: str = "") -> None:
    """Print the line and exit; the report is left the message, else the line."""
    print(line, file=sys.stderr)
    note_stop(message or line, code, command)
    sys.exit(code)


def note_file(command: str) -> Path:
    """Where it stands why a step stopped, e.g. working/c2/stopped/04_train_fold.net_0.json of
    "04_train_fold c2 --member net_0"."""
    from common.paths import Paths, safe_name

    script, category, *option = command.split()
    return Paths(category).stopped / f"{'.'.join([script, *map(safe_name, option[1:])])}.json"


def note_stop(message: str, code: int, command: str) -> None:
    """Leave for the report when a step stopped, its command, exit code and message, until it has
    been made. Never an error of its own: the one at hand is what matters. command "": of no
    step."""
    from common.files import replacing
    from common.paths import ROOT

    words = command.split()
    known = len(words) > 1 and (ROOT / "configs" / f"{words[1]}.py").exists()
    if not known or not re.fullmatch(r"\d\d_\w+ \w+( --\w+ \S+)?", command):
        return
    note = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "code": code,
        "message": message,
    }
    try:
        with replacing(note_file(command)) as part:
            part.write_text(json.dumps(note, indent=1))
    except Exception:
        return


def read_stop(command: str) -> dict:
    """What note_stop left of a step; {} where it left nothing."""
    return read_note(note_file(command))


def stops_since(category: str, since: float) -> list[dict]:
    """What note_stop left of the steps of a category that have stopped since then (Unix time)."""
    from common.paths import Paths

    files = [
        file for file in Paths(category).stopped.glob("*.json") if file.stat().st_mtime >= since
    ]
    return list(filter(None, map(read_note, files)))


def read_note(file: Path) -> dict:
    try:
        note = json.loads(file.read_text())
        return note if {"when", "command", "code", "message"} <= note.keys() else {}
    except (OSError, ValueError, AttributeError):
        return {}


def disk_full(error: Exception) -> bool:
    """Whether writing failed for want of space: the system's error, or what safetensors and
    torch.save make of it."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT) or any(
        sign in str(error) for sign in ("os error 28", "inline_container")
    )
