r"""Embed images with a model of timm, or with the image encoder of a model of open_clip.

    python images.py resnet18.a1_in1k "hf://datasets/uoft-cs/cifar10/plain_text/test-*.parquet" \
        --image img --task cifar10
    python images.py open_clip:ViT-B-32/laion2b_s34b_b79k cats.parquet --task cats

The column of images holds the bytes of image files, as Hugging Face datasets writes them. Needs
numpy, pillow, polars-transferability, torch, and timm or open_clip_torch.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from parts import arguments, embed_data

if TYPE_CHECKING:
    from PIL.Image import Image

OPEN_CLIP = "open_clip:"


def opened(images: pl.Series) -> list[Image]:
    """Return the images of a column of bytes, or of structs that have bytes."""
    from PIL import Image

    if isinstance(images.dtype, pl.Struct):
        images = images.struct.field("bytes")
    return [Image.open(BytesIO(content)).convert("RGB") for content in images]


def encoder(name: str) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Return what prepares an image for a model, and what embeds a batch of those."""
    if name.startswith(OPEN_CLIP):
        import open_clip

        architecture, _, weights = name.removeprefix(OPEN_CLIP).partition("/")
        clip, _, prepare = open_clip.create_model_and_transforms(architecture, pretrained=weights)
        return prepare, clip.eval().encode_image
    import timm

    model = timm.create_model(name, pretrained=True, num_classes=0).eval()
    config = timm.data.resolve_model_data_config(model)
    return timm.data.create_transform(**config, is_training=False), model


def main() -> None:
    """Embed what the command names."""
    parser = arguments(__doc__)
    parser.add_argument("--image", default="image", help="column of images")
    given = parser.parse_args()
    # It takes seconds, which the help need not.
    import torch

    prepare, model = encoder(given.model)

    def embed(images: pl.Series) -> np.ndarray[Any, Any]:
        batch = torch.stack([prepare(image) for image in opened(images)])
        with torch.inference_mode():
            return np.asarray(model(batch).numpy())

    print(embed_data(embed, given.image, given))


if __name__ == "__main__":
    main()
