"""The classes.json of a user's folder: its groupings, and an error for each thing that can be wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from partbench.datasets.dataset import IGNORE, DatasetError
from partbench.datasets.folder import open_folder
from partbench.datasets.folder.labelling import Labelling, read_labelling

CLASSES = ["background", "left_eye", "right_eye", "nose", "hair"]
FACE = {"hair": ["hair"], "eyes": [1, "right_eye"], "nose": [3], "background": [0]}


def labelling(folder: Path, grouping: str, **content: Any) -> Labelling:
    """The labelling of a folder whose classes.json says this."""
    (folder / "classes.json").write_text(json.dumps({"classes": CLASSES} | content))
    return read_labelling(folder, grouping)


def test_without_a_grouping_the_classes_are_the_values(tmp_path: Path) -> None:
    """Value i is class i, and 255 is ignored."""
    plain = labelling(tmp_path, "")
    assert plain.classes == tuple(CLASSES)
    assert plain.indices == {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 255: IGNORE}
    assert plain.excluded == frozenset()


@pytest.mark.parametrize("key", ["groupings", "map_to_face"])
def test_a_grouping_merges_classes(tmp_path: Path, key: str) -> None:
    """Members are numbers or names; the order is the declared one, with the background moved to index 0."""
    grouped = labelling(tmp_path, "face", **{key: {"face": FACE} if key == "groupings" else FACE})
    assert grouped.classes == ("background", "hair", "eyes", "nose")
    assert grouped.indices == {0: 0, 4: 1, 1: 2, 2: 2, 3: 3, 255: IGNORE}
    assert grouped.excluded == frozenset()


@pytest.mark.parametrize("background", [{"background": "all others"}, {}])
def test_background_takes_all_others(tmp_path: Path, background: dict[str, str]) -> None:
    """Whether it says so or is left unsaid; in paper3 it is never averaged over."""
    grouped = labelling(tmp_path, "paper3", groupings={"paper3": {"eyes": [1, 2], "nose": [3]} | background})
    assert grouped.classes == ("background", "eyes", "nose")
    assert grouped.indices == {0: 0, 4: 0, 1: 1, 2: 1, 3: 2, 255: IGNORE}
    assert grouped.excluded == {"background"}


def test_another_group_may_take_all_others(tmp_path: Path) -> None:
    """Its place in the order is kept."""
    grouped = labelling(tmp_path, "g", groupings={"g": {"nose": [3], "rest": "all others", "eyes": [1, 2]}})
    assert grouped.classes == ("nose", "rest", "eyes")
    assert grouped.indices[0] == grouped.indices[4] == 1


def test_classes_can_be_picked_by_name(tmp_path: Path) -> None:
    """`#nose,left_eye`: these in this order, and all others as a background that is never averaged over."""
    picked = labelling(tmp_path, "nose, left_eye")
    assert picked.classes == ("background", "nose", "left_eye")
    assert picked.indices == {0: 0, 2: 0, 4: 0, 3: 1, 1: 2, 255: IGNORE}
    assert picked.excluded == {"background"}


def test_exclusions_follow_the_grouping(tmp_path: Path) -> None:
    """A class that is excluded counts where it exists, under its own or its group's name."""
    groupings = {"face": FACE}
    assert labelling(tmp_path, "", groupings=groupings, excluded=["hair", "eyes"]).excluded == {"hair"}
    assert labelling(tmp_path, "face", groupings=groupings, excluded=["hair", "eyes"]).excluded == {"hair", "eyes"}


