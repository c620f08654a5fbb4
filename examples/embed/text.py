r"""Embed texts with a model of sentence-transformers.

    python text.py all-MiniLM-L6-v2 "hf://datasets/stanfordnlp/sst2/data/train-*.parquet" \
        --text sentence --task sst2

Needs numpy, polars-transferability and sentence-transformers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from parts import arguments, embed_data


def main() -> None:
    """Embed what the command names."""
    parser = arguments(__doc__)
    parser.add_argument("--text", default="text", help="column of texts")
    given = parser.parse_args()
    # It takes seconds, which the help need not.
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(given.model)

    def embed(texts: pl.Series) -> np.ndarray[Any, Any]:
        return np.asarray(model.encode(texts.to_list(), batch_size=given.batch))

    print(embed_data(embed, given.text, given))


if __name__ == "__main__":
    main()
