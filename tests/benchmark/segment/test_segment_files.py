"""`partbench segment` finds parts in pictures and videos of any size, loses nothing, and makes nothing twice."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from partbench.benchmark.cli.main import main
from partbench.benchmark.segment import video
from partbench.benchmark.segment.inference import read_mask, segment_squares
from partbench.benchmark.segment.inputs import find_pictures
from partbench.benchmark.segment.model import Segmenter, SegmenterError
from partbench.benchmark.segment.network import UNet

CLASSES = ("background", "red", "blue")
SIDE = 32


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The file of an untrained segmenter."""
    torch.manual_seed(0)
    path = tmp_path / "model.safetensors"
    Segmenter(UNet(3, 2).eval(), CLASSES, SIDE).save(path)
    return path


def picture(width: int, height: int) -> Image.Image:
    """Grey with a red left and a blue right third."""
    pixels = np.full((height, width, 3), 90, dtype=np.uint8)
    pixels[:, : width // 3], pixels[:, -width // 3 :] = (250, 10, 10), (10, 10, 250)
    return Image.fromarray(pixels)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of several sizes and kinds, one of them broken."""
    path = tmp_path / "pictures"
    (path / "more").mkdir(parents=True)
    picture(40, 30).save(path / "a.png")
    picture(33, 57).save(path / "more" / "b.jpg")
    picture(20, 20).save(path / "a.jpg")
    (path / "broken.png").write_bytes(b"no picture")
    return path


@pytest.fixture
def partbench(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, Any]]:  # fmt: skip
    """The command line: its exit code, and what it printed as JSON."""

    def call(*words: str | Path) -> tuple[int, Any]:
        monkeypatch.setattr(sys, "argv", ["partbench", "segment", *map(str, words), "--device", "cpu", "--json"])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), json.loads(out) if out else err

    return call


def test_a_padded_segmenter_segments_files(folder: Path, tmp_path: Path, partbench: Callable[..., Any]) -> None:
    """The card in its file says how; masks have the pictures' own size."""
    torch.manual_seed(0)
    model = tmp_path / "padded.safetensors"
    Segmenter(UNet(3, 2).eval(), CLASSES, SIDE, {"fit": "pad"}).save(model)
    code, said = partbench(model, folder, "--out", tmp_path / "out")
    assert code == 1 and said["pictures"] == 3  # one is broken
    mask = read_mask(tmp_path / "out" / "masks" / "more" / "b.png")
    assert mask is not None and mask.shape == (57, 33)
    image = Image.open(folder / "more" / "b.jpg")
    assert np.array_equal(mask, segment_squares(Segmenter.load(model), [image], SIDE)[0])


def test_names_stay_apart_and_inside(folder: Path, tmp_path: Path) -> None:
    """Two endings of one name keep them, and a zip cannot name a place outside of the folder of results."""
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.write(folder / "a.png", "../../evil.png")
    names = [one.name for one in find_pictures([folder, tmp_path / "z.zip"])[0]]
    assert names == ["a.jpg", "a.png", "broken", "more/b", "evil"]
    assert [one.name for one in find_pictures([folder / "a.png"])[0]] == ["a"]
    with pytest.raises(SegmenterError, match="two pictures are called"):
        find_pictures([folder, folder])


def test_pictures_are_segmented_once(
    partbench: Callable[..., tuple[int, Any]], model: Path, folder: Path, tmp_path: Path
) -> None:  # fmt: skip
    """Masks and overlays of every picture that can be read, the broken one by name; what is missing is made later."""
    out = tmp_path / "out"
    code, said = partbench(model, folder, "--out", out)
    assert (code, said["pictures"], said["there"]) == (1, 3, 0)
    assert len(said["unreadable"]) == 1 and "broken.png" in said["unreadable"][0]
    with Image.open(out / "masks" / "more" / "b.png") as mask, Image.open(out / "overlays" / "more" / "b.png") as shown:
        assert mask.size == shown.size == (33, 57)
    assert json.loads((out / "classes.json").read_text())["classes"] == list(CLASSES)
    kept = (out / "masks" / "a.jpg.png").stat().st_mtime_ns
    (out / "masks" / "a.png.png").unlink()
    (folder / "broken.png").unlink()
    (folder / "clip.mp4").touch()
    picture(4, 4).save(folder / "more" / "c.bmp")
    code, said = partbench(model, folder, "--out", out)
    assert said["left out"] == [f"{folder}: 4 pictures, 3 read; 1 left out: .bmp 1; other files: .mp4 1"]
    assert (code, said["pictures"], said["there"], said["unreadable"]) == (0, 1, 2, [])
    assert (out / "masks" / "a.jpg.png").stat().st_mtime_ns == kept
    assert said["per second"] > 0 and not list(out.rglob("*.part"))


def test_a_folder_keeps_to_one_segmenter(
    partbench: Callable[..., tuple[int, Any]], model: Path, folder: Path, tmp_path: Path
) -> None:  # fmt: skip
    """Masks read at another side, or by another segmenter, are never mixed with those that are there."""
    partbench(model, folder / "a.png", "--out", tmp_path / "out")
    code, said = partbench(model, folder / "a.jpg", "--out", tmp_path / "out", "--side", "64")
    assert code == 2 and "another segmenter or --side; choose another --out" in said


@pytest.mark.parametrize(
    ("inputs", "said"), [("nowhere.png", "there is no picture"), ("model.safetensors", "cannot be read as a zip")]
)
def test_what_is_not_there_is_named(
    partbench: Callable[..., tuple[int, Any]], model: Path, tmp_path: Path, inputs: str, said: str
) -> None:  # fmt: skip
    """In one sentence."""
    code, error = partbench(model, tmp_path / inputs, "--out", tmp_path / "out")
    assert code == 2 and said in error and error.count("\n") == 1


def make_clip(path: Path, frames: int = 11, size: tuple[int, int] = (48, 33)) -> Path:
    """A short video at ten frames per second."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = *(side - side % 2 for side in size), "yuv420p"
        for i in range(frames):
            image = picture(*size).crop((0, 0, stream.width, stream.height)).rotate(3 * i)
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode())
    return path


def test_a_video_is_segmented_frame_by_frame(
    partbench: Callable[..., tuple[int, Any]], model: Path, folder: Path, tmp_path: Path
) -> None:  # fmt: skip
    """A mask for every frame and a video of overlays at its speed; a second call makes what is missing."""
    av = pytest.importorskip("av")
    clip, out = make_clip(tmp_path / "clip.mp4"), tmp_path / "out"
    code, said = partbench(model, clip, folder / "a.png", "--out", out)
    assert (code, said["pictures"], said["frames"]) == (0, 1, 11)
    masks = sorted((out / "masks" / "clip").iterdir())
    assert [mask.name for mask in masks] == [f"{i:06d}.png" for i in range(11)]
    with av.open(str(out / "clip.mp4")) as made:
        assert made.streams.video[0].average_rate == Fraction(10)
        assert len(list(made.decode(video=0))) == 11
        assert (made.streams.video[0].width, made.streams.video[0].height) == (48, 32)
    masks[3].unlink()
    masks[7].write_bytes(b"cut short")
    code, said = partbench(model, clip, "--out", out)
    assert (code, said["frames"], said["there"]) == (0, 2, 9)


def test_a_video_that_is_damaged_is_named(
    partbench: Callable[..., tuple[int, Any]], model: Path, folder: Path, tmp_path: Path
) -> None:  # fmt: skip
    """One whose end is missing, as one that is none; what can be read beside them is done."""
    clip = make_clip(tmp_path / "clip.mp4", 40)
    clip.write_bytes(clip.read_bytes()[:-200])
    (tmp_path / "none.avi").write_bytes(b"no video")
    code, said = partbench(model, clip, tmp_path / "none.avi", folder / "a.png", "--out", tmp_path / "out")
    assert (code, said["pictures"], said["frames"]) == (1, 1, 0)
    assert [fault.partition(" cannot be read as a video")[0] for fault in said["unreadable"]] == [
        str(clip), str(tmp_path / "none.avi"),
    ]  # fmt: skip
    assert not list((tmp_path / "out").glob("*.mp4*"))


def test_frames_before_a_fault_are_kept() -> None:
    """And the fault is known once they were read."""
    av = pytest.importorskip("av")

    class Container:
        streams = type("Streams", (), {"video": [None]})

        def decode(self, stream: object) -> Any:
            yield av.VideoFrame.from_image(picture(16, 16))
            raise ValueError("a block is damaged")

    clip = video.Video(Path("clip.mp4"), Container())
    assert len(list(clip.frames())) == 1
    assert (
        clip.fault
        == "clip.mp4 cannot be read after frame 1 (ValueError: a block is damaged); the frames before it are done"
    )


def test_without_pyav_videos_are_refused(
    partbench: Callable[..., tuple[int, Any]], model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "clip.mp4").write_bytes(b"")
    code, said = partbench(model, tmp_path / "clip.mp4", "--out", tmp_path / "out")
    assert code == 2 and "pip install partbench[video]" in said
    with pytest.raises(SegmenterError, match="not installed"):
        video.load_av()
