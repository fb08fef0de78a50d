"""INSID3 finds parts by example: as its code does for one part, and several at once as documented."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from sklearn.cluster import AgglomerativeClustering
from torch import Tensor

from partbench.backbones.controls.debiased import positional_basis
from partbench.benchmark.segment.insid3 import MERGE, Cells, cover, label, nearest, scores, shown

SIDE, CHANNELS = 6, 24


def picture(classes: Tensor, seed: int = 0, place: float = 0.0, noise: float = 0.05) -> Tensor:
    """A map (C, h, w) whose cells have a direction for each class (h, w), some of place, and noise."""
    random = torch.Generator().manual_seed(7)
    directions, where, _ = torch.linalg.qr(torch.randn(CHANNELS, CHANNELS, generator=random)).Q.split((8, 4, 12), dim=1)
    angles = torch.meshgrid(*[torch.arange(SIDE) * torch.pi / SIDE] * 2, indexing="ij")
    waves = torch.stack([wave(angle) for angle in angles for wave in (torch.sin, torch.cos)]) / 2**0.5
    kind = directions[:, classes.flatten()].view(CHANNELS, SIDE, SIDE)
    spots = torch.randn(CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))
    return 3 * (kind + place * torch.einsum("ck,khw->chw", where, waves) + noise * spots)


def layout(*boxes: tuple[int, int, int]) -> Tensor:
    """Classes (h, w): 0, and squares of two cells of a class whose first row and column are given."""
    classes = torch.zeros(SIDE, SIDE, dtype=torch.int64)
    for kind, row, column in boxes:
        classes[row : row + 2, column : column + 2] = kind
    return classes


def find(
    shots: list[tuple[Tensor, Tensor]], target: Tensor, basis: Tensor, count: int, background: int | None = 0
) -> Tensor:
    """Classes (h, w) of a map by maps and classes of shots."""
    cells = [Cells.of(layer, basis) for layer, _ in shots]
    masks = torch.stack([classes for _, classes in shots])
    parts = [shown(cells, masks == k) for k in range(count)]
    return label(Cells.of(target, basis), cells, parts, background, SIDE).argmax(0)


NOTHING = torch.zeros(CHANNELS, 0)


@pytest.mark.parametrize("shots", [1, 3])
def test_parts_are_found_where_they_have_moved(shots: int) -> None:
    """Two parts, of which the shots show where they are, are found to the cell in a picture that has them elsewhere."""
    moved = layout((1, 4, 0), (2, 0, 3))
    examples = [layout((1, 0, i), (2, 3, 4)) for i in range(shots)]
    found = find([(picture(e, i + 1), e) for i, e in enumerate(examples)], picture(moved), NOTHING, 3)
    assert torch.equal(found, moved)


def test_place_misleads_until_it_is_projected_out() -> None:
    """Features that say as much of place as of the part find it only once the directions of a black image are gone."""
    one, moved = layout((1, 0, 0)), layout((1, 4, 4))
    shot, target = picture(one, 1, place=1.0), picture(moved, 2, place=1.0)
    black = picture(torch.full((SIDE, SIDE), 7), 3, place=1.0, noise=0)
    assert torch.equal(find([(shot, one)], target, positional_basis(black, 4).float(), 2), moved)
    assert not torch.equal(find([(shot, one)], target, NOTHING, 2), moved)


def test_what_no_shot_shows_is_never_found_and_what_no_picture_shows_is_background() -> None:
    """A part that the shots lack is not predicted; one that the picture lacks leaves the background alone."""
    one = layout((1, 0, 0))
    found = find([(picture(one, 1), one)], picture(layout((2, 3, 3))), NOTHING, 3)
    assert torch.equal(found, torch.zeros(SIDE, SIDE, dtype=torch.int64))


def test_without_a_background_every_cell_is_of_a_part() -> None:
    """Where all classes are parts, a cluster is of the one with the highest score, whatever it is."""
    one, moved = layout((1, 0, 0)), layout((1, 3, 2))
    assert torch.equal(find([(picture(one, 1), one)], picture(moved), NOTHING, 2, background=None), moved)


def test_a_small_part_covers_a_cell_at_least() -> None:
    """Half a cell or more counts; else what nearest reading meets; else the cell in the part's middle."""
    mask = torch.zeros(16, 16, dtype=torch.bool)
    mask[0:4, 4:8] = True
    assert cover(mask, (4, 4)).nonzero().flatten().tolist() == [1]
    lone = torch.zeros(16, 16, dtype=torch.bool)
    lone[8, 4] = True
    assert cover(lone, (4, 4)).nonzero().flatten().tolist() == [9]
    between = torch.zeros(16, 16, dtype=torch.bool)
    between[13, 15] = True
    assert cover(between, (4, 4)).nonzero().flatten().tolist() == [15]


