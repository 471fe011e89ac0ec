"""Python for the tests' scripts that has imported the libraries already: importing them takes two
to ten seconds, and the suite starts some hundred scripts.

`python -I -S tests/warm.py SOCKET scripts/x.py ...` is `python scripts/x.py ...`: a process of its
own that takes its arguments, environment, folder and open files from who starts it, imports the
project's modules itself, and ends as it ends. It is forked from one that waits at the socket, with
nothing but libraries in it. What is not a script, and what brings another value of a variable that
libraries read when they are imported, gets a Python of its own instead.

Not the same: its parent and command line, the seed of hash(), which packages its records call
loaded, that no objects are taken apart at its end; signals to it are no signals to the script,
which is killed when it is gone. A test of such things takes sys.executable.
"""

import os
import sys

READ_ON_IMPORT = ("CUDA", "HF_", "HOME", "LANG", "LC_", "MKL", "MPL", "OMP", "OPENBLAS")
READ_ON_IMPORT += ("PYTHON", "TMPDIR", "TOKENIZERS", "TRANSFORMERS", "TZ", "XDG")
LIBRARIES = """numpy pandas pydantic tqdm PIL.Image PIL.ImageDraw cv2 jinja2 pyarrow torch
safetensors.torch torchvision timm timm.optim timm.scheduler transformers
transformers.models.auto.modeling_auto sklearn.linear_model sklearn.svm sklearn.decomposition
sklearn.model_selection sklearn.feature_extraction.text lightgbm albumentations
matplotlib.figure matplotlib.backends.backend_svg urllib3"""


def ask(socket_path: str, argv: list[str]) -> None:
    """Have a script run by the process at the socket, and end as it does."""
    import array
    import json
    import signal
    import socket

    words = {"argv": argv, "env": dict(os.environ), "cwd": os.getcwd(), "group": os.getpgrp()}
    with socket.socket(socket.AF_UNIX) as at:
        at.connect(socket_path)
        files = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))
        at.sendmsg([b"."], [files])
        at.sendall(json.dumps(words).encode() + b"\n")
        said = b""
        while not said.endswith(b"\n"):
            more = at.recv(100)
            if not more:
                sys.exit("warm.py: the process that has the libraries is gone")
            said += more
    if said == b"alone\n":
        os.execv(sys.executable, [sys.executable, *argv])
    code = int(said)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def serve(listener: int) -> None:
    """Import the libraries, then fork for everyone who asks, until the file at 0 is closed."""
    import gc
    import importlib
    import json
    import select
    import signal
    import socket

    own = read_on_import(os.environ)
    for name in LIBRARIES.split():
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # the script will say so
    gc.collect()
    gc.freeze()  # no page is copied for the collector's marks
    door = socket.socket(fileno=listener)
    running: dict[int, tuple[socket.socket, int, int]] = {}  # connection, pid, group, by pidfd
    while True:
        callers = {at.fileno(): pidfd for pidfd, (at, *_) in running.items()}
        ready, _, _ = select.select([0, listener, *running, *callers], [], [])
        if 0 in ready:
            for _, pid, _ in running.values():
                os.kill(pid, signal.SIGKILL)
            return
        for pidfd in [fd for fd in ready if fd in running]:
            at, pid, _ = running.pop(pidfd)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            os.close(pidfd)
            try:
                at.sendall(f"{code}\n".encode())
            except OSError:
                pass  # nobody waits for it
            at.close()
        for fd in [fd for fd in ready if callers.get(fd) in running]:
            signal.pidfd_send_signal(callers[fd], signal.SIGKILL)  # its caller is gone
            at, pid, _ = running[callers[fd]]
            os.waitpid(pid, 0)
            os.close(callers[fd])
            at.close()
            del running[callers[fd]]
        if listener not in ready:
            continue
        at, _ = door.accept()
        _, files, _, _ = socket.recv_fds(at, 1, 3)
        with at.makefile("rb") as lines:
            line = lines.readline()
        words = json.loads(line) if line.endswith(b"\n") else None  # it was killed while it asked
        if words is None:
            at.close()
        elif "argv" not in words:
            waiting = [group for *_, group in running.values() if group == words["group"]]
            at.sendall(f"{len(waiting)}\n".encode())
            at.close()
        elif len(files) < 3 or not fits(words, own):
            at.sendall(b"alone\n")
            at.close()
        elif pid := os.fork():
            running[os.pidfd_open(pid)] = (at, pid, words["group"])
        else:
            door.close()
            at.close()
            for other, *_ in running.values():
                other.close()
            for pidfd in running:
                os.close(pidfd)
            become(words, files)
            return
        for file in files:
            os.close(file)


