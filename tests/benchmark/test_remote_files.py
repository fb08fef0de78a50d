"""What a URL gives is copied, and what must not be published, or is no file, is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fsspec
import pytest

from partbench.benchmark.object_store import StoreError
from partbench.benchmark.remote_files import FetchError, beside, check_url, copy, is_url, name_in


def silent(done: int, whole: int) -> None:
    """Hears nothing."""


@pytest.mark.parametrize("word", ["C:/a/b", "a/b.safetensors", "hf-hub:user/repo/x", "x", "s3:/a"])
def test_a_path_is_no_url(word: str) -> None:
    """Nor is the name of a file of the hub."""
    assert not is_url(word) and is_url(f"s3://{word}")


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@host/x",
        "s3://key:hunter2@bucket/x",
        "https://host/x?X-Amz-Signature=1",
        "https://host/x?a=1&access_token=t",
        "https://host/x?sig=1",
    ],
)
def test_secrets_are_refused(url: str) -> None:
    """A name stands in every result; and the sentence itself does not say them."""
    with pytest.raises(FetchError, match="which every result would publish") as caught:
        check_url(url)
    assert "hunter2" not in str(caught.value)
    check_url("https://host/x?download=1")


def test_a_space_belongs_to_a_path_alone() -> None:
    """A server is never asked for it; an object may have one in its name."""
    with pytest.raises(FetchError):
        check_url("https://host/my file.zip")
    check_url("memory://bucket/my file.zip")


def test_names_and_neighbours() -> None:
    """A file has a name, and others lie beside it."""
    assert name_in("https://host/a/b%20c.pth?download=1") == "b c.pth"
    assert beside("https://host/a/x_decoder.pth?d=1", "x_encoder.pth") == "https://host/a/x_encoder.pth?d=1"
    with pytest.raises(FetchError):
        name_in("https://host/")


def test_objects_are_copied(tmp_path: Path) -> None:
    """From any store of fsspec; a folder on a disk, too."""
    with fsspec.open("memory://bucket/x.bin", "wb") as file:
        file.write(b"abc")
    (tmp_path / "y.bin").write_bytes(b"defg")
    for url, data in (("memory://bucket/x.bin", b"abc"), (f"file://{tmp_path}/y.bin", b"defg")):
        told: list[tuple[int, int]] = []
        copy(url, tmp_path / "part", lambda *count, told=told: told.append(count))  # type: ignore[misc]
        assert (tmp_path / "part").read_bytes() == data and told == [(len(data), len(data))]
    with pytest.raises(StoreError):
        copy("memory://bucket/none.bin", tmp_path / "part", silent)
    with pytest.raises(StoreError):
        check_url("memory://bucket/*.bin")


def test_a_web_page_is_no_file(web: Any, tmp_path: Path) -> None:
    """As where the address is that of a page about it; nothing of it is kept."""
    (web.folder / "x.safetensors").write_text("\n<!DOCTYPE html><html></html>")
    with pytest.raises(FetchError, match="is a web page and no file"):
        copy(web.url("x.safetensors"), tmp_path / "part", silent)
    assert not (tmp_path / "part").exists()
    with pytest.raises(FetchError, match="neither in the cache nor to be had"):
        copy(web.url("nothing"), tmp_path / "part", silent)
