"""A language model's replies to the rows of one part: written as they come, gone on with after a
kill, none ever another row's."""

import hashlib
import json
from contextlib import nullcontext
from pathlib import PurePosixPath

from common.errors import UserError
from common.files import digest, read_record
from common.ledger import Ledger
from common.log import log, progress
from common.stops import check_time_limit
from common.tables import read_csv
from images.locate import open_pictures
from images.names import is_link, link_name, size_of
from llm.messages import Reply
from llm.open import open_chat
from networks.device import use_device

COLUMNS = ("id", "reply", "reason", "asked")
ABOUT = ""  # the id of the ledger's row that says which model replies


def write_replies(job, model, name: str, k: int) -> None:
    """pred/<name>_<k>.csv: what the model replies to each row of part k, or the reason why it does
    not, and a hash of what it was asked.

    A row that was asked the same before is not asked again, whatever else was made anew; what
    failed is, once more at the end.
    """
    member = f"{name}_{k}"
    target = job.paths.replies(member)
    key, before = job.key(target, inputs=False), read_record(target) or {}
    with (
        job.writing(target) as (part, record),
        Ledger(target.with_suffix(".growing"), COLUMNS, key) as ledger,
    ):
        rows = job.rows
        use = rows.answered_by(model.PER, k)
        if before.get("key") == key:
            old = read_csv(target, COLUMNS)[list(COLUMNS)].itertuples(index=False, name=None)
            ledger.add(
                [row for row in old if row[0] not in ledger.done]
                + [(ABOUT, json.dumps(before["model"]), "", "")]
            )
        pictures = open_pictures(job)
        known, questions = model.questions(job, k, rows, use)
        asked = {question.row: hashed(question, pictures) for question in questions}
        unanswered = ask(job, model, name, member, rows, questions, pictures, asked, ledger)
        ledger.add([(rows.id[reply.row], reply.text, reply.reason, "") for reply in known])
        ledger.finish(part, rows.id[use])
        reasons = {i: ledger.done[rows.id[i]][2] for i in use if ledger.done[rows.id[i]][2]}
        own = use[rows.fold[use] >= 0]
        pred = rows.task.read_replies([ledger.done[i][1] for i in rows.id[own]], rows.question[own])
        record |= {
            "version": digest(part)["sha256"],
            "key": key,
            "rows": len(use),
            "asked": len(questions),
            "failed": len(reasons),
            "unanswered": unanswered,
            "score": rows.score(pred, own) if len(own) else None,
            "model": json.loads(ledger.done.get(ABOUT, (ABOUT, "null"))[1]),
            "bad": {
                rows.image[i]: size_of(pictures.folder, rows.image[i])
                for i, reason in reasons.items()
                if reason.startswith("picture: ") and rows.image[i] and not is_link(rows.image[i])
            },
        }
    ledger.remove()
    log(
        member=member,
        rows=len(use),
        asked=len(questions),
        failed=len(reasons),
        score=record["score"],
    )


def hashed(question, pictures) -> str:
    """What a question is: its text, its picture's name and size, the replies allowed."""
    name = question.image
    picture = (
        [link_name(name) if is_link(name) else PurePosixPath(name).name, pictures.size(name)]
        if name
        else []
    )
    return hashlib.sha256(
        json.dumps([question.text, question.pattern, *picture]).encode()
    ).hexdigest()[:12]


def ask(job, model, name: str, member: str, rows, questions, pictures, asked: dict, ledger) -> int:
    """Ask what has no answer yet, then each that failed once more, alone. Gives how many an
    endpoint may yet answer.

    Stop, with the answers kept, while there are such, unless run.leave_failed.
    """
    answered = {row_id: hash for row_id, _, reason, hash in ledger.rows() if not reason}
    waiting = {q.row: q for q in questions if answered.get(rows.id[q.row]) != asked[q.row]}
    log(member=member, to_ask=len(waiting), answered_before=len(questions) - len(waiting))
    if not waiting:
        return 0
    settings, run, failed = getattr(job.config, name), job.config.run, {}
    with use_device(run) if not settings.endpoint else nullcontext() as device:
        chat = open_chat(
            settings, run, device, job.config.images, pictures if model.NEEDS_IMAGE else None
        )
        ledger.add([(ABOUT, json.dumps(chat.about), "", "")])
        bar = progress(
            what=member, total=len(questions), done=len(questions) - len(waiting), unit="row"
        )

        def take(reply: Reply) -> None:
            ledger.add([(rows.id[reply.row], reply.text, reply.reason, asked[reply.row])])
            if reply.reason:
                failed[reply.row] = reply
            else:
                del waiting[reply.row]
                bar.update()
            check_time_limit(run)

        for reply in chat.ask(questions, {question.row for question in questions} - waiting.keys()):
            take(reply)
        for question in list(waiting.values()):
            for reply in chat.ask([question]):
                take(reply)
    left = [failed[row] for row in waiting if not failed[row].final]
    if left and not run.leave_failed:
        raise UserError(
            f"{len(left)} of {len(questions)} rows of {member} failed, e.g. "
            f"{rows.id[left[0].row]}: {left[0].reason}; "
            "the same command asks these again, and no others; run.leave_failed=true "
            "goes on without them"
        )
    return len(left)
