"""Models of the catalogue: a row of it as what sizing needs to know."""

from dataclasses import replace
from functools import cache
from typing import Any

from cloudgpu.sizing.catalog import read_rows
from cloudgpu.sizing.model import ModelSpec
from cloudgpu.sizing.shape import Architecture, LayerGroup, LayerKind, Matrix, ParameterGroups, Split
from cloudgpu.sizing.spellings import quantised_short_name, row_of

MATRIX_FIELDS = ("name", "layers", "first", "last", "inputs", "outputs", "split", "kv_outputs", "experts")


@cache
def all_models() -> tuple[ModelSpec, ...]:
    """Every model of the catalogue, without the quantised checkpoints."""
    return tuple(_spec(row) for row in read_rows("models"))


def known_model(name: str) -> ModelSpec | None:
    """The model or quantised checkpoint of that name in any spelling; None for one that the catalogue lacks."""
    row = row_of(name)
    if row is None:
        return None
    return _quantised(row) if "base" in row else _spec(row)


def _spec(row: dict[str, Any]) -> ModelSpec:
    return ModelSpec(
        model_id=row["id"],
        short_name=row["short_name"],
        aliases=tuple(row["aliases"]),
        dtype=row["dtype"],
        quantization=row["quantization"],
        base_id=None,
        parameters_stored=row["parameters_stored"],
        architecture=_architecture(row["architecture"]),
        source=row["source"],
        weights_source="catalogue, exact parameter count",
    )


def _quantised(row: dict[str, Any]) -> ModelSpec:
    base = known_model(row["base"])
    assert base is not None, "a row of the catalogue rests on another one"
    return replace(
        base,
        model_id=row["id"],
        short_name=row.get("short_name") or quantised_short_name(base.short_name, row["quantization"]),
        aliases=(),
        quantization=row["quantization"],
        group_size=row.get("group_size"),
        kept_modules=tuple(row.get("kept_modules", ())),
        base_id=base.model_id,
        parameters_stored=None,
        source=row["source"],
        weights_source=f"catalogue, exact parameter count, {row['quantization']} file format",
    )


def _architecture(row: dict[str, Any]) -> Architecture:
    return Architecture(
        **{
            **row,
            "parameters": ParameterGroups(**row["parameters"]),
            "layer_groups": tuple(
                LayerGroup(**{**group, "kind": LayerKind(group["kind"])}) for group in row["layer_groups"]
            ),
            "matrices": tuple(_matrix(fields) for fields in row["matrices"]),
        }
    )


def _matrix(fields: list[Any]) -> Matrix:
    """A row of the catalogue lists the fields of a matrix in their order, which keeps the file small."""
    values = dict(zip(MATRIX_FIELDS, fields, strict=True))
    return Matrix(**{**values, "split": Split(values["split"])})
