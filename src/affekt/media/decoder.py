"""The program that decodes one file, in a process of its own with nothing else in reach.

`affekt.media.guard` starts it by its path. It imports the standard library and PyAV only, takes its settings from the
command line and the file from its standard input, and writes to its standard output messages of one byte for the
kind, four for the length (big endian), and so many bytes:

    H  JSON: what the file says of itself, before the first sample or frame
    D  float32 samples of the machine's byte order, one channel, at the rate that was asked for
    F  a frame: seconds (float64), width, height, degrees to turn it (each int32), of the machine's byte order, then
       its pixels by rows, three bytes each (red, green, blue) or one (grey)
    E  JSON: what was read, at the end
    X  JSON: why it was not read; nothing follows

Before the first byte of the file is looked at, the process gives up what it does not need: no further file or socket
can be opened (limit of open files 0), nothing can be written to a disk (file size 0), processor time and address space
are bounded. FFmpeg may use the listed demuxers and decoders only, and its attempts to open another address are
refused. Playlists, `concat` scripts and subtitle formats are on no list. Which of the lists holds depends on what is
asked for: the sound of a file, or its pictures.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

__all__ = ["DECODERS", "DEMUXERS", "IMAGES", "PICTURES", "RefusedError", "Resampler", "main"]

# FFmpeg's names. Every one holds sound itself; none names another file.
DEMUXERS: Final = (
    "wav,w64,aiff,au,caf,flac,mp3,aac,ac3,eac3,ogg,amr,wv,voc,"
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,asf,flv"
)  # fmt: skip
DECODERS: Final = (
    "pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_u16le,pcm_u16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,"
    "pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_alaw,pcm_mulaw,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,"
    "flac,alac,mp2,mp2float,mp3,mp3float,aac,ac3,eac3,vorbis,opus,libopus,wavpack,"
    "amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,gsm,gsm_ms,wmav1,wmav2"
)
IMAGES: Final = "jpeg_pipe,png_pipe,webp_pipe,gif"
PICTURES: Final = (
    "h264,hevc,av1,libdav1d,vp8,vp9,libvpx,libvpx-vp9,mpeg4,mpeg1video,mpeg2video,h263,flv,theora,mjpeg,prores,"
    "msmpeg4v2,msmpeg4,wmv1,wmv2,wmv3,vc1,dvvideo,ffv1,rawvideo,png,webp,gif"
)
_CHUNK = 1 << 18  # bytes of one D message
_GAP = 0.05  # seconds without a frame that are filled with silence; less is the rounding of time stamps


class RefusedError(Exception):
    """Why a file is not read: a kind that `guard` puts into words, and figures for them."""

    def __init__(self, kind: str, **figures: object) -> None:
        super().__init__(kind)
        self.message = {"kind": kind, **figures}


class Resampler:
    """Frames of any rate, format and channels to float32 of one channel at one rate, by FFmpeg's libswresample.

    Channels are averaged, each with the same weight, or one of them is taken.

    Args:
        rate: Samples a second to give.
        channel: The channel to take, counted from 0; `None` for the mean of all.
    """

    def __init__(self, rate: int, channel: int | None = None) -> None:
        self.rate = rate
        self.channel = channel
        self._graph: Any = None
        self._shape: tuple[int, str, str] | None = None

    def push(self, frame: Any) -> Iterator[memoryview]:
        """Give a frame, take the samples that are ready, as bytes."""
        shape = (frame.sample_rate, frame.format.name, frame.layout.name)
        if shape != self._shape:
            yield from self.flush()
            self._open(frame)
            self._shape = shape
        # Time is counted by `_Timeline`. Stamps that jump would only make the filter warn.
        frame.pts = None
        self._graph.push(frame)
        yield from self._pull()

    def flush(self) -> Iterator[memoryview]:
        """What the filter still holds; it is closed afterwards."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pull()
        self._graph = self._shape = None

    def _open(self, frame: Any) -> None:
        from av.filter import Graph

        channels = frame.layout.nb_channels
        if self.channel is not None and self.channel >= channels:
            raise RefusedError("channel", channel=self.channel, channels=channels)
        mixed = f"c{self.channel}" if self.channel is not None else "+".join(f"c{i}" for i in range(channels))
        steps = [("aformat", "sample_fmts=fltp")]
        if channels > 1:
            # `<` makes the weights sum to 1, so the mean never leaves the range of its channels.
            steps.append(("pan", f"mono|c0<{mixed}"))
        steps += [
            ("aresample", str(self.rate)),
            ("aformat", "sample_fmts=flt:channel_layouts=mono"),
            ("abuffersink", ""),
        ]
        graph = Graph()
        nodes = [graph.add_abuffer(sample_rate=frame.sample_rate, format=frame.format, layout=frame.layout)]
        nodes += [graph.add(name, args) if args else graph.add(name) for name, args in steps]
        graph.link_nodes(*nodes).configure()
        self._graph = graph

    def _pull(self) -> Iterator[memoryview]:
        from av.error import BlockingIOError as NotYetError
        from av.error import EOFError as EndError

        while True:
            try:
                frame = self._graph.pull()
            except (NotYetError, EndError):
                return
            yield memoryview(frame.planes[0])[: frame.samples * 4]