def insid3(shots: list[Tensor], masks: list[Tensor], target: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """What the published code computes for one part, written out: cells of the part, and scores by cell."""

    def unit(x: Tensor) -> Tensor:
        return x / x.norm(dim=-1, keepdim=True)

    plain = [unit(layer.flatten(1).T) for layer in (*shots, target)]
    rest = torch.eye(CHANNELS) - basis @ basis.T
    debiased = [unit(cells @ rest) for cells in plain]
    covered = [mask.flatten() for mask in masks]
    prototype = unit(torch.stack([d[c].mean(0) for d, c in zip(debiased, covered, strict=False)]).mean(0))
    forward = debiased[-1] @ prototype > 0
    votes = sum(c[(debiased[-1] @ d.T).argmax(1)].int() for d, c in zip(debiased, covered, strict=False))
    candidates = forward & (votes >= -(-len(shots) // 2))
    tree = AgglomerativeClustering(None, metric="precomputed", linkage="average", distance_threshold=0.4)
    clusters = torch.from_numpy(tree.fit_predict((1 - (plain[-1] @ plain[-1].T).clamp(-1, 1)).numpy()))
    number = int(clusters.max()) + 1
    rows = [clusters == k for k in range(number)]
    weight = torch.stack([(candidates & row).sum() / row.sum() for row in rows])
    means = torch.stack([unit(debiased[-1][row].mean(0)) for row in rows])
    originals = torch.stack([unit(plain[-1][row].mean(0)) for row in rows])
    seed = max((k for k in range(number) if weight[k] > 0), key=lambda k: float(means[k] @ prototype))
    cross = torch.stack([(debiased[-1][row] @ prototype).mean() for row in rows])
    weight[seed] = 1
    combined = cross * (originals @ originals[seed]) * weight
    return (combined > 0.2)[clusters], combined[clusters]


@pytest.mark.parametrize("shots", [1, 2, 3])
@pytest.mark.parametrize("seed", range(6))
def test_one_part_is_found_as_by_the_published_code(seed: int, shots: int) -> None:
    """The same cells and the same scores, of features in which the answer is not plain."""
    random = torch.Generator().manual_seed(seed)
    examples = [torch.randint(0, 3, (SIDE, SIDE), generator=random) for _ in range(shots)]
    maps = [picture(e, 10 * seed + i, place=1.0, noise=0.25) for i, e in enumerate(examples)]
    target = picture(torch.randint(0, 3, (SIDE, SIDE), generator=random), 99 + seed, place=1.0, noise=0.25)
    basis = positional_basis(picture(torch.full((SIDE, SIDE), 7), 3, place=1.0), 5).float()
    expected, combined = insid3(maps, [e == 1 for e in examples], target, basis)
    cells, aim = [Cells.of(layer, basis) for layer in maps], Cells.of(target, basis)
    part = shown(cells, torch.stack(examples) == 1)
    assert part is not None
    found = scores(part, aim, nearest(cells, aim))[aim.clusters]
    torch.testing.assert_close(found, combined, rtol=1e-4, atol=1e-5)
    assert torch.equal(found > MERGE, expected) and int(aim.clusters.max()) > 0
    logits = label(aim, cells, [None, part], 0, SIDE)
    assert torch.equal(logits.argmax(0).flatten().bool(), expected)


def test_masks_are_enlarged_bilinearly_and_taken_from_half() -> None:
    """A pixel is of a part where more than half of it is, as INSID3 finishes a mask."""
    one = layout((1, 2, 2))
    cells = [Cells.of(picture(one, 1), NOTHING)]
    logits = label(Cells.of(picture(one, 2), NOTHING), cells, [None, shown(cells, one[None] == 1)], 0, 24)
    expected = F.interpolate(one[None, None].float(), (24, 24), mode="bilinear")[0, 0] > 0.5
    assert torch.equal(logits.argmax(0).bool(), expected)
