"""Constrained decoding: the model can only give replies that match a regular expression, whatever
it would like to say.

in: "[0-9]{1,3} (gram|kilogram)" → out: "500 gram"
"""

from importlib.util import find_spec

from common.errors import UserError


class RegexConstraints:
    """Regular expressions compiled by xgrammar for one tokenizer, each once.

    vocab_size: columns of the model's logits, which may be more than the tokenizer has. end_ids:
    ids of the tokens that end a reply.
    """

    def __init__(self, tokenizer, vocab_size: int, end_ids: list[int]):
        import xgrammar

        info = xgrammar.TokenizerInfo.from_huggingface(
            tokenizer, vocab_size=vocab_size, stop_token_ids=end_ids
        )
        self.compiler = xgrammar.GrammarCompiler(info)
        self.vocab_size = vocab_size
        self.compiled = {"": None}  # {pattern: grammar}

    def compile(self, pattern: str):
        """The compiled pattern, None for "". Raises UserError when xgrammar cannot read it."""
        if pattern not in self.compiled:
            try:
                self.compiled[pattern] = self.compiler.compile_regex(pattern)
            except RuntimeError as error:
                message = " ".join(str(error).split())[:200]
                raise UserError(
                    f"xgrammar cannot read the pattern {pattern}: {message}; write it simpler"
                ) from None

        return self.compiled[pattern]

    def logits_processor(self, patterns: list[str]) -> "RegexLogitsProcessor":
        """For one call of generate: row i of the batch must match patterns[i]; "" = any reply."""
        import xgrammar

        matchers = {}
        for row, pattern in enumerate(patterns):
            grammar = self.compile(pattern)
            if grammar:
                matchers[row] = xgrammar.GrammarMatcher(grammar)

        bitmask = xgrammar.allocate_token_bitmask(len(patterns), self.vocab_size)
        return RegexLogitsProcessor(matchers, bitmask)


class RegexLogitsProcessor:
    """Sets the logits of tokens that must not come next to -inf. For one call of generate.

    matchers: {row of the batch: xgrammar.GrammarMatcher}; bitmask: of the tokens allowed, (rows,
    vocab_size / 32) int32.
    """

    def __init__(self, matchers: dict, bitmask):
        self.matchers, self.bitmask = matchers, bitmask
        self.is_first_token = True

    def __call__(self, ids, scores):
        """scores (rows, vocab_size), masked in place; ids (rows, tokens so far)."""
        import xgrammar

        if not self.matchers:
            return scores

        last = ids[:, -1].tolist()
        for row, matcher in self.matchers.items():
            if not self.is_first_token and not matcher.is_terminated():
                matcher.accept_token(last[row])

            # the bitmask of a reply that has ended stays as it was: generate pads its row
            if not matcher.is_terminated():
                matcher.fill_next_token_bitmask(self.bitmask, row)

        self.is_first_token = False
        xgrammar.apply_token_bitmask_inplace(
            scores, self.bitmask.to(scores.device), indices=list(self.matchers)
        )
        return scores


def need_xgrammar(setting: str) -> None:
    """Raises UserError when xgrammar, which `setting` needs, is not installed."""
    if not find_spec("xgrammar"):
        raise UserError(
            f"{setting}=true needs the package xgrammar, which is not installed: pip "
            f"install --no-deps xgrammar apache-tvm-ffi, or set {setting}=false"
        )
