"""Parts that put channels together, what is made to try them on, and the studies that do."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("sklearn", reason="needs the train extra")

from train_data import talks_of_two  # noqa: E402

from affekt.bench import fusions  # noqa: E402
from affekt.bench.studies import run_study  # noqa: E402
from affekt.catalog.studies import Variant, studies, study  # noqa: E402
from affekt.core.errors import CatalogError, UnknownNameError  # noqa: E402
from affekt.train.fusion import made  # noqa: E402
from affekt.train.fusion.agreement import consistency, paired_contrast  # noqa: E402
from affekt.train.fusion.attention import ClipReader  # noqa: E402
from affekt.train.fusion.context import ContextLayer  # noqa: E402
from affekt.train.fusion.experts import TOGETHER, Experts, mixed  # noqa: E402
from affekt.train.fusion.scenes import SceneReader  # noqa: E402
from affekt.train.turns.net import TurnReader  # noqa: E402


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_turns_are_read_with_those_that_count():
    x, lengths = torch.randn(3, 6, 8), torch.tensor([6, 4, 2])
    later = x.clone()
    later[:, 3] += 1
    moved = {}
    for around in ("none", "before", "both"):
        layer = ContextLayer(8, around=around).eval()
        before, after = layer(x, lengths), layer(later, lengths)
        moved[around] = [(before[0, t] - after[0, t]).abs().max() > 1e-6 for t in range(6)]
        # What stands behind the last turn does not count.
        noise = x.clone()
        noise[1, 4:] = 9.0
        assert torch.allclose(layer(noise, lengths)[1, :4], before[1, :4], atol=1e-6)
        # Nor does who else is in the batch.
        assert torch.allclose(layer(x[2:, :2], lengths[2:])[0], before[2, :2], atol=1e-6)
    assert moved["none"] == [False, False, False, True, False, False]
    assert moved["before"] == [False, False, False, True, True, True]
    assert moved["both"] == [True] * 6
    with pytest.raises(ValueError, match="even width"):
        ContextLayer(7)


def test_what_stands_beside_turns_is_heard_of_those_around():
    x, lengths, beside = torch.randn(2, 5, 8), torch.tensor([5, 3]), torch.zeros(2, 5, 2)
    other = beside.clone()
    other[:, 2] = 1
    layer = ContextLayer(8, beside=2).eval()
    moved = (layer(x, lengths, beside) - layer(x, lengths, other)).abs().amax(-1) > 1e-6
    assert moved[0].all() and moved[1].tolist() == [True, True, True, False, False]
    reader = TurnReader(8, 4, beside=2, hidden=6).eval()
    assert reader(x, lengths, beside).shape == (2, 5, 4)
    assert not torch.allclose(reader(x, lengths, beside)[0], reader(x, lengths, other)[0])


def test_turns_are_read_by_who_speaks_again(tmp_path):
    talks_of_two(tmp_path, train=200, dev=10, test=60)
    same = {"epochs": 20, "hidden": 32, "dropout": 0.1, "masked": 0.1, "rate": 1e-2, "layers": "one"}
    ways = {
        "alone": {"around": "none"},
        "before": {"around": "before"},
        "speakers": {"around": "before", "speakers": True, "members": 2, "adjusted": True},
        "dealt-out": {"around": "before", "speakers": True, "dealt_out": True},
    }
    variants = tuple(Variant(name=name, fusion=way) for name, way in ways.items())
    entry = msgspec.structs.replace(
        study("meld-turns"), seeds=(1,), baseline="alone", variants=variants, fusion={"problem": "turns", **same}
    )
    tables = {t.metric: t for t in run_study(entry, tmp_path / "out", data=tmp_path)}
    score = {o.name: o.mean for o in tables["weighted_f1"].outcomes}
    # A plain line says nothing by itself, the line before says what may be felt, and only who speaks says if it is.
    assert max(score["alone"], score["before"]) < 0.85
    assert score["speakers"] > 0.95
    assert score["dealt-out"] < 0.85  # the lines before are not its own
    # Where the emotion shifts, a plain line is one that is not felt as the line before: neutral, as it reads alone.
    shifts = {o.name: o.mean for o in tables["weighted_f1_shifts"].outcomes}
    assert 0 < tables["weighted_f1_shifts"].rows < 480 and shifts["alone"] > 0.95
    assert tables["weighted_f1_dev"].rows == 80
    sizes = json.loads((tmp_path / "out" / "study.json").read_text("utf-8"))["measured"]["parameters"]
    assert sizes["speakers"] > 1.9 * sizes["before"]


def test_a_gate_of_equals_is_the_mean_of_the_experts():
    x = {"voice": torch.randn(2, 5, 6), "text": torch.randn(2, 5, 4)}
    lengths = torch.tensor([5, 3])
    widths = {name: v.shape[2] for name, v in x.items()}
    net = Experts(widths, 3, experts=("voice", "text", TOGETHER), gate="equal").eval()
    said = net(x, lengths)
    assert torch.allclose(mixed(said).exp(), said.logits.softmax(-1).mean(-2), atol=1e-6)
    gated = Experts(widths, 3, experts=("voice", "text", TOGETHER)).eval()
    assert torch.allclose(mixed(gated(x, lengths)).exp().sum(-1), torch.ones(2, 5), atol=1e-5)
    alone = Experts(widths, 3, experts=("text",)).eval()
    assert alone.channels == ["text"]
    assert torch.equal(alone(x, lengths).logits, alone({"text": x["text"]}, lengths).logits)
    with pytest.raises(ValueError, match="no channel face"):
        Experts(widths, 3, experts=("face",))


def test_contrast_pulls_rows_of_one_label_together():
    one, other = torch.randn(6, 4), torch.randn(6, 4)
    each = torch.arange(6)
    like = torch.nn.functional.normalize(one, dim=1) @ torch.nn.functional.normalize(other, dim=1).T / 0.1
    entropy = torch.nn.functional.cross_entropy
    wanted = (entropy(like, each) + entropy(like.T, each)) / 2
    assert torch.allclose(paired_contrast(one, other, each).mean(), wanted, atol=1e-5)
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    place = torch.eye(4)[labels]
    aligned = paired_contrast(place, place, labels).mean()
    assert aligned < paired_contrast(place, place.roll(1, 0), labels).mean()
    assert aligned == pytest.approx(np.log(2), abs=1e-3)  # two positives share the probability


def test_consistency_is_the_divergence_from_the_mixture():
    logits = torch.randn(5, 1, 3).expand(5, 4, 3)
    gates = torch.randn(5, 4).log_softmax(-1)
    assert torch.allclose(consistency(logits, gates), torch.zeros(5), atol=1e-6)
    apart = torch.tensor([[[2.0, 0.0], [0.0, 2.0]]])
    half = torch.log(torch.tensor([[0.5, 0.5]]))
    p = 1 / (1 + np.exp(-2))
    assert consistency(apart, half).item() == pytest.approx(0.5 * np.log(0.5 / p) + 0.5 * np.log(0.5 / (1 - p)))


def test_channels_meet_only_where_they_are_let():
    x = {"voice": torch.randn(4, 3, 5), "face": torch.randn(4, 3, 5), "text": torch.randn(4, 1, 5)}
    widths = dict.fromkeys(x, 5)
    for joins in ("late", "prefused", "crossed"):
        net = ClipReader(widths, 3, joins=joins).eval()
        # Which moment of the voice goes with which of the face is nothing to a net that reads each alone.
        turned = {**x, "voice": x["voice"].flip(1)}
        net.when.data.zero_()
        same = torch.allclose(net(x)[0], net(turned)[0], atol=1e-5)
        assert same, joins  # without times, tokens are a set
        net.when.data.normal_()
        if joins != "late":
            assert not torch.allclose(net(x)[0], net(turned)[0], atol=1e-3)
    net = ClipReader(widths, 3, joins="tokens", experts=True).eval()
    logits, on, uneven = net(x)
    assert logits.shape == (4, 3) and uneven >= 0
    assert torch.allclose(sum(on.values()), torch.ones(4), atol=1e-5)
    assert (net(x, shift={"face": 2.0})[1]["face"] > on["face"]).all()


def test_a_person_is_read_from_what_is_theirs():
    some = made.scenes(5, seed=1)
    x = {c: torch.from_numpy(v) for c, v in some.channels.items()}
    whose = {c: torch.from_numpy(v) for c, v in some.whose.items()}
    widths = {c: v.shape[2] for c, v in x.items()}
    changed = {**x, "text": torch.where((whose["text"] == 2)[..., None], x["text"] + 3, x["text"])}
    for sees, alike in (("own", True), ("all", False)):
        net = SceneReader(widths, 5, 3, sees=sees).eval()
        net.head.data.normal_()
        before, after = net(x, whose)[0], net(changed, whose)[0]
        assert torch.allclose(before[:, 1], after[:, 1], atol=1e-5) == alike
        assert not torch.allclose(before[:, 2], after[:, 2], atol=1e-4)
    # A token of nobody who is there does not count.
    empty = {**whose, "face": torch.full_like(whose["face"], -1)}
    other = {**x, "face": torch.randn_like(x["face"])}
    assert torch.allclose(net(x, empty)[0], net(other, empty)[0], atol=1e-5)


def test_what_is_made_is_as_it_is_said_to_be():
    some = made.conversations(60, seed=1)
    again = made.conversations(60, seed=1)
    assert all(np.array_equal(some.channels[c], again.channels[c]) for c in some.channels)
    inside = some.inside
    assert (inside.sum(1) == some.lengths).all() and set(np.unique(some.tells[inside])) == {0, 1}
    for k, name in enumerate(("voice", "text")):
        x, y = some.channels[name][inside], some.labels[inside]
        tells = some.tells[inside] == k
        means = np.stack([x[tells & (y == label)].mean(0) for label in range(4)])
        found = (x @ means.T).argmax(1)
        assert (found == y)[tells].mean() > 0.9 > 0.5 > (found == y)[~tells].mean()
    small = made.subtle(400, seed=1)
    told = {}
    for name, x in small.channels.items():
        flat = x.mean(1)
        means = np.stack([flat[:200][small.labels[:200] == label].mean(0) for label in range(4)])
        told[name] = ((flat[200:, None] - means) ** 2).sum(-1).argmin(1) == small.labels[200:]
    assert told["face"].mean() > 0.9 > told["frames"].mean()
    clips = made.clips(400, seed=1, conflicts=0.5)
    assert clips.channels["voice"].shape[1] == 16 and clips.channels["face"].shape[1] == 3
    assert 0.4 < (clips.subset != "consistent").mean() < 0.6


def test_every_study_of_fusion_has_plans():
    found = [study(name) for name in studies() if study(name).trains == "fusion"]
    assert len(found) >= 6
    for entry in found:
        entry.check()
        kinds = fusions.PLANS[entry.fusion["problem"]]
        plans = fusions.Ground(entry, None, None, None, print).plans(kinds)
        assert len({str(p) for p in plans.values()}) == len(plans)


def test_a_study_of_fusion_runs_through(tmp_path):
    entry = study("fusion-experts")
    short = msgspec.structs.replace(entry, fusion={**entry.fusion, "epochs": 2})
    tables = run_study(short, tmp_path, limit=64)
    by = {t.metric: {o.name: o.mean for o in t.outcomes} for t in tables}
    assert tables[0].metric == "weighted_f1" and set(by["gate_pcc"]) < set(by["weighted_f1"])
    assert all(0 <= mean <= 1 for mean in by["weighted_f1"].values())
    record = json.loads((tmp_path / "study.json").read_text())
    sizes = record["measured"]["parameters"]
    assert sizes["gated"] > sizes["averaged"] > sizes["voice-alone"] > 0


def test_a_study_of_fusion_that_is_none_is_refused(tmp_path):
    entry = study("fusion-experts")
    with pytest.raises(UnknownNameError, match="conversations"):
        run_study(msgspec.structs.replace(entry, fusion={"problem": "conversation"}), tmp_path)
    with pytest.raises(CatalogError, match="loudness"):
        run_study(msgspec.structs.replace(entry, fusion={**entry.fusion, "loudness": 1}), tmp_path)
    with pytest.raises(CatalogError, match="about channels"):
        msgspec.structs.replace(study("concordance"), fusion={"problem": "turns"}).check()


def test_a_projector_is_asked_with_other_names_than_it_learned():
    from affekt.train.fusion.loop import fit
    from affekt.train.fusion.projector import MetricProjector

    generator = torch.Generator().manual_seed(1)
    names = torch.eye(3) + 0.1 * torch.randn(3, 3, generator=generator)
    label = torch.arange(200) % 3
    x = torch.randn(3, 8, generator=generator)[label] * 2 + 0.3 * torch.randn(200, 8, generator=generator)
    net = fit(
        lambda: MetricProjector(8, 3, hidden=16),
        lambda n, at: torch.nn.functional.cross_entropy(n(x[at], names), label[at]),
        rows=200,
        seed=1,
        epochs=10,
    )
    assert (net(x, names).argmax(1) == label).float().mean() > 0.95
    # In another order and by words that are near; the first two in one.
    asked = names[[2, 0, 1]] + 0.2 * torch.randn(3, 3, generator=generator)
    assert (net(x, asked).argmax(1) == torch.tensor([1, 2, 0])[label]).float().mean() > 0.95
    merged = torch.stack([names[0] + names[1], names[2]])
    assert (net(x, merged).argmax(1) == (label == 2)).float().mean() > 0.95


def test_ratings_of_one_channel_leave_the_other_alone():
    from affekt.train.fusion.isolated import PairedRegressor

    some = made.rated(300, seed=1)
    x = {c: torch.from_numpy(v) for c, v in some.channels.items()}
    net = PairedRegressor({c: v.shape[1] for c, v in x.items()})
    net.of("music", x["music"]).sum().backward()
    assert all(p.grad is None for p in net.trunk["visual"].parameters())
    assert all(p.grad is not None for p in net.trunk["music"].parameters())
    assert net(x).shape == (300, 2)
    # What both together are rated follows what each alone is, arousal that of the music.
    both, music, visual = some.both[:, 1], some.alone["music"][:, 1], some.alone["visual"][:, 1]
    assert np.corrcoef(both, music)[0, 1] > 0.75 > 0.5 > np.corrcoef(both, visual)[0, 1]


def test_a_writer_does_not_see_the_words_that_it_is_to_write():
    from affekt.train.fusion.explained import Explainer

    some = made.explained(6, seed=1)
    values = torch.from_numpy(made.word_values())
    x, words = torch.from_numpy(some.pictures), torch.from_numpy(some.words)
    net = Explainer(x.shape[1], values, 6, values=True).eval()
    other = words.clone()
    other[:, 3] = (other[:, 3] + 1) % len(values)
    before, after = net(x, words)[1], net(x, other)[1]
    assert torch.equal(before[:, :4], after[:, :4]) and not torch.equal(before[:, 4], after[:, 4])
    label, written = net.write(x, 5)
    assert label.shape == (6,) and written.shape == (6, 5) and int(written.max()) < len(values)
    assert torch.equal(written[:, 0], before[:, 0].argmax(1))
    # Words of an explanation lie near what the picture shows.
    many = made.explained(300, seed=2)
    near = made.word_values()[many.words].mean(1)
    apart = np.abs(near - near[::-1]).mean()
    spread = np.abs(made.word_values()[many.words] - near[:, None]).mean()
    assert spread < apart


def test_a_net_that_lost_channels_while_it_learned_reads_better_without_one(tmp_path):
    entry = study("fusion-missing")
    # Fewer conversations to learn from and one seed: the direction, not the figure of the record.
    short = msgspec.structs.replace(entry, seeds=(1, 2), variants=entry.variants[:2])
    tables = {table.metric: table for table in run_study(short, tmp_path)}
    plain, missing = tables["accuracy_one_gone"].outcomes
    assert missing.mean > plain.mean
    assert tables["accuracy_lost"].outcomes[0].mean == pytest.approx(
        tables["accuracy"].outcomes[0].mean - plain.mean, abs=1e-9
    )


def test_lines_before_tell_what_a_line_alone_does_not(tmp_path):
    entry = study("emotionlines")
    short = msgspec.structs.replace(
        entry, seeds=(1,), variants=entry.variants[:2], fusion={**entry.fusion, "epochs": 3}
    )
    tables = {table.metric: table for table in run_study(short, tmp_path)}
    assert {"uar", "accuracy", "recall_joy"} <= set(tables)
    alone, before = tables["uar"].outcomes
    assert before.mean > alone.mean + 0.05
    # Lines without a majority are no rows of the score.
    given = [line for scene in _scenes(tmp_path) for line in scene]
    assert tables["uar"].rows == sum(line["emotion"] != "non-neutral" for line in given) < len(given)


def _scenes(folder):
    return json.loads((folder / "mirror" / "emotionlines" / "friends_test.json").read_text(encoding="utf-8"))
