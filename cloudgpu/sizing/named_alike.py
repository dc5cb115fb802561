"""A repository nobody can ask about, taken for the model its name says: a guess, and told as one."""

import re
from dataclasses import replace

from cloudgpu.base.errors import NotFoundError, UnknownModelError, UnreachableError
from cloudgpu.sizing.model import ModelSpec
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.spellings import row_of
from cloudgpu.sizing.weighed import find_model

_FORMATS = (
    (r"[-_.](nvfp4|fp4)\b", "nvfp4"),
    (r"[-_.]mxfp4\b", "mxfp4"),
    (r"[-_.]fp8[-_.](dynamic|kv)\b", "fp8-channel"),
    (r"[-_.]fp8\b", "fp8-channel"),
    (r"[-_.](gptq[-_.]int8|w8a16)\b", "gptq-int8"),
    (r"[-_.](int8[-_.])?w8a8\b", "int8"),
    (r"[-_.](int4[-_.])?awq([-_.](4bit|int4|sym))?\b", "awq"),
    (r"[-_.](autoround[-_.])?gptq([-_.](int4|4bit))?\b", "gptq"),
    (r"[-_.](w4a16|int4[-_.]autoround|autoround([-_.]int4)?)\b", "gptq"),
    (r"[-_.](unsloth[-_.])?(bnb[-_.]4bit|nf4)\b", "bitsandbytes-double"),
)
"""How publishers end the names of quantised checkpoints. By fp8 others than Qwen mean one scale a channel; published
bitsandbytes files quantise their scales once more (8.63 GiB logged for Phi-4, 8.47 by that, 9.06 without)."""

_SAME_SHAPE = r"[-_.](base|thinking|pt|it|instruct|chat|hf|preview|reasoning|0324|0528|2503|2506|2507)(?=[-_.]|$)"
"""What changes in a name while the shape of the model stays."""


def find_or_alike(name: str, weights_from: str = "auto") -> ModelSpec:
    """As `find_model`; where nobody can be asked about a repository, the model that its name says.

    For estimates, never for what is rented. The Hub's own no stays a no. Raises what `find_model` raises.
    """
    try:
        return find_model(name, weights_from)
    except (UnreachableError, NotFoundError, UnknownModelError) as error:
        said_no = isinstance(error, UnknownModelError) and "/" in name
        alike = None if said_no or weights_from != "auto" else named_alike(name)
        if alike is None:
            raise
        return alike


def named_alike(name: str) -> ModelSpec | None:
    """The model of the catalogue that a repository's name describes, in the format it names; None for none.

    The answer carries a note that it rests on the name alone. Asks nobody.
    """
    owner, _, repository = name.strip().lower().rpartition("/")
    bare, quantization = _without_format(repository)
    if owner == "qwen" and quantization == "fp8-channel":
        quantization = "fp8"
    found = _resolved(bare) or _resolved(re.sub(_SAME_SHAPE, "", bare))
    if found is None or (quantization is not None and found.quantization not in {None, quantization}):
        return None
    told = f"{name} could not be asked for: it is taken for {found.model_id}"
    told += f" in {quantization}, by its name" if quantization else ", by its name"
    return replace(
        found,
        model_id=name.strip(),
        quantization=quantization or found.quantization,
        base_id=found.model_id,
        parameters_stored=None,
        weights_source="the catalogue, by the name alone",
        notes=(*found.notes, told),
    )


def _without_format(name: str) -> tuple[str, str | None]:
    for pattern, quantization in _FORMATS:
        shorter = re.sub(pattern, "", name)
        if shorter != name:
            return shorter, quantization
    return name, None


def _resolved(name: str) -> ModelSpec | None:
    row = row_of(name.removeprefix("meta-"))
    return resolve_model(row["id"]) if row else None
