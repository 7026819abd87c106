from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

import affekt.catalog.works as catalogue
from affekt.catalog.load import names
from affekt.catalog.works import MODALITIES, PILLARS, ROOMS, Level, Work, status, statuses, work, works
from affekt.catalog.works.registrations import Claim, Registrations
from affekt.cli.works import command
from affekt.core.errors import CatalogError, UnknownNameError

ROOT = Path(__file__).parent.parent
FOLDER = Path(catalogue.__file__).parent


# Where a figure was read, or how sure it is, stands with it.
SOURCE = re.compile(
    r"abstract|README|recalled|unverified|paper|summar|secondary|project page|review|card|source|findings", re.I
)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


# The entries


@pytest.mark.parametrize("name", names("works"))
def test_entry_is_valid(name: str) -> None:
    entry = work(name)
    assert entry.id == name
    assert entry.title.strip()
    assert 100 <= len(entry.contributes) <= 900
    assert 2 <= entry.contributes.count(". ") + 1 <= 6, "two to five sentences"
    assert entry.contributes.endswith((".", "?"))
    assert entry.demonstrated_when.endswith((".", "?"))
    assert len(entry.capabilities) >= 3
    assert all(capability == capability.strip() and capability for capability in entry.capabilities)
    assert [figure for figure in entry.figures if not SOURCE.search(figure)] == []
    assert {home.split("/")[0] for home in entry.homes} <= set(ROOMS)


def test_there_are_all_162_and_every_part_of_the_field_has_some() -> None:
    everything = works()
    assert len(everything) == 162
    assert len({w.id for w in everything}) == 162
    assert len({w.title for w in everything}) == 162
    assert {w.pillar for w in everything} == set(PILLARS)
    assert {m for w in everything for m in w.modalities} <= set(MODALITIES)


def test_no_two_works_are_described_alike() -> None:
    for field in ("contributes", "demonstrated_when"):
        texts = [getattr(w, field) for w in works()]
        assert len(set(texts)) == len(texts)


def test_a_figure_that_was_recalled_says_so() -> None:
    assert any("recalled" in figure for figure in work("goemotions").figures)


def test_unknown_work_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="goemotions"):
        work("goemotion")
    with pytest.raises(UnknownNameError, match="goemotions"):
        status("goemotion")


GOOD = tomllib.loads((FOLDER / "goemotions.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id": "Go Emotions"}, "id"),
        ({"title": ""}, "title"),
        ({"pillar": "cooking"}, "pillar"),
        ({"kinds": []}, "kinds"),
        ({"modalities": ["text", "text"]}, "modalities"),
        ({"contributes": "Too short."}, "contributes"),
        ({"contributes": "Too long. " * 200}, "contributes"),
        ({"demonstrated_when": " starts with a blank and goes on for long enough to be valid."}, "demonstrated_when"),
        ({"homes": ["kitchen/sink.py"]}, "homes"),
        ({"homes": ["/etc/passwd"]}, "homes"),
        ({"repo": "not a repository"}, "repo"),
        ({"status": "runs"}, "status"),
        ({"languages": "en"}, "languages"),
    ],
)
def test_a_wrong_field_is_refused_by_name(change: dict[str, object], says: str) -> None:
    assert msgspec.convert(GOOD, type=Work).id == "goemotions"
    with pytest.raises(msgspec.ValidationError, match=says):
        msgspec.convert(GOOD | change, type=Work)


# The status


@pytest.fixture
def package(tmp_path: Path) -> Path:
    write(tmp_path, "cli/bench.py", "")
    return tmp_path


def write(package: Path, file: str, text: str) -> None:
    path = package / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def record(package: Path, name: str, **changes: object) -> None:
    content: dict[str, object] = {
        "task": "goemotions",
        "model": "ours",
        "scores": {"macro_f1": {"value": 0.45, "low": 0.43, "high": 0.47, "n": 5427}},
        "works": ["goemotions"],
        "command": "affekt bench run goemotions --model ours",
    }
    write(package, f"catalog/records/{name}.json", json.dumps(content | changes))


