"""The one way a script stops: a line for a person, an exit code for Make."""
import errno
import os
import sys

AGAIN = 75  # exit code: stopped cleanly at the time limit, run me again


class Stop(Exception):
    """What is wrong, where, what would be right, and the command to run next. `code` is the exit code."""

    def __init__(self, message: str, code: int = 1):
        super().__init__(message)
        self.code = code


def run(main) -> None:
    """Call a script's main; a Stop, Ctrl-C or full disk ends in one line and an exit code, never in a traceback."""
    try:
        sys.exit(main())
    except Stop as stop:
        print(f"{sys.argv[0].rsplit('/', 1)[-1]}: {stop}", file=sys.stderr)
        sys.exit(stop.code)
    except BrokenPipeError:  # whoever read what is printed has gone, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if getattr(error, "errno", None) in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
            print(f"cannot write {error.filename}: {error.strerror}; name folders that can be written in input_path (for the sample), "
                  "working_path and submissions_path, e.g. input_path=/kaggle/working/input", file=sys.stderr)
            sys.exit(1)
        if not disk_full(error):
            raise
        print(f"the disk is full ({getattr(error, 'filename', None) or 'while writing'}): free some space, then run the same command "
              "again; nothing half written was left", file=sys.stderr)
        sys.exit(1)


def disk_full(error: Exception) -> bool:
    """Whether writing failed for want of space: the system's error, or what safetensors and torch.save make of it."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT) or any(sign in str(error) for sign in ("os error 28", "inline_container"))
