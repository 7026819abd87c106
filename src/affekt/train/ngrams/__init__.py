"""Models that count character n-grams: any language, no encoder."""

from affekt.train.ngrams.fit import Counted, count

__all__ = ["Counted", "count"]