class _Timeline:
    """Keeps seconds true: where frames are missing, silence stands for them.

    Args:
        rate: Samples a second of the output.
        origin: Time stamp of the recording's beginning, in seconds.
        longest: Seconds that the file announces; a stamp beyond it is not believed. `None` where it announces none.
    """

    def __init__(self, rate: int, origin: float, longest: float | None) -> None:
        self.rate = rate
        self.origin = origin
        self.longest = math.inf if longest is None else longest + 1
        self.at = 0.0
        self.filled = 0.0
        self.jumps = 0
        self._skew = 0.0

    def gap(self, frame: Any) -> int:
        """Samples of silence that belong before this frame."""
        length = frame.samples / frame.sample_rate
        stamp = frame.time
        missing = 0.0
        if stamp is not None:
            missing = stamp - self.origin - self._skew - self.at
            if missing > _GAP and stamp - self.origin > self.longest:
                self.jumps += 1
                self._skew += missing
                missing = 0.0
        if missing <= _GAP:
            missing = 0.0
        self.at += missing + length
        self.filled += missing
        return round(missing * self.rate)


class _Out:
    """Messages on standard output; samples are gathered into chunks."""

    def __init__(self, longest: float, rate: int) -> None:
        self.samples = 0
        self.longest = longest
        self._most = int(longest * rate)
        self._held = bytearray()

    def message(self, kind: bytes, value: dict[str, object]) -> None:
        self._write(kind, json.dumps(value).encode())

    def data(self, block: memoryview | bytes) -> None:
        self.samples += len(block) // 4
        if self.samples > self._most:
            raise RefusedError("duration", limit=self.longest)
        self._held += block
        if len(self._held) >= _CHUNK:
            self.flush()

    def picture(self, time: float, width: int, height: int, turn: int, pixels: bytes) -> None:
        self._write(b"F", struct.pack("=diii", time, width, height, turn) + pixels)

    def silence(self, samples: int) -> None:
        while samples > 0:
            some = min(samples, _CHUNK // 4)
            self.data(bytes(4 * some))
            samples -= some

    def flush(self) -> None:
        if self._held:
            self._write(b"D", bytes(self._held))
            self._held.clear()

    @staticmethod
    def _write(kind: bytes, payload: bytes) -> None:
        left = memoryview(kind + struct.pack(">I", len(payload)) + payload)
        while left:
            left = left[os.write(1, left) :]


def _lock_down(cpu: int, memory: int) -> None:
    """Give up what decoding does not need. Without the `resource` module (Windows) only the lists below hold."""
    try:
        import resource
    except ImportError:
        return
    limits = [
        (resource.RLIMIT_CPU, cpu),  # at the soft limit the process is ended by SIGXCPU
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ]
    if sys.platform != "darwin":  # its kernel does not take a limit of the address space
        limits.append((resource.RLIMIT_AS, memory))
    for which, value in limits:
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value + 1 if which == resource.RLIMIT_CPU and value != hard else value))


def _refuse_to_open(url: str, flags: int, options: object) -> object:
    raise RefusedError("points elsewhere", address=url[:200])


def _seconds(value: int | None) -> float | None:
    return None if value is None or value < 0 else value / 1_000_000


def _open(av: Any, settings: dict[str, Any], demuxers: str, decoders: str) -> Any:
    return av.open(
        sys.stdin.buffer,
        "r",
        container_options={
            "format_whitelist": demuxers,
            "codec_whitelist": decoders,
            "protocol_whitelist": "",
            "max_streams": str(settings["streams"]),
        },
        buffer_size=1 << 16,
        io_open=_refuse_to_open,
    )


class _Course:
    """Goes through the packets of a track, and counts those that hold something and those that are broken."""

    def __init__(self) -> None:
        self.packets = self.broken = 0
        self.ended_early = False

    def run(
        self, container: Any, track: Any, take: Callable[[Any], None], *, enough: Callable[[], bool] = lambda: False
    ) -> None:
        """Decode the track, whatever of it can be.

        Args:
            container: The opened file.
            track: The track.
            take: Called with each frame.
            enough: Asked after each packet that was decoded; the rest is left where it says so.
        """
        from av.error import FFmpegError

        try:
            for packet in container.demux(track):
                self.packets += packet.size > 0
                try:
                    decoded = packet.decode()
                except FFmpegError:
                    self.broken += 1
                    continue
                for frame in decoded:
                    take(frame)
                if enough():
                    break
        except FFmpegError:
            self.ended_early = True


