"""make all by Ray: each file is a task, on any machine of a cluster, begun once the files that it
needs are made.

The files, their commands and the reasons to make them are make's (pipeline.graph), the functions
are the scripts'. Order, places and another try where a worker or a machine died are Ray's; that try
goes on where the dead one was, as a killed make does. A step that stops is not tried again, a wrong
input stays wrong, and steps that do not need it go on. A category that joins others takes theirs
along.

A step asks for one core, though it may use all, and for a GPU if a network computes it and the
cluster has any (not run.device=cpu). One step is one machine's: the downloads of a category are too
(02: 64 connections fill a network), and the features of one source.
Reads   what the scripts read: project, input, working and submissions folders stand at the same
        paths on every machine
Writes  what the scripts write
Run     python scripts/run_ray.py c2
            Ray on this machine alone, --jobs steps at a time (default: its cores)
        python scripts/run_ray.py c2 --address 10.0.0.1:6379
            on the cluster that `ray start` made
        python scripts/run_ray.py entity --only pred/vlm_0.csv pred/vlm_1.csv
"""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from common.errors import AGAIN, UserError
from common.log import log
from common.paths import ROOT, Paths, folder
from common.stops import deadline, run
from config import load
from models import secrets_of
from pipeline import graph
from pipeline.graph import tell_replaced
from pipeline.job import Job, start
from report.build import write_after_stop

TRIES = 3  # after the first, where a worker dies: killed for its memory, machine gone
KILLED = 137  # exit code of what a signal ended
STORE = 100 * 2**20  # bytes of a local Ray's object store: steps pass on files, never objects
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_COLOR_PREFIX": "0",
}
PASSED = (
    "input_path",
    "working_path",
    "submissions_path",
    "MAKE_STARTED",
    "OMP_NUM_THREADS",
    "HF_HOME",
    "HF_HUB_OFFLINE",
    "HF_TOKEN",
)  # to the workers


def outdated(job: Job, only=()) -> dict[Path, tuple[graph.Step, Job]]:
    """The files to be made, each after those that it needs, with its step and whose it is. only:
    these, and what they need."""
    parts = [
        outdated(Job(load(name, job.overrides), Paths(name), job.args, job.overrides))
        for name in job.config.concat
    ]
    found = {target: made for part in parts for target, made in part.items()}
    steps = graph.steps(job.config, job.paths)
    stale = graph.stale(job.config, steps)
    if unknown := set(only) - steps.keys():
        raise UserError(
            f"{unknown.pop()} is none of the files of {job.paths.category}; there are: "
            f"{', '.join(map(str, steps))}"
        )
    tell_replaced(stale, steps)
    wanted = set(only or steps)
    for target in reversed(steps):
        if target in wanted:
            wanted.update(steps[target].needs)
    return found | {
        target: (step, job)
        for target, step in steps.items()
        if target in wanted and (target in stale or found)
    }


def connect(address: str, jobs: int) -> None:
    """Join the cluster at the address, or start Ray on this machine. Raises UserError when it is not installed,
    or not there."""
    os.environ.update(QUIET | os.environ)
    try:
        import ray
    except ImportError:
        raise UserError(
            f"ray is not installed; run: {sys.executable} -m pip install ray, or make "
            "without ENGINE=ray"
        ) from None
    own = (
        {}
        if address
        else {
            "num_cpus": jobs or os.cpu_count(),
            "include_dashboard": False,
            "object_store_memory": STORE,
        }
    )
    host, colon, port = address.rpartition(":")
    try:
        if colon and port.isdigit() and "/" not in host:
            socket.create_connection((host, int(port)), 10).close()  # Ray would try for minutes
        ray.init(address or "local", logging_level="ERROR", **own)
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(
            f"no Ray at {address or 'this machine'}: {str(error).splitlines()[0]}; on the "
            "first machine run: ray start --head"
        ) from None


def unseen(places: list[Path]) -> list[Path]:
    """Those that this machine does not see."""
    return [place for place in places if not place.exists()]


