"""Names on the command line become records, and a name that stands for nothing is told what was meant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from partbench.backbones.backbone import Backbone, BackboneError, Extractor
from partbench.backbones.controls.wrappers import plain_name
from partbench.benchmark.file_hashes import weights_hash
from partbench.benchmark.plugins.backbone_names import BackboneName, NamingError, parse_backbone
from partbench.benchmark.plugins.catalogue import Catalogue, Offer, load_catalogue
from partbench.benchmark.plugins.names import find_backbone, find_dataset, find_head, made_by
from partbench.datasets.dataset import Dataset, GeneratorIdentity
from partbench.heads.head import Head


def constant(value: float) -> Extractor:
    """An extractor whose one map says who it is."""

    def extract(images: Tensor) -> list[Tensor]:
        return [torch.full((len(images), 2, 4, 4), value)]

    return extract


def configure(variant: str, weights: str) -> Backbone:
    """A family that knows every variant but `Z`."""
    if variant == "Z":
        raise BackboneError("jigsaw has no variant 'Z'; take another")
    if weights == "nowhere":
        raise FileNotFoundError("nowhere")
    return replace(JIGSAW, summary=f"{variant} of {weights}")


def open_folder(path: str) -> Dataset:
    """A family of datasets."""
    return Dataset("anything", (path,), load=_never)


def _never(*_: Any) -> Any:
    raise AssertionError


JIGSAW = Backbone(
    "jigsaw",
    size=8,
    channels=(2,),
    load=lambda: constant(1),
    untrained=lambda seed: constant(-seed),
    configure=configure,
)
PIXELS = Backbone("pixels", size=8, channels=(2,), load=lambda: constant(2))
CATALOGUE = Catalogue(
    backbones={"jigsaw": Offer(JIGSAW, "partbench-foo 1.2"), "pixels": Offer(PIXELS, "partbench")},
    heads={"linear": Offer(Head("linear", build=_never), "partbench")},
    datasets={
        "faces": Offer(Dataset("faces", ("eye",), load=_never), "partbench"),
        "folder": Offer(Dataset("folder", (), load=_never, configure=open_folder), "partbench"),
    },
)


def first_value(backbone: Backbone) -> float:
    """What the backbone's extractor says of itself."""
    return backbone.load()(torch.zeros(1, 3, 8, 8))[0].flatten()[0].item()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("vae", BackboneName("vae")),
        ("vae:B", BackboneName("vae", variant="B")),
        ("vae@w.pt", BackboneName("vae", weights="w.pt")),
        ("vae:B,fast@w.pt", BackboneName("vae", variant="B,fast", weights="w.pt")),
        ("random:vae:B@w.pt+position", BackboneName("vae", "B", "w.pt", twin=True, wrappers=("+position",))),
        ("vae@C:/a+b@2/w.pt", BackboneName("vae", weights="C:/a+b@2/w.pt")),
        ("vae:B@a:b+position", BackboneName("vae", "B", "a:b", wrappers=("+position",))),
        ("vae@w+positions", BackboneName("vae", weights="w+positions")),
        ("vae@w-position2.pt", BackboneName("vae", weights="w-position2.pt")),
        ("position", BackboneName("position")),
        ("timm:vit-x.a-b,9-position", BackboneName("timm", "vit-x.a-b,9", wrappers=("-position",))),
        ("random:vae-position20+position", BackboneName("vae", twin=True, wrappers=("-position20", "+position"))),
    ],
)
def test_a_backbone_is_named_by_its_parts(name: str, parts: BackboneName) -> None:
    """FAMILY, VARIANT and WEIGHTS are read from the left, and wrappers count at the end alone."""
    assert parse_backbone(name) == parts


@given(
    st.from_regex(r"[a-z0-9][a-z0-9._-]*", fullmatch=True).filter(
        lambda family: family != "random" and plain_name(family) == family
    ),
    st.from_regex(r"[A-Za-z0-9,]*", fullmatch=True),
    st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), max_size=9).filter(
        lambda weights: plain_name(f"vae@{weights}") == f"vae@{weights}"
    ),
    st.booleans(),
    st.sampled_from([(), ("+position",), ("-position",), ("-position7", "+position")]),
)
def test_a_name_put_together_comes_apart(
    family: str, variant: str, weights: str, twin: bool, wrappers: tuple[str, ...]
) -> None:
    """Every combination of parts is read back, whatever stands in the path of the weights but at its end."""
    parts = BackboneName(family, variant, weights, twin, wrappers)
    assert parse_backbone(f"{'random:' * twin}{family}{parts.details}{''.join(wrappers)}") == parts


