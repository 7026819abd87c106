"""Models that count character n-grams: any language, no encoder, trained in minutes."""

from affekt.train.ngrams.fit import Counted, count

__all__ = ["Counted", "count"]
