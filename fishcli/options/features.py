"""What `fishcli features` takes, and what all commands that read its stores share."""

from dataclasses import dataclass
from typing import Annotated, Literal

from typer import Option

from fishcli.options.crops import LEAST, MARGIN, CropAlign, CropMargin, CropMin, Crops
from fishcli.options.data import StoreConfig
from fishcli.options.views import ViewNames, ViewSet

Scheduler = Annotated[
    str | None,
    Option(help="Compute on a Dask cluster: tcp://HOST:8786.", show_default="this machine"),
]


@dataclass(frozen=True, kw_only=True)
class FeaturesConfig(StoreConfig):
    """Compute frozen-conv features of every image and view once, and keep them."""

    backbone: Annotated[
        str | None,
        Option(
            help="One of keras.applications, such as vgg16; efficientnet_lite0, 1 or 2; fishnet; sift, hog "
            "or lbp, which nobody trained (--list-backbones names all); the path of an .onnx file; "
            "hub:FOLDER, or hub:PRESET of KerasHub.",
            show_default="efficientnet_lite0 where installed, else mobilenet_v2",
        ),
    ] = None
    weights: Annotated[
        str | None,
        Option(
            help="random, or a file (.h5; .npz of fishnet; .pth of efficientnet_lite0, 1 or 2).",
            show_default="imagenet, or fishnet's own",
        ),
    ] = None
    image_size: Annotated[
        str | None,
        Option(
            help="The backbone's input, HEIGHTxWIDTH.",
            show_default="that of its training, 224x224 mostly; an ONNX file's or a preset's own",
        ),
    ] = None
    resize: Annotated[Literal["squash", "letterbox", "crop"], Option(help="How photos get to that size.")] = (
        "squash"
    )
    layer: Annotated[
        str | None,
        Option(
            help="Cut at its output; stage1 to stage5: the last whose map has 1/2 to 1/32 of the sides, "
            "before the next stage widens it; input keeps the pixels; any tensor of an ONNX file. A,B: a "
            "store of each, from one pass.",
            show_default="the last",
        ),
    ] = None
    list_backbones: Annotated[
        bool,
        Option(
            "--list-backbones",
            help="Compute nothing: list the networks, with their usual input, its maps, and whether their "
            "weights are here.",
        ),
    ] = False
    list_layers: Annotated[
        bool, Option("--list-layers", help="Compute nothing: list the backbone's layers, with their shapes.")
    ] = False
    preprocess: Annotated[
        str | None,
        Option(
            help="How pixels go into an ONNX file: imagenet, inception, caffe, clip, raw, or "
            "mean=..,std=..,scale=.. (1/255).",
            show_default="as a preprocessor_config.json or config.json beside it says",
        ),
    ] = None
    tokens: Annotated[
        Literal["maps", "class", "both"],
        Option(help="Keep a transformer's tokens of places, the class token, or both at each place."),
    ] = "maps"
    crop: Crops = None
    crop_margin: CropMargin = MARGIN
    crop_min: CropMin = LEAST
    crop_align: CropAlign = False
    pool: Annotated[Literal["none", "avg", "max"], Option(help="Keep maps, or pool them.")] = "none"
    views: Annotated[int, Option(help="The first N of the view set, of training and test images.")] = 1
    view_set: ViewSet = "upright"
    view_names: ViewNames = None
    augment: Annotated[
        str,
        Option(
            help="Augmented copies of each training image: a number, RECIPE/RECIPE/... (a copy each), or the "
            "FILE of augment-search."
        ),
    ] = "0"
    splits: Annotated[str | None, Option(help="Only these: train,test_stg1,...", show_default="all")] = None
    batch_size: Annotated[int, Option(help="Images a batch, and a chunk of a new store.", min=1)] = 32
    workers: Annotated[int | None, Option(help="Decoding threads.", min=1, show_default="cores")] = None
    engine: Annotated[
        Literal["auto", "keras", "openvino", "onnxruntime"],
        Option(
            help="What computes: auto is a GPU, else OpenVINO where installed, else Keras, of ONNX files "
            "ONNX Runtime."
        ),
    ] = "auto"
    precision: Annotated[
        Literal["auto", "float32", "float16", "bfloat16", "int8"],
        Option(
            help="What is computed in: auto is float16 on a GPU, where features agree, else float32. int8 is "
            "OpenVINO's, on CPUs."
        ),
    ] = "auto"
    skip_unreadable: Annotated[
        bool, Option("--skip-unreadable", help="Go on without images that can't be read.")
    ] = False
    scheduler: Scheduler = None
    verify: Annotated[
        bool,
        Option(
            "--verify", help="Compute nothing: check all stores, name chunks that are damaged or missing."
        ),
    ] = False