def test_a_plain_name_gives_the_record_as_offered() -> None:
    """What is in the catalogue is found as it is, with its provider."""
    assert find_backbone(CATALOGUE, "jigsaw") == CATALOGUE.backbones["jigsaw"]
    assert find_head(CATALOGUE, "linear") == CATALOGUE.heads["linear"]
    assert find_dataset(CATALOGUE, "faces") == CATALOGUE.datasets["faces"]


def test_a_family_is_configured_and_named_in_full() -> None:
    """A variant is what `configure` gives, called as it was asked for even if the family forgot."""
    offer = find_backbone(CATALOGUE, "jigsaw:B@w.pt")
    assert (offer.record.name, offer.record.summary) == ("jigsaw:B@w.pt", "B of w.pt")
    assert offer.provider == "partbench-foo 1.2"


@pytest.mark.parametrize("name", ["random:jigsaw", "random:jigsaw:B@w.pt"])
def test_random_is_the_untrained_twin(name: str) -> None:
    """The twin has the network's form, weights from seed 0 and no file."""
    backbone = find_backbone(CATALOGUE, name).record
    assert (backbone.name, backbone.channels, backbone.weights) == (name, (2,), None)
    assert first_value(backbone) == 0


@pytest.mark.parametrize("inner", ["jigsaw", "random:jigsaw:B@w.pt", "pixels-position20"])
def test_insid3_reads_a_backbone_as_it_is(inner: str) -> None:
    """`insid3:NAME` asks for the backbone NAME, whose weights and codes it shares."""
    assert find_backbone(CATALOGUE, f"insid3:{inner}").record.name == inner


def test_position_appends_the_coordinates_last() -> None:
    """`+position` adds twenty channels; of a twin, to the twin."""
    plain = find_backbone(CATALOGUE, "pixels+position").record
    assert (plain.name, plain.channels, first_value(plain)) == ("pixels+position", (2, 20), 2)
    of_twin = find_backbone(CATALOGUE, "random:jigsaw+position").record
    assert (of_twin.name, of_twin.channels, first_value(of_twin)) == ("random:jigsaw+position", (2, 20), 0)


def test_a_folder_is_named_by_its_path() -> None:
    """Everything behind the first ':' goes to the family."""
    dataset = find_dataset(CATALOGUE, "folder:/a:b@c+d#e").record
    assert (dataset.name, dataset.classes) == ("folder:/a:b@c+d#e", ("/a:b@c+d#e",))
    assert find_dataset(CATALOGUE, "folder").record.classes == ("",)


