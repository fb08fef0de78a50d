"""The side that a name says: what nothing is to be seen at is refused in one sentence, by every family that has one."""

from __future__ import annotations

import pytest

from partbench.backbones.backbone import BackboneError
from partbench.backbones.sides import LARGEST, SMALLEST, plain_number, side_in
from partbench.benchmark.plugins.catalogue import Catalogue, load_catalogue
from partbench.benchmark.plugins.names import find_backbone


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def test_a_side_is_a_number_as_one_writes_it() -> None:
    """Words are for whoever reads them; a second spelling would be a second row of the same network."""
    assert [side_in(word, "net") for word in ("32", "224", "4096")] == [SMALLEST, 224, LARGEST]
    assert [side_in(word, "net") for word in ("", "big", "-7", "7.5", "1e3")] == [None] * 5
    assert [plain_number(word) for word in ("0", "7", "007", "٧", "1234567", "")] == [0, 7, None, None, None, None]


SIZES = "a size from 32 to 4096"


@pytest.mark.parametrize(
    ("side", "mend"), [*((one, SIZES) for one in ("0", "7", "31", "4097", "٢٢٤", "9" * 5000)), ("0224", "224")]
)
@pytest.mark.parametrize(
    "name",
    [
        "lite0:{}", "timm:resnet18,{},untrained", "taesd:{},untrained", "radio:c-radio_v4-h,{}",
        "diffusers:vae,{},untrained", "random:lite0:{}", "insid3:lite0:{}", "lite0:{}+position",
        "jigsaw:{}",
    ],
)  # fmt: skip
def test_a_side_that_is_none_is_refused_by_every_family(catalogue: Catalogue, name: str, side: str, mend: str) -> None:
    """Before anything is loaded, and with the sides that there are."""
    with pytest.raises(BackboneError, match=f"reads no images of {side} pixels; write {mend}$"):
        find_backbone(catalogue, name.format(side))


@pytest.mark.parametrize(
    "name",
    [
        "timm:resnet18,64,96,untrained", "timm:resnet18,last,last+norm", "timm:resnet18,untrained,untrained",
        "taesd:64,96,untrained", "taesd:untrained,untrained", "diffusers:vae,64,96,untrained",
        "diffusers:ddpm,b05,untrained", "diffusers:ddpm,n100000,untrained",
    ],
)  # fmt: skip
def test_what_a_name_says_twice_is_refused(catalogue: Catalogue, name: str) -> None:
    """The last one would have won, without a word; and so are other numbers that are none."""
    with pytest.raises(BackboneError, match=r"has no use for|has no one number"):
        find_backbone(catalogue, name)
