"""make all by Ray: each file is a task, on any machine of a cluster, begun once the files that it
needs are made.

The files, their commands and the reasons to make them are make's (pipeline.graph), the functions
are the scripts'. Ray decides the order and the machine, and tries again where a worker or a machine
died; that try resumes where the dead one was, as a killed make does. A step that stops is not tried
again, as a wrong input stays wrong, and steps that do not need it go on. A category that joins
others takes theirs along.

A step asks for one core, though it may use all, and for a GPU if a network computes it and the
cluster has any (not with run.device=cpu). One step runs on one machine: so do the downloads of a
category (02: 64 connections fill a network), and the features of one source.

Reads   what the scripts read: the project and the folders input, working and submissions are at the
        same paths on every machine
Writes  what the scripts write
Run     python scripts/run_ray.py c2
            Ray on this machine alone, --jobs steps at a time (default: its cores)
        python scripts/run_ray.py c2 --address 10.0.0.1:6379
            on the cluster that `ray start` made
        python scripts/run_ray.py entity --only pred/vlm_0.csv pred/vlm_1.csv
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from common.errors import AGAIN, UserError
from common.log import log
from common.paths import ROOT, Paths
from common.time_limit import deadline
from config import load
from models import secrets_of
from pipeline import graph, staleness
from pipeline.cluster import connect, require_shared_folders
from pipeline.job import Job, start
from pipeline.staleness import tell_replaced
from pipeline.stops import run
from report.build import write_after_stop

RETRIES = 3  # of a step whose worker dies: killed for its memory, machine gone
KILLED = 137  # exit code of what a signal ended
# Environment variables that the workers get, beside those that hold the models' keys.
FOLDERS = ("input_path", "working_path", "submissions_path")
PASSED = (*FOLDERS, "MAKE_STARTED", "OMP_NUM_THREADS", "HF_HOME", "HF_HUB_OFFLINE", "HF_TOKEN")
OPTIONS = (
    (
        "--address",
        {"default": "", "help": "host:port of a cluster, or auto; none: this machine alone"},
    ),
    ("--jobs", {"type": int, "default": 0, "help": "steps at a time on this machine alone"}),
    (
        "--only",
        {"nargs": "+", "default": [], "help": "files in working/<category>/, e.g. pred/vlm_0.csv"},
    ),
)


@dataclass(frozen=True)
class Task:
    """A step to be run, and the job of the category that it belongs to."""

    step: graph.Step
    job: Job


def outdated(job: Job, only=()) -> dict[Path, Task]:
    """{file to be made: its task}, each after those that it needs.

    only: these files, and what they need. Raises UserError when one is none of the category's.
    """
    tasks: dict[Path, Task] = {}
    for category in job.config.concat:
        config = load(category, job.overrides)
        tasks |= outdated(Job(config, Paths(category), job.args, job.overrides))

    others_change = bool(tasks)

    steps = graph.steps(job.config, job.paths)
    stale = staleness.stale(job.config, steps)

    for target in only:
        if target not in steps:
            raise UserError(
                f"{target} is none of the files of {job.paths.category}; there are: "
                f"{', '.join(map(str, steps))}"
            )

    tell_replaced(stale, steps)

    needed = graph.upstream(only, job.config, job.paths) if only else steps

    for target, step in steps.items():
        if target in needed and (target in stale or others_change):
            tasks[target] = Task(step, job)

    return tasks


def submit(tasks: dict[Path, Task]) -> dict:
    """Hand all steps to Ray, each with the references of what it needs. Returns {file: reference}.

    Raises UserError when a step asks for more GPUs than any machine has.
    """
    import ray

    remote = ray.remote(max_retries=RETRIES, retry_exceptions=[ChildProcessError])(run_step)
    max_gpus = int(max(node["Resources"].get("GPU", 0) for node in ray.nodes()))

    references: dict = {}
    for target, task in tasks.items():
        step = task.step
        needs = [references[need] for need in step.needs if need in references]
        options = {"name": step.command, "num_gpus": count_gpus(task, max_gpus)}
        references[target] = remote.options(**options).remote(
            step.command,
            task.job.overrides,
            environment_of(task.job.config),
            deadline(task.job.config.run),
            *needs,
        )

    return references


def count_gpus(task: Task, max_gpus: int) -> int:
    """GPUs that a step asks for; 0 where it computes on the CPU, or no machine has any.

    Raises UserError when it needs more than max_gpus, the most that a machine has.
    """
    if not max_gpus or task.job.config.run.device == "cpu":
        return 0

    if task.step.gpus > max_gpus:
        raise UserError(
            f"{task.step.command} asks for {task.step.gpus} GPUs on one machine, and none has "
            f"more than {max_gpus}: run.processes={max_gpus}"
        )

    return task.step.gpus


def environment_of(config) -> dict[str, str]:
    """The environment variables that a worker needs: PASSED, and the keys of the models."""
    names = {*PASSED, *secrets_of(config)}
    return {name: os.environ[name] for name in names if name in os.environ}


def run_step(command: str, overrides: list[str], environment: dict, limit: float, *needs) -> None:
    """What a worker does once the needs are made: run the script in a process that dies with it,
    and pass on what it prints.

    limit: Unix time after which nothing is begun. Raises UserError, which is final, and
    ChildProcessError, for another try, where the process was killed.
    """
    if time.time() > limit:
        raise UserError(
            f"{command}: the time limit has come; run the same command again, it goes on from here",
            AGAIN,
        )

    script, *options = command.split()
    inherited = dict(os.environ)
    inherited.pop("OMP_NUM_THREADS", None)  # Ray's is 1, where make leaves all cores

    process = subprocess.Popen(
        [
            sys.executable,
            ROOT / "scripts/common/processes.py",
            str(os.getpid()),
            ROOT / f"scripts/{script}.py",
            *options,
            *overrides,
        ],
        env=inherited | environment,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )

    last_line = ""
    for line in process.stderr:
        print(line, end="", file=sys.stderr, flush=True)
        last_line = line.strip() or last_line

    code = process.wait()
    if code < 0 or code > 128:
        signal = -code if code < 0 else code - 128
        raise ChildProcessError(
            f"{command}: killed by signal {signal}; on a full memory try fewer steps at a time"
        )

    if code:
        message = last_line.removeprefix(f"{script}.py: ")
        raise UserError(f"{command}: {message}", code)


def wait_for(references: dict, tasks: dict[Path, Task]) -> dict[Path, UserError]:
    """Wait for all tasks. Returns {file: why its step stopped}, without those that only needed one
    of these files."""
    import ray

    targets = {reference: target for target, reference in references.items()}

    waiting = list(references.values())
    missing: set[Path] = set()
    stopped: dict[Path, UserError] = {}
    while waiting:
        [reference], waiting = ray.wait(waiting)  # in their order: needs come first
        step = tasks[targets[reference]].step

        error = error_of(reference, step.command)
        if error is None:
            continue

        if not missing.intersection(step.needs):
            stopped[step.target] = error
            log(stopped=error)

        missing.add(step.target)

    return stopped


def error_of(reference, command: str) -> UserError | None:
    """Why a task that has ended failed; None where it did not."""
    import ray

    try:
        ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError):
            return error.cause

        return UserError(str(error.cause), KILLED)
    except ray.exceptions.RayError as error:
        return UserError(f"{command}: {' '.join(str(error).split())}", KILLED)

    return None


def stop(stopped: dict[Path, UserError], tasks: dict[Path, Task]) -> None:
    """Raises the UserError of the first step that failed, or else of the time limit; the report
    gets a note of it, too."""
    target = next(iter(stopped))
    for other, error in stopped.items():
        if error.code != AGAIN:
            target = other
            break

    error = stopped[target]
    write_after_stop(tasks[target].job, error.code, target)
    message = str(error)

    if len(stopped) > 1:
        message += f" (and {len(stopped) - 1} more, above)"

    raise UserError(message, AGAIN if error.code == AGAIN else 1)


def run_all(tasks: dict[Path, Task], address: str, jobs: int) -> None:
    """Make all files on the cluster. Raises UserError when a step stops."""
    started = time.time()
    # run.time_limit counts from here for all steps
    os.environ.setdefault("MAKE_STARTED", str(int(started)))
    connect(address, jobs)
    import ray

    if address:
        require_shared_folders()

    resources = ray.cluster_resources()
    log(
        files=len(tasks),
        machines=len(ray.nodes()),
        cores=int(resources.get("CPU", 0)),
        gpus=int(resources.get("GPU", 0)),
        ready_after=time.time() - started,
    )

    stopped = wait_for(submit(tasks), tasks)
    ray.shutdown()

    if stopped:
        stop(stopped, tasks)


def main(argv=None):
    job = start(__doc__, argv, *OPTIONS, joins=True)
    args = job.args

    tasks = outdated(job, [job.paths.dir / name for name in args.only])
    if tasks:
        run_all(tasks, args.address, args.jobs)
    else:
        files = ", ".join(args.only) or job.paths.submission
        print(f"Nothing to be done for {files}.")


if __name__ == "__main__":
    run(main)
