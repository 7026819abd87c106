"""Who feels what, at whom, and why: rules for English and French, on sentences written for it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.cli.explain import command
from affekt.core.errors import InputError, UnknownNameError
from affekt.explain.roles import made, role_graph, roles

BENCH = Path(__file__).parent.parent / "benchmarks" / "roles.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("roles_bench", BENCH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("language", ["en", "fr"])
def test_rules_find_far_more_than_the_nearest_clause_on_the_half_that_was_held_out(bench, language):
    halves = bench.sentences(language)
    assert [len(half) for half in halves] == [30, 30]
    ours, plain = (bench.scores(halves[1], way, language) for way in (bench.ours, bench.nearest))
    assert ours["emotion"][2] > 0.97
    for role, least in (("experiencer", 0.95), ("target", 0.8), ("cause", 0.9), ("stimulus", 0.95)):
        assert ours[role][2] >= least
        assert ours[role][2] > plain[role][2] + 0.15


TEXT = (
    "When the train was late, Nadia was annoyed. My brother was furious with the landlord because the heating had "
    "failed, but I was not angry. Losing the key upset my brother."
)


def test_a_graph_says_what_made_somebody_feel_so():
    found = roles(TEXT)
    assert made(found, who="my brother", label="anger") == ["the heating had failed", "the landlord", "Losing the key"]
    assert made(found, who="Nadia", label="anger") == ["the train was late"]
    assert made(found, who="I", label="anger") == []  # it is denied
    graph = role_graph(found)
    names = {node["id"]: node for node in graph["nodes"]}
    brother = [link["target"] for link in graph["links"] if link["source"] == "thing:my brother"]
    assert len(brother) == 2 and {names[name]["label"] for name in brother} == {"anger"}
    assert all(link["source"] in names and link["target"] in names for link in graph["links"])
    for each in found:
        for span in (each.emotion, each.experiencer, each.target, each.cause):
            assert span is None or TEXT[span.start : span.end] == span.text


@pytest.mark.parametrize(
    "text", ["", "   ", "The furious sea.", "My friends moved away.", "Nothing here.", "!!!", "angry", "because"]
)
def test_where_nobody_feels_anything_nothing_is_made_up(text):
    assert all(each.experiencer is None for each in roles(text))


@settings(max_examples=40)
@given(st.text(max_size=80), st.sampled_from(["en", "fr"]))
def test_any_text_is_read_and_spans_are_parts_of_it(text, language):
    for noise in (text, f"I was angry {text} because {text}", f"Elle a peur de {text}"):
        plain = noise.replace("\u2019", "'")
        for each in roles(noise, language=language):
            for span in (each.emotion, each.experiencer, each.target, each.cause):
                assert span is None or (plain[span.start : span.end] == span.text and span.text)


def test_the_command_shows_roles_in_the_language_of_the_text():
    run = CliRunner()
    shown = run.invoke(command, ["Anna was furious because he broke the vase.", "--roles"])
    assert shown.exit_code == 0 and "he broke the vase" in shown.output
    told = run.invoke(command, ["Marie est très triste parce que son chien est mort hier soir.", "--roles", "--json"])
    document = json.loads(told.output)
    assert document["language"] == "fr"
    assert document["emotions"][0]["cause"]["text"] == "son chien est mort hier soir"
    assert "No word" in run.invoke(command, ["The bus leaves at nine.", "--roles"]).output
    assert isinstance(run.invoke(command, ["Hello.", "--language", "fr"]).exception, InputError)
    with pytest.raises(UnknownNameError, match="de"):
        roles("Ich bin traurig.", language="de")
