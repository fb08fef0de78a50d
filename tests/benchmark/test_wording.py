"""What the command line says to people, word by word; everywhere else tests hold numbers, names and exit codes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from partbench.benchmark.cli.commands import run as run_command
from partbench.benchmark.plan import COPY, PROTOCOL, Cell, Plan
from partbench.benchmark.results import CellResult
from partbench.benchmark.run_folder import RunFolder
from partbench.benchmark.scores.baseline import make_baseline
from partbench.benchmark.scores.baseline_file import as_text

Call = Callable[..., Any]
MISTAKES = r"""
$ run --head linear --backbone pixel
no backbone is called 'pixel'; did you mean 'pixels'?
$ run --head linear --backbone zzz*
no backbone matches 'zzz*'; there are stylegan2, vae, jigsaw, pix2pix-color, pix2pix-hed, pix2pix-bilateral, hed,
  ddpm, lite0, position, pixels, random:stylegan2, random:vae, random:jigsaw, random:pix2pix-color,
  random:pix2pix-hed, random:pix2pix-bilateral, random:hed, random:ddpm, random:lite0, copy, supervised
$ run --backbone pixels --head linaer
no head is called 'linaer'; did you mean 'linear'?
$ run --backbone pixels --head x*
no head matches 'x*'; there are ridge, prototype, knn, linear, mlp-1, mlp-2, cnn-s, cnn-m, cnn-l, cnn-s-3x3,
  cnn-m-3x3, cnn-l-3x3
$ run --dataset face --head linear
no dataset is called 'face'; did you mean 'faces'?
$ run --dataset foldr:/data --head linear
no dataset is called 'foldr'; did you mean 'folder'?
$ run --dataset faces:x --head linear
'faces' lies in no folder; leave out ':x', or choose faces#paper10 or faces#paper3 or faces#arbitrary
$ run --backbone random:pixels
'pixels' has no untrained twin; leave out 'random:pixels'
$ run --backbone random
'random' is the untrained twin of a backbone; say of which, as random:NAME
$ run --backbone pixels:A
'pixels' has no variants; leave out ':A'
$ run --backbone pixels@file
'pixels' has no variants; leave out '@file'
$ run --head linear --shots one
--shots takes numbers with commas, as 1,5,10, and not 'one'
$ run --head linear --shots 1,,5
--shots takes numbers with commas, as 1,5,10, and not '1,,5'
$ run --head linear --shots 0,1
--shots 0,1 asks for fewer than one image; begin with 1
$ run --head linear --shots 9 --pool 4
faces has 4 labelled images to draw 9 shots from; raise --pool, or ask for less with --shots
$ run --head linear --shots 1001 --pool 9999
faces has 1000 labelled images to draw 1001 shots from; label more, or ask for less with --shots
$ run --head linear --schedule slow
there is no schedule 'slow'; choose paper, medium, quick
$ run --head linear --features big
there is no scaling of features 'big'; choose rms, none, standard
$ run --head linear --device abacus
there is no device 'abacus' here (…); choose auto, cpu, cuda or mps
$ run --head linear --split pool2
there is no split 'pool2'; choose test, validation
$ run --backbone copy --head linear --out file
File exists: …/file; see to it and run the same command again
$ run --backbone pixels --head linear --seed 3 --size 16 --out run
…/run holds a run with another protocol (test 100, not 32, seed 0, not 3); choose another --out
$ run --backbone pixels --head auto-shot:
'auto-shot:' does not say which head labels the samples; name it, as auto-shot:cnn-l
$ run --backbone pixels --head auto-shot:linear,hot
auto-shot has no option 'hot'; after the head it takes one-hot and images=N with N above 0
$ run --head linear --backbone vae@https://me:secret@host/x.safetensors
the address of https://host/x.safetensors has a user's name or password in it, which every result would publish; give
  it to what reads the store by its own variables, as AWS_ACCESS_KEY_ID, or download the file
$ run --head linear --backbone vae@https://host/x.safetensors?sig=1
the address of https://host/x.safetensors has a sig in it, which every result would publish; give it to what reads the
  store by its own variables, as AWS_ACCESS_KEY_ID, or download the file
$ run --head linear --backbone vae@https://host/x.safetensors#sha256=12
https://host/x.safetensors#sha256=12 pins its file by '12'; write the 64 digits of its SHA-256, or the first 16
$ run --head linear --backbone vae@https://host/x.safetensors#SHA256=12
https://host/x.safetensors#SHA256=12 has '#SHA256=12' in it, which says nothing of the file; pin it by #sha256= and 16
  or 64 digits, write a # of the file's own name as %23, or leave it out
