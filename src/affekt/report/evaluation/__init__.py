"""Pages on evaluations: a comparison of runs, a matrix of models and tasks, a learning curve, an audit of labels.

Each takes the plain document that the command prints with `--json`, and writes one HTML file that needs nothing but
a browser: no network, no second file, drawings as inline SVG. Everything on a page can be read without JavaScript,
which only switches colours and sorts tables. The content security policy names the hashes of the page's own script
and style.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from affekt.report.evaluation import draw
from affekt.report.html import content_hash, write_whole

__all__ = ["write_audit", "write_comparison", "write_curve", "write_matrix"]

Document = Mapping[str, Any]


def write_comparison(document: Document, path: str | Path, *, command: str = "") -> None:
    """Write the page on a comparison of runs.

    Args:
        document: What `affekt.bench.compare.document` gives, with the slices of each system under `slices`.
        path: The HTML file; replaced where it exists.
        command: Command line that made it.

    Raises:
        OutputError: The file cannot be written.
    """
    _write("comparison.html", path, document, command)


def write_matrix(document: Document, path: str | Path, *, command: str = "") -> None:
    """Write the page on a matrix of models and tasks (`affekt.bench.matrix.document`).

    Raises:
        OutputError: The file cannot be written.
    """
    _write("matrix.html", path, document, command)


def write_curve(document: Document, path: str | Path, *, command: str = "") -> None:
    """Write the page on a learning curve (`affekt.bench.curve.document`).

    Raises:
        OutputError: The file cannot be written.
    """
    _write("curve.html", path, document, command)


def write_audit(document: Document, path: str | Path, *, command: str = "") -> None:
    """Write the page on an audit of labels (`affekt.bench.audit.document`).

    Raises:
        OutputError: The file cannot be written.
    """
    _write("audit.html", path, document, command)


def _write(template: str, path: str | Path, document: Document, command: str) -> None:
    from markupsafe import Markup

    from affekt._version import __version__

    style = _read("page/style.css") + _read("evaluation/style.css")
    script = _read("evaluation/page.js")
    page = (
        _environment()
        .get_template(template)
        .render(
            d=document,
            command=command,
            version=__version__,
            style=Markup(style),  # noqa: S704  (our own files; the policy holds their hashes)
            script=Markup(script),  # noqa: S704
            style_hash=content_hash(style),
            script_hash=content_hash(script),
        )
    )
    write_whole(Path(path), page)


@cache
def _read(name: str) -> str:
    return (resources.files("affekt.report") / name).read_text(encoding="utf-8")


@cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: _read(f"evaluation/{name}")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "number": draw.number,
        "signed": draw.signed,
        "share": draw.share,
        "p_value": draw.p_value,
        "whole": "{:,}".format,
        "words": lambda name: str(name).replace("_", " "),
    }
    environment.globals |= {
        "interval": draw.interval,
        "scale_of": draw.scale_of,
        "ticks": draw.ticks,
        "chart": draw.chart,
        "reliability": draw.reliability,
        "risk": draw.risk,
        "growth": draw.growth,
        "tone": draw.tone,
    }
    return environment
