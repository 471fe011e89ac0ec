"""A language model behind an address: an OpenAI-compatible server (vLLM, SGLang, llama.cpp) that
threads ask."""

import base64
import io
import json
import os
import random
import re
from itertools import groupby, islice, takewhile
from queue import SimpleQueue
from threading import Event, Lock, Thread

import urllib3

from common.errors import UserError
from images.decode import load_picture
from llm.messages import Question, Reply

LOST = (
    20  # calls in a row without an answer; then a plain question shows whether the server is there
)
LONGEST = 60.0  # seconds between two tries, whatever the server asks for
LARGEST = 1 << 20  # bytes of a response; a short reply has some hundred
JPEG = "data:image/jpeg;base64,"


class Failure(Exception):
    """A call without an answer: the service refuses (key, address, model's name), or, finally, this
    question, or it may pass."""

    def __init__(self, reason: str, status: int = 0, wait: float | None = None):
        self.reason, self.wait = reason, wait  # wait: seconds that the server asks for
        self.service = 300 <= status < 400 or status in (401, 403, 404)
        self.final = 400 <= status < 500 and not self.service and status not in (408, 425, 429)


def eights(group):
    """The questions of one picture, 8 at a time: there are 8 entities."""
    group = iter(group)
    while some := [*islice(group, 8)]:
        yield some