$ run --head linear --backbone vae@https://host/
https://host/ ends with no name of a file; name the file itself
$ bring --from nowhere
nowhere holds nothing that partbench bring --to has copied; name such a folder
$ bring --from nowhere --to there
--from takes all that is in its folder; leave the other options out
$ bring --plan none.json --backbone vae
--plan names all that is brought; leave --backbone out
$ bring --plan none.json --dataset faces
--plan names all that is brought; leave --dataset out
$ bring --from nowhere --dataset faces
--from takes all that is in its folder; leave the other options out
$ run --head linear --backbone "vae@https://host/my file.safetensors"
'https://host/my file.safetensors' has a space in it, which no address on the web has; write it as %20
$ bring --plan none.json
there is no none.json; write it by partbench plan --json > none.json
$ run --workers two
--workers takes a number of processes on this machine, as 4, ray[:ADDRESS] or slurm, and not 'two'
$ run --head linear --backbone pixels --test 2 --pool 10 --forecast none.json --shard 1/2
there is no none.json; write it by partbench plan --json > none.json
$ run --preset table-g --forecast plan.json
plan.json is the forecast of one plan, and a preset has several; leave it out
$ run --head linear --out sftp://host/run
sftp:// has no way to write an object only where there is none, so that two runs into sftp://host/run would do the
  same; choose s3://, gs:// or az://, or a folder
$ run --head linear --backbone pixels --test 2 --pool 10 --out memory://run --workers slurm
workers of slurm write into a folder that all of them see, which memory://run is not; run the same command without
  --workers slurm, or with --shard K/N, on every machine
$ run --preset table-g --out s3://bucket/run
a preset has several runs, which go into a folder and not into s3://bucket/run; choose another --out
$ leaderboard memory://none/faces
memory://none/faces holds no run (no plan.json); name a folder of partbench run
$ run --workers 2 --slurm gpus_per_node=1
--slurm and --array-most say how jobs are submitted; write --workers slurm, or leave them out
$ run --shard 4/3
--shard takes K/N with K from 1 to N, as 1/3, 2/3 and 3/3, and not '4/3'
$ run --scale none
--scale is for a preset; name one, as --preset table-g; maps are scaled by --features
$ run --weights x
--weights is for a preset; name one, as --preset table-g
$ run --preset table-g2
no preset is called 'table-g2'; did you mean 'table-g'?
$ run --preset none.toml
there is no file none.toml; name one, or a preset of partbench list presets
$ run --preset table-7 --scale big
there is no scale 'big'; choose embedded or paper
$ run --preset table-7 --shots 1
--shots is what the preset table-7 decides; leave it out, or copy its file and say --preset FILE.toml
$ run --preset table-7 --scale paper
the preset table-7 at the scale paper needs files of yours (ffhq is a StyleGAN2 of FFHQ, as partbench convert writes
  it; celebamask-hq is CelebAMask-HQ, unpacked (its authors give it away for research)); add --weights ffhq=PATH
  --data celebamask-hq=PATH, or take --scale embedded
$ run --preset table-7 --weights gan=x
there is no gan=x for --weights cars64; say where it lies, as --weights cars64=PATH
$ run --preset table-7 --data x
this preset takes no --data x; leave it out
$ run --preset table-7 --scale paper --weights file --data nowhere
there is no nowhere for --data celebamask-hq; say where it lies, as --data celebamask-hq=PATH
$ run --preset bad.toml
bad.toml is no TOML (…); mend it there
$ run --preset poor.toml
the preset poor.toml is not well formed ('table'); compare it with one of ours
$ run --preset table-7 --out run
run holds a run that is no preset's; choose another --out
$ leaderboard none
none holds no run (no plan.json); name a folder of partbench run
$ leaderboard run --metric dice
there is no metric 'dice'; choose paper_weighted, mean, small_parts, dataset_mean, pooled_zero, image_mean,
  image_union, hungarian, each also with +bg or -bg behind it
