"""A language model's replies to the rows of one part: written as they come, resumed after a kill.

in: row "train:7", asked for its item weight → out: a line train:7,500 gram,,<hash of the question>
"""

import hashlib
import json
from contextlib import nullcontext
from pathlib import PurePosixPath

import numpy as np

from common.errors import UserError
from common.files import digest, read_record
from common.ledger import Ledger
from common.log import log, progress
from common.tables import read_csv
from common.time_limit import check_time_limit
from images.locate import open_image_files
from images.names import is_link, link_name, size_of
from llm.messages import Question, Reply
from llm.open import open_chat
from networks.device import use_device

COLUMNS = ("id", "reply", "reason", "asked")
ABOUT = ""  # id of the ledger's row that says which model replies


def write_replies(job, model, name: str, k: int) -> None:
    """Write pred/<name>_<k>.csv: for each row of part k the model's reply, or the reason why there
    is none, and a hash of what it was asked.

    A row that was asked the same before is not asked again, whatever else was made anew. Rows that
    fail are asked once more at the end.
    """
    member = f"{name}_{k}"
    target = job.paths.replies(member)
    key = job.key(target, inputs=False)
    before = read_record(target) or {}

    growing = target.with_suffix(".growing")
    with job.writing(target) as (tmp, record), Ledger(growing, COLUMNS, key) as ledger:
        rows = job.rows
        idx = rows.answered_by(model.PER, k)

        if before.get("key") == key:
            add_old_rows(ledger, target, before["model"])

        image_files = open_image_files(job)
        known, questions = model.questions(job, k, rows, idx)

        asking = Asking(job, member, questions, image_files, ledger)
        unanswered = asking.run()
        ledger.add([(rows.id[reply.row], reply.text, reply.reason, "") for reply in known])
        ledger.finish(tmp, rows.id[idx])

        reasons = failure_reasons(rows, idx, ledger)
        record |= {
            "version": digest(tmp)["sha256"],
            "key": key,
            "rows": len(idx),
            "asked": len(questions),
            "failed": len(reasons),
            "unanswered": unanswered,
            "score": training_score(rows, idx, ledger),
            "model": json.loads(ledger.done.get(ABOUT, (ABOUT, "null"))[1]),
            "bad": bad_image_sizes(rows, reasons, image_files.folder),
        }

    ledger.remove()
    log(
        member=member,
        rows=len(idx),
        asked=len(questions),
        failed=len(reasons),
        score=record["score"],
    )


def add_old_rows(ledger: Ledger, target, model: dict) -> None:
    """Add the rows of the csv of before that the ledger has not, and which model replied then."""
    table = read_csv(target, COLUMNS)[list(COLUMNS)]
    rows = table.itertuples(index=False, name=None)
    new = [row for row in rows if row[0] not in ledger.done]
    ledger.add([*new, (ABOUT, json.dumps(model), "", "")])


def failure_reasons(rows, idx: np.ndarray, ledger: Ledger) -> dict[int, str]:
    """{row number: why it has no reply} of the row numbers idx that have none."""
    reasons = {}
    for i in idx:
        _, _, reason, _ = ledger.done[rows.id[i]]
        if reason:
            reasons[i] = reason

    return reasons


def training_score(rows, idx: np.ndarray, ledger: Ledger) -> float | None:
    """The competition's score of the replies to training rows among idx; None where none is."""
    is_train = rows.fold[idx] >= 0
    if not is_train.any():
        return None

    train_idx = idx[is_train]
    replies = []
    for row_id in rows.id[train_idx]:
        _, reply, _, _ = ledger.done[row_id]
        replies.append(reply)

    pred = rows.task.read_replies(replies, rows, train_idx)
    return rows.score(pred, train_idx)


def bad_image_sizes(rows, reasons: dict[int, str], folder) -> dict[str, int | None]:
    """{name: bytes} of image files that could not be read: one of another size may be mended."""
    sizes = {}
    for i, reason in reasons.items():
        name = rows.image[i]
        is_bad = reason.startswith("image: ")
        if is_bad and name and not is_link(name):
            sizes[name] = size_of(folder, name)

    return sizes


