"""What was downloaded is laid out whole or not at all, over nothing, and not beyond a limit."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from partbench.datasets.dataset import DatasetError
from partbench.datasets.published import laying_out
from partbench.datasets.published.laying_out import content_digest, find_place, lay_out, unpack
from partbench.datasets.published.sets import PUBLISHED, find_published

FILES = {
    "VOCdevkit/VOC2010/JPEGImages/2008_1.jpg": b"photo",
    "VOCdevkit/VOC2010/Annotations/2008_1.xml": b"<annotation/>",
    "VOCdevkit/VOC2010/SegmentationClass/2008_1.png": b"mask",
}
PARTS = {"Annotations_Part/2008_1.mat": b"parts", "__MACOSX/Annotations_Part/._2008_1.mat": b"litter"}
PASCAL = find_published("pascal-part")


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    """A zip of files."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    """A packed tar of files, with a link that leads out of it."""
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("VOC2010/JPEGImages/evil.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return path


def write_folder(path: Path, files: dict[str, bytes]) -> Path:
    """The same files, unpacked."""
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


@pytest.mark.parametrize("write", [write_zip, write_tar, write_folder])
def test_places_are_found_wherever_they_lie(tmp_path: Path, write: Callable[[Path, dict[str, bytes]], Path]) -> None:
    """Out of a zip, a tar or a folder; what has no place is counted, and links and litter stay where they are."""
    sources = [write(tmp_path / "voc", FILES), write(tmp_path / "parts", PARTS)]
    counts = lay_out(PASCAL, sources, tmp_path / "out")
    found = {str(p.relative_to(tmp_path / "out")): p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert found == {
        "JPEGImages/2008_1.jpg": b"photo",
        "Annotations/2008_1.xml": b"<annotation/>",
        "Annotations_Part/2008_1.mat": b"parts",
    }
    assert counts == {"JPEGImages": 1, "Annotations": 1, "Annotations_Part": 1, "": 2}
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]


def test_a_folder_may_be_the_place_itself(tmp_path: Path) -> None:
    """Of what is unpacked one level deeper or less deep, nothing has to be moved."""
    write_folder(tmp_path / "VOC2010", {"JPEGImages/1.jpg": b"1"})
    write_folder(tmp_path / "Annotations_Part", {"1.mat": b"1"})
    lay_out(PASCAL, [tmp_path / "VOC2010" / "JPEGImages", tmp_path / "Annotations_Part"], tmp_path / "out")
    assert (tmp_path / "out" / "JPEGImages" / "1.jpg").exists()
    assert (tmp_path / "out" / "Annotations_Part" / "1.mat").exists()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/photos/1.jpg", ("photos", "1.jpg")),
        ("a/annotations/pixel-level/1.mat", ("annotations/pixel-level", "1.mat")),
        ("label_list.mat", ("label_list.mat", "")),
        ("photos2/1.jpg", ("", "")),
        ("/photos/1.jpg", ("", "")),
        ("../photos/1.jpg", ("", "")),
        ("photos/../../1.jpg", ("", "")),
        ("photos/.DS_Store", ("", "")),
    ],
)
def test_no_path_leads_out(path: str, expected: tuple[str, str]) -> None:
    """Of an absolute path or one that goes up, nothing is taken."""
    places = {place: place for place in find_published("clothing").places}
    assert find_place(path, places, {}) == expected


def test_face_synthetics_becomes_a_folder(tmp_path: Path) -> None:
    """Faces and masks by the same name, and the list of classes; landmarks have no place."""
    files = {"000007.png": b"face", "000007_seg.png": b"mask", "000007_ldmks.txt": b"0 0"}
    published = find_published("facesynth")
    counts = lay_out(published, [write_zip(tmp_path / "dataset_100.zip", files)], tmp_path / "out")
    assert counts == {"images": 1, "masks": 1, "": 1}
    assert (tmp_path / "out" / "images" / "000007.png").read_bytes() == b"face"
    assert (tmp_path / "out" / "masks" / "000007.png").read_bytes() == b"mask"
    listed = json.loads((tmp_path / "out" / "classes.json").read_text())
    assert len(listed["classes"]) == 19 and listed["classes"][13] == "hair" and listed["ignore_index"] == 255


def test_matchers_photographs_go_where_its_pickles_look(tmp_path: Path) -> None:
    """COCO's zips hold train2017 and val2017, and the pickles name them below coco."""
    files = {"train2017/1.jpg": b"1", "val2017/2.jpg": b"2"}
    pickles = {"x/paco_part_train.pkl": b"t", "x/paco_part_val.pkl": b"v"}
    sources = [write_zip(tmp_path / "coco.zip", files), write_zip(tmp_path / "paco.zip", pickles)]
    lay_out(find_published("matcher-paco-part"), sources, tmp_path / "out")
    assert (tmp_path / "out" / "coco" / "val2017" / "2.jpg").exists()
    assert (tmp_path / "out" / "paco" / "paco_part_train.pkl").read_bytes() == b"t"


def nothing_left(tmp_path: Path) -> bool:
    """Whether no folder, whole or not, was made."""
    return not [path for path in tmp_path.iterdir() if path.name.startswith("out")]