$ leaderboard run --format xml
there is no format 'xml'; choose table, csv, md, json
$ list cats
there is no shelf 'cats'; choose backbones, heads, datasets, reporters, presets
$ list --family vae
vae is no family with a list of its own; choose one that has, as timm
$ check lineer
no backbone is called 'lineer'; there are stylegan2, vae, jigsaw, pix2pix-color, pix2pix-hed, pix2pix-bilateral, hed,
  ddpm, timm, lite0, taesd, diffusers, radio, position, pixels (nor is there a head or a dataset of that name)
$ check diffusers:dift
diffusers has no weights of its own; name a folder or hf-hub:USER/REPO, as diffusers:vae@FOLDER, or do without by
  diffusers:vae,untrained
$ check diffusers:vae@nowhere
there is no folder nowhere; name what save_pretrained of a pipeline or of a model wrote, or hf-hub:USER/REPO
$ check diffusers:x5,untrained
diffusers has no use for 'x5'; combine, with commas, vae, ddpm, dift, cleandift, b5 for a block, t50 for a step, n8
  for eight noises, a size, untrained
$ check diffusers:untrained,b18
there is no block 18; the decoder has 18, counted from 0
$ check diffusers:vae,untrained,100
vae cannot read 100 pixels evenly; choose a size that 8 divides
$ check taesd:untrained@taesd_decoder.pth
taesd:untrained is untrained and has no use for taesd_decoder.pth; leave one of the two out
$ check taesd@tiny.pth
tiny.pth does not say in its name whether it is an encoder or a decoder; name the decoder, as
  taesd@taef2_decoder.pth; its encoder is found beside it
$ check taesd@tiny_decoder.pth
there is no weights file tiny_decoder.pth; a tiny autoencoder is two files, side by side
$ check mlp-* --out signed.json
--out takes one sign-off, and 'mlp-*' is 2 names; check them one by one
$ plan --backbone pixel --head linear
no backbone is called 'pixel'; did you mean 'pixels'?
$ plan --head linear --schedule slow
there is no schedule 'slow'; choose paper, medium, quick
$ plan --head linear --like none
none holds no run (no plan.json); name a folder of partbench run
$ submit run --to pictures --by alice
pictures is no board (no submissions/); make one with partbench board new
$ submit run --to board --by Alice
'Alice' cannot be the name of a submitter; write lower-case letters, digits and single hyphens, as your name on GitHub
$ submit run --to board --by alice
run does not say which images it read; the same command of partbench run notes it, and keeps the scores
$ submit old --to board --by alice
… cells of old are of protocol 0, where this partbench has 5; run it again
$ submit damaged --to board --by alice
the run is not whole: damaged/cells/able--linear--5-shot--draw-1.json is damaged (…); delete it and run the same
  command again
$ submit run --to board --by alice --backbone zzz
no backbone of run matches 'zzz'; there are able, alike, copy
$ submit run --to board --by alice --name able
--name takes OLD=NEW, as 'stylegan2@my.safetensors=stylegan2@mine', and not 'able'
$ submit run --to board --by alice --dataset-name /data/faces
--dataset-name '/data/faces' is a path; give it a name, as my-cats
$ submit run --to board --by alice --dataset-name faces
--dataset-name 'faces' is what partbench calls images that it draws; give it another name, as my-cats
$ leaderboard board#dataset=faces
board has no submission yet; write one with partbench submit
$ leaderboard board#metric=mean
a board is not asked by 'metric'; choose dataset, protocol, backbone, head, shots, submitter, as
  #dataset=faces,shots=10
$ compare nowhere#dataset=faces
nowhere is no board (no submissions/); make one with partbench board new
$ board rerun pictures
pictures is no submission (it holds no submission.json); name the folder of one, as
  BOARD/submissions/PROTOCOL/DATASET/BACKBONE/NAME-DATE
$ board rerun pictures --tolerance -1
--tolerance -1 is none; name points from 0 on, as 0.5
$ board site pictures
pictures is no board (no submissions/); make one with partbench board new
$ board site board --out pictures
pictures is there already and is no site of a board; choose another --out
$ board site board --out board/submissions/site
board/submissions/site is among the submissions of the board; choose another --out
$ board new pictures
pictures is there already and not empty; choose another folder
$ board check pictures
pictures is no board (no submissions/); make one with partbench board new
$ compare run --between abel copy
no backbone of run is called 'abel'; did you mean 'able'?
$ compare run --between able zzz
no backbone of run is called 'zzz'; there are able, alike, copy
$ compare run --head liner
no head of run is called 'liner'; did you mean 'linear'?
$ compare run --shots 2
run has no scores of 2 shots; choose 1, 5
$ compare run --shots few
--shots takes numbers with commas, as 1,5,10, and not 'few'
$ compare run run --over draws
--over takes heads, shots or heads,shots, and not 'draws'
$ compare run --over heads
all backbones are compared over heads and shots; choose two with --between for --over
$ compare run --level 95
--level 95 is none; choose one between 0 and 1, as 0.95
$ compare run --metric dice
there is no metric 'dice'; choose paper_weighted, mean, small_parts, dataset_mean, pooled_zero, image_mean,
  image_union, hungarian, each also with +bg or -bg behind it
