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
from pipeline.code import tell_other_code
from pipeline.job import start
from pipeline.staleness import tell_replaced
from pipeline.stops import run


def rules(job, steps: dict, stale: dict) -> list[str]:
    """Words that make reads as rules: see Prints, above."""
    words = []
    for target in graph.final_files(job.config, job.paths):
        words.append(f"ALL+={target}")

    for target, step in steps.items():
        script, _, *option = step.command.split()  # e.g. 04_train_fold c2 --member net_0
        script_and_option = ",".join([script, *option[:1]])
        words.append(f"FILES+={target}")
        words.append(f"{target}:STEP={script_and_option}")

        for need in step.needs:
            if need in stale or need.exists():
                words.append(f"{target}:|{need}")

    for target in stale:
        words.append(f"{target}:FORCE")

    return words


def print_reasons(steps: dict, stale: dict) -> None:
    """A line per file that make would make: why, and by which command."""
    if not stale:
        print("nothing: all files are as today's config says")

    for target, reason in stale.items():
        print(f"{target} {reason}: {steps[target].command}")


def main(argv=None):
    flags = [(name, {"action": "store_true"}) for name in ("--why", "--concat")]
    job = start(__doc__, argv, *flags, joins=True)
    if job.args.concat:
        return print(*job.config.concat)

    steps = graph.steps(job.config, job.paths)
    stale = staleness.stale(job.config, steps)

    tell_other_code(job, steps, stale)
    if job.args.why:
        return print_reasons(steps, stale)

    needed = set(steps)
    has_images = job.config.data.train_image and not job.config.concat
    if has_images:  # make images is there for all that have some, though no model may read them
        steps = graph.steps(job.config, job.paths, job.paths.images)
        stale = staleness.stale(job.config, steps)

    tell_replaced(stale, needed)
    print(*rules(job, steps, stale))


if __name__ == "__main__":
    run(main)
