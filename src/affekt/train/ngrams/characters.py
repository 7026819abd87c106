"""Texts as rows of characters: the tokenizer of models that count n-grams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from affekt.train.vocabulary import SPECIAL, UNKNOWN

__all__ = ["character_tokenizer"]


def character_tokenizer(texts: Iterable[str], out: Path, *, least: int = 2) -> Path:
    """Write a tokenizer whose tokens are single characters, in small letters and with single spaces.

    Args:
        texts: Texts whose characters get a place; the commonest come first, so that the order is fixed.
        out: File to write.
        least: How often a character must stand in them; a rarer one is `UNKNOWN`.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )
    seen: Counter[str] = Counter()
    for text in texts:
        seen.update(normalizer.normalize_str(text))
    seen[" "] += least
    common = sorted((c for c, n in seen.items() if n >= least), key=lambda c: (-seen[c], c))
    places = {token: i for i, token in enumerate((*SPECIAL, *common))}
    tokenizer = Tokenizer(models.WordLevel(places, unk_token=UNKNOWN))
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(t, places[t]) for t in ("[CLS]", "[SEP]")]
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out))
    return out