$ compare run run run
3 runs are not compared at once; name one with --between or without, or two without it
$ compare run run --between able copy
2 runs are not compared at once with --between; name one with --between or without, or two without it
$ compare none
none holds no run (no plan.json); name a folder of partbench run
$ compare run old
able--linear--1-shot--draw-0 of old cannot be compared with able--linear--1-shot--draw-0 of run: it has another
  protocol (0, not 5); run both with the same settings and the same version
$ compare run other-images
able--linear--1-shot--draw-0 of other-images cannot be compared with able--linear--1-shot--draw-0 of run: it has other
  images, masks or classes (xyz, not abc); run both with the same settings and the same version
$ compare run seed-3
run and seed-3 cannot be compared: they have size 16 and 32, seed 0 and 3; run both with the same settings and the
  same version
$ compare cut
alike--linear--1-shot--draw-0 of cut cannot be compared with able--linear--1-shot--draw-0 of cut: it has 4 test
  images, not 6; delete its file and run the same command again
$ compare able-alone
able-alone has no two backbones to compare; run another, or name a second run
$ compare able-alone alike-alone
able-alone and alike-alone have no score on the same draws; run what is missing
$ lottery run --shots 3
run has no scores of --shots 3; choose 1, 5
$ lottery run --metric dice
there is no metric 'dice'; choose paper_weighted, mean, small_parts, dataset_mean, pooled_zero, image_mean,
  image_union, hungarian, each also with +bg or -bg behind it
$ lottery one-draw
all backbones have 1 draw in common and a lottery needs 2; run with --draws 5
$ gate run --baseline none
there is no baseline none; make it with partbench baseline RUN --out none
$ gate run --baseline no-json
no-json is no baseline, or a damaged one (KeyError: 'format'); write it again with partbench baseline RUN --out FILE
$ gate none --baseline scores.json
none holds no run (no plan.json); name a folder of partbench run
$ gate run --baseline scores.json --over shots
--over takes heads, and not 'shots'
$ gate run --baseline scores.json --level 95
tolerance 0.5 and level 95 make no gate; choose from 0 points and from 0 to 1
$ gate run --baseline scores.json --tolerance -1
tolerance -1 and level 0.95 make no gate; choose from 0 points and from 0 to 1
$ gate other-images --baseline scores.json
the baseline is of other images, masks or classes of faces; make the baseline again, or run with what it was made with
$ gate seed-3 --baseline scores.json
the baseline is of another plan (size was 16 and is 32, seed was 0 and is 3); make the baseline again, or run with
  what it was made with
$ gate old --baseline scores.json
the run was scored under protocol 0, and this partbench has 5; run it again
$ baseline run --out new --metric dice
there is no metric 'dice'; choose paper_weighted, mean, small_parts, dataset_mean, pooled_zero, image_mean,
  image_union, hungarian, each also with +bg or -bg behind it
$ baseline cut --out new
alike--linear--1-shot--draw-0 of the run cannot be compared with able--linear--1-shot--draw-0 of the run: it has 4
  test images, not 6; delete its file and run the same command again
$ gate run --baseline scores.json --junit pictures
Is a directory: pictures; see to it and run the same command again
$ report none --out out
none holds no run (no plan.json); name a folder of partbench run
$ report run --out out --metric dice
there is no metric 'dice'; choose paper_weighted, mean, small_parts, dataset_mean, pooled_zero, image_mean,
  image_union, hungarian, each also with +bg or -bg behind it
$ report run --out run
run is the run itself; choose another --out
$ new metric mine
there is no template for a 'metric'; choose backbone, head, dataset
$ new head "My Head"
'My Head' cannot be the name of a head and of a package; write lower-case letters, digits and single hyphens, as
  my-net