class EndpointChat:
    """ask(questions) gives their replies; about says, for the record, which model gives them.
    settings: section Vlm or Refine; images: what a picture must be; pictures: where they lie, None
    = none are shown. Raises UserError when the address or the key cannot be right."""

    def __init__(self, settings, images, pictures):
        self.settings, self.images, self.pictures, self.section = (
            settings,
            images,
            pictures,
            settings.section,
        )
        self.url, self.key = address_and_key(settings, self.section)
        self.lock, self.chance, self.answered, self.failed = (
            Lock(),
            random.Random(),
            False,
            0,
        )  # calls since the last answer
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {self.key}"} if self.key else {}
        )
        patience = urllib3.Timeout(connect=min(10, settings.timeout), read=settings.timeout)
        self.pool = urllib3.PoolManager(
            1, headers, maxsize=settings.at_once, block=True, retries=False, timeout=patience
        )
        try:
            self.served = {str(entry["id"]): entry for entry in self.call("GET", "models")["data"]}
        except (Failure, LookupError, TypeError):
            # not every server has a list; one that is not there is told of when it is asked
            self.served = {}
        mine = self.served.get(settings.model) or next(iter(self.served.values()), {})
        told = {
            key: mine[key] for key in ("id", "owned_by", "max_model_len", "meta") if key in mine
        }
        self.about = {"model": settings.model, "constrained": settings.constrained, "served": told}

    def ask(self, questions, answered=frozenset()):
        """Yield the Reply of each Question whose row is not answered, as they come. Raises UserError when the
        server lets nobody in, or gives no answer for long. Questions are taken when threads will
        soon need them. Threads are daemons, so that Ctrl-C does not wait for an answer."""
        todo, done, stop, at_once = SimpleQueue(), SimpleQueue(), Event(), self.settings.at_once
        groups = groupby(
            (q for q in questions if q.row not in answered),
            lambda question: question.image if self.pictures else question.row,
        )
        coming = (some for _, group in groups for some in eights(group))
        for _ in range(at_once):
            Thread(target=self.work, args=(todo, done, stop), daemon=True).start()
        pending, held = 0, []
        try:
            while True:
                while todo.qsize() + done.qsize() < at_once and (some := next(coming, None)):
                    todo.put(some)
                    pending += len(some)
                if not pending:
                    break
                held.append(done.get())
                if isinstance(held[-1], BaseException):
                    raise held[-1]
                pending -= 1
                while (
                    self.answered and held
                ):  # before the first answer, what is refused may be the server's fault
                    yield held.pop(0)
            yield from held
        finally:
            stop.set()
            for _ in range(at_once):
                todo.put(None)

    def work(self, todo: SimpleQueue, done: SimpleQueue, stop: Event) -> None:
        """What a thread does: take questions of one picture, give their replies, or what was
        raised."""
        try:
            while (questions := todo.get()) and not stop.is_set():
                shown = (
                    load_address(
                        self.pictures, questions[0].image, self.images, self.settings.max_pixels
                    )
                    if self.pictures
                    else ("", "")
                )
                for question in takewhile(lambda _: not stop.is_set(), questions):
                    done.put(
                        Reply(question.row, "", shown[1])
                        if shown[1]
                        else self.put(question, shown[0], stop)
                    )
        except BaseException as error:  # untold, it would leave the other side waiting for ever
            done.put(error)

    def put(self, question: Question, picture: str, stop: Event) -> Reply:
        """Put a question until it is answered, refused, or has failed settings.retries times more.
        UserError as judge does."""
        for left in range(self.settings.retries, -1, -1):
            try:
                text, self.answered, self.failed = self.reply(question, picture), True, 0
                return Reply(question.row, text)
            except Failure as error:
                self.judge(failure := error)
            wait = (
                failure.wait or 0.5 * 2 ** (self.settings.retries - left)
            ) * self.chance.uniform(1, 1.5)  # not all at once
            if failure.service or failure.final or not left or stop.wait(min(LONGEST, wait)):
                return Reply(question.row, "", failure.reason, failure.final)

    def judge(self, failure: Failure) -> None:
        """Raises UserError when there is no hope for other calls: the first is not let in, or many in a row
        failed, and then a plain one."""
        with self.lock:
            section, settings = self.section, self.settings
            self.failed = 0 if failure.final and self.answered else self.failed + 1
            many = self.failed >= LOST * (1 + settings.retries * self.answered)
            if many and self.is_well():
                self.answered, self.failed = True, 0
            elif many or failure.service and not self.answered:
                raise UserError(
                    f"{self.url} gives no answer ({self.failed} calls in a row, the last: "
                    f"{failure.reason}). Is it well? Look at "
                    f"{section}.endpoint (most end in /v1), "
                    f"{section}.key_variable={settings.key_variable}, {section}.model="
                    f"{settings.model} (there are: "
                    f"{', '.join([*self.served][:20]) or '?'}); then the same command "
                    "goes on from here"
                )

    def is_well(self) -> bool:
        """Whether a plain question is answered: then other questions are at fault, not the
        server."""
        from PIL import Image

        try:
            return (
                self.reply(
                    Question(0, "a"),
                    as_address(Image.new("RGB", (64, 64), "grey")) if self.pictures else "",
                )
                is not None
            )
        except Failure:
            return False

    def reply(self, question: Question, picture: str) -> str:
        """The server's reply. Raises Failure."""
        answer = self.call("POST", "chat/completions", request(question, picture, self.settings))
        try:
            text = (
                (answer["choices"][0]["message"]["content"] or "")
                .strip()
                .strip('"' if self.settings.constrained else "")
            )
            return text.encode(
                "utf-8", "replace"
            ).decode()  # half a surrogate pair could not be written to a file
        except (LookupError, TypeError, AttributeError):
            raise Failure("its answer has no choices") from None

    def call(self, method: str, path: str, body: bytes | None = None):
        """The JSON that the server answers with. Raises Failure. Redirects and proxies of the
        environment are not followed."""
        try:
            response = self.pool.request(
                method, f"{self.url}/{path}", body=body, redirect=False, preload_content=False
            )
            data = response.read(LARGEST + 1)
            # the connection too where something is left unread; else it is back in the pool already
            response.close()
            response.release_conn()
            if response.status == 200 and len(data) <= LARGEST:
                return json.loads(data)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Failure(
                str(error).rpartition(": ")[2]
            ) from None  # what stands before names the address
        except (ValueError, RecursionError):
            raise Failure("its answer is not JSON") from None
        wait = re.fullmatch(r"\d+(\.\d+)?", response.headers.get("Retry-After", ""))
        found = re.search(rb'"(?:message|detail|error)"\s*:\s*"((?:[^"\\]|\\.)*)"', data)
        reason = " ".join(
            [
                str(response.status),
                *(found[1] if found else data)[:200].decode("utf-8", "replace").split(),
            ]
        )
        raise Failure(
            reason.replace(self.key or "\n", "***"),
            response.status,
            float(wait[0]) if wait else None,
        )


