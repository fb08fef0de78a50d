"""The published sets that are known, and where each licence was read."""

from __future__ import annotations

import json

from ..dataset import DatasetError
from ..files.hints import hint
from . import Download, PublishedSet

VOC = Download(
    "photographs of PASCAL VOC 2010",
    "http://host.robots.ox.ac.uk/pascal/VOC/voc2010/VOCtrainval_03-May-2010.tar",
)
COCO = tuple(
    Download(f"photographs of COCO, {part}2017", f"http://images.cocodataset.org/zips/{part}2017.zip")
    for part in ("train", "val")
)
MATCHER = "https://github.com/aim-uofa/Matcher/blob/main/datasets/README.md"
NONE = "none is stated"
FACESYNTH = (
    *("background", "skin", "nose", "right_eye", "left_eye", "right_brow", "left_brow", "right_ear", "left_ear"),
    *(
        "mouth_interior",
        "top_lip",
        "bottom_lip",
        "neck",
        "hair",
        "beard",
        "clothing",
        "glasses",
        "headwear",
        "facewear",
    ),
)
"""The classes of Face Synthetics by their numbers, in the words of its README."""

PUBLISHED = (
    PublishedSet(
        "celebamask-hq",
        "CelebAMask-HQ (Lee et al. 2020): 30,000 faces, 18 parts",
        "non-commercial research only; no copies outside of one site of one organisation",
        "https://github.com/switchablenorms/CelebAMask-HQ, README",
        (
            Download(
                "CelebAMask-HQ.zip, by hand from Google Drive",
                "https://drive.google.com/open?id=1badu11NqxGf6qM3PTTooQDJvQbejgbTv",
            ),
        ),
        ("CelebA-HQ-img", "CelebAMask-HQ-mask-anno", "CelebA-HQ-to-CelebA-mapping.txt"),
        dataset="celebamask-hq:{}",
    ),
    PublishedSet(
        "pascal-part",
        "PASCAL-Part (Chen et al. 2014): parts of the objects of PASCAL VOC 2010",
        f"{NONE} with the annotations; the photographs are Flickr's",
        "https://github.com/facebookresearch/VLPart, datasets/README.md, which names both addresses and no licence",
        (Download("part annotations", "http://roozbehm.info/pascal-parts/trainval.tar.gz"), VOC),
        ("Annotations_Part", "JPEGImages"),
        ("Annotations", "ImageSets"),
        dataset="pascal-part-car:{}",
        note="or pascal-part-horse:",
    ),
    PublishedSet(
        "clothing",
        "Clothing Co-Parsing (Yang, Luo, Lin 2014): 1,004 street photographs with masks, 59 labels",
        "Apache-2.0 by its LICENSE; the photographs show people and come from the web",
        "https://github.com/bearpaw/clothing-co-parsing, LICENSE",
        (
            Download(
                "the repository as an archive",
                "https://github.com/bearpaw/clothing-co-parsing/archive/fe34fb77721a9973fbae92c05f7f12b664d10110.zip",
                "138 MB",
                direct=True,
            ),
        ),
        ("photos", "annotations/pixel-level", "annotations/image-level", "label_list.mat"),
        dataset="clothing:{}",
        content="e1d356d365f40c2addeca84d24cbf417715892bd9b6c9c0e98d326c2f84581f8",
    ),
    PublishedSet(
        "bsds",
        "BSDS500 (Arbelaez et al. 2011): 500 photographs with contours",
        "non-commercial research and education",
        "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/segbench, in a translation",
        (
            Download(
                "BSR_bsds500.tgz",
                "http://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/BSR/BSR_bsds500.tgz",
            ),
        ),
        ("BSDS500/data/images", "BSDS500/data/groundTruth"),
        dataset="bsds:{}",
    ),
    PublishedSet(
        "matcher-pascal-part",
        "PASCAL-Part as one-shot episodes (Matcher, Liu et al. 2024)",
        f"{NONE} with the annotations; code BSD-2-Clause for academic use; the photographs are Flickr's",
        f"{MATCHER} and its README",
        (
            Download(
                "pascal.zip, by hand from Google Drive",
                "https://drive.google.com/file/d/1WaM0VM6I9b3u3v3w-QzFLJI8d3NRumTK/view",
            ),
            VOC,
        ),
        ("all_obj_part_to_image.json", "Annotations_Part_json_merged_part_classes", "JPEGImages"),
        dataset="matcher-pascal-part:{}#animals",
        note="with #indoor, #person and #vehicles its other folds",
    ),
    PublishedSet(
        "matcher-paco-part",
        "PACO as one-shot episodes (Matcher, Liu et al. 2024)",
        f"{NONE} with the pickles; PACO's own code is MIT; the photographs are Flickr's",
        f"{MATCHER}; https://github.com/facebookresearch/paco, LICENSE",
        (
            Download(
                "paco.zip, by hand from Google Drive",
                "https://drive.google.com/file/d/1VEXgHlYmPVMTVYd8RkT6-l8GGq0G9vHX/view",
            ),
            *COCO,
        ),
        ("paco/paco_part_train.pkl", "paco/paco_part_val.pkl", "coco/train2017", "coco/val2017"),
        found_as={
            **{f"paco/paco_part_{part}.pkl": f"paco_part_{part}.pkl" for part in ("train", "val")},
            **{f"coco/{part}2017": f"{part}2017" for part in ("train", "val")},
        },
        dataset="matcher-paco-part:{}#fold0",
        note="with #fold1 to #fold3 its other folds",
    ),
    PublishedSet(
        "paco",
        "PACO (Ramanathan et al. 2023): parts of 75 kinds of objects of COCO",
        "code MIT; of the annotations none is stated in its README; the photographs are Flickr's",
        "https://github.com/facebookresearch/paco, LICENSE and README",
        (
            Download(
                "annotations of PACO-LVIS",
                "https://dl.fbaipublicfiles.com/paco/annotations/paco_lvis_v1.zip",
                direct=True,
                sha256="02ac4edb22c251e07853e6231d69aec3fad0a180f03de2f8c880650322debc80",
            ),
            *COCO,
        ),
        note="partbench reads it as the episodes of matcher-paco-part, whose parts its own JSON does not tell",
    ),
    PublishedSet(
        "facesynth",
        "Face Synthetics (Wood et al. 2021): 100,000 rendered faces, 19 classes",
        "Microsoft Research Use of Data Agreement: non-commercial research; may be passed on under the same terms",
        "https://github.com/microsoft/FaceSynthetics, README and LICENSE.txt",
        tuple(
            Download(
                f"{count} images", f"https://facesyntheticspubwedata.blob.core.windows.net/iccv-2021/{file}.zip", size
            )
            for count, file, size in (
                ("100", "dataset_100", "34 MB"),
                ("1,000", "dataset_1000", "320 MB"),
                ("100,000", "dataset_100000", "32 GB"),
            )
        ),
        ("images", "masks"),
        patterns={r"(\d+)\.png": ("images", r"\1.png"), r"(\d+)_seg\.png": ("masks", r"\1.png")},
        writes={"classes.json": json.dumps({"classes": FACESYNTH, "ignore_index": 255})},
        dataset="folder:{}",
    ),
    PublishedSet(
        "fasseg",
        "FASSEG (Khan et al. 2015): 70 frontal faces and 200 in several poses, 6 classes",
        f"{NONE}; to be cited; the faces are of MIT-CBCL, FEI and Pointing04",
        "https://github.com/massimomauro/FASSEG-repository, README",
        (Download("the repository", "https://github.com/massimomauro/FASSEG-repository"),),
        note="its labels are blended colours: folder: reads index masks, which have to be made of them",
    ),
    PublishedSet(
        "carparts",
        "Car Parts (Pasupa et al. 2021): 500 cars, 18 parts",
        f"{NONE}; to be cited",
        "https://github.com/dsmlr/Car-Parts-Segmentation, README",
        (Download("the repository", "https://github.com/dsmlr/Car-Parts-Segmentation"),),
        note="its labels are polygons of COCO: folder: reads index masks, which have to be made of them",
    ),
    PublishedSet(
        "lapa",
        "LaPa (Liu et al. 2020): 22,000 faces in the wild, 11 classes",
        "research, as far as is known; see its page",
        "not read: its page was not to be had",
        (Download("by hand, as its page says", "https://github.com/JDAI-CV/lapa-dataset"),),
        ("train", "val", "test"),
        dataset="lapa:{}",
        note="read by the worked example partbench-lapa: pip install ./examples/lapa",
    ),
)
"""All that is known, in the order in which they are listed."""


def find_published(name: str) -> PublishedSet:
    """The set of a name."""
    sets = {one.name: one for one in PUBLISHED}
    if name not in sets:
        raise DatasetError(f"no published set is called '{name}': {hint(name, sets)}")
    return sets[name]
