"""Whether the cues that are named are those that were changed: speech of eSpeak NG with pitch, rate or volume altered.

A voice says a dozen neutral sentences, and one more with its pitch, rate, volume, or several of them changed by the
options of eSpeak NG (-p, -s, -a), or with nothing changed. What is named of that sentence is compared with what was
changed; what is named of the neutral ones beside it is counted too. Prints a line for each case and the rates. Needs
the program `espeak-ng`.

With --corpus, recordings of people instead: how often anything is named in the neutral recordings of a speaker among
each other, which should be hardly ever, and what is named of each label among all recordings of a speaker. Needs
AFFEKT_DATA.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import wave
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from affekt.features import cue_values, departures, descriptors
from affekt.media.sound import sound_of

if TYPE_CHECKING:
    from affekt.features import Departure
    from affekt.media.sound import Sound
    from affekt.train.voice.fit import Heard

VOICES = ("en-us", "en-us+f4", "en-us+m7", "en-gb-scotland", "en-gb-x-rp", "en+f2", "en+m3", "de", "de+f2")
# Options when nothing is changed, and each option above and below that.
PLAIN = {"pitch": 50, "rate": 160, "loudness": 80}
OPTION = {"pitch": "-p", "rate": "-s", "loudness": "-a"}
CHANGED = {"pitch": (78, 22), "rate": (270, 95), "loudness": (200, 32)}
CHANGES: tuple[dict[str, int], ...] = (
    {},
    *({name: side} for name in CHANGED for side in (1, -1)),
    {"pitch": 1, "loudness": 1},
    {"rate": 1, "loudness": 1},
    {"pitch": 1, "rate": 1, "loudness": 1},
    {"pitch": -1, "rate": -1, "loudness": -1},
)
SENTENCES = {
    "en": (
        "The train to the coast leaves at half past nine in the morning.",
        "She put the letters on the kitchen table and closed the door.",
        "We will need two more chairs for the meeting this afternoon.",
        "There is some bread left in the cupboard above the sink.",
        "The window in the back room does not close when it rains.",
        "He walked along the river until he came to the old bridge.",
        "Your parcel was sent on Monday and should be there by now.",
        "I left my bicycle behind the library next to the fountain.",
        "They painted the front door a darker shade of green last year.",
        "The next bus stops in front of the station every ten minutes.",
        "The museum keeps the older maps in a room on the second floor.",
        "My neighbour has bought a small boat with a blue and white sail.",
        "You can leave the keys with the woman who runs the bakery.",
        "The road over the hill is closed until the end of the month.",
        "Our teacher asked us to read the first three chapters again.",
    ),
    "de": (
        "Der Zug an die Küste fährt morgens um halb zehn vom Hauptbahnhof ab.",
        "Sie legte die Briefe auf den Tisch in der Küche und schloss die Tür.",
        "Für die Sitzung am Nachmittag brauchen wir noch zwei Stühle.",
        "Im Schrank über der Spüle liegt noch etwas Brot von gestern.",
        "Das Fenster im hinteren Zimmer schließt nicht, wenn es regnet.",
        "Er ging am Fluss entlang, bis er zu der alten Brücke kam.",
        "Ihr Paket wurde am Montag verschickt und müsste jetzt da sein.",
        "Mein Fahrrad steht hinter der Bibliothek neben dem Brunnen.",
        "Sie haben die Haustür im letzten Jahr dunkelgrün gestrichen.",
        "Der nächste Bus hält alle zehn Minuten vor dem Bahnhof.",
        "Das Museum bewahrt die alten Karten im zweiten Stock auf.",
        "Mein Nachbar hat ein kleines Boot mit weißem Segel gekauft.",
        "Du kannst die Schlüssel bei der Frau in der Bäckerei lassen.",
        "Die Straße über den Berg ist bis zum Ende des Monats gesperrt.",
        "Unser Lehrer bat uns, die ersten drei Kapitel noch einmal zu lesen.",
    ),
}
NEUTRAL = 12


@dataclass(frozen=True)
class Case:
    """One changed sentence among neutral ones.

    Attributes:
        voice: Name of the voice.
        changed: Property -> 1 where it was raised, -1 where it was lowered.
        named: The same of what was named in the changed sentence.
        beside: How many cues were named in the neutral sentences.
    """

    voice: str
    changed: dict[str, int]
    named: dict[str, int]
    beside: int


def say(text: str, voice: str, **options: int) -> np.ndarray:
    """Speech as samples at 16 kHz; `options` by the names of `PLAIN`."""
    asked = [part for name, value in (PLAIN | options).items() for part in (OPTION[name], str(value))]
    made = subprocess.run(
        ["espeak-ng", "-v", voice, *asked, "--stdout", text], capture_output=True, check=True, timeout=60
    ).stdout
    with wave.open(BytesIO(made)) as file:
        # The header of a stream announces more than there is.
        rate, frames = file.getframerate(), file.readframes(len(made) // 2)
    return sound_of(np.frombuffer(frames, "<i2").astype(np.float32) / 32768, rate=rate).samples


def values_of(samples: np.ndarray) -> tuple[np.ndarray, float]:
    """Properties and length of the speech between the silence around it."""
    loud = np.flatnonzero(np.abs(samples) > 0.003)
    found = descriptors(samples[loud[0] : loud[-1]])
    return cue_values(found), found.seconds


def cases(voices: tuple[str, ...] = VOICES, changes: tuple[dict[str, int], ...] = CHANGES) -> Iterator[Case]:
    """All changes of all voices; each changes another sentence."""
    for number, voice in enumerate(voices):
        said = SENTENCES[voice[:2]]
        neutral = [values_of(say(text, voice)) for text in said[:NEUTRAL]]
        for turn, changed in enumerate(changes):
            options = {name: CHANGED[name][0 if side > 0 else 1] for name, side in changed.items()}
            text = said[NEUTRAL + (number + turn) % (len(said) - NEUTRAL)]
            rows = [*neutral, values_of(say(text, voice, **options))]
            *others, own = departures([v for v, _ in rows], [s for _, s in rows])
            named = {d.cue.name: 1 if d.z > 0 else -1 for d in own}
            yield Case(voice, changed, named, sum(map(len, others)))


def summary(found: list[Case]) -> dict[str, object]:
    """Rates over cases."""
    asked = [(case, name, side) for case in found for name, side in case.changed.items()]

    def hit(name: str) -> str:
        sides = [case.named.get(name) == case.changed[name] for case in found if name in case.changed]
        return f"{sum(sides)} of {len(sides)}"

    hits = sum(case.named.get(name) == side for case, name, side in asked)
    false = sum(len(case.named.items() - case.changed.items()) for case in found)
    return {
        "cases": len(found),
        "exact": sum(case.named == case.changed for case in found),
        "changes": len(asked),
        "changes_named": hits,
        "false_in_changed_sentences": false,
        "false_in_neutral_sentences": sum(case.beside for case in found),
        "neutral_sentences": NEUTRAL * len(found),
        "hits_by_cue": {name: hit(name) for name in CHANGED},
    }


def of_people(name: str) -> dict[str, object]:
    """What is named in a corpus of acted speech, speaker by speaker."""
    from affekt.train.voice.fit import hear_corpus

    def values_and_seconds(sound: Sound) -> np.ndarray:
        found = descriptors(sound.samples)
        return np.append(cue_values(found), found.seconds)

    heard = hear_corpus(name, values_and_seconds)
    neutral = heard[heard.labels == "neutral"]

    def named(rows: Heard) -> Iterator[tuple[str, list[Departure]]]:
        for speaker in np.unique(rows.speakers):
            own = rows[rows.speakers == speaker]
            yield from zip(own.labels, departures(own.vectors[:, :-1], own.vectors[:, -1]), strict=True)

    calm = [found for _, found in named(neutral)]
    shares: dict[str, dict[str, float]] = {}
    everything = list(named(heard))
    for label in np.unique(heard.labels):
        words = Counter(d.word for other, found in everything if other == label for d in found)
        of = int((heard.labels == label).sum())
        shares[str(label)] = {word: round(count / of, 2) for word, count in words.most_common(6)}
    return {
        "corpus": name,
        "neutral_recordings": len(calm),
        "neutral_recordings_with_a_cue": sum(map(bool, calm)),
        "share_of_recordings_by_label": shares,
    }


def _said(sides: dict[str, int]) -> str:
    return ", ".join(f"{name} {'up' if side > 0 else 'down'}" for name, side in sides.items()) or "nothing"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voices", nargs="+", default=VOICES, help="names of voices, of English or German")
    parser.add_argument("--json", action="store_true", help="print the rates alone")
    parser.add_argument("--corpus", help="recordings of people instead: ravdess or emodb")
    args = parser.parse_args()
    if args.corpus:
        print(json.dumps(of_people(args.corpus), indent=1))
        return
    if shutil.which("espeak-ng") is None:
        parser.exit(1, "The program espeak-ng is not installed.\n")
    found = []
    for case in cases(tuple(args.voices)):
        found.append(case)
        if not args.json:
            mark = "ok " if case.named == case.changed else "-- "
            print(f"{mark}{case.voice:16s} changed {_said(case.changed):38s} named {_said(case.named)}", flush=True)
    print(json.dumps(summary(found), indent=1))


if __name__ == "__main__":
    main()
