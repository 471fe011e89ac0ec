"""Decoding constrained by regular expressions: a reply of another form cannot be given, whatever the
model would like to say."""

from importlib.util import find_spec

from common.errors import UserError


class Grammars:
    """Regular expressions compiled by xgrammar for one tokenizer, each once.

    vocabulary: columns of the model's logits, which may be more than the tokenizer has. ends:
    tokens that end a reply.
    """

    def __init__(self, tokenizer, vocabulary: int, ends: list[int]):
        import xgrammar

        info = xgrammar.TokenizerInfo.from_huggingface(
            tokenizer, vocab_size=vocabulary, stop_token_ids=ends
        )
        self.compiler, self.vocabulary, self.compiled = (
            xgrammar.GrammarCompiler(info),
            vocabulary,
            {"": None},
        )

    def grammar(self, pattern: str):
        """The compiled pattern, None of "". Raises UserError when xgrammar cannot read it."""
        if pattern not in self.compiled:
            try:
                self.compiled[pattern] = self.compiler.compile_regex(pattern)
            except RuntimeError as error:
                raise UserError(
                    f"xgrammar cannot read the pattern {pattern}: "
                    f"{' '.join(str(error).split())[:200]}; write it simpler"
                ) from None
        return self.compiled[pattern]

    def bind(self, patterns: list[str]):
        """A logits processor that binds row i of one call of generate to patterns[i]; "" leaves its
        row free."""
        import xgrammar

        matchers = {
            i: xgrammar.GrammarMatcher(grammar)
            for i, grammar in enumerate(map(self.grammar, patterns))
            if grammar
        }
        allowed = xgrammar.allocate_token_bitmask(len(patterns), self.vocabulary)
        started = []

        def mask(ids, scores):
            last = ids[:, -1].tolist()
            for i, matcher in matchers.items():
                if started and not matcher.is_terminated():
                    matcher.accept_token(last[i])
                if (
                    not matcher.is_terminated()
                ):  # its row of `allowed` stays as it was, generate pads it
                    matcher.fill_next_token_bitmask(allowed, i)
            started.append(True)
            if matchers:
                xgrammar.apply_token_bitmask_inplace(
                    scores, allowed.to(scores.device), indices=list(matchers)
                )
            return scores

        return mask


def need_xgrammar(setting: str) -> None:
    """Raises UserError when the package is not there that `setting` needs."""
    if not find_spec("xgrammar"):
        raise UserError(
            f"{setting}=true needs the package xgrammar, which is not installed: pip "
            "install --no-deps xgrammar apache-tvm-ffi, "
            f"or set {setting}=false"
        )