def _decode(av: Any, settings: dict[str, Any]) -> None:
    from av.error import FFmpegError
    from av.stream import Discard

    out = _Out(settings["duration"], settings["rate"])
    try:
        container = _open(av, settings, DEMUXERS, DECODERS)
    except FFmpegError as err:
        raise RefusedError("not sound", detail=str(err.strerror)) from err
    tracks = container.streams.audio
    if not tracks:
        raise RefusedError("no sound", container=container.format.name, streams=[s.type for s in container.streams])
    track = tracks[0]
    codec = track.codec_context
    if codec is None or codec.codec.name not in DECODERS.split(","):
        raise RefusedError("codec", codec="unknown" if codec is None else codec.codec.name)
    for stream in container.streams:
        if stream is not track:
            stream.discard = Discard.all
    codec.thread_count = 1

    whole = _seconds(container.duration)
    declared = None if track.duration is None else float(track.duration * track.time_base)
    if declared is None and len(container.streams) == 1:
        declared = whole  # of several streams the longest is meant
    announced = declared if declared is not None else whole
    if announced is not None and announced > settings["duration"]:
        raise RefusedError("duration", limit=settings["duration"], announced=announced)
    timeline = _Timeline(settings["rate"], _seconds(container.start_time) or 0.0, whole)
    resampler = Resampler(settings["rate"], settings["channel"])
    course = _Course()
    frames = 0

    def take(frame: Any) -> None:
        nonlocal frames
        channels, rate = frame.layout.nb_channels, frame.sample_rate
        if channels > settings["channels"]:
            raise RefusedError("channels", channels=channels, limit=settings["channels"])
        if not 0 < rate <= settings["highest_rate"]:
            raise RefusedError("rate", rate=rate, limit=settings["highest_rate"])
        if not frames:
            out.message(
                b"H",
                {
                    "rate": rate,
                    "channels": channels,
                    "codec": codec.name,
                    "container": container.format.name.split(",")[0],
                    "declared": declared,
                    "tracks": len(tracks),
                },
            )
        frames += 1
        if silence := timeline.gap(frame):
            out.silence(silence)
        for block in resampler.push(frame):
            out.data(block)

    course.run(container, track, take)
    for block in resampler.flush():
        out.data(block)
    if not frames:
        why = "broken" if course.broken or course.ended_early else "empty"
        raise RefusedError(why, packets=course.packets, codec=codec.name)
    out.flush()
    out.message(
        b"E",
        {
            "samples": out.samples,
            "packets": course.packets,
            "broken": course.broken,
            "ended_early": course.ended_early,
            "filled": timeline.filled,
            "jumps": timeline.jumps,
        },
    )


