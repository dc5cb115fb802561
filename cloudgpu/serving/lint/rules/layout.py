"""How a model is shared out over GPUs: V25, V26, V39, O03, O08."""

from collections.abc import Iterator

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Edit, Hit, Severity
from cloudgpu.serving.lint.rule import rule
from cloudgpu.sizing.memory.layout import layout_error

_ENOUGH_SHM = 1 << 30
_MOST_GPUS_OF_A_MACHINE = 8
_SEVERAL_HOSTS = (
    "--nnodes", "--headless", "--data-parallel-size-local", "--data-parallel-address", "--data-parallel-backend",
    "--data-parallel-rank",
)  # fmt: skip


@rule("V25", Severity.ERROR, "split that the model does not allow", source="vLLM's config validation")
def impossible_split(case: Case) -> Iterator[Hit]:
    """Heads, KV heads and quantisation groups must divide; experts stay whole with --enable-expert-parallel."""
    why = layout_error(case.model, case.tensor_parallel, case.pipeline_parallel) if case.model else None
    whole_experts = case.args.has("--enable-expert-parallel") and "feed-forward" in (why or "")
    if why and not whole_experts:
        yield Hit(message=why, fix="choose a tensor parallel size that divides the heads",
                  at=case.at("--tensor-parallel-size"))  # fmt: skip


@rule("V26", Severity.ERROR, "more GPUs asked for than given", source="vLLM: World size is larger")
def too_few_gpus(case: Case) -> Iterator[Hit]:
    """TP × PP × DP against the devices of the container or of the host."""
    wanted = case.tensor_parallel * case.pipeline_parallel * (case.args.count("--data-parallel-size") or 1)
    devices = case.service.devices
    listed = len(devices) if devices is not None and "," not in devices[0] else None
    given = listed or case.service.gpu_count or (case.host.count if case.host else None)
    by_ray = case.args.value("--distributed-executor-backend") == "ray"
    several = by_ray or any(case.args.get(flag) for flag in _SEVERAL_HOSTS)
    if given is not None and wanted > given and not several:
        yield Hit(
            message=f"{wanted} GPUs needed (TP {case.tensor_parallel}, PP {case.pipeline_parallel}) and {given} given",
            fix=f"give it {wanted} GPUs, or lower --tensor-parallel-size", at=case.at("--tensor-parallel-size"),
        )  # fmt: skip


@rule(
    "V39", Severity.ERROR, "Ray, which is no longer installed with the engine", versions=">= 0.18", source="vllm wheels"
)
def ray_backend(case: Case) -> Iterator[Hit]:
    """The official image has no Ray since 0.18."""
    if case.args.value("--distributed-executor-backend") == "ray" and case.release >= (0, 18):
        yield Hit(
            message="Ray is no dependency of vLLM any more: --distributed-executor-backend ray finds none",
            fix=_without_ray(case), at=case.at("--distributed-executor-backend"),
            edits=(Edit(flag="--distributed-executor-backend"),) if _is_one_machine(case) else (),
            severity=None if case.is_known else Severity.WARNING,
        )  # fmt: skip


def _is_one_machine(case: Case) -> bool:
    return case.tensor_parallel * case.pipeline_parallel <= _MOST_GPUS_OF_A_MACHINE


def _without_ray(case: Case) -> str:
    if _is_one_machine(case):
        return "drop the flag (mp serves one machine)"
    return "install Ray in an image of your own, or start mp on every machine with --nnodes and --node-rank"


@rule("O03", Severity.WARNING, "several GPUs in a container with little shared memory", source="vLLM documentation")
def little_shared_memory(case: Case) -> Iterator[Hit]:
    """NCCL needs more than Docker's 64 MB."""
    service = case.service
    enough = service.ipc == "host" or (service.shm_bytes or 0) >= _ENOUGH_SHM
    if (
        service.is_container
        and not service.is_rented
        and not enough
        and case.tensor_parallel * case.pipeline_parallel > 1
    ):
        yield Hit(
            message="several GPUs talk through shared memory, and Docker gives a container 64 MB of it",
            fix="add `ipc: host` or `shm_size: 8gb`", at=service.at(""),
        )  # fmt: skip


@rule(
    "O08", Severity.WARNING, "cards without peer-to-peer that may hang", source="aiconfigurator issue 1346; vllm 51513"
)
def no_peer_to_peer(case: Case) -> Iterator[Hit]:
    """4090, L40S and RTX PRO 6000 have no P2P; some hosts hang while the communicator is set up."""
    names = ("RTX 4090", "L40S", "RTX PRO 6000", "RTX 5090")
    told = case.service.environment.get("NCCL_P2P_DISABLE") or case.args.has("--disable-custom-all-reduce")
    if case.host and case.tensor_parallel > 1 and case.host.gpu.name.startswith(names) and not told:
        yield Hit(
            message=f"{case.host.gpu.name}s have no peer-to-peer: some hosts hang at start with tensor parallel",
            fix="if it hangs: NCCL_P2P_DISABLE=1 and --disable-custom-all-reduce", at=case.at("--tensor-parallel-size"),
            severity=Severity.NOTE,
        )  # fmt: skip