$ new head ../x
'../x' cannot be the name of a head and of a package; write lower-case letters, digits and single hyphens, as my-net
$ new head mine
partbench-mine is there already; choose another name, or another --out
$ pretrain vae --images pictures --out cats.pt
--out cats.pt must end in .safetensors
$ pretrain pixels --images pictures --out cats.safetensors
pixels has no training of its own; choose one that has, as stylegan2
$ pretrain stylegan --images pictures --out cats.safetensors
no backbone is called 'stylegan'; did you mean 'stylegan2'?
$ pretrain vae --images pictures --out cats.safetensors --keep ten
--keep ten is no list of thousands of images; write it as 10,20
$ convert nowhere.pt --to w.safetensors
there is no file nowhere.pt; check its name
$ convert mine.safetensors --to w.safetensors
mine.safetensors is a .safetensors; name it behind '@' as it is, as in stylegan2@mine.safetensors
$ convert file --to w.pth
--to w.pth must end in .safetensors
$ convert file --to mine.safetensors
mine.safetensors is there already; name another file with --to, or delete it
$ annotate export jigsaw --like faces --out shots
jigsaw generates no images; name one that does, as stylegan2, or a folder of pictures
$ annotate export stylegan2 --out shots
nothing says which classes to annotate; give --like DATASET, or --classes a,b,c
$ annotate export stylegan2 --classes a,a --out shots
--classes has 'a' twice; name each class once, as background,eye,nose
$ annotate export stylegan2 --like faces --format voc --out shots
there is no format 'voc'; choose labelme, coco, png
$ annotate import none
none has no export.json; name a folder that partbench annotate export wrote
$ segment none pictures --out out
there is no segmenter none; check its name
$ leaderboard run --labels
the control supervised has 0 numbers of labels, and a curve needs 2; add some with: partbench run --backbone
  supervised --shots 10,30,100
$ compare run other-shots
able--linear--1-shot--draw-0 of other-shots cannot be compared with able--linear--1-shot--draw-0 of run: it has other
  shots; run both with the same settings and the same version
$ lottery preset
preset is the folder of a preset; name one of its runs (preset/car)
$ pretrain vae --images no-such-place --out cats.safetensors --kimg 1
no-such-place is neither a folder or zip of pictures nor a dataset; check --images
$ pretrain vae --images pictures --out cats.safetensors --kimg 1 --limit 0
0 of 1 images leave nothing to learn from; raise --limit
$ plan --backbone pixels --head linear --shots 1 --draws 1 --test 2 --pool 4 --size 16 --memory 0.001
pixels takes … GiB of memory and 0.00 are free; no smaller plan of this backbone fits, leave it out
"""
"""A command in the folder of `desk`, and below it what is said on stderr; a line that is indented goes on, and … is
any text, where the words are another library's or the number is the machine's."""
NOTICES = r"""
$ compare damaged --between able alike --json
set aside: damaged/cells/able--linear--5-shot--draw-1.json is damaged (JSONDecodeError: Expecting value: line 1 column
  1 (char 0)); delete it and run the same command again
1 of 10 scores are of fewer draws than others: able linear at 5 shots (2 of 3)
$ compare failed --between able alike --json
2 cells failed: it broke
1 of 10 scores are of fewer draws than others: able linear at 5 shots (1 of 3)
$ leaderboard damaged
set aside: damaged/cells/able--linear--5-shot--draw-1.json is damaged (JSONDecodeError: Expecting value: line 1 column
  1 (char 0)); delete it and run the same command again
