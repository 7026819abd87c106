"""Corpora as data: where their files lie, how these are laid out, their splits, labels, licence and defects.

An entry holds facts of the release it describes; how a layout is read is code in `affekt.corpora`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from affekt.catalog.load import Entry, entry, names

__all__ = ["Citation", "Corpus", "CorpusFile", "HashSplit", "RatingsFile", "SplitFacts", "corpora", "corpus"]

Layout = Literal["tsv-label-ids", "csv-split-column"]


class CorpusFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file of the release.

    Attributes:
        path: Path below the corpus folder.
        columns: Role of each column of a file without header, in order: `text`, `labels`, `id`, `ignore`, or the
            name of a dimension of the space.
        split: The split that the whole file belongs to; empty where rows are split otherwise.
    """

    path: str
    columns: tuple[str, ...] = ()
    split: str = ""


class RatingsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of single annotators' judgements, with a header.

    Attributes:
        path: Path below the corpus folder.
        perspective: Whose feeling was rated: `reader`, `writer`; empty where there is only one.
        id: Name of the column with the item's id.
        unrated: Values in the order of the space's dimensions that stand for "not rated" when a row holds exactly
            these; such rows are left out.
    """

    path: str
    perspective: str = ""
    id: str = "id"
    unrated: tuple[float, ...] = ()


class HashSplit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Our own split, for corpora without an official one: by a hash of the text, so it needs no list of rows.

    The first eight hexadecimal digits of the SHA-256 of the lower-cased text, modulo `modulo`, choose the split.

    Attributes:
        modulo: Number of parts.
        dev: Parts of the development split.
        test: Parts of the test split. All other parts are for training.
    """

    modulo: int
    dev: tuple[int, ...]
    test: tuple[int, ...]


class SplitFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known of a split.

    Attributes:
        rows: Number of rows in the release that the entry describes; a test counts them.
    """

    rows: int


class Citation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The publication to cite."""

    title: str
    authors: str
    year: int
    url: str
    venue: str = ""


class Corpus(Entry, frozen=True, kw_only=True):
    """A corpus.

    Attributes:
        title: Name for people.
        description: What the texts are, who annotated them and how, in a few sentences of our own.
        layout: How the files are to be read.
        folder: Name of its folder below the data folder (`AFFEKT_DATA`).
        home: Where the release can be had.
        release: Commit or version that the facts were taken from.
        space: Id of the label space of its gold.
        languages: ISO 639-1 codes.
        licence: SPDX expression, or a short statement.
        commercial: Whether models trained on it may be used commercially: `yes`, `no`, `unclear`.
        commercial_note: Under which conditions, or what is in doubt.
        files: The files that hold texts and gold.
        splits: Split -> facts.
        label_ids: Labels in the corpus' own numbering.
        first_label_id: The number of the first of them.
        label_file: A file of the release that lists the labels; it is checked against `label_ids`.
        dimension_columns: Dimension -> column of the gold table.
        id_column: Column with the row's id.
        text_column: Column with the text.
        split_column: Column with the split.
        ratings: Files of single judgements.
        hash_split: Our split, where there is no official one.
        merge_duplicates: Whether rows with the same text are joined into one, with the labels of all of them.
        strip: Whether white space around a text is taken off.
        html_entities: Whether texts hold HTML entities (`&amp;`), which are resolved.
        empty_cells: Whether empty cells after the last column are passed over, and rows of nothing else.
        defects: What is known to be wrong or surprising.
        citation: The publication to cite.
        works: Ids of the works that the corpus belongs to.
    """

    title: str
    description: str
    layout: Layout
    folder: str
    home: str
    release: str
    space: str
    languages: tuple[str, ...]
    licence: str
    commercial: Literal["yes", "no", "unclear"]
    commercial_note: str
    files: tuple[CorpusFile, ...]
    splits: dict[str, SplitFacts]
    citation: Citation
    label_ids: tuple[str, ...] = ()
    first_label_id: int = 0
    label_file: str = ""
    dimension_columns: dict[str, str] = msgspec.field(default_factory=dict)
    id_column: str = "id"
    text_column: str = "text"
    split_column: str = "split"
    ratings: tuple[RatingsFile, ...] = ()
    hash_split: HashSplit | None = None
    merge_duplicates: bool = False
    strip: bool = False
    html_entities: bool = False
    empty_cells: bool = False
    defects: tuple[str, ...] = ()
    works: tuple[str, ...] = ()


def corpora() -> tuple[str, ...]:
    """Ids of all corpora in the catalogue, sorted."""
    return names("corpora")


def corpus(name: str) -> Corpus:
    """The entry of a corpus.

    Raises:
        UnknownNameError: There is no such corpus; the nearest names are given.
        CatalogError: The entry is not valid.
    """
    found: Corpus = entry("corpora", name, Corpus)
    return found
