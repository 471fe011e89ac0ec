"""HTTP calls to an OpenAI-compatible server: vLLM, SGLang, llama.cpp.

Not by the package openai: it reads an answer of any size (2 MB of "huge" in tests/chat_server.py),
follows redirects, and hides its own retries from whoever counts failures to see a server is gone.
"""

import json
import os
import re

import urllib3

from common.errors import UserError
from llm.messages import Question

MAX_BYTES = 1 << 20  # of an answer; a short reply has some hundred
MAX_CONNECT_SECONDS = 10
MESSAGE = re.compile(rb'"(?:message|detail|error)"\s*:\s*"((?:[^"\\]|\\.)*)"')
PLAIN_URL = r"https?://([\w.-]+|\[[\da-fA-F:]+\])(:\d{1,5})?(/[\w./~-]*)?"


class CallError(Exception):
    """A call without an answer.

    reason: in one line. seconds: how long the server asks to wait; None = it does not say. refused:
    the server lets nobody in (redirect, key, address, model's name). final: it does not take this
    question; else the same call may work later.
    """

    def __init__(self, reason: str, status: int = 0, seconds: float | None = None):
        self.reason, self.seconds = reason, seconds
        self.refused = 300 <= status < 400 or status in (401, 403, 404)
        may_pass = self.refused or status in (408, 425, 429)
        self.final = 400 <= status < 500 and not may_pass


def address_and_key(settings) -> tuple[str, str]:
    """The endpoint's URL without a slash at its end, and its key from the environment, "" = none.

    settings: config section vlm or refine. Raises UserError when the URL or the key cannot be
    right.
    """
    section, variable = settings.section, settings.key_variable
    if not re.fullmatch(PLAIN_URL, settings.endpoint):  # not shown: it may hold a key
        raise UserError(
            f"{section}.endpoint is no plain address; write e.g. "
            f"{section}.endpoint=http://localhost:8000/v1; its key "
            f"belongs in an environment variable, whose name goes into {section}.key_variable"
        )

    key = os.environ.get(variable, "").strip()
    if variable and not re.fullmatch(r"[!-~]+", key):
        raise UserError(
            f"the environment has no key in {variable}: export it, or set "
            f"{section}.key_variable= where none is needed"
        )

    return settings.endpoint.rstrip("/"), key


class Client:
    """Calls to one server on connections that are kept; any number of threads may call.

    settings: config section vlm or refine. Raises UserError as address_and_key does.
    """

    def __init__(self, settings):
        self.url, self.key = address_and_key(settings)
        headers = {"Content-Type": "application/json"}

        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"

        connect = min(MAX_CONNECT_SECONDS, settings.timeout)
        self.pool = urllib3.PoolManager(
            1,
            headers,
            maxsize=settings.at_once,
            block=True,
            retries=False,
            timeout=urllib3.Timeout(connect=connect, read=settings.timeout),
        )

    def models(self) -> dict[str, dict]:
        """{id: entry} of the server's list of models; {} where it has none, or does not answer."""
        try:
            entries = self.call("GET", "models")["data"]
            return {str(entry["id"]): entry for entry in entries}
        except (CallError, LookupError, TypeError):
            return {}

    def complete(self, body: bytes) -> str:
        """The text that the server replies to a chat completion request. Raises CallError."""
        answer = self.call("POST", "chat/completions", body)
        try:
            text = answer["choices"][0]["message"]["content"] or ""
        except (LookupError, TypeError):
            text = None

        if not isinstance(text, str):
            raise CallError("its answer has no choices")

        # half a surrogate pair could not be written to a file
        return text.encode("utf-8", "replace").decode()

    def call(self, method: str, path: str, body: bytes | None = None):
        """The JSON that the server answers with. Raises CallError.

        Neither redirects nor proxies of the environment are followed.
        """
        try:
            response = self.pool.request(
                method, f"{self.url}/{path}", body=body, redirect=False, preload_content=False
            )
            data = response.read(MAX_BYTES + 1)
            # the connection too where something is left unread; else it is back in the pool already
            response.close()
            response.release_conn()

            is_whole = len(data) <= MAX_BYTES
            if response.status == 200 and is_whole:
                return json.loads(data)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            # what stands before the last colon names the address
            raise CallError(str(error).rpartition(": ")[2]) from None
        except (ValueError, RecursionError):
            raise CallError("its answer is not JSON") from None

        raise self.error_of(response.status, response.headers.get("Retry-After", ""), data)

    def error_of(self, status: int, retry_after: str, data: bytes) -> CallError:
        """The error of an answer that is no reply: its status and its message, the key masked."""
        match = MESSAGE.search(data)
        message = match[1] if match else data
        text = message[:200].decode("utf-8", "replace")
        reason = " ".join([str(status), *text.split()])

        if self.key:
            reason = reason.replace(self.key, "***")

        seconds = None
        if re.fullmatch(r"\d+(\.\d+)?", retry_after):
            seconds = float(retry_after)

        return CallError(reason, status, seconds)


def request_body(question: Question, image_url: str, settings) -> bytes:
    """The JSON of a chat completion request, always the same for the same question.

    image_url: a data URL; "" = no image is shown. settings: config section vlm or refine.
    """
    content: str | list = question.text
    if image_url:
        content = [
            {"type": "image_url", "image_url": {"url": image_url}},
            {"type": "text", "text": question.text},
        ]

    body = {
        "model": settings.model,
        "messages": [{"role": "user", "content": content}],
        "temperature": 0,
        "seed": 0,
        "n": 1,
        "max_tokens": settings.max_new_tokens,
    }

    if settings.constrained and question.pattern:
        body |= constraint(question.pattern)

    return json.dumps(body).encode()


def constraint(pattern: str) -> dict:
    """Fields that ask for a reply of a pattern; each server ignores the other servers' fields."""
    return {
        "structured_outputs": {"regex": pattern},  # vLLM
        "guided_regex": pattern,  # vLLM before 0.12
        "regex": pattern,  # SGLang
        # llama.cpp, which then replies in quotes
        "json_schema": {"type": "string", "pattern": f"^({pattern})$"},
    }
