"""Presets of KerasHub, tiny, as save_to_preset writes them."""

from pathlib import Path

import numpy as np

SCALE = {"scale": [0.0171, 0.0175, 0.0174], "offset": [-2.118, -2.036, -1.804]}


def write_dinov2(folder: Path) -> object:
    """One like DINOv2 with two registers, for 28x28 pixels, its position embeddings for 42x42."""
    from fishcli.basics.quiet import load_keras_hub, seeded_keras

    hub = load_keras_hub()
    with seeded_keras(0):
        backbone = hub.models.DINOV2Backbone(
            patch_size=14,
            num_layers=2,
            hidden_dim=8,
            num_heads=2,
            intermediate_dim=16,
            num_register_tokens=2,
            image_shape=(28, 28, 3),
            position_embedding_shape=(42, 42, 3),
            name="small",
        )
    backbone.save_to_preset(str(folder))
    hub.layers.DINOV2ImageConverter(image_size=(28, 28), **SCALE).save_to_preset(str(folder))
    return backbone


def write_siglip(folder: Path) -> object:
    """One like SigLIP, for 32x32 pixels, with its texts' half; returns its images' half."""
    from fishcli.basics.quiet import load_keras_hub, seeded_keras

    hub = load_keras_hub()
    inner = {"hidden_dim": 8, "num_layers": 2, "num_heads": 2, "intermediate_dim": 16}
    with seeded_keras(0):
        vision = hub.models.SigLIPVisionEncoder(patch_size=8, image_shape=(32, 32, 3), name="eye", **inner)
        text = hub.models.SigLIPTextEncoder(
            vocabulary_size=16, embedding_dim=8, max_sequence_length=4, name="text", **inner
        )
        hub.models.SigLIPBackbone(vision, text, name="both").save_to_preset(str(folder))
    converter = hub.layers.SigLIPImageConverter(image_size=(32, 32), scale=1 / 127.5, offset=-1.0)
    converter.save_to_preset(str(folder))
    return vision


def predicted(network: object, images: np.ndarray, scale: object, offset: object) -> np.ndarray:
    """What a network's own `predict` makes of images, 0 to 255, scaled as its converter does."""
    inputs = images.astype(np.float32) * np.float32(scale) + np.float32(offset)
    return np.asarray(network.predict({"images": inputs}, verbose=0))
