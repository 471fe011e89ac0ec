"""A warm Python for the tests: a process that has imported torch and the like, and forks to run
each script.

Importing torch, timm and transformers takes five seconds, and the tests start hundreds of scripts
that work for less than one. `python -I -S tests/warm.py script.py ...` does what `python script.py
...` would, with the same folder, environment, standard streams and exit code, in a process that is
forked from the server at the socket WARM_SOCKET. Killed, it takes the script with it. Tests that
look at how scripts start, and those of torchrun, Ray and kernels, start them the plain way.
"""

import fcntl
import json
import os
import select
import signal
import socket
import sys

LARGEST = 1 << 20  # bytes of a request
PRELOADED = (
    "numpy",
    "pandas",
    "pydantic",
    "torch",
    "timm",
    "transformers.modeling_utils",
    "lightgbm",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "scipy.sparse.csgraph",
    "matplotlib.figure",
    "PIL.Image",
)


def ask() -> int:
    """Have the server run sys.argv[1:]; gives the exit code."""
    request = {
        "argv": sys.argv[1:],
        "cwd": os.getcwd(),
        "env": dict(os.environ),
        "group": os.getpgrp(),
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.connect(os.environ["WARM_SOCKET"])
        socket.send_fds(server, [json.dumps(request).encode()], [0, 1, 2])
        answer = server.recv(16)
    return int(answer or 137)  # no answer: who ran it was killed


def serve(path: str) -> str:
    """Fork for each request. Returns in a process that is to run a script: the script's path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen(64)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who waits for a script waits for itself
        while True:
            client, _ = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listener.close()
                return run_for(client)
            client.close()


def run_for(client: socket.socket) -> str:
    """Fork once more: the one runs the script, the other waits for it and answers the client."""
    message, streams, _, _ = socket.recv_fds(client, LARGEST, 3)
    request = json.loads(message)
    alive = open(alive_file(request["env"]["WARM_SOCKET"], request["group"]), "w")
    fcntl.flock(alive, fcntl.LOCK_SH)  # until the script and all that it forks have ended
    os.set_inheritable(alive.fileno(), True)
    pid = os.fork()
    if pid == 0:
        client.close()
        return become(request, streams)
    for stream in streams:
        os.close(stream)
    process = os.pidfd_open(pid)
    ready, _, _ = select.select([process, client], [], [])
    if process not in ready:  # the client was killed, so the script is too
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    client.send(str(code if code >= 0 else 128 - code).encode())
    os._exit(0)


def alive_file(path: str, group: int) -> str:
    """Locked while a script runs that a process of this group asked for."""
    return f"{path}.{group}"


def wait_for_end(path: str, group: int) -> None:
    """Wait until no script runs that a process of this group asked for."""
    with open(alive_file(path, group), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)


def become(request: dict, streams: list[int]) -> str:
    """Take over the client's folder, environment, streams and arguments; gives the script's
    path."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = request["argv"]
    script = os.path.abspath(sys.argv[0])
    sys.path[0] = os.path.dirname(script)
    return script


def run(script: str) -> None:
    """Run the script and end as Python does, but for taking all modules apart, which lasts seconds
    where torch is loaded."""
    import atexit
    import runpy
    import threading
    import traceback

    code = 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    import gc
    from importlib import import_module

    # transformers looks for a package `kernels`: not tests/kernels
    tests = sys.path.pop(0)
    for name in PRELOADED:
        import_module(name)
    sys.path.insert(0, tests)
    gc.collect()
    gc.freeze()  # a collection in a forked process would copy all pages
    run(serve(sys.argv[1]))


if __name__ == "__main__":
    if sys.flags.no_site:
        sys.exit(ask())
    main()
