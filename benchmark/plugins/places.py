"""Where that lies on this machine which a name has behind its '@', or a dataset behind its ':'.

A path lies where it says; a URL, and a file of the hub, where they are fetched to; and what `partbench bring` has put
into the cache stands for the path or the name that it had elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...backbones.backbone import Backbone
from ...backbones.weights.hub import fetch as fetch_from_hub
from ...backbones.weights.hub import on_hub
from ..file_cache import OUTLET, FileCache
from ..file_contents import CacheError, Content, content_of_tree, pack_into
from ..remote_files import beside, is_url, name_in, split_pin


@dataclass(frozen=True)
class Place:
    """A file or folder on this machine."""

    path: str
    origin: str = ""
    """Where it was fetched from, for results; '' of what lies here."""


Places = Mapping[str, Place]
"""Where words lie that somebody has looked for already."""
Companions = Callable[[str], Sequence[str]]
"""The names of the files that must lie beside one of this name."""


def no_companions(name: str) -> Sequence[str]:
    """Of what is a file by itself."""
    return ()


def place_in_name(family: Backbone, weights: str, places: Places | None) -> Place:
    """Where the weights in a name lie; a family that takes whole repositories finds those of the hub itself."""
    if not weights or (family.repositories and on_hub(weights)):
        return Place(weights)
    return place_of_weights(weights, family.companions or no_companions, places)


def wrapper_here(wrapper: str, places: Places | None) -> str:
    """A wrapper with its weights as they lie on this machine."""
    kind, mark, weights = wrapper.partition("@")
    return kind + mark + (place_of_weights(weights, places=places).path if mark else "")


def place_of_weights(word: str, companions: Companions = no_companions, places: Places | None = None) -> Place:
    """Where weights lie, with their companions."""
    if places and word in places:
        return places[word]
    if is_url(word):
        return _placed(_fetch(word, companions), word)
    if not Path(word).exists() and (brought := place_brought(word)):
        return brought
    if on_hub(word):
        fetched = fetch_from_hub(word)
        return Place(str(fetched.path), f"{word} at commit {fetched.commit}")
    return Place(word)


def place_of_images(word: str) -> Place:
    """Where the images of a dataset lie, which is a folder or an archive of one; `#OPTIONS` behind it stay there."""
    path, options = split_options(word)
    if is_url(word):
        cache = FileCache.here()
        url, pin = split_pin(path)
        folder = url.endswith("/")
        if folder and pin:
            raise CacheError(f"{path} pins a folder, and a pin is of a file; name a zip or tar of it, or leave it out")
        content = cache.fetch_folder(url) if folder else replace(cache.fetch(path), tree=True)
        place = _placed(content, path)
        return replace(place, path=place.path + options)
    if not Path(path).expanduser().exists():
        if brought := place_brought(word):  # a name with a # in it
            return brought
        if brought := place_brought(path):
            return replace(brought, path=brought.path + options)
    return Place(word)


def split_options(word: str) -> tuple[str, str]:
    """A path or URL, the hash that it is pinned by with it, and the `#OPTIONS` behind it."""
    url, mark, rest = word.partition("#")
    if mark and is_url(word) and rest.startswith("sha256="):
        pin, mark, rest = rest.partition("#")
        url += f"#{pin}"
    elif mark and not is_url(word):  # a folder may have a # in its own name
        url, mark, rest = word.rpartition("#") if not Path(word).expanduser().is_dir() else (word, "", "")
    return url, mark + rest


def place_brought(word: str) -> Place | None:
    """What was brought for a word; None if nothing was."""
    cache = FileCache.here()
    content = cache.known(word)
    path = cache.place(content) if content else None
    if content is None or path is None:
        return None
    if not content.origin:
        OUTLET.tell(f"{word} is not here; what was brought for it is read in its place (SHA-256 {content.sha256[:16]})")
    return Place(str(path), content.origin)


def _fetch(word: str, companions: Companions) -> Content:
    """The file behind a URL; with others that must lie beside it, the folder of them."""
    cache, url = FileCache.here(), split_pin(word)[0]
    content, names = cache.fetch(word), companions(name_in(url))
    if not names:
        return content
    found = {name: cache.fetch(beside(url, name)) for name in names} | {content.name: content}
    files = {name: file for name, one in found.items() if (file := cache.stored(one))}
    tree = replace(content_of_tree(files, content.name, content.name), origin=content.origin)
    cache.keep(tree, lambda part: pack_into(files, part))
    return tree


def _placed(content: Content, word: str) -> Place:
    path = FileCache.here().place(content)
    assert path, f"{word} was there a moment ago"
    return Place(str(path), content.origin)
