"""Readers of published corpora, by layout."""
