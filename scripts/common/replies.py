"""A language model's replies to the rows of one part: written as they come, gone on with after a kill, none ever another row's."""
from contextlib import nullcontext

from common.chat import open_chat
from common.device import device, stop_in_time
from common.errors import Stop
from common.graph import size_of
from common.io import log, progress, read_record
from common.ledger import Ledger
from common.models import load_model
from common.paths import input_folder
from common.rows import load_rows
from common.tables import read_csv

COLUMNS = ("id", "reply", "reason")


def write_replies(job, name: str, k: int) -> None:
    """pred/<name>_<k>.csv: what the model replies to each row of part k, or the reason why it does not."""
    member = f"{name}_{k}"
    target = job.paths.pred(member)
    key, before = job.key(target), read_record(target)
    with job.writing(target) as (part, record), Ledger(target.with_suffix(".growing"), COLUMNS, key) as ledger:
        rows = load_rows(job)
        use = rows.answered_by(name, k)
        if before and before.get("key") == key:  # whole once, and now a picture that could not be read is another
            ledger.add([row for row in read_csv(target)[list(COLUMNS)].itertuples(index=False, name=None) if row[0] not in ledger.done])
        known, questions = load_model(name).questions(job, k, rows, use)
        ledger.add([(rows.id[reply.row], reply.text, reply.reason) for reply in known])
        record |= ask(job, name, member, rows, questions, ledger)
        ledger.finish(part, rows.id[use])
        replies = {row_id: (reply, reason) for row_id, reply, reason in ledger.rows()}
        failed, own = [i for i in use if replies[rows.id[i]][1]], use[rows.fold[use] >= 0]
        pred = rows.task.read_replies([replies[i][0] for i in rows.id[own]], rows.question[own])
        folder = input_folder(job.config.data.folder, job.config.data.train)
        record |= {"key": key, "rows": len(use), "failed": len(failed), "score": rows.score(pred, own) if len(own) else None,
                   "bad": {rows.image[i]: size_of(folder, rows.image[i]) for i in failed if rows.image[i]}}
    ledger.remove()
    log(member=member, rows=len(use), asked=record["asked"], failed=len(failed), score=record["score"])


def ask(job, name: str, member: str, rows, questions, ledger) -> dict:
    """Ask what has no answer yet, then what failed once more. Gives what the record says of the model.

    Stop, with the answers kept, while rows are left that an endpoint may yet answer.
    """
    answered = {row_id for row_id, _, reason in ledger.rows() if not reason}
    waiting, failed = {q.row: q for q in questions if rows.id[q.row] not in answered}, {}
    log(member=member, to_ask=len(waiting), answered_before=len(questions) - len(waiting))
    settings, run = getattr(job.config, name), job.config.run
    with device(run) if waiting and not settings.endpoint else nullcontext() as where:
        chat = open_chat(settings, run, where, job.config.images, load_model(name).PICTURES) if waiting else None
        for alone in (False, True) if waiting else ():
            bar = progress(what=member, total=len(questions), done=len(questions) - len(waiting), unit="row")
            rest = () if alone else {question.row for question in questions} - waiting.keys()
            for reply in chat.ask(list(waiting.values()) if alone else questions, rest):
                ledger.add([(rows.id[reply.row], reply.text, reply.reason)])
                if reply.reason:
                    failed[reply.row] = reply
                else:
                    del waiting[reply.row]
                bar.update()
                stop_in_time(run)
    left = [failed[row] for row in waiting if not failed[row].final]
    if left and not run.leave_failed:
        raise Stop(f"{len(left)} of {len(questions)} rows of {member} failed, e.g. {rows.id[left[0].row]}: {left[0].reason}; "
                   "the same command asks these again, and no others; run.leave_failed=true goes on without them")
    return {"asked": len(questions), "model": chat.about if chat else None}