def require_shared() -> None:
    """Stop, with its name, where a machine does not see what this one writes, or not the project
    and the input."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    tokens = {
        folder(name) / f".seen-{os.getpid()}-{time.time_ns()}": folder(name)
        for name in ("working", "submissions")
    }
    places, look = (
        [ROOT / "scripts/run_ray.py", folder("input"), *tokens],
        ray.remote(num_cpus=0)(unseen),
    )
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    try:
        for token, place in tokens.items():
            place.mkdir(parents=True, exist_ok=True)
            token.touch()
        asked = [
            look.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ).remote(places)
            for node in nodes
        ]
        for node, missing in zip(nodes, ray.get(asked), strict=True):
            if missing:
                raise UserError(
                    f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']}) does "
                    f"not see {tokens.get(missing[0], missing[0])} of this "
                    "machine: mount it there at the same path, e.g. by NFS, or take that "
                    "machine out of the cluster"
                )
    finally:
        for token in tokens:
            token.unlink(missing_ok=True)


def run_step(command: str, overrides: list[str], environment: dict, limit: float, *needs) -> None:
    """What a worker does once the needs are made: run the script in a process that dies with it,
    and pass on what that says.

    Raises UserError, which is final, and ChildProcessError, for another try, where the process was
    killed.
    """
    if time.time() > limit:
        raise UserError(
            f"{command}: the time limit has come; run the same command again, it goes on from here",
            AGAIN,
        )
    script, *options = command.split()
    own = {
        name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"
    }  # Ray's: one, where make leaves all cores
    process = subprocess.Popen(
        [
            sys.executable,
            ROOT / "scripts/common/processes.py",
            str(os.getpid()),
            ROOT / f"scripts/{script}.py",
            *options,
            *overrides,
        ],
        env=own | environment,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    said = ""
    for line in process.stderr:
        print(line, end="", file=sys.stderr, flush=True)
        said = line.strip() or said
    code = process.wait()
    if code < 0 or code > 128:
        raise ChildProcessError(
            f"{command}: killed by signal {-code if code < 0 else code - 128}; on a full "
            "memory try fewer steps at a time"
        )
    if code:
        raise UserError(f"{command}: {said.removeprefix(f'{script}.py: ')}", code)


def submit(todo: dict) -> dict:
    """Hand all steps to Ray, each with the tasks that make what it needs. Gives {file: task}."""
    import ray

    task = ray.remote(max_retries=TRIES, retry_exceptions=[ChildProcessError])(run_step)
    most, made = int(max(node["Resources"].get("GPU", 0) for node in ray.nodes())), {}
    for target, (step, job) in todo.items():
        config, needs = job.config, [made[need] for need in step.needs if need in made]
        gpus = step.gpus if most and config.run.device != "cpu" else 0
        if gpus > most:
            raise UserError(
                f"{step.command} asks for {gpus} GPUs on one machine, and none has more "
                f"than {most}: run.processes={most}"
            )
        passed = {*PASSED, *secrets_of(config)} & os.environ.keys()
        made[target] = task.options(name=step.command, num_gpus=gpus).remote(
            step.command,
            job.overrides,
            {name: os.environ[name] for name in passed},
            deadline(config.run),
            *needs,
        )
    return made


def wait_for(made: dict, todo: dict) -> dict[Path, UserError]:
    """Wait for all tasks. Gives the files whose step stopped, and why; those that needed one of
    them are not among them."""
    import ray

    files, left, missing, stopped = (
        {task: target for target, task in made.items()},
        list(made.values()),
        set(),
        {},
    )
    while left:
        [task], left = ray.wait(left)  # in their order: what a step needs comes before it
        step = todo[files[task]][0]
        try:
            ray.get(task)
            continue
        except ray.exceptions.RayTaskError as error:
            stop = (
                error.cause
                if isinstance(error.cause, UserError)
                else UserError(str(error.cause), KILLED)
            )
        except ray.exceptions.RayError as error:
            stop = UserError(f"{step.command}: {' '.join(str(error).split())}", KILLED)
        if not missing.intersection(step.needs):
            stopped[step.target] = stop
            log(stopped=stop)
        missing.add(step.target)
    return stopped


def end(stopped: dict[Path, UserError], todo: dict) -> None:
    """Stop as the first step did that failed, or else at the time limit; the report says it too."""
    target = max(stopped, key=lambda target: stopped[target].code != AGAIN)
    stop, job, more = (
        stopped[target],
        todo[target][1],
        f" (and {len(stopped) - 1} more, above)" if len(stopped) > 1 else "",
    )
    write_after_stop(job, stop.code, target)
    raise UserError(f"{stop}{more}", AGAIN if stop.code == AGAIN else 1)


def main(argv=None):
    job = start(
        __doc__,
        argv,
        (
            "--address",
            {"default": "", "help": "host:port of a cluster, or auto; none: this machine alone"},
        ),
        ("--jobs", {"type": int, "default": 0, "help": "steps at a time on this machine alone"}),
        (
            "--only",
            {
                "nargs": "+",
                "default": [],
                "help": "files in working/<category>/, e.g. pred/vlm_0.csv",
            },
        ),
        joins=True,
    )
    todo = outdated(job, [job.paths.dir / name for name in job.args.only])
    if not todo:
        return print(f"Nothing to be done for {', '.join(job.args.only) or job.paths.submission}.")
    began = time.time()
    os.environ.setdefault(
        "MAKE_STARTED", str(int(began))
    )  # run.time_limit counts from here for all steps
    connect(job.args.address, job.args.jobs)
    import ray

    if job.args.address:
        require_shared()
    there = ray.cluster_resources()
    log(
        files=len(todo),
        machines=len(ray.nodes()),
        cores=int(there.get("CPU", 0)),
        gpus=int(there.get("GPU", 0)),
        ready_after=time.time() - began,
    )
    stopped = wait_for(submit(todo), todo)
    ray.shutdown()
    if stopped:
        end(stopped, todo)


if __name__ == "__main__":
    run(main)