def address_and_key(settings, section: str) -> tuple[str, str]:
    """The endpoint without a slash at its end, and its key, that the environment holds, "" for
    none. Raises UserError on a wrong one."""
    url, name = settings.endpoint, settings.key_variable
    if not re.fullmatch(
        r"https?://([\w.-]+|\[[\da-fA-F:]+\])(:\d{1,5})?(/[\w./~-]*)?", url
    ):  # not shown: it may hold a key
        raise UserError(
            f"{section}.endpoint is no plain address; write e.g. "
            f"{section}.endpoint=http://localhost:8000/v1; its key "
            f"belongs in an environment variable, whose name goes into {section}.key_variable"
        )
    key = os.environ.get(name, "").strip()
    if name and not re.fullmatch(r"[!-~]+", key):
        raise UserError(
            f"the environment has no key in {name}: export it, or set "
            f"{section}.key_variable= where none is needed"
        )
    return url.rstrip("/"), key


def request(question: Question, picture: str, settings) -> bytes:
    """The body of a call; chance has no part in it. A constraint is in the words of vLLM, vLLM before
    0.12, SGLang, and llama.cpp, which then replies in quotes: each ignores the others' words."""
    words, pattern = question.text, question.pattern
    shown = (
        [{"type": "image_url", "image_url": {"url": picture}}, {"type": "text", "text": words}]
        if picture
        else words
    )
    constraint = (
        {
            "structured_outputs": {"regex": pattern},
            "guided_regex": pattern,
            "regex": pattern,
            "json_schema": {"type": "string", "pattern": f"^({pattern})$"},
        }
        if settings.constrained and pattern
        else {}
    )
    return json.dumps(
        {
            "model": settings.model,
            "messages": [{"role": "user", "content": shown}],
            "temperature": 0,
            "seed": 0,
            "n": 1,
            "max_tokens": settings.max_new_tokens,
            **constraint,
        }
    ).encode()


def as_address(picture) -> str:
    """A PIL image as the data: address of a JPEG whose small print stays legible."""
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=95, subsampling=0)
    return JPEG + base64.b64encode(data.getvalue()).decode()


def load_address(pictures, name: str, images, max_pixels: int) -> tuple[str, str]:
    """The picture as a data: address, and "", or "" and why it is not taken. A file's own bytes go
    where they are an upright JPEG of at most max_pixels."""
    from PIL import Image

    side = (
        int(max_pixels**0.5) + 1
    )  # images.size is that of a network's square; here no JPEG may be decoded at less
    try:
        data = pictures.read(name)
        picture, (width, height) = load_picture(data, images.model_copy(update={"size": side}))
        with Image.open(io.BytesIO(data)) as header:
            plain = (
                header.format == "JPEG"
                and header.mode in ("RGB", "L")
                and header.getexif().get(0x0112, 1) == 1
            )
        if plain and width * height <= max_pixels:
            return JPEG + base64.b64encode(data).decode(), ""
    except (ValueError, OSError) as error:
        return "", f"picture: {error}"
    scale = min(1, (max_pixels / (picture.width * picture.height)) ** 0.5)
    return as_address(
        picture.resize(
            [max(1, int(side * scale)) for side in picture.size], Image.Resampling.LANCZOS
        )
    ), ""
