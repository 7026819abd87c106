"""What the scripts that write pages of the documentation share."""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path


def write_or_check(page: Path, new: str, *, about: str | None, source: str) -> None:
    """Write a page, or with `--check` on the command line compare it; exit code 1 where it is old.

    Args:
        page: The page.
        new: What it has to hold.
        about: What `--help` says.
        source: What it is made from, for the header of the difference.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--check", action="store_true", help="compare only; exit code 1 where the page is old")
    if not parser.parse_args().check:
        page.write_text(new, encoding="utf-8")
        return
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    if new != old:
        name = f"docs/{page.name}"
        sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True), name, source))
        sys.exit(f"{name} is old; run: make docs-pages")