def question_hash(question: Question, image_files) -> str:
    """12 hex digits of a question's text, the pattern of its replies, its image's name and size."""
    content = [question.text, question.pattern]
    name = question.image
    if is_link(name):
        content += [link_name(name), image_files.size(name)]
    elif name:
        content += [PurePosixPath(name).name, image_files.size(name)]

    text = json.dumps(content)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def with_room(settings, rows):
    """A language model's section of the config whose max_new_tokens are those of a whole reply."""
    max_new_tokens = settings.max_new_tokens * len(rows.sizes)
    return settings.model_copy(update={"max_new_tokens": max_new_tokens})


class Asking:
    """Asks a member's questions that have no reply yet; each reply goes to the ledger at once.

    member: e.g. "vlm_0".
    """

    def __init__(self, job, member: str, questions: list[Question], image_files, ledger):
        self.job = job
        self.member = member
        self.ledger = ledger
        self.settings = with_room(getattr(job.config, member.rpartition("_")[0]), job.rows)
        shows_images = any(question.image for question in questions)
        self.image_files = image_files if shows_images else None
        self.questions = questions
        self.hashes: dict[int, str] = {}  # these three by row number
        self.waiting: dict[int, Question] = {}  # those without a reply
        self.failed: dict[int, Reply] = {}  # a row's last failure

        answered = {row_id: asked for row_id, _, reason, asked in ledger.rows() if not reason}

        for question in questions:
            row = question.row
            self.hashes[row] = question_hash(question, image_files)
            if answered.get(self.row_id(row)) != self.hashes[row]:
                self.waiting[row] = question

    def row_id(self, row: int) -> str:
        return self.job.rows.id[row]

    def run(self) -> int:
        """Ask, and ask what failed once more, one at a time. Returns how many questions an endpoint
        may yet answer.

        Raises UserError, with the replies kept, where there are such, unless run.leave_failed.
        """
        n_answered = len(self.questions) - len(self.waiting)
        log(member=self.member, to_ask=len(self.waiting), answered_before=n_answered)

        if not self.waiting:
            return 0

        config = self.job.config
        run = config.run
        with nullcontext() if self.settings.endpoint else use_device(run) as device:
            chat = open_chat(self.settings, run, device, config.images, self.image_files)
            self.ledger.add([(ABOUT, json.dumps(chat.about), "", "")])
            self.ask_all(chat, n_answered)

        failed = [self.failed[row] for row in self.waiting]
        unanswered = [reply for reply in failed if not reply.final]
        if unanswered and not run.leave_failed:
            raise self.failure(unanswered)

        return len(unanswered)

    def failure(self, unanswered: list[Reply]) -> UserError:
        """The error of questions that are worth asking again."""
        first = unanswered[0]
        return UserError(
            f"{len(unanswered)} of {len(self.questions)} rows of {self.member} failed, e.g. "
            f"{self.row_id(first.row)}: {first.reason}; the same command asks these again, and "
            "no others; run.leave_failed=true goes on without them"
        )

    def ask_all(self, chat, n_answered: int) -> None:
        """Ask all that wait, then each that failed alone. Raises UserError at the time limit."""
        self.bar = progress(
            what=self.member,
            total=len(self.questions),
            done=n_answered,
            unit="row",
        )

        # a local model keeps the batches of a run without stops, so it sees answered questions too
        answered = {question.row for question in self.questions} - self.waiting.keys()
        for reply in chat.ask(self.questions, answered):
            self.take(reply)

        for question in list(self.waiting.values()):
            for reply in chat.ask([question]):
                self.take(reply)

    def take(self, reply: Reply) -> None:
        """Add a reply, or a failure, to the ledger. Raises UserError at the time limit."""
        row = reply.row
        cells = (self.row_id(row), reply.text, reply.reason, self.hashes[row])
        self.ledger.add([cells])

        if reply.reason:
            self.failed[row] = reply
        else:
            del self.waiting[row]
            self.bar.update()

        check_time_limit(self.job.config.run)