1 of 10 scores are of fewer draws than others: able linear at 5 shots (2 of 3)
$ leaderboard failed
1 of 10 scores are of fewer draws than others: able linear at 5 shots (1 of 3)
2 cells failed: it broke
$ leaderboard partial
18 of 30 cells of partial are missing as yet (alike 12, able 6)
$ lottery run --out out
set aside: plan.json names other shots of draw 0 than were seen
set aside: plan.json names other shots of draw 1 than were seen
set aside: plan.json names other shots of draw 2 than were seen
run kept no pictures of its shots; the same partbench run again keeps them
$ lottery able-alone
set aside: plan.json names other shots of draw 0 than were seen
set aside: plan.json names other shots of draw 1 than were seen
set aside: plan.json names other shots of draw 2 than were seen
"""
"""The same of commands that end well."""
PLAN = Plan("faces", ("able", "alike", COPY), ("linear", "cnn-s"), shots=(1, 5), draws=3, size=16, fit="crop")
SHOTS = (("e.png", "a.png"), ("b.png", "c.png"), ("c.png", "a.png"))


def write_run(
    name: str, plan: Plan = PLAN, data: str = "abc", protocol: int = PROTOCOL, drawn: str = "shots"
) -> RunFolder:
    """A run that was never computed: six test images, three classes."""
    folder, random = RunFolder(Path(name)), np.random.default_rng(0)
    folder.write_plan(plan, {"data": data, "shots": SHOTS})
    for cell in plan.cells():
        confusion = random.integers(0, 20, (6, 3, 3)) + 20 * np.eye(3, dtype=np.int64)
        facts = {"protocol": protocol, "plan": plan.hash, "data": data, "shots": f"{drawn} {cell.shots} {cell.draw}"}
        folder.write(CellResult(cell, ("ground", "hair", "skin"), (), None, confusion, facts))
    return folder


def write_desk() -> None:
    """Runs and files of every kind that a command can be asked for, by what is special about them."""
    write_run("run")
    write_run("seed-3", replace(PLAN, seed=3, size=32))
    write_run("one-draw", replace(PLAN, draws=1))
    write_run("able-alone", replace(PLAN, backbones=("able",)))
    write_run("alike-alone", replace(PLAN, backbones=("alike",)))
    write_run("other-images", data="xyz")
    write_run("other-shots", drawn="others")
    write_run("old", protocol=0)
    write_run("preset/car")
    Path("preset/preset.json").write_text("{}")
    cut = write_run("cut")
    part = cut.read(Cell("alike", "linear", 1, 0))
    assert part is not None and part.confusion is not None
    cut.write(replace(part, confusion=part.confusion[:4]))
    damaged = write_run("damaged")
    damaged.cell_file(Cell("able", "linear", 5, 1)).write_text("")
    partial = write_run("partial")
    for cell in partial.read_plan().cells():
        if cell.backbone == "alike" or (cell.backbone, cell.shots) == ("able", 5):
            partial.cell_file(cell).unlink()
    failed = write_run("failed")
    for draw in range(2):
        failed.write(CellResult(Cell("able", "linear", 5, draw), ("a",), error="it broke", provenance={"data": "abc"}))
    Path("file").write_text("no folder")
    Path("no-json").write_text("{}")
    Path("bad.toml").write_text("rows = [")
    Path("poor.toml").write_text("[rows]")
    Path("mine.safetensors").write_text("mine")
    Path("pictures").mkdir()
    Path("board/submissions").mkdir(parents=True)
    Path("partbench-mine").mkdir()
    Image.new("RGB", (8, 8)).save("pictures/a.png")


def entries(text: str) -> list[Any]:
    """The command, and the pattern of what is said."""
    found = []
    for entry in text.split("\n$ ")[1:]:
        command, _, said = entry.strip().partition("\n")
        pattern = re.escape(said.replace("\n  ", " ")).replace("…", ".+")
        found.append(pytest.param(shlex.split(command), pattern, id=command))
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `write_desk`, with the baseline of its run."""
    folder = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_desk()
        baseline = make_baseline(PLAN, RunFolder(Path("run")).results()[0], ["mean"])
        Path("scores.json").write_text(as_text(baseline))
    return folder


@pytest.fixture
def desk(written: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(written)
    return written


@pytest.mark.parametrize(("command", "pattern"), entries(MISTAKES))
def test_a_mistake_is_one_sentence(desk: Path, call: Call, command: list[str], pattern: str) -> None:
    """The fact, the culprit and the mend on stderr, exit code 2, no traceback, and nothing is written."""
    before = {path: path.stat().st_mtime_ns for path in desk.rglob("*")}
    code, _, err = call(*command)
    assert code == 2
    assert re.fullmatch(f"partbench: {pattern}\n", err), err
    assert {path: path.stat().st_mtime_ns for path in desk.rglob("*")} == before


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(("command", "pattern"), entries(NOTICES))
def test_what_is_left_out_is_told(call: Call, command: list[str], pattern: str) -> None:
    """On stderr, a line each, and the rest is done: exit code 0."""
    code, out, err = call(*command)
    assert (code, bool(out)) == (0, True)
    assert re.fullmatch(f"{pattern}\n", err), err


def test_a_run_that_is_interrupted_says_how_to_go_on(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is no error of anybody's."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_command, "run", interrupt)
    answer = call("run")
    assert (answer.code, answer.err) == (130, "\nstopped; the same command goes on from what was finished\n")
