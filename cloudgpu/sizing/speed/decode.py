"""Loads and constants into seconds: one decode step, one prompt, the time per output token."""

from math import hypot

from cloudgpu.sizing.speed.constants import SpeedConstants
from cloudgpu.sizing.speed.loads import Loads


def step_s(loads: Loads, constants: SpeedConstants, *, eager: bool = False, switched: bool = True) -> float:
    """Seconds of one decode step: part after part; only reading weights and multiplying overlap, by half or so.

    Two that take as long as each other take 1.4 times one of them (128 sequences of Qwen2.5-14B on H100).
    """
    return (
        hypot(weights_s(loads, constants), loads.compute_s / constants.compute_share)
        + loads.cache_s / constants.cache_share
        + loads.tile_row_s * constants.tile_rows
        + loads.link_s / constants.link_share
        + fixed_s(loads, constants, eager=eager, switched=switched)
        + loads.sequences * constants.sequence_s
    )


def weights_s(loads: Loads, constants: SpeedConstants) -> float:
    """Seconds of reading the weights once; those that Marlin unpacks take as long as unpacking where that is slower."""
    unpacking = loads.unpacked_weights / constants.unpacked_per_s
    return loads.stream_s / constants.stream_share + max(loads.unpacked_s / constants.stream_share, unpacking)


def fixed_s(loads: Loads, constants: SpeedConstants, *, eager: bool = False, switched: bool = True) -> float:
    """Seconds of a step that no amount of work changes."""
    kernel = constants.eager_kernel_s if eager else constants.kernel_s
    all_reduce = constants.all_reduce_s if switched else constants.pcie_all_reduce_s
    return constants.step_s + loads.kernels * kernel + loads.all_reduces * all_reduce


def prompt_s(loads: Loads, constants: SpeedConstants) -> float:
    """Seconds of multiplying one prompt, beside whatever else is in the step."""
    return loads.prompt_compute_s / constants.compute_share + loads.prompt_link_s / constants.link_share


def tpot_s(loads: Loads, constants: SpeedConstants, *, eager: bool = False, switched: bool = True) -> float:
    """Seconds between two tokens of a request: a step, and its share of the others' prompts."""
    step = step_s(loads, constants, eager=eager, switched=switched)
    return step + constants.prompt_share * loads.others * prompt_s(loads, constants)
