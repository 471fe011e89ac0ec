"""A language model behind an endpoint: threads ask an OpenAI-compatible server.

Each thread takes the questions of one image, asks again what may pass, and gives a Reply to every
question. A server that answers nothing for long stops the run in one line.
"""

import json
import random
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from queue import SimpleQueue
from threading import Event, Lock, Thread

from common.errors import UserError
from llm.client import CallError, Client, request_body
from llm.data_url import encode_jpeg, load_data_url
from llm.messages import Question, Reply

# failed calls in a row; then a plain question shows whether the server is there at all
MAX_FAILED = 20
MAX_WAIT = 60.0  # seconds between two tries, whatever the server asks for
GROUP = 8  # questions that a thread takes at a time: an image has at most 8 entities
ABOUT = ("id", "owned_by", "max_model_len", "meta")  # of the server's words about a model


class EndpointChat:
    """ask(questions) yields their replies; about says, for the record, which model gives them.

    settings: config section vlm or refine; images: section Images; image_files: an ImageFiles, None
    = no images are shown. Raises UserError when the address or the key cannot be right.
    """

    def __init__(self, settings, images, image_files):
        self.settings = settings
        self.images = images
        self.image_files = image_files
        self.client = Client(settings)
        self.lock = Lock()  # held while failures are counted
        self.random = random.Random()
        self.has_answered = False
        self.failed = 0  # calls since the last answer

        self.served = self.client.models()
        first = next(iter(self.served.values()), {})
        entry = self.served.get(settings.model) or first
        self.about = {
            "model": settings.model,
            "constrained": settings.constrained,
            "served": {key: entry[key] for key in ABOUT if key in entry},
        }

    def ask(self, questions: Iterable[Question], answered=frozenset()) -> Iterator[Reply]:
        """Yield the Reply of each Question whose row is not in `answered`, as they come.

        Questions are taken when threads will soon need them. Raises UserError when the server lets
        nobody in, or gives no answer for long.
        """
        todo = SimpleQueue()  # groups of questions
        done = SimpleQueue()  # replies, or what a thread raised
        stop = Event()
        groups = self.groups(question for question in questions if question.row not in answered)

        for _ in range(self.settings.at_once):
            # a daemon, so that Ctrl-C does not wait for an answer
            Thread(target=self.work, args=(todo, done, stop), daemon=True).start()

        try:
            yield from self.exchange(groups, todo, done)
        finally:
            stop.set()
            for _ in range(self.settings.at_once):
                todo.put(None)

    def groups(self, questions: Iterable[Question]) -> Iterator[list[Question]]:
        """Neighbouring questions of one image, at most GROUP together; without images, of a row."""

        def key(question: Question):
            shows_image = self.image_files and question.image
            return question.image if shows_image else question.row

        for _, same in groupby(questions, key):
            while group := list(islice(same, GROUP)):
                yield group

    def exchange(self, groups, todo: SimpleQueue, done: SimpleQueue) -> Iterator[Reply]:
        """Give the threads groups of questions and yield their replies. Raises what a thread did.

        Before the server's first answer replies are held back: that it refuses may be its own fault
        and not the questions'.
        """
        n_asked, held = 0, []
        while True:
            while todo.qsize() + done.qsize() < self.settings.at_once:
                group = next(groups, None)
                if group is None:
                    break

                todo.put(group)
                n_asked += len(group)

            if not n_asked:
                break

            reply = done.get()
            if isinstance(reply, BaseException):
                raise reply

            n_asked -= 1
            held.append(reply)

            if self.has_answered:
                yield from held
                held = []

        yield from held

    def work(self, todo: SimpleQueue, done: SimpleQueue, stop: Event) -> None:
        """A thread's work: put the replies to each group into `done`, or the exception raised."""
        try:
            while (group := todo.get()) and not stop.is_set():
                for reply in self.answer(group, stop):
                    done.put(reply)
        except BaseException as error:  # else `ask` would wait for ever
            done.put(error)

    def answer(self, group: list[Question], stop: Event) -> Iterator[Reply]:
        """Yield the replies to questions of one image, which is loaded once."""
        image_url, reason = "", ""
        if self.image_files and group[0].image:
            image_url, reason = load_data_url(
                self.image_files,
                group[0].image,
                self.images,
                self.settings.max_pixels,
            )

        for question in group:
            if stop.is_set():
                return

            if reason:
                yield Reply(question.row, "", reason)
            else:
                yield self.ask_one(question, image_url, stop)

    def ask_one(self, question: Question, image_url: str, stop: Event) -> Reply:
        """Ask until the question is answered, refused, or has failed settings.retries times more.

        Raises UserError as count_failure does.
        """
        for attempt in range(self.settings.retries + 1):
            try:
                text = self.complete(question, image_url)
                self.has_answered, self.failed = True, 0
                return Reply(question.row, text)
            except CallError as error:
                failure = error

            self.count_failure(failure)
            is_last = attempt == self.settings.retries
            if failure.refused or failure.final or is_last:
                break

            if stop.wait(self.seconds_to_wait(failure, attempt)):
                break

        return Reply(question.row, "", failure.reason, failure.final)

    def complete(self, question: Question, image_url: str) -> str:
        """The server's reply in one call. Raises CallError."""
        body = request_body(question, image_url, self.settings)
        text = self.client.complete(body).strip()

        if self.settings.constrained:
            text = unquoted(text)

        return text

    def seconds_to_wait(self, failure: CallError, attempt: int) -> float:
        """What the server asks for, else 0.5 s, 1 s, 2 s ...; at random up to half as much more, so
        that threads do not all come back at once."""
        seconds = failure.seconds or 0.5 * 2**attempt
        return min(MAX_WAIT, seconds * self.random.uniform(1, 1.5))

    def count_failure(self, failure: CallError) -> None:
        """Raises UserError when there is no hope for other calls: the first is not let in, or many
        failed in a row, and then a plain question too."""
        with self.lock:
            if failure.final and self.has_answered:  # the question's fault
                self.failed = 0
            else:
                self.failed += 1

            tries = 1 + self.settings.retries if self.has_answered else 1
            if self.failed >= MAX_FAILED * tries:
                if not self.is_well():
                    raise self.no_answer(failure)

                self.has_answered, self.failed = True, 0
            elif failure.refused and not self.has_answered:
                raise self.no_answer(failure)

    def is_well(self) -> bool:
        """Whether a plain question is answered: then other questions are at fault, not the
        server."""
        from PIL import Image

        image_url = ""
        if self.image_files:
            image_url = encode_jpeg(Image.new("RGB", (64, 64), "grey"))

        try:
            self.complete(Question(0, "a"), image_url)
        except CallError:
            return False

        return True

    def no_answer(self, failure: CallError) -> UserError:
        """The error of a server that answers nothing, with what to look at."""
        section, settings = self.settings.section, self.settings
        names = ", ".join([*self.served][:20]) or "?"
        return UserError(
            f"{self.client.url} gives no answer ({self.failed} calls in a row, the last: "
            f"{failure.reason}). Is it well? Look at {section}.endpoint (most end in /v1), "
            f"{section}.key_variable={settings.key_variable}, {section}.model={settings.model} "
            f"(there are: {names}); then the same command goes on from here"
        )


def unquoted(text: str) -> str:
    """The text of a JSON string, which llama.cpp replies where it is constrained; else the text
    without quotes around it."""
    try:
        value = json.loads(text, strict=False)  # it writes line breaks as they are
    except ValueError:
        return text.strip('"')

    return value if isinstance(value, str) else text
