"""The choice among bundled models by language, with a second model made of the first one's weights."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from tiny import NOTE, make_multi

from affekt.analysis import Analyzer, Policy, analyze, open_input, stream
from affekt.catalog.languages import language_code, language_name
from affekt.cli.analyze import command
from affekt.core.clip import Clip
from affekt.core.errors import InputError, ModelError, UnknownNameError
from affekt.models import registry
from affekt.models.text import TextRecogniser
from affekt.writing import write

ENGLISH = "I am so happy that you came to see me today, thank you!"
GERMAN = "Ich bin so glücklich, dass du heute zu mir gekommen bist, danke!"
RUSSIAN = "Я так рад, что ты сегодня пришёл ко мне, спасибо большое!"
FINNISH = "Olen todella iloinen että tulit tänään luokseni, kiitos paljon!"
EN = registry.load("text-en").spec.name
MULTI = EN.replace("en", "multi")  # the same weights


@pytest.fixture
def multi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = make_multi(tmp_path)
    known = {"text-en": registry.model_folder("text-en"), "text-multi": folder}
    monkeypatch.setattr(registry, "bundled", lambda: known)
    return folder


def test_each_text_goes_to_the_model_of_its_language(multi: Path) -> None:
    english, german, russian, finnish = analyze([ENGLISH, GERMAN, RUSSIAN, FINNISH])
    assert (english.model, english.space, english.language) == (EN, "goemotions", "en")
    assert (german.model, german.space, german.language) == (MULTI, "plutchik", "de")
    assert (russian.model, russian.language) == (MULTI, "ru")
    assert german.language_probability is not None and german.language_probability > 0.9
    assert (finnish.abstained or "").startswith("language not covered by the model: fi (p=")
    assert finnish.language == "fi"
    alone = [analyze(text)[0] for text in (ENGLISH, GERMAN, RUSSIAN, FINNISH)]
    assert [replace(p, clip_id="") for p in alone] == [
        replace(p, clip_id="") for p in (english, german, russian, finnish)
    ]


def test_a_model_is_loaded_when_a_row_needs_it(multi: Path) -> None:
    (multi / "model.onnx").unlink()
    assert analyze([ENGLISH, FINNISH])[0].labels
    with pytest.raises(ModelError, match="text-multi"):
        analyze([ENGLISH, GERMAN])


def test_one_space_for_all_rows(multi: Path) -> None:
    english, german = analyze([ENGLISH, GERMAN], space="ekman")
    assert english.space == german.space == "ekman"
    assert list(english.scores) == list(german.scores)
    # A head that only one has: the rows of the other say why they are not read.
    english, german = analyze([ENGLISH, GERMAN], space="goemotions")
    assert english.labels
    assert (german.abstained or "").startswith("no way to the label space goemotions in this language")
    with pytest.raises(UnknownNameError, match="'ekman'"):
        analyze(ENGLISH, space="ekmann")


def test_a_language_that_is_said_decides(multi: Path) -> None:
    assert analyze("Ja", language="German")[0].model == MULTI
    assert analyze(GERMAN, language="en")[0].model == EN
    rows = [
        {"text": "Ja", "lang": "deu"},
        {"text": "Ja", "lang": "fi"},
        {"text": GERMAN, "lang": ""},
        {"text": "Ja", "lang": "my secret"},
    ]
    from affekt.media.text import Columns, ReadOptions

    options = ReadOptions(columns=Columns(language="lang"))
    said, other, found, unknown = analyze(rows, options=options)
    assert (said.model, said.language, said.language_probability) == (MULTI, "de", None)
    assert (other.abstained, other.language) == ("language not covered by the model: fi (given)", "fi")
    assert found.language == "de"
    assert (unknown.abstained or "").startswith("unknown language") and "secret" not in (unknown.abstained or "")
    assert analyze([Clip("1", "Ja", language="ru")], language="en")[0].model == MULTI
    with pytest.raises(UnknownNameError, match="'German'"):
        analyze("Ja", language="Germn")


def test_any_language_is_read_by_the_model_that_knows_most(multi: Path) -> None:
    policy = Policy(min_confidence=0, languages="any")
    english, finnish = analyze([ENGLISH, FINNISH], policy=policy)
    assert (english.model, finnish.model) == (EN, MULTI)
    assert finnish.abstained is None and finnish.language == "fi"


def test_thresholds_of_the_language(multi: Path) -> None:
    model = TextRecogniser(multi)
    german, unknown, russian = model.predict(
        [Clip("1", GERMAN, language="de"), Clip("2", GERMAN), Clip("3", GERMAN, language="ru")]
    )
    assert german.scores == unknown.scores
    assert len(german.labels) == 8
    assert unknown.labels == russian.labels and len(unknown.labels) < 8
    assert len(analyze(GERMAN)[0].labels) == 8


def test_models_whose_use_is_restricted(multi: Path) -> None:
    english, german = analyze([ENGLISH, GERMAN], licence="permissive")
    assert english.labels
    assert german.abstained == f"licence of the model restricts its use: {MULTI}, CC-BY-4.0; {NOTE}"
    with pytest.raises(ModelError, match="research use only"):
        analyze(GERMAN, model=multi, licence="permissive")
    assert analyze(GERMAN, model=multi)[0].model == MULTI
    with pytest.raises(UnknownNameError, match="'permissive'"):
        analyze(GERMAN, licence="permissiv")  # type: ignore[call-overload]


def test_files_of_several_languages(multi: Path, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    texts = [ENGLISH, GERMAN, FINNISH, RUSSIAN] * 200
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    expected = [r.row for r in stream(path)]
    done = analyze(path, out=tmp_path / "o.jsonl")
    assert (done.models, done.spaces) == (
        {MULTI: 400, EN: 200},
        {"plutchik": 400, "goemotions": 200},
    )
    rows = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [row["model"] for row in rows] == [row.model for row in expected]
    assert [row["language"] for row in rows[:4]] == ["en", "de", "fi", "ru"]

    analyze(path, out=tmp_path / "o.csv")
    with (tmp_path / "o.csv").open(newline="") as file:
        first, second = list(csv.DictReader(file))[:2]
    assert first["score.gratitude"] and not first["score.trust"]
    assert second["score.trust"] and not second["score.gratitude"] and second["score.joy"]

    analyze(path, out=tmp_path / "o.html")
    page = (tmp_path / "o.html").read_text()
    assert f"read by {EN.replace('@', ' ')} and {MULTI.replace('@', ' ')}" in page
    assert NOTE in page and "Texts of different languages were read by different models" in page


def test_a_run_of_several_languages_goes_on_where_it_was(multi: Path, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"text": t}) + "\n" for t in [ENGLISH, GERMAN, RUSSIAN] * 300))
    analyze(path, out=tmp_path / "whole.jsonl")

    def stop(progress: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "o.jsonl"
    with pytest.raises(KeyboardInterrupt):
        write(open_input(path), out, Analyzer(), progress=stop)
    with pytest.raises(InputError, match="another language"):
        analyze(path, out=out, language="de")
    done = analyze(path, out=out)
    assert done.resumed == 512
    assert done.models == {MULTI: 600, EN: 300}
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_the_command_names_models_and_licences_once(multi: Path, tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_text(f"{ENGLISH}\n{GERMAN}\n{GERMAN}\n")
    out = tmp_path / "o.jsonl"
    result = CliRunner().invoke(command, [str(path), "-o", str(out)], catch_exceptions=False)
    assert result.stderr.count(NOTE) == 1
    assert f"Read by {EN}, licence of the weights: CC-BY-SA-4.0\n" in result.stderr
    assert "plutchik (2 rows), goemotions (1 row); --space ekman" in result.stderr
    told = CliRunner().invoke(command, ["--text", GERMAN, "--json"], catch_exceptions=False)
    assert NOTE in told.stderr and json.loads(told.stdout)["language"] == "de"
    quiet = CliRunner().invoke(command, ["--text", ENGLISH, "--json"], catch_exceptions=False)
    assert quiet.stderr == ""
    said = CliRunner().invoke(command, ["--text", "Ja", "--language", "de-AT", "--json"], catch_exceptions=False)
    assert json.loads(said.stdout)["model"] == MULTI


def test_codes_and_names_of_languages() -> None:
    for name in ("de", "DEU", "ger", "German", "german ", "de-AT", "de_CH"):
        assert language_code(name) == "de"
    assert [language_code(n) for n in ("pt-BR", "ary", "vmw", "hau", "Nigerian Pidgin")] == [
        *("pt", "ary", "vmw", "ha", "pcm")
    ]
    assert language_name("yo") == "Yoruba"
    with pytest.raises(UnknownNameError, match="'Swahili'"):
        language_code("Swahilli")


def test_every_language_of_the_detector_and_of_the_corpora_has_a_name() -> None:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    from affekt.catalog.corpora import corpora, corpus

    known = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True).nb_classes
    for code in {*known, *(code for name in corpora() for code in corpus(name).languages)} - {"zxx"}:
        language_code(code)


def test_cards_without_the_newer_fields_are_read(tmp_path: Path) -> None:
    card = json.loads((registry.model_folder("text-en") / "affekt.json").read_text())
    for field in ("licence_note", "thresholds_by_language", "scores"):
        card.pop(field, None)
    (tmp_path / "affekt.json").write_bytes(msgspec.json.encode(card))
    read = registry.read_card(tmp_path)
    assert (read.licence_note, read.thresholds_by_language, read.scores) == ("", {}, {})
