"""Texts as the token ids that one frozen text encoder expects."""

import re

import numpy as np

SLICE = 4096  # texts that are counted at a time


class TextTokenizer:
    """A tokenizer with an encoder's prompt before each text, at most `length` tokens, padded on the
    right.

    limits: upper bounds of the length, 0 or None = none. lower: the model was trained on lower case
    and its tokenizer does not lower itself. fixed_length: every text is padded to `length`.
    `description` says all this for the record.
    """

    def __init__(
        self, tokenizer, limits, prompt: str = "", lower: bool = False, fixed_length: bool = False
    ):
        tokenizer.padding_side = "right"
        tokenizer.truncation_side = "right"
        tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
        self.tokenizer = tokenizer
        self.prompt = prompt
        self.lower = lower
        self.padding = "max_length" if fixed_length else "longest"
        # a text must have a token, and some tokenizers make none of ""
        self.empty = "" if tokenizer("")["input_ids"] else " "
        self.length = min(limit for limit in (*limits, tokenizer.model_max_length) if limit)
        self.description = {
            "prompt": prompt,
            "max_length": self.length,
            "lower": lower,
            "padding": self.padding,
        }

    def prepare(self, texts) -> list[str]:
        """Each text after the prompt, in lower case where the model needs it."""
        if self.lower:
            texts = [text.lower() for text in texts]

        return [self.prompt + text or self.empty for text in texts]

    def tokenize(self, texts, device) -> dict:
        """{"input_ids", "attention_mask"} (b, n) on the device."""
        batch = self.tokenizer(
            self.prepare(texts),
            padding=self.padding,
            truncation=True,
            max_length=self.length,
            return_attention_mask=True,
            return_tensors="pt",
        )
        return {key: batch[key].to(device) for key in ("input_ids", "attention_mask")}

    def longest_first(self, texts) -> np.ndarray:
        """Positions (n,) of the texts, longest first by tokens, equal lengths as they come: batches
        of neighbours in this order have little padding."""
        lengths = []
        for start in range(0, len(texts), SLICE):
            some = self.prepare(texts[start : start + SLICE])
            batch = self.tokenizer(some, truncation=True, max_length=self.length)
            lengths += [len(ids) for ids in batch["input_ids"]]

        longest_first = -np.array(lengths, int)
        return np.argsort(longest_first, kind="stable")

    def without_marks(self, texts) -> list[str]:
        """The texts as plain text for a chat template: cut to `length` tokens, and without the
        tokenizer's own marks, e.g. the one that stands for an image."""
        marks = sorted(self.tokenizer.get_added_vocab(), key=len, reverse=True)
        pattern = "|".join(map(re.escape, marks)) or r"(?!)"  # without marks, nothing matches
        texts = [re.sub(pattern, " ", text) for text in self.prepare(texts)]
        batch = self.tokenizer(
            texts,
            truncation=True,
            max_length=self.length,
            add_special_tokens=False,
            return_offsets_mapping=True,
        )
        return [
            cut_at_end(text, offsets)
            for text, offsets in zip(texts, batch["offset_mapping"], strict=True)
        ]


def cut_at_end(text: str, offsets: list) -> str:
    """The text up to the end of its last token; offsets: (start, end) of each token."""
    if not offsets:
        return text

    _, end = offsets[-1]
    return text[:end]