FAULTS: dict[str, tuple[Callable[[Path], list[Path]], str]] = {
    "half": (lambda root: [write_zip(root / "voc.zip", FILES)], "holds no Annotations_Part; name every download with"),
    "nowhere": (lambda root: [root / "voc.zip"], "voc.zip is not there; name what was downloaded"),
    "something else": (
        lambda root: [write_folder(root, {"notes.txt": b"x"}) / "notes.txt"],
        "notes.txt is no folder, zip or tar",
    ),
    "twice": (
        lambda root: [write_zip(root / name, {**FILES, **PARTS}) for name in ("a.zip", "b.zip")],
        "b.zip/VOCdevkit/VOC2010/JPEGImages/2008_1.jpg is the second JPEGImages/2008_1.jpg",
    ),
    "cut short": (
        lambda root: [cut(write_tar(root / "voc.tar.gz", {**FILES, **PARTS}))],
        r"voc.tar.gz (cannot be unpacked \(.*\); download it again|is no folder, zip or tar)",
    ),
}


def cut(path: Path) -> Path:
    """A file without its end."""
    path.write_bytes(path.read_bytes()[:-40])
    return path


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_not_whole_is_not_kept(tmp_path: Path, fault: str) -> None:
    """One sentence names the file, and no folder is left."""
    make, message = FAULTS[fault]
    with pytest.raises(DatasetError, match=message):
        lay_out(PASCAL, make(tmp_path), tmp_path / "out")
    assert nothing_left(tmp_path)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """Not even an empty folder, which may be another program's."""
    (tmp_path / "out").mkdir()
    with pytest.raises(DatasetError, match="out is there already, and nothing is written over; name another --out"):
        lay_out(PASCAL, [write_zip(tmp_path / "all.zip", {**FILES, **PARTS})], tmp_path / "out")
    assert not [*(tmp_path / "out").iterdir()]


@pytest.mark.parametrize(("limit", "message"), [("MOST_BYTES", "would become"), ("MOST_TOTAL", "it would become")])
def test_a_bomb_does_not_go_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, message: str) -> None:
    """A file, or all of them, that would become too large are refused before they are written."""
    monkeypatch.setattr(laying_out, limit, 1000)
    packed = {f"JPEGImages/{n}.jpg": bytes(600 if limit == "MOST_TOTAL" else 2000) for n in range(3)}
    with pytest.raises(DatasetError, match=message):
        lay_out(PASCAL, [write_tar(tmp_path / "bomb.tgz", {**packed, **PARTS})], tmp_path / "out")
    assert nothing_left(tmp_path)


def test_other_content_than_published_is_refused(tmp_path: Path) -> None:
    """Where the content is known; whatever archive it comes from, the same files have the same digest."""
    files = {**FILES, **PARTS}
    lay_out(PASCAL, [write_zip(tmp_path / "all.zip", files)], tmp_path / "one")
    known = replace(PASCAL, content=content_digest(tmp_path / "one"))
    lay_out(known, [write_tar(tmp_path / "all.tgz", files)], tmp_path / "two")
    other = write_zip(tmp_path / "other.zip", {**files, "Annotations_Part/2008_1.mat": b"Parts"})
    with pytest.raises(DatasetError, match=r"other.zip holds other files than were published; download it again"):
        lay_out(known, [other], tmp_path / "out")
    assert nothing_left(tmp_path)


def test_every_set_says_its_licence_and_what_to_do() -> None:
    """Each has an address, where its licence was read, and a layout or a note; what is direct can be checked."""
    assert len({one.name for one in PUBLISHED}) == len(PUBLISHED)
    for one in PUBLISHED:
        assert one.licence and one.read and one.downloads and (one.places or one.note)
        assert all(item.url.startswith("http") for item in one.downloads)
        assert bool(one.dataset) == bool(one.places) and one.dataset.count("{}") == bool(one.dataset)
        direct = [item for item in one.downloads if item.direct]
        assert all(item.sha256 or (one.content and len(one.downloads) == 1) for item in direct)
    with pytest.raises(
        DatasetError, match=r"no published set is called 'clothes': there are .*; did you mean 'clothing'"
    ):
        find_published("clothes")


def test_a_set_without_a_layout_says_why(tmp_path: Path) -> None:
    """No folder is made of labels that are no index masks."""
    with pytest.raises(DatasetError, match="carparts is not laid out: its labels are polygons of COCO"):
        lay_out(find_published("carparts"), [tmp_path], tmp_path / "out")


@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_an_archive_is_unpacked_whole(tmp_path: Path, write: Callable[[Path, dict[str, bytes]], Path]) -> None:
    """All but links and litter; of one that leads out of its folder nothing is left."""
    unpack(write(tmp_path / "archive", FILES | PARTS), tmp_path / "out")
    found = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert found == {*FILES, "Annotations_Part/2008_1.mat"}
    for name in ("a/../../evil", "/evil"):
        with pytest.raises(DatasetError, match="lies outside of any folder"):
            unpack(write(tmp_path / "archive", FILES | {name: b"evil"}), tmp_path / "other")
    assert {path.name for path in tmp_path.iterdir()} == {"archive", "out"}


def test_a_tar_that_ends_with_a_zip_is_a_tar(tmp_path: Path) -> None:
    """As one of weights of torch, which are zips: what is at the end of a file makes it a zip to many a program."""
    inner = write_zip(tmp_path / "inner.zip", {"evil": b"inner"}).read_bytes()
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        info = tarfile.TarInfo("weights.pth")
        info.size = len(inner)
        archive.addfile(info, io.BytesIO(inner))
    unpack(tmp_path / "all.tar", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["weights.pth"]


def test_what_fills_the_disk_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is known before it is written."""
    monkeypatch.setattr(laying_out.shutil, "disk_usage", lambda path: SimpleNamespace(free=3))
    with pytest.raises(DatasetError, match="which are free; make room"):
        unpack(write_zip(tmp_path / "archive", FILES), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]
