"""Entries of corpora that are not part of the data folder: each reads a small folder laid out as it was published."""

from __future__ import annotations

import json

import pytest

from affekt.catalog.corpora import corpora, corpus, variants
from affekt.catalog.spaces import space
from affekt.core.errors import InputError, UnknownNameError
from affekt.core.ratings import majority
from affekt.corpora import ratings, read
from affekt.corpora.check import check
from affekt.corpora.mirrors import MIRRORS, mirror
from affekt.metrics.annotators import agreement


def table(*rows: tuple[object, ...], delimiter: str = ",") -> str:
    """A table without quotes."""
    return "".join(delimiter.join(str(cell) for cell in row) + "\n" for row in rows)


def tsv(*rows: tuple[object, ...]) -> str:
    return table(*rows, delimiter="\t")


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


ETHIO = ("id", "text", "Anger", "Disgust", "Fear", "Sadness", "Joy", "Surprise")
EMOTIONS = ("Joy", "Sadness", "Anticipation", "Surprise", "Anger", "Fear", "Disgust", "Trust")
WRIME = (
    "Sentence", "UserID", "Datetime", "Train/Dev/Test",
    *(f"{who}_{e}" for who in ("Writer", "Reader1", "Reader2", "Reader3", "Avg. Readers") for e in EMOTIONS),
)  # fmt: skip
ISEAR = (
    "ID|CITY|COUN|SUBJ|SEX|AGE|RELI|PRAC|FOCC|MOCC|FIEL|EMOT|WHEN|LONG|INTS|ERGO|TROPHO|TEMPER|EXPRES|MOVE|EXP1|EXP2|"
    "EXP10|PARAL|CON|EXPC|PLEA|PLAN|FAIR|CAUS|COPING|MORL|SELF|RELA|VERBAL|NEUTRO|Field1|Field3|Field2|MYKEY|SIT|STATE|\n"
)
GOEMOTIONS = (
    "text", "id", "author", "subreddit", "link_id", "parent_id", "created_utc", "rater_id", "example_very_unclear",
    *(label for label in space("goemotions").labels),
)  # fmt: skip


def ethio(name: str, *values: int) -> str:
    return tsv(ETHIO, (f"{name}_1", "ሰላም ነው", *values))


def isear(subject: str, emotion: str, key: str, text: str) -> str:
    return "|".join([subject, "1", "7", "1", "2", "20", *["0"] * 30, emotion, "3", "2", key, text, "1"]) + "|\n"


def rater(text: str, who: str, label: str, unclear: bool = False) -> tuple[object, ...]:
    marks = tuple(int(label == name) for name in space("goemotions").labels)
    return (text, "e1", "a", "r", "l", "p", "1", who, unclear, *marks)