CORPUS = 'title = "GoEmotions"\nworks = ["goemotions"]\n'
TASK = """
corpus = "goemotions"
works = ["goemotions"]
[[claims]]
work = "goemotions"
metric = "macro_f1"
value = 0.46
tolerance = 0.02
note = "BERT, abstract"
"""


def level(package: Path, name: str = "goemotions") -> Level:
    return Registrations.read(package).status(name).level


def test_nothing_registered_is_planned(package: Path) -> None:
    found = Registrations.read(package).status("goemotions")
    assert found.level is Level.PLANNED
    assert found.references == found.claims == ()


@pytest.mark.parametrize("room", ["spaces", "maps", "corpora"])
def test_a_catalogue_entry_describes(package: Path, room: str) -> None:
    write(package, f"catalog/{room}/one.toml", 'works = ["goemotions", "kote"]\n')
    assert level(package) == level(package, "kote") == Level.DESCRIBED
    assert level(package, "meld") is Level.PLANNED
    (reference,) = Registrations.read(package).status("kote").references
    assert reference.file == f"catalog/{room}/one.toml"


def test_a_task_runs_only_where_its_corpus_is_known(package: Path) -> None:
    write(package, "catalog/tasks/goemotions.toml", TASK)
    before = Registrations.read(package).status("goemotions")
    assert before.level is Level.DESCRIBED
    assert "not in the catalogue" in before.references[0].note
    write(package, "catalog/corpora/goemotions.toml", CORPUS)
    after = Registrations.read(package).status("goemotions")
    assert after.level is Level.RUNS
    assert [(r.kind, r.level) for r in after.references] == [("task", Level.RUNS), ("corpus", Level.DESCRIBED)]
    assert after.references[0].run == "affekt bench run goemotions"
    assert after.claims[0].ours is None
    assert not after.claims[0].met


def test_a_bundled_model_and_a_recipe_run(package: Path) -> None:
    write(package, "weights/small/affekt.json", '{"works": ["goemotions"]}')
    write(package, "catalog/recipes/small.toml", 'task = "goemotions"\nworks = ["xed"]\n')
    assert level(package) is level(package, "xed") is Level.RUNS
    (reference,) = Registrations.read(package).status("goemotions").references
    assert (reference.kind, reference.name) == ("model", "small")
    assert reference.run == "", "there is no such verb here, so no command is promised"
    write(package, "cli/analyze.py", "")
    (reference,) = Registrations.read(package).status("goemotions").references
    assert reference.run == "affekt analyze TEXT --model small"


CODE = '''
"""A module that says source="kote" in its text."""
SOURCE = "meld"

@objective(name="penalty", source="all-inclusive-ser")
def penalty(x):
    """Also mentions works=["xed"]."""
    return x

@register(works=["label-variance-ser", "leia"])
class Head:
    pass

METRICS = (Metric("eder", source="mme-emotion"), Metric("plain"))
'''


def test_code_registers_by_its_decorators_and_calls(package: Path) -> None:
    write(package, "train/objectives/penalty.py", CODE)
    found = Registrations.read(package)
    assert set(found.references) == {"all-inclusive-ser", "label-variance-ser", "leia", "mme-emotion"}
    (reference,) = found.status("all-inclusive-ser").references
    assert (reference.kind, reference.name, reference.file) == ("code", "penalty", "train/objectives/penalty.py")
    assert found.status("leia").references[0].name == "Head"
    assert found.status("mme-emotion").references[0].name == "eder"


