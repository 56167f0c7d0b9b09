"""Coverage-guided fuzzing of the readers with atheris: python benchmarks/fuzz.py [RUNS] [READER ...].

Each reader gets RUNS files (100,000 unless told) in a process of its own. What it raises besides its own
errors ends the run; libFuzzer then keeps the file as crash-<sha1> in the working folder, to become a case in
tests/shared/corpus.py. Needs the extra: pip install fishcli[fuzz].
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["fishcli", "PIL", "xml"]):
    import pandas as pd

    from fishcli.basics.errors import FishError
    from fishcli.basics.files import read_json
    from fishcli.basics.progress import set_quiet
    from fishcli.dataset.annotations import read_boxes, read_points
    from fishcli.dataset.detections import read_detections
    from fishcli.dataset.groups import read_groups
    from fishcli.dataset.layout.listing import Listing
    from fishcli.dataset.layout.own_table import read_own
    from fishcli.dataset.layout.samples import load_samples
    from fishcli.dataset.photos.file_facts import FACT_NAMES as FACTS
    from fishcli.dataset.photos.file_facts import read_facts
    from fishcli.dataset.photos.photo import read_header
    from fishcli.features.photos.decode import UnreadableImageError, decode
    from fishcli.features.store.lists import read_images, read_unreadable
    from fishcli.features.store.recipe import Recipe
    from fishcli.options.layout import LayoutOptions
    from fishcli.runs.run import Run

IMAGES = pd.DataFrame({"image": ["ALB/a.jpg", "BET/b.jpg"], "height": [48, 48], "width": [64, 64]})
TESTS = {"test": IMAGES[["image"]]}
PHOTOS = Listing({image: Path(image) for image in IMAGES["image"]}, [])


def read_image(path: Path) -> None:
    read_header(path)
    read_facts(path, FACTS)
    decode(path)


READERS: dict[str, tuple[str, bytes, Callable[[Path], object]]] = {
    "sloth": (
        "a.json",
        b'[{"filename":"a.jpg","annotations":[{"x":1,"y":2,"width":3,"height":4}]}]',
        lambda path: read_boxes(path.parent, IMAGES),
    ),
    "coco": (
        "a.json",
        b'{"images":[{"id":1,"file_name":"a"}],"annotations":[{"image_id":1,"bbox":[0,0,9,9]}]}',
        lambda path: read_boxes(path.parent, IMAGES),
    ),
    "points": (
        "a.json",
        b'[{"filename":"a.jpg","annotations":[{"class":"point","x":1,"y":2},{"class":"point","x":9,"y":8}]}]',
        lambda path: read_points(path.parent, IMAGES),
    ),
    "megadetector": (
        "a.json",
        b'{"detection_categories":{"1":"animal"},"images":[{"file":"a.jpg","detections":[{"category":"1",'
        b'"conf":0.9,"bbox":[0.1,0.2,0.3,0.4],"keypoints":[[0.1,0.2,0.9],null]}]}]}',
        lambda path: read_detections(path, IMAGES.assign(split="train")),
    ),
    "voc": (
        "a.xml",
        b"<annotation><object><bndbox><xmin>1</xmin></bndbox></object></annotation>",
        lambda path: read_boxes(path.parent, IMAGES),
    ),
    "boxes": (
        "a.csv",
        b"image,x_min,y_min,x_max,y_max\na.jpg,0,0,1,1\n",
        lambda path: read_boxes(path.parent, IMAGES),
    ),
    "labelme": (
        "a.json",
        b'{"shapes":[{"shape_type":"rectangle","points":[[1,2],[3,4]]}],"imagePath":"a.jpg"}',
        lambda path: read_boxes(path.parent, IMAGES),
    ),
    "via": (
        "a.json",
        b'{"a":{"filename":"a.jpg","regions":[{"shape_attributes":{"name":"circle","cx":9,"cy":9,"r":5}}]}}',
        lambda path: read_boxes(path.parent, IMAGES),
    ),
    "label_studio": (
        "a.json",
        b'[{"data":{"image":"a.jpg"},"annotations":[{"result":[{"type":"rectanglelabels","original_width":64,'
        b'"original_height":48,"value":{"x":1,"y":2,"width":3,"height":4,"rotation":9}}]}]}]',
        lambda path: read_boxes(path.parent, IMAGES),
    ),
    "cvat": (
        "a.xml",
        b'<annotations><image name="a.jpg"><box xtl="1" ytl="2" xbr="3" ybr="4" rotation="5"/></image>'
        b"</annotations>",
        lambda path: read_boxes(path.parent, IMAGES),
    ),
    "yolo": (
        "a.txt",
        b"0 0.5 0.5 0.1 0.1\n1 0.1 0.1 0.2 0.1 0.2 0.2\n",
        lambda path: read_boxes(path.parent, IMAGES),
    ),
    "groups": ("g.csv", b"image,group\na.jpg,1\nb.jpg,2\n", lambda path: read_groups(path, IMAGES)),
    "train": (
        "train.csv",
        b"image,label,group\na.jpg,ALB,1\n",
        lambda path: read_own(path, path.parent, PHOTOS),
    ),
    "sample": (
        "sample_submission.csv",
        b"image,ALB,BET\na.jpg,0,1\n",
        lambda path: load_samples(path.parent, TESTS, ["ALB", "BET"], LayoutOptions()),
    ),
    "recipe": (
        "recipe.json",
        b'{"backbone":"fishnet","image_size":[64,64]}',
        lambda path: Recipe.from_json(read_json(path), str(path)),
    ),
    "config": (
        "config.json",
        b'{"fishcli":"0","run_dir":"r","settings":{}}',
        lambda path: Run.open(path.parent),
    ),
    "images": ("images.csv", b"image,n_bytes,content\na.jpg,9,0f\nb.jpg,8,0e\n", read_images),
    "unreadable": ("unreadable.json", b'{"skipped":false,"reasons":{"a.jpg":"x"}}', read_unreadable),
    "image": ("a.jpg", b"\x89PNG\r\n\x1a\n", read_image),
}


def fuzz(reader: str, runs: int) -> None:
    """Never returns: libFuzzer ends the process."""
    name, seed, read = READERS[reader]
    set_quiet(True)
    folder = Path(tempfile.mkdtemp())
    (folder / "corpus").mkdir()
    (folder / "corpus" / "seed").write_bytes(seed)
    (folder / "data").mkdir()
    path = folder / "data" / name

    def one(content: bytes) -> None:
        path.write_bytes(content)
        with suppress(FishError, UnreadableImageError):
            read(path)

    atheris.Setup(
        [sys.argv[0], f"-runs={runs}", "-max_len=1024", "-verbosity=0", str(folder / "corpus")], one
    )
    atheris.Fuzz()


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] == ["--one"]:
        fuzz(arguments[1], int(arguments[2]))
    runs = arguments[0] if arguments else "100000"
    for reader in arguments[1:] or READERS:
        done = subprocess.run([sys.executable, __file__, "--one", reader, runs], check=False)
        print(
            f"{reader}: {runs} runs, {'clean' if done.returncode == 0 else f'exit {done.returncode}'}",
            flush=True,
        )


if __name__ == "__main__":
    main()