# entry -> files of a folder in the published layout, and the texts and labels of each split, or of all of ours
PUBLISHED: dict[str, tuple[dict[str, str], dict[str, list[tuple[str | None, tuple[str, ...]]]]]] = {
    "carer": (
        {"train.txt": "i feel low;sadness\n", "val.txt": "i feel up;joy\n", "test.txt": "i feel hot;love\n"},
        {
            "train": [("i feel low", ("sadness",))],
            "dev": [("i feel up", ("joy",))],
            "test": [("i feel hot", ("love",))],
        },
    ),
    "goemotions-raters": (
        {
            "goemotions_1.csv": table(GOEMOTIONS, rater("thanks", "7", "gratitude")),
            "goemotions_2.csv": table(GOEMOTIONS, rater("thanks", "8", "joy")),
            "goemotions_3.csv": table(GOEMOTIONS, rater("thanks", "9", "", unclear=True)),
        },
        {"all": [("thanks", ("gratitude",)), ("thanks", ("joy",)), ("thanks", ())]},
    ),
    "semeval2018-ec:En": (
        {
            f"2018-E-c-En-{part}.txt": tsv(
                ("ID", "Tweet", *space("semeval2018-ec").labels),
                (f"2018-{part}", "so so", *(int(e in ("joy", "love")) for e in space("semeval2018-ec").labels)),
            )
            for part in ("train", "dev", "test-gold")
        },
        {split: [("so so", ("joy", "love"))] for split in ("train", "dev", "test")},
    ),
    "dailydialog": (
        {
            f"{name}/{file}_{name}.txt": text
            for name in ("train", "validation", "test")
            for file, text in (
                ("dialogues", "Hi . __eou__ I am so glad ! __eou__\nOh no . __eou__\n"),
                ("dialogues_emotion", "0 4 \n5 \n"),
            )
        },
        {
            split: [("Hi .", ("no emotion",)), ("I am so glad !", ("happiness",)), ("Oh no .", ("sadness",))]
            for split in ("train", "dev", "test")
        },
    ),
    "emotionlines": (
        {
            f"friends_{name}.json": json.dumps(
                [
                    [
                        {"speaker": "A", "utterance": "What?", "emotion": "surprise", "annotation": "1000130"},
                        {"speaker": "B", "utterance": "Hm.", "emotion": "non-neutral", "annotation": "2002010"},
                    ]
                ]
            )
            for name in ("train", "dev", "test")
        },
        {split: [("What?", ("surprise",)), ("Hm.", ("non-neutral",))] for split in ("train", "dev", "test")},
    ),
    "emorynlp": (
        {
            f"json/emotion-detection-{name}.json": json.dumps(
                {
                    "season_id": name,
                    "episodes": [
                        {
                            "episode_id": "e1",
                            "scenes": [
                                {
                                    "scene_id": f"{name}_c{scene}",
                                    "utterances": [
                                        {
                                            "utterance_id": f"{name}_c{scene}_u1",
                                            "speakers": ["Ross"],
                                            "transcript": "Hi.",
                                            "tokens": [["Hi", "."]],
                                            "emotion": "Mad",
                                        }
                                    ],
                                }
                                for scene in (1, 2)
                            ],
                        }
                    ],
                }
            )
            for name in ("trn", "dev", "tst")
        },
        {split: [("Hi.", ("mad",)), ("Hi.", ("mad",))] for split in ("train", "dev", "test")},
    ),
    "emotiontalk": (
        {
            "dataset/mm-process/transcription.csv": table(
                ("name", "emotion", "chinese"), ("G00009/G00009_42/G00009_42_14/G00009_42_14_024", "angry", "走吧。")
            )
        },
        {"train": [("走吧。", ("anger",))], "dev": [], "test": []},
    ),
    "isear": (
        {
            "isear.csv": ISEAR
            + isear("11001", "joy", "0110011", "When we met.")
            + isear("11001", "shame", "0110012", 'I said \\no á|never".')
        },
        {"ours": [("When we met.", ("joy",)), ('I said \\no á|never".', ("shame",))]},
    ),
    "github-emotions": (
        {
            f"datasets/github-{name}.csv": "id,Text,Anger,Love,Fear,Joy,Sadness,Surprise\n"
            f'{name},"Thanks, works!",0,1,0,1,0,0\n'
            for name in ("train", "test")
        },
        {split: [("Thanks, works!", ("love", "joy"))] for split in ("train", "test")},
    ),
    "github-emotions:stackoverflow": (
        {
            f"datasets/SOEmotion-{name}.csv": "Text,Fear,Anger,Sadness,Love,Joy,Surprise\nargh,0,1,0,0,0,0\n"
            for name in ("Train", "Test")
        },
        {split: [("argh", ("anger",))] for split in ("train", "test")},
    ),
    "ethioemo:orm": (
        {f"Oromo/orm_{name}_track1.tsv": ethio(name, 1, 0, 0, 1, 0, 0) for name in ("train", "dev", "test")},
        {split: [("ሰላም ነው", ("anger", "sadness"))] for split in ("train", "dev", "test")},
    ),
    "ethioemo-intensity": (
        {
            f"Amharic/Multi-label_intensity_amh_track2/amh_{name}_track2.tsv": ethio(name, 0, 3, 0, 0, 1, 0)
            for name in ("train", "dev", "test")
        },
        {split: [("ሰላም ነው", ("disgust", "joy"))] for split in ("train", "dev", "test")},
    ),
    "emobench-ua": (
        {
            "train.tsv": tsv(
                ("id", "text", "Joy", "Fear", "Anger", "Sadness", "Disgust", "Surprise"),
                (1, "ура", 1, 0, 0, 0, 0, 1),
                (2, "іду", 0, 0, 0, 0, 0, 0),
            )
        },
        {"train": [("ура", ("joy", "surprise")), ("іду", ())]},
    ),
    "reactiongif": (
        {
            "ReactionGIF.json": lines(
                {"idx": 1, "original_id": "1251002127284965377", "reply_id": "2", "label": "slow_clap", "text": "well"},
                {"idx": 4, "original_id": "1251002127284965377", "reply_id": "3", "label": "hug", "text": "well"},
            )
        },
        {"ours": [("well", ("slow_clap",)), ("well", ("hug",))]},
    ),
    "wrime": (
        {
            "wrime-ver1.tsv": tsv(
                WRIME, ("あ", "1", "2012/07/31 23:48", "train", *([0, 1, 2, 0, 0, 0, 0, 0] + [0, 3] * 16))
            )
        },
        {"train": [("あ", ("sadness", "anticipation"))], "dev": [], "test": []},
    ),
    "kpoem": (
        {
            "KPoEM_line_dataset_v4.tsv": tsv(
                ("line_id", "poem_id", "text", "title", "poet", *(f"annotator_0{i}" for i in range(1, 6))),
                (1, 3, "나 보기가", "진달래꽃", "김소월", "슬픔, 서러움", "슬픔", "없음", "슬픔", "절망"),
            )
        },
        {"ours": [("나 보기가", ("슬픔", "절망", "없음", "서러움"))]},
    ),
    "kpoem:poems": (
        {
            "KPoEM_poem_dataset_v4.tsv": tsv(
                (
                    "poem_id",
                    "seg_id",
                    "text",
                    "title",
                    "poetry_book",
                    "poet",
                    *(f"annotator_0{i}" for i in range(1, 6)),
                ),
                (3, 1, "나 보기가", "진달래꽃", "진달래꽃", "김소월", "슬픔", "슬픔", "슬픔", "슬픔", "슬픔"),
            )
        },
        {"ours": [("나 보기가", ("슬픔",))]},
    ),
    "redsm5": (
        {
            "redsm5_annotations.csv": "post_id,sentence_id,sentence_text,DSM5_symptom,status,explanation\n"
            'p1,p1_2,"I am tired, always.",FATIGUE,1,why\np1,p1_3,I sleep well.,SLEEP_ISSUES,0,why\n'
        },
        {"ours": [("I am tired, always.", ("FATIGUE",))]},
    ),
    "socratis": (
        {
            "imCaptionEmotionExplanation_formatted.json": json.dumps(
                {"u1": [["a.jpg", "A dog waits", ["hopeful", "sad"], ["it waits", "alone"], {"age": "30"}]]}
            )
        },
        {"all": [("A dog waits", ())]},
    ),
    "emid": (
        {
            "EMID_data.csv": "Audio_Filename,genre,feeling,emotion,Image1_filename,Image1_tag,Image1_text,Image2_tag,"
            'Image3_tag,is_original_clip\n1.m4a,K,"33% Sad",5,e.jpg,sadness,[],fear,awe,False\n'
        },
        {"all": [(None, ("K",))]},
    ),
    "zed": (
        {
            "ZED.json": json.dumps(
                {
                    "id1": {
                        "wav": "datafolder/id1.wav",
                        "duration": 4.0,
                        "emotion": [{"emo": "happy", "start": 1.5, "end": 4.0}],
                        "transcription": "that is great",
                    }
                }
            )
        },
        {"test": [("that is great", ("happy",))]},
    ),
    "thai-ser": (
        {
            "emotion_label.json": json.dumps(
                {
                    "s001_clip_1.wav": [{"annotated": [["Happy"], ["Happy", "Neutral"], ["None"]]}],
                    "s001_clip_2.wav": [{"annotated": [["Sad"], ["Angry"]]}],
                }
            )
        },
        {"ours": [(None, ("happy",)), (None, ())]},
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_folder_of_the_published_layout_is_read(name, tmp_path):
    files, expected = PUBLISHED[name]
    entry = corpus(name)
    for path, content in files.items():
        file = tmp_path / entry.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    found = {s: [(c.text, g.labels) for c, g in read(name, split=s, data=tmp_path)] for s in entry.splits}
    if entry.hash_split:
        found = {"ours": [row for split in found.values() for row in split]}
    assert found == expected
    # Whatever else is wrong in a folder as small as this, it is the number of rows and nothing else.
    assert [p for p in check(name, data=tmp_path).problems if "where the entry states" not in p] == []


def test_every_entry_that_need_not_be_at_hand_is_tried():
    # What is made here is read where its maker is tested.
    names = [n for n in corpora() if not corpus(n).made_by and (corpus(n).optional or not corpus(n).verified)]
    assert {n for n in names if not corpus(n).matrix} <= set(PUBLISHED)
    assert all(any(v in PUBLISHED for v in variants(n)) for n in names if corpus(n).matrix)


def test_context_speakers_and_ids_of_published_dialogues(tmp_path):
    folder = tmp_path / "dailydialog"
    for path, content in PUBLISHED["dailydialog"][0].items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")
    clips = [clip for clip, _ in read("dailydialog", split="dev", data=tmp_path)]
    assert [(c.context, c.turn) for c in clips] == [((), 0), (("Hi .",), 1), ((), 0)]
    assert len({c.id for c in clips}) == 3
    (folder / "test" / "dialogues_emotion_test.txt").write_text("0\n5\n", encoding="utf-8")
    assert any("2 turns have 1 values in 'emotion'" in p for p in check("dailydialog", data=tmp_path).problems)


def test_wrime_keeps_writer_and_readers_apart(tmp_path):
    (tmp_path / "wrime").mkdir()
    files, _ = PUBLISHED["wrime"]
    (tmp_path / "wrime" / "wrime-ver1.tsv").write_text(files["wrime-ver1.tsv"], encoding="utf-8")
    ((_, gold),) = read("wrime:readers", split="train", data=tmp_path)
    assert gold.labels == ("sadness", "surprise", "fear", "trust")
    assert gold.intensities["trust"] == 3.0
    assert len(ratings("wrime", data=tmp_path)) == 4
    assert len(ratings("wrime", perspective="writer", data=tmp_path)) == 1


def test_emotionlines_votes_make_the_labels_of_the_release(tmp_path):
    lines_ = [
        ("What?", "surprise", "1000130"),
        ("Hm.", "non-neutral", "2002010"),
        # The most votes are not enough: the release gives no label with two of five.
        ("So.", "non-neutral", "2101100"),
        ("Oh.", "joy", "0300200"),
    ]
    turns = [{"speaker": "A", "utterance": text, "emotion": e, "annotation": a} for text, e, a in lines_]
    (tmp_path / "emotionlines").mkdir()
    for part in ("train", "dev", "test"):
        (tmp_path / "emotionlines" / f"friends_{part}.json").write_text(json.dumps([turns]), encoding="utf-8")
    voted = [gold for _, gold in read("emotionlines:votes", split="test", data=tmp_path)]
    assert [gold.labels for gold in voted] == [(label,) for _, label, _ in lines_]
    assert voted[0].intensities["surprise"] == pytest.approx(0.6)
    assert voted[1].intensities["neutral"] == voted[1].intensities["fear"] == pytest.approx(0.4)
    seven = list(read("emotionlines:seven", split="test", data=tmp_path))
    assert [clip.text for clip, _ in seven] == ["What?", "Oh."]
    assert seven[1][0].context == ("What?", "Hm.", "So.")
    single = ratings("emotionlines:votes", data=tmp_path)
    assert len(single.items) == 12 and len(single) == 60
    assert majority(single).labels()[:4] == [("surprise",), None, None, ("joy",)]


def test_mirrors_are_read_as_their_releases(tmp_path):
    for name in MIRRORS:
        mirror(name, tmp_path / name, seed=3)
    for split in ("train", "dev", "test"):
        given = [gold.labels for _, gold in read("emotionlines", split=split, data=tmp_path)]
        assert given == [gold.labels for _, gold in read("emotionlines:votes", split=split, data=tmp_path)]
        assert ("non-neutral",) in given
        texts = [(clip.id, clip.text) for clip, _ in read("emotiontalk", split=split, data=tmp_path)]
        assert texts == [(clip.id, clip.text) for clip, _ in read("emotiontalk:together", split=split, data=tmp_path)]
        voted = {clip.id: gold.labels for clip, gold in read("emotiontalk:votes", split=split, data=tmp_path)}
        assert voted == {clip.id: gold.labels for clip, gold in read("emotiontalk", split=split, data=tmp_path)}
    with pytest.raises(InputError, match="not empty"):
        mirror("emotiontalk", tmp_path / "emotiontalk")
    with pytest.raises(UnknownNameError, match="emotionlines"):
        mirror("emotionline", tmp_path / "other")


def test_emotiontalk_has_votes_within_and_labels_across_modalities(tmp_path):
    mirror("emotiontalk", tmp_path / "emotiontalk", seed=3)
    across = ratings("emotiontalk:modalities", data=tmp_path)
    within = [ratings("emotiontalk:votes", perspective=p, data=tmp_path) for p in across.annotators]
    assert across.annotators == ("text", "audio", "video", "together")
    assert len(across) == 4 * len(across.items) == 4 * 360
    # By how the mirror is made: all who see a channel see the same, and channels differ.
    alphas = [agreement(of, samples=1)["labels"]["alpha"].value for of in (across, *within)]
    assert alphas[0] + 0.02 < min(alphas[1:])