def test_options_may_follow_a_dataset_that_needs_no_path() -> None:
    """`NAME#OPTIONS` asks the family, which sees the mark."""
    dataset = find_dataset(CATALOGUE, "folder#paper3:x").record
    assert (dataset.name, dataset.classes) == ("folder#paper3:x", ("#paper3:x",))
    with pytest.raises(NamingError, match="'faces' has no variants; leave out '#x'"):
        find_dataset(CATALOGUE, "faces#x")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("jigsw", "no backbone is called 'jigsw'; did you mean 'jigsaw'?"),
        ("random:jigsw:B", "no backbone is called 'jigsw'; did you mean 'jigsaw'?"),
        ("xyz", "no backbone is called 'xyz'; there are jigsaw, pixels"),
        ("random:insid3:vae", "'random:insid3:vae' has its parts in another order; write insid3:random:vae"),
        ("random:insid3:random:a", "'random:insid3:random:a' has its parts in another order; write insid3:random:a"),
        ("random:insid3", "'random:insid3' has its parts in another order; write insid3:random:NAME"),
        ("random:insid3:", "'random:insid3:' has its parts in another order; write insid3:random:NAME"),
        ("random:random:vae", "'random:random:vae' is untrained twice; write random:vae"),
        ("random:copy", "'copy' has no network that could be untrained; leave out 'random:copy'"),
        ("pixels:B", "'pixels' has no variants; leave out ':B'"),
        ("pixels@w.pt", "'pixels' has no variants; leave out '@w.pt'"),
        ("random:pixels", "'pixels' has no untrained twin; leave out 'random:pixels'"),
        ("insid3:", "'insid3:' reads the last map of a backbone; say of which, as insid3:NAME"),
        ("insid3", "'insid3' reads the last map of a backbone; say of which, as insid3:NAME"),
        (
            "insid3:insid3:jigsaw",
            "'insid3:insid3:jigsaw' has no map to read; name a backbone, as insid3:vae or insid3:random:vae",
        ),
        ("insid3:copy", "'insid3:copy' has no map to read; name a backbone, as insid3:vae or insid3:random:vae"),
        ("insid3:xyz", "no backbone is called 'xyz'; there are jigsaw, pixels"),
        (
            "insid3:jigsaw-position+position",
            "'insid3:jigsaw-position+position' reads a map as the network gives it; leave out '+position'",
        ),
        ("jigsaw:", "'jigsaw:' has a ':' or '@' with nothing behind it; write jigsaw"),
        (
            "random:jigsaw:@x+position",
            "'random:jigsaw:@x+position' has a ':' or '@' with nothing behind it; write random:jigsaw@x+position",
        ),
        ("jigsaw:B@", "'jigsaw:B@' has a ':' or '@' with nothing behind it; write jigsaw:B"),
        ("jigsaw:8", "'jigsaw:8' is 'jigsaw', whose images have 8 pixels; write jigsaw"),
        ("random:jigsaw:8@x-position", "'jigsaw:8@x' is 'jigsaw@x', whose images have 8 pixels; write jigsaw@x"),
        ("copy+position", "'copy' has no maps that could be wrapped; leave out '+position'"),
        (
            "jigsaw-position,20",
            "'jigsaw-position,20': nothing is wrapped by '-position,20'; there are -position, -position20 (so many "
            "directions), +anyup, +anyup@FILE and +position, in this order",
        ),
        (
            "jigsaw+coordinates",
            "'jigsaw+coordinates': nothing is wrapped by '+coordinates'; there are -position, -position20 (so many "
            "directions), +anyup, +anyup@FILE and +position, in this order",
        ),
        ("random", "'random' is the untrained twin of a backbone; say of which, as random:NAME"),
        (
            "jigsaw@nowhere",
            "partbench-foo 1.2 cannot give 'jigsaw@nowhere' (FileNotFoundError: nowhere); see that its parts exist",
        ),
    ],
)
def test_a_backbone_that_is_none(name: str, message: str) -> None:
    """The sentence says what is wrong, and what was meant."""
    with pytest.raises(NamingError) as caught:
        find_backbone(CATALOGUE, name)
    assert str(caught.value) == message


def test_a_head_or_dataset_that_is_none() -> None:
    """Heads have no variants; of datasets, families alone have."""
    with pytest.raises(NamingError, match=r"no head is called 'linaer'; did you mean 'linear'\?"):
        find_head(CATALOGUE, "linaer")
    with pytest.raises(NamingError, match=r"no dataset is called 'foldr'; did you mean 'folder'\?"):
        find_dataset(CATALOGUE, "foldr:/data")
    with pytest.raises(NamingError, match="'faces' has no variants; leave out ':x'"):
        find_dataset(CATALOGUE, "faces:x")
    with pytest.raises(NamingError, match="'folder:cats#' has a '#' with nothing behind it; leave it out, or name"):
        find_dataset(CATALOGUE, "folder:cats#")


def test_the_family_s_own_sentence_comes_through() -> None:
    """An error that a family words itself is not wrapped."""
    with pytest.raises(BackboneError, match=r"^jigsaw has no variant 'Z'; take another$"):
        find_backbone(CATALOGUE, "jigsaw:Z")


def test_who_made_an_image_is_known_by_name_and_weights(tmp_path: Path) -> None:
    """Variants of the same weights are the same generator; other weights, another family or a twin are not."""
    catalogue = load_catalogue()
    record = find_backbone(catalogue, "stylegan2").record
    weights = weights_hash(record.weights)
    maker = GeneratorIdentity("stylegan2", weights)
    for name, expected in (("stylegan2", True), ("stylegan2:B", True),
                           ("stylegan2-position+position", True),
                           ("random:stylegan2", False), ("vae", False)):  # fmt: skip
        other = find_backbone(catalogue, name).record
        assert made_by(other, weights_hash(other.weights), maker) is expected, name
    assert not made_by(record, "another", maker)
    twin = find_backbone(catalogue, "random:stylegan2").record
    assert made_by(twin, None, GeneratorIdentity("random:stylegan2", None)) and not made_by(
        twin, None, GeneratorIdentity("random:vae", None)
    )
