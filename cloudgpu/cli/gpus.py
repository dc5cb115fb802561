"""`cloudgpu gpus`: the cards, and the memory an engine really sees on them."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("gpus")(gpus)


def gpus(
    wanted: Annotated[str, typer.Argument(metavar="FILTER", help="Part of a name, in any spelling.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the GPUs that are known, with their usable memory, bandwidth and compute capability."""
    # Imported here to keep `--help` fast.
    from cloudgpu.base.errors import UnknownGpuError
    from cloudgpu.cli import render
    from cloudgpu.cli.catalog_view import gpu_fields, gpu_rows
    from cloudgpu.cli.gpu_prices import price_ranges, with_prices
    from cloudgpu.sizing.gpus import all_gpus

    prices = price_ranges()
    key = wanted.lower().replace(" ", "")
    found = [gpu for gpu in all_gpus() if key in gpu.name.lower().replace(" ", "")]
    if as_json:
        return render.out_json(
            {"gpus": [{**gpu_fields(gpu), "usd_per_gpu_hour": prices.as_json(gpu.name)} for gpu in found]}
        )
    if not found:
        raise UnknownGpuError(f"no GPU's name holds {wanted!r}", hint="`cloudgpu gpus` lists all of them")
    columns, rows = with_prices(*gpu_rows(found), [gpu.name for gpu in found], prices)
    render.table(columns, rows)
    render.note(
        f"{len(found)} GPUs. Usable is what torch reports: measured, or (~) nvidia-smi less the driver's share."
    )
    render.note(prices.note())
    return None
