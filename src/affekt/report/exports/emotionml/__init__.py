"""EmotionML 1.0 (W3C Recommendation, 22 May 2014): writing readings, and reading them back.

How a row is said in EmotionML:

- Each label is a `<category>` whose `confidence` is its probability. `value` stays away: it is an intensity.
- Valence, arousal and dominance are `<dimension>`s of the W3C vocabulary `pad-dimensions` (valence is called
  pleasure there), carried linearly from their native range to 0..1. The range stands in the document's `<info>`.
- Labels that are exactly the items of a W3C vocabulary refer to it (Ekman's six to `big6`, where joy is called
  happiness); any other space is defined in the document by a `<vocabulary>`.
- EmotionML's `start` and `end` are milliseconds since 1970; `start` is given where the row's time is an instant.
  A place in a recording is relative: `offset-to-start` and `duration` in milliseconds, with `time-ref-uri`.
- The text is the text of the `<emotion>`; the source is a `<reference>`.
- EmotionML has no way to say "no answer", and an `<emotion>` without a description is not valid. An abstention is
  therefore the one category of a vocabulary of its own; its scores stay in `<info>`, where no reader mistakes them
  for an answer.
- Windows of a long text follow it as `<emotion>`s of their own that name it in their `<info>`.
- What has no place in EmotionML is in `<info>`, in the namespace `urn:affekt:emotionml:1`.

XML 1.0 cannot hold most control characters, nor lone surrogates: each becomes U+FFFD, one for one, so that
character positions stay right.
"""

from __future__ import annotations

from affekt.report.exports.emotionml.names import AFFEKT, NAMESPACE, NATIVE
from affekt.report.exports.emotionml.reader import read
from affekt.report.exports.emotionml.writer import write

__all__ = ["AFFEKT", "NAMESPACE", "NATIVE", "read", "write"]
