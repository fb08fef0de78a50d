"""Pictures without masks: what is found, how it is decoded, and what the errors name."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from partbench.datasets.dataset import DatasetError
from partbench.datasets.files import unpacking
from partbench.datasets.files.decoding import upright_size
from partbench.datasets.files.images import ImageFolder

FACES = Path(__file__).parents[3].parent / "shared" / "data" / "faces_unlabelled" / "faces_unlabelled.zip"
ORIENTATION = 0x0112


def noise(seed: int, height: int = 12, width: int = 12) -> np.ndarray:
    """A random RGB picture."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path: Path, pixels: np.ndarray) -> Path:
    """Write a picture, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def pack(path: Path, folder: Path) -> Path:
    """A zip of a folder."""
    with zipfile.ZipFile(path, "w") as file:
        for member in sorted(folder.rglob("*")):
            file.write(member, member.relative_to(folder).as_posix())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures in two subfolders, with things between them that are none."""
    root = tmp_path / "pictures"
    for number, name in enumerate(("train/a.png", "train/b.webp", "val/C.JPG")):
        save(root / name, noise(number))
    (root / "train" / "notes.txt").write_text("no picture")
    (root / "train" / "._a.png").write_bytes(b"what macOS leaves in zips")
    return root


def test_pictures_are_found_recursively_in_order(folder: Path) -> None:
    """A name is the path inside the folder; hidden and other files are passed over."""
    pictures = ImageFolder(folder)
    assert [pictures.name(index) for index in range(len(pictures))] == ["train/a.png", "train/b.webp", "val/C.JPG"]


def test_a_zip_reads_like_its_folder(folder: Path, tmp_path: Path) -> None:
    """Names and pictures of a zip are those of the folder that it packs."""
    plain, packed = ImageFolder(str(folder)), ImageFolder(pack(tmp_path / "pictures.zip", folder))
    assert [packed.name(i) for i in range(3)] == [plain.name(i) for i in range(3)]
    assert torch.equal(packed.images([2, 0, 1], 8), plain.images([2, 0, 1], 8))


def test_several_sources_are_one_split(folder: Path, tmp_path: Path) -> None:
    """With several sources a name begins with its source."""
    more = save(tmp_path / "more" / "a.png", noise(9)).parent
    pictures = ImageFolder([folder, more])
    assert len(pictures) == 4
    assert pictures.name(0) == "pictures/train/a.png"
    assert pictures.name(3) == "more/a.png"


def test_the_same_source_twice_is_refused(folder: Path) -> None:
    """A name must tell a picture from every other."""
    with pytest.raises(DatasetError, match=r"pictures/train/a\.png.*give each folder or zip once"):
        ImageFolder([folder, folder])


def test_images_are_unit_floats(folder: Path) -> None:
    """Images are (N, 3, size, size) float32 in [0, 1], and none at all is a batch too."""
    images = ImageFolder(folder).images([0, 1], 7)
    assert images.shape == (2, 3, 7, 7)
    assert images.dtype == torch.float32
    assert images.min() >= 0
    assert images.max() <= 1
    assert ImageFolder(folder).images([], 7).shape == (0, 3, 7, 7)


def test_at_its_own_size_a_square_picture_is_untouched(folder: Path) -> None:
    """No resize blurs what has the right size already."""
    expected = torch.from_numpy(noise(0)).permute(2, 0, 1) / 255
    assert torch.equal(ImageFolder(folder).images([0], 12)[0], expected)


@pytest.mark.parametrize(("height", "width"), [(10, 17), (17, 10)])
def test_the_largest_central_square_is_read(tmp_path: Path, height: int, width: int) -> None:
    """What lies outside the square is cut off, not squeezed in."""
    pixels = noise(3, height, width)
    save(tmp_path / "a.png", pixels)
    top, left = (height - 10) // 2, (width - 10) // 2
    expected = torch.from_numpy(pixels[top : top + 10, left : left + 10].copy()).permute(2, 0, 1) / 255
    assert torch.equal(ImageFolder(tmp_path).images([0], 10)[0], expected)


def test_shrinking_is_antialiased(tmp_path: Path) -> None:
    """A one-pixel checkerboard becomes grey, where sampling single pixels would give black or white."""
    board = np.indices((64, 64)).sum(0) % 2 * 255
    save(tmp_path / "a.png", board.astype(np.uint8))
    assert torch.allclose(ImageFolder(tmp_path).images([0], 8), torch.tensor(0.5), atol=0.02)


