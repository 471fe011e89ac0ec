"""What Make asks of a config: the files to make, and from what.

Prints  words that are rules of make: FILES+=file for each file and ALL+=file for those that make
        all is to make; file:|needed file; file:STEP=script,option, which makes it; file:FORCE
        where it is stale. Order alone is make's; whether a file is fresh is read from its record,
        so that touching a file costs nothing.
Reads   configs/<category>.py, the records in working/<category>/ and submissions/
Run     python scripts/plan.py c2            the rules
        python scripts/plan.py c2 --why      what would be made, and why
        python scripts/plan.py c2 --concat   the categories that this one is made of
"""

from pipeline import graph, staleness
from pipeline.job import start
from pipeline.staleness import tell_replaced
from pipeline.stops import run


def rules(job, steps: dict, stale: dict) -> list[str]:
    """Words that make reads as rules: see Prints, above."""
    made = [f"ALL+={target}" for target in graph.final_files(job.config, job.paths)]
    for target, step in steps.items():
        script, _, *option = step.command.split()
        made += [f"FILES+={target}", f"{target}:STEP={','.join([script, *option[:1]])}"]
        made += [f"{target}:|{need}" for need in step.needs if need in stale or need.exists()]
    return made + [f"{target}:FORCE" for target in stale]


def main(argv=None):
    flags = [(name, {"action": "store_true"}) for name in ("--why", "--concat")]
    job = start(__doc__, argv, *flags, joins=True)
    if job.args.concat:
        return print(*job.config.concat)
    steps = graph.steps(job.config, job.paths)
    stale = staleness.stale(job.config, steps)
    if job.args.why:
        lines = [f"{target} {why}: {steps[target].command}" for target, why in stale.items()]
        return print(*lines or ["nothing: all files are as today's config says"], sep="\n")
    needed = set(steps)
    if (
        job.config.data.train_image and not job.config.concat
    ):  # make images is for all that have some
        steps = graph.steps(job.config, job.paths, job.paths.images)
        stale = staleness.stale(job.config, steps)
    tell_replaced(stale, needed)
    print(*rules(job, steps, stale))


if __name__ == "__main__":
    run(main)
