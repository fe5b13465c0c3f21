"""All claims, and tables, by name."""
from __future__ import annotations

from . import (
    biases,
    colornoise,
    colors,
    columns,
    crops,
    decay,
    deep,
    dropout,
    filters,
    free,
    hiding,
    iterations,
    layers,
    lrn,
    neighbours,
    nin,
    pooling,
    recipes,
    relu,
    settling,
    tables,
    together,
    transfer,
    views,
)
from .claim import Claim, Table

CLAIMS: dict[str, Claim] = {claim.name: claim for claim in (
    *relu.CLAIMS, columns.CLAIM, free.CLAIM, lrn.CLAIM, pooling.CLAIM, crops.CLAIM, colornoise.CLAIM, views.CLAIM,
    dropout.CLAIM, iterations.CLAIM, decay.CLAIM, biases.CLAIM, together.CLAIM, *transfer.CLAIMS, colors.CLAIM,
    *neighbours.CLAIMS, *layers.CLAIMS, *filters.CLAIMS, recipes.CLAIM, *settling.CLAIMS, hiding.CLAIM, deep.CLAIM,
    nin.CLAIM)}
TABLES: dict[str, Table] = {table.name: table for table in tables.TABLES}
