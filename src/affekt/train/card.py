"""The card of a trained model, from what was recorded and from nothing else."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from typing import Any

import msgspec

from affekt._version import __version__
from affekt.catalog.corpora import corpus
from affekt.catalog.recipes import DimensionsRecipe, Recipe, TurnsRecipe

__all__ = ["about_data", "about_recipe", "identity_of", "licence_note", "versions", "write_card"]


def licence_note(names: Iterable[str]) -> str:
    """What the sources of corpora ask for beyond their licences, as it stands in a model's card; empty for nothing."""
    asked: dict[str, list[str]] = {}
    for name in names:
        if (entry := corpus(name)).asks:
            asked.setdefault(entry.asks, []).append(name)
    return "; ".join(f"{what} is what {' and '.join(who)}, its data, asks for" for what, who in asked.items())


def versions(*packages: str) -> dict[str, str]:
    """Versions of Affekt, of Python, and of what else a model was made with."""
    return {
        "affekt": __version__,
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in packages},
    }


def about_data(licences: Mapping[str, str]) -> list[str]:
    """Lines of a card on what was learned from.

    Args:
        licences: Corpus -> its licence.
    """
    return [
        "## Data\n",
        "| corpus | licence | commercial use |",
        "|---|---|---|",
        *(f"| {corpus(c).title} (`{c}`) | {licence} | {corpus(c).commercial} |" for c, licence in licences.items()),
        "",
        "The licence of the weights follows from the data. Where commercial use is not plainly allowed above, it "
        "is not allowed for the weights either.\n",
    ]


def about_recipe(recipe: TurnsRecipe | DimensionsRecipe) -> list[str]:
    """Lines of a card on how the model was made, its limits, what it is not for, and the recipe itself."""
    out = []
    for title, lines in (("Of how it was made", recipe.notes), ("Limits", recipe.caveats), ("Not for", recipe.not_for)):
        if lines:
            out += ["", f"## {title}\n", *(f"- {line}" for line in lines)]
    return [*out, *_as_data(msgspec.to_builtins(recipe))]


def _as_data(recipe: Mapping[str, Any]) -> list[str]:
    return ["", "## Recipe\n", "```json", json.dumps(recipe, indent=1, ensure_ascii=False), "```", ""]


def identity_of(
    name: str, recipe: Recipe, *, history: Sequence[Mapping[str, Any]], measured: Mapping[str, Any]
) -> dict[str, Any]:
    """What `affekt.json` says of where a model comes from: licences, seeds, versions, the recipe and its course."""
    used = {p.corpus for stage in recipe.stages for p in stage.parts}
    used |= {recipe.causes.corpus} if recipe.causes else set()
    used |= {recipe.polarity.corpus} if recipe.polarity else set()
    used |= {recipe.tandem.lexicon} if recipe.tandem else set()
    counted = recipe.ngrams or (recipe.causes and recipe.causes.words)
    packages = ("scikit-learn" if counted else "torch", "onnxruntime", "numpy", "tokenizers")
    return {
        "id": name,
        "version": recipe.version,
        "title": recipe.title,
        "licence": recipe.licence,
        "licence_note": licence_note(used),
        "languages": list(recipe.languages),
        "works": list(recipe.works),
        "facts": {
            "not_for": list(recipe.not_for),
            "data": {source: corpus(source).licence for source in sorted(used)},
            "seeds": [stage.seed for stage in recipe.stages],
            "versions": versions(*packages),
            "recipe": msgspec.to_builtins(recipe),
            "history": list(history),
            **({"measured": dict(measured)} if measured else {}),
        },
    }


def write_card(identity: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    """The card as Markdown.

    Args:
        identity: What `identity_of` gave.
        figures: What packaging measured on dev, by space.
    """
    facts = identity["facts"]
    recipe = facts["recipe"]
    note = f" ({identity['licence_note']})" if identity.get("licence_note") else ""
    out = [
        f"# {identity['title']}\n",
        f"`{identity['id']}@{identity['version']}`, made by Affekt {facts['versions']['affekt']}. "
        f"Licence of the weights: {identity['licence']}{note}. Languages: {', '.join(identity['languages'])}.\n",
        *about_data(facts["data"]),
        "## On the development splits\n",
        "Thresholds, calibration and early stopping were chosen here, so these figures flatter; measure on a test "
        "split with `affekt bench run`.\n",
        "| space | rows | figure |",
        "|---|---|---|",
    ]
    for space, found in figures.items():
        if "dev_macro_f1" in found:
            out.append(f"| {space} | {found['rows']:,} | macro-F1 {found['dev_macro_f1']:.3f} |")
        else:
            each = ", ".join("undefined" if r is None else f"{r:.3f}" for r in found["dev_pcc"])
            out.append(f"| {space} | {found['rows']:,} | Pearson's r {each} |")
    out += ["", "## Course of training\n", "| trained | epoch | loss on dev |", "|---|---|---|"]
    for row in (row for row in facts["history"] if row["dev_loss"]):
        losses = ", ".join(
            f"{name} " + ("undefined" if loss is None else f"{loss:.4f}") for name, loss in row["dev_loss"].items()
        )
        out.append(f"| {row['trained']} | {row['epoch']} | {losses} |")
    if recipe["not_for"]:
        out += ["", "## Not for\n", *(f"- {n}" for n in recipe["not_for"])]
    out += _as_data(recipe)
    return "\n".join(out)