def _decode_pictures(av: Any, settings: dict[str, Any]) -> None:
    from av.error import FFmpegError
    from av.stream import Discard, Disposition
    from av.video.reformatter import Interpolation, VideoReformatter

    out = _Out(settings["duration"], 1)
    try:
        container = _open(av, settings, f"{DEMUXERS},{IMAGES}", PICTURES)
    except FFmpegError as err:
        raise RefusedError("not pictures", detail=str(err.strerror)) from err
    # The cover of a recording is a track of pictures too, and shows nobody who speaks.
    tracks = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not tracks:
        raise RefusedError("no pictures", container=container.format.name)
    track = tracks[0]
    codec = track.codec_context
    if codec is None or codec.codec.name not in PICTURES.split(","):
        raise RefusedError("picture codec", codec="unknown" if codec is None else codec.codec.name)
    for stream in container.streams:
        if stream is not track:
            stream.discard = Discard.all
    codec.thread_count = 1
    still = container.format.name in IMAGES.split(",")
    whole = None if still else _seconds(container.duration)
    if whole is not None and whole > settings["duration"]:
        raise RefusedError("duration", limit=settings["duration"], announced=whole)
    if codec.width * codec.height > settings["pixels"]:
        raise RefusedError("pixels", width=codec.width, height=codec.height, limit=settings["pixels"])

    origin = _seconds(container.start_time) or 0.0
    rate = float(track.average_rate or track.guessed_rate or 25)
    pace = _Pace(settings["rate"], settings["times"])
    if settings["rate"] is not None and settings["rate"] * 4 <= rate:
        codec.skip_frame = "NONREF"  # enough are left, and those that nothing is built on cost most
    reformatter = VideoReformatter()
    course = _Course()
    frames = given = jumps = 0
    at = -1 / rate  # of the last frame

    def take(frame: Any) -> None:
        nonlocal frames, given, jumps, at
        if frame.width * frame.height > settings["pixels"]:
            raise RefusedError("pixels", width=frame.width, height=frame.height, limit=settings["pixels"])
        if frame.is_corrupt:
            course.broken += 1
            return
        time = at + 1 / rate if frame.time is None else frame.time - origin
        if still:
            time = 0.0
        elif frames and (time <= at or (whole is not None and time > whole + 1)):
            jumps += 1
            time = at + 1 / rate
        time = max(time, 0.0)
        if time > settings["duration"]:
            raise RefusedError("duration", limit=settings["duration"])
        at = time
        frames += 1
        if not pace.due(time):
            return
        # Pixels that are not square are made so.
        ratio = float(track.sample_aspect_ratio or 1)
        wide, tall = frame.width * (ratio if 0.1 < ratio < 10 else 1.0), float(frame.height)
        turn = round(frame.rotation) % 360
        if not given:
            shown = (wide, tall) if turn % 180 == 0 else (tall, wide)
            facts = {
                "width": round(shown[0]),
                "height": round(shown[1]),
                "rate": rate,
                "codec": codec.name,
                "container": container.format.name.split(",")[0],
                "declared": whole,
                "tracks": len(tracks),
                "sound": bool(container.streams.audio),
                "turned": turn,
            }
            out.message(b"H", facts)
        scale = min(1.0, settings["longest"] / max(wide, tall))
        width, height = max(1, round(wide * scale)), max(1, round(tall * scale))
        small = reformatter.reformat(
            frame, width, height, "gray" if settings["grey"] else "rgb24", interpolation=Interpolation.AREA
        )
        out.picture(time, width, height, turn, _rows(small, 1 if settings["grey"] else 3))
        given += 1

    course.run(container, track, take, enough=lambda: (still and given > 0) or pace.over)
    if not frames:
        raise RefusedError("no picture decoded", packets=course.packets, codec=codec.name)
    ends = {"frames": frames, "given": given, "packets": course.packets, "broken": course.broken, "jumps": jumps}
    out.message(b"E", {**ends, "ended_early": course.ended_early, "end": 0.0 if still else at + 1 / rate})


class _Pace:
    """Which frames are due: all, so many a second, or the first at or after each of some times."""

    def __init__(self, rate: float | None, times: list[float] | None) -> None:
        self._rate = rate
        self._times = None if times is None else sorted(times)[::-1]
        self._next = 0.0
        self.over = False

    def due(self, time: float) -> bool:
        """Whether a frame is; frames come in the order of their times."""
        if self._times is not None:
            found = False
            while self._times and self._times[-1] <= time + 1e-6:
                self._times.pop()
                found = True
            self.over = not self._times
            return found
        if self._rate is None:
            return True
        if time < self._next - 1e-6:
            return False
        # From where it was due, so that no step is lost to the frames' own; from here after a gap.
        self._next = max(self._next + 1 / self._rate, time + 0.5 / self._rate)
        return True


def _rows(frame: Any, depth: int) -> bytes:
    """The pixels of a frame without what fills its lines up."""
    plane = frame.planes[0]
    line = frame.width * depth
    if plane.line_size == line:
        return bytes(plane)[: line * frame.height]
    data = memoryview(plane)
    return b"".join(data[y * plane.line_size : y * plane.line_size + line] for y in range(frame.height))


def main(arguments: list[str]) -> int:
    """Decode standard input as the settings in `arguments[0]` (JSON) say; gives the exit status."""
    settings = json.loads(arguments[0])
    sys.path.append(settings["packages"])
    # Everything that will be imported is imported now: later no file can be opened.
    import av
    import av.error
    import av.filter
    import av.subtitles.stream
    import av.video.reformatter

    say: Callable[[dict[str, object]], None] = lambda why: _Out(0, 1).message(b"X", why)  # noqa: E731
    _lock_down(settings["cpu"], settings["memory"])
    try:
        (_decode_pictures if settings["pictures"] else _decode)(av, settings)
    except RefusedError as err:
        say(err.message)
    except MemoryError:
        say({"kind": "memory", "limit": settings["memory"]})
    except BrokenPipeError:
        pass  # nobody reads any more
    except Exception as err:
        say({"kind": "failed", "detail": type(err).__name__})
    else:
        return 0
    return 1


if __name__ == "__main__":
    # No cleaning up: FFmpeg's state may be damaged, and everything goes with the process.
    status = 2
    with contextlib.suppress(BrokenPipeError):
        status = main(sys.argv[1:])
    os._exit(status)