def test_a_record_that_meets_the_claim_reproduces(package: Path) -> None:
    write(package, "catalog/corpora/goemotions.toml", CORPUS)
    write(package, "catalog/tasks/goemotions.toml", TASK)
    record(package, "weak", scores={"macro_f1": {"value": 0.439}})
    assert level(package) is Level.RUNS
    record(package, "good")
    found = Registrations.read(package).status("goemotions")
    assert found.level is Level.REPRODUCED
    (claim,) = found.claims
    assert (claim.ours, claim.low, claim.model) == (0.45, 0.43, "ours")
    assert claim.record == "catalog/records/good.json"
    assert any(r.run == "affekt bench run goemotions --model ours" for r in found.references)


def test_the_tolerance_is_inclusive() -> None:
    def claim(metric: str, ours: float | None) -> Claim:
        return Claim("w", "t", metric, value=0.46, tolerance=0.02, note="", file="", ours=ours)

    assert claim("macro_f1", 0.44).met
    assert not claim("macro_f1", 0.4399).met
    assert not claim("macro_f1", None).met
    assert claim("rmse", 0.48).met
    assert claim("ece_label", 0.1).met
    assert not claim("rmse.valence", 0.4801).met


@pytest.mark.parametrize(
    "changes",
    [
        {"works": ["meld"]},
        {"task": "other"},
        {"scores": {}},
        {"scores": {"micro_f1": {"value": 0.9}}},
        {"scores": {"macro_f1": {"value": None}}},
        {"scores": {"macro_f1": {"value": math.nan}}},
    ],
)
def test_a_record_of_something_else_does_not_reproduce(package: Path, changes: dict[str, object]) -> None:
    write(package, "catalog/corpora/goemotions.toml", CORPUS)
    write(package, "catalog/tasks/goemotions.toml", TASK)
    record(package, "one", **changes)
    assert level(package) is Level.RUNS


def test_a_recipe_claims_for_its_task_and_the_lowest_error_counts(package: Path) -> None:
    claims = '[[claims]]\nwork = "xed"\nmetric = "rmse"\nvalue = 0.5\n'
    write(package, "catalog/recipes/best.toml", f'task = "emobank"\nworks = ["xed"]\n{claims}')
    for name, value in (("a", 0.7), ("b", 0.4), ("c", 0.6)):
        record(package, name, task="emobank", works=["xed"], scores={"rmse": {"value": value}})
    (claim,) = Registrations.read(package).status("xed").claims
    assert (claim.ours, claim.record, claim.met) == (0.4, "catalog/records/b.json", True)


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("catalog/spaces/x.toml", "works = 'kote'", "not a list"),
        ("catalog/spaces/x.toml", "works = [", "not valid"),
        ("catalog/records/x.json", "{", "JSON"),
        ("catalog/records/x.json", "[]", "object"),
        ("weights/m/affekt.json", '{"works": [1]}', "not a list"),
        ("catalog/tasks/x.toml", "[[claims]]\nwork = 'kote'", "metric"),
    ],
)
def test_a_broken_registration_names_its_file(package: Path, file: str, text: str, says: str) -> None:
    write(package, file, text)
    with pytest.raises(CatalogError, match=says) as caught:
        Registrations.read(package)
    assert file.split("/")[-1] in str(caught.value)


def test_all_that_is_registered_here_names_a_work_that_exists() -> None:
    found = Registrations.read()
    unknown = {f"{name} in {r.file}" for name, references in found.references.items() for r in references} - {
        f"{name} in {r.file}" for name in names("works") for r in found.references.get(name, ())
    }
    assert not unknown
    assert set(found.claims) <= set(names("works"))
    assert set(statuses()) == set(names("works"))


def test_direction_of_metrics_agrees_with_the_metrics_room() -> None:
    registry = pytest.importorskip("affekt.metrics.registry")
    for key, metric in registry.METRICS.items():
        claim = Claim("w", "t", key, value=0, tolerance=0, note="", file="")
        assert claim.lower_is_better is not metric.higher_is_better, key


# The command line


def run(*args: str) -> str:
    result = CliRunner().invoke(command, args)
    assert result.exit_code == 0, result.output
    return result.output


