"""What Make asks of a config: the files to make, and from what.

Prints  words that are rules of make: FILES+=file for each file and ALL+=file for those that make
        all is to make; file:|needed file; file:STEP=script,option,rows, which makes it, - where it
        has none; file:FORCE where it is stale. Order alone is make's; whether a file is fresh is
        read from its record, so that touching a file costs nothing.
Reads   configs/<category>.py, the records in working/<category>/ and submissions/
Run     python scripts/plan.py c2            the rules
        python scripts/plan.py c2 --why      what would be made, and why
        python scripts/plan.py c2 --rows test --answer
            the rules of what answers these rows with the models that are there
        python scripts/plan.py c2 --concat   the categories that this one is made of
"""

from common.errors import UserError
from common.paths import TEST
from pipeline import graph, staleness
from pipeline.code import tell_other_code
from pipeline.job import start
from pipeline.staleness import first_unlearnt, tell_replaced
from pipeline.stops import run


def rules(job, steps: dict, stale: dict) -> list[str]:
    """Words that make reads as rules: see Prints, above."""
    words = [f"ALL+={target}" for target in all_targets(job, steps)]

    for target, step in steps.items():
        words.append(f"FILES+={target}")
        words.append(f"{target}:STEP={words_of(step)}")

        for need in step.needs:
            if need in stale or need.exists():
                words.append(f"{target}:|{need}")

    for target in stale:
        words.append(f"{target}:FORCE")

    return words


def all_targets(job, steps: dict) -> list:
    """What make all is asked for: what shows early what is wrong with the input, then the rest."""
    if job.args.answer:
        return [job.paths.submission]

    first = [target for target in steps if graph.is_first(target, job.paths)]
    return [*first, *graph.final_files(job.config, job.paths)]


def words_of(step: graph.Step) -> str:
    """ "06_infer,--member,test" of "06_infer c2 --member net_0 --rows test"."""
    script, _, *options = step.command.split()
    rows = "-"

    if "--rows" in options:
        rows = options[-1]
        options = options[:-2]

    option = options[0] if options else "-"
    return f"{script},{option},{rows}"


def print_reasons(steps: dict, stale: dict) -> None:
    """A line per file that make would make: why, and by which command."""
    if not stale:
        print("nothing: all files are as today's config says")

    for target, reason in stale.items():
        print(f"{target} {reason}: {steps[target].command}")


def plan_answer(job) -> None:
    """Print the rules of what answers the job's rows. Raises UserError where something that was to
    be learnt before is not there, or is of other settings."""
    steps = graph.answer_steps(job.config, job.paths)
    stale = staleness.stale(job.config, steps)

    unlearnt = first_unlearnt(stale, job.paths)
    if unlearnt:
        raise UserError(
            f"{unlearnt}, and answering trains nothing; run first: "
            f"make all CATEGORY={job.paths.category}, or answer with the settings of that run"
        )

    print(*rules(job, steps, stale))


def main(argv=None):
    flags = [(name, {"action": "store_true"}) for name in ("--why", "--concat", "--answer")]
    job = start(__doc__, argv, *flags, joins=True, answers="")
    if job.args.concat:
        return print(*job.config.concat)

    if job.args.answer:
        return plan_answer(job)

    steps = graph.steps(job.config, job.paths)
    stale = staleness.stale(job.config, steps)

    tell_other_code(job, steps, stale)

    if job.args.why:
        return print_reasons(steps, stale)

    needed = set(steps)
    has_images = job.config.data.train_image and not job.config.concat
    if has_images:  # make images is there for all that have some, though no model may read them
        images = [job.paths.of(rows).images for rows in ("", TEST)]
        steps = graph.steps(job.config, job.paths, *images)
        stale = staleness.stale(job.config, steps)

    tell_replaced(stale, needed)
    print(*rules(job, steps, stale))


if __name__ == "__main__":
    run(main)
