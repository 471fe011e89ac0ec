"""What Make asks of a config: the files to make, and from what.

Prints  words that are Make rules: target:|prerequisite for each edge, target:FORCE for each file
        that is stale. Order alone is Make's; whether a file is fresh is read from its record, so
        that touching a file costs nothing.
Reads   configs/<category>.py, the records in working/<category>/ and submissions/
Run     python scripts/plan.py c2            the rules
        python scripts/plan.py c2 --why      what would be made, and why
        python scripts/plan.py c2 --joined   the categories that this one joins
"""

from common.stops import run
from pipeline import graph
from pipeline.graph import tell_replaced
from pipeline.job import start


def main(argv=None):
    flags = [(name, {"action": "store_true"}) for name in ("--why", "--joined")]
    job = start(__doc__, argv, *flags, joins=True)
    if job.args.joined:
        return print(*job.config.join)
    steps = graph.steps(job.config, job.paths)
    stale = graph.stale(job.config, steps)
    needed = set(steps)
    if job.args.why:
        lines = [f"{target} {why}: {steps[target].command}" for target, why in stale.items()]
        print(*lines or ["nothing: all files are as today's config says"], sep="\n")
    else:
        if (
            job.config.data.train_image and not job.config.join
        ):  # make images is for all that have some
            steps = graph.steps(job.config, job.paths, job.paths.images)
            stale = graph.stale(job.config, steps)
        tell_replaced(stale, needed)
        print(
            *(
                f"{target}:|{need}"
                for target, step in steps.items()
                for need in step.needs
                if need in stale or need.exists()
            ),
            *(f"{target}:FORCE" for target in stale),
        )


if __name__ == "__main__":
    run(main)
