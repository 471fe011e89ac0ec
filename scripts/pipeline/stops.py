"""How a script ends: one line and an exit code; why a step stopped, in a note for the report."""

import errno
import json
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from common.errors import UserError
from common.files import replacing
from common.paths import ROOT, Paths, safe_name
from common.processes import limit_spinning

NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
DISK_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
# what safetensors and torch.save make of a full disk
DISK_FULL_MESSAGES = ("os error 28", "inline_container")
NOTE_KEYS = {"when", "command", "code", "message"}


def run(main, noted: bool = True) -> None:
    """Call a script's main and exit. A UserError, Ctrl-C or a full disk ends in one line and an
    exit code, never in a traceback.

    noted: whether a step (a script with a TARGET) leaves a note for the report why it stopped.
    """
    limit_spinning()
    is_step = noted and "TARGET" in main.__globals__
    command = command_line(main.__globals__.get("OPTION")) if is_step else ""

    try:
        sys.exit(main())
    except UserError as error:
        script = sys.argv[0].rsplit("/", 1)[-1]
        note_stop(str(error), error.code, command)
        exit_with(f"{script}: {error}", error.code)
    except BrokenPipeError:  # whoever read what is printed has gone, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except KeyboardInterrupt:
        exit_with("stopped; the same command goes on from here", 130)
    except Exception as error:
        line = explain(error)
        note_stop(line or f"{type(error).__name__}: {error}", 1, command)

        if line:
            exit_with(line, 1)

        raise


def explain(error: Exception) -> str:
    """One line for an error of the user's machine; "" of any other error."""
    number = getattr(error, "errno", None)
    if number in NOT_WRITABLE:
        return (
            f"cannot write {error.filename}: {error.strerror}; name folders that can be written in "
            "input_path (for the sample), working_path and submissions_path, "
            "e.g. input_path=/kaggle/working/input"
        )

    if number in DISK_FULL or any(text in str(error) for text in DISK_FULL_MESSAGES):
        file = getattr(error, "filename", None) or "while writing"
        return (
            f"the disk is full ({file}): free some space, then run the same command again; "
            "nothing half written was left"
        )

    return ""


def exit_with(line: str, code: int) -> None:
    print(line, file=sys.stderr)
    sys.exit(code)


def command_line(option: str | None) -> str:
    """This process's command as records have it, e.g. "04_train_fold c2 --member net_0"; "" where
    it makes no file of the pipeline, e.g. 09 with --check.

    option: the script's OPTION, None where it has none.
    """
    script = Path(sys.argv[0]).stem
    words = [word for word in sys.argv[1:] if "=" not in word]  # without the settings

    options = words[1:]
    if "--rows" in options:
        i = options.index("--rows")
        options = options[:i] + options[i + 2 :]

    if option:
        makes_a_file = options[:1] == [option] and len(options) == 2
    else:
        makes_a_file = not options

    return " ".join([script, *words]) if makes_a_file else ""


def note_file(command: str) -> Path:
    """Where the note of a step stands, e.g. working/c2/stopped/04_train_fold.net_0.json of
    "04_train_fold c2 --member net_0"."""
    script, category, *option = command.split()
    names = [script, *[safe_name(word) for word in option if not word.startswith("--")]]
    return Paths(category).stopped / f"{'.'.join(names)}.json"


def note_stop(message: str, code: int, command: str) -> None:
    """Leave for the report why a step stopped; the note goes when the step's file is made.

    command: "" of a script that is no step. Never raises: the error at hand is what matters.
    """
    if not re.fullmatch(r"\d\d_\w+ \w+( --\w+ \S+)*", command):
        return

    category = command.split()[1]
    if not (ROOT / "configs" / f"{category}.py").exists():
        return

    now = datetime.now(UTC).isoformat(timespec="seconds")
    note = {"when": now, "command": command, "code": code, "message": message}

    try:
        with replacing(note_file(command)) as tmp:
            tmp.write_text(json.dumps(note, indent=1))
    except Exception:
        return


def read_stop(command: str) -> dict:
    """The note of a step; {} where there is none."""
    return read_note(note_file(command))


def stops_since(category: str, since: float) -> list[dict]:
    """The notes of a category's steps that stopped after `since` (Unix time)."""
    files = Paths(category).stopped.glob("*.json")
    notes = [read_note(file) for file in files if file.stat().st_mtime >= since]
    return [note for note in notes if note]


def read_note(file: Path) -> dict:
    """A note; {} where it cannot be read."""
    try:
        note = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}

    is_note = isinstance(note, dict) and note.keys() >= NOTE_KEYS
    return note if is_note else {}
