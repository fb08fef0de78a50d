"""`radio:VERSION`: C-RADIOv4 and v3 of NVIDIA, whose code and weights torch.hub fetches; with the user's word alone.

A size in pixels may follow, as `radio:c-radio_v4-so400m,256`. torch.hub runs the code of github.com/NVlabs/RADIO, and a
checkpoint of it is a pickle that may run more, so that nothing is opened without --trust. The code is that of one
commit; the weights' hash stands in every result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from ... import hookimpl
from ..backbone import Backbone, BackboneError, Extractor
from ..sides import side_in
from ..trust import is_trusted, require_trust

FAMILY, REPOSITORY = "radio", "NVlabs/RADIO"
REVISION = "c0f37017930e9dda53f93424cf4bf39fc51f287e"
"""The commit of the repository whose code is run, of May 2026."""
LICENCE = "nvidia-open-model-license"
SIZE, PATCH = 512, 16
"""Side of images that its authors prefer, and of a cell of its map, pixels."""


@dataclass(frozen=True)
class Version:
    """A network, as the repository calls it."""

    channels: int
    millions: int
    """Parameters of the transformer, as timm counts them."""
    file: str
    """What torch.hub keeps its weights as."""


VERSIONS = {
    "c-radio_v4-h": Version(1280, 632, "c-radio_v4-h_half.pth.tar"),
    "c-radio_v4-so400m": Version(1152, 414, "c-radio_v4-so400m_half.pth.tar"),
    "c-radio_v3-l": Version(1024, 304, "c-radio-v3_l_half.pth.tar"),
    "c-radio_v3-b": Version(768, 86, "c-radio_v3-b_half.pth.tar"),
}


def weights_file(version: str) -> Path:
    """Where torch.hub keeps, or will keep, the weights."""
    return hub_folder() / "checkpoints" / VERSIONS[version].file


def code_folder() -> Path:
    """Where torch.hub keeps the code."""
    return hub_folder() / f"{REPOSITORY.replace('/', '_')}_{REVISION}"


def hub_folder() -> Path:
    """Torch's own folder of what it fetches."""
    from torch import hub

    return Path(hub.get_dir())


def configure(variant: str, weights: str) -> Backbone:
    """The backbone `radio:VERSION[,SIZE]`."""
    version, _, word = variant.partition(",")
    if version not in VERSIONS:
        raise BackboneError(f"radio has no version {version!r}; choose {', '.join(VERSIONS)}")
    if weights:
        raise BackboneError(f"radio:{variant} reads the weights that torch.hub fetches; leave @{weights} out")
    name = f"{FAMILY}:{variant}"
    size = side_in(word, name) if word else SIZE
    if size is None:
        raise BackboneError(f"radio has no variant {word!r}; write a size in pixels, as radio:{version},256")
    return Backbone(
        name,
        size=size,
        channels=(VERSIONS[version].channels,),
        load=partial(open_trusted, name, version),
        summary=f"{version} of NVIDIA, its spatial features",
        configure=configure,
        weights=weights_file(version),
        origin=f"github.com/{REPOSITORY} at commit {REVISION}",
        licence=LICENCE,
    )


def open_trusted(name: str, version: str) -> Extractor:
    """The network, if its code may run."""
    require_trust(name, f"github.com/{REPOSITORY} (commit {REVISION[:7]})")
    from .extractor import open_hub

    return open_hub(name, version)


def open_nameless() -> Extractor:
    """The family by itself, which cannot be opened."""
    raise BackboneError(f"radio is a family of networks; name one, as radio:{next(iter(VERSIONS))}")


def members() -> Iterator[dict[str, object]]:
    """A row of each version for `partbench list --family radio`."""
    for name, version in VERSIONS.items():
        yield {
            "name": f"{FAMILY}:{name}",
            "repository": f"github.com/{REPOSITORY} at {REVISION[:7]}",
            "licence": LICENCE,
            "gated": False,
            "parameters": f"{version.millions} M",
            "pixels": SIZE,
            "patch": PATCH,
            "reading": "spatial features",
            "needs": "--trust, and pip install einops",
            "here": is_trusted()
            and bool(find_spec("einops"))
            and code_folder().exists()
            and weights_file(name).exists(),
        }


@hookimpl
def partbench_backbones() -> Iterable[Backbone]:
    """The family, waiting for a version."""
    summary = "C-RADIO of NVIDIA by torch.hub, as radio:c-radio_v4-h; runs its code, so only with --trust"
    yield Backbone(
        FAMILY, SIZE, (), load=open_nameless, summary=summary, configure=configure, members=members, by_default=False
    )
