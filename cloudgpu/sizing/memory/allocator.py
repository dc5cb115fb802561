"""What torch's caching allocator keeps for a tensor: its size, and the rest of its segment when that is too small.

Source: c10's CUDACachingAllocator. It explains the logs of models whose matrices are no whole number of 2 MiB:
Qwen2.5-7B loads 14.2488 GiB where its parameters take 14.193, Qwen2.5-14B 27.57 where they take 27.519.
"""

MIB = 2**20
LEAST_SPLIT = MIB
"""A rest of up to 1 MiB stays with its tensor; such small tensors have a pool of their own, in steps of 512 bytes."""
SHARED_SEGMENT, OWN_SEGMENT = 20 * MIB, 10 * MIB
"""Tensors below 10 MiB are cut from segments of 20 MiB; from there on each has its own, in steps of 2 MiB."""
OWN_STEP = 2 * MIB


def held_bytes(size: float) -> float:
    """Bytes that the allocator counts for one tensor of `size` bytes."""
    if size <= LEAST_SPLIT:
        return size
    if size < OWN_SEGMENT:
        fitting = SHARED_SEGMENT // size
        return size + _kept(SHARED_SEGMENT - fitting * size) / fitting
    return size + _kept(-size % OWN_STEP)


def _kept(rest: float) -> float:
    return rest if rest <= LEAST_SPLIT else 0.0
