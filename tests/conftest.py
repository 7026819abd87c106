"""Fixtures that several files of tests share."""

from browser import chromium, show

__all__ = ["chromium", "show"]
