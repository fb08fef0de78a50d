"""The 59 labels of Clothing Co-Parsing, merged by name into eight classes and the background."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..dataset import DatasetError
from ..files.hints import enumeration

GROUPS = {
    "background": ("null",),
    "hair": ("hair",),
    "skin": ("skin",),
    "upper": (
        *("blazer", "blouse", "bra", "cape", "cardigan", "coat", "hoodie", "jacket", "jumper", "shirt", "suit"),
        *("sweater", "sweatshirt", "t-shirt", "top", "vest"),
    ),
    # Garments in one piece. Nothing in the published masks is intimate or swimwear.
    "dress": ("bodysuit", "dress", "intimate", "romper", "swimwear"),
    "lower": ("jeans", "leggings", "panties", "pants", "shorts", "skirt", "socks", "stockings", "tights"),
    "shoes": ("boots", "clogs", "flats", "heels", "loafers", "pumps", "sandals", "shoes", "sneakers", "wedges"),
    "bag": ("bag", "purse", "wallet"),
    "accessory": (
        *("accessories", "belt", "bracelet", "earrings", "glasses", "gloves", "hat", "necklace", "ring", "scarf"),
        *("sunglasses", "tie", "watch"),
    ),
}
"""The labels of each class, classes in the order of their indices."""
CLASSES = tuple(GROUPS)


def merge(labels: Sequence[str], path: Path) -> tuple[int, ...]:
    """The class index of each label of the list in this file, in its order: what a mask holds are places in it."""
    index = {label: place for place, members in enumerate(GROUPS.values()) for label in members}
    unknown = [label for label in labels if label not in index]
    if unknown:
        fact = f"{path} names labels that belong to no class ({enumeration(unknown)})"
        raise DatasetError(f"{fact}; bring back the file as published, with its {len(index)} labels")
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice or not labels:
        fact = f"names {enumeration(twice)} twice" if twice else "names no label"
        raise DatasetError(f"{path} {fact}; bring back the file as published, with its {len(index)} labels")
    return tuple(index[label] for label in labels)