def test_every_kind_of_picture_becomes_rgb(tmp_path: Path) -> None:
    """Grey is repeated, opaque alpha no matter, a palette looked up, and 16 bits keep their high byte."""
    grey = noise(1)[..., 0]
    save(tmp_path / "1_grey.png", grey)
    save(tmp_path / "2_alpha.png", np.dstack([grey, grey, grey, np.full_like(grey, 255)]))
    Image.fromarray(grey).convert("P").save(tmp_path / "3_palette.png")
    save(tmp_path / "4_deep.png", grey.astype(np.uint16) * 256 + 17)
    expected = (torch.from_numpy(grey) / 255).expand(3, 12, 12)
    for image in ImageFolder(tmp_path).images(range(4), 12):
        assert torch.equal(image, expected)


def test_what_is_transparent_is_seen_on_white(tmp_path: Path) -> None:
    """The colours that a cut-out hides are not read, whether alpha, a palette or one colour says what is hidden."""
    hidden = np.indices((12, 12)).sum(0) % 2 == 0
    grey = np.where(hidden, 30, 200).astype(np.uint8)
    save(tmp_path / "alpha.png", np.dstack([grey, grey, grey, np.where(hidden, 0, 255).astype(np.uint8)]))
    save(tmp_path / "alpha.webp", np.dstack([grey, grey, grey, np.where(hidden, 0, 255).astype(np.uint8)]))
    Image.fromarray(grey).save(tmp_path / "colour.png", transparency=30)
    save(tmp_path / "grey_alpha.png", np.dstack([grey, np.where(hidden, 0, 255).astype(np.uint8)]))
    Image.fromarray(grey).convert("P").save(tmp_path / "palette.png", transparency=30)
    expected = torch.from_numpy(np.where(hidden, 255, 200) / 255).float().expand(3, 12, 12)
    for image in ImageFolder(tmp_path).images(range(5), 12):
        assert torch.allclose(image, expected, atol=0.02)  # webp loses a little


@pytest.mark.parametrize(
    ("name", "pixels", "kind", "message"),
    [
        ("fractions", np.full((4, 4), 0.5, dtype=np.float32), "TIFF", r"its pixels are fractions, which have no black"),
        ("deep", np.full((4, 4), 70000, dtype=np.int32), "TIFF", r"its pixels go from 70000 to 70000, and 16 bits are"),
        ("print", np.zeros((4, 4, 3), dtype=np.uint8), "EPS", r"UnidentifiedImageError: cannot identify image file"),
    ],
)
def test_what_nobody_could_see_is_refused(
    tmp_path: Path, name: str, pixels: np.ndarray, kind: str, message: str
) -> None:  # fmt: skip
    """Numbers without black and white, and programs that draw pictures, are no pictures whatever they are called."""
    Image.fromarray(pixels).save(tmp_path / f"{name}.png", kind)
    with pytest.raises(DatasetError, match=rf"{name}\.png cannot be read as a picture \({message}"):
        ImageFolder(tmp_path).images([0], 4)


def bomb(path: Path, side: int) -> Path:
    """A PNG of few bytes that would become side x side white pixels of one bit."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = b"\0" + b"\xff" * ((side + 7) // 8)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize(("side", "fact"), [(12000, "is 12000x12000 pixels"), (20000, r"would become too large")])
@pytest.mark.parametrize("packed", [False, True])
def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path: Path, side: int, fact: str, packed: bool) -> None:
    """In a sentence, without a warning of Pillow's, from a folder and from a zip."""
    (tmp_path / "in").mkdir()
    small = bomb(tmp_path / "in" / "a.png", side)
    assert small.stat().st_size < 10**5
    source = pack(tmp_path / "z.zip", small.parent) if packed else small.parent
    with pytest.raises(
        DatasetError, match=rf"a\.png {fact}.*, and 100 million pixels are the most .*; make it smaller"
    ):
        ImageFolder(source).images([0], 8)


