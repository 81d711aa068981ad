"""A CLIP tokenizer that knows the project's words: byte-pair merges learnt from the preset prompts, word by word.

Every word of the corpus becomes one token. Unknown words fall into known pieces, down to letters, and never fail.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from transformers import CLIPTokenizer

_LONGEST = 77
_PATTERN = re.compile(r"[a-z]+|[0-9]|[^\sa-z0-9]+")  # how CLIP splits text before merging


def build_tokenizer(texts: Iterable[str]) -> CLIPTokenizer:
    """Learn merges until every word of `texts` is whole (Sennrich et al. 2016, arXiv:1508.07909).

    Args:
        texts: Prompts. The order does not matter.
    """
    words = Counter(word for text in texts for word in _PATTERN.findall(text.lower()) if word.isalpha())
    symbols = _byte_symbols()
    vocabulary = [*symbols, *(f"{symbol}</w>" for symbol in symbols)]
    merges: list[tuple[str, str]] = []
    split = {word: [*word[:-1], f"{word[-1]}</w>"] for word in sorted(words)}
    while True:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in split.items():
            for pair in pairwise(parts):
                pairs[pair] += words[word]
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        vocabulary.append("".join(best))
        split = {word: _merge(parts, best) if len(parts) > 1 else parts for word, parts in split.items()}
    vocabulary = [*dict.fromkeys(vocabulary), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={token: index for index, token in enumerate(vocabulary)}, merges=merges, model_max_length=_LONGEST
    )


def _merge(parts: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    index = 0
    while index < len(parts):
        if tuple(parts[index : index + 2]) == pair:
            merged.append("".join(pair))
            index += 2
        else:
            merged.append(parts[index])
            index += 1
    return merged


def _byte_symbols() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = [chr(byte) for byte in kept]
    return symbols + [chr(256 + index) for index in range(256 - len(kept))]
