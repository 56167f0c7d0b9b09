"""Bad input of many kinds: how each is made in a competition's folder, what reads it, what it is told."""

import io
import json
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from conftest import make_image, noise
from PIL import Image

BOXES_HEADER = "image,x_min,y_min,x_max,y_max\n"
SAMPLE_HEADER = "image,ALB,BET\n"
PHOTO = "train/ALB/a.jpg"
IMAGES = pd.DataFrame({"image": ["ALB/a.jpg", "BET/b.jpg"], "height": [48, 48], "width": [64, 64]})
"""What `start` draws, as the readers of annotations and groups take it."""


@dataclass(frozen=True)
class Bad:
    """One kind: `make` puts it into the folder that `start` made; its reader's message matches `message`."""

    name: str
    make: Callable[[Path], Any]
    message: str


def start(data_dir: Path) -> Path:
    """Two classes of one image each, and a test image."""
    for name in ("train/ALB/a.jpg", "train/BET/b.jpg", "test/t.jpg"):
        make_image(data_dir / name)
    return data_dir


def remove(name: str) -> Callable[[Path], Any]:
    """Remove a folder of the competition."""
    return lambda data_dir: shutil.rmtree(data_dir / name)


def put(name: str, content: bytes | str) -> Callable[[Path], Any]:
    """Write a file below the competition's folder."""

    def make(data_dir: Path) -> None:
        path = data_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return make


def rename(old: str, new: str) -> Callable[[Path], Any]:
    return lambda data_dir: (data_dir / old).rename(os.fsdecode(data_dir / new))


def link(name: str, target: str) -> Callable[[Path], Any]:
    """A symbolic link; `target` is relative to the competition's folder, or absolute."""

    def make(data_dir: Path) -> None:
        (data_dir / name).unlink(missing_ok=True)
        (data_dir / name).symlink_to(data_dir / target)

    return make


def pipe(name: str) -> Callable[[Path], Any]:
    def make(data_dir: Path) -> None:
        (data_dir / name).unlink(missing_ok=True)
        os.mkfifo(data_dir / name)

    return make


# --- images


