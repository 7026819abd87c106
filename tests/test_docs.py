"""The documentation tells the truth: links lead somewhere, commands exist, examples run."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Commands in the docs that need more than the base install and the example files.
NOT_RUN = {"bench", "train", "study", "corpora"}


def blocks(path: Path, language: str) -> list[str]:
    """Code blocks of a page in one language."""
    return [body for kind, body in FENCE.findall(path.read_text(encoding="utf-8")) if kind == language]


def prose(path: Path) -> str:
    """A page without its code."""
    return re.sub(r"`[^`\n]+`", "", FENCE.sub("", path.read_text(encoding="utf-8")))


def anchors(path: Path) -> set[str]:
    """The names that headings of a page can be linked by."""
    titles = re.findall(r"^#+\s+(.*)$", FENCE.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", t.lower()).strip()) for t in titles}


def commands(path: Path) -> list[str]:
    """The `affekt ...` commands in the console blocks of a page; continued lines are joined."""
    found = []
    for body in blocks(path, "console"):
        for line in body.replace("\\\n", " ").splitlines():
            text = line.removeprefix("$ ").strip()
            found += [part.strip() for part in re.split(r"\s\|\s", text) if re.match(r"\s*affekt\b", part)]
    return found


def test_there_is_documentation() -> None:
    names = {p.relative_to(ROOT).as_posix() for p in PAGES}
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/index.md", "docs/cli.md"} <= names


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for groups in LINK.findall(prose(page)):
        target = next(filter(None, groups))
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        goal = (page.parent / name).resolve() if name else page
        if not goal.exists() or (anchor and goal.suffix == ".md" and anchor not in anchors(goal)):
            broken.append(target)
    assert broken == []


@pytest.fixture(scope="module")
def cli_docs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cli_docs", ROOT / "scripts" / "cli_docs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))  # as where the script is run
        spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("script", ["cli_docs.py", "readme_model.py", "results_docs.py", "works_docs.py"])
def test_what_is_generated_is_current(script: str) -> None:
    # In a process of its own: click keeps the help options that a command was first called with.
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script), "--check"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


def problems(command: str, known: dict[str, click.Context]) -> list[str]:
    """What a documented command names that does not exist."""
    words = shlex.split(command, comments=True)
    path = "affekt"
    words = words[1:]
    while words and f"{path} {words[0]}" in known:
        path = f"{path} {words.pop(0)}"
    context = known[path]
    wrong = []
    if isinstance(context.command, click.Group) and words and not words[0].startswith("-"):
        wrong.append(f"{path} has no command {words[0]!r}")
    options = {o for p in context.command.params for o in (*p.opts, *p.secondary_opts)}
    options |= set(context.help_option_names)
    for word in words:
        if word in {">", "<", "2>"}:
            break
        if re.match(r"--?[A-Za-z]", word) and word.split("=")[0] not in options:
            wrong.append(f"{path} has no option {word.split('=')[0]!r}")
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_documented_command_exists(page: Path, cli_docs: ModuleType) -> None:
    known = dict(cli_docs.walk(cli_docs.root()))
    assert [w for command in commands(page) for w in problems(command, known)] == []


def test_the_check_of_commands_sees_wrong_ones(cli_docs: ModuleType) -> None:
    known = dict(cli_docs.walk(cli_docs.root()))
    assert problems("affekt analyse text.txt", known) == ["affekt has no command 'analyse'"]
    assert problems("affekt analyze text.txt --colum text", known) == ["affekt analyze has no option '--colum'"]
    assert problems("affekt analyze text.txt --out rows.jsonl", known) == []


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_make_target_exists(page: Path) -> None:
    text = "\n".join([*re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8")), *blocks(page, "console")])
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", text))
    assert named <= make_targets()


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A folder like the clone's root, with the example data in it and room to write."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


def run(command: list[str] | str, folder: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "100"}
    shell = ["bash", "-euo", "pipefail", "-c", command] if isinstance(command, str) else command
    return subprocess.run(
        shell, cwd=folder, env=env, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL
    )


def pages_with(language: str) -> list[Path]:
    return [p for p in PAGES if blocks(p, language)]


def test_there_are_examples_to_run() -> None:
    assert ROOT / "README.md" in pages_with("python")
    assert ROOT / "README.md" in pages_with("console")


@pytest.mark.parametrize("page", pages_with("python"), ids=lambda p: p.name)
def test_the_python_on_a_page_runs(page: Path, room: Path) -> None:
    done = run([sys.executable, "-W", "error", "-c", "\n".join(blocks(page, "python"))], room)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.parametrize("page", pages_with("console"), ids=lambda p: p.name)
def test_the_commands_on_a_page_run(page: Path, room: Path) -> None:
    for body in blocks(page, "console"):
        for line in body.replace("\\\n", " ").splitlines():
            text = line.removeprefix("$ ").strip()
            verb = re.search(r"\baffekt (\w+)", text)
            if verb is None or verb[1] in NOT_RUN or not line.startswith("$ "):
                continue
            done = run(text, room)
            assert done.returncode == 0, f"{text}\n{done.stderr[-2000:]}"


def tracked() -> list[Path]:
    """Files that git tracks; without git, every file that is not built."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 0:
        return [p for name in done.stdout.split("\0") if name and (p := ROOT / name).is_file()]
    built = {".venv", ".git", "site", "demo", "build", "dist", "runs"}
    return [p for p in ROOT.rglob("*") if p.is_file() and not built & set(p.relative_to(ROOT).parts)]


def test_no_tracked_file_is_large() -> None:
    weights = ROOT / "src" / "affekt" / "weights"
    large = {}
    models: dict[str, int] = {}
    for path in tracked():
        size = path.stat().st_size
        if path.is_relative_to(weights):
            model = path.relative_to(weights).parts[0]
            models[model] = models.get(model, 0) + size
        elif size > 1_000_000:
            large[path.relative_to(ROOT).as_posix()] = size
    assert large == {}
    assert {name: size for name, size in models.items() if size > 30_000_000} == {}
