"""Readers of published corpora, by layout."""

from __future__ import annotations

from affekt.corpora.files import data_folder
from affekt.corpora.read import Example, Target, checksums, overlap, ratings, read

__all__ = ["Example", "Target", "checksums", "data_folder", "overlap", "ratings", "read"]
