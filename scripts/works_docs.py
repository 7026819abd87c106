"""Write docs/works.md from the works catalogue; `--check` says whether it is current, and changes nothing.

The page holds what the entries say. The status is left out: it is computed, and `affekt works` prints it.
"""

from __future__ import annotations

from pathlib import Path

from pages import write_or_check

from affekt.catalog.works import PILLARS, Work, works

PAGE = Path(__file__).parent.parent / "docs" / "works.md"
HEAD = """# Works

<!-- Written by scripts/works_docs.py from src/affekt/catalog/works. Change the entries, then run it again. -->

The {n} published works that Affekt honours, by part of the field, in our words. How far each has come here is
computed from what is registered and recorded: `affekt works` lists it, `affekt works show ID` gives the
published figures, the files and the commands, `affekt works status` the counts.

| status | means |
|---|---|
| planned | nothing here refers to it yet |
| described | a catalogue entry (space, map, corpus, task) names it |
| runs | a task on a known corpus, a recipe, a bundled model or a function is registered for it |
| reproduced | a recorded run comes up to a figure that it published, within the stated tolerance |
"""


def section(pillar: str, members: list[Work]) -> str:
    """One part of the field as a table."""
    rows = [f"\n## {pillar}\n", "| id | work | what it contributes |", "|---|---|---|"]
    for w in members:
        title = f"[{cell(w.title)}](https://github.com/{w.repo})" if w.repo else cell(w.title)
        rows.append(f"| `{w.id}` | {title} | {cell(w.contributes)} |")
    return "\n".join(rows) + "\n"


def cell(text: str) -> str:
    """A text as it may stand in a table: brackets and bars are taken literally."""
    for mark in "|[]<*_":
        text = text.replace(mark, f"\\{mark}")
    return text


def page() -> str:
    """The whole page."""
    everything = works()
    parts = [HEAD.format(n=len(everything))]
    for pillar in PILLARS:
        parts.append(section(pillar, [w for w in everything if w.pillar == pillar]))
    return "".join(parts)


def main() -> None:
    """Write the page, or compare it."""
    write_or_check(PAGE, page(), about=__doc__, source="works")


if __name__ == "__main__":
    main()
