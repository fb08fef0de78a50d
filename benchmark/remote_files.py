"""Copies what lies behind a URL onto this disk, in pieces: https:// as any browser does, all else by fsspec."""

from __future__ import annotations

import re
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import parse_qsl, unquote, urlsplit

from .. import UserError, one_line
from ..datasets.published.download import Report, fetch_rest
from .files import is_full
from .object_store import ObjectStore

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://.*", re.DOTALL)
WEB = ("http", "https")
"""What is read without fsspec, which needs another package for it."""
SECRETS = ("signature", "sig", "token", "secret", "password", "credential", "key")
"""How the names of parameters end whose values are nobody else's."""
PAGES = (b"<!doctype html", b"<html")
"""How a web page begins."""
CHUNK = 2**20
PIN = "#sha256="
"""What stands between a URL and the digits that the SHA-256 of its file begins with."""
_DIGITS = re.compile(r"[0-9a-f]{16}|[0-9a-f]{64}")


class FetchError(UserError):
    """What a URL does not give, in one sentence: the fact, the culprit, the mend."""


def is_url(word: str) -> bool:
    """Whether a word is a URL, and no path."""
    return _URL.fullmatch(word) is not None


def check_url(url: str) -> None:
    """Refuse what no result may show, since whoever reads it could use it."""
    parts = urlsplit(url)
    open_words = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True) if name.lower().endswith(SECRETS)]
    if "@" in parts.netloc or open_words:
        what = f"a {open_words[0]}" if open_words else "a user's name or password"
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        mend = "give it to what reads the store by its own variables, as AWS_ACCESS_KEY_ID, or download the file"
        raise FetchError(f"the address of {shown} has {what} in it, which every result would publish; {mend}")
    if parts.scheme.lower() in WEB and any(letter.isspace() for letter in url):
        raise FetchError(f"{url!r} has a space in it, which no address on the web has; write it as %20")
    if parts.scheme.lower() not in WEB:
        ObjectStore(url.removesuffix("/"))  # refuses what is no clear name
    elif not parts.netloc:
        raise FetchError(f"{url} names no server; write it as https://host/file")


def split_pin(word: str) -> tuple[str, str]:
    """A URL, and the digits that the hash of its file must begin with, '' if any will do."""
    url, mark, pin = word.partition(PIN)
    if mark and not _DIGITS.fullmatch(pin):
        raise FetchError(f"{word} pins its file by {pin!r}; write the 64 digits of its SHA-256, or the first 16")
    if is_url(word) and "#" in url:  # no server hears of it, so that a pin which is misspelt would hold nothing
        mend = f"pin it by {PIN} and 16 or 64 digits, write a # of the file's own name as %23, or leave it out"
        raise FetchError(f"{word} has {url[url.index('#') :]!r} in it, which says nothing of the file; {mend}")
    return url, pin


def name_in(url: str) -> str:
    """The name of the file behind a URL."""
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    if not name:
        raise FetchError(f"{url} ends with no name of a file; name the file itself")
    return name


def beside(url: str, name: str) -> str:
    """The URL of another file in the same folder."""
    parts = urlsplit(url)
    return parts._replace(path=f"{parts.path.rpartition('/')[0]}/{name}").geturl()


def copy(url: str, part: Path, report: Report) -> None:
    """Fetch a file; of the web only what a part that is there lacks of it."""
    if urlsplit(url).scheme.lower() in WEB:
        whole = _read(url, lambda: fetch_rest(url, part, report))
    else:
        whole = _copy_object(url, part, report)
    if whole and part.stat().st_size != whole:
        what = f"{url} ended at {part.stat().st_size:,} of {whole:,} bytes"
        raise FetchError(f"{what}; run the same command again")
    with part.open("rb") as file:
        begins = file.read(512).lstrip().lower()
    if begins.startswith(PAGES):
        part.unlink()
        raise FetchError(f"{url} is a web page and no file; name the address that the file itself is downloaded from")


def copy_folder(url: str, folder: Path, report: Report) -> None:
    """Fetch all objects whose names begin with a URL, as the files of a folder."""
    if urlsplit(url).scheme.lower() in WEB:
        raise FetchError(f"{url} is a folder, which no web server lists; name a zip or tar of it")
    store, done = ObjectStore(url.removesuffix("/")), 0
    with store.asked("be read"):
        root = store.path("")
        found = store.system.find(root, detail=True)
    names = {path: path[len(root) + 1 :] for path in found if path.startswith(f"{root}/") and path[-1] != "/"}
    if not names:
        raise FetchError(f"{url} holds nothing; check the address")
    if wrong := next((name for name in names.values() if ".." in name.split("/")), None):
        raise FetchError(f"{url} holds an object called {wrong!r}, which lies in no folder; rename it there")
    whole = sum(int(found[path].get("size") or 0) for path in names)
    for path, name in names.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with store.asked("be read"):
            store.system.get_file(path, str(folder / name))
        done += (folder / name).stat().st_size
        report(done, whole)


def _read(url: str, fetch: Callable[[], int]) -> int:
    try:
        return fetch()
    except (OSError, HTTPException, ValueError) as error:  # urllib's are of these kinds
        if is_full(error):
            raise
        mend = "check the address and go online once, or bring it from where it is, as partbench bring says"
        raise FetchError(f"{url} is neither in the cache nor to be had ({one_line(error)}); {mend}") from None


def _copy_object(url: str, part: Path, report: Report) -> int:
    """Fetch an object from a store; its size."""
    store, done = ObjectStore(url), 0
    with store.asked("be read"):
        path = store.path("")
        whole, source = int(store.system.size(path) or 0), store.system.open(path, "rb")
    with source, part.open("wb") as file:
        while data := _piece(store, source):
            done += file.write(data)
            report(done, whole)
    return whole


def _piece(store: ObjectStore, source: IO[bytes]) -> bytes:
    with store.asked("be read"):
        return source.read(CHUNK)
