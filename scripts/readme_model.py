"""Copy what the model cards say in short into README.md; `--check` says whether it is current.

A card (src/affekt/weights/MODEL/README.md) marks its short form with `<!-- short:begin -->` and
`<!-- short:end -->`. Figures are written there by the run that measured them, and are never typed here.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
SHORT = re.compile(r"<!-- short:begin -->\n(.*?)<!-- short:end -->", re.DOTALL)
PLACE = re.compile(r"(<!-- model:begin [^\n]*-->\n)(.*?)(<!-- model:end -->)", re.DOTALL)


def section() -> str:
    """The short forms of all cards, each with a link to its card."""
    parts = []
    for card in sorted((ROOT / "src" / "affekt" / "weights").glob("*/README.md")):
        short = SHORT.search(card.read_text(encoding="utf-8"))
        if short is not None:
            link = card.relative_to(ROOT).as_posix()
            parts.append(f"\n{short[1].strip()}\n\nThe whole card: [{card.parent.name}]({link}).\n\n")
    return "".join(parts)


def main() -> None:
    """Write the section, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; exit code 1 where the section is old")
    check = parser.parse_args().check
    old = README.read_text(encoding="utf-8")
    new, places = PLACE.subn(lambda m: m[1] + section() + m[3], old)
    if places != 1:
        sys.exit("README.md has no place for the model section")
    if not check:
        README.write_text(new, encoding="utf-8")
    elif new != old:
        sys.exit("README.md: the model section is old; run: make docs-pages")


if __name__ == "__main__":
    main()