def test_list_is_one_plain_line_a_work() -> None:
    lines = run("list").splitlines()
    assert len(lines) == 162
    assert all(line.count("\t") == 3 and "\x1b" not in line for line in lines)
    assert run() == run("list")


def test_list_filters() -> None:
    poems = [line.split("\t") for line in run("--pillar", "poetry").splitlines()]
    assert {fields[1] for fields in poems} == {"poetry"}
    assert "kpoem" in {fields[0] for fields in poems}
    music = json.loads(run("list", "--modality", "music", "--json"))
    assert music
    assert all("music" in w["modalities"] for w in music)
    counts = {str(known): len(run("list", "--status", str(known)).splitlines()) for known in Level}
    assert sum(counts.values()) == 162


@pytest.mark.parametrize(
    ("args", "nearest"),
    [
        (["list", "--pillar", "poetri"], "poetry"),
        (["--status", "planed"], "planned"),
        (["list", "--modality", "musik"], "music"),
        (["show", "goemotion"], "goemotions"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(args: list[str], nearest: str) -> None:
    result = CliRunner().invoke(command, args)
    assert result.exit_code != 0
    assert isinstance(result.exception, UnknownNameError)
    assert nearest in str(result.exception)


def test_show_says_what_it_is_and_where_it_lives(monkeypatch: pytest.MonkeyPatch, package: Path) -> None:
    write(package, "catalog/corpora/goemotions.toml", CORPUS)
    write(package, "catalog/tasks/goemotions.toml", TASK)
    record(package, "good")
    monkeypatch.setattr(catalogue, "_registrations", lambda: Registrations.read(package))
    text = run("show", "goemotions")
    assert work("goemotions").contributes in text
    assert all(figure in text for figure in work("goemotions").figures)
    assert "reproduced" in text
    assert "src/affekt/catalog/tasks/goemotions.toml" in text
    assert "$ affekt bench run goemotions" in text
    assert "published 0.46 (tolerance 0.02), ours 0.450 [0.430, 0.470] by ours: met; BERT, abstract" in text
    assert "\x1b" not in text
    planned = run("show", "kpoem")
    assert "planned" in planned
    assert "Where it will live" in planned
    found = json.loads(run("show", "goemotions", "--json"))
    assert found["status"] == "reproduced"
    assert found["claims"][0]["met"] is True
    assert {r["kind"] for r in found["references"]} == {"corpus", "task", "record"}
    assert run("list", "--status", "reproduced").startswith("goemotions\t")


def test_status_counts_every_work_once() -> None:
    rows = [line.split("\t") for line in run("status").splitlines()]
    assert rows[0] == ["pillar", "planned", "described", "runs", "reproduced", "all"]
    assert [row[0] for row in rows[1:]] == [*PILLARS, "total"]
    assert rows[-1][-1] == "162"
    counts = json.loads(run("status", "--json"))
    assert sum(counts["total"].values()) == 162
    assert counts["total"] == {key: sum(p[key] for p in counts["pillars"].values()) for key in counts["total"]}


def test_tables_on_a_terminal_never_cut_an_id(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    for columns in ("60", "160"):
        monkeypatch.setenv("COLUMNS", columns)
        command.main(["list"], standalone_mode=False)
        out = capsys.readouterr().out
        assert all(f" {name} " in out for name in names("works"))
        assert max(map(len, COLOUR.sub("", out).splitlines())) <= int(columns)
    command.main(["status"], standalone_mode=False)
    assert "162" in capsys.readouterr().out
    command.main(["show", "beyond-hate"], standalone_mode=False)
    assert "Beyond Hate" in capsys.readouterr().out


def test_listing_reads_what_it_shows_and_no_model() -> None:
    code = (
        "import sys; from affekt.cli.works import command; command(['list'], standalone_mode=False);"
        "heavy = {'numpy', 'onnxruntime', 'tokenizers', 'pyarrow'} & set(sys.modules); sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_page_of_works_is_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "works_docs.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
