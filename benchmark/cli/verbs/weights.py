"""The verbs that make weights: `pretrain` and `convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from .app import app


@app.command()
def pretrain(
    backbone: Annotated[str, typer.Argument(help="What to train, as stylegan2.")],
    images: Annotated[str, typer.Option(help="A folder or zip of pictures, or a dataset with an unlabelled split.")],
    out: Annotated[Path, typer.Option(help="The weights file to write, NAME.safetensors.")],
    size: Annotated[int, typer.Option(help="Side of the images, pixels.")] = 64,
    minutes: Annotated[float, typer.Option(min=0, help="Stop after so many minutes of training.")] = float("inf"),
    kimg: Annotated[float, typer.Option(min=0, help="Stop after so many thousand images.")] = float("inf"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint beside OUT.")] = False,
    limit: Annotated[Optional[int], typer.Option(help="Use only the first so many images.")] = None,  # noqa: UP045
    mirror: Annotated[bool, typer.Option("--mirror", help="Show every image mirrored, too.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the weights and of the order of images.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    batch: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=1, help="Images per step; each network has its own, stylegan2 128 on a GPU and 16 elsewhere."),
    ] = None,
    precision: Annotated[str, typer.Option(help="float32 or bfloat16; auto: what this device is faster in.")] = "auto",
    graph: Annotated[
        Optional[bool],  # noqa: UP045
        typer.Option("--graph/--no-graph", help="Record steps as CUDA graphs; by default where that is possible."),
    ] = None,
    workers: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=0, help="Processes that read the images first; every core with a GPU, none without."),
    ] = None,
    fit: Annotated[
        str, typer.Option(help="How pictures become square: crop (the default of folders and zips), pad or stretch.")
    ] = "",
    teacher: Annotated[
        str, typer.Option(help="Another HED for pix2pix-hed: package, or a weights file; ,SIDE: the pixels it sees.")
    ] = "",
    keep: Annotated[str, typer.Option(help="Keep a checkpoint at these thousands of images, with commas.")] = "",
    begin: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--from", help="Begin with this weights file; --kimg and --minutes count what it has had, too."),
    ] = None,
) -> None:
    """Train a backbone on unlabelled images; a kill loses at most three minutes.

    Example:  partbench pretrain stylegan2 --images photos.zip --out photos.safetensors --minutes 120
    """
    from ...pretrain.budget import Budget
    from ..commands.pretrain import run
    from ..commands.pretrain_options import PretrainOptions

    budget = Budget(seconds=minutes * 60, images=kimg * 1000)
    run(
        PretrainOptions(
            backbone, images, out, size, budget, resume=resume, limit=limit, mirror=mirror, seed=seed, device=device,
            keep=keep, begin=begin, batch=batch, workers=workers, fit=fit, precision=precision, graph=graph,
            teacher=teacher,
        )
    )  # fmt: skip


@app.command()
def convert(
    file: Annotated[Path, typer.Argument(help="A published .pt, .pth, .pkl or .h5.")],
    to: Annotated[Path, typer.Option(help="The weights file to write, NAME.safetensors.")],
) -> None:
    """Turn weights that others have published into a file of ours; no code in them ever runs.

    Reads StyleGAN2 (of rosinality, and of NVIDIA for TensorFlow and PyTorch), Pix2Pix (of junyanz) and HED (of
    PyTorch, and of Keras). Their repositories say where the files are; family, size and width are found in them.

    Example:  partbench convert stylegan2-ffhq-config-f.pkl --to ffhq.safetensors
    """
    from ..commands.convert import run as run_convert

    run_convert(file, to)
