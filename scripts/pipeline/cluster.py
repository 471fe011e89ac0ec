"""Joining a Ray cluster, or starting Ray on this machine alone, and checking that all its machines
see the same folders."""

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.errors import UserError
from common.paths import ROOT, folder

# Bytes of a local Ray's object store: small, as steps pass on files and never objects.
OBJECT_STORE = 100 * 2**20
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_COLOR_PREFIX": "0",
}


def connect(address: str, jobs: int) -> None:
    """Join the cluster at the address, or start Ray on this machine, for `jobs` steps at a time (0:
    as many as it has cores). Raises UserError when Ray is not installed, or not there."""
    os.environ.update(QUIET | os.environ)  # what the user has set stays
    try:
        import ray
    except ImportError:
        raise UserError(
            f"ray is not installed; run: {sys.executable} -m pip install ray, or make "
            "without ENGINE=ray"
        ) from None

    local = {}
    if not address:
        local = {
            "num_cpus": jobs or os.cpu_count(),
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE,
        }

    try:
        require_listener(address)
        ray.init(address or "local", logging_level="ERROR", **local)
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"no Ray at {address or 'this machine'}: {reason}; on the first machine run: "
            "ray start --head"
        ) from None


def require_listener(address: str) -> None:
    """Raises OSError where nobody listens at host:port: Ray would try for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and "/" not in host:
        socket.create_connection((host, int(port)), 10).close()


def missing_paths(paths: list[Path]) -> list[Path]:
    """Those that do not exist on the machine where this runs."""
    return [path for path in paths if not path.exists()]


def require_shared_folders() -> None:
    """Raises UserError with the name of a machine that does not see the project, the input, or what
    this machine writes."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    look = ray.remote(num_cpus=0)(missing_paths)

    with tokens_in_folders() as tokens:
        paths = [ROOT / "scripts/run_ray.py", folder("input"), *tokens]
        tasks = []
        for node in nodes:
            on_node = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            tasks.append(look.options(scheduling_strategy=on_node).remote(paths))

        for node, missing in zip(nodes, ray.get(tasks), strict=True):
            if missing:
                path = tokens.get(missing[0], missing[0])
                raise UserError(
                    f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']}) does not see "
                    f"{path} of this machine: mount it there at the same path, e.g. by NFS, or "
                    "take that machine out of the cluster"
                )


@contextmanager
def tokens_in_folders() -> Iterator[dict[Path, Path]]:
    """{a new empty file: the folder that it lies in} for the folders that steps write to; the files
    are removed at the end."""
    name = f".seen-{os.getpid()}-{time.time_ns()}"
    folders = [folder("working"), folder("submissions")]
    tokens = {path / name: path for path in folders}

    try:
        for token in tokens:
            token.parent.mkdir(parents=True, exist_ok=True)
            token.touch()

        yield tokens
    finally:
        for token in tokens:
            token.unlink(missing_ok=True)
