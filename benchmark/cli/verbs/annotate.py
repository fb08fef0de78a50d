"""The verbs under `annotate`: images out to an annotation tool, and the annotations back in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from .app import Json, app

annotate = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Get shots as the paper does: images from a generator, annotated in an existing tool.

    Example:  partbench annotate export stylegan2 --like faces --out shots
    """,
)
app.add_typer(annotate, name="annotate")

Folder = Annotated[Path, typer.Argument(help="A folder of partbench annotate export.")]


@annotate.command()
def export(
    source: Annotated[str, typer.Argument(help="A backbone that generates, as stylegan2, or a folder of pictures.")],
    out: Annotated[Path, typer.Option(help="New folder to write into.")],
    count: Annotated[Optional[int], typer.Option(min=1, help="Images; 10, or all pictures.")] = None,  # noqa: UP045
    seed: Annotated[int, typer.Option(help="Seed of the images.")] = 0,
    like: Annotated[str, typer.Option(help="Dataset that the shots are for: its classes and test images.")] = "",
    classes: Annotated[str, typer.Option(help="Other classes, with commas.")] = "",
    kind: Annotated[str, typer.Option("--format", help="labelme, coco (CVAT, Label Studio) or png.")] = "labelme",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    as_json: Json = False,
) -> None:
    """Write images to annotate, with the codes that the generator made them from and a skeleton for the tool.

    Example:  partbench annotate export stylegan2 --like faces --count 10 --out shots
    """
    from ..commands.annotate import export as export_images

    export_images(source, out, count, seed, like, classes, kind, device, as_json)


@annotate.command("import")
def import_(
    folder: Folder,
    annotations: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Argument(help="A folder of labelme's or of index PNGs, or a COCO .json; by default what was exported."),
    ] = None,
    overlaps: Annotated[str, typer.Option(help="painter: later shapes on top; first: the first class.")] = "painter",
    annotator: Annotated[str, typer.Option(help="Who annotated, for the results.")] = "a person",
    line: Annotated[float, typer.Option(min=1, help="Thickness of lines, pixels.")] = 1.0,
    as_json: Json = False,
) -> None:
    """Read annotations of labelme, CVAT, Label Studio or a paint program into masks; nothing is kept of a bad file.

    Example:  partbench annotate import shots instances_default.json && partbench run --dataset generated:shots
    """
    from ..commands.annotate import take as import_annotations

    import_annotations(folder, annotations, overlaps, annotator, line, as_json)


@annotate.command()
def oracle(
    folder: Folder,
    weights: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="A file of partbench annotate teach; the one of the faces by default."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Annotate an export by a network instead of a person; the manifest and every result say so.

    Example:  partbench annotate oracle shots && partbench run --dataset generated:shots
    """
    from ..commands.oracle import annotate_with_oracle

    annotate_with_oracle(folder, weights, as_json)


@annotate.command()
def teach(
    dataset: Annotated[str, typer.Argument(help="A dataset that is drawn, so that its truth is known: faces.")],
    out: Annotated[Path, typer.Option(help="The weights file to write, NAME.safetensors.")],
    size: Annotated[int, typer.Option(min=16, help="Side of the images, pixels.")] = 64,
    width: Annotated[int, typer.Option(min=1, help="Channels of its first layer.")] = 10,
    minutes: Annotated[float, typer.Option(min=0, help="Stop after so many minutes of training.")] = float("inf"),
    kimg: Annotated[float, typer.Option(min=0, help="Stop after so many thousand images.")] = float("inf"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint beside OUT.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Draw so many different images.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Seed of the weights and of the order of images.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
) -> None:
    """Teach an oracle the parts of unlabelled drawn images, whose truth is known; never of shots or tests.

    Example:  partbench annotate teach faces --out oracle.safetensors --minutes 8
    """
    from ...pretrain.budget import Budget
    from ..commands.oracle import train_oracle

    budget = Budget(seconds=minutes * 60, images=kimg * 1000)
    train_oracle(dataset, out, size, width, budget, resume, limit, seed, device)