GROUPING_FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"eyes": [1, 9]}, r"no class 9 to put into 'eyes': the numbers go from 0 to 4; mend"),
    ({"eyes": [1, "noze"]}, r"no class 'noze' to put into 'eyes': .*; did you mean 'nose'\?"),
    ({"eyes": []}, r"has 'eyes' as \[\]; list its classes by number or name, .* or write \"all others\""),
    ({"eyes": "nose"}, r"has 'eyes' as 'nose'; list its classes"),
    ({"eyes": [1, 2], "face": [2, 3]}, r"puts the class 'right_eye' into 'eyes' and 'face'; take it out of one place"),
    ({"a": "all others", "b": "all others"}, r"has 'a' and 'b' as \"all others\"; list the classes of one"),
    ({"background": [0], "eyes": [1, 2]}, r"leaves out 'nose', 'hair'; put them into a group, or"),
    ({"a": [0, 1, 2, 3, 4], "b": "all others"}, r"leaves no class for 'b'; take 'b' out"),
    ({}, r"has a grouping 'face' without groups; write it as"),
]


@pytest.mark.parametrize(("groups", "message"), GROUPING_FAULTS)
def test_a_faulty_grouping_is_named(tmp_path: Path, groups: dict[str, Any], message: str) -> None:
    """The error names the grouping, the file and the mend."""
    with pytest.raises(DatasetError, match=message) as error:
        labelling(tmp_path, "face", groupings={"face": groups})
    assert "'face'" in str(error.value)
    assert str(tmp_path / "classes.json") in str(error.value)


@pytest.mark.parametrize(
    ("grouping", "message"),
    [
        ("fase", r"no grouping or class called 'fase': the groupings are face and the .*; did you mean 'face'\?"),
        ("left_eye,noze", r"no class called 'noze': there are background, .*; did you mean 'nose'\?"),
        ("?", r"the groupings are face and the classes background, .*; take one of these, or several classes"),
    ],
)
def test_an_unknown_grouping_lists_those_there_are(tmp_path: Path, grouping: str, message: str) -> None:
    """With the nearest one, if any is near."""
    with pytest.raises(DatasetError, match=message):
        labelling(tmp_path, grouping, groupings={"face": FACE})


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"classes": None}, r'has no list "classes"; name there the mask values'),
    ({"classes": []}, r'has no list "classes"; name there'),
    ({"classes": ["nose", 3]}, r'has no list "classes"; name there'),
    ({"classes": ["nose", "eye", "nose"]}, r"names the class 'nose' twice; rename one"),
    ({"classes": [str(number) for number in range(256)]}, r"names 256 classes; 255 is the most"),
    ({"ignore_index": "none"}, r"\"ignore_index\": 'none'; write an integer, as 255, or null"),
    ({"ignore_index": 255.0}, r"\"ignore_index\": 255.0; write an integer, as 255, or null"),
    ({"ignore_index": 0}, r"\"ignore_index\": 0, which is also the class 'background'; write a value"),
    ({"groupings": []}, r'has "groupings" that are no object; write them as'),
    ({"excluded": "nose"}, r"\"excluded\": 'nose'; write a list"),
    ({"excluded": ["noze"]}, r"excludes 'noze', which is no class: .*; did you mean 'nose'\?"),
]


@pytest.mark.parametrize(("content", "message"), FAULTS)
def test_a_fault_in_the_file_is_named(tmp_path: Path, content: dict[str, Any], message: str) -> None:
    """The error names classes.json, what is wrong in it, and the mend."""
    with pytest.raises(DatasetError, match=rf"{tmp_path}/classes\.json .*{message}"):
        labelling(tmp_path, "", **content)


def test_a_missing_or_malformed_file_is_named(tmp_path: Path) -> None:
    """No folder, no classes.json, no JSON and no object are told apart."""
    with pytest.raises(DatasetError, match=r"there is no folder .*nowhere; mend the path"):
        open_folder(str(tmp_path / "nowhere"))
    with pytest.raises(DatasetError, match=rf"{tmp_path} has no classes\.json; write one there"):
        open_folder(str(tmp_path))
    for text, message in (("{", r"cannot be read as JSON \(.*line 1.*\); mend"), ("[]", "holds a list; it must hold")):
        (tmp_path / "classes.json").write_text(text)
        with pytest.raises(DatasetError, match=rf"classes\.json {message}"):
            open_folder(str(tmp_path))