def png(width: int, height: int, *chunks: bytes, bits: int = 8, kind: int = 2) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def encoded(image_format: str, mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(noise((48, 64))).convert(mode).save(file, image_format, **options)
    return file.getvalue()


def jpeg_of_size(width: int, height: int) -> bytes:
    """A whole JPEG whose header says another size."""
    content = bytearray(encoded("JPEG"))
    place = content.index(b"\xff\xc0")
    content[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def tiff(*tags: tuple[int, int, int, int], order: str = "<") -> bytes:
    """A TIFF file of one directory of (tag, type, count, value) and no pixels."""
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    entries = b"".join(struct.pack(order + "HHII", *tag) for tag in tags)
    return start + struct.pack(order + "H", len(tags)) + entries + bytes(4)


JPEG, PNG, WEBP = encoded("JPEG"), encoded("PNG"), encoded("WEBP")
ROWS = zlib.compress(bytes(48 * (1 + 3 * 64)))

PHOTOS = [
    Bad("empty", put(PHOTO, b""), "the file is empty"),
    Bad("text", put(PHOTO, "no photo"), "no image format is recognised in it"),
    Bad("a web page", put(PHOTO, "<!doctype html><title>404</title>"), "it is a web page"),
    Bad("an SVG", put(PHOTO, "<svg xmlns='http://www.w3.org/2000/svg'/>"), "no image format is recognised"),
    Bad("PostScript", put(PHOTO, "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), "no image format"),
    Bad("a link to a large file elsewhere", put(PHOTO, "version https://git-lfs"), "git lfs pull"),
    Bad("half a JPEG", put(PHOTO, JPEG[: len(JPEG) // 2]), "truncated|broken data"),
    Bad("a JPEG's first bytes", put(PHOTO, JPEG[:20]), "no image format|truncated|broken"),
    Bad("half a PNG", put(PHOTO, PNG[: len(PNG) // 2]), "truncated|broken"),
    Bad("half a WebP", put(PHOTO, WEBP[: len(WEBP) // 2]), "no image format|failed to read|decode"),
    Bad("half a BMP", put(PHOTO, encoded("BMP")[:5000]), "truncated"),
    Bad("half a TIFF", put(PHOTO, encoded("TIFF")[:5000]), "truncated|buffer|no image format|not enough"),
    Bad("a PNG with a flipped bit", put(PHOTO, PNG[:60] + bytes([PNG[60] ^ 4]) + PNG[61:]), "broken|decod"),
    Bad(
        "a PNG without pixels",
        put(PHOTO, png(64, 48, chunk(b"IEND", b""))),
        "truncated|cannot|broken|unknown",
    ),
    Bad("a PNG of no width", put(PHOTO, png(0, 48, chunk(b"IDAT", ROWS))), "header|size|tile|no image|zero"),
    Bad(
        "a PNG of odd depth",
        put(PHOTO, png(64, 48, chunk(b"IDAT", ROWS), bits=5)),
        "mode|header|no image|unknown",
    ),
    Bad(
        "a huge PNG",
        put(PHOTO, png(60_000, 60_000, chunk(b"IDAT", ROWS))),
        "more than 178,956,970 pixels; --max-pixels",
    ),
    Bad(
        "a huge JPEG", put(PHOTO, jpeg_of_size(60_000, 60_000)), "more than 178,956,970 pixels; --max-pixels"
    ),
    Bad(
        "a huge TIFF",
        put(
            PHOTO,
            tiff((256, 4, 1, 60_000), (257, 4, 1, 60_000), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 8)),
        ),
        "more than 178,956,970 pixels; --max-pixels",
    ),
    Bad(
        "a PNG whose text explodes",
        put(
            PHOTO, png(64, 48, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(9 << 20))), chunk(b"IDAT", ROWS))
        ),
        "too large",
    ),
    Bad(
        "a TIFF of tags of wrong types",
        put(PHOTO, tiff((256, 2, 4, 64), (257, 2, 4, 48), (258, 2, 4, 8))),
        ".+",
    ),
    Bad("a link to nothing", link(PHOTO, "nowhere.jpg"), "the file is missing"),
    Bad("a link to itself", link(PHOTO, PHOTO), "missing|symbolic links"),
]
"""Told by `decode`; the images' table gives them a problem, or sizes where their header is whole."""

# --- folders

FOLDERS = [
    Bad(
        "no train folder",
        lambda d: shutil.rmtree(d / "train"),
        "no training images: there is no folder .*train",
    ),
    Bad(
        "a file for train/", lambda d: (shutil.rmtree(d / "train"), put("train", "")(d)), "there is no folder"
    ),
    Bad("an empty class", lambda d: (d / "train/SHARK").mkdir(), "class 'SHARK' is empty"),
    Bad("no class folders", lambda d: _flatten(d), "lie in no class folder and .*train.csv is missing"),
    Bad("a pipe", pipe(PHOTO), r"a\.jpg is a pipe, a socket or a device"),
    Bad("a device", link(PHOTO, "/dev/zero"), r"a\.jpg is a pipe, a socket or a device"),
    Bad("a line end in a name", rename(PHOTO, "train/ALB/a\nb.jpg"), r"'ALB/a\\nb\.jpg' holds a control"),
    Bad("colours in a name", rename(PHOTO, "train/ALB/\x1b[31ma.jpg"), r"'ALB/\\x1b\[31ma\.jpg' holds"),
    Bad("a name that is no UTF-8", rename(PHOTO, "train/ALB/\udcff.jpg"), r"'ALB/\\udcff\.jpg' holds"),
    Bad("a class that is a formula", rename("train/ALB", "train/=cmd()"), r"'=cmd\(\)/a\.jpg' is a formula"),
    Bad("a class with a line end", rename("train/ALB", "train/A\nB"), r"'A\\nB/a\.jpg' holds a control"),
]
"""Told by `load_train`."""


def _flatten(data_dir: Path) -> None:
    for path in sorted((data_dir / "train").glob("*/*.jpg")):
        path.rename(data_dir / "train" / path.name)
        path.parent.rmdir()


TEST_FOLDERS = [
    Bad("no test folder", remove("test"), "no test images: expected a folder"),
    Bad("an empty test folder", lambda d: (d / "test_stg2").mkdir(), "test_stg2 holds no image"),
    Bad("a formula in test/", rename("test/t.jpg", "test/=cmd|' C'!A0.jpg"), "is a formula to a spreadsheet"),
    Bad("a pipe in test/", pipe("test/t.jpg"), r"t\.jpg is a pipe, a socket or a device"),
]
"""Told by `load_tests`."""

# --- CSVs

TRAIN_CSV = [
    Bad("an empty train.csv", put("train.csv", ""), r"train\.csv, line 1: the file is empty"),
    Bad("a header only", put("train.csv", "image,label\n"), "no line after its header"),
    Bad("no label column", put("train.csv", "image,x,z\na,b,c\n"), "which column .* is the label.* x, z"),
    Bad("semicolons", put("train.csv", "image;x;z\na;b;c\n"), "which column .* is the label.* x, z"),
    Bad("an unknown image", put("train.csv", "image,label\nz.jpg,ALB\n"), r"names 1 images that .* z\.jpg"),
    Bad(
        "a path out", put("train.csv", "image,label\n../../etc/passwd,ALB\n"), r"lacks: \.\./\.\./etc/passwd"
    ),
    Bad("no label", put("train.csv", "image,label\na.jpg,\n"), "line 2: the label is empty"),
    Bad("an image twice", put("train.csv", "image,label\na,ALB\na.jpg,BET\n"), "line 3: .* a second time"),
    Bad("no group", put("train.csv", "image,label,group\na,ALB,\n"), "line 2: the group is empty"),
    Bad("UTF-16", put("train.csv", "image,label\na,ALB\n".encode("utf-16")), "is not UTF-8 text"),
    Bad("a photo", put("train.csv", JPEG), "is not UTF-8 text|malformed CSV"),
    Bad("an open quote", put("train.csv", 'image,label\n"a,ALB\n'), "malformed CSV"),
    Bad("too many cells", put("train.csv", "image,label\na,b\nc,d,e\n"), "malformed CSV .*line 3"),
    Bad("a folder", lambda d: (d / "train.csv").mkdir(), r"train\.csv is a folder"),
    Bad(
        "a label that is a formula",
        put("train.csv", "image,label\na.jpg,=cmd()\n"),
        r"'=cmd\(\)' is a formula",
    ),
    Bad("a label of two lines", put("train.csv", 'image,label\na.jpg,"A\nB"\n'), r"'A\\nB' holds a control"),
    Bad("a zero byte", put("train.csv", "image,label\na.jpg,A\0B\n"), r"train\.csv"),
    Bad("a group in colours", put("train.csv", "image,label,group\na.jpg,A,\x1b[2J\n"), "holds a control"),
]
"""Told by `load_train`."""

GROUPS_CSV = [
    Bad(
        "an image without a group",
        put("groups.csv", "image,group\na.jpg,1\n"),
        r"no group for 1 .*BET/b\.jpg",
    ),
    Bad("an image twice", put("groups.csv", "image,group\na,1\nb,1\na.jpg,2\n"), "line 4: .* a second time"),
    Bad("no such column", put("groups.csv", "image,boat\na,1\n"), "no column 'group'"),
    Bad("an empty file", put("groups.csv", ""), "the file is empty"),
    Bad("a formula", put("groups.csv", "image,group\na,=1+cmd()\nb,2\n"), "is a formula to a spreadsheet"),
    Bad("a line end", put("groups.csv", 'image,group\na,"1\r2"\nb,2\n'), "holds a control character"),
]
"""Told by `read_groups`."""

SAMPLES = [
    Bad(
        "other classes", put("sample_submission.csv", "image,ALB,YFT\nt.jpg,1,0\n"), "missing BET, extra YFT"
    ),
    Bad("no column of images", put("sample_submission.csv", "ALB,BET\n1,0\n"), "no test folder holds .*: 1"),
    Bad("a header only", put("sample_submission.csv", SAMPLE_HEADER), "no line after its header"),
    Bad(
        "an unknown image",
        put("sample_submission.csv", SAMPLE_HEADER + "u.jpg,1,0\n"),
        r"no test folder .*u\.jpg",
    ),
    Bad(
        "an image twice",
        put("sample_submission.csv", SAMPLE_HEADER + "t.jpg,1,0\nt,1,0\n"),
        "line 3: 't' stands",
    ),
    Bad(
        "a formula that ends in an image",
        put("sample_submission.csv", SAMPLE_HEADER + '"=HYPERLINK(""x"")/t.jpg",1,0\n'),
        "is a formula to a spreadsheet",
    ),
    Bad(
        "a line end within an image",
        put("sample_submission.csv", SAMPLE_HEADER + '"test\n/t.jpg",1,0\n'),
        "holds a con",
    ),
]
"""Told by `load_samples`."""

# --- annotations


def sloth(**annotation: Any) -> str:
    return json.dumps([{"filename": "a.jpg", "annotations": [annotation]}])


def megadetector(**detection: Any) -> str:
    photo = {"file": "a.jpg", "detections": [{"category": "1", **detection}]}
    return json.dumps({"detection_categories": {"1": "animal"}, "images": [photo]})


VIA_WITHOUT_Y = '{"a": {"filename": "a.jpg", "regions": [{"shape_attributes": {"name": "rect", "x": 1}}]}}'
LAUGHS = '<!DOCTYPE a [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {new} "{10 * f"&{old};"}">' for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)
OUTSIDE = (
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><filename>&x;</filename></annotation>'
)

ANNOTATION_JSON: dict[str, Any] = {
    "Sloth": [
        {"filename": "a.jpg", "annotations": [{"class": "x", "x": 1, "y": 2, "width": 3, "height": 4}]}
    ],
    "COCO": {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
        "categories": [{"id": 2, "name": "x"}],
        "annotations": [{"image_id": 1, "category_id": 2, "iscrowd": 0, "bbox": [1, 2, 3, 4]}],
    },
    "Sloth's points": [
        {
            "filename": "a.jpg",
            "annotations": [{"class": "point", "x": 1, "y": 2}, {"class": "point", "x": 9, "y": 8}],
        }
    ],
    "COCO's keypoints": {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
        "categories": [{"id": 2, "name": "x", "keypoints": ["head", "tail"]}],
        "annotations": [{"image_id": 1, "category_id": 2, "keypoints": [1, 2, 2, 9, 8, 1]}],
    },
    "MegaDetector": {
        "detection_categories": {"1": "animal"},
        "images": [
            {
                "file": "a.jpg",
                "detections": [
                    {
                        "category": "1",
                        "conf": 0.9,
                        "bbox": [0.1, 0.2, 0.3, 0.4],
                        "keypoints": [[0.1, 0.2, 0.9], [0.3, 0.4, 0.9]],
                    }
                ],
            },
            {"file": "b.jpg", "failure": "x", "detections": None},
        ],
    },
    "LabelMe": {
        "imagePath": "a.jpg",
        "imageWidth": 64,
        "imageHeight": 48,
        "shapes": [
            {"label": "x", "shape_type": "rectangle", "points": [[1, 2], [3, 4]]},
            {"label": "x", "shape_type": "circle", "points": [[1, 2], [3, 4]]},
        ],
    },
    "VIA": {
        "a": {
            "filename": "a.jpg",
            "regions": [
                {
                    "shape_attributes": {"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4},
                    "region_attributes": {"class": "x"},
                },
                {"shape_attributes": {"name": "ellipse", "cx": 9, "cy": 9, "rx": 3, "ry": 4, "theta": 1.0}},
                {
                    "shape_attributes": {
                        "name": "polygon",
                        "all_points_x": [1, 2, 3],
                        "all_points_y": [1, 2, 4],
                    }
                },
            ],
        }
    },
    "Label Studio": [
        {
            "data": {"image": "/data/upload/01234567-a.jpg"},
            "annotations": [
                {
                    "was_cancelled": False,
                    "result": [
                        {
                            "id": "r",
                            "type": "rectanglelabels",
                            "original_width": 64,
                            "original_height": 48,
                            "value": {
                                "x": 1,
                                "y": 2,
                                "width": 3,
                                "height": 4,
                                "rotation": 5,
                                "rectanglelabels": ["x"],
                            },
                        }
                    ],
                }
            ],
        }
    ],
}
"""A whole file of each form; VIA's project and Label Studio's flat export differ by their outside."""
ANNOTATION_TEXT = {
    "a.xml": "<annotation><filename>a.jpg</filename><size><width>64</width><height>48</height></size><object>"
    "<name>x</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object>"
    "</annotation>",
    "cvat.xml": '<annotations><image name="a.jpg" width="64" height="48"><box label="x" xtl="1" ytl="2" '
    'xbr="3" ybr="4" rotation="5"/><polygon label="x" points="1,2;3,4;5,6"/>'
    '<ellipse cx="9" cy="9" rx="3" ry="4"/><mask left="1" top="2" width="3" height="4"/>'
    "</image></annotations>",
    "a.txt": "0 0.5 0.5 0.1 0.1\n1 0.1 0.1 0.2 0.1 0.2 0.2\n",
}

ANNOTATIONS = [
    Bad("a file for the folder", put("boxes", ""), "boxes is a file; expected a folder"),
    Bad("half a JSON", put("boxes/a.json", '[{"filename":\n'), r"a\.json, line 2: malformed JSON"),
    Bad("JSON of no kind", put("boxes/a.json", "{}"), "neither Sloth .* nor COCO"),
    Bad("a deep JSON", put("boxes/a.json", "[" * 99_999), "malformed JSON"),
    Bad("a long number", put("boxes/a.json", "9" * 9999), "malformed JSON"),
    Bad("a text for a number", put("boxes/a.json", sloth(x="1", y=1, width=1, height=1)), "'x' is '1'"),
    Bad(
        "NaN",
        put("boxes/a.json", sloth(x=float("nan"), y=1, width=1, height=1)),
        "'x' is nan; expected a fin",
    ),
    Bad("a side is missing", put("boxes/a.json", sloth(x=1, y=1, width=1)), "annotation 1: no 'height'"),
    Bad(
        "COCO without an image",
        put("boxes/a.json", '{"images": [], "annotations": [{"image_id": 1}]}'),
        "is no id",
    ),
    Bad("JSON in Latin-1", put("boxes/a.json", '["é"]'.encode("latin-1")), "is not UTF-8 text"),
    Bad("half an XML", put("boxes/a.xml", "<annotation>\n<object>"), r"a\.xml, line 2: malformed XML"),
    Bad("XML of no kind", put("boxes/a.xml", "<html/>"), "the root is <html>; expected Pascal VOC"),
    Bad(
        "an unknown encoding",
        put("boxes/a.xml", '<?xml version="1.0" encoding="x"?><a/>'),
        "unknown encoding",
    ),
    Bad("a billion laughs", put("boxes/a.xml", LAUGHS + "]><annotation>&j;</annotation>"), "has a DOCTYPE"),
    Bad("a file of the disk in XML", put("boxes/a.xml", OUTSIDE), "has a DOCTYPE"),
    Bad("the same in UTF-16", put("boxes/a.xml", OUTSIDE.encode("utf-16")), "has a DOCTYPE"),
    Bad(
        "the same in EBCDIC",
        put("boxes/a.xml", b'<?xml version="1.0" encoding="cp037"?>' + OUTSIDE.encode("cp037")),
        r"a\.xml, line 1",
    ),
    Bad(
        "an entity never told",
        put("boxes/a.xml", "<annotation>&x;</annotation>"),
        "malformed XML .undefined entity",
    ),
    Bad("YOLO in pixels", put("boxes/a.txt", "0 30 20 8 8"), r"a\.txt, line 1: 34 where a fraction"),
    Bad("half a line of YOLO", put("boxes/a.txt", "0 0.5 0.5"), r"a\.txt, line 1: 3 values"),
    Bad("a point of one number", put("boxes/a.json", sloth(**{"class": "point", "x": 1})), "no 'y'"),
    Bad(
        "MegaDetector without a file",
        put("boxes/a.json", '{"detection_categories": {}, "images": [{}]}'),
        "images entry 1: no 'file'",
    ),
    Bad(
        "MegaDetector in pixels",
        put("boxes/a.json", megadetector(conf=0.9, bbox=[10, 10, 20, 20])),
        "30 where a fraction",
    ),
    Bad(
        "MegaDetector in percent",
        put("boxes/a.json", megadetector(conf=90, bbox=[0, 0, 1, 1])),
        "'conf' is 90",
    ),
    Bad("half a MegaDetector box", put("boxes/a.json", megadetector(conf=0.9, bbox=[0, 0])), "'bbox' has 2"),
    Bad("LabelMe of no points", put("boxes/a.json", '{"shapes": [{"label": "x"}]}'), "shape 1: no 'points'"),
    Bad("VIA without a number", put("boxes/a.json", VIA_WITHOUT_Y), "region 1: no 'y'"),
    Bad("Label Studio without data", put("boxes/a.json", '[{"data": {}, "annotations": []}]'), "no 'image'"),
    Bad(
        "CVAT without a name", put("boxes/a.xml", "<annotations><image/></annotations>"), "image 1: no 'name'"
    ),
    Bad(
        "fractions with a number of pixels",
        put("boxes/a.csv", BOXES_HEADER + "a.jpg,0.1,0.1,0.5,0.5\nb.jpg,0.1,0.1,1.6,0.5\n"),
        "row 2 .*: 1.6 where a fraction",
    ),
    Bad("a CSV without columns", put("boxes/a.csv", "image,x\na,1\n"), "no column 'x_min'"),
    Bad(
        "a CSV with a text",
        put("boxes/a.csv", BOXES_HEADER + "a.jpg,0,0,one,1\n"),
        "row 1 .*'x_max' is 'one'",
    ),
    Bad("a CSV without a name", put("boxes/a.csv", BOXES_HEADER + ",0,0,1,1\n"), "no name in 'image'"),
]
"""Told by `read_boxes`."""

# --- weights of fishnet


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def npy_header(text: str) -> bytes:
    padded = text.ljust(117) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(padded)) + padded.encode("latin-1")


class Touches:
    """Unpickled, it makes a file: who reads pickles has run code."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


SPAN = "{'descr': '<f2', 'fortran_order': False, 'shape': (%s,), }"
WEIGHTS = [
    Bad("empty", put("w.npz", b""), "can't be read as an .npz file"),
    Bad("text", put("w.npz", "no weights"), "can't be read as an .npz file"),
    Bad("half a zip", put("w.npz", npz(a=np.zeros(99))[:300]), "can't be read as an .npz file"),
    Bad("another network's", put("w.npz", npz(a=np.zeros(3))), "don't fit fishnet"),
    Bad("texts", put("w.npz", npz(a=np.array(["x"]))), "can't be read as an .npz file"),
    Bad("objects", put("w.npz", npz(a=np.array([{}], object))), "pickle"),
    Bad("no array inside", put("w.npz", zipped(a=b"text")), "can't be read as an .npz file"),
    Bad(
        "more than memory", put("w.npz", zipped(a=npy_header(SPAN % 10**15))), "can't be read as an .npz file"
    ),
    Bad(
        "a negative span",
        put("w.npz", zipped(a=npy_header(SPAN % -5))),
        "can't be read as an .npz file|don't fit",
    ),
    Bad(
        "a header that is code",
        put("w.npz", zipped(a=npy_header("__import__('os').abort()"))),
        "can't be read",
    ),
    Bad(
        "a zip that explodes",
        put("w.npz", zipped(a=bytes(99 << 20))),
        "unpacks to more than fishnet's weights",
    ),
    Bad("a folder", lambda d: (d / "w.npz").mkdir(), "can't be read: Is a directory"),
]
"""Told by `fishnet.load_weights`."""
