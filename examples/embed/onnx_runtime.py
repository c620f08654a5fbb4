"""Embed a data set with a model in an ONNX file, by ONNX Runtime.

    python onnx_runtime.py MODEL.onnx DATA.parquet --input pixels --task digits

The column of inputs holds lists or arrays of numbers, in the order in which the model's input has
them; `prepare` is the place for whatever else a model wants, such as a tokenizer. Needs numpy,
onnxruntime and polars-transferability.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import polars as pl
from parts import arguments, embed_data

# What ONNX calls the types that inputs can have.
TYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(int64)": "int64"}


def prepare(inputs: pl.Series, model: onnxruntime.InferenceSession) -> dict[str, Any]:
    """Return what the model gets: the numbers of each row in the shape of its input."""
    (wanted,) = model.get_inputs()
    # Lengths that may differ, such as that of the batch, have names in place of numbers.
    shape = [length if isinstance(length, int) else -1 for length in wanted.shape[1:]]
    numbers = np.array(inputs.to_list(), dtype=TYPES[wanted.type])
    return {wanted.name: numbers.reshape(len(inputs), *shape)}


def pooled(output: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return one vector for each row: the mean over tokens, or over places of an image."""
    places = {2: (), 3: (1,)}.get(output.ndim, tuple(range(2, output.ndim)))
    return np.asarray(output.mean(axis=places))


def main() -> None:
    """Embed what the command names."""
    parser = arguments(__doc__)
    parser.add_argument("--input", required=True, help="column of inputs")
    parser.add_argument("--output", help="output of the model (default: the first)")
    given = parser.parse_args()
    providers = onnxruntime.get_available_providers()
    model = onnxruntime.InferenceSession(given.model, providers=providers)
    output = given.output or model.get_outputs()[0].name

    def embed(inputs: pl.Series) -> np.ndarray[Any, Any]:
        return pooled(model.run([output], prepare(inputs, model))[0])

    print(embed_data(embed, given.input, given))


if __name__ == "__main__":
    main()