def test_a_zip_bomb_is_not_unpacked(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member that would become larger than any picture is named, with what it would become."""
    with zipfile.ZipFile(tmp_path / "z.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.png", bytes(2**20))
    monkeypatch.setattr(unpacking, "MOST_BYTES", 2**19)
    with pytest.raises(DatasetError, match=r"z\.zip/a\.png cannot be .*\(it would become 1 MiB, and 0 are the most"):
        ImageFolder(tmp_path / "z.zip").images([0], 8)


def test_exif_orientation_is_obeyed(tmp_path: Path) -> None:
    """A photograph taken with the camera on its side stands upright."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.fromarray(noise(4, 10, 16)).save(tmp_path / "a.png", exif=exif)
    upright = torch.from_numpy(np.rot90(noise(4, 10, 16), -1)[3:13].copy()).permute(2, 0, 1) / 255
    assert torch.equal(ImageFolder(tmp_path).images([0], 10)[0], upright)
    assert upright_size(tmp_path / "a.png") == (10, 16)


# From Python 3.12 on, forking beside torch's threads warns; that workers do so by default is why this test is here.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("workers", [0, 2])
def test_a_zip_can_be_read_in_loader_workers(folder: Path, tmp_path: Path, workers: int) -> None:
    """Workers read a zip that is already open in the parent."""
    pictures = ImageFolder(pack(tmp_path / "pictures.zip", folder))
    expected = pictures.images([0, 1, 2], 8)
    context = multiprocessing.get_context("fork") if workers else None
    loader: DataLoader[int] = DataLoader(
        range(3),  # type: ignore[arg-type]
        collate_fn=lambda batch: pictures.images(batch, 8),
        num_workers=workers,
        multiprocessing_context=context,
    )
    assert torch.equal(torch.cat(list(loader)), expected)


def test_a_process_opens_the_zip_once_for_itself(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forked file handle shares its position with the parent's, so another process never reads through it."""
    pictures = ImageFolder(pack(tmp_path / "pictures.zip", folder))
    opened: list[Path] = []
    open_zip = zipfile.ZipFile
    monkeypatch.setattr(zipfile, "ZipFile", lambda path: opened.append(path) or open_zip(path))  # type: ignore[func-returns-value]
    pictures.images([0, 1], 8)
    assert len(opened) == 1
    monkeypatch.setattr(os, "getpid", lambda: -1)
    pictures.images([0, 1], 8)
    assert len(opened) == 2


def test_an_open_zip_can_be_pickled(folder: Path, tmp_path: Path) -> None:
    """Spawned workers get the split by pickle, without the open file."""
    pictures = ImageFolder(pack(tmp_path / "pictures.zip", folder))
    expected = pictures.images([0], 8)
    assert torch.equal(pickle.loads(pickle.dumps(pictures)).images([0], 8), expected)


def test_there_are_no_masks(folder: Path) -> None:
    """Asking an unlabelled split for masks says where to get them."""
    with pytest.raises(DatasetError, match=r"pictures have no masks; draw .* from a labelled split"):
        ImageFolder(folder).masks([0], 8)


def test_a_source_without_pictures_is_named(tmp_path: Path) -> None:
    """An empty folder, a missing one and a file that is no zip are told apart."""
    with pytest.raises(DatasetError, match=rf"no picture was found in {tmp_path}; put jpg, png or webp"):
        ImageFolder(tmp_path)
    with pytest.raises(DatasetError, match=r"there is no folder or zip .*nowhere; mend the path"):
        ImageFolder(tmp_path / "nowhere")
    (tmp_path / "a.zip").write_text("no zip")
    with pytest.raises(DatasetError, match=r"a\.zip cannot be read as a zip .*pack it again"):
        ImageFolder(tmp_path / "a.zip")
    with pytest.raises(DatasetError, match=r"no folder or zip of pictures was given"):
        ImageFolder([])


@pytest.mark.parametrize("packed", [False, True])
def test_an_unreadable_picture_is_named(folder: Path, tmp_path: Path, packed: bool) -> None:
    """A truncated file is named when it is read, with the folder or zip it lies in."""
    broken = folder / "train" / "a.png"
    broken.write_bytes(broken.read_bytes()[:200])
    pictures = ImageFolder(pack(tmp_path / "pictures.zip", folder) if packed else folder)
    place = r"pictures\.zip" if packed else "pictures"
    with pytest.raises(DatasetError, match=rf"{place}/train/a\.png cannot be read as a picture .*replace the file"):
        pictures.images([0], 8)


@pytest.mark.skipif(not FACES.exists(), reason="the pack of real faces is not here")
def test_the_pack_of_real_faces_reads() -> None:
    """9,361 faces of two subfolders, straight from their zip."""
    faces = ImageFolder(FACES)
    names = [faces.name(index) for index in range(len(faces))]
    assert len(faces) == 9361
    assert {name.split("/")[0] for name in names} == {"train", "val"}
    images = faces.images([0, len(faces) - 1], 64)
    assert images.shape == (2, 3, 64, 64)
    assert images.std() > 0.05