def read_on_import(environment) -> dict:
    """What of it libraries read; PYTHON itself is make's."""
    return {k: v for k, v in environment.items() if k.startswith(READ_ON_IMPORT) and k != "PYTHON"}


def fits(words: dict, own: dict) -> bool:
    """Whether it is a script, and its libraries would be as those that are imported."""
    return (
        words["argv"][:1]
        and words["argv"][0].endswith(".py")
        and (read_on_import(words["env"]) == own)
    )


def become(words: dict, files: list[int]) -> None:
    """Be the script, in the fork."""
    import random
    import types

    import numpy as np

    for to, file in enumerate(files):
        os.dup2(file, to)
        os.close(file)
    os.environ.clear()
    os.environ.update(words["env"])
    os.chdir(words["cwd"])
    sys.argv = words["argv"]
    file = os.path.abspath(sys.argv[0])
    sys.path[0] = os.path.dirname(os.path.realpath(file))
    random.seed()
    np.random.seed()
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=file, __builtins__=__builtins__)
    sys.modules["__main__"] = main
    with open(file, "rb") as source:
        code = compile(source.read(), file, "exec")
    leave(run(code, main.__dict__))


def run(code, names: dict) -> int:
    """Run the script; gives its exit code, as Python would."""
    try:
        exec(code, names)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        print(end.code, file=sys.stderr)
        return 1
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__.tb_next)
        return 1
    return 0


def leave(code: int) -> None:
    """End as Python does, but without taking all libraries apart, which takes two seconds."""
    import atexit
    import threading

    threading._shutdown()
    atexit._run_exitfuncs()
    for file in (sys.stdout, sys.stderr):
        try:
            file.flush()
        except OSError:
            code = code or 120
    os._exit(code)


class Server:
    """The process that waits, from here until this one ends."""

    def __init__(self, folder: str, environment: dict):
        import socket
        import subprocess

        self.path = os.path.join(folder, "warm")
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(self.path)
            door.listen(100)  # who comes early waits
            self.process = subprocess.Popen(
                [sys.executable, os.path.abspath(__file__), "--serve", str(door.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[door.fileno()],
                start_new_session=True,
                env=environment,
            )

    def close(self) -> None:
        """End it, and what it still runs."""
        self.process.stdin.close()
        self.process.wait()


def kill(process, socket_path: str) -> None:
    """SIGKILL a process that leads a session, all that it started, and their scripts; nothing of
    them runs on when this ends."""
    import contextlib
    import json
    import signal
    import socket
    import time

    with contextlib.suppress(ProcessLookupError):  # it has ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    left = b""
    while left != b"0\n":
        time.sleep(0.01)
        with socket.socket(socket.AF_UNIX) as at:
            at.settimeout(60)
            at.connect(socket_path)
            at.sendall(b"." + json.dumps({"group": process.pid}).encode() + b"\n")
            left = at.recv(100)


def command(socket_path: str) -> list[str]:
    """What to write in the place of python."""
    return [sys.executable, "-I", "-S", os.path.abspath(__file__), socket_path]


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(int(sys.argv[2]))
    else:
        ask(sys.argv[1], sys.argv[2:])
